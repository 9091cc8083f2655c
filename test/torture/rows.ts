/** The rows of the torture run, in the order of its table. */
import type { Row } from './row.ts';
import { approvals } from './rows/approvals.ts';
import { clock } from './rows/clock.ts';
import { damagedLocks } from './rows/damaged-locks.ts';
import { diskErrorsSimulated } from './rows/disk-errors-simulated.ts';
import { diskErrors } from './rows/disk-errors.ts';
import { fullDisk } from './rows/full-disk.ts';
import { identities } from './rows/identities.ts';
import { interleavings } from './rows/interleavings.ts';
import { killAtStep } from './rows/kill-at-step.ts';
import { killAtSyscall } from './rows/kill-at-syscall.ts';
import { killParts } from './rows/kill-parts.ts';
import { killRandom } from './rows/kill-random.ts';
import { bigOutput, longRun, manyTasks } from './rows/long-runs.ts';
import { names } from './rows/names.ts';
import { noHardLinks } from './rows/no-hard-links.ts';
import { orphans } from './rows/orphans.ts';
import { people } from './rows/people.ts';
import { pidReuse } from './rows/pid-reuse.ts';
import { powerLoops } from './rows/power-loop.ts';
import { powerSimulated } from './rows/power-simulated.ts';
import { reapers } from './rows/reapers.ts';
import { schedules } from './rows/schedules.ts';
import { stopContinue } from './rows/stop-continue.ts';

export const rows: readonly Row[] = [
  killAtStep,
  killAtSyscall,
  killRandom,
  killParts,
  orphans,
  stopContinue,
  people,
  approvals,
  interleavings,
  reapers,
  schedules,
  diskErrorsSimulated,
  diskErrors,
  fullDisk,
  noHardLinks,
  powerSimulated,
  ...powerLoops,
  identities,
  clock,
  pidReuse,
  damagedLocks,
  names,
  longRun,
  bigOutput,
  manyTasks,
];
