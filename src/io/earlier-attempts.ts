/**
 * The logs of attempts that gave no result, and of results that were superseded: moved here, never overwritten. One
 * file each, `.codex-worker/ended/<hash of the task's name>.<attempt>.<claim>.<how it ended>.txt`.
 *
 * Losing this folder loses counts and old logs, nothing else.
 */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { isClaimId, MOST_ATTEMPTS, newClaimId, type ClaimId } from '../core/claim.ts';
import { EnvironmentError, isErrno, isStorageError } from '../core/errors.ts';
import { markerOf, PRIVATE_DIRECTORY } from '../core/task.ts';
import { threadIn } from './app-server.ts';
import { CodexListener } from './codex-listener.ts';
import {
  inTurns,
  listIfThere,
  lookAt,
  readEnd,
  readSmall,
  removeIfThere,
  type Files,
  type SmallFile,
} from './files.ts';
import { listPrivate, makePrivateDirectory, mustNotLeadAway } from './file-system.ts';
import {
  readLogHeader,
  readLogOutcome,
  readNextStep,
  THREAD_LOST,
  type LogHeader,
  type NextStep,
} from './result-log.ts';
import { isThreadId } from './rollout.ts';
import type { TaskDirectory } from './task-directory.ts';

/** `died`: its owner did. `lost`: somebody removed its lock. `duplicate`: a result was already there. */
export const ENDED_KINDS = [
  'retry',
  'interrupted',
  'died',
  'lost',
  'failed',
  'completed',
  'duplicate',
] as const;
export type EndedKind = (typeof ENDED_KINDS)[number];

interface EndedAttempt {
  readonly attempt: number;
  readonly claim: ClaimId;
  readonly kind: EndedKind;
}

/** What is known of a task's attempts so far. */
export interface History {
  /** The number of the next attempt, from 1. */
  readonly nextAttempt: number;
  /** Attempts that failed and were put back since the task last had a result. */
  readonly retriesUsed: number;
  /** Attempts whose owner died, one after another, since the task last had a result. */
  readonly deaths: number;
  /** Attempts since then that were given back. */
  readonly interruptions: number;
  /** What the last attempt left to the next, if that had no result. */
  readonly last?: LastAttempt;
  /** Which state of the folder it was read from, where any change since could be told. */
  readonly seen?: string;
}

interface LastStep extends NextStep {
  /** To be continued: only what is said in that thread has to be said to it. */
  readonly thread?: string;
}

/** An attempt that ended without a result, and of which it is known how the task goes on. */
export interface LastAttempt extends LastStep {
  readonly promptSha256: string;
  readonly attempt: number;
  readonly claim: ClaimId;
}

const KEPT_PER_TASK = 20;
const HASH_LENGTH = 16;
const hashOf = (task: string) => createHash('sha256').update(task).digest('hex').slice(0, HASH_LENGTH);
const endedDirectory = (directory: TaskDirectory) => `${directory.path}/${PRIVATE_DIRECTORY}/ended`;

/** Where the raw events (`jsonl`) and the raw stderr of an attempt are kept, and what `--verify` printed, out of sight: names in the folder `raw`. */
export function rawName(
  task: string,
  attempt: number,
  claim: ClaimId,
  extension: 'jsonl' | 'stderr' | 'verify',
): string {
  return `${hashOf(task)}.${attempt}.${claim}.${extension}`;
}

