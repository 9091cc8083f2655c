/**
 * What other runs have completed meanwhile, as the journals of the directories tell: this run looks at a task when it is to take
 * it, and a person wants to know before. It is for people; nobody decides by it.
 */
import type { JournalEntry } from '../core/journal-entry.ts';
import type { Task } from '../core/task.ts';

export class Heard {
  readonly #run: string;
  readonly #since: number;
  readonly #tasks: readonly Task[];
  #byPath: Map<string, Task> | undefined;
  readonly #completed = new Set<Task>();

  /** `since` in ms since 1970: what was completed before this run had begun is no news. */
  constructor(run: string, since: number, tasks: readonly Task[]) {
    this.#run = run;
    this.#since = since;
    this.#tasks = tasks;
  }

  note(directory: string, { run, at, task, outcome }: JournalEntry): void {
    if (run === this.#run || at < this.#since || outcome !== 'completed') return;
    this.#byPath ??= new Map(this.#tasks.map((each) => [`${each.directory}/${each.name}`, each]));
    const heard = this.#byPath.get(`${directory}/${task}`);
    if (heard) this.#completed.add(heard);
  }

  /** How many of them this run still takes for `open`. */
  countCompleted(isOpen: (task: Task) => boolean): number {
    for (const task of this.#completed) if (!isOpen(task)) this.#completed.delete(task);
    return this.#completed.size;
  }
}
