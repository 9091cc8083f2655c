/**
 * The one way out of a claim X on task T, for its owner, a reaper, `clean` and `reset` alike: get X's break right, read
 * X in the lock again, publish the log or put it aside, make that durable, release the lock, drop the right.
 *
 * PROMISE. Whoever calls it, and however many at once: at most one result for T; the lock is unlinked only while it
 * holds X; and every step can be repeated, so a successor of a holder that died starts at S3 and finds what is left.
 *
 * THE CALLER has made sure that nothing of X runs any more, and that X's owner is itself or certainly dead. It does on
 *   settled  what is published is durable: say so now
 *   gone     somebody else settled X, or removed its lock: nothing was published by this call
 *   blocked  the right's holder is alive elsewhere or cannot be judged, or the disk refuses: lock and right are as they
 *            were, and the next run continues. After 60 s with one holder, or at once when `mayLeave()`.
 *
 * Steps S0–S8 are those of the model (model/lock.pml). Whoever changes the protocol runs `npm run model`.
 */
import type { ClaimId, OutcomeRecord } from '../core/claim.ts';
import { EnvironmentError, isErrno, isStorageError } from '../core/errors.ts';
import { markerOf } from '../core/task.ts';
import { putAside, putResultAside, readHistory, type EndedKind } from '../io/earlier-attempts.ts';
import { createHash } from 'node:crypto';
import { lookAt, READ, removeIfThere, renameIfThere, syncDirectory, type Files } from '../io/files.ts';
import { claimIdIn, recordOutcomeFor, type LockRead } from '../io/lock-file.ts';
import { leaveBegun } from '../io/break-right.ts';
import { removeNotice, removeQuestions } from '../io/question-file.ts';
import { appendLastWords, isOwnLog } from '../io/result-log.ts';
import type { TaskDirectory } from '../io/task-directory.ts';
import {
  BACKOFF_MS,
  BLOCKED_PATIENCE_MS,
  obtainRight,
  readForSure,
  type RightRequest,
} from './obtain-right.ts';
import type { World } from './world.ts';

export interface SettleRequest extends RightRequest {
  /** Whether the caller made the claim. Others trust an outcome only if the log is the one it was recorded for. */
  readonly role: 'owner' | 'reaper';
}

/** What became of the log: the result, or put aside at `log`, or gone. */
interface Published {
  readonly published: 'completed' | 'failed' | undefined;
  readonly log: string | undefined;
  /** Why a result was not published: another one is there already, or a person deleted the log while it ran. */
  readonly unpublished?: 'duplicate' | 'log-gone';
}

export type SettleResult =
  | ({ readonly kind: 'settled' } & Published)
  | { readonly kind: 'gone' }
  | { readonly kind: 'blocked'; readonly why: string };

/** A task whose owner dies this many times in a row is failed: it may be what kills the machine. */
const MOST_DEATHS = 3;

export async function settle(world: World, request: SettleRequest): Promise<SettleResult> {
  const progress: Progress = { durable: undefined, begun: new Set() };
  const result = await withPatience(world, request, async () => {
    const right = await obtainRight(world, request, progress.begun);
    if (right.kind === 'held') return settleWithRight(world, request, right.n, progress);
    return right.kind === 'gone' ? goneAfter(progress) : right;
  });
  try {
    await leaveBegun(world.files, request.directory, request.claim, progress.begun);
  } catch (error) {
    if (!isStorageError(error)) throw error; // a person has to look at it: `clean --force`
  }
  return result;
}

/** What a disk that refuses a later step must not make forgotten. */
interface Progress {
  /** Went through S5. */
  durable: Published | undefined;
  /** Without hard links: rights that were created and could not be filled. */
  readonly begun: Set<number>;
}

/** X has left the lock. An S7 that failed may have happened all the same: then it was this call that settled it. */
const goneAfter = ({ durable }: Progress): SettleResult =>
  durable ? { kind: 'settled', ...durable } : { kind: 'gone' };

