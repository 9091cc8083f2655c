/** Few and noisy samples, summed up: medians, and ratios of what was measured one right after the other. */

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The middle value; the mean of the two in the middle when there is an even number. Throws on an empty list. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  if (upper === undefined || lower === undefined) throw new RangeError('the median of nothing');
  return (lower + upper) / 2;
}

export function spread(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/**
 * Each value divided by the one of the reference that was measured right beside it. The median of these is no ratio of
 * two medians: what slowed a whole round down cancels out pair by pair.
 */
export function pairedRatio(values: readonly number[], references: readonly number[]): Spread {
  if (values.length !== references.length)
    throw new RangeError(`${values.length} values and ${references.length} references are no pairs`);
  return spread(values.map((value, i) => value / (references[i] ?? Number.NaN)));
}
