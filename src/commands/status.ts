/** `codex-worker status`: what `ls` shows, counted, and with what the lock files and logs say. It only ever reads. */
import { countAnswer, NO_ANSWERS } from '../core/answer-counts.ts';
import type { ClaimId } from '../core/claim.ts';
import { InvariantError } from '../core/errors.ts';
import type { Holder } from '../core/event.ts';
import { isInForce } from '../core/pause.ts';
import { stillTrue, type RateLimits } from '../core/rate-limits.ts';
import { RecentWork } from '../core/recent.ts';
import type {
  Pace,
  PausedDirectory,
  PauseReport,
  StatusReport,
  TaskStatus,
  Worker,
} from '../core/reports.ts';
import { byNaturalOrder, markerOf, stateOf, type Task, type TaskState } from '../core/task.ts';
import { unreachable } from '../core/unreachable.ts';
import { questionsOf } from '../engine/asked-questions.ts';
import { Ledger } from '../engine/ledger.ts';
import { judgeLock, type Verdict } from '../engine/reaper.ts';
import { SilenceWatch } from '../engine/silence.ts';
import { Waits } from '../engine/waits.ts';
import { realWorld, type World } from '../engine/world.ts';
import { discover } from '../io/discovery.ts';
import { survivors } from '../io/sweep.ts';
import { describeDirectory } from '../io/file-system.ts';
import { lookAt, resultId, type Files } from '../io/files.ts';
import { readLock } from '../io/lock-file.ts';
import { readPause } from '../io/pause-file.ts';
import { readRateLimits } from '../io/rate-limits-file.ts';
import { readRanWith } from '../io/ran-with.ts';
import { readChecked, readReason } from '../io/result-log.ts';
import { Stamps, stampOf } from '../io/stamps.ts';
import { relative, resolve } from 'node:path';
import type { TaskDirectory } from '../io/task-directory.ts';

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
export function status(request: StatusRequest): Promise<StatusReport> {
  return new StatusReader(request).look();
}

/** What was found when the directories were read: as long as their stamps stay, it is so. */
interface Found {
  readonly counts: Readonly<Record<TaskState, number>>;
  readonly total: number;
  readonly refused: StatusReport['refused'];
  readonly places: readonly string[];
  /** In natural order where they are to be described. */
  readonly tasks: readonly TaskStatus[];
  readonly inProgress: readonly Task[];
}

