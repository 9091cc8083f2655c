/** What was typed for the commands that show tasks and their logs: every value checked. */
import type { OptionBag } from './arguments.ts';
import { MOST_ATTEMPTS } from './claim.ts';
import { UsageError } from './errors.ts';
import { wholeNumber } from './options.ts';
import { flag, text } from './requests.ts';

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
