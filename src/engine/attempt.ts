/**
 * The life of one attempt, top to bottom: read the prompt, claim the task, open the gate, listen, judge, publish.
 * It knows no threads. Every way it can end is an `Outcome`, which is returned; what is thrown is a bug.
 *
 * The steps C1–C9 and F1–F4 are those of the lock protocol (ARCHITECTURE.md). Whoever changes it runs `npm run model`.
 */
import type { Doing } from '../core/doing.ts';
import { EnvironmentError, InvariantError, isErrno, isStorageError } from '../core/errors.ts';
import type { EnvironmentProblem } from '../core/failure.ts';
import { NO_USAGE, type ChildExit, type Outcome, type SkipReason } from '../core/outcome.ts';
import { headline } from '../core/printable.ts';
import type { Answer } from '../core/question.ts';
import { asRateLimits } from '../core/rate-limits.ts';
import { secretsIn } from '../core/secrets.ts';
import { markerOf } from '../core/task.ts';
import { unreachable } from '../core/unreachable.ts';
import { activityOf, type AgentEvent } from '../io/agent-event.ts';
import { AppServer } from '../io/app-server.ts';
import { judgeExit } from '../io/codex-exit.ts';
import { CodexListener } from '../io/codex-listener.ts';
import { isCurrent, putResultAside, rawName, readHistory } from '../io/earlier-attempts.ts';
import { createPrivate } from '../io/file-system.ts';
import {
  closeQuietly,
  CREATE_APPEND,
  lookAt,
  removeIfThere,
  renameIfThere,
  resultId,
  syncDirectory,
} from '../io/files.ts';
import { identityToken } from '../io/process-identity.ts';
import { isUnchanged, readPrompt } from '../io/prompt.ts';
import { isStillThere } from '../io/real-directory.ts';
import { isSayable } from '../io/ran-with.ts';
import { mirrorStandIn } from '../io/result-log.ts';
import { temporaryPath } from '../io/task-directory.ts';
import { answersWithin, rootAround } from './answers-reach.ts';
import { spentIn } from './accounting.ts';
import { checkWork } from './check-work.ts';
import { claimTask } from './claim-task.ts';
import { conversationFor, waitLeft, workBegun } from './continuation.ts';
import { conclude, type AttemptEnd, type AttemptPorts, type Running } from './conclude.ts';
import { startHeartbeat } from './heartbeat.ts';
import { listen, MAX_OUTPUT_BYTES } from './listen.ts';
import type { AttemptOrder, PriorResult } from './order.ts';
import { watchSpending } from './overspending.ts';
import { SandboxDoubt } from './sandbox-doubt.ts';
import { removeMirror, settle } from './settle.ts';
import { Questions } from './ask.ts';
import { startWatchdog, type Watchdog } from './watchdog.ts';
import type { World } from './world.ts';

