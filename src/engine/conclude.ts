/**
 * F2–F4 of the lock protocol: an attempt has ended and nothing of it runs any more; make its log durable, record how it
 * ended, settle the claim, and say what became of the task. Whoever changes the protocol runs `npm run model`.
 */
import type { OutcomeRecord, PromptSource } from '../core/claim.ts';
import { isStorageError } from '../core/errors.ts';
import {
  describeFailure,
  describeProblem,
  isRetriable,
  type EnvironmentProblem,
  type Failure,
} from '../core/failure.ts';
import { NO_USAGE, type Outcome } from '../core/outcome.ts';
import { unreachable } from '../core/unreachable.ts';
import type { GatedChild } from '../io/child.ts';
import type { CodexListener } from '../io/codex.ts';
import { putAside, type History } from '../io/earlier-attempts.ts';
import type { HeldLock } from '../io/lock-file.ts';
import type { RunningLog } from '../io/result-log.ts';
import { isUnchanged } from '../io/task-directory.ts';
import type { AttemptNews, AttemptOrder } from './order.ts';
import { settle } from './settle.ts';
import type { World } from './world.ts';

export interface AttemptPorts {
  readonly tell: (news: AttemptNews) => void;
  /** Fires when the run is aborted: end the child, give the task back. */
  readonly aborted: AbortSignal;
  readonly env: NodeJS.ProcessEnv;
}

/** A claimed task, and all that its attempt works with. */
export interface Running {
  readonly world: World;
  readonly order: AttemptOrder;
  readonly ports: AttemptPorts;
  readonly history: History;
  readonly startedAt: number;
  readonly source: PromptSource;
  readonly lock: HeldLock;
  readonly log: RunningLog;
  readonly child: GatedChild;
}

/** How the attempt ended, before it is decided whether the task is tried again. */
export type AttemptEnd =
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'failed'; readonly failure: Failure }
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'claim-lost' }
  | { readonly kind: 'unkillable'; readonly pids: readonly number[] }
  | { readonly kind: 'environment'; readonly problem: EnvironmentProblem };

/** F2–F4. */
export async function conclude(running: Running, heard: CodexListener, ended: AttemptEnd): Promise<Outcome> {
  const { world, order, ports, log, history } = running;
  const { directory, task, claim } = order;
  const base = {
    attempt: history.nextAttempt,
    durationMs: world.uptimeMs() - running.startedAt,
    usage: heard.usage ?? NO_USAGE,
  };
  if (ended.kind === 'unkillable') {
    // Beside a process that may still work the task must not run again: the claim stays, and a person has to look.
    const message = `${task.label}: processes ${ended.pids.join(', ')} of its agent cannot be ended (uninterruptible sleep)`;
    return {
      kind: 'returned',
      ...base,
      reason: { kind: 'environment', problem: { kind: 'blocked', message } },
    };
  }
  const warnings = [...heard.warnings, ...(await changedMeanwhile(running))];
  const willRetry =
    ended.kind === 'failed' && isRetriable(ended.failure) && history.retriesUsed < order.retries;
  // Without a network nothing was learned about the task, and all others would go the same way.
  const isCutOff = ended.kind === 'failed' && ended.failure.kind === 'unreachable' && !willRetry;
  const end = isCutOff ? ({ kind: 'environment', problem: ended.failure } as const) : ended;
  let finished: Exclude<AttemptEnd, { kind: 'unkillable' }> = end;
  if (end.kind !== 'claim-lost') {
    const problem = await recordEnd(running, heard, end, willRetry, warnings, base.durationMs); // F2, F3
    if (problem) finished = { kind: 'environment', problem };
  }
  const settled = await settle(world, {
    directory,
    task: task.name,
    claim,
    role: 'owner',
    mayLeave: () => ports.aborted.aborted,
  }); // F4
  if (settled.kind === 'gone') {
    await putAside(world.files, directory, log.path, {
      task: task.name,
      attempt: history.nextAttempt,
      claim,
      kind: 'lost',
    });
    return { kind: 'returned', ...base, reason: { kind: 'claim-lost' } };
  }
  if (settled.kind === 'blocked')
    return {
      kind: 'returned',
      ...base,
      reason: { kind: 'environment', problem: { kind: 'blocked', message: `${task.label}: ${settled.why}` } },
    };
  if (settled.unpublished === 'duplicate') return { kind: 'skipped', reason: 'already-completed' };
  if (settled.unpublished === 'log-gone')
    return { kind: 'returned', ...base, reason: { kind: 'log-deleted' } };
  switch (finished.kind) {
    case 'succeeded':
      return { kind: 'succeeded', ...base, warnings, answer: heard.answer };
    case 'failed':
      return { kind: 'failed', ...base, warnings, failure: finished.failure, willRetry };
    case 'interrupted':
    case 'claim-lost':
      return { kind: 'returned', ...base, reason: { kind: finished.kind } };
    case 'environment':
      return { kind: 'returned', ...base, reason: finished };
    default:
      return unreachable(finished);
  }
}

