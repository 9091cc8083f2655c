/**
 * Whether anything below a directory was changed since a moment, by the change times that the kernel keeps: no program
 * can set them back. It may say `some` for what somebody else did meanwhile, and what a build or a test left behind.
 *
 * Not looked at: what is not the agent's work (version control, installed packages, Codex's own records, the markers of
 * codex-worker itself), and what a symbolic link leads to. That a name is gone is seen of its directory, but not of the
 * uppermost, in which Codex's sandbox makes and removes directories, nor of one with tasks, in which we do.
 */
import { join } from 'node:path';
import { isErrno } from '../core/errors.ts';
import { parseMarker, PRIVATE_DIRECTORY } from '../core/task.ts';
import { listDirectory, lookAt, type BigIntStats, type Files } from './files.ts';

/** `unknown` when there are more entries than are looked at. */
export type Changes = 'some' | 'none' | 'unknown';

const SKIPPED = new Set(['.git', 'node_modules', PRIVATE_DIRECTORY]);
/** Looking at so many takes a few seconds. */
export const MOST_ENTRIES = 100_000;

/** `since` is in ms since 1970; `except` are absolute paths of directories. Stops at the first change that it finds. */
export async function changesSince(
  files: Files,
  top: string,
  since: number,
  { except = [], most = MOST_ENTRIES }: { readonly except?: readonly string[]; readonly most?: number } = {},
): Promise<Changes> {
  const sinceNs = BigInt(Math.floor(since)) * 1_000_000n;
  const directories = [top];
  let looked = 0;
  // The list grows while it is gone through: what is near the top is looked at first.
  for (const directory of directories) {
    const entries = await entriesOf(files, directory);
    if (directory !== top && !entries.some(({ name }) => name === PRIVATE_DIRECTORY)) {
      const stat = await lookIfMay(files, directory);
      if (stat && stat.ctimeNs > sinceNs && stat.birthtimeNs <= sinceNs) return 'some';
    }
    for (const { name, isDirectory } of entries) {
      if (++looked > most) return 'unknown';
      const path = join(directory, name);
      if (isDirectory) {
        if (!SKIPPED.has(name) && !except.includes(path)) directories.push(path);
      } else if (!parseMarker(name)) {
        const stat = await lookIfMay(files, path);
        if (stat && stat.ctimeNs > sinceNs) return 'some';
      }
    }
  }
  return 'none';
}

async function entriesOf(
  files: Files,
  path: string,
): Promise<readonly { readonly name: string; readonly isDirectory: boolean }[]> {
  try {
    const { names, odd } = await listDirectory(files, path);
    return names.map((name) => ({ name, isDirectory: odd.get(name) === 'directory' }));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR') || isOutOfReach(error)) return []; // gone meanwhile, or nobody's to look at
    throw error;
  }
}

/** A directory may show its names to whom it shows nothing else. */
async function lookIfMay(files: Files, path: string): Promise<BigIntStats | undefined> {
  try {
    return await lookAt(files, path);
  } catch (error) {
    if (isOutOfReach(error)) return undefined;
    throw error;
  }
}

/** Not ours to look at, or deeper than a path can be long. */
const isOutOfReach = (error: unknown) => isErrno(error, 'EACCES', 'EPERM', 'ENAMETOOLONG');
