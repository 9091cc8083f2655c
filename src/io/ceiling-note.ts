/**
 * `.codex-worker/ceiling.json`: the word of one terminal to the others that work in a directory that a ceiling of its own is
 * reached. It binds runs that were on when it was put there; it is told from an older one by the file that it is, and by
 * no clock. An agent could write it as well: what it can do with it is to end dispatch, and it says nothing but numbers.
 */
import { randomBytes } from 'node:crypto';
import { EnvironmentError, isErrno, isStorageError } from '../core/errors.ts';
import { PRIVATE_DIRECTORY } from '../core/task.ts';
import { createPrivate, mustNotLeadAway } from './file-system.ts';
import { closeQuietly, lookAt, readSmall, resultId, type Files } from './files.ts';
import { temporaryPath, type TaskDirectory } from './task-directory.ts';
import { isCount } from './usage.ts';

export interface Ceiling {
  readonly of: 'tokens' | 'attempts';
  readonly limit: number;
  readonly spent: number;
}

const folderOf = (directory: TaskDirectory) => `${directory.path}/${PRIVATE_DIRECTORY}`;
const pathOf = (directory: TaskDirectory) => `${folderOf(directory)}/ceiling.json`;

const isInTheWay = (error: unknown) =>
  error instanceof EnvironmentError ||
  isStorageError(error) ||
  isErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'EEXIST', 'ENOTEMPTY');

/** Puts it there; where that cannot be, the other terminals go on. */
export async function leaveNote(files: Files, directory: TaskDirectory, ceiling: Ceiling): Promise<void> {
  const name = `ceiling-${randomBytes(16).toString('hex')}`;
  try {
    const fd = await createPrivate(files, directory, 'tmp', name);
    try {
      await files.write(fd, Buffer.from(`${JSON.stringify({ v: 1, ...ceiling })}\n`), 0);
    } finally {
      await closeQuietly(files, fd);
    }
    await files.rename(temporaryPath(directory, name), pathOf(directory));
  } catch (error) {
    if (!isInTheWay(error)) throw error;
  }
}

/** Which note is there; `undefined` for none. */
export async function noteId(files: Files, directory: TaskDirectory): Promise<string | undefined> {
  try {
    const stat = await lookAt(files, pathOf(directory));
    return stat && `${resultId(stat)}:${stat.ctimeNs}`;
  } catch (error) {
    if (!isInTheWay(error)) throw error;
    return undefined;
  }
}

/** What it says; `undefined` for what is no note. */
export async function readNote(files: Files, directory: TaskDirectory): Promise<Ceiling | undefined> {
  try {
    await mustNotLeadAway(files, folderOf(directory));
    const file = await readSmall(files, pathOf(directory), 1_024);
    return file.kind === 'read' ? noteIn(file.bytes.toString('utf8')) : undefined;
  } catch (error) {
    if (!isInTheWay(error)) throw error;
    return undefined;
  }
}

function noteIn(text: string): Ceiling | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined; // somebody else's
  }
  const { v, of, limit, spent } = (value ?? {}) as Record<string, unknown>;
  const isKnown = v === 1 && (of === 'tokens' || of === 'attempts');
  if (!isKnown || !isCount(limit, Number.MAX_SAFE_INTEGER) || !isCount(spent, Number.MAX_SAFE_INTEGER))
    return undefined;
  return { of, limit, spent };
}
