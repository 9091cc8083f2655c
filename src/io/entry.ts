/** What a path that a user gave leads to: also where Node cannot say the name, or links go in a circle. */
import { realpath } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { isErrno } from '../core/errors.ts';
import { listDirectory, lookAt, type Files } from './files.ts';

/** Whether something is there by this name, be it a link to nothing, or something whose name Node cannot say. */
export async function isEntry(files: Files, path: string): Promise<boolean> {
  try {
    if (await lookAt(files, path)) return true;
  } catch (error) {
    if (!isErrno(error, 'ENAMETOOLONG', 'ELOOP')) throw error;
    return false;
  }
  return isNotUtf8(files, path);
}

/** Whether a path that is not there is the name of a file as Node shows it when its bytes are not UTF-8. */
export async function isNotUtf8(files: Files, path: string): Promise<boolean> {
  if (!basename(path).includes('\ufffd') || !(await leadsToDirectory(dirname(path)))) return false;
  return (await listDirectory(files, dirname(path))).notUtf8.has(basename(path));
}

/** Whether a path is that of a directory, or of links that end at one. */
export async function leadsToDirectory(path: string): Promise<boolean> {
  try {
    await realpath(`${path}/.`);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return false;
    throw error;
  }
}
