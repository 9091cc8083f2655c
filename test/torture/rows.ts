/** The rows of the torture run, in the order of its table. */
import type { Row } from './row.ts';
import { bigOutput, longRun, manyTasks } from './rows/long-runs.ts';

export const rows: readonly Row[] = [longRun, bigOutput, manyTasks];
