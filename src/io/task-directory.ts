/** The directory as the user sees it: which files are tasks, and what a task says. */
import { createHash } from 'node:crypto';
import type { readdir } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { callbackify } from 'node:util';
import type { PromptSource } from '../core/claim.ts';
import { isErrno, UsageError } from '../core/errors.ts';
import { partsOf, wrongMatter } from '../core/front-matter.ts';
import {
  CONFIG_FILES,
  markerOf,
  Marks,
  MAX_NAME_BYTES,
  MAX_PROMPT_BYTES,
  parseMarker,
  PRIVATE_DIRECTORY,
  reservedPrefix,
  type Refusal,
  type Task,
  type TaskState,
} from '../core/task.ts';
import {
  describeType,
  inTurns,
  listDirectory,
  lookAt,
  readSmall,
  type BigIntStats,
  type EntryNames,
  type Files,
} from './files.ts';

/** A directory with tasks, after its file system has passed the self-test (`openTaskDirectory`). Plain data: it crosses threads. */
export interface TaskDirectory {
  /** Absolute, symbolic links resolved. */
  readonly path: string;
  /** `dev:ino`, for people who compare lock files. */
  readonly id: string;
  readonly hardLinks: boolean;
  /** On a network file system an owner may be on another host, and changes are seen late. */
  readonly network: boolean;
}

export const temporaryPath = (directory: TaskDirectory, name: string) =>
  `${directory.path}/${PRIVATE_DIRECTORY}/tmp/${name}`;

/** A task directory, read once: for a directory of 100,000 tasks that is most of what a run with nothing to do costs. */
export interface Listing extends Pick<EntryNames, 'odd' | 'notUtf8'> {
  readonly marks: Marks;
  /** The names that may be those of task files: all but markers. A mirror may be a file of the user's own. */
  readonly candidates: readonly string[];
  /** When the directory was last changed before it was read, by its own clock; ns. */
  readonly changedAt: bigint;
}

async function listTaskDirectory(files: Files, path: string): Promise<Listing> {
  const changedAt = (await lookAt(files, path))?.mtimeNs ?? -1n;
  const { names, odd, notUtf8 } = await listDirectory(files, path);
  const marks = new Marks();
  const candidates: string[] = [];
  await inTurns(names, (name) => {
    const kind = marks.add(name);
    if (kind === undefined || kind === 'mirror') candidates.push(name);
  });
  return { marks, candidates, odd, notUtf8, changedAt };
}

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
    for (const mirror of marks.mirrors) {
      const task = parseMarker(mirror);
      if (task?.kind === 'mirror' && names.has(join(way, task.task))) names.delete(join(way, mirror));
    }
  }
  return [...names];
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

/** Where the glob believes that it is: it turns the backslashes of a real path into slashes, and reads another directory. */
const GLOB_ROOT = '/tasks';

/** Lone low halves of surrogate pairs, which no file name has, stand for line ends: no glob matches a name that begins with one. */
const hideLineEnds = (name: string) =>
  name.replace(/[\n\r\u2028\u2029]/g, (end) => String.fromCharCode(0xdc00 + (end.charCodeAt(0) & 0xff)));
const showLineEnds = (name: string) =>
  name.replace(/[\udc0a\udc0d\udc28\udc29]/gu, (hidden) => {
    const low = hidden.charCodeAt(0) & 0xff;
    return String.fromCharCode(low < 0x20 ? low : 0x2000 + low);
  });
/** Asked first, of names of which hardly any has one. */
const HAS_LINE_END = /[\n\r\u2028\u2029]/;

/** As the glob asks for it. Whatever is no directory counts as a file: a link or a pipe is refused, not passed over. */
class GlobEntry {
  readonly name: string;

  constructor(name: string) {
    this.name = HAS_LINE_END.test(name) ? hideLineEnds(name) : name;
  }

  isFile(): boolean {
    return true;
  }

  isDirectory(): boolean {
    return false;
  }

  isSymbolicLink(): boolean {
    return false;
  }
}

class GlobDirectory extends GlobEntry {
  override isFile(): boolean {
    return false;
  }

  override isDirectory(): boolean {
    return true;
  }
}

type Globbed = Pick<Listing, 'candidates' | 'odd' | 'notUtf8'>;

/** What matches in a directory, relative to it; the glob sees what `listingOf` says, and so reads nothing twice. */
async function globIn(
  directory: string,
  patterns: readonly string[],
  listingOf: (directory: string) => Promise<Globbed>,
): Promise<string[]> {
  const readEntries = callbackify(async (path: string) => {
    const inner = join(directory, showLineEnds(relative(GLOB_ROOT, path)));
    const { candidates, odd, notUtf8 } = await listingOf(inner);
    const entries = candidates.map((name) =>
      odd.get(name) === 'directory' ? new GlobDirectory(name) : new GlobEntry(name),
    );
    const known = notUtf8.size > 0 ? new Set(candidates) : undefined; // a file may really be called as another is shown
    for (const [name, kind] of notUtf8)
      if (kind !== 'directory' && !known?.has(name)) entries.push(new GlobEntry(name));
    return entries;
  });
  const readForGlob = (path: string, _options: unknown, done: Parameters<typeof readEntries>[1]) =>
    readEntries(path, done);
  const { glob } = await import('tinyglobby');
  const found = await glob(patterns.map(hideLineEnds), {
    cwd: GLOB_ROOT,
    ignore: [`**/${PRIVATE_DIRECTORY}/**`],
    fs: { readdir: readForGlob as unknown as typeof readdir },
    onlyFiles: true,
    followSymbolicLinks: false,
    expandDirectories: false,
  });
  return found.map(showLineEnds);
}

