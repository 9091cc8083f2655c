/** What the main process hands to a worker: one task, and everything that its attempt needs. Plain data. */
import type { Backend, Policy } from '../core/backend.ts';
import type { ClaimId } from '../core/claim.ts';
import type { AgentActivity } from '../core/event.ts';
import type { Verify } from '../core/options.ts';
import type { Answer, Question } from '../core/question.ts';
import type { Task } from '../core/task.ts';
import type { CodexSettings } from '../io/codex-arguments.ts';
import type { CodexCommand } from '../io/codex-command.ts';
import type { TaskDirectory } from '../io/task-directory.ts';
import type { TaskBudget } from './ceilings.ts';

/**
 * A result that stands beside the task and that this run may supersede. It was there when the run began: a result that
 * came later, from whomever, is never superseded by it.
 */
export interface PriorResult {
  readonly state: 'completed' | 'failed';
  /** `dev:ino:mtimeNs` of the log. */
  readonly id: string;
}

export interface AttemptOrder {
  readonly claim: ClaimId;
  readonly run: string;
  readonly task: Task;
  readonly directory: TaskDirectory;
  readonly prior?: PriorResult;
  readonly codex: CodexCommand;
  readonly codexVersion: string;
  readonly settings: CodexSettings;
  readonly backend: Backend;
  readonly policy: Policy;
  /** Where answers to its questions come; absent where it asks nobody. */
  readonly answers?: { readonly folder: string; readonly timeoutMs?: number };
  readonly timeoutMs?: number;
  readonly idleTimeoutMs?: number;
  /** Attempts after the first that the task may have since its last result. */
  readonly retries: number;
  /** How many of them this run knows of by itself: what is counted from the files may have been deleted. */
  readonly retried?: number;
  readonly takeoverAfterMs?: number;
  /** What says whether the task is done, once Codex says so; where its command is run is absolute. */
  readonly verify?: Pick<Verify, 'command' | 'timeoutMs'> & { readonly workingDirectory: string };
  readonly expectChanges?: boolean;
  /** What the task may still spend. */
  readonly budget?: TaskBudget;
  /** The front matter that all this was read from: an attempt at a file with another one is not begun. */
  readonly matter?: string;
  /** What is in force of the settings that it names, in words. */
  readonly own?: Readonly<Record<string, string>>;
  /** The working directory is the task's own, was found inside the run's, and is to be there still. */
  readonly isPlaced?: true;
  readonly by: string;
}

/** What a worker says while an attempt runs. */
export type AttemptNews =
  | { readonly kind: 'started'; readonly attempt: number; readonly pid: number }
  | { readonly kind: 'activity'; readonly activity: AgentActivity }
  | { readonly kind: 'notice'; readonly message: string }
  | { readonly kind: 'question'; readonly question: Question; readonly digest: string }
  | { readonly kind: 'answered'; readonly question: Question; readonly answer: Answer }
  /** It waits for a person, and needs no place meanwhile; or it wants one again. */
  | { readonly kind: 'place'; readonly is: 'left' | 'wanted' }
  /** Of the account, as app-server says them. */
  | { readonly kind: 'limits'; readonly said: unknown };

/** What the main process says to a worker: end it; or: there is a place for it again. */
export interface Message {
  readonly kind: 'abort' | 'place';
}
