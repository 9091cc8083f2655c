/**
 * What the tasks of a run say of themselves that must be known before it begins: which of them cannot be run as they are,
 * which want to be first, and which wait for which. A task that is completed, and stays so, is not looked at.
 */
import { UsageError } from '../core/errors.ts';
import type { RunOptions } from '../core/options.ts';
import { byNaturalOrder, stateOf, type Refusal, type Task } from '../core/task.ts';
import type { Said } from '../core/task-settings.ts';
import type { Files } from '../io/files.ts';
import { AfterNames, type Known } from './after-names.ts';
import { thoseWithMatter } from '../io/task-matter.ts';
import { readOwnSettings } from './own-settings.ts';
import { circlesIn, type After } from './prerequisites.ts';
import type { TaskOrder } from './standings.ts';

export interface TaskPlan extends TaskOrder {
  readonly refused: ReadonlyMap<Task, Refusal>;
}

type Wish = readonly [task: Task, after: Said<readonly string[]>];

/** Task files that are read together. */
const READS_AT_ONCE = 64;

/** Throws UsageError for tasks that wait for one another, or for one that is not there; what the disk says is thrown too. */
export async function planTasks(files: Files, known: Known, options: RunOptions): Promise<TaskPlan> {
  const { wishes, ...read } = await readWishes(files, openTasks(known, options), options);
  return { ...read, after: wishes.length > 0 ? await afterOf(new AfterNames(known), wishes) : new Map() };
}

/**
 * The same for tasks that come while a run is on, and that are among the known. The `early` ones wait for one that is not
 * there (yet), or for one another: what they wait for may still come, so they are to be planned again then.
 */
export async function planArrivals(
  files: Files,
  known: Known,
  arrived: readonly Task[],
  options: RunOptions,
): Promise<TaskPlan & { readonly early: ReadonlyMap<Task, Refusal> }> {
  const { wishes, ...read } = await readWishes(files, arrived, options);
  const early = new Map<Task, Refusal>();
  const after = new Map<Task, readonly ReadonlySet<Task>[]>();
  const refuse = ({ label }: Task, why: string) => ({ label, why: `cannot be begun yet: ${why}` });
  const names = wishes.length > 0 ? new AfterNames(known) : undefined;
  for (const wish of names ? wishes : []) {
    const [task] = wish;
    try {
      for (const [waiting, sets] of await afterOf(names as AfterNames, [wish])) after.set(waiting, sets);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      early.set(task, refuse(task, error.message));
    }
  }
  for (const circle of circlesIn(after))
    for (const task of circle) {
      early.set(task, refuse(task, `it is one of ${circle.length} that wait for each other (after)`));
      after.delete(task);
    }
  return { ...read, after, early };
}

async function readWishes(
  files: Files,
  tasks: readonly Task[],
  options: RunOptions,
): Promise<Omit<TaskPlan, 'after'> & { readonly wishes: readonly Wish[] }> {
  const priorities = new Map<Task, number>();
  const refused = new Map<Task, Refusal>();
  const wishes: Wish[] = [];
  await together(await thoseWithMatter(tasks), async (task) => {
    const own = await readOwnSettings(files, task, options);
    if (own.kind === 'refused') refused.set(task, { label: task.label, why: own.why });
    else if (own.says.priority) priorities.set(task, own.says.priority.value);
    if (own.kind === 'allowed' && own.says.after) wishes.push([task, own.says.after]);
  });
  return { priorities, refused, wishes };
}

function openTasks({ tasks, listings }: Known, { rerunCompleted, rerunChanged }: RunOptions): Task[] {
  if (rerunCompleted || rerunChanged) return [...tasks];
  return tasks.filter(({ directory, name }) => {
    const marks = listings.get(directory)?.marks;
    return !marks || stateOf(name, marks) !== 'completed';
  });
}

/** Reads many at once, and not all. */
export async function together(tasks: readonly Task[], read: (task: Task) => Promise<void>): Promise<void> {
  for (let start = 0; start < tasks.length; start += READS_AT_ONCE)
    await Promise.all(tasks.slice(start, start + READS_AT_ONCE).map(read));
}

/** So many complaints tell what is wrong. */
const MOST_COMPLAINTS = 10;

async function afterOf(names: AfterNames, wishes: readonly Wish[]): Promise<After> {
  const after = new Map<Task, ReadonlySet<Task>[]>();
  const complaints: string[] = [];
  let missing: readonly [task: Task, name: string] | undefined;
  for (const [task, { value, at }] of wishes) {
    const sets: ReadonlySet<Task>[] = [];
    after.set(task, sets);
    for (const name of value) {
      const set = await names.meant(task, name);
      const isItself = set?.size === 1 && set.has(task);
      if (set && !isItself) {
        sets.push(set);
        continue;
      }
      if (!isItself) missing ??= [task, name];
      complaints.push(
        `${task.label}:${at}: after: ${JSON.stringify(name)} ${isItself ? 'is the task itself' : 'is no task of this run, and none that is completed'}`,
      );
    }
  }
  for (const circle of circlesIn(after)) {
    const [start] = circle.toSorted(byNaturalOrder); // whatever order the directory was read in
    const at = start ? circle.indexOf(start) : 0;
    const round = [...circle.slice(at), ...circle.slice(0, at + 1)];
    const way = round.map(({ label }) => label).join(' → ');
    complaints.push(`${way} wait for each other (after)`);
  }
  if (complaints.length > 0) {
    const near = missing && names.near(...missing); // of the first only: there may be very many, and very many tasks
    throw wrongAfter(complaints, near ? `did you mean ${near}?` : missing ? MISSING_HINT : CIRCLE_HINT);
  }
  return after;
}

const MISSING_HINT =
  'names are relative to the directory of the task; give the run all the tasks that belong together';
const CIRCLE_HINT =
  'each waits for the other, so none could ever begin; take a name out of one of these after lists';

function wrongAfter(complaints: readonly string[], hint: string): UsageError {
  const more = complaints.length - MOST_COMPLAINTS;
  const shown = complaints.slice(0, MOST_COMPLAINTS).join('; ');
  return new UsageError(more > 0 ? `${shown}; and ${more} more` : shown, hint);
}
