/**
 * Whether what an agent has started works: the CPU time of the processes that carry the cookie of its claim, and of their
 * descendants, also those that cleared their environment (as tox does). A test that says nothing for an hour and computes is
 * at work; a `sleep`, a server that waits for its first visitor and a watcher of files are not.
 */
import type { ChildIdentity, ClaimId } from '../core/claim.ts';
import type { ProcessStat, ProcessTable } from './process-identity.ts';
import { carries, COOKIE } from './sweep.ts';

/** Of one CPU. What only waits and polls stays below it, what builds, tests or downloads is far above. */
const WORKING_SHARE = 0.01;
/** The kernel shows CPU time in steps of this, ms. */
const STEP_MS = 10;

interface Snapshot {
  readonly at: number;
  readonly stats: readonly ProcessStat[];
  readonly carriers: readonly { readonly pid: number; readonly environment: string }[];
}

/** The agents of a thread share their looks: one reads all processes, about 40 µs for each. */
const snapshots = new WeakMap<ProcessTable, Snapshot>();

function snapshotOf(table: ProcessTable, maxAgeMs: number): Snapshot {
  const last = snapshots.get(table);
  if (last && performance.now() - last.at < maxAgeMs) return last;
  const stats = table.list();
  const carriers = stats.flatMap(({ pid, kernel }) => {
    const environment = kernel ? undefined : table.environment(pid);
    return environment?.includes(COOKIE) ? [{ pid, environment }] : [];
  });
  const snapshot = { at: performance.now(), stats, carriers };
  snapshots.set(table, snapshot);
  return snapshot;
}

export class WorkWatch {
  readonly #claim: ClaimId;
  readonly #child: ChildIdentity;
  readonly #table: ProcessTable;
  /** CPU time in ms, by process. */
  #before: ReadonlyMap<string, number> = new Map();
  #at = performance.now();

  constructor(claim: ClaimId, child: ChildIdentity, table: ProcessTable) {
    this.#claim = claim;
    this.#child = child;
    this.#table = table;
  }

  /**
   * Whether they have used CPU since the last look. Of Codex its own group is left out: it uses up to 1 % of a CPU also
   * where nothing ever comes (0.169). Its commands are in sessions of their own, and it may itself be the
   * child of a launcher. Who cannot look judges nobody: then the answer is yes.
   */
  isWorking({ maxAgeMs, isCodex }: { maxAgeMs: number; isCodex: boolean }): boolean {
    let snapshot: Snapshot;
    try {
      snapshot = snapshotOf(this.#table, maxAgeMs);
    } catch {
      return true; // no descriptor left for /proc, no ps: whatever it is, it says nothing about the agent
    }
    if (!snapshot.stats.some(({ pid }) => pid === this.#child.pid)) return true;
    const now = new Map<string, number>();
    let usedMs = 0;
    for (const { pid, pgid, start, cpuMs } of this.#family(snapshot)) {
      if (isCodex && pgid === this.#child.pgid) continue;
      const name = `${pid} ${start}`;
      now.set(name, cpuMs);
      usedMs += Math.max(0, cpuMs - (this.#before.get(name) ?? 0));
    }
    const sinceMs = snapshot.at - this.#at;
    this.#before = now;
    this.#at = snapshot.at;
    return usedMs >= Math.max(STEP_MS, sinceMs * WORKING_SHARE);
  }

  #family({ stats, carriers }: Snapshot): ProcessStat[] {
    const entry = `${COOKIE}=${this.#claim}`;
    const ours = new Set([this.#child.pid]);
    for (const { pid, environment } of carriers) if (carries(environment, entry)) ours.add(pid);
    // By generations, as pids are used again in any order.
    for (let size = 0; size !== ours.size;) {
      size = ours.size;
      for (const { pid, ppid } of stats) if (ours.has(ppid)) ours.add(pid);
    }
    return stats.filter(({ pid }) => ours.has(pid));
  }
}
