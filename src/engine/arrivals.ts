/**
 * How the set of a run changes while it is on. The directories are read again when their time stamps tell that names came
 * or went, and then this says what a run cannot know from its own work:
 *
 *   arrived    a task file that was not there before, or was refused for what was in it and has been edited; whole as far as
 *              anybody can tell: for a second its size and its time have not changed
 *   reopened   a task that was over and is pending or in progress again: somebody has reset it. That is what a listing
 *              said, so whoever hears it looks at the task again
 *   gone       a task that nobody had begun, and whose file is no longer there
 *   refused    a file that is no task by its name, its kind or its size, and has been so for a second
 *
 * Without `takesNew` only `reopened` is told. A result that stands beside a new task when it is first seen is older than
 * that: it may be superseded, as those may that were there when the run began. One that comes while the run waits for the
 * file to be whole is another terminal's.
 */
import { resolve } from 'node:path';
import { stateOf, type Refusal, type Task, type TaskState } from '../core/task.ts';
import type { Discovery } from '../io/discovery.ts';
import { lookAt } from '../io/files.ts';
import { Stamps, stampOf } from '../io/stamps.ts';
import { identityOf } from './first-look.ts';
import type { Standing, Standings } from './standings.ts';
import type { World } from './world.ts';

export interface ArrivalsDeps {
  /** What there is now, without a look at the files that are known; `undefined` where a path that was given is not there. */
  readonly discover: (
    isKnown: (directory: string, name: string) => boolean,
  ) => Promise<Discovery | undefined>;
  /** What there was when the run began. */
  readonly begun: Pick<Discovery, 'tasks' | 'refused'>;
  readonly takesNew: boolean;
  readonly cwd: string;
}

export interface Arrival {
  readonly task: Task;
  /** The identity of the result that was there when it was first seen. */
  readonly result: string | undefined;
}

export interface Revision {
  readonly arrived: readonly Arrival[];
  readonly reopened: readonly Task[];
  readonly gone: readonly Task[];
  readonly refused: readonly Refusal[];
}

interface Coming extends Arrival {
  stamp: string;
  /** Since when it has that stamp, on the uptime clock. */
  sinceMs: number;
}

const LOOK_EVERY_MS = 1_000;
/** Who writes a file in parts seldom leaves it alone for so long. */
const WHOLE_AFTER_MS = 1_000;
/** A look takes at most this part of the time: large directories are looked at less often. */
const LARGEST_SHARE = 0.1;

const NOTHING: Revision = { arrived: [], reopened: [], gone: [], refused: [] };

export class Arrivals {
  readonly #world: World;
  readonly #deps: ArrivalsDeps;
  readonly #stamps: Stamps;
  /** By their paths. */
  readonly #known: Map<string, Task>;
  readonly #coming = new Map<string, Coming>();
  /** By their labels. */
  #refusals: ReadonlyMap<string, { readonly why: string; readonly sinceMs: number; isSaid: boolean }>;
  /** Tasks that were refused for what is in them, with the stamp of that. */
  readonly #unfit = new Map<Task, string>();
  /** Of the last reading; needed only while something arrives. */
  #listings: Discovery['listings'] | undefined;
  #nextAtMs = Number.NEGATIVE_INFINITY;

