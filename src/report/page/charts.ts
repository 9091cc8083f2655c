/** The charts beside the timeline: tokens over the same time, and how long attempts took. */
import { formatDuration } from '../../core/duration.ts';
import type { ReportData } from '../../core/report-data.ts';
import type { TokensAt } from '../../core/report-sums.ts';
import { tokensIn } from '../../core/spending.ts';
import { formatTokens } from '../wording.ts';
import type { Axis } from './axis.ts';
import { percent } from './words.ts';

export interface TokensChart {
  /** In a box of 1000 by 100, from its lower left corner. */
  readonly all: string;
  readonly cached: string;
  readonly top: string;
  readonly half: string;
}

/** `undefined` where nothing was spent. */
export function tokensChart({ tokens }: ReportData, axis: Axis): TokensChart | undefined {
  const last = tokens.at(-1);
  if (!last) return undefined;
  const most = tokensIn(last);
  const areaOf = (value: (point: TokensAt) => number) => {
    const steps = tokens.map((point) => {
      const [x, y] = [axis.at(point.at) * 10, 100 - (value(point) / most) * 100];
      return `H${x.toFixed(1)}V${y.toFixed(1)}`;
    });
    return `M0 100${steps.join('')}H1000V100z`;
  };
  return {
    all: areaOf(tokensIn),
    cached: areaOf(({ cached }) => cached),
    top: formatTokens(most),
    half: formatTokens(Math.round(most / 2)),
  };
}

interface DurationBar {
  readonly label: string;
  readonly count: number;
  readonly width: string;
}

export function durationBars({ durations: { bars } }: ReportData): DurationBar[] {
  const most = bars.reduce((n, { count }) => Math.max(n, count), 1);
  return bars.map(({ upTo, count }) => ({
    label: upTo === undefined ? 'longer' : `≤ ${roundDuration(upTo)}`,
    count,
    width: percent((count / most) * 100),
  }));
}

/** `30s`, `5m`, `2h`: without what is zero. */
const roundDuration = (ms: number) =>
  formatDuration(ms)
    .replace(/\.0s$/, 's')
    .replace(/ 00[ms]$/, '');
