/** Small words of the page. */
import type { ReportAttempt } from '../../core/report-data.ts';
import { printable } from '../../core/printable.ts';
import type { TaskState } from '../../core/task.ts';

/** For an attribute of SVG. */
export const percent = (n: number) => `${Number(n.toFixed(3))}%`;

export const STATE_WORDS: Readonly<Record<TaskState, string>> = {
  completed: 'completed',
  failed: 'failed',
  'in-progress': 'in progress',
  pending: 'pending',
};

const OUTCOMES: Readonly<Record<ReportAttempt['outcome'], string>> = {
  completed: 'completed',
  failed: 'failed',
  retry: 'failed, tried again',
  'given-back': 'given back',
  died: 'its worker died',
  running: 'in progress',
};

/** The kinds of failures as they are called in the journal are words already: `turn-failed transient`. */
export function outcomeWord({ outcome, why }: Pick<ReportAttempt, 'outcome' | 'why'>): string {
  return OUTCOMES[outcome] + (why === undefined || why === '' ? '' : ` (${printable(why).slice(0, 80)})`);
}
