/**
 * The life of one attempt, top to bottom: read the prompt, claim the task, open the gate, listen, judge, publish.
 * It knows no threads. Every way it can end is an `Outcome`, which is returned; what is thrown is a bug.
 *
 * The steps C1–C9 and F1–F4 are those of the lock protocol (ARCHITECTURE.md). Their order is the proof.
 */
import type { ClaimRecord, OutcomeRecord, PromptSource } from '../core/claim.ts';
import { EnvironmentError, errnoOf, isErrno, isStorageError } from '../core/errors.ts';
import {
  describeFailure,
  describeProblem,
  isRetriable,
  type EnvironmentProblem,
  type Failure,
} from '../core/failure.ts';
import { NO_USAGE, type ChildExit, type Outcome, type SkipReason } from '../core/outcome.ts';
import { markerOf } from '../core/task.ts';
import { unreachable } from '../core/unreachable.ts';
import { spawnBehindGate, type GatedChild } from '../io/child.ts';
import { activityOf, codexArguments, CodexListener, judgeExit } from '../io/codex.ts';
import { putAside, putResultAside, rawName, readHistory, type History } from '../io/earlier-attempts.ts';
import { CREATE, CREATE_APPEND, lookAt, removeIfThere, syncDirectory, resultId } from '../io/files.ts';
import { createPrivate } from '../io/file-system.ts';
import { LockDraft, type HeldLock } from '../io/lock-file.ts';
import { identityToken } from '../io/process-identity.ts';
import { mirrorStandIn, RunningLog } from '../io/result-log.ts';
import { isUnchanged, readPrompt, temporaryPath } from '../io/task-directory.ts';
import { startHeartbeat } from './heartbeat.ts';
import { listen } from './listen.ts';
import type { AttemptNews, AttemptOrder, PriorResult } from './order.ts';
import { removeMirror, settle } from './settle.ts';
import type { World } from './world.ts';

export interface AttemptPorts {
  readonly tell: (news: AttemptNews) => void;
  /** Fires when the run is aborted: end the child, give the task back. */
  readonly aborted: AbortSignal;
  readonly env: NodeJS.ProcessEnv;
}

export async function runAttempt(world: World, order: AttemptOrder, ports: AttemptPorts): Promise<Outcome> {
  const { files } = world;
  const { task, directory } = order;
  const startedAt = world.uptimeMs();
  const returned = (problem: EnvironmentProblem): Outcome => ({
    kind: 'returned',
    attempt: 0,
    durationMs: world.uptimeMs() - startedAt,
    usage: NO_USAGE,
    reason: { kind: 'environment', problem },
  });
  try {
    const prompt = await readPrompt(files, task);
    if (prompt.kind === 'gone') return { kind: 'skipped', reason: 'task-gone' };
    if (prompt.kind === 'refused') return { kind: 'refused', why: prompt.why };
    const history = await readHistory(files, directory, task.name);
    const claimed = await claim(world, order, ports, prompt, history);
    if (claimed.kind !== 'claimed')
      return claimed.kind === 'problem'
        ? returned(claimed.problem)
        : { kind: 'skipped', reason: 'already-claimed' };
    try {
      return await underClaim({ world, order, ports, history, startedAt, source: prompt.source, ...claimed });
    } finally {
      await claimed.lock.close();
      await claimed.log.close();
    }
  } catch (error) {
    if (isStorageError(error) || error instanceof EnvironmentError)
      return returned({ kind: 'storage', message: error.message });
    if (isErrno(error, 'ENOENT') && !(await lookAt(files, directory.path))) {
      return returned({ kind: 'storage', message: `the directory ${directory.path} is gone` });
    }
    throw error;
  }
}

type Claimed =
  | {
      readonly kind: 'claimed';
      readonly lock: HeldLock;
      readonly log: RunningLog;
      readonly child: GatedChild;
    }
  | { readonly kind: 'taken' }
  | { readonly kind: 'problem'; readonly problem: EnvironmentProblem };

