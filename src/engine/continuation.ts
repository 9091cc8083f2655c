/** What an attempt says to Codex: the prompt in a new thread, or a word to go on in the one of the attempt before. */
import type { PromptSource } from '../core/claim.ts';
import { LONGEST_BACKOFF_MS } from '../core/retry.ts';
import type { History, LastAttempt } from '../io/earlier-attempts.ts';

export interface Conversation {
  /** To be continued. */
  readonly thread?: string;
  readonly message: Buffer;
}

const GO_ON =
  'Your last turn in this thread ended before the task was done: the connection to the model failed, or a limit was reached. ' +
  'Go on with the task from where it stopped, and finish it. What you have done before is still there.';

/** A thread knows its prompt; one whose task was edited since is of no use. */
export function conversationFor(
  last: LastAttempt | undefined,
  { bytes, source }: { readonly bytes: Buffer; readonly source: PromptSource },
): Conversation {
  const isSame = last?.in === 'same-thread' && last.promptSha256 === source.sha256;
  if (!isSame || last.thread === undefined) return { message: bytes };
  return { thread: last.thread, message: Buffer.from(GO_ON) };
}

/**
 * How long the attempt before asked to wait from now on, in ms; 0 when it did not, or that is over. More than the longest
 * wait there is means that somebody has set the clock.
 */
export function waitLeft({ last }: History, now: Date): number {
  const left = (last?.notBefore ?? 0) - now.getTime();
  return left > LONGEST_BACKOFF_MS ? 0 : Math.max(0, left);
}
