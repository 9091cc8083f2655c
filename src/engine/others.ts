/**
 * The tasks that are in other hands: who works on them, who is dead, and what becomes of what the dead left. Each look
 * moves such a task to where it stands now; a claim of a dead owner is reaped beside the run's own attempts.
 */
import type { ClaimId } from '../core/claim.ts';
import { InvariantError } from '../core/errors.ts';
import type { RunEvent } from '../core/event.ts';
import type { RunOptions } from '../core/options.ts';
import { shellPath } from '../core/printable.ts';
import { markerOf, type Task, type TaskState } from '../core/task.ts';
import { unreachable } from '../core/unreachable.ts';
import { lookAt } from '../io/files.ts';
import { lookAtState, type TaskDirectory } from '../io/task-directory.ts';
import { identityOf, standingFor } from './first-look.ts';
import type { PriorResult } from './order.ts';
import { judgeTask, reap, type Verdict } from './reaper.ts';
import { LOOK_EVERY_MS, SilenceWatch } from './silence.ts';
import { ELSEWHERE, SILENT, type Standing, type Standings } from './standings.ts';
import type { World } from './world.ts';

export interface OthersDeps {
  readonly options: RunOptions;
  readonly directories: ReadonlyMap<string, TaskDirectory>;
  /** Locked, and none of this run's tasks. */
  readonly strays: readonly Task[];
  readonly standings: Standings;
  /** Results that were there when the run began; what others have replaced since is taken out of it. */
  readonly priors: Map<Task, PriorResult>;
  readonly emit: (event: RunEvent) => void;
  /** Whether a living worker thread of this process works on the claim. */
  readonly isInHand: (claim: ClaimId) => boolean;
  /** Takes charge of a reaping that goes on beside the look. */
  readonly track: (reaping: Promise<void>) => void;
  readonly mayLeave: () => boolean;
}

export class Others {
  readonly #world: World;
  readonly #deps: OthersDeps;
  readonly #silence: SilenceWatch;
  readonly #said = new Set<string>();
  /** Strays whose owner is not known to live, or to be another's to judge. */
  readonly #strays: Set<Task>;
  /** By their paths: a stray may come to be a task while its dead owner is being reaped. */
  readonly #reaping = new Set<string>();
  /** Claims of dead owners that this run has settled. */
  reaped = 0;

  constructor(world: World, deps: OthersDeps) {
    this.#world = world;
    this.#deps = deps;
    this.#silence = new SilenceWatch(world.uptimeMs);
    this.#strays = new Set(deps.strays);
  }

