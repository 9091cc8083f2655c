/** What the names and globs of `after` mean: tasks of a run, and completed ones that stand in its directories. */
import { dirname, join } from 'node:path';
import { UsageError } from '../core/errors.ts';
import { nearest } from '../core/options.ts';
import type { Task } from '../core/task.ts';
import type { Discovery } from '../io/discovery.ts';
import { namesBelow } from '../io/glob.ts';

export type Known = Pick<Discovery, 'tasks' | 'listings'>;

/** All globs together may name so many tasks. */
const MOST_NAMED = 2_000_000;

export class AfterNames {
  readonly #known: Known;
  /** By their paths; made when the first name is asked for. */
  #tasks: ReadonlyMap<string, Task> | undefined;
  /** What one task or one glob means is one set, whoever names it. */
  readonly #sets = new Map<string, Promise<ReadonlySet<Task> | undefined>>();
  #named = 0;

  constructor(known: Known) {
    this.#known = known;
  }

  #taskAt(path: string): Task | undefined {
    this.#tasks ??= new Map(this.#known.tasks.map((task) => [join(task.directory, task.name), task]));
    return this.#tasks.get(path);
  }

  /**
   * The tasks that are meant by one who stands in that directory; none that are not tasks of the run, and `undefined` when
   * there is no task of that name at all. Throws UsageError for globs that name too many.
   */
  meant({ directory }: Task, name: string): Promise<ReadonlySet<Task> | undefined> {
    const path = join(directory, name);
    const isOne = this.#isTask(path);
    const key = isOne ? path : `${directory}\0${name}`;
    const known = this.#sets.get(key);
    if (known) return known;
    const set = isOne ? Promise.resolve(this.#setOf([path])) : this.#matching(directory, name);
    this.#sets.set(key, set);
    return set;
  }

  /** What a name that is that of no task was probably meant to be, as it would be written there. */
  near({ directory }: Task, name: string): string | undefined {
    const place = dirname(join(directory, name));
    const way = name.slice(0, name.lastIndexOf('/') + 1);
    const names = this.#known.tasks.filter((task) => task.directory === place).map((task) => way + task.name);
    return names.find((one) => one.replace(/\.[^./]*$/, '') === name) ?? nearest(name, names);
  }

  async #matching(directory: string, glob: string): Promise<ReadonlySet<Task> | undefined> {
    const isGlob = /[*?[\]{}]/.test(glob) && !/[!+@?*]\(/.test(glob);
    if (!isGlob) return undefined;
    const names = await namesBelow(directory, glob, this.#known.listings);
    return this.#setOf(names.map((name) => join(directory, name)).filter((path) => this.#isTask(path)));
  }

  #setOf(paths: readonly string[]): ReadonlySet<Task> | undefined {
    this.#named += paths.length;
    if (this.#named > MOST_NAMED)
      throw new UsageError(
        `the globs of after name more than ${MOST_NAMED} tasks together`,
        'let tasks wait for one that itself waits for the others',
      );
    if (paths.length === 0) return undefined;
    return new Set(paths.flatMap((path) => this.#taskAt(path) ?? []));
  }

  /** Of the run, or completed in one of its directories. */
  #isTask(path: string): boolean {
    if (this.#taskAt(path)) return true;
    const name = path.slice(path.lastIndexOf('/') + 1);
    return this.#known.listings.get(dirname(path))?.marks.completed.has(name) === true;
  }
}
