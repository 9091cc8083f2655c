/** How an attempt ended. It crosses the thread boundary by value, so it is plain data all the way down. */
import type { EnvironmentProblem, Failure, Limit } from './failure.ts';

/** How a child ended. `ended-by-us` wins over the code or signal that our own signals caused. */
export type ChildExit =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signalled'; readonly signal: string }
  | {
      readonly kind: 'ended-by-us';
      readonly why: EndReason;
      readonly code: number | null;
      readonly signal: string | null;
    };

export type EndReason =
  | 'timed-out'
  | 'idle'
  | 'over-budget'
  | 'interrupted'
  | 'claim-lost'
  | 'thread-lost'
  | 'log-too-large'
  | 'sandbox-unusable'
  | 'storage';

/** Tokens, as Codex reports them; `cached` is part of `input`. */
export interface Usage {
  readonly input: number;
  readonly cached: number;
  readonly output: number;
}

export function addUsage(a: Usage, b: Usage): Usage {
  return { input: a.input + b.input, cached: a.cached + b.cached, output: a.output + b.output };
}

export const NO_USAGE: Usage = { input: 0, cached: 0, output: 0 };

/** What was looked at, beyond Codex's own word, before a task counted as completed. */
export type Check =
  /** A file was changed. */
  { readonly kind: 'changes' } | { readonly kind: 'verify'; readonly command: string };

/** The word for a success: how much is known about it. */
export function completedAs(checks: readonly Check[]): string {
  if (checks.some(({ kind }) => kind === 'verify')) return 'completed, verified';
  return checks.length > 0 ? 'completed, with changes' : 'completed';
}

/** Why a claimed task was put back without a result. */
export type ReturnReason =
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'claim-lost' }
  /** A person deleted its log while it ran: there is nothing to publish. */
  | { readonly kind: 'log-deleted' }
  | { readonly kind: 'limited'; readonly limit: Limit }
  /** The thread that was to be continued is lost: the next attempt begins a new one. */
  | { readonly kind: 'thread-lost' }
  /** `--verify` came to no end: nothing is known about the task. */
  | { readonly kind: 'unverified'; readonly why: string }
  | { readonly kind: 'environment'; readonly problem: EnvironmentProblem };

/** Why nothing was run. */
export type SkipReason =
  'already-claimed' | 'already-completed' | 'failed-elsewhere' | 'task-changed' | 'task-gone' | 'interrupted';

export type Outcome =
  | {
      readonly kind: 'succeeded';
      readonly attempt: number;
      readonly durationMs: number;
      readonly usage: Usage;
      readonly warnings: readonly string[];
      readonly answer: string;
      readonly checks: readonly Check[];
    }
  | {
      readonly kind: 'failed';
      readonly attempt: number;
      readonly durationMs: number;
      readonly usage: Usage;
      readonly warnings: readonly string[];
      readonly failure: Failure;
      readonly willRetry: boolean;
      /** The wait before the task may be taken again. */
      readonly againInMs?: number;
    }
  | {
      readonly kind: 'returned';
      readonly attempt: number;
      readonly durationMs: number;
      readonly usage: Usage;
      readonly reason: ReturnReason;
      readonly againInMs?: number;
    }
  | { readonly kind: 'skipped'; readonly reason: SkipReason }
  /** An earlier attempt asked for a wait that is not over. */
  | { readonly kind: 'postponed'; readonly againInMs: number }
  | { readonly kind: 'refused'; readonly why: string };
