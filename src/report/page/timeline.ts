/** Who worked when: for each run a lane, in it a bar for each attempt. What is drawn is bounded, whatever a journal says. */
import { formatDuration } from '../../core/duration.ts';
import { printable } from '../../core/printable.ts';
import { tokensIn } from '../../core/spending.ts';
import type { ReportAttempt, ReportData, ReportRun } from '../../core/report-data.ts';
import type { ReportQuestion } from '../../core/report-questions.ts';
import { describeQuestion } from '../answers.ts';
import { formatTokens, localMoment, plural } from '../wording.ts';
import type { Axis } from './axis.ts';
import { outcomeWord, percent } from './words.ts';

interface Bar {
  readonly x: string;
  readonly y: number;
  readonly width: string;
  readonly outcome: ReportAttempt['outcome'];
  readonly title: string;
  /** Of its task on the page. */
  readonly anchor: string;
}

/** That an attempt waited for an answer. */
interface Wait {
  readonly x: string;
  readonly y: number;
  readonly width: string;
  readonly title: string;
}

interface Lane {
  readonly name: string;
  readonly detail: string;
  readonly height: number;
  readonly bars: readonly Bar[];
  readonly waits: readonly Wait[];
  /** In the place of bars where there are too many to point at: in a box of 1000 by `height`. */
  readonly shapes: readonly { readonly outcome: ReportAttempt['outcome']; readonly path: string }[];
}

export interface Timeline {
  readonly barHeight: number;
  readonly lanes: readonly Lane[];
  readonly lanesLeftOut: number;
  readonly hasWaits: boolean;
}

/** Of more, no bar can be pointed at. */
const MOST_BARS = 2_000;
/** Of one attempt. */
const MOST_WAITS = 10;
const MOST_LANES = 24;
const MOST_ROWS = 48;
/** So wide a bar is at least, in percent. */
const THINNEST = 0.25;

interface Drawn {
  readonly attempt: ReportAttempt;
  readonly label: string;
  readonly task: number;
  readonly questions: readonly ReportQuestion[];
}

export function timelineOf({ runs, tasks }: ReportData, axis: Axis): Timeline {
  const byRun = new Map<number, Drawn[]>();
  for (const [task, { attempts, label, questions }] of tasks.entries())
    for (const attempt of attempts) {
      const drawn = byRun.get(attempt.run) ?? [];
      byRun.set(attempt.run, drawn);
      drawn.push({ attempt, label, task, questions: questions.filter((one) => isOf(one, attempt)) });
    }
  const shown = runs.slice(-MOST_LANES);
  const rows = shown.map((_, n) => rowsOf(byRun.get(runs.length - shown.length + n) ?? []));
  const count = rows.flat().reduce((sum, row) => sum + row.length, 0);
  const most = rows.reduce((n, { length }) => Math.max(n, length), 1);
  const barHeight = most > 16 ? 3 : most > 8 ? 6 : 10;
  const lanes = shown.map((run, n) =>
    laneOf(run, runs.length - shown.length + n, rows[n] ?? [], {
      axis,
      barHeight,
      isCoarse: count > MOST_BARS,
    }),
  );
  const hasWaits = lanes.some(({ waits }) => waits.length > 0);
  return { barHeight, lanes, lanesLeftOut: runs.length - shown.length, hasWaits };
}

/** Numbers begin anew after a reset. */
const isOf = ({ attempt, askedAt }: ReportQuestion, { attempt: n, from, to }: ReportAttempt) =>
  attempt === n && askedAt >= from && askedAt <= to;

/** Attempts that were on at the same time stand below one another. */
function rowsOf(drawn: readonly Drawn[]): Drawn[][] {
  const rows: Drawn[][] = [];
  for (const one of drawn.toSorted((a, b) => a.attempt.from - b.attempt.from)) {
    const free = rows.find((row) => (row.at(-1)?.attempt.to ?? 0) <= one.attempt.from);
    if (free) free.push(one);
    else if (rows.length < MOST_ROWS) rows.push([one]);
    else rows.at(-1)?.push(one);
  }
  return rows;
}

interface Drawing {
  readonly axis: Axis;
  readonly barHeight: number;
  readonly isCoarse: boolean;
}

function laneOf(run: ReportRun, n: number, rows: readonly Drawn[][], drawing: Drawing): Lane {
  const { barHeight, isCoarse } = drawing;
  const step = barHeight + 2;
  const tokens = tokensIn(run.usage) > 0 ? ` · ${formatTokens(tokensIn(run.usage))} tokens` : '';
  return {
    name: `Run ${n + 1}`,
    detail: `${localMoment(run.from)} · ${plural(run.attempts, 'attempt')}${tokens} · ${printable(run.by).slice(0, 60)}`,
    height: rows.length * step,
    bars: isCoarse ? [] : rows.flatMap((row, y) => row.map((one) => barOf(one, y * step, drawing.axis))),
    waits: isCoarse
      ? []
      : rows.flatMap((row, y) => row.flatMap((one) => waitsOf(one, y * step, drawing.axis))),
    shapes: isCoarse ? shapesOf(rows, drawing) : [],
  };
}

function barOf({ attempt, label, task }: Drawn, y: number, axis: Axis): Bar {
  const { from, to, outcome } = attempt;
  const width = Math.max(THINNEST, axis.at(to) - axis.at(from));
  return {
    x: percent(Math.min(axis.at(from), 100 - width)),
    y,
    width: percent(width),
    outcome,
    title: `${printable(label)}\nattempt ${attempt.attempt}: ${outcomeWord(attempt)}\n${localMoment(from)}, ${formatDuration(to - from)}`,
    anchor: `t${task}`,
  };
}

function waitsOf({ questions, attempt }: Drawn, y: number, axis: Axis): Wait[] {
  return questions.slice(-MOST_WAITS).map((question) => {
    const [from, to] = [axis.at(question.askedAt), axis.at(Math.min(question.at, attempt.to))];
    const width = Math.max(THINNEST, to - from);
    return {
      x: percent(Math.min(from, 100 - width)),
      y,
      width: percent(width),
      title: describeQuestion(question),
    };
  });
}

/** One path for each outcome. Bars that touch are one: no more of them than there are points to draw. */
function shapesOf(rows: readonly Drawn[][], { axis, barHeight }: Drawing): Lane['shapes'] {
  const paths = new Map<ReportAttempt['outcome'], string>();
  for (const [n, row] of rows.entries()) {
    let open: { from: number; to: number; outcome: ReportAttempt['outcome'] } | undefined;
    const draw = () => {
      if (!open) return;
      const [x, width] = [open.from.toFixed(1), Math.max(1, open.to - open.from).toFixed(1)];
      const shape = `M${x} ${n * (barHeight + 2)}h${width}v${barHeight}h-${width}z`;
      paths.set(open.outcome, (paths.get(open.outcome) ?? '') + shape);
    };
    for (const { attempt } of row) {
      const [from, to] = [axis.at(attempt.from) * 10, axis.at(attempt.to) * 10];
      if (open?.outcome === attempt.outcome && from - open.to < 1) open.to = Math.max(open.to, to);
      else {
        draw();
        open = { from, to, outcome: attempt.outcome };
      }
    }
    draw();
  }
  return [...paths].map(([outcome, path]) => ({ outcome, path }));
}