/** How long app-server may take to end a turn and what it has left running. */
const SAY_GOODBYE_MS = 1_000;
const COULD_ANSWER =
  'agents could answer their own questions: the configuration of Codex (sandbox_workspace_write.writable_roots) lets them write where answers are kept; set XDG_STATE_HOME to a directory that they may not write in, or --approval never';

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
    // Its settings are those of these very bytes, or it is read again.
    if (prompt.matter !== order.matter) return { kind: 'skipped', reason: 'task-changed' };
    const within =
      order.answers && (await answersWithin(files, order.answers.folder, order.settings, ports.env));
    if (within)
      return {
        kind: 'refused',
        why: `has a cwd or a mode with which its agent could answer its own questions: ${within}`,
      };
    const history = await readHistory(files, directory, task.name, world.now());
    const againInMs = waitLeft(history, world.now());
    if (againInMs > 0) return { kind: 'postponed', againInMs };
    const conversation = await conversationFor(files, order, history.last, prompt);
    const claimed = await claimTask(world, order, ports.env, {
      conversation,
      history,
      source: prompt.source,
    });
    if (claimed.kind !== 'claimed')
      return claimed.kind === 'problem'
        ? returned(claimed.problem)
        : { kind: 'skipped', reason: 'already-claimed' };
    try {
      const { thread, message } = conversation;
      return await underClaim({
        world,
        order,
        ports,
        history,
        startedAt,
        source: prompt.source,
        thread,
        message,
        spentBefore: await spentIn(world, thread),
        ...claimed,
      });
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

/** C7–F4: the claim is ours, so every way out of here leads through settle. */
async function underClaim(running: Running): Promise<Outcome> {
  const { world, order, ports, child, lock } = running;
  const lost = new AbortController();
  const heartbeat = startHeartbeat(
    world,
    lock,
    {
      onLost: () => {
        lost.abort();
        void child.end('claim-lost');
      },
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
    if (end.kind === 'succeeded') end = await checkWork(running, heard, lost.signal);
  } catch (error) {
    await child.end('storage');
    const { unkillable } = await child.finish();
    end =
      unkillable.length > 0
        ? { kind: 'unkillable', pids: unkillable }
        : isStorageError(error) || error instanceof EnvironmentError
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
export async function lookAgain({
  world,
  order,
  source,
  history,
  ports,
}: Pick<Running, 'world' | 'order' | 'source' | 'history' | 'ports'>): Promise<SkipReason | undefined> {
  const { files } = world;
  const { directory, task, prior } = order;
  if (ports.aborted.aborted) return 'interrupted';
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
  // Its number, its thread and what it may be tried again stand in what was read before the claim.
  if (!(await isCurrent(files, directory, task.name, history, world.now()))) return 'already-claimed';
  if (order.isPlaced && !(await isStillThere(files, order.settings.workingDirectory))) return 'task-changed';
  if (completed) {
    // The user asked for it to run again; the earlier log is kept. Durable first: else a power cut could bring it back.
    await putResultAside(files, directory, task.name, 'completed');
    await syncDirectory(files, directory.path);
  }
  return undefined;
}

function writeHeader(running: Running): void {
  const { world, order, log, history, source, thread } = running;
  const { task, claim, settings, codexVersion, expectChanges, own = {}, verify } = order;
  const words = Object.entries(own).map(([name, value]) => `${name} ${value}`);
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
    ...(thread === undefined ? {} : { continues: thread }),
    ...(expectChanges ? { begun: new Date(workBegun(running)).toISOString() } : {}),
    by: `${order.by}, pid ${world.me.pid} on ${world.me.host.name}`,
    ...(verify && isSayable(verify.command) && { verify: verify.command }),
    ...(words.length > 0 && { settings: `${headline(words.join(', '), 400)} (of the task itself)` }),
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
    // It appears complete, as a link would: an empty one could not be told from a file of the user's own.
    const name = `mirror-${order.claim}.${identityToken(world.me)}`;
    const fd = await createPrivate(files, directory, 'tmp', name);
    try {
      await files.write(fd, Buffer.from(mirrorStandIn(log.path)), 0);
    } finally {
      await closeQuietly(files, fd);
    }
    if (!(await lookAt(files, path))) await renameIfThere(files, temporaryPath(directory, name), path);
    else await removeIfThere(files, temporaryPath(directory, name));
  } catch (error) {
    if (!isErrno(error, 'EEXIST') && !isStorageError(error)) throw error;
  }
}

/** C9 and F1: opens the gate, listens until the child has ended and nothing of it is left. */
async function runChild(running: Running, heard: CodexListener): Promise<AttemptEnd> {
  const { world, order, ports, child, lock, log, history, thread, spentBefore } = running;
  const { files } = world;
  const { directory, task, claim } = order;
  const opened: number[] = [];
  const raw = async (extension: 'jsonl' | 'stderr') => {
    const name = rawName(task.name, history.nextAttempt, claim, extension);
    const fd = await createPrivate(files, directory, 'raw', name, CREATE_APPEND);
    opened.push(fd);
    return fd;
  };
  const watchdog = startWatchdog(child, order, heard, log, world.table);
  const talk = order.backend === 'app-server' ? converse(running, heard, watchdog) : undefined;
  const spending = watchSpending({ world, thread, spentBefore }, order.budget, child, heard);
  const abort = () => void child.end('interrupted');
  const sandbox = new SandboxDoubt(order, ports.env, () => void child.end('sandbox-unusable'));
  ports.aborted.addEventListener('abort', abort);
  try {
    let stderr: Promise<number> | undefined;
    const rawFds = { stdout: await raw('jsonl'), stderr: () => (stderr ??= raw('stderr')) };
    if (ports.aborted.aborted) abort();
    else if (order.takeoverAfterMs !== undefined && !(await lock.isMine())) void child.end('claim-lost');
    if (child.endedBy === undefined) {
      child.go(); // C9
      talk?.server.begin();
      ports.tell({ kind: 'started', attempt: history.nextAttempt, pid: child.identity.pid });
    }
    const onEvent = (event: AgentEvent) => {
      if (isAnotherThread(heard, thread)) void child.end('thread-lost');
      sandbox.look(heard);
      log.entry(event);
      ports.tell({ kind: 'activity', activity: activityOf(event) });
    };
    const line = (text: string) => (talk?.server ?? heard).line(text);
    const listening = listen(
      files,
      child,
      { line, stderr: (text) => heard.stderr(text) },
      rawFds,
      onEvent,
      watchdog.heard,
      secretsIn(ports.env),
    );
    const { exit, unkillable } = await child.finish(); // F1
    watchdog.stop();
    spending.stop();
    await listening;
    await talk?.questions.close();
    if (unkillable.length > 0) return { kind: 'unkillable', pids: unkillable };
    const problem = await sandbox.problem();
    if (problem) return { kind: 'environment', problem };
    if (talk?.isRefused())
      return { kind: 'environment', problem: { kind: 'storage', message: COULD_ANSWER } };
    return judgeEnd(exit, heard, {
      order,
      thread,
      spentBefore,
      doing: watchdog.doing,
      now: world.now(),
      stoppedBy: talk?.questions.stoppedBy,
    });
  } finally {
    await talk?.questions.close();
    watchdog.stop();
    spending.stop();
    ports.aborted.removeEventListener('abort', abort);
    for (const fd of opened) await closeQuietly(files, fd);
  }
}

/** What is said to app-server, and what it asks. */
function converse(running: Running, heard: CodexListener, watchdog: Watchdog): Talk {
  const { order, ports, child, thread, message } = running;
  const { settings, policy, by } = order;
  const version = by.slice(by.lastIndexOf(' ') + 1);
  const server: AppServer = new AppServer(
    { settings, policy, thread, message: message.toString('utf8'), version },
    heard,
    {
      send: (line) => void child.input?.write(`${line}\n`),
      hangUp: () => {
        child.input?.end();
        child.dismiss();
      },
      ask: (question) => questions.ask(question),
      settled: (id) => questions.settled(id),
      mayWriteIn: (roots) => {
        const { answers } = order;
        isRefused =
          answers !== undefined && policy !== 'never' && rootAround(answers.folder, roots) !== undefined;
        return !isRefused;
      },
      limits: (said) => {
        heard.limits = asRateLimits(said, running.world.now().getTime(), heard.limits) ?? heard.limits;
        ports.tell({ kind: 'limits', said });
      },
    },
  );
  let isRefused = false;
  const questions = new Questions(running, heard, server, watchdog);
  child.gently = () => server.end(SAY_GOODBYE_MS);
  return { server, questions, isRefused: () => isRefused };
}

interface Talk {
  readonly server: AppServer;
  readonly questions: Questions;
  /** By us: its agent could have answered its own questions. */
  readonly isRefused: () => boolean;
}

/** Asked for a thread that it cannot find by name, Codex begins a new one, which knows nothing of the task. */
const isAnotherThread = ({ threadId }: CodexListener, thread: string | undefined) =>
  thread !== undefined && threadId !== undefined && threadId !== thread;

function judgeEnd(
  exit: ChildExit,
  heard: CodexListener,
  {
    order: { settings, codex, ...order },
    thread,
    spentBefore,
    doing,
    now,
    stoppedBy,
  }: Pick<Running, 'order' | 'thread' | 'spentBefore'> & {
    readonly doing: Doing;
    readonly now: Date;
    readonly stoppedBy: Answer | undefined;
  },
): AttemptEnd {
  const hasFinished = 'code' in exit && exit.code === 0 && heard.turnCompleted; // it may have, before our signal came
  // Whatever it says of a task that it was never told; it may be over before we have read which thread it is in.
  const mayGoOnThere = exit.kind !== 'ended-by-us' || hasFinished || exit.why === 'interrupted';
  if (mayGoOnThere && isAnotherThread(heard, thread)) return { kind: 'thread-lost' };
  if (exit.kind !== 'ended-by-us') {
    if (stoppedBy)
      return {
        kind: 'failed',
        failure: { kind: 'stopped', by: `${stoppedBy.by.user} on ${stoppedBy.by.host}` },
      };
    const end = judgeExit(exit, heard, {
      model: settings.model,
      codex,
      now,
      spentBefore,
      mustSpeak: order.backend === 'app-server',
    });
    const isLost = end.kind === 'failed' && 'class' in end.failure && end.failure.class === 'thread-lost';
    // Where none was to be continued it is a failure like others: what spends no attempt would be tried for ever.
    return isLost && thread !== undefined ? { kind: 'thread-lost' } : end;
  }
  if (hasFinished) return { kind: 'succeeded' };
  switch (exit.why) {
    case 'timed-out':
      return { kind: 'failed', failure: { kind: 'timed-out', afterMs: order.timeoutMs ?? 0, doing } };
    case 'idle':
      return { kind: 'failed', failure: { kind: 'idle', afterMs: order.idleTimeoutMs ?? 0, doing } };
    case 'over-budget':
      return { kind: 'failed', failure: { kind: 'over-budget', limit: order.budget?.limit ?? 0 } };
    case 'log-too-large':
      return { kind: 'failed', failure: { kind: 'log-too-large', bytes: MAX_OUTPUT_BYTES } };
    case 'interrupted':
    case 'claim-lost':
    case 'thread-lost':
      return { kind: exit.why };
    case 'sandbox-unusable':
      throw new InvariantError('a child was ended for its sandbox, and nobody says why');
    case 'storage':
      return { kind: 'environment', problem: { kind: 'storage', message: 'the log could not be written' } };
    default:
      return unreachable(exit.why);
  }
}
