/** What was spent, as people read it. */
import { formatDuration } from '../core/duration.ts';
import { tokensIn, type RunSpending, type Spent } from '../core/spending.ts';
import { describeUsage, formatTokens, plural } from './wording.ts';

/** Of a directory, by every terminal. */
export function describeSpent({ attempts, usage }: Spent): string {
  const tokens = tokensIn(usage) > 0 ? ` · ${describeUsage(usage)}` : '';
  return `${plural(attempts, 'attempt')} so far${tokens}`;
}

/** One line below the summary of a run. */
export function describeSpending(
  { directory, left, tokensPerHour, tasksPerHour, etaMs }: RunSpending,
  pending: number,
): string {
  return [
    `here: ${describeSpent(directory)}`,
    ...(tasksPerHour === undefined ? [] : [`${plural(tasksPerHour, 'task')}/h`]),
    ...(!tokensPerHour ? [] : [`${formatTokens(tokensPerHour)} tokens/h`]),
    ...(left.tokens === undefined ? [] : [`${formatTokens(left.tokens)} tokens left`]),
    ...(left.attempts === undefined ? [] : [`${plural(left.attempts, 'attempt')} left`]),
    ...(etaMs === undefined ? [] : [`about ${formatDuration(etaMs)} for the ${pending} pending`]),
  ].join(' · ');
}