/** Repeats a step that the disk refuses, keeping the right, until it works or the caller has to leave. */
async function withPatience(
  world: World,
  request: SettleRequest,
  step: () => Promise<SettleResult>,
): Promise<SettleResult> {
  const startedAt = world.uptimeMs();
  for (let waitMs = BACKOFF_MS.first; ; waitMs = Math.min(2_000, waitMs * 2)) {
    try {
      return await step();
    } catch (error) {
      if (!isStorageError(error)) throw error;
      if (world.uptimeMs() - startedAt > BLOCKED_PATIENCE_MS || request.mayLeave?.())
        return { kind: 'blocked', why: error.message };
      await world.sleep(waitMs);
    }
  }
}

/** S3–S8, with `.break-X.n` in hand. */
async function settleWithRight(
  world: World,
  request: SettleRequest,
  n: number,
  progress: Progress,
): Promise<SettleResult> {
  const { files } = world;
  const { directory, task, claim } = request;
  const at = (name: string) => `${directory.path}/${name}`;
  // S3
  const lock = await readForSure(world, request);
  if (claimIdIn(lock) !== claim) {
    if (progress.durable) await dropRights(files, at, claim, n);
    else await removeIfThere(files, at(markerOf.right(claim, n)));
    return goneAfter(progress);
  }
  // S4, S5
  const done = await publishOrPutAside(world, request, lock);
  await syncDirectory(files, directory.path);
  progress.durable = done;
  // S6. The mirror goes before the lock, so that nobody can hit the mirror of the next claim.
  await removeMirror(world, directory, task);
  if (request.role !== 'owner') await removeAsked(world, request);
  // Whoever published it: a power cut can take the outcome of an owner that was killed while recording it, and not the
  // result that a reaper had published by then.
  if (await lookAt(files, at(markerOf.completed(task))))
    await putResultAside(files, directory, task, 'failed');
  // S7
  await removeIfThere(files, at(markerOf.lock(task)));
  await dropRights(files, at, claim, n);
  return { kind: 'settled', ...done };
}

/** S8 */
async function dropRights(
  files: Files,
  at: (name: string) => string,
  claim: ClaimId,
  n: number,
): Promise<void> {
  try {
    for (let i = 1; i <= n; i++) await removeIfThere(files, at(markerOf.right(claim, i)));
  } catch (error) {
    if (!isStorageError(error)) throw error; // a right to a claim that is gone is a right to nothing; the janitor removes it
  }
}

/** S4 */
async function publishOrPutAside(world: World, request: SettleRequest, lock: LockRead): Promise<Published> {
  const { files } = world;
  const { directory, task, claim } = request;
  const nothing: Published = { published: undefined, log: undefined };
  if (lock.kind !== 'claim') return nothing; // damaged: there is no log that could be told to be its own
  const { attempt } = lock.record;
  const at = (name: string) => `${directory.path}/${name}`;
  const running = at(markerOf.runningLog(task, claim));
  const outcome = await validOutcome(world, request, lock);
  if (outcome?.outcome !== 'done' && outcome?.outcome !== 'failed') {
    const stat = await lookAt(files, running);
    if (stat?.size === 0n) {
      await removeIfThere(files, running); // the agent never started
      return nothing;
    }
    const kind: EndedKind = outcome?.outcome ?? 'died';
    return {
      published: undefined,
      log: await putAside(files, directory, running, { task, attempt, claim, kind }),
    };
  }
  const state = outcome.outcome === 'done' ? 'completed' : 'failed';
  const target = at(markerOf[state](task));
  // Look at the running log first: a successor must not move aside what its predecessor has just published.
  if (await lookAt(files, running)) {
    if (await lookAt(files, at(markerOf.completed(task)))) {
      const log = await putAside(files, directory, running, { task, attempt, claim, kind: 'duplicate' });
      return { published: undefined, log, unpublished: 'duplicate' };
    }
    if (state === 'failed') await putResultAside(files, directory, task, 'failed');
    if (await renameIfThere(files, running, target)) return { published: state, log: target };
  }
  // A predecessor in the chain published it; if not, a person deleted the log, and the task is pending again. A failure
  // beside a completed task is only what S6 puts aside: a power cut brought the lock of an earlier attempt back.
  if (await lookAt(files, target)) {
    const isSuperseded = state === 'failed' && (await lookAt(files, at(markerOf.completed(task))));
    return isSuperseded ? { ...nothing, unpublished: 'duplicate' } : { published: state, log: target };
  }
  return { ...nothing, unpublished: 'log-gone' };
}