/** Looks again and again, and reads only what may have changed: a listing, a log that is another one, each lock of a task in progress. */
export class StatusReader {
  readonly #world = realWorld();
  readonly #request: StatusRequest;
  readonly #stamps = new Stamps(this.#world);
  readonly #recent = new RecentWork();
  readonly #waits = new Waits(this.#world.files);
  /** The last one of each task, by its path. */
  readonly #threads = new Map<string, string>();
  readonly #ledger = new Ledger(this.#world, [], {
    onEntry: (directory, { at, durationMs, outcome, usage, thread, task }) => {
      this.#recent.note({ at, durationMs, isCompleted: outcome === 'completed', usage });
      if (thread !== undefined) this.#threads.set(`${directory}/${task}`, thread);
    },
    onAnswer: (note) => (this.#answers = countAnswer(this.#answers, note)),
  });
  #answers = NO_ANSWERS;
  readonly #directories = new Map<string, TaskDirectory>();
  /** What logs say, with the identity of each. */
  readonly #logs = new Map<string, { readonly id: string; readonly status: TaskStatus }>();
  #found: Found | undefined;

  constructor(request: StatusRequest) {
    this.#request = request;
  }

  /** Throws UsageError for a path that does not exist. */
  async look(): Promise<StatusReport> {
    if (!this.#found || (await this.#stamps.mayHaveChanged())) this.#found = await this.#read();
    const { counts, total, refused, places, tasks, inProgress } = this.#found;
    const running = new Map<string, TaskStatus>();
    const claims = new Map<ClaimId, Task>();
    await this.#inBatches(inProgress, async (task) => {
      const { status, hears } = await describeRunning(this.#world, await this.#directoryOf(task), task);
      running.set(pathOf(task), status);
      if (hears !== undefined) claims.set(hears, task);
    });
    const asked = await questionsOf(this.#world.files, claims);
    for (const [task, needsApproval] of asked) {
      const status = running.get(pathOf(task));
      if (status) running.set(pathOf(task), { ...status, needsApproval });
    }
    for (const path of places) this.#ledger.include({ path });
    await this.#ledger.look();
    const paused = await pausesIn(this.#world, places, this.#request.cwd);
    const workers = workersIn(running.values());
    const limits = await limitsIn(this.#world, places);
    return {
      counts,
      total,
      needsApproval: asked.size,
      tasks: tasks.map((status) => this.#withSpending(running.get(pathOf(status.task)) ?? status)),
      refused,
      spent: this.#ledger.all,
      answers: this.#answers,
      pace: this.#pace(counts, workers.length > 0),
      workers,
      paused,
      ...(limits && { limits }),
    };
  }

  async #read(): Promise<Found> {
    const { files, uptimeMs } = this.#world;
    const { paths, patterns, cwd, detailed } = this.#request;
    const beganAtMs = uptimeMs();
    const { tasks, refused, listings, directories, stamps } = await discover(files, paths, patterns, cwd);
    const watched = new Map(stamps);
    // What is refused may become a task without a change of its directory: it is written where it stands.
    for (const { label } of refused) {
      const path = resolve(cwd, label);
      watched.set(path, stampOf(await lookAt(files, path)));
    }
    const counts: Record<TaskState, number> = { pending: 0, 'in-progress': 0, completed: 0, failed: 0 };
    const states = new Map<Task, TaskState>();
    const inProgress: Task[] = [];
    for (const task of detailed ? tasks.toSorted(byNaturalOrder) : tasks) {
      const listing = listings.get(task.directory);
      if (!listing) throw new InvariantError(`the directory of ${task.label} was never listed`);
      const state = stateOf(task.name, listing.marks);
      counts[state]++;
      if (detailed) states.set(task, state);
      if (state === 'in-progress') inProgress.push(task);
    }
    const waits = detailed ? await this.#waits.look({ tasks, listings }, states) : undefined;
    for (const [task, { refused: why }] of waits ?? [])
      if (why !== undefined) watched.set(pathOf(task), stampOf(await lookAt(files, pathOf(task))));
    // One that was written meanwhile is read again: no stamp is believed at the first reading.
    this.#stamps.wasRead(beganAtMs, watched);
    const statuses = await this.#inBatches([...states], async ([task, state]) => ({
      ...(await this.#describe(task, state)),
      ...waits?.get(task),
    }));
    return {
      counts,
      total: tasks.length,
      refused,
      places: [...directories.keys()],
      tasks: statuses,
      inProgress,
    };
  }

  async #inBatches<T, R>(items: readonly T[], describe: (item: T) => Promise<R>): Promise<R[]> {
    const all: R[] = [];
    for (let start = 0; start < items.length; start += LOGS_AT_ONCE)
      all.push(...(await Promise.all(items.slice(start, start + LOGS_AT_ONCE).map(describe))));
    return all;
  }

  async #directoryOf({ directory: path }: Task): Promise<TaskDirectory> {
    const directory = this.#directories.get(path) ?? (await describeDirectory(this.#world.files, path));
    this.#directories.set(path, directory);
    return directory;
  }

  /** A task that is not in progress. */
  async #describe(task: Task, state: TaskState): Promise<TaskStatus> {
    if (state !== 'completed' && state !== 'failed') return { task, state };
    const { files } = this.#world;
    const log = `${task.directory}/${markerOf[state](task.name)}`;
    const stat = await lookAt(files, log);
    const id = stat ? resultId(stat) : '';
    const known = this.#logs.get(log);
    if (known?.id === id) return known.status;
    const status: TaskStatus = { task, state, log, ...(await whatLogSays(files, state, log)) };
    this.#logs.set(log, { id, status });
    return status;
  }

  #withSpending(status: TaskStatus): TaskStatus {
    const tokens = this.#ledger.tokensOf(status.task);
    const thread = this.#threads.get(pathOf(status.task));
    if (tokens === 0 && thread === undefined) return status;
    return { ...status, ...(tokens > 0 && { tokens }), ...(thread !== undefined && { thread }) };
  }

  /** An hour without a worker says nothing about when it will be done. */
  #pace(counts: Found['counts'], isAnyWorking: boolean): Pace {
    const pace = this.#recent.paceAt(this.#world.now().getTime());
    const left = counts.pending + counts['in-progress'];
    if (!isAnyWorking || left === 0 || !pace.tasksPerHour) return pace;
    return { ...pace, etaMs: Math.round((left / pace.tasksPerHour) * 3_600_000) };
  }
}

