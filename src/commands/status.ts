/** `codex-worker status`: what `ls` shows, counted, and with what the lock files and logs say. It only ever reads. */
import type { Holder } from '../core/event.ts';
import type { StatusReport, TaskStatus } from '../core/reports.ts';
import { markerOf, stateOf, type Task, type TaskState } from '../core/task.ts';
import { unreachable } from '../core/unreachable.ts';
import { judgeLock, type Verdict } from '../engine/reaper.ts';
import { SilenceWatch } from '../engine/silence.ts';
import { realWorld, type World } from '../engine/world.ts';
import { survivors } from '../io/sweep.ts';
import { describeDirectory } from '../io/file-system.ts';
import { listDirectory } from '../io/files.ts';
import { readLock } from '../io/lock-file.ts';
import { readLogOutcome } from '../io/result-log.ts';
import { discover, type TaskDirectory } from '../io/task-directory.ts';

export interface StatusRequest {
  readonly paths: readonly string[];
  readonly patterns: readonly string[];
  readonly cwd: string;
}

/** Throws UsageError for a path that does not exist. */
export async function status({ paths, patterns, cwd }: StatusRequest): Promise<StatusReport> {
  const world = realWorld();
  const { tasks, refused } = await discover(world.files, paths, patterns, cwd);
  const directories = new Map<string, { directory: TaskDirectory; names: ReadonlySet<string> }>();
  for (const { directory: path } of tasks) {
    if (directories.has(path)) continue;
    directories.set(path, {
      directory: await describeDirectory(world.files, path),
      names: (await listDirectory(world.files, path)).names,
    });
  }
  const counts: Record<TaskState, number> = { pending: 0, 'in-progress': 0, completed: 0, failed: 0 };
  const statuses: TaskStatus[] = [];
  for (const task of tasks) {
    const known = directories.get(task.directory);
    if (!known) continue;
    const described = await describe(world, known.directory, task, stateOf(task.name, known.names));
    counts[described.state]++;
    statuses.push(described);
  }
  return { counts, total: tasks.length, tasks: statuses, refused };
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
    case 'completed':
      return { task, state, log: at(markerOf.completed(task.name)) };
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
