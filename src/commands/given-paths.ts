/** The paths on the command line, looked at before anything is done: a path that is not there is a mistake in the typing. */
import { access, constants, readdir, stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { errnoOf, isErrno, UsageError } from '../core/errors.ts';
import { didYouMean, nearest } from '../core/options.ts';
import { reservedPrefix } from '../core/task.ts';
import { isEntry } from '../io/entry.ts';
import { realFiles } from '../io/files.ts';

/** A directory may hold very many names, and a guess is not worth a wait. */
const MOST_COMPARED = 10_000;

/** The directories of the tasks that `paths` stand for, absolute. Throws UsageError for a path that does not exist. */
export async function givenDirectories(
  paths: readonly string[],
  { cwd, commands }: { cwd: string; commands: readonly string[] },
): Promise<ReadonlySet<string>> {
  const directories = new Set<string>(paths.length === 0 ? [cwd] : []);
  for (const path of paths) {
    const directory = await directoryOf(path, cwd, commands);
    if (directory) directories.add(directory);
  }
  return directories;
}

/** Throws UsageError unless `directory` is one. */
export async function checkDirectory(option: string, directory: string): Promise<void> {
  const found = await stat(directory).catch((error: unknown) => error);
  if (found instanceof Error)
    throw new UsageError(
      `${option}: no such directory: ${quoted(directory)} (${errnoOf(found)})`,
      'create it first',
    );
  if (!(found as Awaited<ReturnType<typeof stat>>).isDirectory())
    throw new UsageError(
      `${option}: not a directory: ${quoted(directory)}`,
      'name the directory that the agents work in',
    );
}

/** Where the markers of this path's tasks stand; `undefined` for a marker that a shell's glob named and that is gone again. */
async function directoryOf(
  path: string,
  cwd: string,
  commands: readonly string[],
): Promise<string | undefined> {
  if (path === '') throw new UsageError('an empty path was given', 'leave it out for the current directory');
  const absolute = resolve(cwd, path);
  try {
    return (await stat(absolute)).isDirectory() ? absolute : dirname(absolute);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'))
      throw new UsageError(
        `cannot look at ${quoted(path)}: ${errnoOf(error)}`,
        'look at the permissions of its directories',
      );
    if (isErrno(error, 'ENOENT') && reservedPrefix(basename(path))) return undefined;
    // A link to nothing, or a name that is not UTF-8: among a shell's many it is refused, and the others are run.
    if (await isEntry(realFiles, absolute)) return dirname(absolute);
    throw new UsageError(
      `no such path: ${quoted(path)}`,
      hintFor(path, commands) ?? (await nearbyName(path, cwd)) ?? NAME_PATHS,
    );
  }
}

const NAME_PATHS =
  'name a directory of task files, or task files; without a path it is the current directory';

function hintFor(path: string, commands: readonly string[]): string | undefined {
  if (path === '-') return 'a task is a file; it is not read from standard input';
  if (path === 'version') return 'did you mean --version?';
  if (/[*?[\]{}]/.test(path))
    return 'no file has this name; a glob without quotes is expanded by the shell, and --pattern takes one in quotes';
  return path.includes('/') ? undefined : didYouMean(path, commands);
}

/** A guess among the names beside it, as it would have been typed. */
async function nearbyName(path: string, cwd: string): Promise<string | undefined> {
  const beside = await readdir(dirname(resolve(cwd, path))).catch(() => []);
  const names = beside.filter((name) => !reservedPrefix(name)).slice(0, MOST_COMPARED);
  const name = nearest(basename(path), names);
  const before = path.replace(/[^/]+\/*$/, '');
  return name === undefined ? undefined : `did you mean ${before}${name}?`;
}

/** Throws UsageError for a directory that cannot take the markers of its tasks. */
export async function checkWritable(directories: ReadonlySet<string>): Promise<void> {
  for (const directory of directories) await checkWritableOne(directory);
}

async function checkWritableOne(directory: string): Promise<void> {
  try {
    await access(directory, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new UsageError(
      `cannot write in ${quoted(directory)}: ${errnoOf(error)}`,
      'the state of a task is kept in files beside it; make the directory writable, or copy the tasks to one that is',
    );
  }
}

const quoted = (path: string) => JSON.stringify(path);
