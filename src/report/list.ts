/** What `list` prints, and what `retry --dry-run` does. */
import { headline, printable } from '../core/printable.ts';
import { failuresOf, type FailureGroup } from '../core/report-sums.ts';
import type { ListedTask } from '../core/reports.ts';
import type { Paint } from './console.ts';
import { safeJson, taskFields } from './json.ts';
import type { Terminal } from './terminal.ts';
import { plural } from './wording.ts';

interface ListView {
  readonly as: 'lines' | 'null' | 'json';
  readonly byReason: boolean;
}

/** Lines that are written together: one by one, 100,000 of them take several times as long. */
const TOGETHER = 1_000;

/** Resolves with the exit code. A reader that has seen enough ends it. */
export async function showList(
  tasks: AsyncIterable<ListedTask>,
  view: ListView,
  { pour, outIsTerminal }: Pick<Terminal, 'pour' | 'outIsTerminal'>,
  paint: Paint,
): Promise<number> {
  const lines = view.byReason ? groups(tasks, view, paint) : each(tasks, view, outIsTerminal, paint);
  let waiting: string[] = [];
  for await (const line of lines) {
    waiting.push(line);
    if (waiting.length < TOGETHER && !outIsTerminal) continue;
    if (!(await pour(waiting.join('')))) return 0;
    waiting = [];
  }
  await pour(waiting.join(''));
  return 0;
}

async function* each(
  tasks: AsyncIterable<ListedTask>,
  { as }: ListView,
  isTerminal: boolean,
  paint: Paint,
): AsyncGenerator<string, void> {
  for await (const one of tasks) {
    if (as === 'json') {
      const { task, ...rest } = one;
      yield `${safeJson({ ...taskFields(task), ...rest })}\n`;
    } else if (as === 'null' && !isTerminal) yield `${pathOf(one)}\0`;
    else yield `${printable(pathOf(one))}${isTerminal ? `  ${detailOf(one, paint)}` : ''}\n`;
  }
}

/** As an argument: a name that begins with a dash is no option. */
const pathOf = ({ task: { label } }: ListedTask) => (label.startsWith('-') ? `./${label}` : label);

function detailOf({ state, reason }: ListedTask, { dim, cyan, green, red }: Paint): string {
  const colour = { pending: dim, 'in-progress': cyan, completed: green, failed: red }[state];
  return colour(state) + (reason === undefined ? '' : dim(`: ${headline(reason)}`));
}

async function* groups(
  tasks: AsyncIterable<ListedTask>,
  { as }: ListView,
  paint: Paint,
): AsyncGenerator<string, void> {
  const failed = [];
  for await (const { task, state, reason } of tasks)
    failed.push({ label: task.label, state, ...(reason !== undefined && { reason }) });
  for (const group of failuresOf(failed))
    yield as === 'json' ? `${safeJson(group)}\n` : groupText(group, paint);
}

const MOST_NAMED = 3;

function groupText({ reason, count, tasks }: FailureGroup, { bold, dim }: Paint): string {
  const named = tasks.slice(0, MOST_NAMED).map(printable).join(', ');
  const others = count > MOST_NAMED ? ` and ${count - MOST_NAMED} more` : '';
  return `${bold(`${count} ×`)} ${headline(reason)}\n    ${dim(named + others)}\n`;
}

/** What a retry would run; or that there is nothing. */
export function retryText(failed: readonly ListedTask[], match: string | undefined, paint: Paint): string {
  const lines = failed.map((one) => `${printable(pathOf(one))}  ${detailOf(one, paint)}\n`);
  if (failed.length > 0) return `${lines.join('')}${plural(failed.length, 'task')} would be run again.\n`;
  return match === undefined
    ? 'Nothing to run again: no task has failed.\n'
    : `Nothing to run again: no task has failed with ${JSON.stringify(printable(match))} in its reason.\n`;
}
