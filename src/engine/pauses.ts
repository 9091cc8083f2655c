/**
 * The pauses of a run's directories, as one terminal sees and makes them. While any of its directories is paused a run
 * starts nothing; what is on goes on.
 *
 *   open ──an attempt meets a limit, or somebody writes a pause──▶ paused ──its time has come, and a task is ready──▶ probing
 *     ▲                                                              │ ▲                                                 │
 *     └──────────── its file is gone, or its time is over ───────────┘ └── the limit again: another pause, later ────────┤
 *     └──────────────────────────────────────────────── the model answers: the file is removed ──────────────────────────┘
 *
 * CALLING SEQUENCE: `begin`; before each dispatch `prepare`, then `admits`; `began`, `answered` and `ended` for each attempt;
 * `close` when the run is over.
 */
import { newClaimId } from '../core/claim.ts';
import { EnvironmentError, isErrno, isStorageError } from '../core/errors.ts';
import type { RunEvent } from '../core/event.ts';
import type { Limit } from '../core/failure.ts';
import type { Outcome } from '../core/outcome.ts';
import { isInForce, tryLimitAt, type HandPause, type LimitPause, type Pause } from '../core/pause.ts';
import { headline } from '../core/printable.ts';
import type { Task } from '../core/task.ts';
import { unreachable } from '../core/unreachable.ts';
import { lookAt, resultId } from '../io/files.ts';
import {
  pausePath,
  readPause,
  removeAnyPause,
  removePause,
  replacePause,
  writePause,
} from '../io/pause-file.ts';
import { releaseProbe } from '../io/probe-file.ts';
import type { TaskDirectory } from '../io/task-directory.ts';
import { notePaused, noteResumed } from './pause-notes.ts';
import { newsOf } from './probe-news.ts';
import { obtainProbe } from './probe.ts';
import { SilenceWatch } from './silence.ts';
import { tolerant } from './tolerant-look.ts';
import type { World } from './world.ts';

export interface PausesDeps {
  readonly directories: ReadonlyMap<string, TaskDirectory>;
  /** Who writes a pause, for people. */
  readonly by: string;
  readonly emit: (event: RunEvent) => void;
}

export interface PauseListener {
  /** Something may be possible that was not. */
  readonly wake: () => void;
  /** A pause is over. */
  readonly resumed: () => void;
}

/** So often each directory is looked at; another terminal's pause is to be seen within two seconds. */
const LOOK_EVERY_MS = 1_000;
/** So much later than its time a pause is probed, at most: terminals do not come for it together. */
const JITTER_MS = 5_000;

interface Place {
  readonly directory: TaskDirectory;
  /** What the pause file was at the last look. */
  seen: string;
  pause: Pause | undefined;
}

interface HeldProbe {
  readonly held: readonly { readonly place: Place; readonly pause: LimitPause; readonly n: number }[];
  task: Task | undefined;
}

