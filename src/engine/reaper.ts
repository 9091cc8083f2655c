/**
 * Who is dead, and putting right what they left: first their agents are ended, then their claims are settled for them.
 *
 *   owner's boot and pid namespace are ours  → the process table decides, at once and for certain; silence means nothing
 *   an earlier boot of this machine          → dead, once it has been silent for 30 s (cloned machines share their ids)
 *   anything else (host, container, user)    → never by itself; with --takeover-after, after so long a silence
 *
 * "The owner is dead" and "nothing of the claim is left" are facts that stay true, so they need not be judged again
 * inside settle, however late it comes to act on them. Whoever changes the protocol runs `npm run model`.
 */
import type { ClaimRecord, ProcessIdentity } from '../core/claim.ts';
import { ownerOf } from '../core/claim.ts';
import type { ReapResult } from '../core/event.ts';
import type { Orphans } from '../core/options.ts';
import { unreachable } from '../core/unreachable.ts';
import { endOrphans, survivors } from '../io/sweep.ts';
import { readLock, type LockRead } from '../io/lock-file.ts';
import { isSameProcess, judge } from '../io/process-identity.ts';
import type { TaskDirectory } from '../io/task-directory.ts';
import { noteDeath } from './accounting.ts';
import { settle } from './settle.ts';
import {
  EARLIER_BOOT_SILENCE_MS,
  LEAST_LOOKS,
  LOOK_EVERY_MS,
  NETWORK_SILENCE_MS,
  type SilenceWatch,
} from './silence.ts';
import type { World } from './world.ts';

/** What a look at `.lock-T` says about the task. */
export type Verdict =
  | { readonly kind: 'free' }
  | { readonly kind: 'alive'; readonly owner: ProcessIdentity; readonly silentForMs: number }
  /** To be reaped: `sameBoot` says whether processes of it can still be here; a takeover leaves the other host's alone. */
  | {
      readonly kind: 'dead';
      readonly owner: ProcessIdentity;
      readonly record: ClaimRecord;
      readonly sameBoot: boolean;
    }
  /** Will be decided by more looks: come back. */
  | { readonly kind: 'undecided'; readonly owner: ProcessIdentity }
  | {
      readonly kind: 'elsewhere';
      readonly owner: ProcessIdentity;
      readonly why: string;
      readonly silentForMs: number;
    }
  | { readonly kind: 'damaged'; readonly why: string };

export interface JudgeOptions {
  readonly silence: SilenceWatch;
  /** Whether a claim with this process as its owner is one that a living thread of it works on. */
  readonly isInHand: (claim: string) => boolean;
  readonly takeoverAfterMs?: number;
}

export async function judgeTask(
  world: World,
  directory: TaskDirectory,
  task: string,
  options: JudgeOptions,
): Promise<Verdict> {
  return judgeLock(world, directory, await readLock(world.files, directory, task), options);
}

export function judgeLock(
  world: World,
  directory: TaskDirectory,
  lock: LockRead,
  { silence, isInHand, takeoverAfterMs }: JudgeOptions,
): Verdict {
  if (lock.kind === 'absent') return { kind: 'free' };
  if (lock.kind === 'damaged') return { kind: 'damaged', why: lock.why };
  const { record, beat } = lock;
  const owner = ownerOf(record);
  if (isSameProcess(owner, world.me)) {
    return isInHand(record.claim)
      ? { kind: 'alive', owner, silentForMs: 0 }
      : { kind: 'dead', owner, record, sameBoot: true };
  }
  const life = judge(owner, world.me, world.table, !directory.network);
  const { silentForMs, looks, heard } = silence.look(record.claim, beat);
  const silentFor = (ms: number) => silentForMs >= ms && looks >= LEAST_LOOKS;
  switch (life.kind) {
    case 'alive':
      return { kind: 'alive', owner, silentForMs };
    case 'dead':
      return { kind: 'dead', owner, record, sameBoot: true };
    case 'earlier-boot':
      return silentFor(EARLIER_BOOT_SILENCE_MS)
        ? { kind: 'dead', owner, record, sameBoot: false }
        : { kind: 'undecided', owner };
    case 'elsewhere': {
      const isForeignUser = owner.host.uid !== world.me.host.uid;
      if (takeoverAfterMs === undefined || isForeignUser)
        return { kind: 'elsewhere', owner, why: life.why, silentForMs };
      const needed = Math.max(takeoverAfterMs, directory.network ? NETWORK_SILENCE_MS : 0);
      if (silentFor(needed)) return { kind: 'dead', owner, record, sameBoot: false };
      const isAlive = heard && silentForMs < 3 * LOOK_EVERY_MS;
      return isAlive
        ? { kind: 'elsewhere', owner, why: life.why, silentForMs }
        : { kind: 'undecided', owner };
    }
    default:
      return unreachable(life);
  }
}

export interface ReapOptions {
  readonly orphans: Orphans;
  readonly mayLeave: () => boolean;
  readonly trustElsewhereIsDead?: boolean;
}

/** Ends what is left of a dead owner's agent and settles its claim: gives the task back, or publishes what was recorded. */
export async function reap(
  world: World,
  directory: TaskDirectory,
  verdict: Verdict & { kind: 'dead' },
  options: ReapOptions,
): Promise<ReapResult> {
  const { record, sameBoot } = verdict;
  if (sameBoot) {
    if (options.orphans === 'wait') {
      const pids = survivors(record.claim, record.child, world.table);
      if (pids.length > 0) return { kind: 'waiting', pids };
    }
    const left = await endOrphans(record.claim, record.child, world.table);
    if (left.length > 0) return { kind: 'unkillable', pids: left };
  }
  await noteDeath(world, directory, record);
  const { mayLeave, trustElsewhereIsDead = false } = options;
  const settled = await settle(world, {
    directory,
    task: record.task,
    claim: record.claim,
    role: 'reaper',
    mayLeave,
    trustElsewhereIsDead,
  });
  switch (settled.kind) {
    case 'gone':
      return { kind: 'gone' };
    case 'blocked':
      return { kind: 'blocked', why: settled.why };
    case 'settled':
      return settled.published
        ? { kind: 'rolled-forward', state: settled.published }
        : { kind: 'given-back' };
    default:
      return unreachable(settled);
  }
}
