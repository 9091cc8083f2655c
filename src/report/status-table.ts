/** What `status` says: the table, a line for each task with `--detailed`, or one JSON document. */
import { formatDuration } from '../core/duration.ts';
import { refusalOf } from '../core/front-matter.ts';
import { pauseFields } from '../core/pause.ts';
import { rateLimitFields } from '../core/rate-limits.ts';
import type { StatusReport, TaskStatus, Worker } from '../core/reports.ts';
import { headline, printable, shellPath } from '../core/printable.ts';
import type { TaskState } from '../core/task.ts';
import { columnsOf, padEnd } from './columns.ts';
import type { Paint } from './console.ts';
import { ownerFields, refusalFields, safeJson, taskFields } from './json.ts';
import { describeAnswers } from './answers.ts';
import { describeRateLimits } from './rate-limits.ts';
import { describePace, describeSpent } from './spending.ts';
import { describeHolder, describeWait, describePause, pids, plural, retryCommand } from './wording.ts';

const TITLES: Readonly<Record<TaskState, string>> = {
  pending: 'Pending',
  'in-progress': 'In Progress',
  completed: 'Completed',
  failed: 'Failed',
};
const STATES = ['pending', 'in-progress', 'completed', 'failed'] as const;

export interface StatusView {
  readonly detailed: boolean;
  /** As they were typed, for the commands that are proposed. */
  readonly paths: readonly string[];
  readonly paint: Paint;
  readonly now: Date;
}

export function statusText(report: StatusReport, view: StatusView): string {
  const tasks = view.detailed
    ? report.tasks.flatMap((task) => [taskLine(task, view), ...asksOf(task, view), ...goOnWith(task, view)])
    : [];
  const lines = [
    ...overview(report, view),
    ...(tasks.length > 0 ? ['', ...tasks] : []),
    ...work(report, view),
    ...refusals(report, view),
  ];
  return `${lines.join('\n')}\n`;
}

/** The pauses, and the table. */
export function overview(report: StatusReport, { paint }: StatusView): string[] {
  const { directories, now } = report.paused;
  const pauses = directories.map(
    ({ label, pause }) => `⏸  ${printable(label)} ${paint.yellow('is paused')} ${describePause(pause, now)}`,
  );
  return [...pauses, ...statusTable(report)];
}

/** How long yet, who works here, and what was spent: each on a line of its own, of which an edge cuts off what matters least. */
export function work(report: StatusReport, view: StatusView): string[] {
  const { workers, spent, answers, pace, counts, limits, paused } = report;
  const left = counts.pending + counts['in-progress'];
  const howFast = spent.attempts > 0 ? describePace(pace, left) : [];
  return [
    ...howToAnswer(report, view),
    ...(howFast.length > 0 ? [howFast.join(' · ')] : []),
    ...(workers.length > 0 ? [describeWorkers(workers)] : []),
    ...(spent.attempts > 0 ? [describeSpent(spent)] : []),
    ...(answers.asked > 0 ? [describeAnswers(answers)] : []),
    ...(limits ? [describeRateLimits(limits, paused.now)] : []),
  ];
}

export function refusals({ refused }: StatusReport, { paint }: StatusView): string[] {
  return refused.map(
    ({ label, why }) => `🚫 ${printable(label)} was ${paint.yellow('refused')}: it ${headline(why)}`,
  );
}

export function taskLines(tasks: readonly TaskStatus[], view: StatusView): string[] {
  return tasks.flatMap((task) => [taskLine(task, view), ...asksOf(task, view)]);
}

const INDENT = ' '.repeat(TITLES['in-progress'].length + 2);

/** With details it stands with each of them. */
function howToAnswer({ needsApproval }: StatusReport, { detailed, paths, paint }: StatusView): string[] {
  if (needsApproval === 0 || detailed) return [];
  return [`what they ask: ${paint.cyan(['codex-worker approvals', ...paths.map(shellPath)].join(' '))}`];
}

