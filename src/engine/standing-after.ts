/** Where a task stands for this run after an attempt at it, or after one that was not made. */
import type { InVain } from '../core/event.ts';
import type { Outcome, ReturnReason, SkipReason } from '../core/outcome.ts';
import { unreachable } from '../core/unreachable.ts';
import { READY, type OverHow, type Standing } from './standings.ts';

/** `now` is on the uptime clock, ms. */
export function standingAfter(outcome: Outcome, now: number): Standing {
  const delayed = (againInMs = 0): Standing => ({ kind: 'delayed', until: now + againInMs });
  switch (outcome.kind) {
    case 'succeeded':
      return { kind: 'over', how: 'completed' };
    case 'failed':
      if (outcome.failure.kind === 'worker-crashed') return { kind: 'suspect' };
      return outcome.willRetry ? delayed(outcome.againInMs) : { kind: 'over', how: 'failed' };
    case 'returned':
      return afterReturn(outcome.reason, delayed(outcome.againInMs));
    case 'postponed':
      return delayed(outcome.againInMs);
    case 'skipped':
      return afterSkip(outcome.reason);
    case 'refused':
      return { kind: 'over', how: 'refused' };
    default:
      return unreachable(outcome);
  }
}

function afterReturn(reason: ReturnReason, delayed: Standing): Standing {
  switch (reason.kind) {
    case 'limited':
      return reason.limit.class === 'rate-limited' ? delayed : READY; // once the pause is over
    case 'thread-lost':
      return delayed;
    case 'environment':
    case 'interrupted':
    case 'claim-lost':
    case 'log-deleted':
    case 'unverified':
      return { kind: 'over', how: 'given-back' };
    default:
      return unreachable(reason);
  }
}

function afterSkip(reason: SkipReason): Standing {
  switch (reason) {
    case 'already-claimed':
    case 'interrupted':
    case 'task-changed': // it is being edited; the next look takes it as it is then
      return { kind: 'elsewhere' };
    case 'already-completed':
      return { kind: 'over', how: 'completed-elsewhere' };
    case 'failed-elsewhere':
      return { kind: 'over', how: 'failed-elsewhere' };
    case 'task-gone':
      return { kind: 'over', how: 'refused' };
    default:
      return unreachable(reason);
  }
}

const IN_VAIN: Readonly<Partial<Record<OverHow, InVain>>> = {
  'left-failed': 'failed',
  failed: 'failed',
  'failed-elsewhere': 'failed',
  refused: 'refused',
  'given-back': 'given-back',
};

/** Why it is in vain to wait for a task that stands there. */
export function whyInVain(standing: Standing | undefined): InVain {
  return (standing?.kind === 'over' && IN_VAIN[standing.how]) || 'held';
}