export class Pauses {
  readonly #world: World;
  readonly #deps: PausesDeps;
  #places: readonly Place[];
  readonly #silence: SilenceWatch;
  readonly #jitter = new Map<string, number>();
  #listener: PauseListener = { wake: () => {}, resumed: () => {} };
  #timer: NodeJS.Timeout | undefined;
  readonly #lookAnyhow = tolerant(
    () => this.look(),
    (code) =>
      this.#deps.emit({
        kind: 'notice',
        message: `whether there is a pause cannot be looked at (${code}); trying again`,
      }),
  );
  #looking: Promise<void> | undefined;
  #lifting: Promise<void> | undefined;
  #probe: HeldProbe | undefined;
  /** Pauses that are being written: they hold this run up already. */
  #writing = 0;
  #told: { readonly pause: Pause; readonly since: number } | undefined;
  #pausedMs = 0;

  constructor(world: World, deps: PausesDeps) {
    this.#world = world;
    this.#deps = deps;
    this.#places = inOrder([...deps.directories.values()].map(placeOf));
    this.#silence = new SilenceWatch(world.uptimeMs);
  }

  async begin(listener: PauseListener): Promise<void> {
    this.#listener = listener;
    await this.look();
    this.#timer = setInterval(() => void this.#tick(), LOOK_EVERY_MS);
  }

  /** Its pauses hold this run up from now on. */
  async include(directory: TaskDirectory): Promise<void> {
    if (this.#places.some((place) => place.directory.path === directory.path)) return;
    this.#places = inOrder([...this.#places, placeOf(directory)]);
    await this.look();
  }

  /** The probe is left to others. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
    await this.#lifting?.catch(() => {}); // heard of where its attempt ends
    await this.#release();
  }

  /** How long the run has been paused, ms. */
  get pausedMs(): number {
    return this.#pausedMs + (this.#told ? this.#world.uptimeMs() - this.#told.since : 0);
  }

  /** What may begin now: anything, one task as the probe, or nothing. */
  get admits(): 'all' | 'probe' | 'none' {
    if (this.#writing > 0) return 'none';
    if (!this.#current()) return 'all';
    return this.#probe && !this.#probe.task && this.#isOfUse(this.#probe) ? 'probe' : 'none';
  }

  /** Obtains the probe where it is time for it, and leaves it where there is nothing to try, or nothing to try it with. */
  async prepare(isAnyReady: boolean): Promise<void> {
    if (this.#probe && (!this.#isOfUse(this.#probe) || (!this.#probe.task && !isAnyReady)))
      await this.#release();
    if (!this.#probe && isAnyReady && this.#isDue()) await this.#obtain();
  }

  /** Pauses are lifted, replaced and added meanwhile: a task is tried only where nothing else holds this run up. */
  #isOfUse({ held, task }: HeldProbe): boolean {
    const now = this.#now;
    const stands = new Set(
      held.filter(({ place, pause }) => place.pause?.id === pause.id).map(({ place }) => place),
    );
    const isOther = (place: Place) => place.pause && isInForce(place.pause, now) && !stands.has(place);
    return stands.size > 0 && (task !== undefined || !this.#places.some(isOther));
  }

  began(task: Task): void {
    if (this.admits !== 'probe' || !this.#probe) return;
    this.#probe.task = task;
    this.#deps.emit({ kind: 'probing', task });
  }

  /** The model has said something: that ends the pause, however long the task then takes. */
  answered(task: Task): void {
    if (this.#probe?.task !== task) return;
    const probe = this.#takeOut();
    this.#lifting = this.#exclusively(() => this.#lift(probe));
    this.#lifting.catch(() => {}); // heard of where its attempt ends
  }

  /** Without an outcome it was not begun. Where it met a limit nothing begins from the call on. */
  ended(task: Task, outcome?: Outcome): Promise<void> {
    const limit = limitIn(outcome);
    const learn = () => this.#learn(task, outcome, limit);
    return limit ? this.#exclusively(learn) : learn();
  }

  async #learn(task: Task, outcome: Outcome | undefined, limit: Limit | undefined): Promise<void> {
    await this.#lifting;
    if (this.#probe?.task !== task) return limit ? this.pauseFor(limit) : undefined;
    const news = newsOf(outcome);
    switch (news.kind) {
      case 'untried':
        this.#probe.task = undefined;
        return;
      case 'lifted':
        return this.#exclusively(() => this.#lift(this.#takeOut()));
      case 'limited':
        await this.#exclusively(() => this.#renew(this.#takeOut(), news.limit));
        return limit && this.pauseFor(limit); // where a person has lifted the pause meanwhile
      case 'unclear':
        return this.#exclusively(() => this.#renew(this.#takeOut()));
      default:
        return unreachable(news);
    }
  }

  /** Looks at each directory: one call for each in which nothing has changed. */
  async look(): Promise<void> {
    const { files } = this.#world;
    for (const place of this.#places) {
      const stat = await lookAt(files, pausePath(place.directory));
      const seen = stat ? resultId(stat) : 'absent';
      if (seen === place.seen) continue;
      const read = await readPause(files, place.directory, this.#now);
      place.seen = seen;
      place.pause = read.kind === 'pause' ? read.pause : undefined;
      if (read.kind === 'damaged')
        this.#deps.emit({
          kind: 'notice',
          message: `${pausePath(place.directory)} pauses nobody: ${read.why}`,
        });
    }
    if (this.#writing === 0) this.#tell(this.#current());
  }

  get #now(): number {
    return this.#world.now().getTime();
  }

  /** The pause that holds this run up: a person's before any other, and the longest of several. */
  #current(): Pause | undefined {
    const end = ({ class: kind, until }: Pause) => (kind === 'by-hand' ? 1e15 : 0) + (until ?? 1e15);
    return this.#places
      .flatMap(({ pause }) => (pause && isInForce(pause, this.#now) ? [pause] : []))
      .reduce<Pause | undefined>((a, b) => (a && end(a) >= end(b) ? a : b), undefined);
  }

  async #tick(): Promise<void> {
    if (this.#looking) return;
    this.#looking = this.#lookAnyhow();
    await this.#looking;
    this.#looking = undefined;
    if (!this.#probe && this.#isDue()) this.#listener.wake();
  }

  /** Says what is new to this run. */
  #tell(pause: Pause | undefined): void {
    const told = this.#told;
    if (told?.pause.id === pause?.id) return;
    const { emit } = this.#deps;
    const uptime = this.#world.uptimeMs();
    if (told) this.#pausedMs += uptime - told.since;
    this.#told = pause && { pause, since: uptime };
    if (pause) return emit({ kind: 'paused', pause, now: this.#now });
    if (!told) return;
    emit({ kind: 'resumed', forMs: uptime - told.since });
    this.#listener.resumed();
    this.#listener.wake();
  }

  #isDue(): boolean {
    const pause = this.#current();
    if (pause?.class !== 'limited') return false;
    const jitter = this.#jitter.get(pause.id) ?? this.#world.random() * JITTER_MS;
    this.#jitter.set(pause.id, jitter);
    return this.#now >= pause.until + jitter;
  }

  /** In all directories that are paused for a limit, or in none. */
  async #obtain(): Promise<void> {
    const { files } = this.#world;
    const held: HeldProbe['held'][number][] = [];
    const probe: HeldProbe = { held, task: undefined };
    for (const place of this.#places) {
      const { pause, directory } = place;
      if (pause?.class !== 'limited') continue;
      const n = await obtainProbe(this.#world, directory, pause.id, this.#silence);
      if (n !== undefined) held.push({ place, pause, n });
      // With it in hand the question is asked again: it may be a right to nothing.
      const read = await readPause(files, directory, this.#now);
      if (n !== undefined && read.kind === 'pause' && read.pause.id === pause.id) continue;
      return this.#releaseAll(probe);
    }
    this.#probe = probe;
  }

  #takeOut(): HeldProbe {
    const probe = this.#probe ?? { held: [], task: undefined };
    this.#probe = undefined;
    return probe;
  }

  async #release(): Promise<void> {
    if (this.#probe) await this.#releaseAll(this.#takeOut());
  }

  async #releaseAll({ held }: HeldProbe): Promise<void> {
    for (const { place, pause, n } of held)
      await releaseProbe(this.#world.files, place.directory, pause.id, n);
  }

  async #lift(probe: HeldProbe): Promise<void> {
    const { files, me } = this.#world;
    for (const { place, pause } of probe.held)
      if (await removePause(files, place.directory, me, pause.id, this.#now))
        await noteResumed(this.#world, place.directory, pause);
    await this.#releaseAll(probe);
  }

  /** The pause first, then the probe: in between it is a right to nothing. */
  async #renew(probe: HeldProbe, limit?: Limit): Promise<void> {
    const id = newClaimId();
    for (const { place, pause } of probe.held) {
      const next = this.#limitPause(id, limit?.message ?? pause.reason, limit?.until, pause.round);
      await this.#write(place.directory, next, { instead: pause }); // unless it was lifted, or made another, by a person
    }
    await this.#releaseAll(probe);
  }

  /**
   * What a person at this terminal wants: a pause of all its directories until somebody resumes them; where this run is paused,
   * whatever for, the end of that. Throws EnvironmentError where it cannot be written.
   */
  async toggleByHand(): Promise<void> {
    if (this.#current())
      return this.#exclusively(async () => {
        for (const place of this.#places) await this.#resume(place);
      });
    const pause: HandPause = {
      id: newClaimId(),
      class: 'by-hand',
      reason: '',
      since: this.#now,
      ...this.#author,
    };
    await this.#exclusively(async () => {
      for (const { directory } of this.#places) await this.#write(directory, pause, 'instead');
    });
  }

  async #resume({ directory, pause }: Place): Promise<void> {
    const isGone = await removeAnyPause(this.#world.files, directory);
    if (isGone && pause) await noteResumed(this.#world, directory, pause);
  }

  /** A pause that stands is left as it is: it is of the same limit, or of a person. */
  async pauseFor(limit: Limit): Promise<void> {
    const { files } = this.#world;
    const id = newClaimId();
    await this.#exclusively(async () => {
      for (const { directory } of this.#places) {
        const read = await readPause(files, directory, this.#now);
        if (read.kind === 'pause' && isInForce(read.pause, this.#now)) continue;
        const pause = this.#limitPause(id, limit.message, limit.until, 0);
        if (read.kind === 'pause') await this.#write(directory, pause, { instead: read.pause });
        else await this.#write(directory, pause, read.kind === 'absent' ? 'first' : 'instead');
      }
    });
  }

  async #write(
    directory: TaskDirectory,
    pause: Pause,
    how: 'first' | 'instead' | { readonly instead: Pause },
  ): Promise<void> {
    const { files, me } = this.#world;
    try {
      const isWritten =
        typeof how === 'string'
          ? await writePause(files, directory, me, pause, how)
          : await replacePause(files, directory, me, how.instead.id, pause, this.#now);
      if (isWritten) await notePaused(this.#world, directory, pause);
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error; // removed meanwhile: there is nothing to start in it
    }
  }

  #limitPause(id: string, message: string, said: number | undefined, before: number): LimitPause {
    const since = this.#now;
    const tried = tryLimitAt(said, before, since);
    return { id, class: 'limited', reason: headline(message), since, ...tried, ...this.#author };
  }

  get #author(): Pick<Pause, 'by' | 'pid' | 'host'> {
    const { me } = this.#world;
    return { by: this.#deps.by, pid: me.pid, host: me.host.name };
  }

  /** Nothing begins until the directories say what was made of them. Throws EnvironmentError where they cannot be written. */
  async #exclusively(write: () => Promise<void>): Promise<void> {
    this.#writing++;
    try {
      await write();
      await this.look();
    } catch (error) {
      if (!isStorageError(error)) throw error;
      throw new EnvironmentError(
        `a pause could not be written: ${error.message}`,
        'free or repair the disk',
        {
          cause: error,
        },
      );
    } finally {
      this.#writing--;
    }
    if (this.#writing === 0) this.#tell(this.#current());
    this.#listener.wake();
  }
}

const placeOf = (directory: TaskDirectory): Place => ({ directory, seen: 'absent', pause: undefined });

/** One for all terminals: nobody waits for somebody who waits for him. */
const inOrder = (places: readonly Place[]) =>
  places.toSorted((a, b) => (a.directory.path < b.directory.path ? -1 : 1));

function limitIn(outcome: Outcome | undefined): Limit | undefined {
  if (outcome?.kind !== 'returned' || outcome.reason.kind !== 'limited') return undefined;
  return outcome.reason.limit.class === 'limited' ? outcome.reason.limit : undefined;
}
