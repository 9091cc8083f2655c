/**
 * A file that the user asked for. It appears whole or not at all: it is written under a temporary name beside the target and
 * renamed, and an older one stays until then. It may hold what agents and models said: only its owner may read it.
 */
import { randomBytes } from 'node:crypto';
import { access, constants, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join, relative, resolve, sep } from 'node:path';
import { EnvironmentError, errnoOf, isErrno, UsageError } from '../core/errors.ts';
import { PRIVATE_DIRECTORY, reservedPrefix } from '../core/task.ts';

/** `what` is in it, and `hint` says what is left to do without. Throws EnvironmentError when it cannot be written. */
export async function writeWhole(path: string, text: string, what: string, hint: string): Promise<void> {
  // A name that an agent cannot foresee, created exclusively: what it may have put there is never written through.
  const temporary = join(dirname(path), `.codex-worker-${randomBytes(8).toString('hex')}.tmp`);
  try {
    await writeFile(temporary, text, { flag: 'wx', mode: 0o600 });
    await rename(temporary, path);
  } catch (failure) {
    await rm(temporary, { force: true });
    throw new EnvironmentError(`${what} could not be written to ${path}: ${errnoOf(failure)}`, hint, {
      cause: failure,
    });
  }
}

/** A file that was asked for, by which option, and what it could be called where its name cannot be. */
export interface OutputFile {
  readonly option: string;
  /** Absolute. */
  readonly path: string;
  readonly example: string;
}

/** Throws UsageError for a file that cannot be written, or that would be mistaken for a task or its state. */
export async function checkOutputFile(
  { option, path, example }: OutputFile,
  { paths, patterns, cwd }: { paths: readonly string[]; patterns: readonly string[]; cwd: string },
): Promise<void> {
  const refuse = (why: string, hint: string) =>
    new UsageError(`${option}: ${JSON.stringify(path)} ${why}`, hint);
  const directory = await realpath(dirname(path)).catch((error: unknown) => {
    throw refuse(
      `cannot be written: its directory is not there (${errnoOf(error)})`,
      'create the directory first',
    );
  });
  await access(directory, constants.W_OK | constants.X_OK).catch((error: unknown) => {
    throw refuse(`cannot be written: ${errnoOf(error)}`, 'name a file in a directory that is writable');
  });
  if (Buffer.byteLength(basename(path)) > 255)
    throw refuse('has too long a name', `name it for example ${example}`);
  const kind = await kindOf(path).catch((error: unknown) => {
    throw refuse(`cannot be looked at: ${errnoOf(error)}`, 'name another file');
  });
  if (kind === 'directory') throw refuse('is a directory', 'name a file');
  if (kind === 'other') throw refuse('is not a regular file', 'name a file, new or old');
  if (reservedPrefix(basename(path)))
    throw refuse('has a name that marks the state of a task', `name it for example ${example}`);
  const target = join(directory, basename(path));
  if (directory.split(sep).includes(PRIVATE_DIRECTORY))
    throw refuse('is where the state of the tasks is kept', `put it elsewhere, for example ${example}`);
  for (const given of paths.length > 0 ? paths : ['.'])
    if (await wouldBeTask(target, resolve(cwd, given), patterns))
      throw refuse(
        'would be taken for a task',
        `put it elsewhere, or give it another ending, for example ${example}`,
      );
}

/** Judged by the ending, and when in doubt with yes: the next run would send it to the agent as a prompt. */
async function wouldBeTask(target: string, given: string, patterns: readonly string[]): Promise<boolean> {
  const kind = await kindOf(given);
  if (kind === undefined) return false;
  const real = await realpath(given);
  if (kind !== 'directory') return real === target || (await realpath(target).catch(() => target)) === real;
  const inside = relative(real, target);
  if (inside.startsWith('..')) return false;
  return patterns.some((pattern) => {
    const ending = extname(pattern);
    return ending === '' || /[*?[\](){}!+@|]/.test(ending) || ending === extname(target);
  });
}

async function kindOf(path: string): Promise<'directory' | 'file' | 'other' | undefined> {
  try {
    const found = await stat(path);
    return found.isDirectory() ? 'directory' : found.isFile() ? 'file' : 'other';
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    return undefined;
  }
}
