/** What agents have spent. */
import type { Usage } from './outcome.ts';

/** As ceilings count them: what Codex calls cached is part of the input, and counts like the rest of it. */
export const tokensIn = ({ input, output }: Usage): number => input + output;

/** What was spent between two totals of one thread; never less than nothing, whatever they say. */
export function usageSince(total: Usage, before: Usage): Usage {
  const since = (key: keyof Usage) => Math.max(0, total[key] - before[key]);
  return { input: since('input'), cached: since('cached'), output: since('output') };
}
