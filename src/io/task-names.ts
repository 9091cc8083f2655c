/** The names of tasks, for whoever types one. */
import { realpath } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { parseMarker } from '../core/task.ts';
import { leadsToDirectory } from './entry.ts';
import type { Files } from './files.ts';
import { globIn } from './glob.ts';
import { listTaskDirectory, type Listing } from './task-directory.ts';
import { isTooLong } from './task-file.ts';

/**
 * What may be typed for the tasks in a directory, relative to it, by a listing and without a look at any file: what
 * matches, and tasks whose file is gone as long as a marker is there. In no order; none where there is no directory.
 */
export async function taskNames(
  files: Files,
  directory: string,
  patterns: readonly string[],
): Promise<string[]> {
  const listings = new Map<string, Promise<Listing>>();
  const listingOf = (path: string) => {
    const coming = listings.get(path) ?? listTaskDirectory(files, path);
    listings.set(path, coming);
    return coming;
  };
  if (!(await leadsToDirectory(directory))) return [];
  const real = await realpath(directory);
  const names = new Set(
    (await globIn(real, patterns, listingOf)).filter((name) => !isTooLong(basename(name))),
  );
  for (const [path, coming] of listings) {
    const { marks } = await coming;
    const way = relative(real, path);
    for (const group of [marks.completed, marks.failed, marks.locked])
      for (const name of group) names.add(join(way, name));
    for (const name of [...marks.mirrors, ...marks.questions]) {
      const marker = parseMarker(name);
      if (marker && 'task' in marker && names.has(join(way, marker.task))) names.delete(join(way, name));
    }
  }
  return [...names];
}
