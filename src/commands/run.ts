/** `codex-worker [run]`: works through the tasks, or with `--dry-run` says what it would do. */
import { randomBytes } from 'node:crypto';
import { chooseBackend } from '../core/backend.ts';
import type { ClaimId } from '../core/claim.ts';
import type { Controls } from '../core/controls.ts';
import type { DispatchEnd, RunEvent, RunSummary } from '../core/event.ts';
import type { EnvironmentProblem } from '../core/failure.ts';
import { MAX_CONCURRENCY, type RunOptions } from '../core/options.ts';
import { Marks, stateOf, type Task } from '../core/task.ts';
import { EnvironmentError, UsageError } from '../core/errors.ts';
import { answersWithin } from '../engine/answers-reach.ts';
import { Arrivals } from '../engine/arrivals.ts';
import { missingFor } from '../engine/before.ts';
import { Ceilings } from '../engine/ceilings.ts';
import { Coordinator } from '../engine/coordinator.ts';
import { Drain } from '../engine/drain.ts';
import { findStrays } from '../engine/first-look.ts';
import { tidy } from '../engine/janitor.ts';
import { Pauses } from '../engine/pauses.ts';
import { Heard } from '../engine/heard.ts';
import { LimitNews } from '../engine/limit-news.ts';
import { Ledger } from '../engine/ledger.ts';
import type { AttemptPool } from '../engine/pool.ts';
import { planTasks, type TaskPlan } from '../engine/task-plan.ts';
import { verifyFirst } from '../engine/verify-first.ts';
import { whenItIs } from '../engine/stop-at.ts';
import { realWorld, type World } from '../engine/world.ts';
import { answersFolder, openAnswers } from '../io/answer-file.ts';
import { findCodex, type CodexCommand } from '../io/codex-command.ts';
import { versionOf } from '../io/codex-tool.ts';
import { discover, type Discovery } from '../io/discovery.ts';
import { openTaskDirectory } from '../io/file-system.ts';
import { lookAt } from '../io/files.ts';
import { realDirectory } from '../io/real-directory.ts';
import { removeIdentityFile } from '../io/break-right.ts';
import type { Listing, TaskDirectory } from '../io/task-directory.ts';
import { cleanStale } from './clean.ts';
import { dryRun } from './dry-run.ts';
import { controlsOf } from './run-controls.ts';

export interface RunRequest {
  readonly paths: readonly string[];
  readonly options: RunOptions;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly version: string;
  /** Whether a person at the terminal of this run can be asked. */
  readonly canAnswer: boolean;
  /** So many tasks were meant as well, and could not be taken; it has been said. */
  readonly leftOut?: number;
}

/** How long an abort may take before the process leaves all the same: the ladder, the sweep, and some for the disk. */
const ABORT_PATIENCE_MS = 30_000;

const TIME_UP: DispatchEnd = {
  kind: 'time-up',
  message: 'the time that this run was given is over',
  hint: 'to go on, start the same command again',
};

/**
 * Resolves with the exit code. Throws UsageError and EnvironmentError before anything is claimed. `takeControls` is called
 * when there is a run that can be told something.
 */
export async function run(
  request: RunRequest,
  emit: (event: RunEvent) => void,
  takeControls: (controls: Controls) => void = () => {},
): Promise<number> {
  const world = realWorld();
  const { options, paths, cwd } = request;
  const interrupted = await verifyBaseline(world, request, emit); // first: it may take long, and change what is there
  if (interrupted !== undefined) return interrupted;
  const discovery = await discover(world.files, paths, options.patterns, cwd);
  if (options.watch) refuseToWatchFiles(discovery);
  if (options.dryRun) return dryRun(world, request, discovery, emit);
  const codex = await findCodex(request.env, cwd);
  // What takes long is begun early, and goes on while the directories are looked at.
  const threads = new Threads((message) => emit({ kind: 'notice', message }));
  if (isAnyPending(discovery)) void threads.start();
  const plan = await planTasks(world.files, discovery, options);
  const { tasks, refused, listings } = discovery;
  for (const message of await missingFor(world.files, failedIn(discovery, options), options))
    emit({ kind: 'notice', message });
  const changedAt = new Map([...listings].map(([path, listing]) => [path, listing.changedAt]));
  const strays = findStrays(listings, tasks, cwd);
  const directories = await openDirectories(world, [...tasks, ...strays]);
  const codexVersion = versionOf(codex, request.env, options);
  codexVersion.catch(() => {}); // heard where it is awaited, unless something else ends the run before
  for (const directory of directories.values()) {
    await tidy(world, directory, undefined, listings.get(directory.path)?.marks);
    if (options.cleanupStaleMs !== undefined) {
      for (const { label, detail } of await cleanStale(world, directory, options.cleanupStaleMs))
        emit({ kind: 'notice', message: `${label}: ${detail}` });
    }
  }
  const exitCode = await drainTasks(
    world,
    request,
    {
      tasks,
      refused,
      strays,
      plan,
      directories,
      codex,
      codexVersion,
      threads,
      listings,
    },
    emit,
    takeControls,
  );
  for (const directory of directories.values()) {
    const stat = await lookAt(world.files, directory.path);
    if (!stat) continue; // removed while we worked; the summary has told
    const isAsListed = stat.mtimeNs === changedAt.get(directory.path); // no name has come or gone since, as far as the clock tells
    await tidy(world, directory, undefined, isAsListed ? new Marks() : undefined);
    await removeIdentityFile(world.files, directory, world.me);
  }
  return exitCode;
}

