/**
 * Whether a file system keeps the rules that the protocol stands on. A file system that breaks one of them (some FUSE
 * and network mounts do) is refused before anything is claimed on it, because it would break them silently.
 */
import { randomBytes } from 'node:crypto';
import { rmdir, statfs } from 'node:fs/promises';
import { errnoOf, EnvironmentError, isErrno, isStorageError, UsageError } from '../core/errors.ts';
import { PRIVATE_DIRECTORY } from '../core/task.ts';
import {
  CREATE,
  describeType,
  listIfThere,
  lookAt,
  makeDirectory,
  removeIfThere,
  syncDirectory,
  type Files,
} from './files.ts';
import { identityToken, thisProcess } from './process-identity.ts';
import { temporaryPath, type TaskDirectory } from './task-directory.ts';

export interface FileSystemCheck {
  /** The rule that is broken, as a sentence; absent when all is well. */
  readonly problem?: string;
  readonly hardLinks: boolean;
  readonly network: boolean;
  readonly type: string;
}

/** statfs(2) `f_type` of what several machines, or a machine and its guest, may have mounted at once. */
const NETWORK_TYPES: Readonly<Record<number, string>> = {
  0x6969: 'nfs',
  0x517b: 'smb',
  0xff534d42: 'cifs',
  0xfe534d42: 'smb2',
  0x65735546: 'fuse',
  0x01021997: '9p',
  0x5346414f: 'afs',
  0x00c36400: 'ceph',
  0x0bd00bd0: 'lustre',
  0x786f4256: 'vboxsf',
  0x01161970: 'gfs2',
  0x7461636f: 'ocfs2',
};

/** A rule that is broken stays broken; but somebody may remove the folder that is tested in just then. */
const TEST_TRIES = 3;

/**
 * Prepares a directory for claims: makes its `.codex-worker` folder and tests the file system in it (about 1 ms).
 * Throws UsageError when the directory cannot be written, EnvironmentError when its file system breaks a rule.
 */
export async function openTaskDirectory(files: Files, path: string): Promise<TaskDirectory> {
  const directory = await describeDirectory(files, path);
  let check = { problem: 'not tested', hardLinks: false } as Awaited<ReturnType<typeof testRules>>;
  for (let tries = 0; check.problem && tries < TEST_TRIES; tries++) {
    await prepare(files, directory);
    for (const folder of ['raw', 'ended', 'questions'] as const) {
      const inner = `${path}/${PRIVATE_DIRECTORY}/${folder}`;
      if (await lookAt(files, inner)) await mustBeDirectory(files, inner);
    }
    check = await testRules(files, directory);
  }
  if (check.problem) {
    throw new EnvironmentError(
      `the file system of ${path} cannot be trusted with claims: ${check.problem}`,
      'keep the task files on a local disk',
    );
  }
  await keepOutOfGit(files, directory);
  return { ...directory, hardLinks: check.hardLinks };
}

/** An agent's `git add -A` must not commit what is only ours. */
async function keepOutOfGit(files: Files, directory: TaskDirectory): Promise<void> {
  try {
    const fd = await files.open(`${directory.path}/${PRIVATE_DIRECTORY}/.gitignore`, CREATE);
    try {
      await files.write(fd, Buffer.from('*\n'), 0);
    } finally {
      await files.close(fd);
    }
  } catch (error) {
    if (!isErrno(error, 'EEXIST', 'ENOENT') && !isStorageError(error)) throw error; // it is a kindness, not a need
  }
}

/** As `openTaskDirectory`, for readers: it makes nothing and tests nothing. */
export async function describeDirectory(files: Files, path: string): Promise<TaskDirectory> {
  const stat = await files.lstat(path);
  const { network } = await mountOf(path);
  return { path, id: `${stat.dev}:${stat.ino}`, hardLinks: true, network };
}

