/**
 * What is left of a claim: the processes that carry its cookie, and the members of its group; and how they are ended.
 *
 * THE COOKIE. `CODEX_WORKER_CLAIM=<claim id>` in the environment of the child and of every command it starts: Codex runs
 * each command in a session of its own, so the group does not hold them all. Not found are processes that clear their
 * environment *and* leave the group *and* outlive the kill.
 *
 * A look at all processes costs about 15 µs for each process of the machine, so one look serves all the claims that wait
 * for one. Nothing needs a right: only a claim's own processes are touched.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildIdentity, ClaimId } from '../core/claim.ts';
import { isErrno } from '../core/errors.ts';
import { isRunning, type ProcessTable } from './process-identity.ts';

export const COOKIE = 'CODEX_WORKER_CLAIM';

/** How a child is ended, before SIGKILL; see child.ts. */
export const LADDER = [
  { signal: 'SIGINT', graceMs: 5_000 },
  { signal: 'SIGTERM', graceMs: 2_000 },
] as const;

const SWEEP_PATIENCE_MS = 10_000;
const LOOK_EVERY_MS = 5;
const MOST_UNSURE_LOOKS = 20;

export function signalGroup(pgid: number, signal: NodeJS.Signals): void {
  signalProcess(-pgid, signal);
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!isErrno(error, 'ESRCH', 'EPERM')) throw error;
  }
}

interface Wanted {
  readonly claim: ClaimId;
  readonly child: ChildIdentity | undefined;
}

interface Look {
  readonly found: Set<number>;
  ourGroup: number | undefined;
  /** Somebody has no environment at all, and may be in the middle of exec. */
  unsure: boolean;
}

/** Processes that were threads of the kernel when they were last looked at: of these another question is asked first. */
const kernelThreads = new Set<number>();

/** One look at all processes, for several claims at once. */
function lookFor<W extends Wanted>(wanted: Iterable<W>, table: ProcessTable): Map<W, Look> {
  const looks = new Map<W, Look>();
  for (const one of wanted) looks.set(one, { found: new Set(), ourGroup: undefined, unsure: false });
  for (const pid of table.pids()) {
    if (pid === process.pid || (kernelThreads.has(pid) && isKernelThread(pid, table))) continue;
    const environment = table.environment(pid);
    if (environment === undefined) continue;
    if (environment.length === 0) noteUnsure(pid, looks, table);
    else if (environment.includes(COOKIE)) noteCarrier(pid, environment, looks, table);
  }
  // The number of a group may have been used again, and the file that named it may be forged: it is ours when a member
  // is seen to carry the cookie, and whoever cannot be seen is left alone.
  const ours = [...looks.values()].filter(({ ourGroup }) => ourGroup !== undefined);
  for (const { pid, pgid, state, kernel } of ours.length > 0 ? table.list() : [])
    for (const { ourGroup, found } of ours)
      if (pgid === ourGroup && !isOver(state) && !kernel && pid !== process.pid) found.add(pid);
  return looks;
}

const isOver = (state: string) => /^[ZX]/.test(state);

function isKernelThread(pid: number, table: ProcessTable): boolean {
  const stat = table.stat(pid);
  const isKernel = typeof stat === 'object' && stat.kernel;
  if (isKernel) kernelThreads.add(pid);
  else kernelThreads.delete(pid);
  return isKernel;
}

function noteCarrier(
  pid: number,
  environment: string,
  looks: ReadonlyMap<Wanted, Look>,
  table: ProcessTable,
): void {
  for (const [{ claim, child }, look] of looks) {
    if (!carries(environment, `${COOKIE}=${claim}`)) continue;
    const stat = table.stat(pid);
    if (typeof stat !== 'object' || isOver(stat.state) || stat.kernel) continue;
    look.found.add(pid);
    if (stat.pgid === child?.pgid) look.ourGroup = stat.pgid;
  }
}

function noteUnsure(pid: number, looks: ReadonlyMap<Wanted, Look>, table: ProcessTable): void {
  const stat = table.stat(pid);
  if (typeof stat !== 'object' || isOver(stat.state)) return;
  if (stat.kernel) kernelThreads.add(pid);
  else
    for (const [{ child }, look] of looks)
      if (child && isNotOlder(stat.start, child.start)) look.unsure = true;
}

