/** What may be a task file, by its name and what it is; nothing is read of it. */
import { join } from 'node:path';
import {
  CONFIG_FILES,
  MAX_NAME_BYTES,
  MAX_PROMPT_BYTES,
  parseMarker,
  PRIVATE_DIRECTORY,
  reservedPrefix,
} from '../core/task.ts';
import { describeType, lookAt, type BigIntStats, type EntryNames, type Files } from './files.ts';
import type { Listing } from './task-directory.ts';

/** Whether the names of its markers would be longer than a file system takes. */
export const isTooLong = (name: string) =>
  name.length * 3 > MAX_NAME_BYTES && Buffer.byteLength(name) > MAX_NAME_BYTES;

export const NOT_UTF8 = 'has a name that is not UTF-8';

/** A sentence for what cannot be a task; `undefined` for a task. */
export function whyNotATask(
  name: string,
  stat: BigIntStats | undefined,
  { notUtf8 }: Pick<EntryNames, 'notUtf8'>,
): string | undefined {
  if (!stat) return notUtf8.has(name) ? NOT_UTF8 : 'is gone';
  if (!stat.isFile()) return `is ${describeType(stat)}, not a regular file`;
  const prefix = reservedPrefix(name);
  if (prefix) return `has a name that begins with ${prefix}, which is reserved for markers; rename it`;
  if (isTooLong(name))
    return `has a name of ${Buffer.byteLength(name)} bytes, and ${MAX_NAME_BYTES} is the longest that leaves room for its markers`;
  if (stat.size === 0n) return 'is empty';
  if (stat.size > MAX_PROMPT_BYTES)
    return `has ${stat.size} bytes, and Codex takes at most ${MAX_PROMPT_BYTES}`;
  return undefined;
}

/** A name that is ours to pass over. A user's own `in-progress-report.md` is not; one beside `report.md` is its marker. */
export async function isMarkerBeside(
  files: Files,
  { directory, listing }: { readonly directory: string; readonly listing: Listing },
  name: string,
): Promise<boolean> {
  const marker = parseMarker(name);
  if (!marker) return name === PRIVATE_DIRECTORY || CONFIG_FILES.some((config) => config === name);
  if (marker.kind !== 'mirror' && marker.kind !== 'question') return true;
  // A task file that was deleted while it ran leaves its markers for a moment.
  return (
    listing.marks.locked.has(marker.task) || (await lookAt(files, join(directory, marker.task))) !== undefined
  );
}
