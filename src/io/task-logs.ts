/** The logs that there are of one task: of the attempt that is on, of its result, and of the attempts that were put aside. */
import type { ClaimId } from '../core/claim.ts';
import { markerOf, PRIVATE_DIRECTORY } from '../core/task.ts';
import { listEnded, rawName, type EndedKind } from './earlier-attempts.ts';
import { lookAt, resultId, type Files } from './files.ts';
import { mustNotLeadAway } from './file-system.ts';
import { readLock } from './lock-file.ts';
import { readLogHeader } from './result-log.ts';
import type { TaskDirectory } from './task-directory.ts';

export interface TaskLog {
  /** From 1; 0 for a result without a header of ours. */
  readonly attempt: number;
  readonly claim: ClaimId | undefined;
  readonly how: 'running' | EndedKind;
  readonly path: string;
}

export interface Result extends TaskLog {
  readonly how: 'completed' | 'failed';
  /** Of this very file: a later result has another. */
  readonly id: string;
}

/** All of them, oldest first: what was put aside, then the result, then what is on. */
export async function listLogs(files: Files, directory: TaskDirectory, task: string): Promise<TaskLog[]> {
  const running = await findRunning(files, directory, task);
  const results = [
    await findOne(files, directory, task, 'failed'),
    await findOne(files, directory, task, 'completed'),
  ];
  const ended = await listEnded(files, directory, task);
  const aside = ended.map(({ kind, ...log }): TaskLog => ({ ...log, how: kind }));
  return [...aside, ...results, running].filter((log) => log !== undefined);
}

/** The attempt that is on: the lock says which. `undefined` also when its log has been published or put aside already. */
export async function findRunning(
  files: Files,
  directory: TaskDirectory,
  task: string,
): Promise<TaskLog | undefined> {
  const lock = await readLock(files, directory, task);
  if (lock.kind !== 'claim') return undefined;
  const { attempt, claim } = lock.record;
  const path = `${directory.path}/${markerOf.runningLog(task, claim)}`;
  return (await lookAt(files, path)) && { attempt, claim, how: 'running', path };
}

/** The result that decides about the state of the task. */
export async function findResult(
  files: Files,
  directory: TaskDirectory,
  task: string,
): Promise<Result | undefined> {
  return (
    (await findOne(files, directory, task, 'completed')) ?? (await findOne(files, directory, task, 'failed'))
  );
}

async function findOne(
  files: Files,
  directory: TaskDirectory,
  task: string,
  how: 'completed' | 'failed',
): Promise<Result | undefined> {
  const path = `${directory.path}/${markerOf[how](task)}`;
  const stat = await lookAt(files, path);
  if (!stat) return undefined;
  const header = await readLogHeader(files, path);
  return { attempt: header?.attempt ?? 0, claim: header?.claim, how, path, id: resultId(stat) };
}

/** Where Codex's own events of an attempt are kept. Throws EnvironmentError when somebody has put a link in the way. */
export async function rawEventsOf(
  files: Files,
  directory: TaskDirectory,
  task: string,
  { attempt, claim }: Pick<TaskLog, 'attempt' | 'claim'>,
): Promise<string | undefined> {
  const folder = `${directory.path}/${PRIVATE_DIRECTORY}/raw`;
  if (claim === undefined || !(await lookAt(files, folder))) return undefined;
  await mustNotLeadAway(files, folder);
  const path = `${folder}/${rawName(task, attempt, claim, 'jsonl')}`;
  return (await lookAt(files, path)) && path;
}
