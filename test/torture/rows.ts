/** The rows of the torture run, in the order of its table. */
import type { Row } from './row.ts';
import { bigOutput, longRun, manyTasks } from './rows/long-runs.ts';
import { powerLoops } from './rows/power-loop.ts';
import { powerSimulated } from './rows/power-simulated.ts';

export const rows: readonly Row[] = [powerSimulated, ...powerLoops, longRun, bigOutput, manyTasks];
