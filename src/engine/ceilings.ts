/**
 * What a run may spend, together with every other terminal in its directories: looked at before each task is handed out,
 * and every second while nothing is. What is running when a ceiling is reached is finished, so the sum may pass a ceiling of
 * tokens by that much.
 *
 * Who finds its ceiling reached leaves a note in its directories, and whoever works there obeys it, with ceilings of its own
 * or without. A note that was there before a run began does not bind it.
 */
import type { DispatchEnd } from '../core/event.ts';
import type { RunOptions } from '../core/options.ts';
import { tokensIn, type RunSpending } from '../core/spending.ts';
import type { Task } from '../core/task.ts';
import { leaveNote, noteId, readNote, type Ceiling } from '../io/ceiling-note.ts';
import type { TaskDirectory } from '../io/task-directory.ts';
import type { Ledger } from './ledger.ts';
import { tolerant } from './tolerant-look.ts';
import type { World } from './world.ts';

const LOOK_EVERY_MS = 1_000;

/** What a task may still spend, when there is a ceiling for each. */
export interface TaskBudget {
  readonly left: number;
  readonly limit: number;
}

export class Ceilings {
  readonly #world: World;
  readonly #budget: RunOptions['budget'];
  readonly #ledger: Ledger;
  /** With the note that was there when the run began. */
  readonly #notes: Map<TaskDirectory, string | undefined>;
  readonly #hasAny: boolean;
  #hasLeftNote = false;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  private constructor(
    world: World,
    budget: RunOptions['budget'],
    ledger: Ledger,
    notes: Map<TaskDirectory, string | undefined>,
  ) {
    this.#world = world;
    this.#budget = budget;
    this.#ledger = ledger;
    this.#notes = notes;
    this.#hasAny = [budget.tokens, budget.tokensPerTask, budget.attempts].some(
      (limit) => limit !== undefined,
    );
  }

  static async begin(
    world: World,
    budget: RunOptions['budget'],
    ledger: Ledger,
    directories: Iterable<TaskDirectory>,
  ): Promise<Ceilings> {
    const notes = new Map<TaskDirectory, string | undefined>();
    for (const directory of directories) notes.set(directory, await noteId(world.files, directory));
    return new Ceilings(world, budget, ledger, notes);
  }

  /** What is spent there counts from now on, and what others note there. */
  async include(directory: TaskDirectory): Promise<void> {
    this.#ledger.include(directory);
    if ([...this.#notes.keys()].some(({ path }) => path === directory.path)) return;
    this.#notes.set(directory, await noteId(this.#world.files, directory));
  }

  /** Looks at the notes of others, and with ceilings of its own at the journals, until it is disposed of. */
  watch(onReached: (why: DispatchEnd) => void, onTrouble: (message: string) => void): void {
    const ask = tolerant(
      async () => {
        await this.look();
        return (await this.#noted()) ?? this.reached(0);
      },
      (code) => onTrouble(`what is spent here cannot be looked at (${code}); trying again`),
    );
    const look = async () => {
      const why = await ask();
      if (this.#isOver) return; // a timer that nobody clears would keep the process
      if (why) onReached(why);
      else this.#timer = setTimeout(again, LOOK_EVERY_MS);
    };
    const again = () => void look();
    this.#timer = setTimeout(again, LOOK_EVERY_MS);
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  /** To be done before `reached` is asked. */
  async look(): Promise<void> {
    if (!this.#hasAny) return;
    await this.#ledger.look();
    const ceiling = this.#hasLeftNote ? undefined : this.#ceiling(0);
    if (!ceiling) return;
    this.#hasLeftNote = true;
    for (const directory of this.#notes.keys()) {
      await leaveNote(this.#world.files, directory, ceiling);
      this.#notes.set(directory, await noteId(this.#world.files, directory)); // our own
    }
  }

  /** Why no more is to be handed out, were so many attempts that run at their ends; `undefined` while it may be. */
  reached(running: number): DispatchEnd | undefined {
    const ceiling = this.#ceiling(running);
    return ceiling && endFor(ceiling, 'this');
  }

  #ceiling(running: number): Ceiling | undefined {
    const { tokens, attempts } = this.#budget;
    const { usage, attempts: ended } = this.#ledger.counted;
    if (tokens !== undefined && tokensIn(usage) >= tokens)
      return { of: 'tokens', limit: tokens, spent: tokensIn(usage) };
    if (attempts !== undefined && ended + running >= attempts)
      return { of: 'attempts', limit: attempts, spent: ended + running };
    return undefined;
  }

  async #noted(): Promise<DispatchEnd | undefined> {
    for (const [directory, known] of this.#notes) {
      const id = await noteId(this.#world.files, directory);
      if (id === known) continue;
      this.#notes.set(directory, id);
      const ceiling = id === undefined ? undefined : await readNote(this.#world.files, directory);
      if (ceiling) return endFor(ceiling, 'another');
    }
    return undefined;
  }

  budgetOf(task: Task): TaskBudget | undefined {
    const { tokensPerTask: limit } = this.#budget;
    return limit === undefined ? undefined : { left: limit - this.#ledger.tokensOf(task), limit };
  }

  /** For the summary. */
  get left(): RunSpending['left'] {
    const { tokens, attempts } = this.#budget;
    const { usage, attempts: ended } = this.#ledger.counted;
    return {
      ...(tokens !== undefined && { tokens: Math.max(0, tokens - tokensIn(usage)) }),
      ...(attempts !== undefined && { attempts: Math.max(0, attempts - ended) }),
    };
  }
}

function endFor({ of, limit, spent }: Ceiling, whose: 'this' | 'another'): DispatchEnd {
  const option = of === 'tokens' ? '--max-tokens' : '--max-attempts-total';
  const count = (n: number) => n.toLocaleString('en-US');
  const message =
    whose === 'this'
      ? `${option} ${count(limit)} is reached: ${count(spent)} ${of}, with those of other terminals`
      : `another terminal here has reached its ${option} ${count(limit)}`;
  const hint = `start the same command again with a higher ${option}, or with --since, to go on; nothing is lost`;
  return { kind: 'budget', message, hint };
}