/** The names below a directory that a glob means, relative to it: of files, and of completed tasks, in these listings. */
export function namesBelow(
  directory: string,
  glob: string,
  listings: ReadonlyMap<string, Listing>,
): Promise<string[]> {
  return globIn(directory, [glob], async (inner) => {
    const listing = listings.get(inner);
    if (!listing) return NOTHING_LISTED;
    return { ...listing, candidates: [...new Set([...listing.candidates, ...listing.marks.completed])] };
  });
}

const NOTHING_LISTED: Globbed = { candidates: [], odd: new Map(), notUtf8: new Map() };

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
async function isNotUtf8(files: Files, path: string): Promise<boolean> {
  if (!basename(path).includes('\ufffd') || !(await leadsToDirectory(dirname(path)))) return false;
  return (await listDirectory(files, dirname(path))).notUtf8.has(basename(path));
}

async function leadsToDirectory(path: string): Promise<boolean> {
  try {
    await realpath(`${path}/.`);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return false;
    throw error;
  }
}

const isTooLong = (name: string) =>
  name.length * 3 > MAX_NAME_BYTES && Buffer.byteLength(name) > MAX_NAME_BYTES;

const NOT_UTF8 = 'has a name that is not UTF-8';

/** A sentence for what cannot be a task; `undefined` for a task. */
function whyNotATask(
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
async function isMarkerBeside(files: Files, { directory, listing }: Place, name: string): Promise<boolean> {
  const marker = parseMarker(name);
  if (!marker) return name === PRIVATE_DIRECTORY || CONFIG_FILES.some((config) => config === name);
  if (marker.kind !== 'mirror') return true;
  // A task file that was deleted while it ran leaves its markers for a moment.
  return (
    listing.marks.locked.has(marker.task) || (await lookAt(files, join(directory, marker.task))) !== undefined
  );
}

export type PromptRead =
  | {
      readonly kind: 'read';
      /** The prompt alone, without what the task says for itself. */
      readonly bytes: Buffer;
      /** Its front matter, if it has one. */
      readonly matter?: string;
      /** Of the whole file. */
      readonly source: PromptSource;
    }
  | { readonly kind: 'gone' }
  | { readonly kind: 'refused'; readonly why: string };

/**
 * The prompt, read once and whole; what is edited later does not change the attempt. Refused is what Codex would
 * refuse: nothing but blanks, not UTF-8, too large; what is no regular file, or may not be read; and front matter that is
 * none. What that says is for `readMatter`.
 */
export async function readPrompt(files: Files, task: Task): Promise<PromptRead> {
  const file = await readSmall(files, `${task.directory}/${task.name}`, MAX_PROMPT_BYTES + 1);
  if (file.kind === 'absent') return { kind: 'gone' };
  if (file.kind === 'odd') return { kind: 'refused', why: file.why.replace(/^it /, '') };
  const { bytes, stat } = file;
  if (bytes.length > MAX_PROMPT_BYTES)
    return { kind: 'refused', why: `has more than the ${MAX_PROMPT_BYTES} bytes that Codex takes` };
  const text = bytes.toString('utf8');
  const asText = Buffer.from(text, 'utf8');
  if (!asText.equals(bytes))
    return { kind: 'refused', why: `is not UTF-8 text (${whereTheyPart(bytes, asText)})` };
  const parts = partsOf(bytes);
  if (parts.kind === 'wrong')
    return { kind: 'refused', why: wrongMatter(`${task.label}:${parts.at}: ${parts.why}`) };
  const { matter, prompt } = parts;
  if (matter === undefined && text.trim() === '') return { kind: 'refused', why: 'has no text in it' };
  if (matter !== undefined && prompt.toString('utf8').trim() === '')
    return { kind: 'refused', why: 'has no text after its front matter' };
  return {
    kind: 'read',
    bytes: prompt,
    ...(matter !== undefined && { matter }),
    source: sourceOf(stat, bytes),
  };
}

/** Where bytes stop to be what they are as text. */
function whereTheyPart(bytes: Buffer, asText: Buffer): string {
  let at = 0;
  while (at < bytes.length && bytes[at] === asText[at]) at++;
  const before = bytes.subarray(0, at).toString('latin1').split('\n');
  return `line ${before.length}, byte ${(before.at(-1)?.length ?? 0) + 1}`;
}

function sourceOf(stat: BigIntStats, bytes: Buffer): PromptSource {
  return {
    dev: String(stat.dev),
    ino: String(stat.ino),
    size: bytes.length,
    mtimeNs: String(stat.mtimeNs),
    sha256: createHash('sha256').update(bytes).digest('hex'),
  };
}

/** Whether the task file is still the file that the prompt was read from; `gone` when it is not there at all. */
export async function isUnchanged(
  files: Files,
  task: Task,
  source: PromptSource,
): Promise<'same' | 'changed' | 'gone'> {
  const stat = await lookAt(files, `${task.directory}/${task.name}`);
  if (!stat) return 'gone';
  const same =
    stat.isFile() &&
    String(stat.dev) === source.dev &&
    String(stat.ino) === source.ino &&
    Number(stat.size) === source.size &&
    String(stat.mtimeNs) === source.mtimeNs;
  return same ? 'same' : 'changed';
}

/** The state of one task, by looking at its markers one by one: cheaper than a listing, for a few tasks. */
export async function lookAtState(files: Files, task: Task): Promise<TaskState> {
  const isThere = async (marker: string) =>
    (await lookAt(files, `${task.directory}/${marker}`)) !== undefined;
  if (await isThere(markerOf.completed(task.name))) return 'completed';
  if (await isThere(markerOf.lock(task.name))) return 'in-progress';
  return (await isThere(markerOf.failed(task.name))) ? 'failed' : 'pending';
}
