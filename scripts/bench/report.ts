/** The findings as Markdown: for the terminal and for `results.md` alike. */
import { markdownTable } from '../../test/rig/markdown-table.ts';
import { limitAt, verdict, type Contest, type Entry, type Figure, type Findings, type Goal } from './goal.ts';
import { shortNumber } from './picture.ts';
import type { Spread } from './statistics.ts';

/** What was measured of one goal; `broke` instead where measuring it failed. */
export type Result =
  | { readonly goal: Goal; readonly findings: Findings; readonly broke?: undefined }
  | { readonly goal: Goal; readonly findings?: undefined; readonly broke: string };

/** "0.41 (0.39–0.47)", or only the value where there was one round. */
function showSpread({ median, min, max }: Spread): string {
  const range = min === max ? '' : ` (${shortNumber(min)}–${shortNumber(max)})`;
  return `${shortNumber(median)}${range}`;
}

/** One goal: its figures beside their limits, then everything they come from. */
export function renderGoal(result: Result, quick: boolean): string {
  const { goal } = result;
  const head = `## Goal ${goal.number}: ${goal.title}`;
  if (result.broke !== undefined) return `${head}\n\nBROKEN: ${result.broke}`;
  const { figures, contests, tables = [], notes } = result.findings;
  return [
    head,
    figureTable(figures, quick),
    ...contests.map(contestTable),
    ...tables.map(
      ({ title, rows: [first = [], ...rest] }) => `${capital(title)}:\n\n${markdownTable(first, rest)}`,
    ),
    ...notes,
  ].join('\n\n');
}

function figureTable(figures: readonly Figure[], quick: boolean): string {
  return markdownTable(
    ['figure', 'on', 'measured', 'limit', ''],
    figures.map((figure) => [
      figure.limit.what,
      figure.place ?? '–',
      figure.value === undefined ? `– (${figure.why ?? 'not measured'})` : showSpread(figure.value),
      `≤ ${shortNumber(figure.limit.atMost)} ${figure.limit.unit}`,
      verdict(figure, quick),
    ]),
  );
}

const optional = <T>(value: T | undefined, show: (value: T) => string) =>
  value === undefined ? '–' : show(value);

function contestTable({ title, place, about, entries }: Contest): string {
  const time = (entry: Entry) => [
    shortNumber(entry.wallMs),
    optional(entry.cpuMs, shortNumber),
    showSpread(entry.wallRatio),
    optional(entry.cpuRatio, showSpread),
  ];
  const memory = (entry: Entry) => [
    optional(entry.peakMb, (mb) => String(Math.round(mb))),
    optional(entry.peakRatio, showSpread),
  ];
  const [heads, cellsOf] =
    about === 'time'
      ? [['wall ms', 'CPU ms', 'wall ratio', 'CPU ratio'], time]
      : [['peak MB', 'peak ratio'], memory];
  const rows = entries.map((entry) => [entry.name, String(entry.rounds), ...cellsOf(entry)]);
  return `${capital(title)}${place === undefined ? '' : `, ${place}`}:\n\n${markdownTable(['', 'runs', ...heads], rows)}`;
}

const capital = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1);

/** What `--list` prints: the goals and their limits, without measuring anything. */
export function listGoals(goals: readonly Goal[]): string {
  return goals
    .flatMap(({ number, title, limits, needs }) => [
      `${String(number).padStart(2)}  ${title}  [${needs.join(', ')}]`,
      ...limits.map((_, i) => {
        const { what, atMost, unit } = limitAt(limits, i);
        return `      ${what} ≤ ${shortNumber(atMost)} ${unit}`;
      }),
    ])
    .join('\n');
}

/** How each goal is measured, for the report. */
export const renderMethod = ({ method, number }: Goal) =>
  `![goal ${number}](goal-${number}.svg)\n\n${method}`;
