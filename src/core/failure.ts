/** Why an attempt did not succeed, as facts; the wording for people is `describeFailure`. */
import { describeDoing, isWaitingOutside, type Doing } from './doing.ts';
import { formatDuration } from './duration.ts';
import { consequenceOf, type FailureClass, type NextAttempt } from './failure-class.ts';
import { headline } from './printable.ts';
import { unreachable } from './unreachable.ts';

/** What counts against the task. */
export type Failure =
  /** In Codex's own words. */
  | { readonly kind: 'turn-failed'; readonly message: string; readonly class: FailureClass }
  | {
      readonly kind: 'exited-nonzero';
      readonly code: number;
      readonly message: string;
      readonly class: FailureClass;
    }
  | { readonly kind: 'no-terminal-event' }
  | { readonly kind: 'signalled'; readonly signal: string }
  | { readonly kind: 'timed-out'; readonly afterMs: number; readonly doing: Doing }
  /** Nothing was heard of the agent, and nothing that it had started worked, for so long. */
  | { readonly kind: 'idle'; readonly afterMs: number; readonly doing: Doing }
  /** With all its attempts, more than this many tokens. */
  | { readonly kind: 'over-budget'; readonly limit: number }
  | { readonly kind: 'log-too-large'; readonly bytes: number }
  | { readonly kind: 'owner-died'; readonly times: number }
  /** Codex completed its turn, and `--verify` did not succeed; `said` is the last line of its output. */
  | {
      readonly kind: 'verify-failed';
      readonly command: string;
      readonly code: number;
      readonly said: string;
    }
  /** Codex completed its turn, and no file is another one than before (`--expect-changes`). */
  | { readonly kind: 'changed-nothing' }
  /** Somebody was asked, and answered that it should stop. */
  | { readonly kind: 'stopped'; readonly by: string }
  | { readonly kind: 'worker-crashed'; readonly message: string }
  | { readonly kind: 'unexpected'; readonly message: string };

/** What makes Codex wait: the task is given back, and no attempt is spent. */
export interface Limit {
  readonly class: 'limited' | 'rate-limited';
  readonly message: string;
  /** ms since 1970, where Codex said it. */
  readonly until?: number;
}

/** What stops the whole run: no task is failed for it, and the exit code is 3. */
export type EnvironmentProblem =
  | { readonly kind: 'codex-not-started'; readonly command: string; readonly errno: string }
  | { readonly kind: 'not-logged-in'; readonly message: string }
  | { readonly kind: 'model-refused'; readonly model: string; readonly message: string }
  | { readonly kind: 'unreachable'; readonly message: string }
  | { readonly kind: 'quota'; readonly message: string }
  | { readonly kind: 'sandbox-unusable'; readonly message: string }
  | { readonly kind: 'bad-invocation'; readonly message: string }
  | { readonly kind: 'verify-not-started'; readonly command: string; readonly why: string }
  | { readonly kind: 'storage'; readonly message: string }
  /** The claim could not be settled: somebody or something stands in its way. */
  | { readonly kind: 'blocked'; readonly message: string };

/** How a task goes on after it. A dialect, a size or a bug of ours does not change by waiting. */
export function nextAttempt(failure: Failure): NextAttempt {
  switch (failure.kind) {
    case 'turn-failed':
    case 'exited-nonzero':
      return consequenceOf(failure.class).next;
    case 'signalled':
    case 'verify-failed':
    case 'changed-nothing':
      return 'same-thread';
    case 'idle':
      return isWaitingOutside(failure.doing) ? 'same-thread' : 'fresh-thread';
    case 'no-terminal-event':
    case 'timed-out':
    case 'worker-crashed':
      return 'fresh-thread';
    case 'over-budget':
    case 'stopped':
    case 'log-too-large':
    case 'owner-died':
    case 'unexpected':
      return 'never';
    default:
      return unreachable(failure);
  }
}

