/**
 * Removes what processes that died between two steps left behind and nobody can use: rights to claims that are gone,
 * logs without a claim, questions of claims that are gone, temporary files of dead processes, mirrors of nothing. Each rule is safe beside every step of
 * every other process; the order of the looks inside each is what makes it so. Whoever changes it runs `npm run model`.
 */
import { basename } from 'node:path';
import type { ClaimId } from '../core/claim.ts';
import { markerOf, Marks, parseMarker, PRIVATE_DIRECTORY } from '../core/task.ts';
import { survivors } from '../io/sweep.ts';
import { pruneEnded, putAside } from '../io/earlier-attempts.ts';
import { listPrivate } from '../io/file-system.ts';
import { inTurns, listDirectory, lookAt, removeIfThere, type Files } from '../io/files.ts';
import { uselessProbes } from '../io/probe-file.ts';
import { claimIdIn, readLock } from '../io/lock-file.ts';
import { questionNames, removeQuestion, removeStaleNotice, parseQuestionName } from '../io/question-file.ts';
import { isTokenOfTheDead } from '../io/process-identity.ts';
import { isOwnLog, readLogHeader } from '../io/result-log.ts';
import type { TaskDirectory } from '../io/task-directory.ts';
import { removeMirror } from './settle.ts';
import type { World } from './world.ts';

export interface JanitorOptions {
  /** Only say what would be removed. */
  readonly dryRun: boolean;
  /** Remove the logs of all earlier attempts too. */
  readonly all: boolean;
}

/**
 * Returns the names that it removed or moved aside, relative to the directory. `listed` is what somebody has listed
 * before: the markers in it are looked at now, each as if this process had been stopped after its own listing.
 */
export async function tidy(
  world: World,
  directory: TaskDirectory,
  options: JanitorOptions = { dryRun: false, all: false },
  listed?: Marks,
): Promise<string[]> {
  const { rights, runningLogs, mirrors, questions } = listed ?? (await listMarks(world.files, directory));
  const gone: string[] = [];
  if (rights.length > 0) gone.push(...(await tidyRights(world, directory, options.dryRun)));
  gone.push(...(await tidyQuestions(world, directory, options.dryRun)));
  for (const name of questions) gone.push(...(await tidyNotice(world, directory, name, options.dryRun)));
  for (const name of runningLogs) gone.push(...(await tidyLog(world, directory, name, options.dryRun)));
  for (const name of mirrors) {
    const marker = parseMarker(name);
    const isThere = async (beside: string) =>
      (await lookAt(world.files, `${directory.path}/${beside}`)) !== undefined;
    if (marker?.kind !== 'mirror' || (await isThere(markerOf.lock(marker.task)))) continue;
    const isTask = await isThere(marker.task); // a blank `in-progress-list.txt` beside no such task is a user's own
    const removed = options.dryRun
      ? await isOwnLog(world.files, `${directory.path}/${name}`, isTask)
      : await removeMirror(world, directory, marker.task, isTask);
    if (removed) gone.push(name);
  }
  gone.push(...(await tidyTemporary(world, directory, options.dryRun))); // after the logs, which are judged by them
  for (const path of await pruneEnded(world.files, directory, options.all, options.dryRun))
    gone.push(`${PRIVATE_DIRECTORY}/${path}`);
  return gone;
}

async function listMarks(files: Files, { path }: TaskDirectory): Promise<Marks> {
  const marks = new Marks();
  await inTurns((await listDirectory(files, path)).names, (name) => void marks.add(name));
  return marks;
}

/** List the rights first, then read every lock: the other way round a right that was just taken could be removed. */
async function tidyRights(world: World, directory: TaskDirectory, dryRun: boolean): Promise<string[]> {
  const { files } = world;
  const { rights } = await listMarks(files, directory);
  const held = await heldClaims(files, directory);
  if (!held) return [];
  const gone: string[] = [];
  for (const name of rights) {
    const marker = parseMarker(name);
    if (marker?.kind !== 'right' || held.has(marker.claim)) continue;
    if (dryRun || (await removeIfThere(files, `${directory.path}/${name}`))) gone.push(name);
  }
  return gone;
}