/** C1–C6. Whatever is not claimed leaves nothing behind. */
async function claim(
  world: World,
  order: AttemptOrder,
  ports: AttemptPorts,
  prompt: { bytes: Buffer; source: PromptSource },
  history: History,
): Promise<Claimed> {
  const { files, me } = world;
  const { directory, task } = order;
  const draft = await LockDraft.create(files, directory, order.claim, me); // C1
  let log: RunningLog | undefined;
  let child: GatedChild | undefined;
  try {
    log = await RunningLog.create(files, directory, task.name, order.claim); // C2
    child = await spawnCodex(world, order, ports.env, prompt.bytes); // C3
  } catch (error) {
    await log?.discard();
    await draft.abandon();
    const isSpawn = log !== undefined && isErrno(error, 'ENOENT', 'ENOTDIR', 'E2BIG', 'EAGAIN');
    if (isSpawn) return { kind: 'problem', problem: await whyNotStarted(world, order, errnoOf(error)) };
    throw error;
  }
  const record: ClaimRecord = {
    v: 1,
    kind: 'run',
    task: task.name,
    claim: order.claim,
    attempt: history.nextAttempt,
    dir: directory.id,
    run: order.run,
    host: me.host,
    owner: { pid: me.pid, start: me.start },
    child: child.identity,
    src: prompt.source,
    at: world.now().toISOString(),
    by: order.by,
  };
  let lock: HeldLock | undefined;
  try {
    lock = await draft.claim(record); // C4–C6
  } finally {
    if (!lock) {
      await child.abandon();
      await log.discard();
      await draft.abandon();
    }
  }
  return lock ? { kind: 'claimed', lock, log, child } : { kind: 'taken' };
}

/** spawn(2) says ENOENT for a missing program and for a missing working directory alike. */
async function whyNotStarted(world: World, order: AttemptOrder, errno: string): Promise<EnvironmentProblem> {
  const { workingDirectory } = order.settings;
  const isThere = (await lookAt(world.files, workingDirectory)) !== undefined;
  return {
    kind: 'codex-not-started',
    command: order.codex.command,
    errno: isThere ? errno : `the directory ${workingDirectory} is gone`,
  };
}

/** C3. The prompt goes to the child as an open file without a name, so that nothing can change it and nothing is left of it. */
async function spawnCodex(
  world: World,
  order: AttemptOrder,
  env: NodeJS.ProcessEnv,
  prompt: Buffer,
): Promise<GatedChild> {
  const { files, me } = world;
  const { claim, codex, settings } = order;
  const name = `prompt-${claim}.${identityToken(me)}`;
  const stdin = await createPrivate(files, order.directory, 'tmp', name);
  try {
    await files.write(stdin, prompt, 0); // at a position: where the child begins to read stays at 0
    await removeIfThere(files, temporaryPath(order.directory, name));
    const childEnv = codex.pathPrefix
      ? { ...env, PATH: [codex.pathPrefix, env['PATH']].filter(Boolean).join(':') }
      : env;
    return await spawnBehindGate(
      {
        command: codex.command,
        args: codexArguments(settings),
        workingDirectory: settings.workingDirectory,
        env: childEnv,
        claim,
        stdin,
      },
      world.table,
    );
  } finally {
    await files.close(stdin);
  }
}

interface Running {
  readonly world: World;
  readonly order: AttemptOrder;
  readonly ports: AttemptPorts;
  readonly history: History;
  readonly startedAt: number;
  readonly source: PromptSource;
  readonly lock: HeldLock;
  readonly log: RunningLog;
  readonly child: GatedChild;
}

