/**
 * S0–S2 of settle: obtains the break right of a claim X, or learns that X is gone. The right of a dead holder passes on to
 * the next name; a living one is waited for. Whoever changes the protocol runs `npm run model`.
 */
import type { ClaimId, ProcessIdentity } from '../core/claim.ts';
import { errnoOf, isErrno } from '../core/errors.ts';
import { markerOf } from '../core/task.ts';
import { unreachable } from '../core/unreachable.ts';
import { readRight, takeRight, writeIdentityFile } from '../io/break-right.ts';
import { claimIdIn, readLock, type LockRead } from '../io/lock-file.ts';
import { isSameProcess, judge } from '../io/process-identity.ts';
import type { TaskDirectory } from '../io/task-directory.ts';
import { EARLIER_BOOT_SILENCE_MS, SilenceWatch } from './silence.ts';
import type { World } from './world.ts';

export interface RightRequest {
  readonly directory: TaskDirectory;
  readonly task: string;
  readonly claim: ClaimId;
  /** A person said that nobody works on it: rights of other hosts and damaged ones pass on (`clean --force`). */
  readonly trustElsewhereIsDead?: boolean;
  readonly mayLeave?: () => boolean;
}

/** How long a living holder, or a disk that refuses, is waited for. */
export const BLOCKED_PATIENCE_MS = 60_000;
export const BACKOFF_MS = { first: 20, longest: 200 };

type RightResult =
  | { readonly kind: 'held'; readonly n: number }
  | { readonly kind: 'gone' }
  | { readonly kind: 'blocked'; readonly why: string };

/** `begun`: without hard links, the rights that this call created and could not fill; see `takeRight`. */
export async function obtainRight(
  world: World,
  request: RightRequest,
  begun: Set<number>,
): Promise<RightResult> {
  const { files, me } = world;
  const { directory, claim } = request;
  const silence = new SilenceWatch(world.uptimeMs);
  let startedAt = world.uptimeMs();
  let n = 1;
  let waitMs = BACKOFF_MS.first;
  for (;;) {
    // S1. Any error but ENOENT may hide a link that succeeded, so S2 looks who holds it.
    let errno = '';
    try {
      await takeRight(files, directory, claim, n, me, begun);
      return { kind: 'held', n };
    } catch (error) {
      errno = errnoOf(error);
      if (isErrno(error, 'ENOENT')) {
        await writeIdentityFile(files, directory, me);
        continue;
      }
    }
    // S2
    const right = await readRight(files, directory, claim, n);
    const holds = claimIdIn(await readForSure(world, request)) === claim;
    if (right.kind === 'absent') {
      if (!holds) return { kind: 'gone' };
      if (errno === 'EEXIST') {
        n = 1; // its holder finished in between
        continue;
      }
    }
    if (right.kind === 'holder' && isSameProcess(right.holder, me)) return { kind: 'held', n };
    const isVouchedFor = right.kind === 'damaged' && request.trustElsewhereIsDead === true;
    if (
      isVouchedFor ||
      (right.kind === 'holder' && isCertainlyDead(world, request, right.holder, silence, n))
    ) {
      n++; // the chain: a dead holder's right passes on under the next name, and stays where it is
      startedAt = world.uptimeMs(); // patience is with one holder: each of an earlier boot takes 30 s to judge
      continue;
    }
    if (!holds) return { kind: 'gone' };
    const tooLong = world.uptimeMs() - startedAt > BLOCKED_PATIENCE_MS;
    if (tooLong || request.mayLeave?.())
      return { kind: 'blocked', why: whyBlocked(right, errno, markerOf.right(claim, n)) };
    await world.sleep(waitMs);
    waitMs = Math.min(BACKOFF_MS.longest, waitMs * 2);
  }
}

function isCertainlyDead(
  world: World,
  request: RightRequest,
  holder: ProcessIdentity,
  silence: SilenceWatch,
  n: number,
): boolean {
  const life = judge(holder, world.me, world.table, !request.directory.network);
  switch (life.kind) {
    case 'dead':
      return true;
    case 'earlier-boot':
      return silence.isSilent(String(n), '', EARLIER_BOOT_SILENCE_MS);
    case 'elsewhere':
      return request.trustElsewhereIsDead === true;
    case 'alive':
      return false;
    default:
      return unreachable(life);
  }
}

function whyBlocked(right: Awaited<ReturnType<typeof readRight>>, errno: string, name: string): string {
  if (right.kind === 'holder')
    return `process ${right.holder.pid} on ${right.holder.host.name} holds ${name}`;
  if (right.kind === 'damaged') return `${name} is damaged`;
  return `${name} could not be created: ${errno}`;
}

/** "It is not X" is acted on for ever: a lock that may not be read, and may hold X, is an error and not an answer. */
export async function readForSure(
  { files }: World,
  { directory, task, claim }: RightRequest,
): Promise<LockRead> {
  const lock = await readLock(files, directory, task);
  if (lock.kind === 'damaged' && lock.refused && lock.pseudoId !== claim) throw lock.refused;
  return lock;
}
