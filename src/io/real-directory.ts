/** Directories by where their symbolic links lead. */
import { isErrno } from '../core/errors.ts';
import { lookAt, type Files } from './files.ts';

/** Where a path leads; `undefined` when that is no directory that can be reached. */
export async function realDirectory(files: Files, path: string): Promise<string | undefined> {
  try {
    const real = await files.realpath(path);
    return (await lookAt(files, real))?.isDirectory() ? real : undefined;
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'ENAMETOOLONG')) throw error;
    return undefined;
  }
}

/** Whether a directory that was found without links is still reached without one. */
export async function isStillThere(files: Files, directory: string): Promise<boolean> {
  return (await realDirectory(files, directory)) === directory;
}
