/**
 * `status --watch`: on a terminal a picture that changes in place, elsewhere a block, or with `--json` a line, for each change.
 * The time that passes is no change: ages and heartbeats alone print nothing.
 */
import { stripVTControlCharacters } from 'node:util';
import type { StatusReport, TaskStatus } from '../core/reports.ts';
import type { TaskState } from '../core/task.ts';
import { columnsOf, fit } from './columns.ts';
import type { Paint } from './console.ts';
import type { Screen } from './screen.ts';
import {
  overview,
  refusals,
  statusJson,
  statusText,
  taskLines,
  work,
  type StatusView,
} from './status-table.ts';

interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** What is going on comes first, and what is long over last. */
const BY_INTEREST: readonly TaskState[] = ['in-progress', 'failed', 'pending', 'completed'];

/** As much of `status` as there is room for: lines are cut at the edge, and of the tasks those are left out that say least. */
export function picture(report: StatusReport, view: StatusView, { columns, rows }: Size): string {
  const above = overview(report, view);
  const below = [...work(report, view), ...refusals(report, view)];
  const room = rows - 1 - above.length - below.length;
  const lines = [...above, ...(view.detailed ? lists(report.tasks, view, room) : []), ...below];
  const shown = lines.length < rows ? lines : [...lines.slice(0, rows - 2), '…'];
  return shown.map((line) => cut(line, columns)).join('\n');
}

function lists(tasks: readonly TaskStatus[], view: StatusView, room: number): string[] {
  if (tasks.length === 0 || room < 3) return [];
  const all = tasks.length < room ? taskLines(tasks, view) : [];
  if (tasks.length <= all.length && all.length < room) return ['', ...all];
  const asks = (task: TaskStatus) => task.needsApproval !== undefined;
  const sorted = [
    ...tasks.filter(asks),
    ...BY_INTEREST.flatMap((state) => tasks.filter((task) => task.state === state && !asks(task))),
  ];
  const lines: string[] = [];
  let shown = 0;
  for (const task of sorted) {
    const more = taskLines([task], view);
    if (lines.length + more.length > room - 2) break;
    lines.push(...more);
    shown++;
  }
  return ['', ...lines, `… and ${sorted.length - shown} more`];
}

/** Colours take no columns, and are the first to go where there is no room. */
function cut(line: string, columns: number): string {
  const plain = stripVTControlCharacters(line);
  return columnsOf(plain) <= columns ? line : fit(plain, columns);
}

export interface WatchView {
  readonly detailed: boolean;
  readonly json: boolean;
  readonly paths: readonly string[];
  readonly paint: Paint;
  readonly out: (text: string) => void;
  /** Where a person looks on. */
  readonly live?: { readonly screen: Screen; readonly size: () => Size };
}

/** What takes each report as it comes, `now` being when it was made. */
export function createStatusWatch({ detailed, json, paths, paint, out, live }: WatchView) {
  let last = '';
  const print = (report: StatusReport, now: Date) => {
    const news = statusJson(withoutTime(report), new Date(0));
    if (news === last) return;
    const isFirst = last === '';
    last = news;
    if (json) return out(statusJson(report, now, 0));
    out(`${isFirst ? '' : '\n'}${now.toISOString()}\n${statusText(report, { detailed, paths, paint, now })}`);
  };
  if (json || !live) return print;
  return (report: StatusReport, now: Date) =>
    live.screen.show(picture(report, { detailed, paths, paint, now }, live.size()));
}

function withoutTime(report: StatusReport): StatusReport {
  const { pace: _, tasks, limits, ...rest } = report;
  return {
    ...rest,
    pace: {},
    tasks: tasks.map(({ heartbeatAt: __, ...task }) => task),
    ...(limits && { limits: { ...limits, at: 0 } }),
  };
}
