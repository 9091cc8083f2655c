/** The tasks that are ready, in the order in which they are taken: by priority, then by the place that each was given. */
import type { Task } from '../core/task.ts';

interface Entry {
  readonly task: Task;
  /** Higher ones first. */
  readonly priority: number;
  /** Lower ones first; each is given once. */
  readonly place: number;
}

/** Negative when `a` is taken before `b`. */
const compare = (a: Omit<Entry, 'task'>, b: Omit<Entry, 'task'>) =>
  b.priority - a.priority || a.place - b.place;

export class ReadyTasks {
  readonly #priorities: Map<Task, number>;
  readonly #queue: Entry[] = [];
  readonly #entries = new Map<Task, Entry>();

  /** A task without a priority has 0. */
  constructor(priorities: ReadonlyMap<Task, number>) {
    this.#priorities = new Map(priorities);
  }

  /** As they count when a task is ready the next time. */
  prefer(priorities: ReadonlyMap<Task, number>): void {
    for (const [task, priority] of priorities) this.#priorities.set(task, priority);
  }

  add(task: Task, place: number): void {
    const entry = { task, priority: this.#priorities.get(task) ?? 0, place };
    this.#queue.splice(this.#placeOf(entry), 0, entry);
    this.#entries.set(task, entry);
  }

  delete(task: Task): void {
    const entry = this.#entries.get(task);
    if (!entry) return;
    this.#queue.splice(this.#placeOf(entry), 1);
    this.#entries.delete(task);
  }

  get size(): number {
    return this.#queue.length;
  }

  get tasks(): Task[] {
    return this.#queue.map(({ task }) => task);
  }

  /** Of the first `among` that are equally urgent the one at `random`, in [0, 1), of the way. */
  next(among: number, random: number): Task | undefined {
    const [first] = this.#queue;
    if (!first) return undefined;
    let choice = 1;
    while (choice < among && this.#queue[choice]?.priority === first.priority) choice++;
    return this.#queue[Math.floor(random * choice)]?.task;
  }

  /** Where it is, or would be. Most come last, and go first. */
  #placeOf(entry: Entry): number {
    let [from, to] = [0, this.#queue.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      const other = this.#queue[middle] as Entry;
      if (compare(other, entry) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}
