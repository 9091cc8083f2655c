/** Ends an agent that has spent more than its task may: Codex prints no tokens before its turn ends, so its own file is looked at. */
import { tokensIn } from '../core/spending.ts';
import type { GatedChild } from '../io/child.ts';
import type { CodexListener } from '../io/codex-listener.ts';
import { usageOf } from './accounting.ts';
import type { TaskBudget } from './ceilings.ts';
import { tolerant } from './tolerant-look.ts';

const LOOK_EVERY_MS = 2_000;

export interface SpendingWatch {
  stop(): void;
}

/** Until it is stopped; where the task has no ceiling it does nothing. */
export function watchSpending(
  running: Parameters<typeof usageOf>[0],
  budget: TaskBudget | undefined,
  child: Pick<GatedChild, 'end'>,
  heard: CodexListener,
): SpendingWatch {
  if (!budget) return { stop: () => {} };
  let isLooking = false;
  const usage = tolerant(
    () => usageOf(running, heard),
    (code) => heard.warn(`for a time nobody could see what it had spent (${code}): its ceiling did not hold`),
  );
  const look = async () => {
    if (isLooking) return;
    isLooking = true;
    const spent = await usage();
    isLooking = false;
    if (spent && tokensIn(spent) > budget.left) await child.end('over-budget');
  };
  const timer = setInterval(() => void look(), LOOK_EVERY_MS);
  return { stop: () => clearInterval(timer) };
}
