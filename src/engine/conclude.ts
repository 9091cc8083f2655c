/**
 * F2–F4 of the lock protocol: an attempt has ended and nothing of it runs any more; make its log durable, record how it
 * ended, settle the claim, and say what became of the task. Whoever changes the protocol runs `npm run model`.
 */
import type { OutcomeRecord, PromptSource } from '../core/claim.ts';
import { errnoOf, isStorageError, isSystemError } from '../core/errors.ts';
import {
  describeFailure,
  describeProblem,
  nextAttempt,
  type EnvironmentProblem,
  type Failure,
  type Limit,
} from '../core/failure.ts';
import { completedAs, NO_USAGE, type Check, type Outcome, type Usage } from '../core/outcome.ts';
import { backoffMs, rateLimitMs } from '../core/retry.ts';
import { unreachable } from '../core/unreachable.ts';
import { removeAnswersOf } from '../io/answer-file.ts';
import type { GatedChild } from '../io/child.ts';
import type { CodexListener } from '../io/codex-listener.ts';
import { putAside, type History } from '../io/earlier-attempts.ts';
import type { HeldLock } from '../io/lock-file.ts';
import { isUnchanged } from '../io/prompt.ts';
import { THREAD_LOST, type NextStep, type RunningLog } from '../io/result-log.ts';
import { noteEnd, usageOf } from './accounting.ts';
import { workBegun } from './continuation.ts';
import type { AttemptNews, AttemptOrder } from './order.ts';
import { settle } from './settle.ts';
import type { World } from './world.ts';

export interface AttemptPorts {
  readonly tell: (news: AttemptNews) => void;
  /** Fires when the run is aborted: end the child, give the task back. */
  readonly aborted: AbortSignal;
  readonly env: NodeJS.ProcessEnv;
  /** Resolves when an attempt that gave its place up while it waited for a person has one again, or `over` fires. */
  readonly takePlace?: (over: AbortSignal) => Promise<void>;
}

/** A claimed task, and all that its attempt works with. */
export interface Running {
  readonly world: World;
  readonly order: AttemptOrder;
  readonly ports: AttemptPorts;
  readonly history: History;
  readonly startedAt: number;
  readonly source: PromptSource;
  /** Codex's, where an earlier attempt is continued. */
  readonly thread: string | undefined;
  /** In that thread. */
  readonly spentBefore?: Usage | undefined;
  readonly lock: HeldLock;
  readonly log: RunningLog;
  readonly child: GatedChild;
  /** What is said to Codex. */
  readonly message: Buffer;
}

/** How the attempt ended, before it is decided whether the task is tried again. */
export type AttemptEnd =
  | { readonly kind: 'succeeded'; readonly checks?: readonly Check[] }
  | { readonly kind: 'failed'; readonly failure: Failure }
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'claim-lost' }
  | { readonly kind: 'limited'; readonly limit: Limit }
  | { readonly kind: 'thread-lost' }
  /** The agent is done, and what was to verify it came to no end. */
  | { readonly kind: 'unverified'; readonly why: string }
  | { readonly kind: 'unkillable'; readonly pids: readonly number[] }
  | { readonly kind: 'environment'; readonly problem: EnvironmentProblem };