/** What failed in an earlier run and is taken again. */
function failedIn({ tasks, listings }: Discovery, { retryFailed }: RunOptions): Task[] {
  if (!retryFailed || [...listings.values()].every(({ marks }) => marks.failed.size === 0)) return [];
  return tasks.filter(({ directory, name }) => {
    const marks = listings.get(directory)?.marks;
    return marks !== undefined && stateOf(name, marks) === 'failed';
  });
}

/** Resolves with an exit code where the run is over before it began. */
async function verifyBaseline(
  world: World,
  { options, env, cwd }: RunRequest,
  emit: (event: RunEvent) => void,
): Promise<number | undefined> {
  const { verify, workingDirectory } = options;
  if (!verify?.first || options.dryRun) return undefined;
  await findCodex(env, cwd); // without which it would be in vain
  return verifyFirst(world, { verify, workingDirectory, env }, (message) =>
    emit({ kind: 'notice', message }),
  );
}

function refuseToWatchFiles({ directories }: Discovery): void {
  if ([...directories.values()].includes('whole')) return;
  throw new UsageError(
    '--watch has no directory to look for new tasks in: only files were given',
    "give the directory, and say which of its files are tasks: codex-worker tasks/ --watch --pattern 'bug-*.md'",
  );
}

async function openDirectories(world: World, tasks: readonly Task[]): Promise<Map<string, TaskDirectory>> {
  const directories = new Map<string, TaskDirectory>();
  for (const { directory } of tasks) {
    if (!directories.has(directory))
      directories.set(directory, await openTaskDirectory(world.files, directory));
  }
  return directories;
}

interface Work extends Pick<Discovery, 'tasks' | 'refused'> {
  readonly strays: readonly Task[];
  readonly plan: TaskPlan;
  readonly listings: Map<string, Listing>;
  /** Grows with those that tasks come in. */
  readonly directories: Map<string, TaskDirectory>;
  readonly codex: CodexCommand;
  readonly codexVersion: Promise<string>;
  readonly threads: Threads;
}

async function drainTasks(
  world: World,
  request: RunRequest,
  { threads, listings, ...work }: Work,
  emit: (event: RunEvent) => void,
  takeControls: (controls: Controls) => void,
): Promise<number> {
  const { options, version } = request;
  const codexVersion = await work.codexVersion; // before anybody listens for signals: they find a coordinator
  const how = chooseBackend(options, { version: codexVersion, canAnswer: request.canAnswer });
  const answersIn = how.policy === 'never' ? undefined : await placeForAnswers(world, request);
  const run = randomBytes(8).toString('hex');
  const directories = [...work.directories.values()];
  const heard = new Heard(run, world.now().getTime(), work.tasks);
  const ledger = new Ledger(world, directories, {
    since: options.budget.since,
    run,
    onEntry: (directory, entry) => heard.note(directory, entry),
  });
  using ceilings = await Ceilings.begin(world, options.budget, ledger, directories);
  const isAsListed = await areAsListed(world, listings);
  if (!isAsListed) listings.clear(); // large, and no longer true
  using drain = new Drain({
    onDrain: () => {
      emit({ kind: 'draining', running: coordinator.running, asking: coordinator.asking });
      coordinator.wake();
    },
    onAbort: (signal) => {
      emit({ kind: 'aborting', running: coordinator.running, signal });
      threads.abort();
      coordinator.wake();
      setTimeout(() => process.exit(drain.exitCode), ABORT_PATIENCE_MS).unref();
    },
  });
  const by = `codex-worker ${version}`;
  const limitNews = new LimitNews(world);
  const pauses = new Pauses(world, { directories: work.directories, by, emit });
  const stays = options.wait || options.watch;
  const coordinator: Coordinator = new Coordinator(world, {
    run,
    ...work,
    ...(stays && { arrivals: arrivalsOf(world, request, work) }),
    open: (path) => openForNew(world, work.directories, path, [ceilings, pauses]),
    ...(isAsListed && { listings }),
    options,
    codexVersion,
    how,
    ...(answersIn !== undefined && { answersIn }),
    by,
    pauses,
    emit,
    drainState: () => drain.state,
    ceilings,
    ledger,
    heard,
    givePlace: (claim) => threads.givePlace(claim),
    limitNews,
    attempt: async (order, onNews) => {
      const pool = await threads.start();
      const outcome = pool.run(order, onNews);
      if (drain.state === 'aborting') pool.abort();
      return outcome;
    },
  });
  takeControls(controlsOf({ coordinator, drain, pauses, emit, env: request.env }));
  using _clock = whenItIs(world, options.stopAt, () => coordinator.endDispatch(TIME_UP));
  ceilings.watch(
    (why) => coordinator.endDispatch(why),
    (message) => emit({ kind: 'notice', message }),
  );
  const { summary, problem, ended } = await coordinator.run();
  await ceilings.look(); // what ended last may be what reaches one: the other terminals hear of it
  await threads.close();
  await limitNews.close();
  const exitCode = drain.exitCode ?? exitCodeOf(summary, problem, ended, request.leftOut);
  emit({ kind: 'run-finished', summary, exitCode });
  return exitCode;
}

