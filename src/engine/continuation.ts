/** What an attempt says to Codex: the prompt in a new thread, or a word to go on in the one of the attempt before. */
import type { PromptSource } from '../core/claim.ts';
import { printableText } from '../core/printable.ts';
import { LONGEST_BACKOFF_MS } from '../core/retry.ts';
import { MAX_PROMPT_BYTES } from '../core/task.ts';
import { unreachable } from '../core/unreachable.ts';
import { readVerifyOutput, type History, type LastAttempt } from '../io/earlier-attempts.ts';
import type { Files } from '../io/files.ts';
import type { AttemptOrder } from './order.ts';
import type { World } from './world.ts';

export interface Conversation {
  /** To be continued. */
  readonly thread?: string;
  readonly message: Buffer;
}

const GO_ON =
  'Your last turn in this thread ended before the task was done: the connection to the model failed, or a limit was reached. ' +
  'Go on with the task from where it stopped, and finish it. What you have done before is still there.';

const NOTHING_CHANGED =
  'Your last turn in this thread ended, and no file was changed; but the task is done only when files are. ' +
  'Make the changes now. Describing them is not enough.';

const UNVERIFIED =
  'Your last turn in this thread ended, but whether the task is done could not be verified. Look whether anything is left ' +
  'to do, and finish it. What you have done before is still there.';

const VERIFY_FAILED =
  'Your last turn in this thread ended, but the task is not done: a command was run to verify it, and it failed. ' +
  'Repair what it complains of. This is the end of what it printed:\n\n';

const INTERRUPTED =
  'Your last turn in this thread was interrupted before the task was done, and not for anything you did; what you had running ' +
  'was ended. What you have done before is still there: go on from where it stopped, and finish the task. ' +
  'This is the task once more:\n\n';

/** Of what the command printed the agent is shown so many bytes, the last. */
const SHOWN_BYTES = 8_192;

/** A thread knows its prompt; one whose task was edited since is of no use. */
export async function conversationFor(
  files: Files,
  { directory, task }: Pick<AttemptOrder, 'directory' | 'task'>,
  last: LastAttempt | undefined,
  { bytes, source }: { readonly bytes: Buffer; readonly source: PromptSource },
): Promise<Conversation> {
  const isSame = last?.in === 'same-thread' && last.promptSha256 === source.sha256;
  if (!isSame || last.thread === undefined) return { message: bytes };
  const words = async (): Promise<string | Buffer> => {
    switch (last.because) {
      case undefined:
        return GO_ON;
      case 'changed-nothing':
        return NOTHING_CHANGED;
      case 'unverified':
        return UNVERIFIED;
      case 'interrupted':
        // Codex may have been ended before it had written down what it was told: then the thread is there, without a task.
        return Buffer.concat([Buffer.from(INTERRUPTED), bytes]);
      case 'verify-failed': {
        const output = await readVerifyOutput(files, directory, { ...last, task: task.name }, SHOWN_BYTES);
        return VERIFY_FAILED + (printableText(output).trim() || '(nothing)');
      }
      default:
        return unreachable(last.because);
    }
  };
  const message = Buffer.from(await words());
  return message.length > MAX_PROMPT_BYTES ? { message: bytes } : { thread: last.thread, message };
}

/**
 * When the work on this text of the task began, ms since 1970: with the first of the attempts that are continued, in whatever
 * thread. What an interrupted one had changed need not be changed again.
 */
export function workBegun({
  world,
  history: { last },
  source,
  startedAt,
}: {
  readonly world: Pick<World, 'now' | 'uptimeMs'>;
  readonly history: History;
  readonly source: Pick<PromptSource, 'sha256'>;
  readonly startedAt: number;
}): number {
  const before = last?.promptSha256 === source.sha256 ? last.begun : undefined;
  return before ?? world.now().getTime() - (world.uptimeMs() - startedAt);
}

/**
 * How long the attempt before asked to wait from now on, in ms; 0 when it did not, or that is over. More than the longest
 * wait there is means that somebody has set the clock.
 */
export function waitLeft({ last }: History, now: Date): number {
  const left = (last?.notBefore ?? 0) - now.getTime();
  return left > LONGEST_BACKOFF_MS ? 0 : Math.max(0, left);
}