/** For `doctor`: the same test, leaving nothing behind that was not there before. Returns every problem, throws none. */
export async function checkFileSystem(files: Files, path: string): Promise<FileSystemCheck> {
  const mount = await mountOf(path);
  const existed = await lookAt(files, `${path}/${PRIVATE_DIRECTORY}`);
  try {
    const directory = await describeDirectory(files, path);
    await prepare(files, directory);
    return { ...(await testRules(files, directory)), ...mount };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error), hardLinks: false, ...mount };
  } finally {
    if (!existed) await removePrivateDirectory(path);
  }
}

async function removePrivateDirectory(path: string): Promise<void> {
  for (const folder of [`${path}/${PRIVATE_DIRECTORY}/tmp`, `${path}/${PRIVATE_DIRECTORY}`]) {
    await rmdir(folder).catch((error: unknown) => {
      if (!isErrno(error, 'ENOENT', 'ENOTEMPTY', 'EROFS', 'EACCES')) throw error;
    });
  }
}

async function mountOf(path: string): Promise<{ network: boolean; type: string }> {
  const { type } = await statfs(path);
  const network = process.platform === 'linux' ? NETWORK_TYPES[type >>> 0] : undefined;
  return { network: network !== undefined, type: network ?? `0x${(type >>> 0).toString(16)}` };
}

export type PrivateFolder = 'tmp' | 'raw' | 'ended' | 'questions';

/** A directory that was never fit for tasks is the user's mistake; one that refuses later is a disk that fails. */
async function prepare(files: Files, directory: TaskDirectory): Promise<void> {
  try {
    await makePrivateDirectory(files, directory);
  } catch (error) {
    if (!isErrno(error, 'EACCES', 'EPERM', 'EROFS')) throw error;
    throw new UsageError(
      `cannot write to ${error.path ?? directory.path}: ${errnoOf(error)}`,
      'task directories must be writable: the state of each task stands beside its file',
    );
  }
}

/** `.codex-worker` and a folder in it, 0700, and on the task directory's own file system: a link cannot leave one. */
export async function makePrivateDirectory(
  files: Files,
  directory: TaskDirectory,
  folder: PrivateFolder = 'tmp',
): Promise<void> {
  for (;;) {
    try {
      return await tryPrivateDirectory(files, directory, folder);
    } catch (error) {
      // Somebody removed it again between two calls; unless the task directory itself is gone.
      if (!isErrno(error, 'ENOENT') || !(await lookAt(files, directory.path))) throw error;
    }
  }
}

async function tryPrivateDirectory(
  files: Files,
  directory: TaskDirectory,
  folder: PrivateFolder,
): Promise<void> {
  const path = `${directory.path}/${PRIVATE_DIRECTORY}`;
  await mustNotLeadAway(files, directory.path);
  await makeDirectory(files, path);
  await mustBeDirectory(files, path);
  if ((await files.lstat(path)).dev !== (await files.lstat(directory.path)).dev) {
    throw new EnvironmentError(
      `${path} is on another file system than its directory`,
      'unmount it: claims are made by hard links',
    );
  }
  await makeDirectory(files, `${path}/${folder}`);
  await mustBeDirectory(files, `${path}/${folder}`);
}

/** A link could lead out of the task directory, and a file would fail every task in turn. */
async function mustBeDirectory(files: Files, path: string): Promise<void> {
  const stat = await files.lstat(path);
  if (!stat.isDirectory())
    throw new EnvironmentError(`${path} is ${describeType(stat)}, not a directory`, 'move it out of the way');
}

/**
 * An agent may put a link in the place of a directory while we work, and what we then make or move would be made outside.
 * Asked before each use, and not only at the start. Throws EnvironmentError for a link anywhere in the path.
 */
