/**
 * What the made-up processes of a simulation do. All of it is the program's own code but for two things: no agent is
 * spawned (it runs for two turns of its owner), and what coordinator and worker put together is put together here.
 */
import type { ClaimRecord } from '../../../src/core/claim.ts';
import { newClaimId } from '../../../src/core/claim.ts';
import { markerOf, type Task } from '../../../src/core/task.ts';
import { lookAgain } from '../../../src/engine/attempt.ts';
import { resetTask } from '../../../src/engine/by-hand.ts';
import { conclude, type AttemptEnd } from '../../../src/engine/conclude.ts';
import { identityOf } from '../../../src/engine/first-look.ts';
import { tidy } from '../../../src/engine/janitor.ts';
import type { AttemptOrder } from '../../../src/engine/order.ts';
import { judgeLock, judgeTask, reap } from '../../../src/engine/reaper.ts';
import { removeMirror, settle } from '../../../src/engine/settle.ts';
import { SilenceWatch } from '../../../src/engine/silence.ts';
import type { World } from '../../../src/engine/world.ts';
import type { GatedChild } from '../../../src/io/child.ts';
import { CodexListener } from '../../../src/io/codex-listener.ts';
import { readHistory, type History } from '../../../src/io/earlier-attempts.ts';
import { LockDraft, readLock, type HeldLock } from '../../../src/io/lock-file.ts';
import { readPrompt } from '../../../src/io/prompt.ts';
import { RunningLog } from '../../../src/io/result-log.ts';
import { lookAtState, type TaskDirectory } from '../../../src/io/task-directory.ts';
import type { Observer } from './observer.ts';

export interface Scene {
  readonly directory: TaskDirectory;
  readonly observer: Observer;
  /** How an agent's run ends. */
  readonly agentEnd: () => AttemptEnd;
}

export const SUCCEEDED: AttemptEnd = { kind: 'succeeded' };
export const FAILED: AttemptEnd = { kind: 'failed', failure: { kind: 'unexpected', message: 'made up' } };
/** Tried again, once. */
export const FAILED_FOR_NOW: AttemptEnd = {
  kind: 'failed',
  failure: { kind: 'exited-nonzero', code: 1, message: 'made up', class: 'unknown' },
};

const REAPING = { orphans: 'end', mayLeave: () => false } as const;
const isInHand = () => true;

const taskIn = (directory: TaskDirectory): Task => ({
  directory: directory.path,
  name: 'fix.md',
  label: 'fix.md',
});

/** What a run does about one task until it is over for it, or somebody else has had it for `patience` looks. */
export async function work(world: World, scene: Scene, patience = 300): Promise<void> {
  const { directory } = scene;
  const task = taskIn(directory);
  const silence = new SilenceWatch(world.uptimeMs);
  const prior = await identityOf(world.files, task, 'failed');
  for (let looks = 0; looks < patience; looks++) {
    const verdict = await judgeTask(world, directory, task.name, { silence, isInHand });
    if (verdict.kind === 'dead') await reapFor(world, scene, verdict);
    else if (verdict.kind === 'free') {
      const state = await lookAtState(world.files, task);
      if (state === 'completed') return;
      if (state === 'failed' && (await identityOf(world.files, task, 'failed')) !== prior) return;
      if (state !== 'in-progress') await attempt(world, scene, prior);
    } else if (verdict.kind === 'damaged' && patience < 300) return;
    else await world.sleep(20);
  }
}

type Dead = Parameters<typeof reap>[2];

/** There are no real processes that would have to be ended first, and none must be looked for by a made-up pid. */
async function reapFor(world: World, { directory, observer }: Scene, verdict: Dead): Promise<void> {
  observer.acts(world, verdict.record.claim);
  await reap(world, directory, { ...verdict, sameBoot: false }, REAPING);
}

/** One look at the task, and the claim of a dead owner settled. */
export async function reapOnce(world: World, scene: Scene): Promise<void> {
  const silence = new SilenceWatch(world.uptimeMs);
  const verdict = await judgeTask(world, scene.directory, 'fix.md', { silence, isInHand });
  if (verdict.kind === 'dead') await reapFor(world, scene, verdict);
}

/** As `clean --kill`: the owner dies by `kill`, and its claim is settled; the right is not taken before the death. */
export async function killAndReap(
  world: World,
  scene: Scene,
  kill: (pid: number) => boolean,
): Promise<boolean> {
  const lock = await readLock(world.files, scene.directory, 'fix.md');
  if (lock.kind !== 'claim' || !kill(lock.record.owner.pid)) return false;
  const judging = { silence: new SilenceWatch(world.uptimeMs), isInHand };
  const verdict = judgeLock(world, scene.directory, lock, judging);
  if (verdict.kind !== 'dead') scene.observer.wrong('lied', `a killed owner is ${verdict.kind}`);
  else await reapFor(world, scene, verdict);
  return true;
}

