/**
 * `.codex-worker/rate-limits.json`: what Codex's server said last of the limits of the account, for `status`. It appears
 * complete. An agent could write it as well as we can: it is read with a bound, never through a link, and holds nobody up.
 */
import { randomBytes } from 'node:crypto';
import { EnvironmentError, isErrno, isStorageError } from '../core/errors.ts';
import { rateLimitFields, rateLimitsIn, type RateLimits } from '../core/rate-limits.ts';
import { PRIVATE_DIRECTORY } from '../core/task.ts';
import { createPrivate, mustNotLeadAway } from './file-system.ts';
import { closeQuietly, readSmall, removeIfThere, type Files } from './files.ts';
import { temporaryPath, type TaskDirectory } from './task-directory.ts';

const MOST_BYTES = 2_048;

const folderOf = ({ path }: Pick<TaskDirectory, 'path'>) => `${path}/${PRIVATE_DIRECTORY}`;
const pathOf = (directory: Pick<TaskDirectory, 'path'>) => `${folderOf(directory)}/rate-limits.json`;

const isInTheWay = (error: unknown) =>
  error instanceof EnvironmentError ||
  isStorageError(error) ||
  isErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'EEXIST', 'ENOTEMPTY');

/** Puts it in the place of what was said before; where that cannot be, nobody is told. */
export async function writeRateLimits(
  files: Files,
  directory: TaskDirectory,
  limits: RateLimits,
): Promise<void> {
  const name = `rate-limits-${randomBytes(16).toString('hex')}`;
  const temporary = temporaryPath(directory, name);
  try {
    const fd = await createPrivate(files, directory, 'tmp', name);
    try {
      await files.write(fd, Buffer.from(`${JSON.stringify({ v: 1, ...rateLimitFields(limits) })}\n`), 0);
      await files.rename(temporary, pathOf(directory));
    } catch (error) {
      await removeIfThere(files, temporary);
      throw error;
    } finally {
      await closeQuietly(files, fd);
    }
  } catch (error) {
    if (!isInTheWay(error)) throw error;
  }
}

/** `undefined` where nothing was said, or what stands there is nothing of ours; `now` is ms since 1970. */
export async function readRateLimits(
  files: Files,
  directory: Pick<TaskDirectory, 'path'>,
  now: number,
): Promise<RateLimits | undefined> {
  try {
    await mustNotLeadAway(files, folderOf(directory));
    const file = await readSmall(files, pathOf(directory), MOST_BYTES + 1);
    if (file.kind !== 'read' || file.bytes.length > MOST_BYTES) return undefined;
    return rateLimitsIn(parse(file.bytes.toString('utf8')), now);
  } catch (error) {
    if (!isInTheWay(error)) throw error;
    return undefined;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
