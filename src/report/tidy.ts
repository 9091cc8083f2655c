/** What `clean` and `reset` did, or would do. */
import { headline, printable } from '../core/printable.ts';
import type { TidyAction, TidyReport } from '../core/reports.ts';
import { padEnd } from './columns.ts';
import type { Paint } from './console.ts';
import { plural } from './wording.ts';

const WORDS: Readonly<Record<TidyAction['done'], readonly [done: string, would: string]>> = {
  reaped: ['reaped', 'would reap'],
  removed: ['removed', 'would remove'],
  killed: ['killed', 'would kill'],
  'taken-over': ['taken over', 'would take over'],
  forced: ['forced', 'would force'],
  reset: ['reset', 'would reset'],
  skipped: ['left alone', 'would leave alone'],
};

export function tidyText(report: TidyReport, paint: Paint): string {
  if (report.declined) return 'Nothing was done.\n';
  const lines = report.actions.map((action) => actionLine(action, report.dryRun, paint));
  const acted = report.actions.filter(({ done }) => done !== 'skipped').length;
  const left = report.actions.length - acted;
  if (acted === 0 && left === 0) lines.push('Nothing to do.');
  else
    lines.push(
      `${plural(acted, report.dryRun ? 'change would be made' : 'change', report.dryRun ? 'changes would be made' : 'changes')}, ${left} left alone.`,
    );
  return `${lines.join('\n')}\n`;
}

function actionLine({ done, label, detail }: TidyAction, dryRun: boolean, paint: Paint): string {
  const word = padEnd(WORDS[done][dryRun ? 1 : 0], dryRun ? 17 : 10);
  const colour =
    done === 'skipped' ? paint.yellow : done === 'killed' || done === 'forced' ? paint.red : paint.green;
  return `${colour(word)}  ${printable(label)}${detail === '' ? '' : `: ${headline(detail)}`}`;
}