export async function reset(world: World, { directory, observer }: Scene): Promise<boolean> {
  const result = await resetTask(world, directory, taskIn(directory), 'a-run', 'codex-worker 1.0.0');
  if (result === 'blocked') observer.wrong('hung', 'a reset was blocked');
  return result === 'reset';
}

export async function keepTidy(world: World, { directory }: Scene, passes: number): Promise<void> {
  for (let pass = 0; pass < passes; pass++) {
    await tidy(world, directory);
    await world.sleep(0);
  }
}

/** C1, C2, C4–C6; an agent that does not exist needs no C3. */
async function claim(
  world: World,
  order: AttemptOrder,
  { nextAttempt }: History,
): Promise<{ lock: HeldLock; log: RunningLog } | undefined> {
  const { files, me } = world;
  const { directory, task } = order;
  const draft = await LockDraft.create(files, directory, order.claim, me);
  const log = await RunningLog.create(files, directory, task.name, order.claim);
  const record: ClaimRecord = {
    v: 1,
    kind: 'run',
    task: task.name,
    claim: order.claim,
    attempt: nextAttempt,
    dir: directory.id,
    run: order.run,
    host: me.host,
    owner: { pid: me.pid, start: me.start },
    at: '2026-01-02T03:04:05.678Z',
    by: order.by,
  };
  const lock = await draft.claim(record);
  if (lock) return { lock, log };
  await log.discard();
  await draft.abandon();
  return undefined;
}

function orderFor(directory: TaskDirectory, prior: string | undefined): AttemptOrder {
  return {
    claim: newClaimId(),
    run: 'a-run',
    task: taskIn(directory),
    directory,
    codex: { command: 'none', launcher: 'none', isCodex: true },
    codexVersion: '0',
    backend: 'exec',
    policy: 'never',
    settings: { mode: 'read-only', model: 'none', workingDirectory: directory.path, codexConfig: [] },
    retries: 1,
    by: 'codex-worker 1.0.0',
    ...(prior === undefined ? {} : { prior: { state: 'failed', id: prior } }),
  };
}

/** The life of one attempt, as engine/attempt.ts tells it. */
async function attempt(world: World, { directory, observer, agentEnd }: Scene, prior: string | undefined) {
  const { files } = world;
  const order = orderFor(directory, prior);
  const prompt = await readPrompt(files, order.task);
  if (prompt.kind !== 'read') return observer.wrong('lost', `the task file is ${prompt.kind}`);
  const history = await readHistory(files, directory, order.task.name);
  observer.acts(world, order.claim);
  const claimed = await claim(world, order, history);
  if (!claimed) return;
  const { lock, log } = claimed;
  const ports = { tell: () => {}, aborted: new AbortController().signal, env: {} };
  const source = prompt.source;
  const child = {} as GatedChild; // nobody asks it anything once it has ended
  const message = prompt.bytes;
  const running = {
    world,
    order,
    ports,
    history,
    startedAt: 0,
    source,
    thread: undefined,
    message,
    lock,
    log,
    child,
  };
  try {
    if (await lookAgain(running)) {
      await settle(world, { directory, task: order.task.name, claim: order.claim, role: 'owner' });
      return;
    }
    await announce(world, order, history, log, source.sha256);
    observer.agentStarts(world, order.claim); // C9
    await world.sleep(0);
    log.entry({ kind: 'message', text: `worked under ${order.claim}` });
    await world.sleep(0);
    observer.agentEnds(world); // F1
    const outcome = await conclude(running, new CodexListener(), agentEnd());
    if (outcome.kind === 'succeeded') observer.saysPublished(order.claim, 'done');
    else if (outcome.kind === 'failed') {
      if (!outcome.willRetry) observer.saysPublished(order.claim, 'failed');
    } else if (outcome.kind === 'returned' && outcome.reason.kind === 'log-deleted')
      observer.wrong('lost', 'the log of a running attempt was removed');
    else observer.wrong('twice', `a claim of a living owner was taken (${outcome.kind})`);
  } finally {
    await lock.close();
    await log.close();
  }
}

/** The header of the log, and C8. */
async function announce(
  world: World,
  { directory, task, claim: id }: AttemptOrder,
  { nextAttempt }: History,
  log: RunningLog,
  sha256: string,
): Promise<void> {
  log.header({ task: task.name, attempt: String(nextAttempt), claim: id, prompt: `${sha256} (sha256)` });
  await removeMirror(world, directory, task.name);
  const mirror = `${directory.path}/${markerOf.mirror(task.name)}`;
  if (directory.hardLinks) await world.files.link(log.path, mirror).catch(() => {});
}
