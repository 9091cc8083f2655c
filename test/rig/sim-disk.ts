/**
 * A file system in memory that knows what a power cut may leave of it.
 *
 * WHAT IT PROMISES is what POSIX does and no more: the data of a file is safe once fsync of the file has returned, names
 * in a directory once fsync of the directory has. Everything later may be there or not, in one of two ways:
 *   journal  as ext4, xfs and btrfs do: changes of names survive in their order, up to some moment, and any fsync takes
 *            all earlier ones with it
 *   any      the least that a file system may do: each change of a name for itself, except that the two halves of a rename
 *            stay together, changes of one name keep their order, and what is in a directory needs the directory
 * Data that was not synced is there, or missing, or zeros, or torn at sectors of 512 bytes, each write for itself.
 *
 * Every change is kept in `ops`, so that the disk can be had as it was at any moment (`at`), or after a power cut at that
 * moment (`crash`).
 */
import { constants } from 'node:fs';
import { entriesOf, type BigIntStats, type Files } from '../../src/io/files.ts';
import { pick } from '../torture/row.ts';

const SECTOR = 512;
const ROOT = 1;

type Node =
  | { readonly kind: 'file'; bytes: Buffer; mtimeNs: bigint }
  | { readonly kind: 'directory'; readonly names: Map<string, number> };

interface NameChange {
  readonly directory: number;
  readonly name: string;
  /** `undefined` when the name goes. */
  readonly ino: number | undefined;
}

type Op<Note> =
  | {
      readonly kind: 'names';
      readonly changes: readonly NameChange[];
      readonly made?: { readonly ino: number; readonly kind: Node['kind'] };
    }
  | { readonly kind: 'write'; readonly ino: number; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: 'fsync'; readonly ino: number }
  | { readonly kind: 'note'; readonly note: Note };

export interface Cut {
  readonly order: 'journal' | 'any';
  /** The part of what was not safe that survives all the same; between 0 and 1 it is a matter of chance. */
  readonly names: number;
  readonly data: number;
}

type Nodes = Map<number, Node>;

const copyOf = (nodes: Nodes): Nodes =>
  new Map(
    [...nodes].map(([ino, node]) => [
      ino,
      node.kind === 'file' ? { ...node } : { kind: 'directory', names: new Map(node.names) },
    ]),
  );

const errno = (code: string, about: string): NodeJS.ErrnoException =>
  Object.assign(new Error(`${code}: ${about}`), { code });

export class SimDisk<Note> {
  readonly ops: Op<Note>[] = [];
  /** As it was when `ops` was empty: all of it safe. */
  readonly #base: Nodes;
  readonly #nodes: Nodes;
  readonly #open = new Map<number, { readonly ino: number; readonly append: boolean }>();
  #nextIno: number;
  #nextFd = 100;
  #clock = 0n;

  constructor(base: Nodes = new Map([[ROOT, { kind: 'directory', names: new Map() }]])) {
    this.#base = base;
    this.#nodes = copyOf(base);
    this.#nextIno = Math.max(...base.keys()) + 1;
  }

  /** Something that happened in the world at this moment: a promise that was made, say. */
  note(note: Note): void {
    this.ops.push({ kind: 'note', note });
  }

  notes(until = this.ops.length): Note[] {
    return this.ops.slice(0, until).flatMap((op) => (op.kind === 'note' ? [op.note] : []));
  }

