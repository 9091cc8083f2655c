/** What agents have spent, and what that says about the tasks that are left. */
import { addUsage, NO_USAGE, type Usage } from './outcome.ts';

export interface Spent {
  readonly attempts: number;
  readonly usage: Usage;
}

export const NOTHING_SPENT: Spent = { attempts: 0, usage: NO_USAGE };

export const addSpent = (a: Spent, b: Spent): Spent => ({
  attempts: a.attempts + b.attempts,
  usage: addUsage(a.usage, b.usage),
});

/** As ceilings count them: what Codex calls cached is part of the input, and counts like the rest of it. */
export const tokensIn = ({ input, output }: Usage): number => input + output;

/** What was spent between two totals of one thread; never less than nothing, whatever they say. */
export function usageSince(total: Usage, before: Usage): Usage {
  const since = (key: keyof Usage) => Math.max(0, total[key] - before[key]);
  return { input: since('input'), cached: since('cached'), output: since('output') };
}

/** What the journal says at the end of a run. */
export interface RunSpending {
  /** In the directories of the run, by every terminal, as far back as their journals go. */
  readonly directory: Spent;
  /** Of this run; absent where it is too short to say. */
  readonly tokensPerHour?: number;
  readonly tasksPerHour?: number;
  /** Below the ceilings of this run; a ceiling that is absent is none. */
  readonly left: { readonly tokens?: number; readonly attempts?: number };
  /** For the tasks that are pending and wait for no other, at this run's concurrency, ms; absent where nothing can be said. */
  readonly etaMs?: number;
}

const HOUR_MS = 3_600_000;
/** From less nobody should foresee an hour. */
const SHORTEST_MS = 1_000;

/** How fast a run was: its tokens, and the tasks it completed, in `ms`. */
export function pace(
  usage: Usage,
  completed: number,
  ms: number,
): Pick<RunSpending, 'tokensPerHour' | 'tasksPerHour'> {
  if (ms < SHORTEST_MS || completed === 0) return {};
  const perHour = (n: number) => Math.round((n * HOUR_MS) / ms);
  return { tokensPerHour: perHour(tokensIn(usage)), tasksPerHour: perHour(completed) };
}

/** `undefined` without any. */
export function medianOf(durations: readonly number[]): number | undefined {
  return durations.toSorted((a, b) => a - b)[Math.floor(durations.length / 2)];
}

/**
 * How long the tasks that are left take, ms, when each takes as long as the `median` of those that were completed: those that
 * run, each for so long already, and then those that are pending, on as many lanes. `undefined` where nothing can be said.
 */
export function eta(
  median: number | undefined,
  pending: number,
  concurrency: number,
  runningMs: readonly number[] = [],
): number | undefined {
  if (median === undefined || pending + runningMs.length === 0) return undefined;
  const lanes = Math.max(concurrency, runningMs.length);
  const free = Array.from({ length: lanes }, (_, lane) => Math.max(0, median - (runningMs[lane] ?? median)));
  free.sort((a, b) => a - b);
  // The lanes that are free first take one more than the others do.
  const last = pending % lanes === 0 ? (free.at(-1) ?? 0) : median + (free[(pending % lanes) - 1] ?? 0);
  const ms = median * Math.floor(pending / lanes) + last;
  return ms > 0 ? ms : undefined;
}