export async function mustNotLeadAway(files: Files, path: string): Promise<void> {
  const real = await files.realpath(path).catch(async (error: unknown) => {
    // A link to nothing is as absent as a directory that somebody removed, but making that again would never end.
    if (isErrno(error, 'ELOOP') || (await lookAt(files, path))?.isSymbolicLink()) return 'nowhere';
    throw error;
  });
  if (real !== path)
    throw new EnvironmentError(
      `${path} leads to ${real} now: somebody put a symbolic link in its place`,
      'move it out of the way, and find out who did it',
    );
}

/** The entries of a private folder; none when it is not there. Throws EnvironmentError when it is elsewhere. */
export async function listPrivate(
  files: Files,
  directory: Pick<TaskDirectory, 'path'>,
  folder: PrivateFolder,
): Promise<readonly string[]> {
  const path = `${directory.path}/${PRIVATE_DIRECTORY}/${folder}`;
  try {
    await mustNotLeadAway(files, path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
  return listIfThere(files, path);
}

/**
 * Creates a file in a private folder and returns its descriptor. The folder decides nothing, so anybody may remove it
 * at any time: it is made again. Throws ENOENT only when the task directory itself is gone.
 */
export async function createPrivate(
  files: Files,
  directory: TaskDirectory,
  folder: PrivateFolder,
  name: string,
  flags = CREATE,
): Promise<number> {
  const path = `${directory.path}/${PRIVATE_DIRECTORY}/${folder}`;
  for (;;) {
    try {
      await mustNotLeadAway(files, path);
      return await files.open(`${path}/${name}`, flags);
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    }
    await makePrivateDirectory(files, directory, folder);
  }
}

/** The rules, each tried once. An errno that is not expected is a broken rule too. */
async function testRules(
  files: Files,
  directory: TaskDirectory,
): Promise<{ problem?: string; hardLinks: boolean }> {
  const token = `${randomBytes(8).toString('hex')}.${identityToken(thisProcess())}`;
  const name = (letter: string) => temporaryPath(directory, `test-${letter}-${token}`);
  const [a, b, c] = [name('a'), name('b'), name('c')];
  const fails = async (code: string, call: () => Promise<unknown>, rule: string) => {
    try {
      await call();
    } catch (error) {
      if (isErrno(error, code)) return;
      throw new Error(`${rule} (${errnoOf(error)} instead of ${code})`, { cause: error });
    }
    throw new Error(rule);
  };
  const holds = (condition: boolean, rule: string) => {
    if (!condition) throw new Error(rule);
  };
  let hardLinks = true;
  const fd = await files.open(a, CREATE);
  try {
    await fails('EEXIST', () => files.open(a, CREATE), 'a second exclusive create of one name succeeds');
    const before = await files.fstat(fd);
    try {
      await files.link(a, b);
    } catch (error) {
      if (!isErrno(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK')) throw error;
      hardLinks = false;
    }
    if (hardLinks) {
      const linked = await files.lstat(b);
      holds(linked.ino === before.ino && linked.nlink === 2n, 'a hard link is not the same file');
      await fails('EEXIST', () => files.link(a, b), 'a hard link replaces a name that exists');
      await files.unlink(b);
    }
    await fails('ENOENT', () => files.rename(b, c), 'renaming a missing file does not fail');
    await files.rename(a, c);
    holds((await files.fstat(fd)).ino === before.ino, 'a rename changes the file');
    await files.unlink(c);
    await files.write(fd, Buffer.from('x'), 0);
    await syncDirectory(files, directory.path);
    return { hardLinks };
  } catch (error) {
    // No rule is broken: the disk is full or fails, or somebody is out of something. What else it says is a wrong answer.
    if (isErrno(error, 'ENOSPC', 'EDQUOT', 'EIO', 'EINTR', 'ETIMEDOUT', 'EMFILE', 'ENFILE', 'ENOMEM'))
      throw error;
    return { problem: error instanceof Error ? error.message : String(error), hardLinks };
  } finally {
    await files.close(fd);
    for (const path of [a, b, c]) await removeIfThere(files, path);
  }
}
