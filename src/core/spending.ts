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
  /** For the tasks that are pending, at this run's concurrency, ms; absent where nothing can be said. */
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

/** How long `pending` tasks take when they are like those that were completed: `undefined` without any. */
export function eta(
  completedMs: readonly number[],
  pending: number,
  concurrency: number,
): number | undefined {
  const median = completedMs.toSorted((a, b) => a - b)[Math.floor(completedMs.length / 2)];
  if (median === undefined || pending === 0) return undefined;
  return median * Math.ceil(pending / concurrency);
}
