/** What a run has to say of itself when it is over: what it counted, and what stands in its directories now. */
import { countAnswer, NO_ANSWERS } from '../core/answer-counts.ts';
import type { RunEvent, RunSummary } from '../core/event.ts';
import { addUsage, NO_USAGE, type Outcome } from '../core/outcome.ts';
import { eta, medianOf, pace, type RunSpending } from '../core/spending.ts';
import type { Task } from '../core/task.ts';
import type { Files } from '../io/files.ts';
import type { Ceilings } from './ceilings.ts';
import { countStates } from './first-look.ts';
import type { Ledger } from './ledger.ts';
import type { PriorResult } from './order.ts';
import type { Standings } from './standings.ts';

/** Counted while the run is on. */
export class Tally {
  alreadyCompleted = 0;
  attempts = 0;
  retries = 0;
  warnings = 0;
  usage = NO_USAGE;
  answers = NO_ANSWERS;

  count(outcome: Outcome): void {
    if ('attempt' in outcome) this.attempts++;
    if ('usage' in outcome) this.usage = addUsage(this.usage, outcome.usage);
    if ('warnings' in outcome) this.warnings += outcome.warnings.length;
    const isRetried =
      outcome.kind === 'failed' && outcome.failure.kind !== 'worker-crashed' && outcome.willRetry;
    if (isRetried) this.retries++;
  }

  note(event: RunEvent): void {
    if (event.kind === 'answered') this.answers = countAnswer(this.answers, event.answer);
  }
}

export interface SummaryRequest {
  readonly tally: Tally;
  readonly standings: Standings;
  readonly priors: ReadonlyMap<Task, PriorResult>;
  readonly reaped: number;
  /** Files that are no tasks by name, kind or size. */
  readonly noTasks: number;
  /** Of which it is to be said how all of them stand. */
  readonly tasks?: readonly Task[];
  readonly durationMs: number;
  readonly pausedMs: number;
  readonly concurrency: number;
  readonly ledger: Pick<Ledger, 'look' | 'all' | 'ours'>;
  readonly ceilings: Pick<Ceilings, 'left'>;
}

export async function summarise(files: Files, request: SummaryRequest): Promise<RunSummary> {
  const { tally, standings, priors, reaped, noTasks, tasks, durationMs, pausedMs } = request;
  const now = await countStates(files, standings.notCompleted());
  // What this run had not looked at again when it was stopped: others may have finished it, or it is as it was.
  const open = standings.in('ready', 'waiting', 'delayed', 'elsewhere', 'suspect');
  const before = await countStates(
    files,
    open.filter((task) => priors.has(task)),
  );
  const since = await countStates(
    files,
    open.filter((task) => !priors.has(task)),
  );
  const pending = Math.max(0, now.pending - standings.over('refused'));
  const summary: RunSummary = {
    alreadyCompleted: tally.alreadyCompleted + standings.over('already-completed') + before.completed,
    completed: standings.over('completed'),
    failed: standings.over('failed'),
    givenBack: standings.over('given-back'),
    leftFailed: standings.over('left-failed') + before.failed,
    inProgressElsewhere: now['in-progress'],
    finishedElsewhere:
      standings.over('completed-elsewhere') +
      standings.over('failed-elsewhere') +
      since.completed +
      since.failed,
    held: standings.count('held'),
    pending,
    waiting: [...standings.waitingInVain().values()].reduce((sum, { length }) => sum + length, 0),
    refused: noTasks + standings.over('refused'),
    unfit: now.pending - pending,
    retries: tally.retries,
    reaped,
    warnings: tally.warnings,
    durationMs,
    pausedMs,
    usage: tally.usage,
    ...(tally.answers.asked > 0 && { answers: tally.answers }),
    ...(tasks && { states: await countStates(files, tasks) }),
  };
  return tally.attempts === 0 ? summary : { ...summary, spending: await spendingOf(request, summary) };
}

async function spendingOf(
  { ledger, ceilings, concurrency }: SummaryRequest,
  { pending, waiting, durationMs }: RunSummary,
): Promise<RunSpending> {
  await ledger.look();
  const { usage, completedMs } = ledger.ours;
  const etaMs = eta(medianOf(completedMs), Math.max(0, pending - waiting), concurrency);
  return {
    directory: ledger.all,
    left: ceilings.left,
    ...pace(usage, completedMs.length, durationMs),
    ...(etaMs === undefined ? {} : { etaMs }),
  };
}
