/** What the commands other than `run` return: data, which `report/` renders for people or as JSON. */
import type { Holder } from './event.ts';
import type { AgentMode } from './options.ts';
import type { AnswerCounts } from './answer-counts.ts';
import type { Pause } from './pause.ts';
import type { RateLimits } from './rate-limits.ts';
import type { Answer, Question } from './question.ts';
import type { RunSpending, Spent } from './spending.ts';
import type { Refusal, Task, TaskState } from './task.ts';

/** Tasks that must be completed before another may begin. */
export interface Wait {
  readonly count: number;
  readonly first: { readonly label: string; readonly state: TaskState };
}

/** What an attempt was given by its run, as far as its log says it. */
export interface RanWith {
  readonly mode?: AgentMode;
  /** The command that had to succeed. */
  readonly verify?: string;
}

/** What an agent asks, and waits with. */
export interface AskedQuestion {
  /** Six hexadecimal digits, to answer it by. */
  readonly id: string;
  /** One harmless line. */
  readonly asked: string;
  /** ISO time. */
  readonly since: string;
}

export interface TaskStatus {
  readonly task: Task;
  readonly state: TaskState;
  /** For a pending task that comes after others. */
  readonly waitsFor?: Wait;
  /** For a pending task whose front matter every run refuses, whatever its options: the end of "It …". */
  readonly refused?: string;
  /** For a task in progress: who holds it, since when (ISO time), and the last heartbeat (ISO time). */
  readonly holder?: Holder;
  readonly attempt?: number;
  /** The run that has it, and what it calls itself. */
  readonly run?: { readonly id: string; readonly by: string };
  readonly since?: string;
  readonly heartbeatAt?: string;
  /** What its agent waits with for a person, oldest first; there is at least one. */
  readonly needsApproval?: readonly AskedQuestion[];
  /** Processes of a dead owner's agent that still run. */
  readonly orphans?: readonly number[];
  /** For a failed task: the reason in its log, one line. */
  readonly reason?: string;
  /** For a failed task: how its last attempt was run. */
  readonly ranWith?: RanWith;
  /** For a completed task: what its log says was checked, in words. */
  readonly checked?: string;
  /** The log to read: the mirror of a running task, or its result. */
  readonly log?: string;
  /** Input and output of all its attempts here, and Codex's name of the last thread, where the journal knows them. */
  readonly tokens?: number;
  readonly thread?: string;
}

/** A task of a list; `reason` where it was asked for. */
export type ListedTask = Pick<TaskStatus, 'task' | 'state' | 'reason' | 'log'>;

/** A failed task that waits for one that a retry does not take, and the command that takes both. */
export interface LeftOut {
  readonly task: Task;
  readonly wait: Wait;
  readonly command: string;
}

/** A process that works on tasks. */
export interface Worker {
  readonly host: string;
  readonly pid: number;
  /** How many it has in hand. */
  readonly tasks: number;
  /** Whether it certainly lives; of another host, container or user that cannot be seen from here. */
  readonly isSeen: boolean;
}

/** How fast it goes, from what ended in the last hour; absent where that says nothing. */
export interface Pace extends Pick<RunSpending, 'tokensPerHour' | 'tasksPerHour'> {
  /** For what is pending and in progress, while somebody works, ms. */
  readonly etaMs?: number;
}

export interface StatusReport {
  readonly counts: Readonly<Record<TaskState, number>>;
  readonly total: number;
  /** Tasks in progress whose agents wait for a person. */
  readonly needsApproval: number;
  /** In natural order; none unless they were asked for. */
  readonly tasks: readonly TaskStatus[];
  readonly refused: readonly Refusal[];
  /** In the directories of these tasks, as far back as their journals go. */
  readonly spent: Spent;
  /** Of what their agents asked; as far back as the journals go. */
  readonly answers: AnswerCounts;
  readonly pace: Pace;
  /** Who works here now, by host and pid. */
  readonly workers: readonly Worker[];
  /** Directories in which nobody starts anything, and when that was read. */
  readonly paused: PauseReport;
  /** What was said last of the limits of the account, as far as it is still true. */
  readonly limits?: RateLimits;
}

export interface PausedDirectory {
  readonly directory: string;
  readonly label: string;
  readonly pause: Pause;
  /** That a pause by hand took the place of, if it would have held anybody up. */
  readonly replaced?: Pause;
}

/** Pauses that were found, made or lifted; `now` is ms since 1970. */
export interface PauseReport {
  readonly directories: readonly PausedDirectory[];
  readonly now: number;
}

/** How far `clean` or `reset` is with what may take long. */
export interface TidyStep {
  readonly doing: 'looking' | 'resetting' | 'judging';
  readonly done: number;
  readonly of: number;
}

/** One thing that `clean` or `reset` did, or with --dry-run would do, or left alone for the reason given. */
export interface TidyAction {
  readonly label: string;
  readonly done: 'reaped' | 'removed' | 'killed' | 'taken-over' | 'forced' | 'reset' | 'skipped';
  readonly detail: string;
}

export interface TidyReport {
  readonly actions: readonly TidyAction[];
  readonly dryRun: boolean;
  /** The user answered no, and nothing was done. */
  readonly declined: boolean;
  readonly exitCode: 0 | 1;
}

/** What `logs` shows, as it comes. */
export type LogPiece =
  /** What follows is of this log; `how` is how its attempt ended, or `running`. */
  | { readonly kind: 'log'; readonly task: Task; readonly attempt: number; readonly how: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** For whoever waits. */
  | { readonly kind: 'note'; readonly message: string };

export interface DoctorCheck {
  readonly name: string;
  readonly verdict: 'ok' | 'warning' | 'failed';
  readonly found: string;
  /** What to do next; there is none when all is well. */
  readonly next?: string;
}

export interface DoctorReport {
  readonly checks: readonly DoctorCheck[];
}

/** A question that somebody waits with. */
export interface OpenQuestion {
  readonly task: Task;
  readonly question: Question;
}

export interface ApprovalsReport {
  /** Oldest first. */
  readonly open: readonly OpenQuestion[];
  /** Tasks whose worker died while it asked: nobody hears an answer, and the next run goes on with them. */
  readonly unheard: readonly Task[];
}

/** What became of an answer: only `given` is one. */
export type AnswerResult =
  /** `elsewhere` is the host of the run, where that is another: it hears of it only in the same home directory. */
  | { readonly kind: 'given'; readonly answer: Answer; readonly elsewhere?: string }
  /** Somebody, or the run itself, was faster; `by` is absent where what stands there is no answer, at `path`. */
  | { readonly kind: 'taken'; readonly by: Answer | undefined; readonly path: string }
  /** Nobody waits for it any more: its attempt has ended, or its worker is dead. */
  | { readonly kind: 'late'; readonly why: 'over' | 'dead' };

/** What became of `approve` or `deny`. */
export type AnswerOutcome =
  | { readonly kind: 'answered'; readonly asked: OpenQuestion; readonly result: AnswerResult }
  /** Nobody can know which is meant. */
  | { readonly kind: 'several'; readonly open: readonly OpenQuestion[] }
  /** There is nothing to answer; `why` completes "<task> …". */
  | { readonly kind: 'nothing-asked'; readonly task: Task; readonly why: string }
  | { readonly kind: 'not-confirmed' };
