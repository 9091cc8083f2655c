/**
 * The axis of time that the charts share, in percent of their width. Long stretches in which nothing was done are cut to a gap:
 * a directory that was worked on in two nights shows two nights, and one line with a wrong clock does not make all others a dot.
 */
import { busySpans, type ReportData } from '../../core/report-data.ts';

interface Piece {
  readonly from: number;
  readonly to: number;
  readonly x: number;
  readonly width: number;
}

export interface Axis {
  /** Where a moment is, from 0 to 100; one that was cut out is in the middle of its gap. */
  readonly at: (time: number) => number;
  /** Which moment is there; `undefined` inside a gap. */
  readonly timeAt: (x: number) => number | undefined;
  readonly gaps: readonly Piece[];
  readonly from: number;
  readonly to: number;
}

/** What is shorter is not cut. */
const SHORTEST_GAP_MS = 5 * 60_000;
/** Nor what is a small part of the work. */
const GAP_SHARE = 0.25;
const MOST_GAPS = 8;
const GAP_WIDTH = 2.5;

/** `undefined` where nothing was done. */
export function axisOf({ tasks }: Pick<ReportData, 'tasks'>): Axis | undefined {
  const busy = busySpans(tasks.flatMap(({ attempts }) => attempts));
  const [first, last] = [busy[0], busy.at(-1)];
  if (!first || !last) return undefined;
  const worked = busy.reduce((sum, { from, to }) => sum + to - from, 0);
  const idle = busy
    .slice(1)
    .map((span, n) => ({ from: busy[n]?.to ?? span.from, to: span.from }))
    .filter(({ from, to }) => to - from > Math.max(SHORTEST_GAP_MS, worked * GAP_SHARE))
    .sort((a, b) => b.to - b.from - (a.to - a.from))
    .slice(0, MOST_GAPS)
    .sort((a, b) => a.from - b.from);
  const kept = [...idle, { from: last.to, to: last.to }].map(({ from }, n) => ({
    from: idle[n - 1]?.to ?? first.from,
    to: from,
  }));
  const length = Math.max(
    1,
    kept.reduce((sum, { from, to }) => sum + to - from, 0),
  );
  const scale = (100 - idle.length * GAP_WIDTH) / length;
  const pieces: Piece[] = [];
  const gaps: Piece[] = [];
  let x = 0;
  for (const [n, { from, to }] of kept.entries()) {
    pieces.push({ from, to, x, width: (to - from) * scale });
    x += (to - from) * scale;
    const gap = idle[n];
    if (gap) gaps.push({ ...gap, x, width: GAP_WIDTH });
    x += GAP_WIDTH;
  }
  return {
    at: (time) => placeOf(time, pieces, gaps),
    timeAt: (at) => timeIn(at, pieces),
    gaps,
    from: first.from,
    to: last.to,
  };
}

function placeOf(time: number, pieces: readonly Piece[], gaps: readonly Piece[]): number {
  const piece = pieces.find(({ to }) => time <= to);
  if (!piece) return 100;
  const gap = gaps.find(({ from, to }) => time > from && time < to);
  if (gap) return gap.x + gap.width / 2;
  const share = piece.to > piece.from ? (time - piece.from) / (piece.to - piece.from) : 0;
  return piece.x + Math.max(0, share) * piece.width;
}

function timeIn(x: number, pieces: readonly Piece[]): number | undefined {
  const piece = pieces.find((one) => x >= one.x - 1e-9 && x <= one.x + one.width + 1e-9);
  if (!piece) return undefined;
  return piece.from + (piece.width > 0 ? (x - piece.x) / piece.width : 0) * (piece.to - piece.from);
}
