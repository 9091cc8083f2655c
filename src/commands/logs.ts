/**
 * `codex-worker logs`: what an agent did, while it does it or afterwards. It only ever reads.
 *
 * Following stays with the file: it is opened once, and read on when it is renamed to its result or put aside. Whoever
 * renames it has written the last of it, so once its name is gone, what is there is all.
 */
import { UsageError } from '../core/errors.ts';
import type { LogPiece } from '../core/reports.ts';
import type { LogsOptions } from '../core/look-requests.ts';
import type { Task } from '../core/task.ts';
import { judgeTask } from '../engine/reaper.ts';
import { SilenceWatch } from '../engine/silence.ts';
import { realWorld, type World } from '../engine/world.ts';
import { describeDirectory } from '../io/file-system.ts';
import { lookAt } from '../io/files.ts';
import { openLog } from '../io/log-file.ts';
import type { TaskDirectory } from '../io/task-directory.ts';
import { findResult, findRunning, listLogs, rawEventsOf, type TaskLog } from '../io/task-logs.ts';
import { namedTask } from './task-names.ts';

export interface LogsRequest extends LogsOptions {
  readonly tasks: readonly string[];
  readonly cwd: string;
}

/** Where the logs of one task are looked for. */
interface Place {
  readonly world: World;
  readonly directory: TaskDirectory;
  readonly task: Task;
  readonly request: LogsRequest;
}

type Pieces<T> = AsyncGenerator<LogPiece, T>;

/** How often a log that grows is looked at: a person reads it. */
const LOOK_EVERY_MS = 200;

/** Returns the exit code. Throws UsageError for what is no task, and for an attempt that there is not. */
export async function* logs(request: LogsRequest): Pieces<number> {
  const world = realWorld();
  const tasks: Task[] = [];
  for (const typed of request.tasks) tasks.push(await namedTask(world.files, typed, request.cwd));
  let exitCode = 0;
  for (const task of tasks) {
    const place = { world, task, request, directory: await describeDirectory(world.files, task.directory) };
    exitCode = Math.max(exitCode, yield* request.follow ? follow(place) : show(place));
  }
  return exitCode;
}

async function* show(place: Place): Pieces<number> {
  const log = await choose(place);
  if (log) return (yield* print(place, log)) ? 0 : 1;
  yield note(place, 'has no log: no agent has worked on it yet');
  return 1;
}

/** The attempt that was asked for; otherwise the one that is on, or the result, or the last that was put aside. */
async function choose({ world, directory, task, request }: Place): Promise<TaskLog | undefined> {
  const { attempt } = request;
  const all = await listLogs(world.files, directory, task.name);
  if (attempt === undefined) return all.at(-1);
  const chosen = all.findLast((log) => log.attempt === attempt);
  if (chosen) return chosen;
  const there = all.map((log) => `${log.attempt} (${log.how})`).join(', ');
  throw new UsageError(
    `--attempt: ${JSON.stringify(task.label)} has no log of attempt ${attempt}`,
    there === '' ? 'no agent has worked on it yet' : `there are ${there}`,
  );
}

/** Until the task has a result, whichever attempt that is of; with `--attempt`, until that one has ended. */
async function* follow(place: Place): Pieces<number> {
  const { world, directory, task, request } = place;
  if (request.attempt !== undefined) return yield* followOne(place);
  let last: TaskLog | undefined;
  /** A failure that stood there while another attempt was on: of no use to who waits for that one. */
  let stale: string | undefined;
  let isTold = false;
  for (;;) {
    const before = await findResult(world.files, directory, task.name); // first: the attempt may just be ending
    const running = await findRunning(world.files, directory, task.name);
    if (running) {
      const hasBegun = yield* untilItEnds(place, running);
      if (hasBegun)
        [last, stale, isTold] = [running, before?.how === 'failed' ? before.id : undefined, false];
      continue;
    }
    const result = await findResult(world.files, directory, task.name);
    if (result && result.id !== stale) {
      const isSeen = last !== undefined && result.claim === last.claim;
      const isRead = isSeen || (yield* print(place, result));
      return isRead && result.how === 'completed' ? 0 : 1;
    }
    if (!(await lookAt(world.files, `${directory.path}/${task.name}`))) {
      yield note(place, 'is gone, and has no result');
      return 1;
    }
    if (!isTold) yield note(place, 'has no result yet: waiting for its next attempt');
    isTold = true;
    await world.sleep(LOOK_EVERY_MS);
  }
}

