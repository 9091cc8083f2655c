/** The rows of the torture run, in the order of its table. */
import type { Row } from './row.ts';

export const rows: readonly Row[] = [];