/** Whether an environment (entries ended by NUL) has exactly this entry. */
export function carries(environment: string, entry: string): boolean {
  for (let at = environment.indexOf(entry); at >= 0; at = environment.indexOf(entry, at + 1)) {
    const end = at + entry.length;
    const isEnd = end === environment.length || environment[end] === '\0';
    if (isEnd && (at === 0 || environment[at - 1] === '\0')) return true;
  }
  return false;
}

const isNotOlder = (a: string, b: string) => /^\d+$/.test(a) && /^\d+$/.test(b) && BigInt(a) >= BigInt(b);

interface Sweeping extends Wanted {
  readonly deadline: number;
  readonly done: (left: readonly number[]) => void;
  readonly failed: (error: unknown) => void;
  emptyLooks: number;
  unsureLooks: number;
}

/** The sweeps of one thread: they share their looks. */
class Sweeper {
  readonly #table: ProcessTable;
  readonly #sweeping = new Set<Sweeping>();

  constructor(table: ProcessTable) {
    this.#table = table;
  }

  sweep(claim: ClaimId, child: ChildIdentity | undefined): Promise<readonly number[]> {
    return new Promise((done, failed) => {
      const deadline = performance.now() + SWEEP_PATIENCE_MS;
      this.#sweeping.add({ claim, child, deadline, done, failed, emptyLooks: 0, unsureLooks: 0 });
      if (this.#sweeping.size === 1) void this.#lookUntilClean();
    });
  }

  async #lookUntilClean(): Promise<void> {
    for (;;) {
      try {
        for (const [sweeping, look] of lookFor(this.#sweeping, this.#table)) this.#act(sweeping, look);
      } catch (error) {
        for (const { failed } of this.#sweeping) failed(error);
        return this.#sweeping.clear();
      }
      if (this.#sweeping.size === 0) return;
      await sleep(LOOK_EVERY_MS);
    }
  }

  #act(sweeping: Sweeping, { found, ourGroup, unsure }: Look): void {
    if (found.size > 0) sweeping.emptyLooks = 0;
    else if (!unsure || ++sweeping.unsureLooks > MOST_UNSURE_LOOKS) sweeping.emptyLooks++;
    if (sweeping.emptyLooks === 2 || performance.now() > sweeping.deadline) {
      this.#sweeping.delete(sweeping);
      return sweeping.done([...found]);
    }
    if (ourGroup !== undefined) signalGroup(ourGroup, 'SIGKILL'); // one atomic step of the kernel
    for (const pid of found) signalProcess(pid, 'SIGKILL');
  }
}

const sweepers = new WeakMap<ProcessTable, Sweeper>();

/**
 * Kills everything of a claim that still runs: the carriers of its cookie, and the members of its group when the group
 * is ours. Two looks in a row must be empty, because a scan of /proc is not atomic: a parent can fork and die behind it.
 * Resolves with the pids that are left after 10 s.
 */
export function sweep(
  claim: ClaimId,
  child: ChildIdentity | undefined,
  table: ProcessTable,
): Promise<readonly number[]> {
  const sweeper = sweepers.get(table) ?? new Sweeper(table);
  sweepers.set(table, sweeper);
  return sweeper.sweep(claim, child);
}

/** The pids of a claim's processes, from one look. */
export function survivors(
  claim: ClaimId,
  child: ChildIdentity | undefined,
  table: ProcessTable,
): readonly number[] {
  return [...lookAt(claim, child, table).found];
}

function lookAt(claim: ClaimId, child: ChildIdentity | undefined, table: ProcessTable): Look {
  const [look] = lookFor([{ claim, child }], table).values();
  return look as Look;
}

/**
 * Ends the run of a dead owner: the ladder for its child, unless the watcher was faster, then the sweep. Resolves with
 * the pids that could not be ended.
 */
export async function endOrphans(
  claim: ClaimId,
  child: ChildIdentity | undefined,
  table: ProcessTable,
): Promise<readonly number[]> {
  if (child && lookAt(claim, child, table).ourGroup !== undefined) {
    for (const { signal, graceMs } of LADDER) {
      if (!isRunning(child, table)) break;
      signalGroup(child.pgid, signal);
      for (let waited = 0; waited < graceMs && isRunning(child, table); waited += 50) await sleep(50);
    }
  }
  return sweep(claim, child, table);
}
