/** The report in a few lines, for who asked for no file. */
import { formatDuration } from '../core/duration.ts';
import { headline, printable } from '../core/printable.ts';
import type { ReportData } from '../core/report-data.ts';
import { describeAnswers } from './answers.ts';
import type { Paint } from './console.ts';
import { describeUsage, localMoment, plural } from './wording.ts';

const MOST_REASONS = 10;

export function reportText(data: ReportData, paint: Paint): string {
  const { totals, durations, failures, runs } = data;
  const { states, attempts, usage, agentMs, busyMs, from, to } = totals;
  const counts = [
    paint.green(`${states.completed} completed`),
    states.failed > 0 ? paint.red(`${states.failed} failed`) : '0 failed',
    `${states['in-progress']} in progress`,
    `${states.pending} pending`,
  ].join(', ');
  const lines = [`${plural(totals.tasks, 'task')}: ${counts}`];
  if (from !== undefined && to !== undefined)
    lines.push(
      `${plural(attempts, 'attempt')} in ${plural(runs.length, 'run')} · ${describeUsage(usage)}`,
      `${localMoment(from)} – ${localMoment(to)} · worked for ${formatDuration(busyMs)}, agents ${formatDuration(agentMs)}`,
    );
  if (durations.count > 0)
    lines.push(
      `an attempt that completed a task took ${formatDuration(durations.median)} (median), ` +
        `${formatDuration(durations.p90)} (90%), ${formatDuration(durations.longest)} (longest)`,
    );
  if (totals.answers.asked > 0) lines.push(describeAnswers(totals.answers));
  for (const { count, reason, tasks } of failures.slice(0, MOST_REASONS)) {
    const names = tasks.slice(0, 3).map(printable).join(', ') + (count > 3 ? `, and ${count - 3} more` : '');
    lines.push(`${paint.red(`${count} ×`)} ${headline(reason, 160)}`, paint.dim(`    ${names}`));
  }
  if (failures.length > MOST_REASONS) lines.push(`and ${failures.length - MOST_REASONS} more reasons`);
  return `${lines.join('\n')}\n${paint.dim('--html report.html makes a page of it; --junit and --json are for programs')}\n`;
}
