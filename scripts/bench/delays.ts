/** The ticks that `note-delays.mjs` wrote down. */

export interface Delay {
  /** When the tick came, in ms since the epoch. */
  readonly at: number;
  /** Since the tick before. */
  readonly ms: number;
}

/** The ticks that came within a window, from the text of the trace; one that was late beyond its end counts too. */
export function delaysBetween(
  trace: string,
  window: { readonly from: number; readonly to: number },
): Delay[] {
  return trace
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' ').map(Number))
    .map(([at = Number.NaN, ms = Number.NaN]) => ({ at, ms }))
    .filter(({ at, ms }) => at >= window.from && at - ms <= window.to);
}

/** The smallest value that at least `share` of all values do not exceed. Throws on an empty list. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new RangeError('the percentile of nothing');
  return value;
}