/** C7–F4: the claim is ours, so every way out of here leads through settle. */
async function underClaim(running: Running): Promise<Outcome> {
  const { world, order, ports, child, lock } = running;
  const heartbeat = startHeartbeat(
    world,
    lock,
    {
      onLost: () => void child.end('claim-lost'),
      onTrouble: (code) =>
        ports.tell({
          kind: 'notice',
          message: `${order.task.label}: the heartbeat could not be written (${code}); going on`,
        }),
    },
    order.takeoverAfterMs === undefined ? undefined : order.takeoverAfterMs / 2,
  );
  const heard = new CodexListener();
  let end: AttemptEnd;
  try {
    const skip = await lookAgain(running); // C7
    if (skip) {
      await child.abandon();
      await heartbeat.stop();
      await settle(world, {
        directory: order.directory,
        task: order.task.name,
        claim: order.claim,
        role: 'owner',
        mayLeave: () => ports.aborted.aborted,
      });
      return { kind: 'skipped', reason: skip };
    }
    writeHeader(running);
    await mirror(running); // C8
    end = await runChild(running, heard); // C9, F1
  } catch (error) {
    await child.end('storage');
    await child.finish();
    end =
      isStorageError(error) || error instanceof EnvironmentError
        ? { kind: 'environment', problem: { kind: 'storage', message: error.message } }
        : {
            kind: 'failed',
            failure: {
              kind: 'unexpected',
              message: error instanceof Error ? (error.stack ?? error.message) : String(error),
            },
          };
  } finally {
    await heartbeat.stop();
  }
  return conclude(running, heard, end);
}

/** C7: after every wait the question is asked again. `undefined` means go on. */
async function lookAgain({ world, order, source, ports }: Running): Promise<SkipReason | undefined> {
  const { files } = world;
  const { directory, task, prior } = order;
  if (ports.aborted.aborted) return 'already-claimed';
  const result = async (state: PriorResult['state']) => {
    const stat = await lookAt(files, `${directory.path}/${markerOf[state](task.name)}`);
    return stat && { state, isPrior: prior?.state === state && prior.id === resultId(stat) };
  };
  const completed = await result('completed');
  if (completed && !completed.isPrior) return 'already-completed';
  const failed = await result('failed');
  if (!completed && failed && !failed.isPrior) return 'failed-elsewhere';
  const unchanged = await isUnchanged(files, task, source);
  if (unchanged !== 'same') return unchanged === 'gone' ? 'task-gone' : 'task-changed';
  if (completed) {
    // The user asked for it to run again; the earlier log is kept. Durable first: else a power cut could bring it back.
    await putResultAside(files, directory, task.name, 'completed');
    await syncDirectory(files, directory.path);
  }
  return undefined;
}

function writeHeader({ world, order, log, history, source }: Running): void {
  const { task, claim, settings, codexVersion } = order;
  log.header({
    task: task.name,
    attempt: String(history.nextAttempt),
    claim,
    prompt: `${source.sha256} (sha256, ${source.size} bytes)`,
    model: settings.model,
    mode: settings.mode,
    cd: settings.workingDirectory,
    codex: codexVersion,
    started: world.now().toISOString(),
    by: `${order.by}, pid ${world.me.pid} on ${world.me.host.name}`,
  });
}

/** C8: `in-progress-T`, for people. Nothing reads it, so nothing that goes wrong with it matters. */
async function mirror({ world, order, log }: Running): Promise<void> {
  const { files } = world;
  const { directory, task } = order;
  const path = `${directory.path}/${markerOf.mirror(task.name)}`;
  try {
    await removeMirror(world, directory, task.name);
    if (directory.hardLinks) return await files.link(log.path, path);
    const fd = await files.open(path, CREATE);
    await files.write(fd, Buffer.from(mirrorStandIn(log.path)), 0);
    await files.close(fd);
  } catch (error) {
    if (!isErrno(error, 'EEXIST') && !isStorageError(error)) throw error;
  }
}

/** How the attempt ended, before it is decided whether the task is tried again. */
type AttemptEnd =
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'failed'; readonly failure: Failure }
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'claim-lost' }
  | { readonly kind: 'unkillable'; readonly pids: readonly number[] }
  | { readonly kind: 'environment'; readonly problem: EnvironmentProblem };

