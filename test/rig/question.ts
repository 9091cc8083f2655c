/** A question as an agent would ask it, and an answer to it. */
import { answerNote } from '../../src/core/answer-note.ts';
import { newClaimId } from '../../src/core/claim.ts';
import type { AnswerNote } from '../../src/core/journal-entry.ts';
import { digestOf, type Answer, type Question } from '../../src/core/question.ts';

const AT = Date.parse('2026-11-23T02:00:00.000Z');

export function question(more: Partial<Question> = {}): Question {
  return {
    claim: newClaimId(),
    n: 1,
    task: 'fix.md',
    attempt: 1,
    asked: { kind: 'command', command: 'rm -rf build' },
    workingDirectory: '/code',
    reason: 'the build is stale',
    at: AT,
    offers: ['stop', 'deny', 'approve', 'approve-session'],
    ...more,
  };
}

export function answerTo(question: Question, more: Partial<Answer> = {}): Answer {
  return {
    claim: question.claim,
    n: question.n,
    digest: digestOf(question),
    decision: 'approve',
    how: 'person',
    by: { user: 'ada', host: 'here', terminal: '/dev/pts/3', pid: 17 },
    at: AT + 1_000,
    ...more,
  };
}

/** A line of the journal, of a question that was answered `at`, ms since 1970, after a minute. */
export function answered(task: string, at: number, more: Partial<AnswerNote> = {}): AnswerNote {
  const asked = question({ task, at: at - 60_000 });
  return { ...answerNote(asked, answerTo(asked, { at })), ...more };
}
