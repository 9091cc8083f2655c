/** What was typed for the commands that show tasks and their logs: every value checked. */
import type { OptionBag } from './arguments.ts';
import { MOST_ATTEMPTS } from './claim.ts';
import { UsageError } from './errors.ts';
import { wholeNumber } from './options.ts';
import { flag, patterns, text } from './requests.ts';
import type { Places } from './sources.ts';
import type { TaskState } from './task.ts';

export interface LogsOptions {
  /** Until the task has a result. */
  readonly follow: boolean;
  /** What Codex printed, instead of what is written about it for people. */
  readonly raw: boolean;
  readonly attempt?: number;
  /** Only so many, of the end. */
  readonly lines?: number;
}

/** Throws UsageError unless there is a task, and for `--follow` just one. */
export function logsOptions(tasks: readonly string[], bag: OptionBag): LogsOptions {
  const [attempt, lines] = [text(bag, 'attempt'), text(bag, 'lines')];
  const follow = flag(bag, 'follow');
  if (tasks.length === 0)
    throw new UsageError(
      'no task was named',
      'for example codex-worker logs fix-auth.md; codex-worker list shows them all',
    );
  if (follow && tasks.length > 1)
    throw new UsageError(
      `--follow: got ${tasks.length} tasks; it follows one`,
      'follow the others in other terminals',
    );
  return {
    follow,
    raw: flag(bag, 'raw'),
    ...(attempt !== undefined && { attempt: wholeNumber('--attempt', attempt, 1, MOST_ATTEMPTS) }),
    ...(lines !== undefined && { lines: wholeNumber('--lines', lines, 0, 999_999_999) }),
  };
}

export interface ListOptions {
  readonly patterns: readonly string[];
  /** Tasks in one of these. */
  readonly states: ReadonlySet<TaskState>;
  /** Only what failed with these words in its reason, in upper or lower case. */
  readonly match?: string;
  readonly as: 'lines' | 'null' | 'json';
  readonly byReason: boolean;
}

const STATES = {
  pending: 'pending',
  inProgress: 'in-progress',
  completed: 'completed',
  failed: 'failed',
} as const;

/** Throws UsageError. */
export function listOptions(places: Places): ListOptions {
  const { bag } = places;
  const asked = Object.entries(STATES).filter(([key]) => flag(bag, key));
  const byReason = flag(bag, 'byReason');
  const failedOnly = byReason || bag['match'] !== undefined;
  const other = asked.find(([, state]) => state !== 'failed');
  if (failedOnly && other)
    throw new UsageError(
      `${byReason ? '--by-reason' : '--match'} and --${other[1]} contradict each other: only what failed has a reason`,
      'leave one of them out',
    );
  const isNull = flag(bag, 'null');
  if (isNull && (flag(bag, 'json') || byReason))
    throw new UsageError(
      `--null and ${byReason ? '--by-reason' : '--json'} contradict each other`,
      'leave one of them out',
    );
  const states = failedOnly ? ['failed' as const] : asked.map(([, state]) => state);
  return {
    patterns: patterns(places),
    states: new Set(states.length > 0 ? states : Object.values(STATES)),
    as: flag(bag, 'json') ? 'json' : isNull ? 'null' : 'lines',
    byReason,
    ...matchOption(bag),
  };
}

export interface RetryOptions {
  readonly match?: string;
  readonly dryRun: boolean;
}

/** Throws UsageError. */
export function retryOptions(bag: OptionBag): RetryOptions {
  return { dryRun: flag(bag, 'dryRun'), ...matchOption(bag) };
}

function matchOption(bag: OptionBag): { readonly match?: string } {
  const match = text(bag, 'match');
  if (match?.trim() === '')
    throw new UsageError(
      '--match: got nothing; allowed are words of a reason',
      "for example --match 'npm test'",
    );
  return match === undefined ? {} : { match };
}
