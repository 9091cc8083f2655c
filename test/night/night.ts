/** What is known of a night when it is over: the judge sees this, and nothing else. Times are ms since 1970. */
import type { Spell } from '../rig/weather.ts';
import type { NightTask } from './plan.ts';

export interface Night {
  readonly tasks: readonly NightTask[];
  /** Attempts at one task, the first included, that count: those that met a limit do not. */
  readonly attemptsAllowed: number;
  /** By task: what the directory says of it. A task that has no result is not in it. */
  readonly results: ReadonlyMap<string, Result>;
  /** By task: what its effect says on the disk; one that is not there is not in it. */
  readonly effects: ReadonlyMap<string, string>;
  readonly requests: readonly NightRequest[];
  readonly answers: readonly NightAnswer[];
  readonly tokensPerAnswer: number;
  /** The usage limits, as the server knows them. */
  readonly limits: readonly Span[];
  /** As the terminals told of them. */
  readonly pauses: readonly Span[];
  readonly attempts: readonly NightAttempt[];
  readonly journal: readonly JournalLine[];
  readonly terminals: readonly EndedTerminal[];
  /** Locks, logs of running attempts, temporary files, processes. */
  readonly left: readonly string[];
  /** What was planned and never came. */
  readonly missing: readonly string[];
}

export interface Result {
  readonly state: 'completed' | 'failed';
  /** What its log says of how it ended. */
  readonly outcome: string;
}

export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface NightRequest {
  readonly at: number;
  readonly task: string;
  readonly weather?: Spell['kind'];
}

/** An answer of the model that was sent to its end. */
export interface NightAnswer {
  readonly at: number;
  readonly task: string;
  /** Not a call of a tool. */
  readonly endsTurn: boolean;
  /** It ends a turn in which a task was done that can be. */
  readonly isDone: boolean;
}

/** An attempt whose agent was let go, as its terminal told of it. */
export interface NightAttempt {
  readonly task: string;
  readonly from: number;
  /** In a pause, it asks whether that is over. */
  readonly isProbe: boolean;
  /** Absent when the terminal was killed before it could tell. */
  readonly end?: AttemptEnd;
}

interface AttemptEnd {
  readonly at: number;
  readonly outcome: 'succeeded' | 'failed' | 'returned';
  /** Of `failed` and `returned`, for people. */
  readonly why: string;
}

export interface JournalLine {
  readonly task: string;
  readonly tokens: number;
}

export interface EndedTerminal {
  readonly by: { readonly kind: 'killed' } | { readonly kind: 'code'; readonly code: number };
}
