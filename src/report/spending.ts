/** What was spent, as people read it. */
import { formatDuration } from '../core/duration.ts';
import type { Pace } from '../core/reports.ts';
import { tokensIn, type RunSpending, type Spent } from '../core/spending.ts';
import { describeUsage, formatTokens, plural } from './wording.ts';

/** Of a directory, by every terminal. */
export function describeSpent({ attempts, usage }: Spent): string {
  const tokens = tokensIn(usage) > 0 ? ` · ${describeUsage(usage)}` : '';
  return `${plural(attempts, 'attempt')} so far${tokens}`;
}

/** How long what is left may take, and how fast it goes, as parts of a line: of the directory in the last hour. */
export function describePace({ etaMs, ...pace }: Pace, left: number): string[] {
  return [
    ...(etaMs === undefined ? [] : [`about ${formatDuration(etaMs)} for the ${left} left`]),
    ...perHour(pace),
  ];
}

function perHour({ tokensPerHour, tasksPerHour }: Pick<Pace, 'tokensPerHour' | 'tasksPerHour'>): string[] {
  return [
    ...(tasksPerHour === undefined ? [] : [`${plural(tasksPerHour, 'task')}/h`]),
    ...(!tokensPerHour ? [] : [`${formatTokens(tokensPerHour)} tokens/h`]),
  ];
}

/** One line below the summary of a run. */
export function describeSpending({ directory, left, etaMs, ...pace }: RunSpending, pending: number): string {
  return [
    `here: ${describeSpent(directory)}`,
    ...perHour(pace),
    ...(left.tokens === undefined ? [] : [`${formatTokens(left.tokens)} tokens left`]),
    ...(left.attempts === undefined ? [] : [`${plural(left.attempts, 'attempt')} left`]),
    ...(etaMs === undefined ? [] : [`about ${formatDuration(etaMs)} for the ${pending} pending`]),
  ].join(' · ');
}