async function changedMeanwhile({ world, order, source }: Running): Promise<string[]> {
  const now = await isUnchanged(world.files, order.task, source);
  switch (now) {
    case 'same':
      return [];
    case 'changed':
      return [
        'the task file was changed while it ran; the result is of the text before that (see --rerun-changed)',
      ];
    case 'gone':
      return ['the task file was removed while it ran'];
    default:
      return unreachable(now);
  }
}

/**
 * F2, F3: the footer, the log made durable, the outcome in the lock file. From here on the attempt is not repeated.
 * An fsync that fails is never tried again as if nothing had been (the kernel may have dropped the pages): the attempt
 * gives no result, its log is put aside, and the problem is returned.
 */
async function recordEnd(
  running: Running,
  heard: CodexListener,
  end: AttemptEnd,
  willRetry: boolean,
  warnings: readonly string[],
  durationMs: number,
): Promise<EnvironmentProblem | undefined> {
  const { world, lock, log } = running;
  const reason = reasonOf(end, willRetry);
  const outcome =
    end.kind === 'succeeded'
      ? 'done'
      : end.kind === 'failed'
        ? willRetry
          ? 'retry'
          : 'failed'
        : 'interrupted';
  const record = (word: OutcomeRecord['outcome'], why: string): OutcomeRecord => ({
    outcome: word,
    code: null,
    signal: null,
    bytes: log.bytes,
    sha256: log.sha256,
    ...(word === 'done' ? {} : { reason: why }),
    at: world.now().toISOString(),
  });
  try {
    if (end.kind === 'failed' && heard.stderrTail !== '')
      log.entry({ kind: 'output', text: heard.stderrTail });
    log.footer(
      outcome === 'done' ? 'completed' : reason,
      durationMs,
      heard.usage,
      heard.spokeJson ? warnings : [...warnings, NO_JSON],
    );
    await log.sync(); // F2
    await lock.recordOutcome(record(outcome, reason)); // F3
    return undefined;
  } catch (error) {
    if (!isStorageError(error)) throw error;
    await lock.recordOutcome(record('interrupted', 'storage error')).catch((second: unknown) => {
      if (!isStorageError(second)) throw second;
    });
    return { kind: 'storage', message: error.message };
  }
}

const NO_JSON = 'the command printed no Codex events; it was judged by its exit code';

function reasonOf(end: AttemptEnd, willRetry: boolean): string {
  switch (end.kind) {
    case 'succeeded':
      return 'completed';
    case 'failed':
      return `${willRetry ? 'failed, will be tried again' : 'failed'}: ${describeFailure(end.failure)}`;
    case 'interrupted':
      return 'given back: interrupted';
    case 'claim-lost':
      return 'given back: the claim was lost';
    case 'environment':
      return `given back: ${describeProblem(end.problem).message}`;
    case 'unkillable':
      return `held: processes ${end.pids.join(', ')} cannot be ended`;
    default:
      return unreachable(end);
  }
}