  async look(): Promise<void> {
    const { standings } = this.#deps;
    for (const stray of this.#strays) await this.#judgeStray(stray);
    for (const task of standings.in('elsewhere', 'suspect', 'held')) {
      const state = await lookAtState(this.#world.files, task);
      const isLocked = state === 'in-progress' || (state === 'completed' && (await this.#isLocked(task)));
      const isHeld = standings.of(task)?.kind === 'held';
      if (isHeld && isLocked) continue; // nothing of ours can change that, and the run must end
      if (isLocked) await this.#judge(task, state);
      else standings.move(task, await this.#standingNow(task, state));
    }
  }

  /** These are tasks of the run from now on, whatever they were before. */
  areTasks(tasks: Iterable<Task>): void {
    const paths = new Set([...tasks].map(pathOf));
    for (const stray of this.#strays) if (paths.has(pathOf(stray))) this.#strays.delete(stray);
  }

  /**
   * What a dead owner left of a task that is none of ours is put right like any other: its agent may still work. Nobody
   * waits for one that cannot be judged yet.
   */
  async #judgeStray(task: Task): Promise<void> {
    const verdict = await this.#verdictOn(task);
    if (verdict.kind === 'undecided') return;
    this.#strays.delete(task);
    if (verdict.kind !== 'dead') return;
    const put = (standing: Standing) => {
      if (standing.kind === 'suspect') this.#strays.add(task);
    };
    this.#deps.track(this.#reap(task, verdict, put, () => true));
  }

  #verdictOn(task: Task): Promise<Verdict> {
    const { takeoverAfterMs } = this.#deps.options;
    return judgeTask(this.#world, this.#directoryOf(task), task.name, {
      silence: this.#silence,
      isInHand: this.#deps.isInHand,
      ...(takeoverAfterMs === undefined ? {} : { takeoverAfterMs }),
    });
  }

  /** Where a task stands that was ready when this run last looked. One that is completed and still locked is to be judged. */
  async standing(task: Task): Promise<Standing> {
    const state = await lookAtState(this.#world.files, task);
    const isHeld = state === 'in-progress' || (state === 'completed' && (await this.#isLocked(task)));
    return isHeld ? ELSEWHERE : this.#standingNow(task, state);
  }

  /** A result that came while this run was on is not its to supersede, even where an older one was. */
  async #standingNow(task: Task, state: TaskState): Promise<Standing> {
    const prior = this.#deps.priors.get(task);
    const isOther =
      prior?.state === state && prior.id !== (await identityOf(this.#world.files, task, prior.state));
    if (isOther) this.#deps.priors.delete(task);
    return standingFor(state, this.#deps.priors.get(task), {
      completed: { kind: 'over', how: 'completed-elsewhere' },
      failed: { kind: 'over', how: 'failed-elsewhere' },
    });
  }

  async #isLocked(task: Task): Promise<boolean> {
    return (await lookAt(this.#world.files, `${task.directory}/${markerOf.lock(task.name)}`)) !== undefined;
  }

  async #judge(task: Task, state: TaskState): Promise<void> {
    const { takeoverAfterMs } = this.#deps.options;
    const verdict = await this.#verdictOn(task);
    if (state === 'completed' && verdict.kind !== 'dead' && verdict.kind !== 'undecided') {
      // It is completed whatever its lock says; only what a dead owner left of it is there to be put right.
      const standing = await this.#standingNow(task, state);
      if (standing.kind === 'over') {
        if (verdict.kind === 'damaged')
          this.#deps.emit({
            kind: 'notice',
            message: `${task.label} is completed, but its lock file is damaged: ${verdict.why}; to remove it: ${freeing(task)}`,
          });
        return this.#deps.standings.move(task, standing);
      }
    }
    switch (verdict.kind) {
      case 'free':
        return this.#deps.standings.move(
          task,
          await this.#standingNow(task, await lookAtState(this.#world.files, task)),
        );
      case 'alive':
        return this.#deps.standings.move(task, { kind: 'elsewhere' });
      case 'undecided':
        return this.#deps.standings.move(task, { kind: 'suspect' });
      case 'elsewhere': {
        const isSilent = takeoverAfterMs === undefined && verdict.silentForMs > 6 * LOOK_EVERY_MS;
        if (isSilent)
          this.#hold(
            task,
            `${verdict.why}, which cannot be judged from here`,
            'if you know that its worker is dead: codex-worker clean --max-age 3600',
          );
        return this.#deps.standings.move(task, isSilent ? SILENT : ELSEWHERE);
      }
      case 'damaged':
        this.#hold(task, `its lock file is damaged: ${verdict.why}`, `look at it, then: ${freeing(task)}`);
        return this.#deps.standings.move(task, { kind: 'held' });
      case 'dead': {
        if (this.#reaping.has(pathOf(task))) return this.#deps.standings.move(task, { kind: 'suspect' });
        this.#deps.standings.move(task, { kind: 'reaping' });
        return this.#deps.track(
          this.#reap(task, verdict, (standing) => this.#deps.standings.move(task, standing)),
        );
      }
      default:
        return unreachable(verdict);
    }
  }

  /** `put` is told where the task stands then. */
  async #reap(
    task: Task,
    verdict: Verdict & { kind: 'dead' },
    put: (standing: Standing) => void,
    mayLeave = this.#deps.mayLeave,
  ): Promise<void> {
    const { options, emit } = this.#deps;
    this.#reaping.add(pathOf(task));
    const result = await reap(this.#world, this.#directoryOf(task), verdict, {
      orphans: options.orphans,
      mayLeave,
    }).finally(() => this.#reaping.delete(pathOf(task)));
    switch (result.kind) {
      case 'given-back':
      case 'rolled-forward':
        this.reaped++;
        emit({ kind: 'reaped', task, owner: verdict.owner, result });
        if (result.kind === 'rolled-forward') return put({ kind: 'over', how: result.state });
        return put(await this.#standingNow(task, await lookAtState(this.#world.files, task)));
      case 'gone':
        return put({ kind: 'suspect' });
      case 'waiting':
        this.#hold(
          task,
          `its worker is dead, and its agent (pid ${result.pids.join(', ')}) still works`,
          'it may end its work first, as --orphans wait says',
        );
        return put({ kind: 'suspect' });
      case 'unkillable':
        this.#hold(
          task,
          `its worker is dead, and processes ${result.pids.join(', ')} of its agent cannot be ended`,
          'look at them with ps; then run again',
        );
        return put({ kind: 'held' });
      case 'blocked':
        this.#hold(task, result.why, `if nobody works on it: ${freeing(task)}`);
        return put({ kind: 'held' });
      default:
        return unreachable(result);
    }
  }

  /** Says why a task cannot be taken; once for each task and reason. */
  #hold(task: Task, why: string, hint: string): void {
    const key = `${task.label}\0${why}`;
    if (!this.#said.has(key)) this.#deps.emit({ kind: 'held', task, why, hint });
    this.#said.add(key);
  }

  #directoryOf(task: Task): TaskDirectory {
    return directoryOf(this.#deps.directories, task);
  }
}

const pathOf = ({ directory, name }: Task) => `${directory}/${name}`;

const freeing = ({ label }: Task) => `codex-worker clean --force=${shellPath(label)}`;

/** Throws InvariantError for a task whose directory was never opened. */
export function directoryOf(directories: ReadonlyMap<string, TaskDirectory>, task: Task): TaskDirectory {
  const directory = directories.get(task.directory);
  if (!directory) throw new InvariantError(`the directory of ${task.label} was never opened`);
  return directory;
}