/** One line for people: what happened, in Codex's own words where it spoke. */
export function describeFailure(failure: Failure): string {
  switch (failure.kind) {
    case 'turn-failed':
      return failure.message;
    case 'exited-nonzero':
      return failure.message === '' ? `Codex exited with code ${failure.code}` : failure.message;
    case 'no-terminal-event':
      return 'Codex exited with code 0 but never said that its turn was completed';
    case 'signalled':
      return `Codex was killed by ${failure.signal}`;
    case 'timed-out':
      return `timed out after ${formatDuration(failure.afterMs)}${among(failure.doing)}`;
    case 'idle':
      return `idle for ${formatDuration(failure.afterMs)}${among(failure.doing)}`;
    case 'over-budget':
      return `its agents spent more than the ${failure.limit} tokens of --max-tokens-per-task`;
    case 'log-too-large':
      return `the agent printed more than ${Math.floor(failure.bytes / 1_048_576)} MiB`;
    case 'owner-died':
      return `the worker died ${failure.times} times on this task`;
    case 'verify-failed':
      return `verify failed with code ${failure.code}${failure.said && `: ${headline(failure.said)}`} (${headline(failure.command, 60)})`;
    case 'stopped':
      return `stopped by ${failure.by}, who denied what its agent asked for`;
    case 'changed-nothing':
      return 'its agent changed no file';
    case 'worker-crashed':
      return `a worker thread of codex-worker crashed: ${failure.message}`;
    case 'unexpected':
      return `a bug in codex-worker, please report it: ${failure.message}`;
    default:
      return unreachable(failure);
  }
}

/** Whether a log's reason is that of a verification that failed, in the words above. */
export const isVerifyFailure = (reason: string | undefined): boolean =>
  reason !== undefined && /^verify failed with code \d/.test(reason);

const among = (doing: Doing) => (doing.kind === 'unknown' ? '' : `, ${describeDoing(doing)}`);

/** What stopped the run, and what to do about it. */
export function describeProblem(problem: EnvironmentProblem): { message: string; hint: string } {
  switch (problem.kind) {
    case 'codex-not-started':
      return {
        message: `could not start Codex (${problem.command}): ${problem.errno}`,
        hint: 'install it with "npm install -g @openai/codex", or set CODEX_CMD to its path',
      };
    case 'not-logged-in':
      return {
        message: `Codex has no valid login: ${problem.message}`,
        hint: 'run "codex login", or set CODEX_API_KEY',
      };
    case 'model-refused':
      return {
        message: `the model ${problem.model} was refused: ${problem.message}`,
        hint: "choose another with --model, or --model inherit to use the one in Codex's own configuration",
      };
    case 'unreachable':
      return {
        message: `Codex could not reach the model's server: ${problem.message}`,
        hint: 'look at the network, then start the same command again; --retries waits for short breaks',
      };
    case 'quota':
      return {
        message: problem.message,
        hint: 'see the plan and billing of the account, then start the same command again; nothing is lost',
      };
    case 'sandbox-unusable':
      return {
        message: `Codex's sandbox does not work here: ${problem.message}`,
        hint: 'codex-worker doctor says what is missing; --mode danger-full-access needs no sandbox',
      };
    case 'bad-invocation':
      return {
        message: `Codex refused its arguments: ${problem.message}`,
        hint: 'look at --codex-config, --cd and at "codex --version"',
      };
    case 'verify-not-started':
      return {
        message: `could not run ${headline(problem.command, 80)} to verify a task: ${headline(problem.why)}`,
        hint: 'it is run by /bin/sh in the directory where the agents work (--cd); a code of 126 or 127 means that it, or what it calls, is not there',
      };
    case 'blocked':
      return {
        message: `a task could not be given back: ${problem.message}`,
        hint: 'codex-worker status --detailed shows it, and codex-worker clean --force <task> frees it',
      };
    case 'storage':
      return {
        message: `storage error: ${problem.message}`,
        hint: 'free or repair the disk, then start the same command again',
      };
    default:
      return unreachable(problem);
  }
}