/** The outcome to act on. A reaper checks that the log is, byte for byte, the one that the owner recorded it for. */
async function validOutcome(
  world: World,
  request: SettleRequest,
  lock: LockRead & { kind: 'claim' },
): Promise<OutcomeRecord | undefined> {
  const { outcome } = lock;
  if (request.role === 'owner') return outcome;
  if (!outcome) return failAfterTooManyDeaths(world, request, lock);
  if (outcome.outcome !== 'done' && outcome.outcome !== 'failed') return outcome;
  const path = `${request.directory.path}/${markerOf.runningLog(request.task, request.claim)}`;
  const stat = await lookAt(world.files, path);
  if (stat === undefined) return outcome; // already published, or deleted: S4 finds out
  const log = stat.size === BigInt(outcome.bytes) ? await digest(world, path) : undefined;
  return log?.bytes === outcome.bytes && log.sha256 === outcome.sha256 ? outcome : undefined;
}

/** The owner died without an outcome. The third time in a row the task is failed: one that kills its machine must not run for ever. */
async function failAfterTooManyDeaths(
  world: World,
  request: SettleRequest,
  lock: LockRead & { kind: 'claim' },
): Promise<OutcomeRecord | undefined> {
  const { files } = world;
  const { directory, task, claim } = request;
  if (lock.record.kind === 'reset') return undefined;
  const path = `${directory.path}/${markerOf.runningLog(task, claim)}`;
  const stat = await lookAt(files, path);
  if (!stat?.isFile() || stat.size === 0n) return undefined; // the agent never started, or a predecessor put the log aside
  const { deaths } = await readHistory(files, directory, task);
  if (deaths + 1 < MOST_DEATHS) return undefined;
  const reason = `the worker died ${deaths + 1} times on this task`;
  const log = (await appendLastWords(files, path, claim, reason)) ? await digest(world, path) : undefined;
  if (!log) return undefined;
  const outcome: OutcomeRecord = {
    outcome: 'failed',
    code: null,
    signal: null,
    ...log,
    reason,
    at: world.now().toISOString(),
  };
  return (await recordOutcomeFor(files, directory, lock.record, outcome)) ? outcome : undefined;
}

/** `undefined` for what is not there, and for what is no regular file. */
async function digest(world: World, path: string): Promise<{ bytes: number; sha256: string } | undefined> {
  const { files } = world;
  let fd: number;
  try {
    fd = await files.open(path, READ);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ELOOP', 'ENXIO')) return undefined;
    throw error;
  }
  try {
    if (!(await files.fstat(fd)).isFile()) return undefined;
    const hash = createHash('sha256');
    const buffer = Buffer.alloc(1_048_576);
    let bytes = 0;
    for (;;) {
      const read = await files.read(fd, buffer, bytes);
      if (read === 0) return { bytes, sha256: hash.digest('hex') };
      hash.update(buffer.subarray(0, read));
      bytes += read;
    }
  } finally {
    await files.close(fd);
  }
}

/** What an owner that died still asked; a living one has removed that itself. What cannot be removed holds nobody up. */
async function removeAsked({ files }: World, { directory, task, claim }: SettleRequest): Promise<void> {
  try {
    await removeNotice(files, directory, task);
    await removeQuestions(files, directory, claim);
  } catch (error) {
    if (!isStorageError(error) && !(error instanceof EnvironmentError)) throw error;
  }
}

/** A mirror is removed only if it is one: `in-progress-report.md` may be a user's own file beside `report.md`. */
export async function removeMirror(
  world: World,
  directory: TaskDirectory,
  task: string,
  mayBeBlank = true,
): Promise<boolean> {
  const path = `${directory.path}/${markerOf.mirror(task)}`;
  return (await isOwnLog(world.files, path, mayBeBlank)) && removeIfThere(world.files, path);
}
