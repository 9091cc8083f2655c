/** How much of the limits of an account is used, as people read it. */
import type { RateLimits, RateLimitWindow } from '../core/rate-limits.ts';
import { localTime } from './wording.ts';

/** What is older than that may have become more since, by whomever. */
const OLD_MS = 10 * 60_000;

/** `limits: 42% of 5h used, resets 14:05 · 12% of 7d used, resets 2026-11-29 09:00`; `now` is ms since 1970. */
export function describeRateLimits({ at, id, primary, secondary }: RateLimits, now: number): string {
  const windows = [primary, secondary].flatMap((window) => (window ? [describeWindow(window, now)] : []));
  const name = id === undefined || id === 'codex' ? '' : ` of ${id}`;
  const old = now - at > OLD_MS ? [`as of ${localTime(at, now)}`] : [];
  return `limits${name}: ${[...windows, ...old].join(' · ')}`;
}

function describeWindow({ usedPercent, windowMinutes, resetsAt }: RateLimitWindow, now: number): string {
  const what = windowMinutes === undefined ? '' : ` of ${describeLength(windowMinutes)}`;
  const reset = resetsAt === undefined ? '' : `, resets ${localTime(resetsAt, now)}`;
  return `${Math.floor(usedPercent)}%${what} used${reset}`;
}

function describeLength(minutes: number): string {
  if (minutes % 1_440 === 0) return `${minutes / 1_440}d`;
  return minutes % 60 === 0 ? `${minutes / 60}h` : `${minutes}m`;
}
