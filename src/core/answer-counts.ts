/** How many questions there were, by what became of them. */
import type { Answer } from './question.ts';

export interface AnswerCounts {
  readonly asked: number;
  readonly approved: number;
  /** By a person, as what is approved. */
  readonly denied: number;
  /** A person ended the turn instead. */
  readonly stopped: number;
  /** Nobody answered in time, and that is a no. */
  readonly timedOut: number;
  /** The attempt ended before anybody had answered. */
  readonly withdrawn: number;
}

export const NO_ANSWERS: AnswerCounts = {
  asked: 0,
  approved: 0,
  denied: 0,
  stopped: 0,
  timedOut: 0,
  withdrawn: 0,
};

export function countAnswer(counts: AnswerCounts, answer: Pick<Answer, 'how' | 'decision'>): AnswerCounts {
  const kind = kindOf(answer);
  return { ...counts, asked: counts.asked + 1, [kind]: counts[kind] + 1 };
}

function kindOf({ how, decision }: Pick<Answer, 'how' | 'decision'>): Exclude<keyof AnswerCounts, 'asked'> {
  if (how === 'timeout') return 'timedOut';
  if (how === 'withdrawn') return 'withdrawn';
  if (decision === 'stop') return 'stopped';
  return decision === 'deny' ? 'denied' : 'approved';
}
