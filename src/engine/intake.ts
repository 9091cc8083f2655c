/**
 * How tasks come into a run, and out of it other than by being worked on: those that are there when it begins, those that
 * come while it stays, those that are reset, and those whose files go. Each is given a standing; the rest is the coordinator's.
 */
import type { RunEvent } from '../core/event.ts';
import type { RunOptions } from '../core/options.ts';
import type { Refusal, Task, TaskState } from '../core/task.ts';
import { inTurns } from '../io/files.ts';
import type { Listing } from '../io/task-directory.ts';
import type { Arrival, Arrivals } from './arrivals.ts';
import { lookAtArrivals, lookFirst, standingFor, type FirstLook } from './first-look.ts';
import type { PriorResult } from './order.ts';
import type { Others } from './others.ts';
import { ELSEWHERE, REFUSED, type OverHow, type Standing, type Standings } from './standings.ts';
import type { Tally } from './summary.ts';
import { planArrivals, type TaskPlan } from './task-plan.ts';
import type { World } from './world.ts';

/** What a run is given to work on. */
export interface TasksOfRun {
  readonly tasks: readonly Task[];
  readonly refused: readonly Refusal[];
  /** What the tasks say of themselves; without it, nothing. */
  readonly plan?: TaskPlan;
  /** What the directories held just now; emptied once it has been looked at. Without it they are listed. */
  readonly listings?: Map<string, Listing>;
  /** Of a run that stays for what others do, or for tasks that are yet to come. */
  readonly arrivals?: Arrivals;
  /** Makes a directory ready for tasks that came; which of them are to be refused, with the reason, where it cannot be. */
  readonly open?: (directory: string) => Promise<string | undefined>;
}

export interface IntakeDeps extends TasksOfRun {
  readonly options: RunOptions;
  readonly standings: Standings;
  /** Results that the run may supersede. */
  readonly priors: Map<Task, PriorResult>;
  readonly others: Pick<Others, 'standing' | 'areTasks'>;
  readonly tally: Pick<Tally, 'alreadyCompleted'>;
  readonly emit: (event: RunEvent) => void;
  /** Somebody has reset the task: what this run did with it before does not count any more. */
  readonly wasReset: (task: Task) => void;
  /** More tasks have come: the run has so many by now. */
  readonly hasGrown: (tasks: number) => void;
}

export class Intake {
  readonly #world: World;
  readonly #deps: IntakeDeps;
  /** Tasks that came and wait for one that has not come yet, with the result that stood beside each. */
  readonly #early = new Map<Task, string | undefined>();

  constructor(world: World, deps: IntakeDeps) {
    this.#world = world;
    this.#deps = deps;
  }

