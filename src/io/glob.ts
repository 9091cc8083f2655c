/** Globs over listings of task directories. What a pattern matches is asked of a listing, and so nothing is read twice. */
import type { readdir } from 'node:fs';
import { join, relative } from 'node:path';
import { callbackify } from 'node:util';
import { PRIVATE_DIRECTORY } from '../core/task.ts';
import type { Listing } from './task-directory.ts';

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
export async function globIn(
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
