/** What tasks wait for, or what is wrong with them, as far as it can be told without running them. */
import { UsageError } from '../core/errors.ts';
import type { TaskStatus, Wait } from '../core/reports.ts';
import type { Task, TaskState } from '../core/task.ts';
import type { Files } from '../io/files.ts';
import { readMatter, thoseWithMatter } from '../io/task-matter.ts';
import { AfterNames, type Known } from './after-names.ts';
import { together } from './task-plan.ts';

export class Waits {
  readonly #files: Files;
  /** What each of these tasks says that it comes after, by its path: read once, however often somebody looks. */
  readonly #said = new Map<string, readonly string[]>();
  /** Of those that every run refuses, what is wrong with them. They are read again at every look: they are there to be put right. */
  readonly #refused = new Map<string, string>();

  constructor(files: Files) {
    this.#files = files;
  }

  /** `states` has every task that is known; those of `tasks` are told of that wait, or that every run refuses. */
  async look(
    known: Known,
    states: ReadonlyMap<Task, TaskState>,
    tasks = known.tasks.filter((task) => states.get(task) === 'pending'),
  ): Promise<ReadonlyMap<Task, Pick<TaskStatus, 'waitsFor' | 'refused'>>> {
    const unread = tasks.filter((task) => !this.#said.has(pathOf(task)) || this.#refused.has(pathOf(task)));
    this.#refused.clear();
    for (const task of unread) this.#said.set(pathOf(task), []);
    await together(await thoseWithMatter(unread), (task) => this.#read(task));
    const names = new AfterNames(known);
    const open = new Map<ReadonlySet<Task>, readonly Task[]>();
    const waits = new Map<Task, Pick<TaskStatus, 'waitsFor' | 'refused'>>();
    for (const task of tasks) {
      const refused = this.#refused.get(pathOf(task));
      if (refused !== undefined) waits.set(task, { refused });
      const groups: (readonly Task[])[] = [];
      for (const name of this.#said.get(pathOf(task)) ?? []) {
        const set = await meantBy(names, task, name);
        if (!set) continue;
        const left = open.get(set) ?? [...set].filter((other) => states.get(other) !== 'completed');
        open.set(set, left);
        groups.push(left);
      }
      const waitsFor = waitFor(task, groups, states);
      if (waitsFor) waits.set(task, { waitsFor });
    }
    return waits;
  }

  async #read(task: Task): Promise<void> {
    const read = await readMatter(this.#files, task);
    if (read.kind === 'refused') this.#refused.set(pathOf(task), read.why);
    this.#said.set(pathOf(task), (read.kind === 'read' && read.says.after?.value) || []);
  }
}

const pathOf = ({ directory, name }: Task) => `${directory}/${name}`;

/** What is wrong with a name, a run says. */
async function meantBy(names: AfterNames, task: Task, name: string): Promise<ReadonlySet<Task> | undefined> {
  try {
    return await names.meant(task, name);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return undefined;
  }
}

/** A group that many wait for is not gone through for each of them. */
function waitFor(
  task: Task,
  groups: readonly (readonly Task[])[],
  states: ReadonlyMap<Task, TaskState>,
): Wait | undefined {
  const [only = [], ...more] = groups;
  const open = more.length > 0 ? [...new Set(groups.flat())] : only;
  const first = open.find((other) => other !== task);
  if (!first) return undefined;
  const count = open.includes(task) ? open.length - 1 : open.length;
  return { count, first: { label: first.label, state: states.get(first) ?? 'pending' } };
}
