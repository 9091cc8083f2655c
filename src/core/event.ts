/** Everything that can be said about a run. Every reporter is an exhaustive switch over `RunEvent`. */
import type { HowAgentsRun } from './backend.ts';
import type { ProcessIdentity } from './claim.ts';
import type { AnswerCounts } from './answer-counts.ts';
import type { EnvironmentProblem } from './failure.ts';
import type { Pause } from './pause.ts';
import type { Answer, Question } from './question.ts';
import type { Outcome, Usage } from './outcome.ts';
import type { RunSpending } from './spending.ts';
import type { RunOptions } from './options.ts';
import type { Refusal, Task, TaskState } from './task.ts';

/** What the agent is doing, for the live view; `text` is already one printable line. */
export interface AgentActivity {
  readonly kind: 'command' | 'file-change' | 'message' | 'reasoning' | 'error' | 'other';
  readonly text: string;
}

/** Who holds a task that this run cannot take. */
export type Holder =
  | { readonly kind: 'alive'; readonly owner: ProcessIdentity; readonly silentForMs?: number }
  | { readonly kind: 'dead'; readonly owner: ProcessIdentity }
  | { readonly kind: 'earlier-boot'; readonly owner: ProcessIdentity }
  | { readonly kind: 'elsewhere'; readonly owner: ProcessIdentity; readonly why: string }
  | { readonly kind: 'damaged'; readonly why: string };

/** How a claim that a dead owner left behind was put right. */
export type ReapResult =
  | { readonly kind: 'given-back' }
  | { readonly kind: 'rolled-forward'; readonly state: 'completed' | 'failed' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'unkillable'; readonly pids: readonly number[] }
  | { readonly kind: 'waiting'; readonly pids: readonly number[] }
  | { readonly kind: 'blocked'; readonly why: string };

export interface RunSummary {
  /** Tasks of the set that were completed before this run began. */
  readonly alreadyCompleted: number;
  readonly completed: number;
  readonly failed: number;
  /** Tasks that this run took and gave back: each is counted where it stands now too, mostly as pending. */
  readonly givenBack: number;
  /** Failed before this run and left alone by `--no-retry-failed`. */
  readonly leftFailed: number;
  readonly inProgressElsewhere: number;
  /** Completed or failed by other processes while this run was on. */
  readonly finishedElsewhere: number;
  /** In progress for a reason that only a person can change; part of `inProgressElsewhere`. */
  readonly held: number;
  readonly pending: number;
  /** Those of them that come after a task that this run has not completed. */
  readonly waiting: number;
  readonly refused: number;
  /** Those of the refused that are tasks, and stay pending; the others are files that are no tasks. */
  readonly unfit: number;
  readonly retries: number;
  readonly reaped: number;
  readonly warnings: number;
  readonly durationMs: number;
  /** How much of that it was paused. */
  readonly pausedMs: number;
  readonly usage: Usage;
  /** Of a run whose agents have asked something. */
  readonly answers?: AnswerCounts;
  /** How all tasks of the set stand when the run is over, whoever worked on them; with --wait, which goes by it. */
  readonly states?: Readonly<Record<TaskState, number>>;
  /** Of a run that has tried something. */
  readonly spending?: RunSpending;
}

/** Why a run hands out no more tasks although some are left; those that run are finished, and the others stay pending. */
export interface DispatchEnd {
  readonly kind: 'time-up' | 'failures' | 'budget';
  readonly message: string;
  readonly hint: string;
}

/** What became of a task that others wait for in vain; `held`: somebody has it, and nobody here can say for how long. */
export type InVain = 'failed' | 'refused' | 'given-back' | 'held';