/** F2–F4. */
export async function conclude(running: Running, heard: CodexListener, ended: AttemptEnd): Promise<Outcome> {
  const { world, order, ports, log, history } = running;
  const { directory, task, claim } = order;
  const usage = await usageIfKnown(running, heard);
  const base = {
    attempt: history.nextAttempt,
    durationMs: world.uptimeMs() - running.startedAt,
    usage: usage ?? NO_USAGE,
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
  const next = nextStep(running, heard, ended);
  const willRetry = ended.kind === 'failed' && next !== undefined;
  if (ended.kind === 'failed' && !willRetry) warnings.push(...whatCameBefore(history, ended.failure));
  const end = asWhole(ended, willRetry);
  let finished: Exclude<AttemptEnd, { kind: 'unkillable' }> = end;
  if (end.kind !== 'claim-lost') {
    const problem = await recordEnd(running, heard, end, next, warnings, { ...base, usage }); // F2, F3
    if (problem) finished = { kind: 'environment', problem };
  }
  await noteEnd(running, finished, { ...base, willRetry }, heard.threadId);
  const settled = await settle(world, {
    directory,
    task: task.name,
    claim,
    role: 'owner',
    mayLeave: () => ports.aborted.aborted,
  }); // F4
  if (settled.kind !== 'blocked') await forgetAnswers(running);
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
  const again =
    next?.notBefore === undefined ? {} : { againInMs: Math.max(0, next.notBefore - world.now().getTime()) };
  switch (finished.kind) {
    case 'succeeded':
      return { kind: 'succeeded', ...base, warnings, answer: heard.answer, checks: finished.checks ?? [] };
    case 'failed':
      return { kind: 'failed', ...base, warnings, failure: finished.failure, willRetry, ...again };
    case 'interrupted':
    case 'claim-lost':
    case 'thread-lost':
      return { kind: 'returned', ...base, reason: { kind: finished.kind } };
    case 'limited':
    case 'unverified':
    case 'environment':
      return { kind: 'returned', ...base, reason: finished, ...again };
    default:
      return unreachable(finished);
  }
}

/** Nobody can give one any more: the claim is released. What stays is removed by whoever answers in a week. */
async function forgetAnswers({ world, order }: Running): Promise<void> {
  if (!order.answers) return;
  try {
    await removeAnswersOf(world.files, order.answers.folder, order.claim);
  } catch (error) {
    if (!isStorageError(error)) throw error;
  }
}

/**
 * How the task goes on after this attempt; `undefined` when it does not, or as if it had never been. The wait grows with
 * each attempt of its kind; it is written into the log, so that no other terminal and no restart forgets it.
 */
function nextStep(running: Running, heard: CodexListener, end: AttemptEnd): NextStep | undefined {
  const { world, order, history } = running;
  const after = (n: number) => world.now().getTime() + backoffMs(n, world.random());
  switch (end.kind) {
    case 'failed': {
      const where = nextAttempt(end.failure);
      const retriesUsed = Math.max(history.retriesUsed, order.retried ?? 0);
      if (where === 'never' || retriesUsed >= order.retries) return undefined;
      const { kind } = end.failure;
      if (kind === 'verify-failed' || kind === 'changed-nothing') return { in: where, because: kind }; // waiting helps nothing
      return { in: where, notBefore: after(retriesUsed + 1) };
    }
    case 'limited': {
      if (end.limit.class === 'limited') return { in: 'same-thread' }; // the pause of the directory is its wait
      const now = world.now().getTime();
      const growing = backoffMs(history.interruptions + 1, world.random());
      return { in: 'same-thread', notBefore: now + rateLimitMs((end.limit.until ?? now) - now, growing) };
    }
    case 'unverified':
      return { in: 'same-thread', because: 'unverified' };
    case 'environment': {
      if (end.problem.kind === 'verify-not-started') return { in: 'same-thread', because: 'unverified' };
      return { in: end.problem.kind === 'sandbox-unusable' ? 'fresh-thread' : 'same-thread' };
    }
    case 'thread-lost':
      return { in: 'fresh-thread' };
    case 'interrupted': {
      if (threadAfter(running, heard) === undefined) return { in: 'fresh-thread' };
      return { in: 'same-thread', because: heard.turnCompleted ? 'unverified' : 'interrupted' };
    }
    case 'succeeded':
    case 'claim-lost':
    case 'unkillable':
      return undefined;
    default:
      return unreachable(end);
  }
}

/** The thread in which the task can go on: an attempt may have ended before Codex had said where it was. */
const threadAfter = ({ thread }: Running, { threadId }: CodexListener) => threadId ?? thread;

/** What an attempt's end means beyond its task, when the task is not tried again. */
function asWhole(end: Exclude<AttemptEnd, { kind: 'unkillable' }>, willRetry: boolean) {
  if (end.kind !== 'failed' || end.failure.kind !== 'turn-failed') return end;
  // Without a network nothing was learned about the task, and all others would go the same way.
  if (end.failure.class === 'network' && !willRetry)
    return { kind: 'environment', problem: { kind: 'unreachable', message: end.failure.message } } as const;
  return end;
}

/** A task that fails while it repairs what a check complained of has not failed by its last words alone. */
function whatCameBefore({ last }: History, { kind }: Failure): string[] {
  const isSame = last?.because === kind;
  if (isSame || (last?.because !== 'verify-failed' && last?.because !== 'changed-nothing')) return [];
  return [
    last.because === 'verify-failed'
      ? `attempt ${last.attempt} had ended, and --verify had failed`
      : `attempt ${last.attempt} had ended, and no file was changed`,
  ];
}

/** What is only counted, or only said beside it, must not cost the outcome: the claim would be left without one. */
async function usageIfKnown(running: Running, heard: CodexListener): Promise<Usage | undefined> {
  try {
    return await usageOf(running, heard);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    heard.warn(`what it spent is not known (${errnoOf(error)})`);
    return undefined;
  }
}

async function changedMeanwhile({ world, order, source }: Running): Promise<string[]> {
  let now: Awaited<ReturnType<typeof isUnchanged>>;
  try {
    now = await isUnchanged(world.files, order.task, source);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return [`whether the task file was changed while it ran is not known (${errnoOf(error)})`];
  }
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
  next: NextStep | undefined,
  warnings: readonly string[],
  cost: { readonly durationMs: number; readonly usage: Usage | undefined },
): Promise<EnvironmentProblem | undefined> {
  const { world, order, lock, log } = running;
  const willRetry = next !== undefined;
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
    log.footer({
      outcome: reason,
      ...cost,
      warnings: heard.spokeJson ? warnings : [...warnings, NO_JSON],
      checks: end.kind === 'succeeded' ? (end.checks ?? []) : [],
      thread: threadAfter(running, heard),
      next: next && order.expectChanges ? { ...next, begun: workBegun(running) } : next,
    });
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
      return completedAs(end.checks ?? []);
    case 'failed':
      return `${willRetry ? 'failed, will be tried again' : 'failed'}: ${describeFailure(end.failure)}`;
    case 'interrupted':
      return 'given back: interrupted';
    case 'claim-lost':
      return 'given back: the claim was lost';
    case 'limited':
      return `given back: ${end.limit.message}`;
    case 'thread-lost':
      return THREAD_LOST;
    case 'unverified':
      return `given back: ${end.why}`;
    case 'environment':
      return `given back: ${describeProblem(end.problem).message}`;
    case 'unkillable':
      return `held: processes ${end.pids.join(', ')} cannot be ended`;
    default:
      return unreachable(end);
  }
}
