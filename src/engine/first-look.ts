/**
 * The look that begins a run: the state of each task, and what the run may take. A result that stands there now and may
 * be superseded is remembered by its identity; one that comes later, from whomever, never is superseded by this run.
 */
import { relative } from 'node:path';
import type { RunOptions } from '../core/options.ts';
import { byNaturalOrder, markerOf, Marks, stateOf, type Task, type TaskState } from '../core/task.ts';
import { inTurns, listIfThere, lookAt, resultId, type Files } from '../io/files.ts';
import { readPrompt } from '../io/prompt.ts';
import { readLogHeader } from '../io/result-log.ts';
import type { Listing } from '../io/task-directory.ts';
import type { PriorResult } from './order.ts';
import { ELSEWHERE, READY, type Standing } from './standings.ts';

export interface FirstLook {
  /** In natural order; without the tasks that are completed, and stay so. */
  readonly states: ReadonlyMap<Task, TaskState>;
  readonly counts: Readonly<Record<TaskState, number>>;
  readonly priors: ReadonlyMap<Task, PriorResult>;
  /**
   * To be looked at again: completed tasks whose lock is still there, because their owner is about to release it, or died
   * before it did; and tasks whose result, which this run would have superseded, has gone since the listing.
   */
  readonly unsettled: ReadonlySet<Task>;
}

/** `listings` are of a moment ago. A task that has come to have no result since is found out before its attempt; one that is passed over here, by the next run. */
export async function lookFirst(
  files: Files,
  tasks: readonly Task[],
  options: RunOptions,
  listings?: ReadonlyMap<string, Pick<Listing, 'marks'>>,
): Promise<FirstLook> {
  const marks = listings ? marksOf(listings) : await listAll(files, tasks);
  const counts = noneYet();
  const open: Task[] = [];
  for (const task of tasks) {
    const here = marks.get(task.directory) ?? NO_MARKS;
    const state = stateOf(task.name, here);
    counts[state]++;
    const mayBeTaken = options.rerunCompleted || options.rerunChanged || here.locked.has(task.name);
    if (state !== 'completed' || mayBeTaken) open.push(task);
  }
  const states = new Map<Task, TaskState>();
  const priors = new Map<Task, PriorResult>();
  const unsettled = new Set<Task>();
  for (const task of open.sort(byNaturalOrder)) {
    const { locked, failed } = marks.get(task.directory) ?? NO_MARKS;
    const state = stateOf(task.name, marks.get(task.directory) ?? NO_MARKS);
    states.set(task, state);
    if (state === 'completed' && locked.has(task.name)) unsettled.add(task);
    const again =
      state === 'completed' &&
      (options.rerunCompleted || (options.rerunChanged && (await isChanged(files, task))));
    const superseded = again
      ? 'completed'
      : options.retryFailed && failed.has(task.name)
        ? 'failed'
        : undefined;
    const id = superseded && (await identityOf(files, task, superseded));
    if (id !== undefined) priors.set(task, { state: superseded as PriorResult['state'], id });
    else if (superseded) unsettled.add(task);
  }
  return { states, counts, priors, unsettled };
}

/** So many are looked at one by one before a listing of their directories would be quicker. */
const FEW = 256;

/**
 * The same of tasks that come while a run is on, with the result that stood beside each when it was first seen: another
 * one has come since, from whomever, and is not this run's to supersede.
 */
export async function lookAtArrivals(
  files: Files,
  results: ReadonlyMap<Task, string | undefined>,
  options: RunOptions,
): Promise<FirstLook> {
  const tasks = [...results.keys()];
  const look = await lookFirst(
    files,
    tasks,
    options,
    tasks.length > FEW ? undefined : await marksBeside(files, tasks),
  );
  const priors = new Map([...look.priors].filter(([task, { id }]) => results.get(task) === id));
  return { ...look, priors };
}

async function marksBeside(files: Files, tasks: readonly Task[]): Promise<Map<string, { marks: Marks }>> {
  const listings = new Map<string, { marks: Marks }>();
  for (const { directory, name } of tasks) {
    const { marks } = listings.get(directory) ?? { marks: new Marks() };
    listings.set(directory, { marks });
    for (const marker of [markerOf.completed(name), markerOf.lock(name), markerOf.failed(name)])
      if (await lookAt(files, `${directory}/${marker}`)) marks.add(marker);
  }
  return listings;
}

/** Where a task stands for a run that finds it in this state; `completed` and `failed` say how, when it is not to be taken. */
export function standingFor(
  state: TaskState,
  prior: PriorResult | undefined,
  over: { readonly completed: Standing & { kind: 'over' }; readonly failed: Standing & { kind: 'over' } },
): Standing {
  if (state === 'pending') return READY;
  if (state === 'in-progress') return ELSEWHERE;
  return prior?.state === state ? READY : over[state];
}

/** How many of the tasks are in each state, from one listing of each directory. */
export async function countStates(
  files: Files,
  tasks: readonly Task[],
): Promise<Readonly<Record<TaskState, number>>> {
  const marks = await listAll(files, tasks);
  const counts = noneYet();
  await inTurns(
    tasks,
    ({ directory, name }) => void counts[stateOf(name, marks.get(directory) ?? NO_MARKS)]++,
  );
  return counts;
}

const noneYet = (): Record<TaskState, number> => ({
  pending: 0,
  'in-progress': 0,
  completed: 0,
  failed: 0,
});

/**
 * Locks in these directories that belong to none of the tasks: the file of theirs was deleted, or no pattern matches it.
 * Their owners may be dead all the same, and agents of theirs alive.
 */
export function findStrays(
  listings: ReadonlyMap<string, Pick<Listing, 'marks'>>,
  tasks: readonly Task[],
  cwd: string,
): Task[] {
  const strays = new Map<string, Task>();
  for (const [directory, { marks }] of listings)
    for (const name of marks.locked)
      strays.set(`${directory}/${name}`, { directory, name, label: relative(cwd, `${directory}/${name}`) });
  if (strays.size > 0) for (const { directory, name } of tasks) strays.delete(`${directory}/${name}`);
  return [...strays.values()].sort(byNaturalOrder);
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

const NO_MARKS = new Marks();

const marksOf = (listings: ReadonlyMap<string, Pick<Listing, 'marks'>>): ReadonlyMap<string, Marks> =>
  new Map([...listings].map(([directory, { marks }]) => [directory, marks]));

async function listAll(files: Files, tasks: readonly Task[]): Promise<ReadonlyMap<string, Marks>> {
  const all = new Map<string, Marks>();
  for (const { directory } of tasks) {
    if (all.has(directory)) continue;
    const marks = new Marks();
    await inTurns(await listIfThere(files, directory), (name) => void marks.add(name));
    all.set(directory, marks);
  }
  return all;
}

/** Whether the task file says something else than when its result was made. */
async function isChanged(files: Files, task: Task): Promise<boolean> {
  const header = await readLogHeader(files, `${task.directory}/${markerOf.completed(task.name)}`);
  const prompt = await readPrompt(files, task);
  if (header === undefined || prompt.kind === 'gone') return false;
  return prompt.kind === 'refused' || prompt.source.sha256 !== header.promptSha256;
}