export type RunEvent =
  | {
      readonly kind: 'run-started';
      readonly run: string;
      readonly options: RunOptions;
      readonly codex: string;
      /** Absent in a dry run. */
      readonly how?: HowAgentsRun;
      readonly total: number;
      readonly states: Readonly<Record<TaskState, number>>;
      readonly refused: readonly Refusal[];
    }
  /** With --watch: tasks that were not there before, how they and the files that are no tasks stand, and how many tasks there are now. */
  | {
      readonly kind: 'tasks-added';
      readonly tasks: readonly Task[];
      readonly total: number;
      readonly states: Readonly<Record<TaskState, number>>;
      readonly refused: readonly Refusal[];
    }
  /** With --watch: tasks that nobody had begun, and whose files are gone. */
  | { readonly kind: 'tasks-gone'; readonly tasks: readonly Task[]; readonly total: number }
  /** With --wait: nothing is left but what others have, so many tasks. */
  | { readonly kind: 'waiting-for-others'; readonly tasks: number }
  /** Something the user should know; nothing stops for it. */
  | { readonly kind: 'notice'; readonly message: string }
  | {
      readonly kind: 'attempt-started';
      readonly task: Task;
      readonly attempt: number;
      readonly claim: string;
      readonly pid: number;
    }
  | { readonly kind: 'attempt-activity'; readonly task: Task; readonly activity: AgentActivity }
  /** Its agent waits until somebody answers; `digest` is what an answer is bound to. */
  | { readonly kind: 'question'; readonly task: Task; readonly question: Question; readonly digest: string }
  /** Once for each question, whoever answered it: a person anywhere, or the run itself. */
  | { readonly kind: 'answered'; readonly task: Task; readonly question: Question; readonly answer: Answer }
  | { readonly kind: 'attempt-ended'; readonly task: Task; readonly outcome: Outcome; readonly log?: string }
  | {
      readonly kind: 'retry-scheduled';
      readonly task: Task;
      readonly attempt: number;
      readonly waitMs: number;
    }
  /** Its failure was not its own: it is as if it had not been tried in this run, and its log is put aside. */
  | { readonly kind: 'made-pending'; readonly task: Task }
  | {
      readonly kind: 'reaped';
      readonly task: Task;
      readonly owner: ProcessIdentity;
      readonly result: ReapResult;
    }
  /** A task that stays in progress for a reason that a person has to look at; said once for each reason. */
  | { readonly kind: 'held'; readonly task: Task; readonly why: string; readonly hint: string }
  /** Tasks that this run leaves as they are, because they come after one that it has not completed; directly, or after one of these. */
  | {
      readonly kind: 'left-waiting';
      readonly on: Task;
      readonly why: InVain;
      readonly tasks: readonly Task[];
    }
  /** `asking` of what runs waits for an answer. */
  | { readonly kind: 'draining'; readonly running: number; readonly asking: number }
  | { readonly kind: 'aborting'; readonly running: number; readonly signal: string }
  | { readonly kind: 'stopped'; readonly problem: EnvironmentProblem }
  | { readonly kind: 'dispatch-ended'; readonly why: DispatchEnd; readonly running: number }
  /** Nothing is started; `now` is when it was said, ms since 1970. A pause that is renewed is said again. */
  | { readonly kind: 'paused'; readonly pause: Pause; readonly now: number }
  /** This run tries whether the limit is lifted, with one task. */
  | { readonly kind: 'probing'; readonly task: Task }
  | { readonly kind: 'resumed'; readonly forMs: number }
  /** Of the tasks of this run: how many others have now, and what they have finished while it was on. */
  | {
      readonly kind: 'elsewhere';
      readonly inProgress: number;
      readonly completed: number;
      readonly failed: number;
    }
  /** As many attempts at once as the server bears, of as many as were asked for. */
  | {
      readonly kind: 'level';
      readonly level: number;
      readonly of: number;
      readonly why: 'rate-limited' | 'grown' | 'asked';
    }
  | {
      readonly kind: 'dry-run';
      readonly task: Task;
      readonly command: readonly string[];
      readonly promptBytes: number;
      /** What is in force of the settings that the task says for itself, in words. */
      readonly settings: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'run-finished'; readonly summary: RunSummary; readonly exitCode: number };
