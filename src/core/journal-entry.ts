/** What the journal of a directory says of attempts, of its pauses and of answers; the file itself is `io/journal.ts`. */
import type { ClaimId } from './claim.ts';
import type { Usage } from './outcome.ts';
import type { Answer } from './question.ts';

/** `retry`: it failed, and the task is tried again. `died`: its owner did. */
export const ATTEMPT_ENDS = ['completed', 'failed', 'retry', 'given-back', 'died'] as const;
export type AttemptEndWord = (typeof ATTEMPT_ENDS)[number];

export interface JournalEntry {
  /** When it ended, ms since 1970. */
  readonly at: number;
  readonly run: string;
  readonly by: string;
  /** The task's name in the directory. */
  readonly task: string;
  readonly attempt: number;
  readonly claim: ClaimId;
  /** Codex's, where it had begun one. */
  readonly thread?: string;
  readonly outcome: AttemptEndWord;
  /** The kind of what went wrong, and Codex's class of it. */
  readonly why?: string;
  readonly usage: Usage;
  readonly durationMs: number;
}

/**
 * A pause that began, or one that was lifted; by its id they belong together. A pause whose file somebody deletes, or whose
 * time is over, has no line for its end.
 */
export type PauseNote =
  | {
      readonly kind: 'paused';
      /** ms since 1970, as `until`. */
      readonly at: number;
      readonly id: string;
      readonly class: 'limited' | 'by-hand';
      readonly reason: string;
      readonly until?: number;
    }
  | { readonly kind: 'resumed'; readonly at: number; readonly id: string };

/** A question that an agent asked, and what became of it: on the record, whoever answered. Texts are raw. */
export interface AnswerNote extends Answer {
  readonly kind: 'answer';
  readonly task: string;
  readonly attempt: number;
  /** In one line. */
  readonly asked: string;
  /** What exactly: the command, or the paths; of a long one the beginning, and the digest is of all. */
  readonly text: string;
  /** ms since 1970, as `at`. */
  readonly askedAt: number;
}

export type JournalNote = PauseNote | AnswerNote;
