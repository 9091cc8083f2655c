/** Tokens as they stand in a file that anybody may have written: numbers that can be added up, or nothing. */
import type { Usage } from '../core/outcome.ts';

/** More than any attempt spends, and little enough that a million of them can be added up exactly. */
const MOST_TOKENS = 1e9;

/** A whole number from 0 up to what is sensible. */
export const isCount = (value: unknown, most = MOST_TOKENS): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= most;

export function usageFrom(input: unknown, cached: unknown, output: unknown): Usage | undefined {
  if (!isCount(input) || !isCount(output)) return undefined;
  return { input, cached: isCount(cached, input) ? cached : 0, output };
}
