/**
 * One lane of the torture run: a process that runs the rounds that it is handed, one after another. A process of its
 * own, so that a round that never ends can be ended, and one that computes keeps no other from its timing.
 */
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { rows } from './rows.ts';
import { seeded } from '../rig/random.ts';
import { violation, type Violation } from '../rig/violation.ts';
import type { Backend, Round, Tally } from './row.ts';

export interface RoundOrder {
  readonly row: string;
  readonly index: number;
  readonly seed: number;
  readonly control?: string;
  readonly long: boolean;
  readonly backend: Backend;
  /** Where the round's scratch directory is made. */
  readonly under: string;
  /** Where it is copied to when the round found something. */
  readonly keepIn: string;
}

export interface RoundReport {
  readonly violations: readonly Violation[];
  readonly tally: Tally;
  readonly kept?: string;
}

async function runRound(order: RoundOrder): Promise<RoundReport> {
  const row = rows.find(({ name }) => name === order.row);
  if (!row) throw new Error(`there is no row ${order.row}`);
  const scratch = await mkdtemp(path.join(order.under, `${order.row}-`));
  process.env['TMPDIR'] = scratch;
  const tally: Tally = { crashRestarts: 0, simulatedCrashRestarts: 0, faults: {}, notes: {} };
  const injected = (fault: string, n = 1) => void (tally.faults[fault] = (tally.faults[fault] ?? 0) + n);
  const cleanUps: (() => unknown)[] = [];
  const round: Round = {
    seed: order.seed,
    index: order.index,
    random: seeded(order.seed),
    scratch,
    long: order.long,
    backend: order.backend,
    control: order.control,
    injected,
    noted: (what, n) => void (tally.notes[what] = (tally.notes[what] ?? 0) + n),
    crashed: (kind, fault, n = 1) => {
      injected(fault, n);
      tally[kind === 'real' ? 'crashRestarts' : 'simulatedCrashRestarts'] += n;
    },
    after: (cleanUp) => void cleanUps.unshift(cleanUp),
  };
  const violations: Violation[] = [];
  const guarded = async (work: () => unknown, kind: Violation['kind']) => {
    try {
      await work();
    } catch (error) {
      violations.push(
        violation(kind, error instanceof Error ? (error.stack ?? error.message) : String(error)),
      );
    }
  };
  await guarded(async () => void violations.push(...(await row.round(round))), 'lied');
  let kept: string | undefined;
  if (violations.length > 0 && order.control === undefined) {
    kept = path.join(order.keepIn, `${order.row}-${order.seed}`);
    await mkdir(order.keepIn, { recursive: true });
    await cp(scratch, kept, { recursive: true, verbatimSymlinks: true, filter: isCopyable }).catch(() => {});
  }
  for (const cleanUp of cleanUps) await guarded(cleanUp, 'left');
  await rm(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  return { violations, tally, ...(kept === undefined ? {} : { kept }) };
}

/** FIFOs and sockets are not copied. */
async function isCopyable(source: string): Promise<boolean> {
  const { lstat } = await import('node:fs/promises');
  const stat = await lstat(source);
  return stat.isFile() || stat.isDirectory() || stat.isSymbolicLink();
}

process.on('message', (order: RoundOrder) => {
  void runRound(order).then(
    (report) => process.send?.(report),
    (error: unknown) => {
      console.error(error);
      process.exit(70);
    },
  );
});
process.on('disconnect', () => process.exit(0));
