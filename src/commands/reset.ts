/** `codex-worker reset`: completed and failed tasks become pending again. Their logs are moved aside, never deleted. */
import { randomBytes } from 'node:crypto';
import { printable } from '../core/printable.ts';
import type { TidyAction, TidyReport, TidyStep } from '../core/reports.ts';
import { byNaturalOrder, type Task, type TaskState } from '../core/task.ts';
import { killOwner, resetTask } from '../engine/by-hand.ts';
import { judgeTask, reap } from '../engine/reaper.ts';
import { SilenceWatch } from '../engine/silence.ts';
import { realWorld, type World } from '../engine/world.ts';
import { discover } from '../io/discovery.ts';
import { openTaskDirectory } from '../io/file-system.ts';
import { removeIdentityFile } from '../io/break-right.ts';
import { lookAtState, type TaskDirectory } from '../io/task-directory.ts';
import { killed, type Confirm } from './clean.ts';

export interface ResetRequest {
  readonly paths: readonly string[];
  readonly patterns: readonly string[];
  readonly cwd: string;
  /** Leave completed tasks alone. */
  readonly failedOnly: boolean;
  /** End the workers of running tasks first. */
  readonly kill: boolean;
  readonly dryRun: boolean;
  readonly version: string;
}

const REAP = { orphans: 'end', mayLeave: () => false } as const;

/** Throws UsageError for a path that does not exist. */
export async function reset(
  request: ResetRequest,
  confirm: Confirm,
  onStep: (step: TidyStep) => void = () => {},
): Promise<TidyReport> {
  const world = realWorld();
  const { dryRun, failedOnly } = request;
  const { tasks } = await discover(world.files, request.paths, request.patterns, request.cwd);
  const states = new Map<Task, TaskState>();
  for (const [done, task] of tasks.entries()) {
    onStep({ doing: 'looking', done, of: tasks.length });
    states.set(task, await lookAtState(world.files, task));
  }
  const concerned = tasks
    .filter((task) => {
      const state = states.get(task);
      return state === 'failed' || state === 'in-progress' || (state === 'completed' && !failedOnly);
    })
    .sort(byNaturalOrder);
  const actions: TidyAction[] = [];
  const report = (declined: boolean): TidyReport => ({ actions, dryRun, declined, exitCode: 0 });
  if (concerned.length === 0) return report(false);
  if (!dryRun && !(await confirm(question(concerned, states, request)))) return report(true);
  const directories = new Map<string, TaskDirectory>();
  const run = randomBytes(8).toString('hex');
  for (const [done, task] of concerned.entries()) {
    onStep({ doing: 'resetting', done, of: concerned.length });
    const directory =
      directories.get(task.directory) ?? (await openTaskDirectory(world.files, task.directory));
    directories.set(task.directory, directory);
    actions.push(...(await resetOne(world, directory, task, run, request)));
  }
  for (const directory of directories.values()) await removeIdentityFile(world.files, directory, world.me);
  return report(false);
}

function question(
  concerned: readonly Task[],
  states: ReadonlyMap<Task, TaskState>,
  { kill }: ResetRequest,
): string {
  const count = (state: TaskState) => concerned.filter((task) => states.get(task) === state).length;
  const running = concerned
    .filter((task) => states.get(task) === 'in-progress')
    .map(({ label }) => printable(label));
  const parts = [
    `Make ${count('completed')} completed and ${count('failed')} failed tasks pending again? Their logs are moved to .codex-worker/ended.`,
  ];
  if (running.length > 0)
    parts.push(
      kill
        ? `The workers of ${running.join(', ')} are killed.`
        : `In progress, left alone: ${running.join(', ')}.`,
    );
  return parts.join(' ');
}

async function resetOne(
  world: World,
  directory: TaskDirectory,
  task: Task,
  run: string,
  { kill, dryRun, failedOnly, version }: ResetRequest,
): Promise<TidyAction[]> {
  const { label } = task;
  const actions: TidyAction[] = [];
  const verdict = await judgeTask(world, directory, task.name, {
    silence: new SilenceWatch(world.uptimeMs),
    isInHand: () => false,
  });
  // A completed task may be locked too: its owner died before it released it.
  if (verdict.kind !== 'free') {
    if (verdict.kind === 'damaged')
      return [{ label, done: 'skipped', detail: `its lock file is damaged: ${verdict.why} (clean --force)` }];
    if (verdict.kind !== 'dead' && !kill) return [{ label, done: 'skipped', detail: 'it is in progress' }];
    if (dryRun)
      return [{ label, done: verdict.kind === 'dead' ? 'reaped' : 'killed', detail: 'it is in progress' }];
    if (verdict.kind === 'dead') await reap(world, directory, verdict, REAP);
    else actions.push(killed(label, await killOwner(world, directory, task.name, REAP)));
  }
  const state = await lookAtState(world.files, task);
  if (state === 'in-progress') return [...actions, { label, done: 'skipped', detail: 'it is in progress' }];
  if (state === 'pending' || (state === 'completed' && failedOnly)) return actions;
  if (dryRun) return [...actions, { label, done: 'reset', detail: `it is ${state}` }];
  const done = await resetTask(world, directory, task, run, `codex-worker ${version}`);
  if (done === 'taken') return [...actions, { label, done: 'skipped', detail: 'somebody has just taken it' }];
  if (done === 'blocked')
    return [...actions, { label, done: 'skipped', detail: 'the disk refused; the next run continues' }];
  return [...actions, { label, done: 'reset', detail: `it was ${state}` }];
}
