/**
 * The few file system verbs that the protocol is made of, as one object that is passed in: a test passes one in which
 * the Nth call fails. Each verb is one system call; nothing here retries, except a short write, which is continued.
 */
import fse from 'fs-extra';
import { constants, writeSync, type BigIntStats, type Dirent } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { isErrno, isStorageError } from '../core/errors.ts';

export type { BigIntStats } from 'node:fs';

export interface Files {
  open(path: string, flags: number, mode?: number): Promise<number>;
  close(fd: number): Promise<void>;
  /** Bytes read into `buffer` from `position`; 0 at the end. */
  read(fd: number, buffer: Buffer, position: number): Promise<number>;
  write(fd: number, bytes: Buffer, position: number): Promise<void>;
  /** Appends without leaving the thread, so that log lines keep their order and need no queue. */
  appendSync(fd: number, bytes: Buffer): void;
  fsync(fd: number): Promise<void>;
  fstat(fd: number): Promise<BigIntStats>;
  lstat(path: string): Promise<BigIntStats>;
  /** The path without symbolic links; like every look it needs no right of ours. */
  realpath(path: string): Promise<string>;
  link(existing: string, path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  mkdir(path: string): Promise<void>;
  /** Reads in portions, and gives way between them: a directory may have hundreds of thousands of entries. */
  readdir(path: string): Promise<Entries>;
}

/** What an entry is, as its directory says. */
type EntryKind = 'file' | 'directory' | 'other';

/** A directory, read once. */
export interface Entries {
  /** A character for each byte: a name need not be UTF-8. */
  readonly names: readonly string[];
  /** Of those that are no regular files. */
  readonly odd: ReadonlyMap<string, EntryKind>;
}

type Typed = Pick<Dirent, 'isFile' | 'isDirectory'>;
const kindOf = (entry: Typed): EntryKind =>
  entry.isFile() ? 'file' : entry.isDirectory() ? 'directory' : 'other';

/** For whoever reads a directory in another way. */
export function entriesOf(dirents: Iterable<Typed & { readonly name: string }>): Entries {
  const names: string[] = [];
  const odd = new Map<string, EntryKind>();
  for (const dirent of dirents) {
    names.push(dirent.name);
    if (!dirent.isFile()) odd.set(dirent.name, kindOf(dirent));
  }
  return { names, odd };
}

/** Entries that Node reads at once; what it has read it hands out one by one, without another system call. */
const PORTION = 1_024;

async function readEntries(path: string): Promise<Entries> {
  const names: string[] = [];
  const odd = new Map<string, EntryKind>();
  const directory = await fse.opendir(path, { encoding: 'latin1' as BufferEncoding, bufferSize: PORTION });
  try {
    for (let entry = await directory.read(); entry; entry = await directory.read()) {
      for (let taken = 1; entry; taken++) {
        names.push(entry.name);
        if (!entry.isFile()) odd.set(entry.name, kindOf(entry));
        if (taken === PORTION) break;
        entry = directory.readSync();
      }
    }
  } finally {
    await directory.close();
  }
  return { names, odd };
}

async function readNamesThenKinds(path: string): Promise<Entries> {
  const names: string[] = [];
  const odd = new Map<string, EntryKind>();
  for (const name of await fse.readdir(path, 'latin1')) {
    try {
      const stat = await fse.lstat(
        Buffer.from(`${Buffer.from(path, 'utf8').toString('latin1')}/${name}`, 'latin1'),
      );
      if (!stat.isFile()) odd.set(name, kindOf(stat));
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
      continue; // it is gone again
    }
    names.push(name);
  }
  return { names, odd };
}

export const realFiles: Files = {
  open: (path, flags, mode = 0o600) => fse.open(path, flags, mode),
  close: (fd) => fse.close(fd),
  read: async (fd, buffer, position) => (await fse.read(fd, buffer, 0, buffer.length, position)).bytesRead,
  write: async (fd, bytes, position) => {
    for (let done = 0; done < bytes.length;) {
      done += (await fse.write(fd, bytes, done, bytes.length - done, position + done)).bytesWritten;
    }
  },
  appendSync: (fd, bytes) => {
    for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
  },
  fsync: (fd) => fse.fsync(fd),
  fstat: (fd) => fse.fstat(fd, { bigint: true }),
  lstat: (path) => fse.lstat(path, { bigint: true }),
  realpath: (path) => realpath(path),
  link: (existing, path) => fse.link(existing, path),
  rename: (from, to) => fse.rename(from, to),
  unlink: (path) => fse.unlink(path),
  mkdir: (path) => fse.mkdir(path, { recursive: false, mode: 0o700 }),
  readdir: async (path) => {
    try {
      return await readEntries(path);
    } catch (error) {
      // Out of descriptors, which fs-extra's own readdir waits for; or a file system that does not tell what entries are.
      if (isErrno(error, 'EMFILE', 'ENFILE') || (error as NodeJS.ErrnoException).syscall === 'lstat')
        return readNamesThenKinds(path);
      throw error;
    }
  },
};

/** Exclusive create, for reading and writing; never through a symbolic link. */
export const CREATE = constants.O_CREAT | constants.O_EXCL | constants.O_RDWR | constants.O_NOFOLLOW;
export const CREATE_APPEND =
  constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW;
/** To look at what it is, through the same descriptor, before anything is written into it. */
export const AMEND = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK;
export const AMEND_END = AMEND | constants.O_APPEND;
/** For files that somebody else may have put there: a symbolic link fails with ELOOP, a FIFO does not block. */
export const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** The entry's status, without following a symbolic link; `undefined` when there is none. */
export async function lookAt(files: Files, path: string): Promise<BigIntStats | undefined> {
  try {
    return await files.lstat(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** Whether the name was there to remove. A directory is no file of ours, whatever its name: it stays. */
export async function removeIfThere(files: Files, path: string): Promise<boolean> {
  try {
    await files.unlink(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EISDIR')) return false;
    // What POSIX, and macOS, say of a directory.
    if (isErrno(error, 'EPERM') && (await lookAt(files, path))?.isDirectory()) return false;
    throw error;
  }
}

/** Whether the name was there to rename. */
export async function renameIfThere(files: Files, from: string, to: string): Promise<boolean> {
  try {
    await files.rename(from, to);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

export async function makeDirectory(files: Files, path: string): Promise<void> {
  try {
    await files.mkdir(path);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
}

/**
 * Closes what was only read, or is durable already, or does not matter: an error says nothing about it then, and the
 * descriptor is gone all the same. It must not take the place of an outcome that stands.
 */
export async function closeQuietly(files: Files, fd: number): Promise<void> {
  try {
    await files.close(fd);
  } catch (error) {
    if (!isStorageError(error)) throw error;
  }
}

/** Makes the names in a directory durable. */
export async function syncDirectory(files: Files, path: string): Promise<void> {
  const fd = await files.open(path, constants.O_RDONLY);
  try {
    await files.fsync(fd);
  } finally {
    await files.close(fd);
  }
}

export type SmallFile =
  | { readonly kind: 'absent' }
  /** `refused` when it may be all that it should be, and could not be looked into. */
  | { readonly kind: 'odd'; readonly why: string; readonly refused?: Error }
  | { readonly kind: 'read'; readonly bytes: Buffer; readonly stat: BigIntStats };

/**
 * The first `limit` bytes of a regular file. `odd` is anything that is there and is not that: a symbolic link, a FIFO,
 * a directory, a file that may not be read. Other errors (EIO, EMFILE, …) are thrown.
 */
export async function readSmall(files: Files, path: string, limit: number): Promise<SmallFile> {
  let fd: number;
  try {
    fd = await files.open(path, READ);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return { kind: 'absent' };
    if (isErrno(error, 'ELOOP')) return { kind: 'odd', why: 'it is a symbolic link' };
    if (isErrno(error, 'EACCES', 'EPERM')) return { kind: 'odd', why: 'it may not be read', refused: error };
    if (isErrno(error, 'ENXIO')) return { kind: 'odd', why: 'it is not a regular file' };
    throw error;
  }
  try {
    const stat = await files.fstat(fd);
    if (!stat.isFile()) return { kind: 'odd', why: `it is ${describeType(stat)}` };
    return { kind: 'read', bytes: await readBeginning(files, fd, stat, limit), stat };
  } finally {
    await files.close(fd);
  }
}

/** The limit may be many times the size: memory that is not needed has to be cleared all the same. */
async function readBeginning(
  files: Files,
  fd: number,
  { size }: BigIntStats,
  limit: number,
): Promise<Buffer> {
  let buffer = Buffer.alloc(Math.min(limit, Number(size) + 1));
  let length = 0;
  for (;;) {
    const read = await files.read(fd, buffer.subarray(length), length);
    length += read;
    if (read === 0 || length === limit) return buffer.subarray(0, length);
    if (length === buffer.length) buffer = Buffer.concat([buffer], limit); // it has grown meanwhile
  }
}

/** The last `limit` bytes of a regular file that may be read; `undefined` for whatever else is there, or nothing. */
export async function readEnd(
  files: Files,
  path: string,
  limit: number,
): Promise<{ readonly bytes: Buffer; readonly isWhole: boolean } | undefined> {
  const stat = await lookAt(files, path);
  if (!stat?.isFile()) return undefined;
  let fd: number;
  try {
    fd = await files.open(path, READ);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES', 'EPERM', 'ELOOP')) return undefined;
    throw error;
  }
  try {
    const buffer = Buffer.alloc(limit);
    const from = Math.max(0, Number(stat.size) - limit);
    const length = await files.read(fd, buffer, from);
    return { bytes: buffer.subarray(0, length), isWhole: from === 0 };
  } finally {
    await files.close(fd);
  }
}

/**
 * Writes into a file that is found by its name, where somebody else may have put another one: what is open is looked
 * at, and only a regular file whose first `limit` bytes are `ours` is handed to `write`. False when there is none.
 */
export async function amend(
  files: Files,
  path: string,
  flags: number,
  limit: number,
  ours: (beginning: Buffer) => boolean,
  write: (fd: number) => Promise<void>,
): Promise<boolean> {
  let fd: number;
  try {
    fd = await files.open(path, flags);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ELOOP', 'EISDIR', 'ENXIO')) return false;
    throw error;
  }
  try {
    const stat = await files.fstat(fd);
    if (!stat.isFile() || !ours(await readBeginning(files, fd, stat, limit))) return false;
    await write(fd);
    await files.fsync(fd);
    return true;
  } finally {
    await files.close(fd);
  }
}

export function describeType(stat: BigIntStats): string {
  if (stat.isFile()) return 'a regular file';
  if (stat.isDirectory()) return 'a directory';
  if (stat.isSymbolicLink()) return 'a symbolic link';
  if (stat.isFIFO()) return 'a named pipe';
  if (stat.isSocket()) return 'a socket';
  return 'a device';
}

export function sameFile(a: BigIntStats, b: BigIntStats): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

/** Names one result file: a later one, of whomever, has another id. */
export function resultId({ dev, ino, mtimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${mtimeNs}`;
}

/** The entries of a directory by their names. */
export interface EntryNames {
  /** Those that are UTF-8. */
  readonly names: readonly string[];
  /** Of those in `names` that are no regular files. */
  readonly odd: ReadonlyMap<string, EntryKind>;
  /** Names that are not UTF-8, shown with replacement characters. */
  readonly notUtf8: ReadonlyMap<string, EntryKind>;
}

// oxlint-disable-next-line no-control-regex -- that is what ASCII is
const BEYOND_ASCII = /[^\0-\x7f]/;

export async function listDirectory(files: Files, path: string): Promise<EntryNames> {
  const { names: raw, odd: rawOdd } = await files.readdir(path);
  let isAscii = true;
  await inTurns(raw, (name) => void (isAscii &&= !BEYOND_ASCII.test(name)));
  if (isAscii) return { names: raw, odd: rawOdd, notUtf8: new Map() };
  const names: string[] = [];
  const odd = new Map<string, EntryKind>();
  const notUtf8 = new Map<string, EntryKind>();
  await inTurns(raw, (one) => {
    const kind = rawOdd.get(one);
    const bytes = Buffer.from(one, 'latin1');
    const name = bytes.toString('utf8');
    if (!Buffer.from(name, 'utf8').equals(bytes)) {
      notUtf8.set(name, kind ?? 'file');
      return;
    }
    names.push(name);
    if (kind) odd.set(name, kind);
  });
  return { names, odd, notUtf8 };
}

/** Names of entries; none when the directory is not there. */
export async function listIfThere(files: Files, path: string): Promise<readonly string[]> {
  try {
    return (await listDirectory(files, path)).names;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

/** How many a loop takes before it lets others have their turn: about a millisecond's worth. */
const TURN = 4_096;

/** A long loop that holds nobody up: whoever waits for the thread gets it in between. */
export async function inTurns<T>(items: readonly T[], take: (item: T) => void): Promise<void> {
  for (let start = 0; start < items.length; start += TURN) {
    if (start > 0) await new Promise((resolve) => setImmediate(resolve));
    for (const item of items.slice(start, start + TURN)) take(item);
  }
}
