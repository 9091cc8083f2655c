/**
 * `.codex-worker/pause.json`: the pause of a task directory. It appears complete (it is written under another name) and
 * whoever deletes it, or its folder, has ended the pause. An agent can write it as well as we can: it is read with a bound,
 * never through a link, and what is no pause holds nobody up.
 */
import { randomBytes } from 'node:crypto';
import { EnvironmentError, isErrno } from '../core/errors.ts';
import { asPause, pauseFields, type Pause } from '../core/pause.ts';
import type { ProcessIdentity } from '../core/claim.ts';
import { PRIVATE_DIRECTORY } from '../core/task.ts';
import { createPrivate, makePrivateDirectory, mustNotLeadAway } from './file-system.ts';
import { lookAt, readSmall, removeIfThere, renameIfThere, type Files } from './files.ts';
import { identityToken } from './process-identity.ts';
import { temporaryPath, type TaskDirectory } from './task-directory.ts';

const MOST_BYTES = 4_096;

export const pausePath = ({ path }: Pick<TaskDirectory, 'path'>) => `${path}/${PRIVATE_DIRECTORY}/pause.json`;

export type PauseRead =
  | { readonly kind: 'absent' }
  | { readonly kind: 'damaged'; readonly why: string }
  | { readonly kind: 'pause'; readonly pause: Pause };

/** `now` is ms since 1970. */
export async function readPause(
  files: Files,
  directory: Pick<TaskDirectory, 'path'>,
  now: number,
): Promise<PauseRead> {
  const folder = `${directory.path}/${PRIVATE_DIRECTORY}`;
  if ((await lookAt(files, folder))?.isDirectory() !== true) return { kind: 'absent' }; // a link would lead out of it
  const file = await readSmall(files, pausePath(directory), MOST_BYTES + 1);
  if (file.kind === 'absent') return { kind: 'absent' };
  if (file.kind === 'odd') return { kind: 'damaged', why: file.why };
  if (file.bytes.length > MOST_BYTES) return { kind: 'damaged', why: 'it is too large' };
  const pause = asPause(parse(file.bytes.toString('utf8')), now);
  return pause ? { kind: 'pause', pause } : { kind: 'damaged', why: 'there is no pause in it' };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * `first`: only where there is none yet. False when somebody else was first. Throws EnvironmentError where it cannot be, and
 * ENOENT only when the task directory itself is gone.
 */
export async function writePause(
  files: Files,
  directory: TaskDirectory,
  me: ProcessIdentity,
  pause: Pause,
  how: 'first' | 'instead',
): Promise<boolean> {
  for (;;) {
    try {
      return await tryToWrite(files, directory, me, pause, how);
    } catch (error) {
      if (!isErrno(error, 'ENOENT') || !(await lookAt(files, directory.path))) throw error; // else our folder was removed
    }
  }
}

async function tryToWrite(
  files: Files,
  directory: TaskDirectory,
  me: ProcessIdentity,
  pause: Pause,
  how: 'first' | 'instead',
): Promise<boolean> {
  const name = `pause-${randomBytes(8).toString('hex')}.${identityToken(me)}`;
  const temporary = temporaryPath(directory, name);
  const fd = await createPrivate(files, directory, 'tmp', name);
  try {
    await files.write(fd, Buffer.from(`${JSON.stringify(pauseFields(pause))}\n`), 0);
  } finally {
    await files.close(fd);
  }
  const path = pausePath(directory);
  try {
    if (how === 'instead') await files.rename(temporary, path);
    else if (directory.hardLinks) await files.link(temporary, path);
    else if (await lookAt(files, path)) return false;
    else await files.rename(temporary, path); // two at once: the later one stands, and nobody is worse off
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    if (isErrno(error, 'EISDIR', 'ENOTEMPTY'))
      throw new EnvironmentError(`${path} is a directory`, 'move it out of the way', { cause: error });
    throw error;
  } finally {
    await removeIfThere(files, temporary);
  }
}

/** Ends the pause `id`; false when it is not that one which stands there. */
export async function removePause(
  files: Files,
  directory: TaskDirectory,
  me: ProcessIdentity,
  id: string,
  now: number,
): Promise<boolean> {
  const path = pausePath(directory);
  const read = await readPause(files, directory, now);
  if (read.kind !== 'pause' || read.pause.id !== id) return false;
  // No call removes a name only if it still leads to that file: so it is taken aside, looked at, and put back if it is another.
  const aside = temporaryPath(directory, `lifted-${randomBytes(8).toString('hex')}.${identityToken(me)}`);
  try {
    await makePrivateDirectory(files, directory);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false; // the task directory is gone
    throw error;
  }
  if (!(await renameIfThere(files, path, aside))) return false;
  const file = await readSmall(files, aside, MOST_BYTES);
  const taken = file.kind === 'read' ? asPause(parse(file.bytes.toString('utf8')), now) : undefined;
  if (taken !== undefined && taken.id !== id) {
    await renameIfThere(files, aside, path);
    return false;
  }
  await removeIfThere(files, aside);
  return true;
}

/** Ends whatever pause there is, and what is none. False when there was nothing. */
export async function removeAnyPause(files: Files, directory: Pick<TaskDirectory, 'path'>): Promise<boolean> {
  const folder = `${directory.path}/${PRIVATE_DIRECTORY}`;
  if (!(await lookAt(files, folder))) return false;
  await mustNotLeadAway(files, folder);
  return removeIfThere(files, pausePath(directory));
}
