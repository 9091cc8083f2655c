/** `codex-worker status`: what `ls` shows, counted, and with what the lock files and logs say. It only ever reads. */
import { InvariantError } from '../core/errors.ts';
import type { Holder } from '../core/event.ts';
import { isInForce } from '../core/pause.ts';
import type { PausedDirectory, PauseReport, StatusReport, TaskStatus } from '../core/reports.ts';
import { byNaturalOrder, markerOf, stateOf, type Task, type TaskState } from '../core/task.ts';
import { unreachable } from '../core/unreachable.ts';
import { Ledger } from '../engine/ledger.ts';
import { judgeLock, type Verdict } from '../engine/reaper.ts';
import { SilenceWatch } from '../engine/silence.ts';
import { realWorld, type World } from '../engine/world.ts';
import { survivors } from '../io/sweep.ts';
import { describeDirectory } from '../io/file-system.ts';
import { readLock } from '../io/lock-file.ts';
import { readPause } from '../io/pause-file.ts';
import { readChecked, readLogOutcome } from '../io/result-log.ts';
import { discover, type TaskDirectory } from '../io/task-directory.ts';
import { relative } from 'node:path';

export interface StatusRequest {
  readonly paths: readonly string[];
  readonly patterns: readonly string[];
  readonly cwd: string;
  /** Each task by itself, with what its lock file or log says; not only how many there are. */
  readonly detailed: boolean;
}

/** Waiting for each by itself would take several times as long; each is an open file. */
const LOGS_AT_ONCE = 16;

/** Throws UsageError for a path that does not exist. */
export async function status({ paths, patterns, cwd, detailed }: StatusRequest): Promise<StatusReport> {
  const world = realWorld();
  const { tasks, refused, listings, directories: places } = await discover(world.files, paths, patterns, cwd);
  const counts: Record<TaskState, number> = { pending: 0, 'in-progress': 0, completed: 0, failed: 0 };
  const states = new Map<Task, TaskState>();
  for (const task of detailed ? tasks.toSorted(byNaturalOrder) : tasks) {
    const listing = listings.get(task.directory);
    if (!listing) throw new InvariantError(`the directory of ${task.label} was never listed`);
    const state = stateOf(task.name, listing.marks);
    counts[state]++;
    if (detailed) states.set(task, state);
  }
  const directories = new Map<string, TaskDirectory>();
  const statuses: TaskStatus[] = [];
  let together: Promise<TaskStatus>[] = [];
  for (const [task, state] of states) {
    const { directory: path } = task;
    const directory = directories.get(path) ?? (await describeDirectory(world.files, path));
    directories.set(path, directory);
    together.push(describe(world, directory, task, state));
    if (together.length < LOGS_AT_ONCE) continue;
    statuses.push(...(await Promise.all(together)));
    together = [];
  }
  statuses.push(...(await Promise.all(together)));
  const paused = await pausesIn(world, [...places.keys()], cwd);
  const ledger = new Ledger(
    world,
    [...places.keys()].map((path) => ({ path })),
  );
  await ledger.look();
  return { counts, total: tasks.length, tasks: statuses, refused, spent: ledger.all, paused };
}

async function pausesIn(world: World, paths: readonly string[], cwd: string): Promise<PauseReport> {
  const now = world.now().getTime();
  const directories: PausedDirectory[] = [];
  for (const path of paths) {
    const read = await readPause(world.files, { path }, now);
    if (read.kind === 'pause' && isInForce(read.pause, now))
      directories.push({ directory: path, label: relative(cwd, path) || '.', pause: read.pause });
  }
  return { directories, now };
}

async function describe(
  world: World,
  directory: TaskDirectory,
  task: Task,
  state: TaskState,
): Promise<TaskStatus> {
  const at = (name: string) => `${directory.path}/${name}`;
  switch (state) {
    case 'pending':
      return { task, state };
    case 'completed': {
      const log = at(markerOf.completed(task.name));
      const checked = await readChecked(world.files, log);
      return { task, state, log, ...(checked === undefined ? {} : { checked }) };
    }
    case 'failed': {
      const log = at(markerOf.failed(task.name));
      const reason = (await readLogOutcome(world.files, log))?.replace(/^failed: /, '');
      return { task, state, log, ...(reason ? { reason } : {}) };
    }
    case 'in-progress':
      return describeRunning(world, directory, task);
    default:
      return unreachable(state);
  }
}

async function describeRunning(world: World, directory: TaskDirectory, task: Task): Promise<TaskStatus> {
  const lock = await readLock(world.files, directory, task.name);
  const verdict = judgeLock(world, directory, lock, {
    silence: new SilenceWatch(world.uptimeMs),
    isInHand: () => false,
  });
  const base = {
    task,
    state: 'in-progress' as const,
    log: `${directory.path}/${markerOf.mirror(task.name)}`,
  };
  const holder = holderOf(verdict);
  if (!holder || lock.kind !== 'claim') return { ...base, ...(holder ? { holder } : {}) };
  const { record, heartbeat } = lock;
  const orphans = verdict.kind === 'dead' ? survivors(record.claim, record.child, world.table) : [];
  return {
    ...base,
    holder,
    attempt: record.attempt,
    since: record.at,
    ...(heartbeat ? { heartbeatAt: heartbeat.at } : {}),
    ...(orphans.length > 0 ? { orphans } : {}),
  };
}

function holderOf(verdict: Verdict): Holder | undefined {
  switch (verdict.kind) {
    case 'free':
      return undefined; // released since the listing
    case 'alive':
      return { kind: 'alive', owner: verdict.owner };
    case 'dead':
      return { kind: 'dead', owner: verdict.owner };
    case 'undecided':
      return { kind: 'earlier-boot', owner: verdict.owner };
    case 'elsewhere':
      return { kind: 'elsewhere', owner: verdict.owner, why: verdict.why };
    case 'damaged':
      return verdict;
    default:
      return unreachable(verdict);
  }
}
