/** How an order for an attempt comes about: the task's own settings as they are now, within what all orders of the run share. */
import type { HowAgentsRun } from '../core/backend.ts';
import { newClaimId } from '../core/claim.ts';
import { InvariantError, isStorageError } from '../core/errors.ts';
import type { RunOptions } from '../core/options.ts';
import { NO_USAGE, type Outcome } from '../core/outcome.ts';
import type { Task } from '../core/task.ts';
import type { CodexCommand } from '../io/codex-command.ts';
import type { Files } from '../io/files.ts';
import type { TaskDirectory } from '../io/task-directory.ts';
import type { TaskBudget } from './ceilings.ts';
import type { AttemptOrder, PriorResult } from './order.ts';
import { directoryOf } from './others.ts';
import { orderedBy, readOwnSettings, type OwnRead } from './own-settings.ts';

/** What all orders of a run have in common. */
export interface OrderTerms {
  readonly run: string;
  readonly options: RunOptions;
  readonly codex: CodexCommand;
  readonly codexVersion: string;
  readonly how: HowAgentsRun;
  /** The folder of the answers, where agents may ask. */
  readonly answersIn?: string;
  readonly by: string;
  readonly directories: ReadonlyMap<string, TaskDirectory>;
}

/** What the run knows of one task. */
export interface TaskHistory {
  /** How many attempts of this run at it failed and were put back. */
  readonly retried: number;
  readonly prior: PriorResult | undefined;
  readonly budget: TaskBudget | undefined;
}

/**
 * What the task says for itself is read now; the attempt begins only if the file says the same then. Where it cannot be
 * read, or must not say so, that is the outcome of an attempt that is not begun.
 */
export async function settingsFor(files: Files, task: Task, options: RunOptions): Promise<OwnRead | Outcome> {
  try {
    return await readOwnSettings(files, task, options);
  } catch (error) {
    if (!isStorageError(error)) throw error;
    const problem = { kind: 'storage', message: error.message } as const;
    const reason = { kind: 'environment', problem } as const;
    return { kind: 'returned', attempt: 0, durationMs: 0, usage: NO_USAGE, reason };
  }
}

/** With a claim id of its own, that no other order ever has. */
export function makeOrder(
  task: Task,
  own: Extract<OwnRead, { kind: 'allowed' }>,
  { run, options, codex, codexVersion, how, answersIn, by, directories }: OrderTerms,
  { retried, prior, budget }: TaskHistory,
): AttemptOrder {
  if (options.dryRun) throw new InvariantError('a dry run has no attempts');
  const { takeoverAfterMs, approvalTimeoutMs: timeoutMs } = options;
  return {
    claim: newClaimId(),
    run,
    task,
    directory: directoryOf(directories, task),
    codex,
    codexVersion,
    backend: how.backend,
    policy: how.policy,
    ...(answersIn !== undefined && {
      answers: { folder: answersIn, ...(timeoutMs !== undefined && { timeoutMs }) },
    }),
    retried,
    by,
    ...orderedBy(own, options),
    ...(prior ? { prior } : {}),
    ...(budget ? { budget } : {}),
    ...(takeoverAfterMs === undefined ? {} : { takeoverAfterMs }),
  };
}