/** C9 and F1: opens the gate, listens until the child has ended and nothing of it is left. */
async function runChild(
  { world, order, ports, child, lock, log, history }: Running,
  heard: CodexListener,
): Promise<AttemptEnd> {
  const { files } = world;
  const { directory, task, claim, timeoutMs } = order;
  const raw = (extension: 'jsonl' | 'stderr') =>
    createPrivate(
      files,
      directory,
      'raw',
      rawName(task.name, history.nextAttempt, claim, extension),
      CREATE_APPEND,
    );
  const rawFds = { stdout: await raw('jsonl'), stderr: await raw('stderr') };
  const timer =
    timeoutMs === undefined ? undefined : setTimeout(() => void child.end('timed-out'), timeoutMs);
  const abort = () => void child.end('interrupted');
  ports.aborted.addEventListener('abort', abort);
  try {
    if (ports.aborted.aborted) abort();
    else if (order.takeoverAfterMs !== undefined && !(await lock.isMine())) void child.end('claim-lost');
    if (child.endedBy === undefined) {
      child.go(); // C9
      ports.tell({ kind: 'started', attempt: history.nextAttempt, pid: child.identity.pid });
    }
    const listening = listen(files, child, heard, rawFds, (event) => {
      log.entry(event);
      ports.tell({ kind: 'activity', activity: activityOf(event) });
    });
    const { exit, unkillable } = await child.finish(); // F1
    await listening;
    if (unkillable.length > 0) return { kind: 'unkillable', pids: unkillable };
    return judgeEnd(exit, heard, order, log.bytes);
  } finally {
    clearTimeout(timer);
    ports.aborted.removeEventListener('abort', abort);
    await files.close(rawFds.stdout);
    await files.close(rawFds.stderr);
  }
}

function judgeEnd(exit: ChildExit, heard: CodexListener, order: AttemptOrder, logBytes: number): AttemptEnd {
  if (exit.kind !== 'ended-by-us')
    return judgeExit(exit, heard, { model: order.settings.model, codex: order.codex });
  if (exit.code === 0 && heard.turnCompleted) return { kind: 'succeeded' }; // it had finished before our signal came
  switch (exit.why) {
    case 'timed-out':
      return { kind: 'failed', failure: { kind: 'timed-out', afterMs: order.timeoutMs ?? 0 } };
    case 'log-too-large':
      return { kind: 'failed', failure: { kind: 'log-too-large', bytes: logBytes } };
    case 'interrupted':
    case 'claim-lost':
      return { kind: exit.why };
    case 'storage':
      return { kind: 'environment', problem: { kind: 'storage', message: 'the log could not be written' } };
    default:
      return unreachable(exit.why);
  }
}

/** F2–F4. */
async function conclude(running: Running, heard: CodexListener, ended: AttemptEnd): Promise<Outcome> {
  const { world, order, ports, log, history } = running;
  const { directory, task, claim } = order;
  const base = {
    attempt: history.nextAttempt,
    durationMs: world.uptimeMs() - running.startedAt,
    usage: heard.usage ?? NO_USAGE,
  };
  if (ended.kind === 'unkillable') {
    // Beside a process that may still work the task must not run again: the claim stays, and a person has to look.
    const message = `${task.label}: processes ${ended.pids.join(', ')} of its agent cannot be ended (uninterruptible sleep)`;
    return {
      kind: 'returned',
      ...base,
      reason: { kind: 'environment', problem: { kind: 'blocked', message } },
    };
  }
  const warnings = [...heard.warnings, ...(await changedMeanwhile(running))];
  const willRetry =
    ended.kind === 'failed' && isRetriable(ended.failure) && history.retriesUsed < order.retries;
  // Without a network nothing was learned about the task, and all others would go the same way.
  const isCutOff = ended.kind === 'failed' && ended.failure.kind === 'unreachable' && !willRetry;
  const end = isCutOff ? ({ kind: 'environment', problem: ended.failure } as const) : ended;
  let finished: Exclude<AttemptEnd, { kind: 'unkillable' }> = end;
  if (end.kind !== 'claim-lost') {
    const problem = await recordEnd(running, heard, end, willRetry, warnings, base.durationMs); // F2, F3
    if (problem) finished = { kind: 'environment', problem };
  }
  const settled = await settle(world, {
    directory,
    task: task.name,
    claim,
    role: 'owner',
    mayLeave: () => ports.aborted.aborted,
  }); // F4
  if (settled.kind === 'gone') {
    await putAside(world.files, directory, log.path, {
      task: task.name,
      attempt: history.nextAttempt,
      claim,
      kind: 'lost',
    });
    return { kind: 'returned', ...base, reason: { kind: 'claim-lost' } };
  }
  if (settled.kind === 'blocked')
    return {
      kind: 'returned',
      ...base,
      reason: { kind: 'environment', problem: { kind: 'blocked', message: `${task.label}: ${settled.why}` } },
    };
  if (settled.unpublished === 'duplicate') return { kind: 'skipped', reason: 'already-completed' };
  if (settled.unpublished === 'log-gone')
    return { kind: 'returned', ...base, reason: { kind: 'log-deleted' } };
  switch (finished.kind) {
    case 'succeeded':
      return { kind: 'succeeded', ...base, warnings, answer: heard.answer };
    case 'failed':
      return { kind: 'failed', ...base, warnings, failure: finished.failure, willRetry };
    case 'interrupted':
    case 'claim-lost':
      return { kind: 'returned', ...base, reason: { kind: finished.kind } };
    case 'environment':
      return { kind: 'returned', ...base, reason: finished };
    default:
      return unreachable(finished);
  }
}

