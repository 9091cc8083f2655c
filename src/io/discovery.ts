/** Discovery: which files are tasks, of those that the given paths and patterns mean, and why the others are not. */
import { realpath } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { UsageError } from '../core/errors.ts';
import { reservedPrefix, type Refusal, type Task } from '../core/task.ts';
import { isNotUtf8, leadsToDirectory } from './entry.ts';
import { lookAt, type BigIntStats, type Files } from './files.ts';
import { globIn } from './glob.ts';
import { listTaskDirectory, type Listing } from './task-directory.ts';
import { isMarkerBeside, isTooLong, NOT_UTF8, whyNotATask } from './task-file.ts';

export interface Discovery {
  /** Each once, however its path was spelled; in no order. */
  readonly tasks: readonly Task[];
  readonly refused: readonly Refusal[];
  /** Where they are; `whole` are the directories that were given as such, and so stand for everything in them. */
  readonly directories: ReadonlyMap<string, 'whole' | 'named'>;
  /** What each of these directories held when it was read. Large: to be forgotten once it has been looked at. */
  readonly listings: Map<string, Listing>;
  /** Every directory that was read, those that a pattern only passed through too, with its stamp from before. */
  readonly stamps: ReadonlyMap<string, string>;
}

/**
 * The tasks that `paths` stand for, relative to `cwd`: a directory contributes what matches `patterns` in it, a file
 * is taken whatever its name; markers are passed over without a word, as globs will contain them. What `isKnown` to be a
 * task in a directory is one without a look at its file. Throws UsageError for a path that does not exist.
 */
export async function discover(
  files: Files,
  paths: readonly string[],
  patterns: readonly string[],
  cwd: string,
  isKnown: (directory: string, name: string) => boolean = () => false,
): Promise<Discovery> {
  const places = new Places(files, cwd, isKnown);
  for (const given of paths.length === 0 ? ['.'] : paths) {
    const path = resolve(cwd, given);
    const stat = await lookAt(files, path);
    const isDirectory = stat?.isDirectory() || (stat?.isSymbolicLink() && (await leadsToDirectory(path)));
    if (!stat && !(await isNotUtf8(files, path))) {
      if (reservedPrefix(basename(path))) continue; // a glob of the shell named a marker, and it is gone again
      throw new UsageError(
        `no such path: ${given}`,
        'give directories, files or shell globs; none means the current directory',
      );
    }
    if (isDirectory) {
      const directory = await realpath(path);
      await places.at(directory, 'whole');
      const matches = await globIn(directory, patterns, async (inner) => (await places.at(inner)).listing);
      for (const [inner, names] of byDirectory(matches))
        await addMatches(places, await places.at(join(directory, inner), 'whole'), names);
    } else {
      await add(places, await places.at(await realpath(dirname(path)), 'named'), basename(path), stat);
    }
  }
  return places.discovery(paths.length > 1);
}

interface Place {
  readonly directory: string;
  /** What a label begins with. */
  readonly prefix: string;
  readonly listing: Listing;
  /** Undefined where a glob has only passed through. */
  extent: 'whole' | 'named' | undefined;
  readonly tasks: Task[];
}

/** The directories that a discovery comes to, each read once. */
class Places {
  readonly files: Files;
  readonly isKnown: (directory: string, name: string) => boolean;
  readonly #cwd: string;
  readonly #places = new Map<string, Promise<Place>>();
  readonly #refused = new Map<string, Refusal>();

  constructor(files: Files, cwd: string, isKnown: Places['isKnown']) {
    this.files = files;
    this.isKnown = isKnown;
    this.#cwd = cwd;
  }

  async at(directory: string, extent?: 'whole' | 'named'): Promise<Place> {
    const coming = this.#places.get(directory) ?? this.#come(directory);
    this.#places.set(directory, coming);
    coming.catch(() => this.#places.delete(directory)); // the glob passes over what it may not read
    const place = await coming;
    if (place.extent !== 'whole') place.extent = extent ?? place.extent;
    return place;
  }

  async #come(directory: string): Promise<Place> {
    const way = relative(this.#cwd, directory);
    const listing = await listTaskDirectory(this.files, directory);
    return { directory, prefix: way === '' ? '' : `${way}/`, listing, extent: undefined, tasks: [] };
  }

  refuse({ directory, prefix }: Place, name: string, why: string): void {
    this.#refused.set(join(directory, name), { label: prefix + name, why });
  }

  async discovery(mayRepeat: boolean): Promise<Discovery> {
    const tasks: Task[][] = [];
    const directories = new Map<string, 'whole' | 'named'>();
    const listings = new Map<string, Listing>();
    const stamps = new Map<string, string>();
    for (const [path, coming] of this.#places) {
      const place = await coming;
      stamps.set(path, String(place.listing.changedAt));
      if (!place.extent) continue;
      directories.set(path, place.extent);
      listings.set(path, place.listing);
      tasks.push(
        mayRepeat ? [...new Map(place.tasks.map((task) => [task.name, task])).values()] : place.tasks,
      );
    }
    return {
      tasks: new Array<Task>().concat(...tasks),
      refused: [...this.#refused.values()],
      directories,
      listings,
      stamps,
    };
  }
}

/** What the glob found, by the directories it is in, relative to the glob's own. */
function byDirectory(matches: readonly string[]): Map<string, string[]> {
  const names = new Map<string, string[]>();
  for (const match of matches) {
    const slash = match.lastIndexOf('/');
    const directory = match.slice(0, Math.max(0, slash));
    const group = names.get(directory);
    if (group) group.push(match.slice(slash + 1));
    else names.set(directory, [match.slice(slash + 1)]);
  }
  return names;
}

/** Task files that are looked at together. */
const LOOKS_AT_ONCE = 64;

/**
 * A task that is completed is one without a look at its file: only a run that takes it again reads it, and refuses then
 * what is no prompt.
 */
async function addMatches(places: Places, place: Place, names: readonly string[]): Promise<void> {
  const { directory, prefix, listing, tasks } = place;
  const isPlain = (name: string) =>
    (listing.marks.completed.has(name) || places.isKnown(directory, name)) &&
    !listing.odd.has(name) &&
    !listing.notUtf8.has(name) &&
    !isTooLong(name) &&
    !reservedPrefix(name);
  const others: string[] = [];
  for (const name of names) {
    if (isPlain(name)) tasks.push({ directory, name, label: prefix + name });
    else others.push(name);
  }
  for (let start = 0; start < others.length; start += LOOKS_AT_ONCE) {
    const looks = others
      .slice(start, start + LOOKS_AT_ONCE)
      .map(async (name) => [name, await lookAt(places.files, join(directory, name))] as const);
    for (const [name, stat] of await Promise.all(looks)) await add(places, place, name, stat);
  }
}

async function add(places: Places, place: Place, name: string, stat: BigIntStats | undefined): Promise<void> {
  const { directory, prefix, listing, tasks } = place;
  if (await isMarkerBeside(places.files, place, name)) return;
  const why = whyNotATask(name, stat, listing);
  if (why) places.refuse(place, name, why);
  else if (listing.notUtf8.has(name)) places.refuse(place, name, NOT_UTF8); // the other one of that look
  if (!why) tasks.push({ directory, name, label: prefix + name });
}
