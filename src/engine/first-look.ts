/**
 * The look that begins a run: the state of each task, and what the run may take. A result that stands there now and may
 * be superseded is remembered by its identity; one that comes later, from whomever, never is superseded by this run.
 */
import { relative } from 'node:path';
import type { RunOptions } from '../core/options.ts';
import { markerOf, parseMarker, stateOf, type Task, type TaskState } from '../core/task.ts';
import { listIfThere, lookAt, resultId, type Files } from '../io/files.ts';
import { readLogHeader } from '../io/result-log.ts';
import { readPrompt } from '../io/task-directory.ts';
import type { PriorResult } from './order.ts';
import type { Standing } from './standings.ts';

export interface FirstLook {
  readonly states: ReadonlyMap<Task, TaskState>;
  readonly counts: Readonly<Record<TaskState, number>>;
  readonly priors: ReadonlyMap<Task, PriorResult>;
  /** Completed tasks whose lock is still there: their owner is about to release it, or died before it did. */
  readonly unreleased: ReadonlySet<Task>;
}

export async function lookFirst(
  files: Files,
  tasks: readonly Task[],
  options: RunOptions,
): Promise<FirstLook> {
  const listings = await listAll(files, tasks);
  const states = new Map<Task, TaskState>();
  const priors = new Map<Task, PriorResult>();
  const unreleased = new Set<Task>();
  for (const task of tasks) {
    const listing = listings.get(task.directory) ?? new Set();
    const state = stateOf(task.name, listing);
    states.set(task, state);
    if (state === 'completed' && listing.has(markerOf.lock(task.name))) unreleased.add(task);
    const again =
      state === 'completed' &&
      (options.rerunCompleted || (options.rerunChanged && (await isChanged(files, task))));
    const superseded = again
      ? 'completed'
      : options.retryFailed && listing.has(markerOf.failed(task.name))
        ? 'failed'
        : undefined;
    const id = superseded && (await identityOf(files, task, superseded));
    if (id !== undefined) priors.set(task, { state: superseded as PriorResult['state'], id });
  }
  return { states, counts: countStates(states.values()), priors, unreleased };
}

/** Where a task stands for a run that finds it in this state; `completed` and `failed` say how, when it is not to be taken. */
export function standingFor(
  state: TaskState,
  prior: PriorResult | undefined,
  over: { readonly completed: Standing & { kind: 'over' }; readonly failed: Standing & { kind: 'over' } },
): Standing {
  if (state === 'pending') return { kind: 'ready' };
  if (state === 'in-progress') return { kind: 'elsewhere' };
  return prior?.state === state ? { kind: 'ready' } : over[state];
}

/** The state of each task, from one listing of each directory. */
export async function listStates(
  files: Files,
  tasks: readonly Task[],
): Promise<Readonly<Record<TaskState, number>>> {
  const listings = await listAll(files, tasks);
  return countStates(tasks.map((task) => stateOf(task.name, listings.get(task.directory) ?? new Set())));
}

/**
 * Locks in these directories that belong to none of the tasks: the file of theirs was deleted, or no pattern matches it.
 * Their owners may be dead all the same, and agents of theirs alive.
 */
export async function findStrays(
  files: Files,
  directories: Iterable<string>,
  tasks: readonly Task[],
  cwd: string,
): Promise<Task[]> {
  const known = new Set(tasks.map(({ directory, name }) => `${directory}/${name}`));
  const strays: Task[] = [];
  for (const directory of directories)
    for (const name of await listIfThere(files, directory)) {
      const marker = parseMarker(name);
      if (marker?.kind !== 'lock' || known.has(`${directory}/${marker.task}`)) continue;
      strays.push({ directory, name: marker.task, label: relative(cwd, `${directory}/${marker.task}`) });
    }
  return strays;
}

/** The identity of a result that is there; `undefined` when there is none. */
export async function identityOf(
  files: Files,
  task: Task,
  state: PriorResult['state'],
): Promise<string | undefined> {
  const stat = await lookAt(files, `${task.directory}/${markerOf[state](task.name)}`);
  return stat && resultId(stat);
}

function countStates(states: Iterable<TaskState>): Record<TaskState, number> {
  const counts: Record<TaskState, number> = { pending: 0, 'in-progress': 0, completed: 0, failed: 0 };
  for (const state of states) counts[state]++;
  return counts;
}

async function listAll(
  files: Files,
  tasks: readonly Task[],
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const listings = new Map<string, ReadonlySet<string>>();
  for (const { directory } of tasks) {
    if (!listings.has(directory)) listings.set(directory, await listIfThere(files, directory));
  }
  return listings;
}

/** Whether the task file says something else than when its result was made. */
async function isChanged(files: Files, task: Task): Promise<boolean> {
  const header = await readLogHeader(files, `${task.directory}/${markerOf.completed(task.name)}`);
  const prompt = await readPrompt(files, task);
  return header !== undefined && prompt.kind === 'read' && prompt.source.sha256 !== header.promptSha256;
}