/** The folder of the answers. Throws EnvironmentError where there is none that only people can write in. */
async function placeForAnswers({ files }: World, { options, env }: RunRequest): Promise<string> {
  const folder = answersFolder(env);
  await openAnswers(files, folder);
  const within = await answersWithin(files, folder, options, env);
  // Without links: an agent may be able to make one of them lead to a folder of its own.
  if (within === undefined) return (await realDirectory(files, folder)) ?? folder;
  throw new EnvironmentError(
    `agents could answer their own questions: ${folder} is in ${within}, where they may write`,
    'set XDG_STATE_HOME to a directory that they may not write in, or --approval never',
  );
}

function arrivalsOf(
  world: World,
  { paths, options, cwd }: RunRequest,
  begun: Pick<Discovery, 'tasks' | 'refused'>,
): Arrivals {
  return new Arrivals(world, {
    begun,
    cwd,
    takesNew: options.watch,
    discover: async (isKnown) => {
      try {
        return await discover(world.files, paths, options.patterns, cwd, isKnown);
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        return undefined; // a path that was given is not there now, and may be again
      }
    },
  });
}

/** A directory that tasks have come in; why none can be run there, as the end of "<task> was refused: it …". */
async function openForNew(
  world: World,
  directories: Map<string, TaskDirectory>,
  path: string,
  including: readonly { include(directory: TaskDirectory): Promise<void> }[],
): Promise<string | undefined> {
  if (directories.has(path)) return undefined;
  try {
    const directory = await openTaskDirectory(world.files, path);
    await tidy(world, directory);
    for (const each of including) await each.include(directory);
    directories.set(path, directory);
    return undefined;
  } catch (error) {
    if (!(error instanceof EnvironmentError || error instanceof UsageError)) throw error;
    return `is in a directory where no task can be run: ${error.message}`;
  }
}

/** The worker thread. It starts only when there is something for it to do. */
class Threads {
  readonly #onTrouble: (message: string) => void;
  /** The promise is what is kept: the first attempts begin together, and each would open a pool of its own. */
  #opening: Promise<AttemptPool> | undefined;
  #pool: AttemptPool | undefined;

  constructor(onTrouble: (message: string) => void) {
    this.#onTrouble = onTrouble;
  }

  start(): Promise<AttemptPool> {
    if (!this.#opening) {
      this.#opening = this.#startThreads();
      this.#opening.catch(() => {}); // the first attempt hears of it
    }
    return this.#opening;
  }

  async #startThreads(): Promise<AttemptPool> {
    const { AttemptPool: Pool } = await import('../engine/pool.ts');
    return (this.#pool = await Pool.open(MAX_CONCURRENCY, this.#onTrouble));
  }

  abort(): void {
    this.#pool?.abort();
  }

  givePlace(claim: ClaimId): void {
    this.#pool?.givePlace(claim);
  }

  /** To be called when no attempt runs. */
  async close(): Promise<void> {
    await this.#opening?.catch(() => {});
    await this.#pool?.close();
  }
}

/** Whether no name has come or gone in these directories since they were listed, as far as their clocks tell. */
async function areAsListed({ files }: World, listings: ReadonlyMap<string, Listing>): Promise<boolean> {
  for (const [path, { changedAt }] of listings)
    if ((await lookAt(files, path))?.mtimeNs !== changedAt) return false;
  return true;
}

/** Whether it is certain that there is something to do: more tasks than markers that could stand beside them. */
function isAnyPending({ tasks, listings }: Discovery): boolean {
  const taken = [...listings.values()].reduce(
    (sum, { marks }) => sum + marks.completed.size + marks.locked.size + marks.failed.size,
    0,
  );
  return tasks.length > taken;
}

function exitCodeOf(
  { failed, refused, givenBack, held, pending, waiting, states }: RunSummary,
  problem: EnvironmentProblem | undefined,
  ended: DispatchEnd | undefined,
  leftOut = 0,
): number {
  if (problem) return 3;
  if (states) return leftOut + refused + states.pending + states['in-progress'] + states.failed > 0 ? 1 : 0;
  const left = ended ? pending : 0;
  return failed + refused + givenBack + held + waiting + left + leftOut > 0 ? 1 : 0;
}
