/** What attempts and tasks come to: durations, tokens over time, failures that are alike. */
import type { AttemptEndWord } from './journal-entry.ts';
import type { Usage } from './outcome.ts';
import { withoutParticulars } from './reason.ts';
import { tokensIn } from './spending.ts';
import type { TaskState } from './task.ts';

interface Span {
  readonly from: number;
  readonly to: number;
}

/** How long attempts took, ms; all zero where there are none. */
export interface Durations {
  readonly count: number;
  readonly shortest: number;
  readonly median: number;
  readonly p90: number;
  readonly p99: number;
  readonly longest: number;
  /** How many took so long at most, and longer than what the bar before it says; the last may have no end. */
  readonly bars: readonly { readonly upTo?: number; readonly count: number }[];
}

/** Each bar's end, ms: a person thinks of them as steps of about two. The last is for all that took longer. */
const BAR_ENDS = [
  1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400,
].map((seconds) => seconds * 1_000);

export function durationsOf(attempts: readonly Span[]): Durations {
  const sorted = attempts.map(({ from, to }) => to - from).sort((a, b) => a - b);
  // The smallest that so many are not above: always one that was really measured.
  const at = (share: number) => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
  return {
    count: sorted.length,
    shortest: at(0),
    median: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    longest: at(1),
    bars: barsOf(sorted),
  };
}

/** From the first bar with anything in it to the last; those between them may be empty. */
function barsOf(sorted: readonly number[]): Durations['bars'] {
  const bars: { upTo?: number; count: number }[] = BAR_ENDS.map((upTo) => ({ upTo, count: 0 }));
  bars.push({ count: 0 });
  let bar = 0;
  for (const ms of sorted) {
    while (ms > (bars[bar]?.upTo ?? Infinity)) bar++;
    const found = bars[bar];
    if (found) found.count++;
  }
  const first = bars.findIndex(({ count }) => count > 0);
  return first < 0 ? [] : bars.slice(first, bar + 1);
}

/** What had been spent by then, by all attempts that had ended. */
export interface TokensAt extends Usage {
  readonly at: number;
}

const MOST_POINTS = 240;

/** `attempts` in the order of their ends. Every end is a point, until there are too many of them. */
export function tokensOverTime(attempts: readonly (Span & { readonly usage: Usage })[]): TokensAt[] {
  const every = Math.max(1, Math.ceil(attempts.length / MOST_POINTS));
  const points: TokensAt[] = [];
  const sum = { input: 0, cached: 0, output: 0 };
  for (const [n, { to, usage }] of attempts.entries()) {
    for (const key of ['input', 'cached', 'output'] as const) sum[key] += usage[key];
    if ((n + 1) % every === 0 || n === attempts.length - 1) points.push({ at: to, ...sum });
  }
  return tokensIn(sum) > 0 ? points : [];
}

export interface FailureGroup {
  /** Without what differs from task to task, unless it is of one task only; shown with what one of them said in full. */
  readonly reason: string;
  readonly example: string;
  readonly count: number;
  /** Their labels. */
  readonly tasks: readonly string[];
}

const NO_REASON = 'its log does not say why';

export function failuresOf(
  tasks: readonly { readonly label: string; readonly state: TaskState; readonly reason?: string }[],
): FailureGroup[] {
  const groups = new Map<string, FailureGroup & { tasks: string[] }>();
  for (const { label, state, reason = NO_REASON } of tasks) {
    if (state !== 'failed') continue;
    const general = withoutParticulars(reason);
    const key = general.toLowerCase();
    const group = groups.get(key) ?? { reason: general, example: reason, count: 0, tasks: [] };
    group.tasks.push(label);
    groups.set(key, { ...group, count: group.tasks.length });
  }
  return [...groups.values()]
    .map((group) => (group.count === 1 ? { ...group, reason: group.example } : group))
    .sort((a, b) => b.count - a.count);
}

export interface Setback {
  readonly outcome: Exclude<AttemptEndWord, 'completed'>;
  /** As the journal says it: the kind of failure, and its class. */
  readonly why: string;
  readonly count: number;
}

/** A journal may have been made up, with a new word in each line. */
const MOST_SETBACKS = 30;

export function setbacksOf(
  attempts: readonly { readonly outcome: AttemptEndWord | 'running'; readonly why?: string }[],
): Setback[] {
  const counts = new Map<string, Setback>();
  for (const { outcome, why = '' } of attempts) {
    if (outcome === 'completed' || outcome === 'running') continue;
    const key = `${outcome} ${why}`;
    counts.set(key, { outcome, why, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  return [...counts.values()].sort((a, b) => b.count - a.count).slice(0, MOST_SETBACKS);
}
