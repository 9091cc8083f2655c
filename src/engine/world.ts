/** The outside world as the engine sees it. Tests pass in one with a file system that fails or a clock that jumps. */
import { uptime } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessIdentity } from '../core/claim.ts';
import type { MonotonicClock, Sleep } from '../core/ports.ts';
import { accountsIn, type Accounts } from '../io/accounts.ts';
import { realFiles, type Files } from '../io/files.ts';
import { realProcesses, thisProcess, type ProcessTable } from '../io/process-identity.ts';

export interface World {
  readonly files: Files;
  readonly table: ProcessTable;
  readonly me: ProcessIdentity;
  /** Counts on while the machine sleeps (CLOCK_BOOTTIME), so that a sleep is seen as a gap. */
  readonly uptimeMs: MonotonicClock;
  readonly sleep: Sleep;
  /** The wall clock, for texts and for times that people and servers give; never compared to judge who is alive. */
  readonly now: () => Date;
  /** What is kept of what agents spend; a world without real agents has none. */
  readonly accounts?: Accounts;
  /** In [0, 1). */
  readonly random: () => number;
}

export function realWorld(): World {
  return {
    files: realFiles,
    table: realProcesses,
    me: thisProcess(),
    uptimeMs: () => uptime() * 1_000,
    sleep: (ms) => sleep(ms),
    now: () => new Date(),
    accounts: accountsIn(realFiles, process.env),
    random: Math.random,
  };
}