  /** Those that are there when the run begins: how many are in which state, and what is refused. */
  async begin(): Promise<{
    readonly states: Readonly<Record<TaskState, number>>;
    readonly refused: readonly Refusal[];
  }> {
    const { options, tasks, refused, listings, plan, standings } = this.#deps;
    const look = await lookFirst(this.#world.files, tasks, options, listings);
    listings?.clear(); // 100,000 tasks leave 300,000 names: memory that every new process would be slower for
    standings.begin((task) => !look.states.has(task));
    const unfit = await this.#place(tasks.length, look, 'left-failed', plan);
    return { states: look.counts, refused: [...refused, ...unfit] };
  }

  /** What has come, gone or been undone since. */
  async review(): Promise<void> {
    const { arrivals, standings, others, wasReset, emit } = this.#deps;
    if (!arrivals) return;
    const { arrived, reopened, gone, refused } = await arrivals.look(standings);
    for (const task of reopened) {
      const now = await others.standing(task);
      const isOurs = now.kind === 'ready' && isGivenBack(standings.of(task));
      if (now.kind === 'over' || isOurs) continue;
      wasReset(task);
      standings.move(task, now);
    }
    const left = gone.filter((task) => standings.of(task)?.kind === 'ready'); // the others had been refused
    for (const task of gone) {
      standings.forget(task);
      this.#early.delete(task);
    }
    if (left.length > 0) emit({ kind: 'tasks-gone', tasks: left, total: this.#total });
    if (arrived.length + refused.length > 0) await this.#take(arrivals, arrived, refused);
  }

  /** What is in the task's file kept it from being begun. */
  async wasRefused(task: Task): Promise<void> {
    await this.#deps.arrivals?.wasRefused(task);
  }

  /** Its file was gone when it was to be begun. Where tasks come they may also go, and come back as new ones. */
  hasGone(task: Task): void {
    const { arrivals, standings } = this.#deps;
    if (!arrivals?.takesNew) return;
    arrivals.forget(task);
    standings.forget(task);
  }

  /** How many files are refused because they are no tasks, as they are now. */
  get noTasks(): number {
    return this.#deps.arrivals?.refused ?? this.#deps.refused.length;
  }

  /** In how many ms there is something to review; `undefined` where there never is. */
  get dueInMs(): number | undefined {
    return this.#deps.arrivals?.dueInMs;
  }

  /** All tasks but those that are refused as they are. */
  get #total(): number {
    const { arrivals, tasks, standings } = this.#deps;
    return (arrivals?.total ?? tasks.length) - standings.over('refused');
  }

  async #take(arrivals: Arrivals, arrived: readonly Arrival[], noTasks: readonly Refusal[]): Promise<void> {
    const { files } = this.#world;
    const { open, options, standings, others, hasGrown, emit } = this.#deps;
    const refused = [...noTasks];
    const results = new Map(this.#early);
    for (const { task, result } of arrived) {
      const why = await open?.(task.directory);
      if (why === undefined) results.set(task, result);
      else refused.push({ label: task.label, why });
      if (why !== undefined) standings.move(task, REFUSED);
    }
    const plan = await planArrivals(files, arrivals.known, [...results.keys()], options);
    const told = new Set(this.#early.keys());
    this.#early.clear();
    for (const [task, refusal] of plan.early) {
      this.#early.set(task, results.get(task));
      results.delete(task);
      standings.move(task, REFUSED);
      await arrivals.wasRefused(task);
      if (!told.has(task)) refused.push(refusal);
    }
    const look = await lookAtArrivals(files, results, options);
    others.areTasks(results.keys());
    standings.extend(plan, (task) => look.states.has(task));
    const failed = options.retryFailed ? 'failed-elsewhere' : 'left-failed';
    refused.push(...(await this.#place(results.size, look, failed, plan)));
    const tasks = [...results.keys()].filter((task) => !plan.refused.has(task));
    if (tasks.length + refused.length === 0) return;
    hasGrown(this.#total);
    emit({ kind: 'tasks-added', tasks, total: this.#total, states: look.counts, refused });
  }

  /**
   * Gives each of so many tasks its standing: `failed` is how one is over that has failed, and is not to be tried again. Those
   * that cannot be run for what they say of themselves.
   */
  async #place(
    tasks: number,
    { states, priors, unsettled }: FirstLook,
    failed: OverHow,
    plan?: Pick<TaskPlan, 'refused'>,
  ): Promise<Refusal[]> {
    const { tally, standings } = this.#deps;
    tally.alreadyCompleted += tasks - states.size;
    for (const [task, prior] of priors) this.#deps.priors.set(task, prior);
    const over = {
      completed: { kind: 'over', how: 'already-completed' },
      failed: { kind: 'over', how: failed },
    } as const;
    const unfit = new Map<Task, Refusal>();
    await inTurns([...states], ([task, state]) => {
      const standing = unsettled.has(task) ? ELSEWHERE : standingFor(state, priors.get(task), over);
      const refusal = standing.kind === 'ready' ? plan?.refused.get(task) : undefined;
      if (refusal) unfit.set(task, refusal);
      standings.move(task, refusal ? REFUSED : standing);
    });
    for (const task of unfit.keys()) await this.#deps.arrivals?.wasRefused(task);
    return [...unfit.values()];
  }
}

const isGivenBack = (standing: Standing | undefined) =>
  standing?.kind === 'over' && standing.how === 'given-back';