  constructor(world: World, deps: ArrivalsDeps) {
    this.#world = world;
    this.#deps = deps;
    this.#stamps = new Stamps(world);
    this.#known = new Map(deps.begun.tasks.map((task) => [pathOf(task), task]));
    const sinceMs = world.uptimeMs();
    this.#refusals = new Map(
      deps.begun.refused.map(({ label, why }) => [label, { why, sinceMs, isSaid: true }]),
    );
  }

  get takesNew(): boolean {
    return this.#deps.takesNew;
  }

  /** All tasks by now, and what their directories held when they were read. */
  get known(): Pick<Discovery, 'tasks' | 'listings'> {
    return { tasks: [...this.#known.values()], listings: this.#listings ?? new Map() };
  }

  /** How many tasks the run has by now. */
  get total(): number {
    return this.#known.size;
  }

  /** How many files are refused as they are now, of those that were told of. */
  get refused(): number {
    return [...this.#refusals.values()].filter(({ isSaid }) => isSaid).length;
  }

  /** In how many ms the next look is due. */
  get dueInMs(): number {
    return Math.max(0, this.#nextAtMs - this.#world.uptimeMs());
  }

  /** A task was refused for what is in it: it is told of again when that is something else. */
  async wasRefused(task: Task): Promise<void> {
    if (this.#deps.takesNew) this.#unfit.set(task, await this.#stampAt(pathOf(task)));
  }

  /** The file of a task was gone when it was to be begun: one that comes in its place is new. */
  forget(task: Task): void {
    this.#known.delete(pathOf(task));
    this.#unfit.delete(task);
  }

  /** Nothing where the last look was just now. */
  async look(standings: Pick<Standings, 'of'>): Promise<Revision> {
    const { uptimeMs } = this.#world;
    const beganAtMs = uptimeMs();
    if (beganAtMs < this.#nextAtMs) return NOTHING;
    if (this.#coming.size === 0) this.#listings = undefined; // large
    const read = (await this.#stamps.mayHaveChanged()) ? await this.#read(standings) : NOTHING;
    await this.#lookForEdits();
    const arrived = await this.#takeWhole();
    const tookMs = uptimeMs() - beganAtMs;
    this.#nextAtMs = uptimeMs() + Math.max(LOOK_EVERY_MS, tookMs / LARGEST_SHARE);
    return { ...read, arrived };
  }

  async #read(standings: Pick<Standings, 'of'>): Promise<Revision> {
    const { discover, takesNew, cwd } = this.#deps;
    const beganAtMs = this.#world.uptimeMs();
    const discovery = await discover((directory, name) => this.#known.has(`${directory}/${name}`));
    if (!discovery) return NOTHING;
    if (takesNew) this.#listings = discovery.listings;
    const reopened: Task[] = [];
    const found = new Set<string>();
    for (const task of discovery.tasks) {
      const path = pathOf(task);
      found.add(path);
      const known = this.#known.get(path);
      const marks = discovery.listings.get(task.directory)?.marks;
      if (known && marks && isReopened(standings.of(known), stateOf(task.name, marks))) reopened.push(known);
      if (!known && takesNew && !this.#coming.has(path)) await this.#comes(task);
    }
    for (const path of this.#coming.keys()) if (!found.has(path)) this.#coming.delete(path);
    const stamps = new Map(discovery.stamps);
    for (const { label } of takesNew ? discovery.refused : []) {
      const path = resolve(cwd, label); // it is written where it stands, and its directory does not tell
      stamps.set(path, await this.#stampAt(path));
    }
    this.#stamps.wasRead(beganAtMs, stamps);
    if (!takesNew) return { ...NOTHING, reopened };
    return {
      ...NOTHING,
      reopened,
      gone: this.#gone(found, standings),
      refused: this.#refuse(discovery.refused),
    };
  }

  async #comes(task: Task): Promise<void> {
    const { files, uptimeMs } = this.#world;
    const sinceMs = uptimeMs();
    const result = (await identityOf(files, task, 'completed')) ?? (await identityOf(files, task, 'failed'));
    this.#coming.set(pathOf(task), {
      task,
      result,
      sinceMs,
      stamp: await this.#stampAt(pathOf(task)),
    });
  }

  /** What somebody works on is that one's to find gone. */
  #gone(found: ReadonlySet<string>, standings: Pick<Standings, 'of'>): Task[] {
    const gone: Task[] = [];
    for (const [path, task] of this.#known) {
      if (found.has(path) || !(standings.of(task)?.kind === 'ready' || this.#unfit.has(task))) continue;
      gone.push(task);
      this.forget(task);
    }
    return gone;
  }

  /** What has been seen before, and not only now, is no file that is being written. */
  #refuse(refused: readonly Refusal[]): Refusal[] {
    const now = this.#world.uptimeMs();
    const before = this.#refusals;
    const since = refused.map(({ label, why }) => {
      const known = before.get(label);
      return [label, known?.why === why ? known : { why, sinceMs: now, isSaid: false }] as const;
    });
    this.#refusals = new Map(since);
    const due = since.filter(([, { sinceMs, isSaid }]) => !isSaid && now - sinceMs >= WHOLE_AFTER_MS);
    for (const [, refusal] of due) refusal.isSaid = true;
    return due.map(([label, { why }]) => ({ label, why }));
  }

  async #lookForEdits(): Promise<void> {
    for (const [task, stamp] of this.#unfit) {
      const now = await this.#stampAt(pathOf(task));
      if (now === stamp || now === 'absent') continue;
      this.#unfit.delete(task);
      await this.#comes(task);
    }
  }

  async #takeWhole(): Promise<Coming[]> {
    const whole: Coming[] = [];
    for (const [path, coming] of this.#coming) {
      const now = this.#world.uptimeMs();
      const stamp = await this.#stampAt(path);
      if (stamp !== coming.stamp) [coming.stamp, coming.sinceMs] = [stamp, now];
      if (now - coming.sinceMs < WHOLE_AFTER_MS) continue;
      this.#coming.delete(path);
      if (stamp === 'absent') continue;
      this.#known.set(path, coming.task);
      whole.push(coming);
    }
    return whole;
  }

  async #stampAt(path: string): Promise<string> {
    return stampOf(await lookAt(this.#world.files, path));
  }
}

const pathOf = ({ directory, name }: Task) => `${directory}/${name}`;

/** What this run has given back is pending, and stays so for it; what it has refused is told by its edits. */
function isReopened(standing: Standing | undefined, state: TaskState): boolean {
  if (state !== 'pending' && state !== 'in-progress') return false;
  if (!standing) return true; // it was completed when the run began
  if (standing.kind !== 'over' || standing.how === 'refused') return false;
  return standing.how !== 'given-back' || state === 'in-progress';
}