const pathOf = ({ directory, name }: Task) => `${directory}/${name}`;

function workersIn(statuses: Iterable<TaskStatus>): Worker[] {
  const workers = new Map<string, Worker>();
  for (const { holder } of statuses) {
    if (holder?.kind !== 'alive' && holder?.kind !== 'elsewhere') continue;
    const { host, pid, start } = holder.owner;
    const key = `${host.name} ${host.boot} ${host.pidns} ${pid} ${start}`;
    const tasks = 1 + (workers.get(key)?.tasks ?? 0);
    workers.set(key, { host: host.name, pid, tasks, isSeen: holder.kind === 'alive' });
  }
  return [...workers.values()].sort((a, b) => (a.host === b.host ? a.pid - b.pid : a.host < b.host ? -1 : 1));
}

async function whatLogSays(
  files: Files,
  state: 'completed' | 'failed',
  log: string,
): Promise<Pick<TaskStatus, 'checked' | 'reason' | 'ranWith'>> {
  if (state === 'completed') {
    const checked = await readChecked(files, log);
    return checked === undefined ? {} : { checked };
  }
  const reason = await readReason(files, log);
  const ranWith = await readRanWith(files, log);
  return { ...(reason !== undefined && { reason }), ...(ranWith && { ranWith }) };
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

/** Limits are of an account: what was said last in any of the directories. */
async function limitsIn(world: World, paths: readonly string[]): Promise<RateLimits | undefined> {
  const now = world.now().getTime();
  let newest: RateLimits | undefined;
  for (const path of paths) {
    const read = await readRateLimits(world.files, { path }, now);
    const limits = read && stillTrue(read, now);
    if (limits && (!newest || limits.at > newest.at)) newest = limits;
  }
  return newest;
}

/** `hears` is the claim whose owner hears an answer, as far as anybody knows. */
async function describeRunning(
  world: World,
  directory: TaskDirectory,
  task: Task,
): Promise<{ readonly status: TaskStatus; readonly hears?: ClaimId }> {
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
  if (!holder || lock.kind !== 'claim') return { status: { ...base, ...(holder ? { holder } : {}) } };
  const { record, heartbeat } = lock;
  const orphans = verdict.kind === 'dead' ? survivors(record.claim, record.child, world.table) : [];
  const status = {
    ...base,
    holder,
    attempt: record.attempt,
    run: { id: record.run, by: record.by },
    since: record.at,
    ...(heartbeat ? { heartbeatAt: heartbeat.at } : {}),
    ...(orphans.length > 0 ? { orphans } : {}),
  };
  const isHeard = (holder.kind === 'alive' || holder.kind === 'elsewhere') && !lock.outcome;
  return { status, ...(isHeard ? { hears: record.claim } : {}) };
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