  /** Everything is safe from here on. */
  settled(): SimDisk<Note> {
    return new SimDisk<Note>(copyOf(this.#nodes));
  }

  /** The same machine goes on from here, as if nothing after operation `until` had happened. */
  at(until: number): SimDisk<Note> {
    const disk = new SimDisk<Note>(this.#base);
    for (const op of this.ops.slice(0, until)) disk.#do(op);
    return disk;
  }

  /** The power fails after operation `until`. */
  crash(until: number, cut: Cut, random: () => number): SimDisk<Note> {
    const ops = this.ops.slice(0, until);
    const nodes = copyOf(this.#base);
    const names = cut.order === 'journal' ? journalled(ops, cut, random) : survivors(ops, cut, random);
    const syncedAt = new Map(ops.map((op, i) => [op.kind === 'fsync' ? op.ino : 0, i]));
    for (const [i, op] of ops.entries()) {
      if (op.kind === 'names') apply(nodes, names.has(i) ? op : { ...op, changes: [] });
      if (op.kind !== 'write') continue;
      for (const piece of (syncedAt.get(op.ino) ?? -1) > i ? [op] : fateOf(op, cut.data, random))
        apply(nodes, piece);
    }
    return new SimDisk<Note>(nodes);
  }

  names(path: string): string[] {
    const node = this.#nodes.get(this.#lookUp(path) ?? 0);
    return node?.kind === 'directory' ? [...node.names.keys()].sort() : [];
  }

  /** What a file holds, for a judge. */
  content(path: string): Buffer | undefined {
    const node = this.#nodes.get(this.#lookUp(path) ?? 0);
    return node?.kind === 'file' ? node.bytes : undefined;
  }

  /** One system call each, at once: nothing comes between the beginning and the end of one. */
  readonly files: Files = {
    open: async (path, flags) => {
      const there = this.#lookUp(path);
      if (there !== undefined && flags & constants.O_EXCL) throw errno('EEXIST', path);
      if (there === undefined && !(flags & constants.O_CREAT)) throw errno('ENOENT', path);
      const ino = there ?? this.#make(path, 'file');
      const fd = this.#nextFd++;
      this.#open.set(fd, { ino, append: (flags & constants.O_APPEND) !== 0 });
      return fd;
    },
    close: async (fd) => {
      this.#opened(fd);
      this.#open.delete(fd);
    },
    read: async (fd, buffer, position) => this.#file(this.#opened(fd).ino).bytes.copy(buffer, 0, position),
    write: async (fd, bytes, position) => this.#write(this.#opened(fd).ino, position, bytes),
    appendSync: (fd, bytes) => {
      const { ino } = this.#opened(fd);
      this.#write(ino, this.#file(ino).bytes.length, bytes);
    },
    fsync: async (fd) => this.#do({ kind: 'fsync', ino: this.#opened(fd).ino }),
    fstat: async (fd) => this.#stat(this.#opened(fd).ino),
    lstat: async (path) => this.#stat(this.#must(path)),
    realpath: async (path) => {
      this.#must(path);
      return path;
    },
    link: async (existing, path) => {
      const ino = this.#must(existing);
      if (this.#lookUp(path) !== undefined) throw errno('EEXIST', path);
      this.#do({ kind: 'names', changes: [{ ...this.#place(path), ino }] });
    },
    rename: async (from, to) => {
      const ino = this.#must(from);
      const changes = [
        { ...this.#place(from), ino: undefined },
        { ...this.#place(to), ino },
      ];
      if (this.#lookUp(to) !== ino) this.#do({ kind: 'names', changes });
    },
    unlink: async (path) => {
      this.#must(path);
      this.#do({ kind: 'names', changes: [{ ...this.#place(path), ino: undefined }] });
    },
    mkdir: async (path) => {
      if (this.#lookUp(path) !== undefined) throw errno('EEXIST', path);
      this.#make(path, 'directory');
    },
    readdir: async (path) => {
      const node = this.#nodes.get(this.#must(path));
      if (node?.kind !== 'directory') throw errno('ENOTDIR', path);
      return entriesOf(
        [...node.names].map(([name, ino]) => {
          const isFile = this.#nodes.get(ino)?.kind === 'file';
          return {
            name: Buffer.from(name).toString('latin1'),
            isFile: () => isFile,
            isDirectory: () => !isFile,
          };
        }),
      );
    },
  };

  #do(op: Op<Note>): void {
    this.ops.push(op);
    apply(this.#nodes, op);
    if (op.kind === 'names' && op.made) this.#nextIno = Math.max(this.#nextIno, op.made.ino + 1);
    if (op.kind === 'write') this.#file(op.ino).mtimeNs = ++this.#clock;
  }

  #make(path: string, kind: Node['kind']): number {
    const ino = this.#nextIno++;
    this.#do({ kind: 'names', changes: [{ ...this.#place(path), ino }], made: { ino, kind } });
    return ino;
  }

  #write(ino: number, offset: number, bytes: Buffer): void {
    this.#do({ kind: 'write', ino, offset, bytes: Buffer.from(bytes) });
  }

  #lookUp(path: string): number | undefined {
    let ino: number | undefined = ROOT;
    for (const name of path.split('/').filter((part) => part !== '')) {
      const node: Node | undefined = this.#nodes.get(ino);
      if (node?.kind === 'file') throw errno('ENOTDIR', path);
      ino = node?.names.get(name);
      if (ino === undefined) return undefined;
    }
    return ino;
  }

  #must(path: string): number {
    const ino = this.#lookUp(path);
    if (ino === undefined) throw errno('ENOENT', path);
    return ino;
  }

  #place(path: string): { directory: number; name: string } {
    const slash = path.lastIndexOf('/');
    return { directory: this.#must(path.slice(0, slash)), name: path.slice(slash + 1) };
  }

  #opened(fd: number): { ino: number; append: boolean } {
    const opened = this.#open.get(fd);
    if (!opened) throw errno('EBADF', String(fd));
    return opened;
  }

  #file(ino: number): Node & { kind: 'file' } {
    const node = this.#nodes.get(ino);
    if (node?.kind !== 'file') throw errno('EISDIR', String(ino));
    return node;
  }

  #stat(ino: number): BigIntStats {
    const node = this.#nodes.get(ino);
    const isFile = node?.kind === 'file';
    return {
      dev: 1n,
      ino: BigInt(ino),
      size: BigInt(isFile ? node.bytes.length : 0),
      mtimeNs: isFile ? node.mtimeNs : 0n,
      isFile: () => isFile,
      isDirectory: () => !isFile,
      isSymbolicLink: () => false,
      isFIFO: () => false,
      isSocket: () => false,
    } as unknown as BigIntStats; // the rest nobody asks for
  }
}

function apply(nodes: Nodes, op: Op<unknown>): void {
  if (op.kind === 'names') {
    if (op.made) {
      const { ino, kind } = op.made;
      nodes.set(
        ino,
        kind === 'file' ? { kind, bytes: Buffer.alloc(0), mtimeNs: 0n } : { kind, names: new Map() },
      );
    }
    for (const { directory, name, ino } of op.changes) {
      const node = nodes.get(directory);
      if (node?.kind !== 'directory') throw new Error(`${directory} is no directory`);
      if (ino === undefined) node.names.delete(name);
      else node.names.set(name, ino);
    }
  } else if (op.kind === 'write') {
    const node = nodes.get(op.ino);
    if (node?.kind !== 'file') throw new Error(`${op.ino} is no file`);
    const bytes = Buffer.alloc(Math.max(node.bytes.length, op.offset + op.bytes.length));
    node.bytes.copy(bytes);
    op.bytes.copy(bytes, op.offset);
    node.bytes = bytes;
  }
}

/** The changes of names that survive where a journal keeps their order. */
function journalled(ops: readonly Op<unknown>[], cut: Cut, random: () => number): Set<number> {
  const safe = ops.findLastIndex((op) => op.kind === 'fsync') + 1;
  const free = ops.length - safe;
  const end = cut.names === 0 ? safe : cut.names === 1 ? ops.length : safe + pick(random, free + 1);
  return new Set(Array.from({ length: end }, (_, i) => i));
}

/** The changes of names that survive where nothing keeps their order. */
function survivors(ops: readonly Op<unknown>[], cut: Cut, random: () => number): Set<number> {
  const latest = new Map<string, number>();
  const made = new Map<number, number>();
  /** Of each change, those that it cannot be without. */
  const needs = ops.map((op, i) => {
    if (op.kind !== 'names') return [];
    const before = op.changes.flatMap(({ directory, name }) => [
      latest.get(`${directory}/${name}`),
      made.get(directory),
    ]);
    for (const { directory, name } of op.changes) latest.set(`${directory}/${name}`, i);
    if (op.made?.kind === 'directory') made.set(op.made.ino, i);
    return before.filter((j) => j !== undefined);
  });
  const survive = new Set<number>();
  const keep = (i: number) => {
    if (survive.has(i)) return;
    survive.add(i);
    for (const j of needs[i] ?? []) keep(j);
  };
  const synced = new Set<number>();
  for (let i = ops.length - 1; i >= 0; i--) {
    const op = ops[i];
    if (op?.kind === 'fsync') synced.add(op.ino);
    if (op?.kind === 'names' && op.changes.some(({ directory }) => synced.has(directory))) keep(i);
  }
  for (const [i, op] of ops.entries())
    if (op.kind === 'names' && random() < cut.names && needs[i]?.every((j) => survive.has(j))) survive.add(i);
  return survive;
}

/** What the disk has of a write that was not synced. */
function fateOf(
  write: Op<never> & { kind: 'write' },
  kept: number,
  random: () => number,
): (Op<never> & { kind: 'write' })[] {
  if (kept === 1) return [write];
  if (kept === 0) return [];
  switch (pick(random, 4)) {
    case 0:
      return [write];
    case 1:
      return [];
    case 2:
      return [{ ...write, bytes: Buffer.alloc(write.bytes.length) }]; // its length, but not its data
    default: {
      const pieces: (Op<never> & { kind: 'write' })[] = [];
      const end = write.offset + write.bytes.length;
      for (let from = write.offset; from < end;) {
        const to = Math.min(end, (Math.floor(from / SECTOR) + 1) * SECTOR);
        const bytes = write.bytes.subarray(from - write.offset, to - write.offset);
        if (random() < kept) pieces.push({ ...write, offset: from, bytes });
        from = to;
      }
      return pieces;
    }
  }
}