/** What `--verify` printed of an attempt, at most so many bytes of its end; empty when it is not there any more. */
export async function readVerifyOutput(
  files: Files,
  directory: TaskDirectory,
  { task, attempt, claim }: { readonly task: string; readonly attempt: number; readonly claim: ClaimId },
  limit: number,
): Promise<string> {
  const folder = `${directory.path}/${PRIVATE_DIRECTORY}/raw`;
  try {
    await mustNotLeadAway(files, folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return '';
    throw error;
  }
  const end = await readEnd(files, `${folder}/${rawName(task, attempt, claim, 'verify')}`, limit);
  // It may begin in the middle of a character.
  return end?.bytes.toString('utf8').replace(/^\ufffd+/, '') ?? '';
}

/** App-server says much before it says which thread it has begun. */
const FIRST_WORDS_BYTES = 65_536;

/** Codex's thread, as an attempt heard of it: among the first that Codex prints. `undefined` when nobody knows. */
export async function readThread(
  files: Files,
  directory: TaskDirectory,
  { task, attempt, claim }: { readonly task: string; readonly attempt: number; readonly claim: ClaimId },
): Promise<string | undefined> {
  const folder = `${directory.path}/${PRIVATE_DIRECTORY}/raw`;
  let file: SmallFile;
  try {
    await mustNotLeadAway(files, folder);
    file = await readSmall(files, `${folder}/${rawName(task, attempt, claim, 'jsonl')}`, FIRST_WORDS_BYTES);
  } catch (error) {
    if (error instanceof EnvironmentError || isStorageError(error) || isErrno(error, 'ENOENT', 'ENOTDIR'))
      return undefined; // it must not hold up what is put right after a dead owner
    throw error;
  }
  if (file.kind !== 'read') return undefined;
  const heard = new CodexListener();
  const lines = file.bytes.toString('utf8').split('\n').slice(0, -1);
  for (const line of lines) heard.line(line);
  const thread = heard.threadId ?? lines.map(threadIn).find((found) => found !== undefined);
  return isThreadId(thread) ? thread : undefined;
}

function parseEnded(name: string): (EndedAttempt & { readonly hash: string }) | undefined {
  const [hash, attempt, claim, kind, extension, ...rest] = name.split('.');
  const known = ENDED_KINDS.find((word) => word === kind);
  if (
    !hash ||
    !attempt ||
    !/^\d{1,9}$/.test(attempt) ||
    !claim ||
    !isClaimId(claim) ||
    !known ||
    extension !== 'txt' ||
    rest.length > 0
  )
    return undefined;
  return { hash, attempt: Number(attempt), claim, kind: known };
}

/** A directory's time stamp is as coarse as the clock's tick: two changes in one of them cannot be told apart. */
const TICK_MS = 20;

/** The state of the folder; `undefined` where the next change may leave it as it is. */
async function stampOf(files: Files, directory: TaskDirectory, now: Date): Promise<string | undefined> {
  const stat = await lookAt(files, endedDirectory(directory));
  if (!stat) return 'absent';
  const isOld = now.getTime() - Number(stat.mtimeNs / 1_000_000n) > TICK_MS;
  return isOld && !directory.network ? `${stat.ino}:${stat.mtimeNs}` : undefined;
}

/**
 * Whether nothing has come to what was read before the task was claimed: another terminal's whole attempt may have. One call,
 * unless any attempt in the directory has ended meanwhile.
 */
export async function isCurrent(
  files: Files,
  directory: TaskDirectory,
  task: string,
  history: History,
  now: Date,
): Promise<boolean> {
  const { seen, ...known } = history;
  if (seen !== undefined && seen === (await stampOf(files, directory, now))) return true;
  return isDeepStrictEqual(known, await readHistory(files, directory, task));
}

/**
 * Counts a task's earlier attempts. A published result ends a series: retries and deaths are counted after it. With `now` it can
 * be asked later whether it `isCurrent`.
 */
export async function readHistory(
  files: Files,
  directory: TaskDirectory,
  task: string,
  now?: Date,
): Promise<History> {
  const seen = now && (await stampOf(files, directory, now)); // before the names are
  const hash = hashOf(task);
  const ended = (await listIfThere(files, endedDirectory(directory)))
    .filter((name) => name.startsWith(hash))
    .map(parseEnded)
    .filter((entry) => entry !== undefined);
  const results = ended
    .filter(({ kind }) => kind === 'failed' || kind === 'completed')
    .map(({ attempt }) => attempt);
  for (const path of [markerOf.failed(task), markerOf.completed(task)]) {
    const header = await readLogHeader(files, `${directory.path}/${path}`);
    if (header) results.push(header.attempt);
  }
  const lastResult = Math.max(0, ...results);
  const since = ended.filter(({ attempt }) => attempt > lastResult || attempt === MOST_ATTEMPTS);
  const last = await readLastAttempt(files, directory, task, since);
  return {
    nextAttempt: Math.min(MOST_ATTEMPTS, 1 + Math.max(lastResult, ...ended.map(({ attempt }) => attempt))),
    retriesUsed: since.filter(({ kind }) => kind === 'retry').length,
    deaths: await deathsInARow(files, directory, task, since),
    interruptions: since.filter(({ kind }) => kind === 'interrupted').length,
    ...(last ? { last } : {}),
    ...(seen === undefined ? {} : { seen }),
  };
}

/**
 * An attempt that came to an end while its owner lived has not killed it: the deaths before it were of something else. One that
 * only found its thread lost says nothing of that: the death before it may be what lost it.
 */
async function deathsInARow(
  files: Files,
  directory: TaskDirectory,
  task: string,
  attempts: readonly EndedAttempt[],
): Promise<number> {
  if (!attempts.some(({ kind }) => kind === 'died')) return 0;
  let since = 0;
  for (const ended of attempts) {
    const { kind, attempt } = ended;
    if (attempt <= since || (kind !== 'retry' && kind !== 'interrupted')) continue;
    const outcome =
      kind === 'interrupted' && (await readLogOutcome(files, endedPath(directory, { task, ...ended })));
    if (outcome !== THREAD_LOST) since = attempt;
  }
  return attempts.filter(({ kind, attempt }) => kind === 'died' && attempt >= since).length;
}

async function readLastAttempt(
  files: Files,
  directory: TaskDirectory,
  task: string,
  since: readonly EndedAttempt[],
): Promise<LastAttempt | undefined> {
  const newest = since.reduce<EndedAttempt | undefined>(
    (a, b) => (a === undefined || b.attempt > a.attempt ? b : a),
    undefined,
  );
  if (newest?.kind !== 'retry' && newest?.kind !== 'interrupted' && newest?.kind !== 'died') return undefined;
  const { attempt, claim, kind } = newest;
  const path = endedPath(directory, { task, ...newest });
  const header = await readLogHeader(files, path);
  if (!header) return undefined;
  const step =
    kind === 'died'
      ? afterDeath(header, await readThread(files, directory, { task, attempt, claim }))
      : await readNextStep(files, path);
  if (!step) return undefined;
  const { promptSha256, begun } = header;
  return { ...(begun === undefined ? {} : { begun }), ...step, promptSha256, attempt, claim };
}

/** An owner that died wrote no footer: its agent was interrupted, in the thread that it spoke of, or was to continue. */
function afterDeath({ continues }: LogHeader, heard: string | undefined): LastStep {
  const thread = heard ?? continues;
  return { in: 'same-thread', because: 'interrupted', ...(thread === undefined ? {} : { thread }) };
}

function endedPath(
  directory: TaskDirectory,
  { task, attempt, claim, kind }: EndedAttempt & { readonly task: string },
): string {
  return `${endedDirectory(directory)}/${hashOf(task)}.${attempt}.${claim}.${kind}.txt`;
}

/** A log that was put aside, and where it is. */
export interface EndedLog extends EndedAttempt {
  readonly path: string;
}

/** The logs of a task that were put aside, in the order of their attempts; of one number there may be several. */
export async function listEnded(files: Files, directory: TaskDirectory, task: string): Promise<EndedLog[]> {
  const hash = hashOf(task);
  return (await listPrivate(files, directory, 'ended'))
    .filter((name) => name.startsWith(hash))
    .flatMap((name) => {
      const ended = parseEnded(name);
      return ended ? [{ ...ended, path: `${endedDirectory(directory)}/${name}` }] : [];
    })
    .sort((a, b) => a.attempt - b.attempt);
}

/** Moves a log here; `undefined` when there was none to move. Returns the new path. */
export async function putAside(
  files: Files,
  directory: TaskDirectory,
  from: string,
  ended: EndedAttempt & { readonly task: string },
): Promise<string | undefined> {
  let to = endedPath(directory, ended);
  for (;;) {
    try {
      await mustNotLeadAway(files, endedDirectory(directory));
      await files.rename(from, to);
      return to;
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR', 'ENOTEMPTY', 'EEXIST')) throw error;
    }
    if (!(await lookAt(files, from))) return undefined;
    // A directory that somebody made, there or here, and that nothing of the other kind can replace.
    if (await lookAt(files, to)) to = endedPath(directory, { ...ended, claim: newClaimId() });
    else await makePrivateDirectory(files, directory, 'ended');
  }
}

/**
 * Moves a published result here. Its attempt and claim stand in its header; a file without one gets a name of its own,
 * and so does a copy of a log that is here already.
 */
export async function putResultAside(
  files: Files,
  directory: TaskDirectory,
  task: string,
  kind: 'failed' | 'completed',
): Promise<string | undefined> {
  const path = `${directory.path}/${markerOf[kind](task)}`;
  const stat = await lookAt(files, path);
  if (!stat) return undefined;
  const header = await readLogHeader(files, path);
  const foreign = createHash('sha256')
    .update(`${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeNs}`)
    .digest('hex')
    .slice(0, 32);
  const attempt = header?.attempt ?? 0;
  const named = header && { task, attempt, claim: header.claim, kind };
  const isTaken = named && (await lookAt(files, endedPath(directory, named))) !== undefined;
  return putAside(
    files,
    directory,
    path,
    named && !isTaken ? named : { task, attempt, claim: foreign, kind },
  );
}

/**
 * Keeps the newest attempts of each task (20), or none with `all`, and their raw events; those of a result that stands
 * beside its task stay. Returns the paths removed, relative to the private folder.
 */
export async function pruneEnded(
  files: Files,
  directory: TaskDirectory,
  all: boolean,
  dryRun: boolean,
): Promise<string[]> {
  const removed: string[] = [];
  const removedClaims = new Set<ClaimId>();
  for (const folder of ['ended', 'raw'] as const) {
    const mayAllGo = all && (folder === 'ended' || removedClaims.size > 0);
    for (const group of await listByTask(files, directory, folder, mayAllGo ? 0 : KEPT_PER_TASK)) {
      group.sort((a, b) => b.attempt - a.attempt || (a.name < b.name ? -1 : 1));
      const newest = new Set<string>(); // of one attempt there may be two files
      for (const { name, attempt } of group) {
        const claim = name.split('.')[2] ?? '';
        const isOld = newest.add(`${attempt} ${claim}`).size > KEPT_PER_TASK;
        if (!isOld && !(all && (folder === 'ended' || removedClaims.has(claim)))) continue;
        removedClaims.add(claim);
        const path = `${folder}/${name}`;
        if (dryRun || (await removeIfThere(files, `${directory.path}/${PRIVATE_DIRECTORY}/${path}`)))
          removed.push(path);
      }
    }
  }
  return removed;
}

/** The names of each task that has more than so many of them there: most have a few, and there may be many tasks. */
async function listByTask(
  files: Files,
  directory: TaskDirectory,
  folder: 'ended' | 'raw',
  moreThan: number,
): Promise<Iterable<{ name: string; attempt: number }[]>> {
  const names = await listPrivate(files, directory, folder);
  const counts = new Map<string, number>();
  await inTurns(names, (name) => {
    const hash = name.slice(0, HASH_LENGTH);
    counts.set(hash, (counts.get(hash) ?? 0) + 1);
  });
  const groups = new Map<string, { name: string; attempt: number }[]>();
  await inTurns(names, (name) => {
    if ((counts.get(name.slice(0, HASH_LENGTH)) ?? 0) <= moreThan) return;
    const match = /^([0-9a-f]{16})\.(\d+)\./.exec(name);
    if (!match?.[1]) return;
    const group = groups.get(match[1]) ?? [];
    group.push({ name, attempt: Number(match[2]) });
    groups.set(match[1], group);
  });
  return groups.values();
}
