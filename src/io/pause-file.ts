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
  const temporary = await draft(files, directory, me, pause);
  try {
    if (how === 'first') return await placeFirst(files, directory, temporary);
    await files.rename(temporary, pausePath(directory));
    return true;
  } catch (error) {
    if (isErrno(error, 'EISDIR', 'ENOTEMPTY'))
      throw new EnvironmentError(`${pausePath(directory)} is a directory`, 'move it out of the way', {
        cause: error,
      });
    throw error;
  } finally {
    await removeIfThere(files, temporary);
  }
}

const newName = (what: string, me: ProcessIdentity) =>
  `${what}-${randomBytes(8).toString('hex')}.${identityToken(me)}`;

/** A complete pause under a temporary name; the path. */
async function draft(
  files: Files,
  directory: TaskDirectory,
  me: ProcessIdentity,
  pause: Pause,
): Promise<string> {
  const name = newName('pause', me);
  const fd = await createPrivate(files, directory, 'tmp', name);
  try {
    await files.write(fd, Buffer.from(`${JSON.stringify(pauseFields(pause))}\n`), 0);
  } finally {
    await files.close(fd);
  }
  return temporaryPath(directory, name);
}

/** Gives a file the name of the pause, unless there is one: false then. */
async function placeFirst(files: Files, directory: TaskDirectory, from: string): Promise<boolean> {
  const path = pausePath(directory);
  try {
    if (directory.hardLinks) await files.link(from, path);
    else if (await lookAt(files, path)) return false;
    else await files.rename(from, path); // two at once: the later one stands, and nobody is worse off
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

/**
 * Puts `next` in the place of the pause `id`; false when another one stands there, which is left as it is. For a moment in
 * between there is none: who looks just then begins something, and meets the limit once more. Throws as `writePause` does.
 */
export async function replacePause(
  files: Files,
  directory: TaskDirectory,
  me: ProcessIdentity,
  id: string,
  next: Pause,
  now: number,
): Promise<boolean> {
  if (!(await stands(files, directory, id, now))) return false;
  const temporary = await draft(files, directory, me, next); // first: where the disk is full the old one stays
  try {
    const aside = await takeAside(files, directory, me, id, now);
    if (aside === undefined) return false;
    try {
      return await placeFirst(files, directory, temporary);
    } catch (error) {
      await placeFirst(files, directory, aside);
      throw error;
    } finally {
      await removeIfThere(files, aside);
    }
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
  const aside = await takeAside(files, directory, me, id, now);
  return aside !== undefined && removeIfThere(files, aside);
}

async function stands(files: Files, directory: TaskDirectory, id: string, now: number): Promise<boolean> {
  const read = await readPause(files, directory, now);
  return read.kind === 'pause' && read.pause.id === id;
}

/**
 * No call removes a name only if it still leads to that file: so the pause is taken aside, looked at, and put back if it is
 * another, unless there is one again. The path where `id` is now; `undefined` when it was not that one which stood there.
 */
async function takeAside(
  files: Files,
  directory: TaskDirectory,
  me: ProcessIdentity,
  id: string,
  now: number,
): Promise<string | undefined> {
  if (!(await stands(files, directory, id, now))) return undefined;
  try {
    await makePrivateDirectory(files, directory);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined; // the task directory is gone
    throw error;
  }
  const aside = temporaryPath(directory, newName('lifted', me));
  if (!(await renameIfThere(files, pausePath(directory), aside))) return undefined;
  const file = await readSmall(files, aside, MOST_BYTES);
  const taken = file.kind === 'read' ? asPause(parse(file.bytes.toString('utf8')), now) : undefined;
  if (taken === undefined || taken.id === id) return aside;
  await placeFirst(files, directory, aside);
  await removeIfThere(files, aside);
  return undefined;
}

/** Ends whatever pause there is, and what is none. False when there was nothing. */
export async function removeAnyPause(files: Files, directory: Pick<TaskDirectory, 'path'>): Promise<boolean> {
  const folder = `${directory.path}/${PRIVATE_DIRECTORY}`;
  if (!(await lookAt(files, folder))) return false;
  await mustNotLeadAway(files, folder);
  return removeIfThere(files, pausePath(directory));
}
