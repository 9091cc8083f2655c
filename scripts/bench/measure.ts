/** One run of one command, and what it cost: `measure.c`, and where it is asked for a look at the memory meanwhile. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { plainEnvironment, type Bench } from './bench.ts';
import { watchMemory } from './process-memory.ts';

/** A command that is ready to be measured once. */
export interface Run {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Exit codes that mean that it did its work; 0 when not given. */
  readonly exitCodes?: readonly number[];
  /** Standard input; nothing when not given. */
  readonly stdin?: string;
  /** Looks whether the work was done, throws if not; may return the cost of a part in the place of that of all. */
  readonly check?: (cost: Cost) => Cost | void;
  /** What `prepare` made and nobody needs any more. */
  readonly garbage?: string;
}

export interface Cost {
  readonly wallMs: number;
  /** User and system, of the command and of all its descendants. */
  readonly cpuMs: number | undefined;
  /** MB: the largest resident set of the command, or of all processes together where memory was sampled. */
  readonly peakMb: number | undefined;
  /** CLOCK_REALTIME just before the command existed. */
  readonly startedAtNs: bigint;
}

const PATIENCE_MS = 30 * 60_000;
const running = new Set<ChildProcess>();

/** Runs it to its very end. Throws when it fails, or does not end within half an hour. */
export async function measure(bench: Bench, run: Run, sampleMemory: boolean): Promise<Cost> {
  const scratch = bench.newDirectory('disk');
  const result = join(scratch, 'cost');
  const errors = join(scratch, 'stderr');
  const stdin = openSync(run.stdin ?? '/dev/null', 'r');
  const stderr = openSync(errors, 'w');
  const child = spawn(bench.programs.measure, [result, ...run.argv], {
    cwd: run.cwd,
    env: { ...plainEnvironment(), ...run.env },
    stdio: [stdin, 'ignore', stderr],
    detached: true, // a group of its own, so that it can be ended whole
  });
  closeSync(stdin);
  closeSync(stderr);
  running.add(child);
  const patience = setTimeout(() => endGroup(child), PATIENCE_MS);
  const memory = sampleMemory && child.pid !== undefined ? watchMemory(child.pid) : undefined;
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  running.delete(child);
  clearTimeout(patience);
  const peakBytes = memory?.stop();
  const fields = code === 0 ? readFileSync(result, 'utf8').trim().split(' ') : [];
  const [wall = '', cpu = '', resident = '', exit = '', at = ''] = fields;
  if (code !== 0 || !(run.exitCodes ?? [0]).includes(Number(exit)))
    throw new Error(
      `${run.argv.join(' ').slice(0, 300)} ended with ${code === 0 ? exit : (signal ?? code)}:\n${tail(errors)}`,
    );
  const cost: Cost = {
    wallMs: Number(wall) / 1e6,
    cpuMs: Number(cpu) / 1e6,
    peakMb: peakBytes === undefined ? (Number(resident) * 1_024) / 1e6 : peakBytes / 1e6,
    startedAtNs: BigInt(at),
  };
  return run.check?.(cost) ?? cost;
}

const tail = (path: string) => readFileSync(path, 'utf8').slice(-2_000);

function endGroup(child: ChildProcess): void {
  if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
}

/** Ends whatever is being measured, for a bench that is interrupted; agents' watchers end what is in other groups. */
export function endEverything(): void {
  for (const child of running) endGroup(child);
}
