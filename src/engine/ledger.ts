/** The journals of the directories of a run, added up. */
import { addUsage, NO_USAGE, type Usage } from '../core/outcome.ts';
import { addSpent, NOTHING_SPENT, tokensIn, type Spent } from '../core/spending.ts';
import type { Task } from '../core/task.ts';
import type { AnswerNote, JournalEntry } from '../core/journal-entry.ts';
import type { TaskDirectory } from '../io/task-directory.ts';
import type { World } from './world.ts';

interface LedgerOptions {
  /** ms since 1970: what was spent before does not count for ceilings. */
  readonly since?: number;
  readonly run?: string;
  /** Told of each attempt once, with the path of its directory. */
  readonly onEntry?: (directory: string, entry: JournalEntry) => void;
  /** Told of each question that was answered once. */
  readonly onAnswer?: (note: AnswerNote) => void;
}

export class Ledger {
  /** As far back as the journals go. */
  all: Spent = NOTHING_SPENT;
  /** Since the moment from which ceilings count. */
  counted: Spent = NOTHING_SPENT;
  /** By this run. */
  readonly ours: { usage: Usage; completedMs: number[] } = { usage: NO_USAGE, completedMs: [] };
  readonly #since: number;
  readonly #run: string | undefined;
  readonly #onEntry: (directory: string, entry: JournalEntry) => void;
  readonly #onAnswer: ((note: AnswerNote) => void) | undefined;
  readonly #accounts: World['accounts'];
  readonly #readers = new Map<string, { read(): Promise<JournalEntry[]> }>();
  /** Tokens of each task, of those that count. */
  readonly #tasks = new Map<string, number>();
  #reading: Promise<void> | undefined;

  constructor(
    { accounts }: Pick<World, 'accounts'>,
    directories: Iterable<Pick<TaskDirectory, 'path'>>,
    { since = 0, run, onEntry = () => {}, onAnswer }: LedgerOptions = {},
  ) {
    this.#since = since;
    this.#run = run;
    this.#onEntry = onEntry;
    this.#onAnswer = onAnswer;
    this.#accounts = accounts;
    for (const directory of directories) this.include(directory);
  }

  /** The next look reads the journal of this directory too, from its beginning; once, however often it is said. */
  include(directory: Pick<TaskDirectory, 'path'>): void {
    const reader = this.#readers.has(directory.path)
      ? undefined
      : this.#accounts?.reader(directory, this.#onAnswer);
    if (reader) this.#readers.set(directory.path, reader);
  }

  /** Reads what has come since; whoever asks meanwhile waits for a reading that began after the question. */
  async look(): Promise<void> {
    await this.#reading;
    this.#reading ??= this.#readOn().finally(() => (this.#reading = undefined));
    await this.#reading;
  }

  async #readOn(): Promise<void> {
    for (const [path, reader] of this.#readers)
      for (const entry of await reader.read()) this.#add(path, entry);
  }

  #add(directory: string, entry: JournalEntry): void {
    const { at, run, task, outcome, why, usage, durationMs } = entry;
    this.#onEntry(directory, entry);
    // What met a limit spends no attempt: it is not one of those that a ceiling allows.
    const isLimited = outcome === 'given-back' && why === 'limited';
    const spent = { attempts: isLimited ? 0 : 1, usage };
    this.all = addSpent(this.all, spent);
    if (run === this.#run) {
      this.ours.usage = addUsage(this.ours.usage, usage);
      if (outcome === 'completed') this.ours.completedMs.push(durationMs);
    }
    if (at < this.#since && run !== this.#run) return; // its own counts, though the clock was set back
    this.counted = addSpent(this.counted, spent);
    const key = `${directory}/${task}`;
    this.#tasks.set(key, (this.#tasks.get(key) ?? 0) + tokensIn(usage));
  }

  /** Tokens of all its attempts that count. */
  tokensOf({ directory, name }: Pick<Task, 'directory' | 'name'>): number {
    return this.#tasks.get(`${directory}/${name}`) ?? 0;
  }
}
