/** What every goal is given: sizes, places, programs, and a voice. It owns the scratch directories. */
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Need, Place } from './goal.ts';
import { fileSystemOf } from './machine.ts';
import { compilePrograms, findProgram, NEEDS, type CompiledPrograms } from './programs.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The product, as it is installed: compiled. */
export const CLI = join(ROOT, 'dist/src/cli.js');

/** Free bytes. 300,000 small files take a page each, 1.2 GB, and are not the only ones; /dev/shm of a container may have 64 MB. */
const TMPFS_NEEDED = { full: 4e9, quick: 5e7 };

export class Bench {
  readonly quick: boolean;
  /** Where task directories can be; tmpfs first, and missing where the machine has none that is large enough. */
  readonly places: readonly Place[];
  readonly #directories: Readonly<Partial<Record<Place, string>>>;
  readonly #rounds: number | undefined;
  readonly #programs: CompiledPrograms | undefined;
  readonly #startedAt = performance.now();
  #made = 0;

  constructor({ quick, rounds }: { readonly quick: boolean; readonly rounds: number | undefined }) {
    this.quick = quick;
    this.#rounds = rounds;
    const tmpfs = findTmpfs(TMPFS_NEEDED[quick ? 'quick' : 'full']);
    // `dist.*` is ignored by git: the checkout's own disk, where temporary files are in memory
    const onDisk = isTmpfs(tmpdir()) ? join(ROOT, 'dist.bench-') : join(tmpdir(), 'codex-worker-bench-');
    this.#directories = {
      ...(tmpfs === undefined ? {} : { tmpfs: mkdtempSync(join(tmpfs, 'codex-worker-bench-')) }),
      disk: mkdtempSync(onDisk),
    };
    this.places = (['tmpfs', 'disk'] as const).filter((place) => this.#directories[place] !== undefined);
    this.#programs = this.has('cc') ? compilePrograms(this.newDirectory('disk')) : undefined;
  }

  /** The same for what takes long: with `--quick` only the first of them. */
  get placesIfThereIsTime(): readonly Place[] {
    return this.quick ? [this.mainPlace] : this.places;
  }

  /** The place that limits are meant for, or what comes nearest. */
  get mainPlace(): Place {
    return this.places[0] ?? 'disk';
  }

  /** Pairs of runs where `usual` are enough; `--quick` makes one, `--rounds` has the last word. */
  rounds(usual: number): number {
    return this.#rounds ?? (this.quick ? 1 : usual);
  }

  /** How many of something, by how much time there is. */
  size(full: number, quick: number): number {
    return this.quick ? quick : full;
  }

  has(need: Need): boolean {
    return findProgram(need) !== undefined;
  }

  get missing(): readonly Need[] {
    return NEEDS.filter((need) => !this.has(need));
  }

  /** Throws where there is no compiler: every goal needs it, and is left out before it gets here. */
  get programs(): CompiledPrograms {
    if (this.#programs === undefined) throw new Error('there is no C compiler');
    return this.#programs;
  }

  /** An empty directory of its own. */
  newDirectory(place: Place): string {
    const directory = join(this.#directories[place] ?? '', String(this.#made++));
    mkdirSync(directory);
    return directory;
  }

  /** "tmpfs (/dev/shm)", "disk (ext4, /tmp)". */
  describePlace(place: Place): string {
    const directory = this.#directories[place] ?? '';
    return place === 'tmpfs' ? `tmpfs, ${directory}` : `${fileSystemOf(directory)}, ${directory}`;
  }

  say(text: string): void {
    const clock = new Date(performance.now() - this.#startedAt).toISOString().slice(11, 19);
    process.stderr.write(`${clock}  ${text}\n`);
  }

  get elapsedSeconds(): number {
    return (performance.now() - this.#startedAt) / 1_000;
  }

  /**
   * Removes what a run has left. On a disk that waits for `close`: after many deletes every create of ext4 is dearer
   * for minutes, and the next run would pay for it.
   */
  discard(path: string, place: Place | undefined): void {
    if (place !== 'disk') remove(path);
  }

  close(): void {
    for (const directory of Object.values(this.#directories)) remove(directory);
  }
}

const remove = (path: string) =>
  rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });

const isTmpfs = (path: string) => fileSystemOf(path) === 'tmpfs';

function findTmpfs(neededBytes: number): string | undefined {
  return ['/dev/shm', tmpdir()].find((path) => {
    if (!isTmpfs(path)) return false;
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize >= neededBytes;
  });
}

/** What a user has in the environment, without what npm and tsx have put there. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const kept = ['HOME', 'USER', 'LOGNAME', 'LANG', 'SHELL', 'TMPDIR'];
  const path = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((directory) => !/node_modules|node-gyp-bin/.test(directory))
    .join(delimiter);
  return Object.fromEntries([
    ['PATH', path],
    ...kept.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  ]) as NodeJS.ProcessEnv;
}
