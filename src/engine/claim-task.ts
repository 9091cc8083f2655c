/**
 * C1–C6 of the lock protocol: the temporary lock file, the running log, the child behind its gate, and the link that is
 * the claim. The child exists before the claim, so that no moment exists at which a Codex runs that no lock file names.
 * Whoever changes the protocol runs `npm run model` (model/README.md).
 */
import type { ClaimRecord, PromptSource } from '../core/claim.ts';
import { errnoOf, isErrno, isStorageError } from '../core/errors.ts';
import type { EnvironmentProblem } from '../core/failure.ts';
import { spawnBehindGate, type GatedChild } from '../io/child.ts';
import { appServerArguments, codexArguments } from '../io/codex-arguments.ts';
import type { History } from '../io/earlier-attempts.ts';
import { createPrivate } from '../io/file-system.ts';
import { closeQuietly, lookAt, removeIfThere } from '../io/files.ts';
import { LockDraft, type HeldLock } from '../io/lock-file.ts';
import { identityToken } from '../io/process-identity.ts';
import { RunningLog } from '../io/result-log.ts';
import { temporaryPath } from '../io/task-directory.ts';
import type { Conversation } from './continuation.ts';
import type { AttemptOrder } from './order.ts';
import type { World } from './world.ts';

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
export async function claimTask(
  world: World,
  order: AttemptOrder,
  env: NodeJS.ProcessEnv,
  {
    conversation,
    history,
    source,
  }: {
    readonly conversation: Conversation;
    readonly history: History;
    readonly source: PromptSource;
  },
): Promise<Claimed> {
  const { files, me } = world;
  const { directory, task } = order;
  const draft = await LockDraft.create(files, directory, order.claim, me); // C1
  let log: RunningLog | undefined;
  let child: GatedChild | undefined;
  try {
    log = await RunningLog.create(files, directory, task.name, order.claim); // C2
    child = await spawnCodex(world, order, env, conversation); // C3
  } catch (error) {
    await leaveNothing(undefined, log, draft);
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
    src: source,
    at: world.now().toISOString(),
    by: order.by,
  };
  let lock: HeldLock | undefined;
  try {
    lock = await draft.claim(record); // C4–C6
  } finally {
    if (!lock) await leaveNothing(child, log, draft);
  }
  return lock ? { kind: 'claimed', lock, log, child } : { kind: 'taken' };
}

/** Each in its turn, whatever the disk says of the others: what it keeps now, the janitor finds. */
async function leaveNothing(
  child: GatedChild | undefined,
  log: RunningLog | undefined,
  draft: LockDraft,
): Promise<void> {
  for (const step of [() => child?.abandon(), () => log?.discard(), () => draft.abandon()]) {
    try {
      await step();
    } catch (error) {
      if (!isStorageError(error)) throw error;
    }
  }
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

/** C3. App-server is told its prompt. To exec the prompt goes as an open file without a name, so that
 * nothing can change it and nothing is left of it.
 */
async function spawnCodex(
  world: World,
  order: AttemptOrder,
  env: NodeJS.ProcessEnv,
  { thread, message }: Conversation,
): Promise<GatedChild> {
  const { files, me } = world;
  const { claim, codex, settings } = order;
  const childEnv = codex.pathPrefix
    ? { ...env, PATH: [codex.pathPrefix, env['PATH']].filter(Boolean).join(':') }
    : env;
  const request = {
    command: codex.command,
    workingDirectory: settings.workingDirectory,
    env: childEnv,
    claim,
  };
  if (order.backend === 'app-server')
    return spawnBehindGate({ ...request, args: appServerArguments(settings) }, world.table);
  const name = `prompt-${claim}.${identityToken(me)}`;
  const stdin = await createPrivate(files, order.directory, 'tmp', name);
  try {
    await files.write(stdin, message, 0); // at a position: where the child begins to read stays at 0
    await removeIfThere(files, temporaryPath(order.directory, name));
    return await spawnBehindGate({ ...request, args: codexArguments(settings, thread), stdin }, world.table);
  } finally {
    await closeQuietly(files, stdin); // a child that was spawned must not be forgotten for it
  }
}
