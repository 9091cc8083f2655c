/** The directory as the user sees it: which files are tasks, and what a task says. */
import { createHash } from 'node:crypto';
import { readdir, type Dirent } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { glob } from 'tinyglobby';
import type { PromptSource } from '../core/claim.ts';
import { isErrno, UsageError } from '../core/errors.ts';
import {
  byNaturalOrder,
  markerOf,
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
  listDirectory,
  lookAt,
  readSmall,
  type BigIntStats,
  type Files,
  type Listing,
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

export interface Discovery {
  /** In natural order, each once, however its path was spelled. */
  readonly tasks: readonly Task[];
  readonly refused: readonly Refusal[];
  /** Where they are; `whole` are the directories that were given as such, and so stand for everything in them. */
  readonly directories: ReadonlyMap<string, 'whole' | 'named'>;
}

/**
 * The tasks that `paths` stand for, relative to `cwd`: a directory contributes what matches `patterns` in it, a file
 * is taken whatever its name; markers are passed over without a word, as globs will contain them.
 * Throws UsageError for a path that does not exist.
 */
export async function discover(
  files: Files,
  paths: readonly string[],
  patterns: readonly string[],
  cwd: string,
): Promise<Discovery> {
  const tasks = new Map<string, Task>();
  const refused = new Map<string, Refusal>();
  const directories = new Map<string, 'whole' | 'named'>();
  const listings = new Map<string, Listing>();
  const listingOf = async (directory: string) => {
    const known = listings.get(directory);
    if (known) return known;
    const listing = await listDirectory(files, directory);
    listings.set(directory, listing);
    return listing;
  };
  const labelOf = (path: string) => relative(cwd, path) || '.';
  const refuse = (path: string, why: string) => void refused.set(path, { label: labelOf(path), why });
  const add = async (directory: string, name: string, stat: BigIntStats | undefined) => {
    const path = join(directory, name);
    const why = whyNotATask(name, stat, await listingOf(directory));
    if (why === 'marker') return;
    if (why) refuse(path, why);
    else tasks.set(path, { directory, name, label: labelOf(path) });
  };

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
      await listingOf(directory);
      directories.set(directory, 'whole');
      for (const found of await globIn(directory, patterns)) {
        const inner = join(directory, dirname(found));
        directories.set(inner, 'whole');
        await add(inner, basename(found), await lookAt(files, join(directory, found)));
      }
    } else {
      const directory = await realpath(dirname(path));
      directories.set(directory, directories.get(directory) ?? 'named');
      await add(directory, basename(path), stat);
    }
  }
  return { tasks: [...tasks.values()].sort(byNaturalOrder), refused: [...refused.values()], directories };
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

/** What matches in a directory, relative to it. Whatever is no directory counts as a file: a link or a pipe is refused, not passed over. */
async function globIn(directory: string, patterns: readonly string[]): Promise<string[]> {
  const readEntries = (
    path: string,
    options: { withFileTypes: true },
    done: (error: NodeJS.ErrnoException | null, entries: Dirent[]) => void,
  ) =>
    readdir(join(directory, showLineEnds(relative(GLOB_ROOT, path))), options, (error, entries) => {
      for (const entry of error ? [] : entries)
        Object.assign(entry, {
          name: hideLineEnds(entry.name),
          isFile: () => !entry.isDirectory(),
          isSymbolicLink: () => false,
        });
      done(error, entries);
    });
  const found = await glob(patterns.map(hideLineEnds), {
    cwd: GLOB_ROOT,
    ignore: [`**/${PRIVATE_DIRECTORY}/**`],
    fs: { readdir: readEntries as unknown as typeof readdir },
    onlyFiles: true,
    followSymbolicLinks: false,
    expandDirectories: false,
  });
  return found.map(showLineEnds);
}

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
  return (await listDirectory(files, dirname(path))).notUtf8.includes(basename(path));
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

/** `marker` for a name that is ours to pass over; a sentence for what cannot be a task; `undefined` for a task. */
function whyNotATask(
  name: string,
  stat: BigIntStats | undefined,
  { names, notUtf8 }: Listing,
): string | undefined {
  if (isMarkerBeside(name, names)) return 'marker';
  if (!stat) return notUtf8.includes(name) ? 'has a name that is not UTF-8' : 'is gone';
  if (!stat.isFile()) return `is ${describeType(stat)}, not a regular file`;
  const prefix = reservedPrefix(name);
  if (prefix) return `has a name that begins with ${prefix}, which is reserved for markers; rename it`;
  const bytes = Buffer.byteLength(name);
  if (bytes > MAX_NAME_BYTES)
    return `has a name of ${bytes} bytes, and ${MAX_NAME_BYTES} is the longest that leaves room for its markers`;
  if (stat.size === 0n) return 'is empty';
  if (stat.size > MAX_PROMPT_BYTES)
    return `has ${stat.size} bytes, and Codex takes at most ${MAX_PROMPT_BYTES}`;
  return undefined;
}

/** A user's own `in-progress-report.md` is refused aloud; one that stands beside `report.md` is its marker. */
function isMarkerBeside(name: string, listing: ReadonlySet<string>): boolean {
  const marker = parseMarker(name);
  if (!marker) return name === PRIVATE_DIRECTORY;
  // A task file that was deleted while it ran leaves its markers for a moment.
  return marker.kind !== 'mirror' || listing.has(marker.task) || listing.has(markerOf.lock(marker.task));
}

export type PromptRead =
  | { readonly kind: 'read'; readonly bytes: Buffer; readonly source: PromptSource }
  | { readonly kind: 'gone' }
  | { readonly kind: 'refused'; readonly why: string };

/**
 * The prompt, read once and whole; what is edited later does not change the attempt. Refused is what Codex would
 * refuse: nothing but blanks, not UTF-8, too large; and what is no regular file, or may not be read.
 */
export async function readPrompt(files: Files, task: Task): Promise<PromptRead> {
  const file = await readSmall(files, `${task.directory}/${task.name}`, MAX_PROMPT_BYTES + 1);
  if (file.kind === 'absent') return { kind: 'gone' };
  if (file.kind === 'odd') return { kind: 'refused', why: file.why.replace(/^it /, '') };
  const { bytes, stat } = file;
  if (bytes.length > MAX_PROMPT_BYTES)
    return { kind: 'refused', why: `has more than the ${MAX_PROMPT_BYTES} bytes that Codex takes` };
  const text = bytes.toString('utf8');
  if (!Buffer.from(text, 'utf8').equals(bytes)) return { kind: 'refused', why: 'is not UTF-8 text' };
  if (text.trim() === '') return { kind: 'refused', why: 'has no text in it' };
  return { kind: 'read', bytes, source: sourceOf(stat, bytes) };
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
