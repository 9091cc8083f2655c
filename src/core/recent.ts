/** How fast work goes of late, whoever does it: from the ends of attempts in the last hour. */
import { addUsage, NO_USAGE, type Usage } from './outcome.ts';
import { pace, type RunSpending } from './spending.ts';

/** The end of an attempt, as a journal has it: when, in ms since 1970, and what it had cost. */
export interface EndedAttempt {
  readonly at: number;
  readonly durationMs: number;
  readonly isCompleted: boolean;
  readonly usage: Usage;
}

/** Long enough that tasks of several minutes give a figure, short enough that yesterday's have none in it. */
const WINDOW_MS = 3_600_000;

export class RecentWork {
  #ends: EndedAttempt[] = [];

  note(end: EndedAttempt): void {
    this.#ends.push(end);
  }

  /** As of `now`, ms since 1970; empty where nothing was completed in the last hour. */
  paceAt(now: number): Pick<RunSpending, 'tokensPerHour' | 'tasksPerHour'> {
    this.#ends = this.#ends.filter(({ at }) => at > now - WINDOW_MS);
    const begins = this.#ends.map(({ at, durationMs }) => at - durationMs);
    const began = Math.max(
      now - WINDOW_MS,
      begins.reduce((a, b) => Math.min(a, b), now),
    );
    const usage = this.#ends.reduce((sum, end) => addUsage(sum, end.usage), NO_USAGE);
    return pace(usage, this.#ends.filter(({ isCompleted }) => isCompleted).length, now - began);
  }
}
