/** What `status` says: the table, a line for each task with `--detailed`, or one JSON document. */
import { formatDuration } from '../core/duration.ts';
import { pauseFields } from '../core/pause.ts';
import type { StatusReport, TaskStatus } from '../core/reports.ts';
import { headline, printable } from '../core/printable.ts';
import type { TaskState } from '../core/task.ts';
import { columnsOf, padEnd } from './columns.ts';
import type { Paint } from './console.ts';
import { ownerFields, refusalFields, safeJson, taskFields } from './json.ts';
import { describeSpent } from './spending.ts';
import { describeHolder, describePause, pids } from './wording.ts';

const TITLES: Readonly<Record<TaskState, string>> = {
  pending: 'Pending',
  'in-progress': 'In Progress',
  completed: 'Completed',
  failed: 'Failed',
};
const STATES = ['pending', 'in-progress', 'completed', 'failed'] as const;

export interface StatusView {
  readonly detailed: boolean;
  readonly paint: Paint;
  readonly now: Date;
}

export function statusText(report: StatusReport, { detailed, paint, now }: StatusView): string {
  const { directories, now: at } = report.paused;
  const lines = directories.map(
    ({ label, pause }) => `⏸  ${printable(label)} ${paint.yellow('is paused')} ${describePause(pause, at)}`,
  );
  lines.push(...statusTable(report));
  if (detailed && report.tasks.length > 0) {
    lines.push('');
    for (const task of report.tasks) lines.push(taskLine(task, paint, now));
  }
  if (report.spent.attempts > 0) lines.push(describeSpent(report.spent));
  for (const { label, why } of report.refused)
    lines.push(`🚫 ${printable(label)} was ${paint.yellow('refused')}: it ${headline(why)}`);
  return `${lines.join('\n')}\n`;
}

function statusTable({ counts, total }: StatusReport): string[] {
  const percent = (n: number) => `${total === 0 ? '0.0' : ((n / total) * 100).toFixed(1)}%`;
  const rows = STATES.map((state) => [TITLES[state], String(counts[state]), percent(counts[state])] as const);
  return drawTable(['Status', 'Count', 'Percentage'], [...rows, ['Total', String(total), percent(total)]]);
}

type Row = readonly [string, string, string];

/** The first column to the left, the numbers to the right. */
function drawTable(head: Row, rows: readonly Row[]): string[] {
  const widths = head.map((title, i) =>
    Math.max(...[title, ...rows.map((row) => row[i] ?? '')].map(columnsOf)),
  );
  const rule = (left: string, line: string, middle: string, right: string) =>
    left + widths.map((width) => line.repeat(width + 2)).join(middle) + right;
  const cells = (row: Row, align: (text: string, width: number) => string) =>
    row.map((text, i) => (i === 0 ? padEnd(text, widths[i] ?? 0) : align(text, widths[i] ?? 0)));
  const right = (text: string, width: number) => text.padStart(width);
  return [
    rule('┏', '━', '┳', '┓'),
    `┃ ${cells(head, padEnd).join(' ┃ ')} ┃`,
    rule('┡', '━', '╇', '┫'),
    ...rows.map((row) => `│ ${cells(row, right).join(' │ ')} │`),
    rule('└', '─', '┴', '┘'),
  ];
}

function taskLine(status: TaskStatus, paint: Paint, now: Date): string {
  const colour = { pending: paint.dim, 'in-progress': paint.cyan, completed: paint.green, failed: paint.red };
  const title = colour[status.state](TITLES[status.state].padEnd(TITLES['in-progress'].length));
  const detail = detailOf(status, now);
  return `${title}  ${printable(status.task.label)}${detail === '' ? '' : `: ${detail}`}`;
}

function detailOf(status: TaskStatus, now: Date): string {
  if (status.state !== 'in-progress') return headline(status.reason ?? status.checked ?? '');
  const ago = (iso: string) => formatDuration(now.getTime() - Date.parse(iso));
  const orphans = status.orphans ?? [];
  return [
    ...(status.attempt === undefined ? [] : [`attempt ${status.attempt}`]),
    ...(status.holder ? [describeHolder(status.holder)] : []),
    ...(status.since === undefined ? [] : [`since ${printable(status.since)} (${ago(status.since)})`]),
    ...(status.heartbeatAt === undefined ? [] : [heartbeat(status.heartbeatAt, now)]),
    ...(orphans.length > 0 ? [`orphaned: its agent still runs (${pids(orphans)})`] : []),
  ].join(', ');
}

/** For people, who look at their clock too: six heartbeats missed is worth a word, and decides nothing. */
const SILENT_AFTER_MS = 30_000;

function heartbeat(at: string, now: Date): string {
  const ms = now.getTime() - Date.parse(at);
  return `${ms > SILENT_AFTER_MS ? 'silent: ' : ''}last heartbeat ${formatDuration(ms)} ago`;
}

export function statusJson(report: StatusReport): string {
  const document = {
    total: report.total,
    spent: report.spent,
    counts: report.counts,
    tasks: report.tasks.map(({ task, holder, ...rest }) => ({
      ...taskFields(task),
      ...rest,
      ...(holder && { holder: holderFields(holder) }),
    })),
    refused: report.refused.map(refusalFields),
    paused: report.paused.directories.map(({ directory, pause }) => ({ directory, ...pauseFields(pause) })),
  };
  return `${safeJson(document, 2)}\n`;
}

/** Of a host, its name: the rest tells machines apart, and people nothing. */
function holderFields(holder: NonNullable<TaskStatus['holder']>) {
  if (holder.kind === 'damaged') return holder;
  const { owner, ...rest } = holder;
  return { ...rest, ...ownerFields(owner) };
}