/** Every claim that a lock holds; `undefined` when one cannot be read, which may hold any claim. */
async function heldClaims(files: Files, directory: TaskDirectory): Promise<ReadonlySet<ClaimId> | undefined> {
  const held = new Set<ClaimId>();
  for (const task of (await listMarks(files, directory)).locked) {
    const lock = await readLock(files, directory, task);
    if (lock.kind === 'damaged') return undefined;
    const claim = claimIdIn(lock);
    if (claim) held.add(claim);
  }
  return held;
}

/**
 * List the questions first, then read every lock, as with the rights: an owner asks only while it holds its claim, which never
 * comes back, so a question that was there before its claim was looked for, and not found, is nobody's.
 */
async function tidyQuestions(world: World, directory: TaskDirectory, dryRun: boolean): Promise<string[]> {
  const { files } = world;
  const asked = await questionNames(files, directory);
  const held = asked.size > 0 ? await heldClaims(files, directory) : undefined;
  if (!held) return [];
  const gone: string[] = [];
  for (const [claim, names] of asked) {
    if (held.has(claim)) continue;
    for (const name of names) {
      const n = parseQuestionName(name)?.n ?? 0;
      if (dryRun || (await removeQuestion(files, directory, claim, n)))
        gone.push(`${PRIVATE_DIRECTORY}/questions/${name}`);
    }
  }
  return gone;
}

/** The words of questions that nobody asks any more, beside a task that nobody has. */
async function tidyNotice(
  world: World,
  directory: TaskDirectory,
  name: string,
  dryRun: boolean,
): Promise<string[]> {
  const { files, me } = world;
  const marker = parseMarker(name);
  if (marker?.kind !== 'question') return [];
  const lock = `${directory.path}/${markerOf.lock(marker.task)}`;
  const isLocked = async () => (await lookAt(files, lock)) !== undefined;
  return (await removeStaleNotice(files, directory, me, marker.task, { isLocked, dryRun })) ? [name] : [];
}

/**
 * A running log whose claim was never made, or was settled without it (a person removed the lock). Its temporary lock
 * file goes first, and only then is the lock read: without that file nobody can link the claim any more, so this is
 * right even where a living process of a cloned machine was taken for a dead one of this (but not without hard links).
 */
async function tidyLog(
  world: World,
  directory: TaskDirectory,
  name: string,
  dryRun: boolean,
): Promise<string[]> {
  const { files, table, me } = world;
  const marker = parseMarker(name);
  if (marker?.kind !== 'running-log') return [];
  const { task, claim } = marker;
  const gone: string[] = [];
  const temporaries = await listPrivate(files, directory, 'tmp');
  const drafts = temporaries.filter((temporary) => temporary.startsWith(`${claim}.`));
  if (drafts.some((draft) => !isTokenOfTheDead(draft.slice(claim.length + 1), me, table))) return [];
  for (const draft of dryRun ? [] : drafts) {
    const path = `${PRIVATE_DIRECTORY}/tmp/${draft}`;
    if (await removeIfThere(files, `${directory.path}/${path}`)) gone.push(path);
  }
  const lock = await readLock(files, directory, task);
  if (lock.kind === 'damaged' || claimIdIn(lock) === claim) return gone;
  if (survivors(claim, undefined, table).length > 0) return gone;
  const path = `${directory.path}/${name}`;
  const stat = await lookAt(files, path);
  if (!stat) return gone;
  if (dryRun) return [name];
  const isRemoved =
    stat.size === 0n
      ? await removeIfThere(files, path)
      : (await putAside(files, directory, path, {
          task,
          attempt: (await readLogHeader(files, path))?.attempt ?? 0,
          claim,
          kind: 'lost',
        })) !== undefined;
  return isRemoved ? [...gone, name] : gone;
}

/** Their names end with the identity of the process that made them: five parts, so nothing has to be opened. */
async function tidyTemporary(world: World, directory: TaskDirectory, dryRun: boolean): Promise<string[]> {
  const { files, table, me } = world;
  const folder = `${directory.path}/${PRIVATE_DIRECTORY}/tmp`;
  const gone: string[] = [];
  const names = await listPrivate(files, directory, 'tmp');
  const useless = await uselessProbes(files, directory, names, world.now().getTime());
  for (const name of names) {
    const isDead = isTokenOfTheDead(name.split('.').slice(-5).join('.'), me, table);
    if (!isDead && !useless.includes(name)) continue;
    if (dryRun || (await removeIfThere(files, `${folder}/${name}`)))
      gone.push(`${PRIVATE_DIRECTORY}/tmp/${basename(name)}`);
  }
  return gone;
}
