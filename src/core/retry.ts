/** When a failed attempt is worth another, and how long to wait for it. */

export const FIRST_BACKOFF_MS = 2_000;
export const LONGEST_BACKOFF_MS = 5 * 60_000;

/**
 * The wait before retry `n` (from 1), in ms: it doubles from 2 s up to 5 min, and "equal jitter" keeps half of it and
 * draws the other half, so that tasks that failed together do not come back together. `random` is in [0, 1).
 */
export function backoffMs(n: number, random: number): number {
  const ceiling = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.max(0, n - 1));
  return Math.round(ceiling / 2 + (ceiling / 2) * random);
}

/**
 * The wait after a server's "too many requests", in ms: what it said, but never less than the wait that grows, or one that says
 * "in a second" for an hour is asked every second; and never more than the longest, or its word would pass for a clock
 * that was set.
 */
export function rateLimitMs(said: number, growing: number): number {
  return Math.min(LONGEST_BACKOFF_MS, Math.max(said, growing));
}
