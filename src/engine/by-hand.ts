/**
 * What a person may decide and a run may not: to end a living owner, to break a lock that cannot be judged, to reset (of a run:
 * nothing but failures of its own).
 */
import { newClaimId, ownerOf, type ClaimId, type ClaimRecord } from '../core/claim.ts';
import type { ReapResult } from '../core/event.ts';
import { markerOf, type Task } from '../core/task.ts';
import { putResultAside } from '../io/earlier-attempts.ts';
import { createPrivate } from '../io/file-system.ts';
import { removeIfThere, syncDirectory } from '../io/files.ts';
import { readLogHeader } from '../io/result-log.ts';
import { claimIdIn, LockDraft, readLock, type HeldLock } from '../io/lock-file.ts';
import { identityToken, isRunning } from '../io/process-identity.ts';
import { temporaryPath, type TaskDirectory } from '../io/task-directory.ts';
import { judgeLock, reap, type ReapOptions } from './reaper.ts';
import { settle, type SettleResult } from './settle.ts';
import { SilenceWatch } from './silence.ts';
import type { World } from './world.ts';

const DEATH_PATIENCE_MS = 5_000;

export type KillResult =
  | { readonly kind: 'killed'; readonly reaped: ReapResult }
  | { readonly kind: 'not-killed'; readonly why: string };

/**
 * Kills the process that holds a task on this machine and settles its claim. Only a process that has this very lock
 * file open is killed: a lock file is data, and may name any process. The right is not taken before the death.
 */
export async function killOwner(
  world: World,
  directory: TaskDirectory,
  task: string,
  options: ReapOptions,
): Promise<KillResult> {
  const lock = await readLock(world.files, directory, task);
  if (lock.kind !== 'claim') return { kind: 'not-killed', why: 'nobody holds it with a readable lock file' };
  const owner = ownerOf(lock.record);
  const judging = { silence: new SilenceWatch(world.uptimeMs), isInHand: () => false };
  const verdict = judgeLock(world, directory, lock, judging);
  if (verdict.kind === 'elsewhere')
    return { kind: 'not-killed', why: `${verdict.why}: it can be killed only there` };
  if (verdict.kind === 'alive') {
    const hasOpen = world.table.hasOpen(owner.pid, lock.stat);
    if (hasOpen === undefined) {
      return {
        kind: 'not-killed',
        why: `it cannot be seen whether process ${owner.pid} has its lock file open; if you know it, end it yourself`,
      };
    }
    if (!hasOpen) {
      return {
        kind: 'not-killed',
        why: `process ${owner.pid}, which its lock file names, does not have that file open`,
      };
    }
    process.kill(owner.pid, 'SIGKILL');
    const deadline = world.uptimeMs() + DEATH_PATIENCE_MS;
    while (isRunning(owner, world.table)) {
      if (world.uptimeMs() > deadline) return { kind: 'not-killed', why: `process ${owner.pid} did not die` };
      await world.sleep(20);
    }
  }
  const after = judgeLock(world, directory, lock, judging);
  if (after.kind !== 'dead')
    return { kind: 'not-killed', why: 'its owner cannot be judged yet; try again in 30 s' };
  return { kind: 'killed', reaped: await reap(world, directory, after, options) };
}

/** Settles whatever `.lock-T` holds, on a person's word that nobody works on it; a damaged lock has no log to publish. */
export async function breakLock(world: World, directory: TaskDirectory, task: string): Promise<SettleResult> {
  const lock = await readLock(world.files, directory, task);
  const claim = claimIdIn(lock);
  if (lock.kind === 'absent' || claim === undefined) return { kind: 'gone' };
  if (lock.stat.isDirectory()) return { kind: 'blocked', why: 'it is a directory: move it away by hand' };
  return settle(world, { directory, task, claim, role: 'reaper', trustElsewhereIsDead: true });
}

/**
 * How long ago a lock was last written, in ms, by one clock: that of the file system, asked by writing a file beside it.
 */
export async function ageOf(world: World, directory: TaskDirectory, mtimeNs: bigint): Promise<number> {
  const name = `probe-${newClaimId()}.${identityToken(world.me)}`;
  const fd = await createPrivate(world.files, directory, 'tmp', name);
  try {
    await world.files.write(fd, Buffer.from('now'), 0);
    return Number(((await world.files.fstat(fd)).mtimeNs - mtimeNs) / 1_000_000n);
  } finally {
    await world.files.close(fd);
    await removeIfThere(world.files, temporaryPath(directory, name));
  }
}

/**
 * Makes a completed or failed task pending again: its results are moved aside under a claim of its own. With `failureOf` only
 * the failure that this attempt has published, and nothing that came after it.
 */
export async function resetTask(
  world: World,
  directory: TaskDirectory,
  task: Task,
  run: string,
  by: string,
  failureOf?: ClaimId,
): Promise<'reset' | 'taken' | 'blocked' | 'another'> {
  const { files, me } = world;
  const claim = newClaimId();
  const draft = await LockDraft.create(files, directory, claim, me);
  const record: ClaimRecord = {
    v: 1,
    kind: 'reset',
    task: task.name,
    claim,
    attempt: 1, // of no use to anybody: there is no agent, no log, and no death to be counted
    dir: directory.id,
    run,
    host: me.host,
    owner: { pid: me.pid, start: me.start },
    at: world.now().toISOString(),
    by,
  };
  let lock: HeldLock | undefined;
  try {
    lock = await draft.claim(record);
  } finally {
    if (!lock) await draft.abandon();
  }
  if (!lock) return 'taken';
  try {
    const isMeant = failureOf === undefined || (await hasFailure(world, directory, task, failureOf));
    if (isMeant) {
      if (failureOf === undefined) await putResultAside(files, directory, task.name, 'completed');
      await putResultAside(files, directory, task.name, 'failed');
      await syncDirectory(files, directory.path);
    }
    const settled = await settle(world, { directory, task: task.name, claim, role: 'owner' });
    if (settled.kind === 'blocked') return 'blocked';
    return isMeant ? 'reset' : 'another'; // gone: somebody removed the lock, and all was done
  } finally {
    await lock.close();
  }
}

async function hasFailure(
  { files }: World,
  directory: TaskDirectory,
  { name }: Task,
  claim: ClaimId,
): Promise<boolean> {
  return (await readLogHeader(files, `${directory.path}/${markerOf.failed(name)}`))?.claim === claim;
}
