/** What the end of the probe's attempt says about the limit. */
import type { Limit } from '../core/failure.ts';
import type { Outcome } from '../core/outcome.ts';
import { unreachable } from '../core/unreachable.ts';

export type ProbeNews =
  /** The model has worked. */
  | { readonly kind: 'lifted' }
  | { readonly kind: 'limited'; readonly limit: Limit }
  /** The model was not reached, or not heard of. */
  | { readonly kind: 'unclear' }
  /** Nothing was tried: another task may be. */
  | { readonly kind: 'untried' };

export function newsOf(outcome: Outcome | undefined): ProbeNews {
  switch (outcome?.kind) {
    case undefined:
    case 'skipped':
    case 'postponed':
    case 'refused':
      return { kind: 'untried' };
    case 'succeeded':
      return { kind: 'lifted' };
    case 'failed':
      return ofFailure(outcome);
    case 'returned':
      return ofReturn(outcome);
    default:
      return unreachable(outcome);
  }
}

function ofFailure({ failure }: Outcome & { kind: 'failed' }): ProbeNews {
  switch (failure.kind) {
    case 'turn-failed':
    case 'exited-nonzero':
      return { kind: failure.class === 'network' || failure.class === 'transient' ? 'unclear' : 'lifted' };
    case 'no-terminal-event':
    case 'over-budget':
    case 'log-too-large':
    case 'verify-failed':
    case 'changed-nothing':
    case 'stopped':
      return { kind: 'lifted' };
    case 'signalled':
    case 'timed-out':
    case 'idle':
    case 'owner-died':
    case 'worker-crashed':
    case 'unexpected':
      return { kind: 'unclear' };
    default:
      return unreachable(failure);
  }
}

function ofReturn({ reason }: Outcome & { kind: 'returned' }): ProbeNews {
  switch (reason.kind) {
    case 'limited':
      return reason;
    case 'environment':
      return { kind: reason.problem.kind === 'unreachable' ? 'unclear' : 'untried' };
    case 'unverified': // the agent had come to its end
      return { kind: 'lifted' };
    case 'interrupted':
    case 'claim-lost':
    case 'log-deleted':
    case 'thread-lost':
      return { kind: 'untried' };
    default:
      return unreachable(reason);
  }
}