/** What its agent waits with, and what to type to see all of it. */
function asksOf({ task, needsApproval = [] }: TaskStatus, { paint, now }: StatusView): string[] {
  const asks = needsApproval.map(({ id, asked, since }) => {
    const ago = formatDuration(now.getTime() - Date.parse(since));
    return `${INDENT}${paint.yellow('asks')} (${id}, ${ago} ago): ${headline(asked)}`;
  });
  const command = `codex-worker approvals ${shellPath(task.label)}`;
  return asks.length === 0 ? [] : [...asks, INDENT + paint.cyan(command)];
}

/** What to type to see what went wrong, to try it again as it was run, and to go on with it by hand where Codex has kept the thread. */
function goOnWith({ task, state, thread, ranWith }: TaskStatus, { paint }: StatusView): string[] {
  if (state !== 'failed') return [];
  const commands = [
    `codex-worker logs ${shellPath(task.label)}`,
    retryCommand(task.label, ranWith),
    ...(thread === undefined ? [] : [`codex resume ${thread}`]),
  ];
  return [INDENT + commands.map(paint.cyan).join(paint.dim(' · '))];
}

function describeWorkers(workers: readonly Worker[]): string {
  const each = workers.map(
    ({ host, pid, tasks, isSeen }) =>
      `pid ${pid} on ${printable(host)} (${plural(tasks, 'task')}${isSeen ? '' : ', cannot be seen from here'})`,
  );
  return `${plural(workers.length, 'worker')}: ${each.join(', ')}`;
}

function statusTable({ counts, total, needsApproval }: StatusReport): string[] {
  const percent = (n: number) => `${total === 0 ? '0.0' : ((n / total) * 100).toFixed(1)}%`;
  const title = (state: TaskState) =>
    state === 'in-progress' && needsApproval > 0
      ? `${TITLES[state]} (${needsApproval} ${needsApproval === 1 ? 'needs' : 'need'} your approval)`
      : TITLES[state];
  const rows = STATES.map((state) => [title(state), String(counts[state]), percent(counts[state])] as const);
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

function taskLine(status: TaskStatus, { paint, now }: StatusView): string {
  const colour = { pending: paint.dim, 'in-progress': paint.cyan, completed: paint.green, failed: paint.red };
  const title = colour[status.state](TITLES[status.state].padEnd(TITLES['in-progress'].length));
  const detail = detailOf(status, now);
  return `${title}  ${printable(status.task.label)}${detail === '' ? '' : `: ${detail}`}`;
}

function detailOf(status: TaskStatus, now: Date): string {
  if (status.refused !== undefined)
    return `refused: ${headline(refusalOf(status.task.label, status.refused))}`;
  if (status.waitsFor) return describeWait(status.waitsFor);
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

/** `indent` 0 is one line. */
export function statusJson(report: StatusReport, now: Date, indent = 2): string {
  return `${safeJson({ at: now.toISOString(), ...statusFields(report) }, indent)}\n`;
}

/** Documented in docs/json.md: fields are added, never renamed or removed. */
function statusFields(report: StatusReport) {
  return {
    total: report.total,
    needsApproval: report.needsApproval,
    spent: report.spent,
    answers: report.answers,
    ...(report.limits && { limits: rateLimitFields(report.limits) }),
    pace: report.pace,
    counts: report.counts,
    workers: report.workers.map(({ host, pid, tasks, isSeen }) => ({ host, pid, tasks, seen: isSeen })),
    tasks: report.tasks.map(({ task, holder, ...rest }) => ({
      ...taskFields(task),
      ...rest,
      ...(holder && { holder: holderFields(holder) }),
    })),
    refused: report.refused.map(refusalFields),
    paused: report.paused.directories.map(({ directory, pause }) => ({ directory, ...pauseFields(pause) })),
  };
}

/** Of a host, its name: the rest tells machines apart, and people nothing. */
export function holderFields(holder: NonNullable<TaskStatus['holder']>) {
  if (holder.kind === 'damaged') return holder;
  const { owner, ...rest } = holder;
  return { ...rest, ...ownerFields(owner) };
}
