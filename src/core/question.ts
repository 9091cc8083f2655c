/** What an agent asks a person before it goes on, and what the person may say: plain data, and what binds one to the other. */
import { createHash } from 'node:crypto';
import type { ClaimId } from './claim.ts';

/** From the least to the most: `stop` ends the turn, `approve-session` is Codex's own "for this session". */
export const DECISIONS = ['stop', 'deny', 'approve', 'approve-session'] as const;
export type Decision = (typeof DECISIONS)[number];

export interface FileChange {
  readonly path: string;
  readonly change: 'add' | 'delete' | 'update';
  readonly movedTo?: string;
  /** As Codex wrote it: a unified diff, or the whole text of a file that is added or deleted. */
  readonly diff: string;
}

/** Texts are raw, as the agent wrote them: whoever shows them makes them harmless (`question-text.ts`). */
export type Asked =
  | { readonly kind: 'command'; readonly command: string }
  | {
      readonly kind: 'file-changes';
      readonly changes: readonly FileChange[];
      /** What Codex wants to be allowed to write from now on in this session. */
      readonly grantRoot?: string;
    };

/** One question of one attempt. It is asked once, and answered once. */
export interface Question {
  readonly claim: ClaimId;
  /** Counts the questions of the attempt, from 1. */
  readonly n: number;
  /** The task's name in its directory. */
  readonly task: string;
  readonly attempt: number;
  readonly asked: Asked;
  /** Where it would be done: absolute. */
  readonly workingDirectory: string;
  /** In the words of Codex, or of its model. */
  readonly reason?: string;
  /** When, ms since 1970. */
  readonly at: number;
  /** What may be answered; Codex does not offer everything for every question. */
  readonly offers: readonly Decision[];
}

/** Who has answered: a person at a terminal, or the run itself when nobody did in time or nobody needs it any more. */
export interface Answerer {
  readonly user: string;
  readonly host: string;
  /** The terminal's device (`/dev/pts/3`); absent for a script. */
  readonly terminal?: string;
  readonly pid: number;
}

export interface Answer {
  readonly claim: ClaimId;
  readonly n: number;
  /** Of the question as it was shown: an answer to other words is none. */
  readonly digest: string;
  readonly decision: Decision;
  /** Whose word it is: `timeout` and `withdrawn` are the run's own, and always `deny` or `stop`. */
  readonly how: 'person' | 'timeout' | 'withdrawn';
  readonly by: Answerer;
  /** ms since 1970. */
  readonly at: number;
}

/** SHA-256 of the question's canonical JSON, 64 hexadecimal digits: what an answer is bound to. */
export function digestOf(question: Question): string {
  return createHash('sha256')
    .update(JSON.stringify(asQuestionFields(question)))
    .digest('hex');
}

/** What people type for one question among several: the first six digits of its digest. */
export const idOf = (question: Question): string => digestOf(question).slice(0, 6);

/** Its fields in one order, whoever made it. */
function asQuestionFields(question: Question): object {
  const { claim, n, task, attempt, asked, workingDirectory, reason, at, offers } = question;
  const what =
    asked.kind === 'command'
      ? { kind: asked.kind, command: asked.command }
      : {
          kind: asked.kind,
          changes: asked.changes.map(({ path, change, movedTo, diff }) => ({ path, change, movedTo, diff })),
          grantRoot: asked.grantRoot,
        };
  return { claim, n, task, attempt, asked: what, workingDirectory, reason, at, offers };
}
