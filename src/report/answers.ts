/** Questions and answers in figures, as people read them. */
import type { AnswerCounts } from '../core/answer-counts.ts';
import { headline } from '../core/printable.ts';
import { describeAnswer } from '../core/question-text.ts';
import type { ReportQuestion } from '../core/report-questions.ts';
import { plural } from './wording.ts';

/** `3 questions: 2 approved, 1 denied`. */
export function describeAnswers(counts: AnswerCounts): string {
  const { asked, approved, denied, stopped, timedOut, withdrawn } = counts;
  const parts = [
    [approved, 'approved'],
    [denied, 'denied'],
    [stopped, 'denied and stopped'],
    [timedOut, 'not answered in time'],
    [withdrawn, 'withdrawn'],
  ] as const;
  const said = parts.filter(([n]) => n > 0).map(([n, what]) => `${n} ${what}`);
  return `${plural(asked, 'question')}: ${said.join(', ')}`;
}

/** One line: when, in which attempt, what was asked, who answered what. */
export function describeQuestion(question: ReportQuestion): string {
  const { askedAt, attempt, asked } = question;
  return `${new Date(askedAt).toISOString()}, attempt ${attempt}: ${headline(asked)}: ${headline(describeAnswer(question))}`;
}
