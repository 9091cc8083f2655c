/** The goals, in the order of their numbers. */
import type { Goal } from './goal.ts';
import { againstParallel } from './goals/against-parallel.ts';
import { againstTheLimit } from './goals/against-the-limit.ts';
import { inodeCalls } from './goals/inode-calls.ts';
import { mainThread } from './goals/main-thread.ts';
import { memory } from './goals/memory.ts';
import { nothingToDo } from './goals/nothing-to-do.ts';
import { realCodex } from './goals/real-codex.ts';
import { startUp } from './goals/start-up.ts';
import { status } from './goals/status.ts';
import { terminals } from './goals/terminals.ts';

export const goals: readonly Goal[] = [
  realCodex,
  againstParallel,
  againstTheLimit,
  nothingToDo,
  status,
  startUp,
  mainThread,
  memory,
  terminals,
  inodeCalls,
];
