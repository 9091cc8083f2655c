/** What `doctor` found, with the next step under everything that is not well. */
import { headline } from '../core/printable.ts';
import type { DoctorCheck, DoctorReport } from '../core/reports.ts';
import { padEnd } from './columns.ts';
import type { Paint } from './console.ts';
import { plural } from './wording.ts';

export function doctorText({ checks }: DoctorReport, paint: Paint): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap((check) => checkLines(check, width, paint));
  const count = (verdict: DoctorCheck['verdict']) =>
    checks.filter((check) => check.verdict === verdict).length;
  const failed = count('failed');
  const warnings = count('warning');
  if (failed > 0)
    lines.push('', paint.red(`${plural(failed, 'check')} failed: a run would not work here yet.`));
  else if (warnings > 0) lines.push('', `Ready to run, with ${plural(warnings, 'warning')}.`);
  else lines.push('', paint.green('Ready to run.'));
  return `${lines.join('\n')}\n`;
}

function checkLines({ name, verdict, found, next }: DoctorCheck, width: number, paint: Paint): string[] {
  const colour = { ok: paint.green, warning: paint.yellow, failed: paint.red }[verdict];
  const line = `${colour(padEnd(verdict, 7))}  ${padEnd(name, width)}  ${headline(found)}`;
  return next === undefined
    ? [line]
    : [line, `${' '.repeat(11 + width)}${paint.dim('next:')} ${headline(next)}`];
}