async function* followOne(place: Place): Pieces<number> {
  const log = await choose(place);
  if (!log) return 1; // it throws where there is none of that number
  if (log.how !== 'running') return (yield* print(place, log)) && log.how === 'completed' ? 0 : 1;
  yield* untilItEnds(place, log);
  const { world, directory, task } = place;
  const result = await findResult(world.files, directory, task.name);
  return result?.claim === log.claim && result?.how === 'completed' ? 0 : 1;
}

/** What is there of a log. False when it cannot be read, which is said. */
async function* print(place: Place, log: TaskLog): Pieces<boolean> {
  const opened = await begin(place, await whereItIs(place, log));
  if (opened.kind !== 'open') {
    yield note(place, opened.why);
    return false;
  }
  try {
    yield heading(place, log);
    for await (const bytes of opened.log.read()) yield { kind: 'bytes', bytes };
    return true;
  } finally {
    await opened.log.close();
  }
}

/** A log that was found a moment ago may have been renamed since. */
async function whereItIs({ world, directory, task }: Place, log: TaskLog): Promise<TaskLog> {
  if (await lookAt(world.files, log.path)) return log;
  const all = await listLogs(world.files, directory, task.name);
  return all.find(({ claim }) => claim !== undefined && claim === log.claim) ?? log;
}

/** The log of the attempt that is on, to its end. False when it was over before it had begun: then what stood there still stands. */
async function* untilItEnds(place: Place, running: TaskLog): Pieces<boolean> {
  const { world } = place;
  let opened = await begin(place, running);
  while (opened.kind === 'later' && (await lookAt(world.files, running.path))) {
    await world.sleep(LOOK_EVERY_MS); // its agent has not begun
    opened = await begin(place, running);
  }
  if (opened.kind === 'later') return false;
  if (opened.kind === 'odd') yield note(place, opened.why);
  const log = opened.kind === 'open' ? opened.log : undefined;
  const watch = new OwnerWatch(place);
  let hasBegun = place.request.raw; // an agent may end without a word
  try {
    yield heading(place, running);
    for (let isOver = false; ;) {
      if (log)
        for await (const bytes of log.read()) {
          hasBegun = true;
          yield { kind: 'bytes', bytes };
        }
      if (isOver) return hasBegun;
      const said = await watch.look();
      if (said !== undefined) yield note(place, said);
      await world.sleep(LOOK_EVERY_MS);
      isOver = !(await lookAt(world.files, running.path));
    }
  } finally {
    await log?.close();
  }
}

async function begin({ world, directory, task, request }: Place, log: TaskLog) {
  const { files } = world;
  const path = request.raw ? await rawEventsOf(files, directory, task.name, log) : log.path;
  const opened = path === undefined ? ({ kind: 'absent' } as const) : await openLog(files, path);
  if (opened.kind === 'odd') return { kind: 'odd', why: `is not shown: its log ${opened.why}` } as const;
  if (opened.kind === 'absent') {
    const what = request.raw ? 'raw events' : 'log';
    return { kind: 'later', why: `has no ${what} of attempt ${log.attempt} any more` } as const;
  }
  if (request.lines !== undefined) await opened.log.skipTo(request.lines);
  return opened;
}

/** Says it once when nobody is left to end the attempt that is followed. */
class OwnerWatch {
  readonly #place: Place;
  readonly #silence: SilenceWatch;
  #lookedAt: number;
  #isTold = false;

  constructor(place: Place) {
    this.#place = place;
    this.#silence = new SilenceWatch(place.world.uptimeMs);
    this.#lookedAt = place.world.uptimeMs();
  }

  async look(): Promise<string | undefined> {
    const { world, directory, task } = this.#place;
    if (this.#isTold || world.uptimeMs() - this.#lookedAt < OWNER_EVERY_MS) return undefined;
    this.#lookedAt = world.uptimeMs();
    const judging = { silence: this.#silence, isInHand: () => false };
    const verdict = await judgeTask(world, directory, task.name, judging);
    if (verdict.kind !== 'dead') return undefined;
    this.#isTold = true;
    return 'has lost its worker, which is dead: the next run goes on with it';
  }
}

const OWNER_EVERY_MS = 2_000;

const heading = ({ task }: Place, { attempt, how }: TaskLog): LogPiece => ({
  kind: 'log',
  task,
  attempt,
  how,
});
const note = ({ task }: Place, what: string): LogPiece => ({
  kind: 'note',
  message: `${task.label} ${what}`,
});