async function changedMeanwhile({ world, order, source }: Running): Promise<string[]> {
  const now = await isUnchanged(world.files, order.task, source);
  switch (now) {
    case 'same':
      return [];
    case 'changed':
      return [
        'the task file was changed while it ran; the result is of the text before that (see --rerun-changed)',
      ];
    case 'gone':
      return ['the task file was removed while it ran'];
    default:
      return unreachable(now);
  }
}

/**
 * F2, F3: the footer, the log made durable, the outcome in the lock file. From here on the attempt is not repeated.
 * An fsync that fails is never tried again as if nothing had been (the kernel may have dropped the pages): the attempt
 * gives no result, its log is put aside, and the problem is returned.
 */
async function recordEnd(
  running: Running,
  heard: CodexListener,
  end: AttemptEnd,
  willRetry: boolean,
  warnings: readonly string[],
  durationMs: number,
): Promise<EnvironmentProblem | undefined> {
  const { world, lock, log } = running;
  const reason = reasonOf(end, willRetry);
  const outcome =
    end.kind === 'succeeded'
      ? 'done'
      : end.kind === 'failed'
        ? willRetry
          ? 'retry'
          : 'failed'
        : 'interrupted';
  const record = (word: OutcomeRecord['outcome'], why: string): OutcomeRecord => ({
    outcome: word,
    code: null,
    signal: null,
    bytes: log.bytes,
    sha256: log.sha256,
    ...(word === 'done' ? {} : { reason: why }),
    at: world.now().toISOString(),
  });
  try {
    if (end.kind === 'failed' && heard.stderrTail !== '')
      log.entry({ kind: 'output', text: heard.stderrTail });
    log.footer(
      outcome === 'done' ? 'completed' : reason,
      durationMs,
      heard.usage,
      heard.spokeJson ? warnings : [...warnings, NO_JSON],
    );
    await log.sync(); // F2
    await lock.recordOutcome(record(outcome, reason)); // F3
    return undefined;
  } catch (error) {
    if (!isStorageError(error)) throw error;
    await lock.recordOutcome(record('interrupted', 'storage error')).catch((second: unknown) => {
      if (!isStorageError(second)) throw second;
    });
    return { kind: 'storage', message: error.message };
  }
}

const NO_JSON = 'the command printed no Codex events; it was judged by its exit code';

function reasonOf(end: AttemptEnd, willRetry: boolean): string {
  switch (end.kind) {
    case 'succeeded':
      return 'completed';
    case 'failed':
      return `${willRetry ? 'failed, will be tried again' : 'failed'}: ${describeFailure(end.failure)}`;
    case 'interrupted':
      return 'given back: interrupted';
    case 'claim-lost':
      return 'given back: the claim was lost';
    case 'environment':
      return `given back: ${describeProblem(end.problem).message}`;
    case 'unkillable':
      return `held: processes ${end.pids.join(', ')} cannot be ended`;
    default:
      return unreachable(end);
  }
}
