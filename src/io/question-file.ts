/**
 * What an agent asks, in two files of its task directory.
 *
 *   .codex-worker/questions/<claim>.<n>.json   the question as data, one line; whoever answers reads it
 *   needs-approval-T                           the open questions of task T in plain words, for `ls` and `cat`; nothing reads it
 *
 * Both are the owner's, who writes them only while it holds the claim, and removes them before the claim is released;
 * after a dead owner, whoever settles its claim does, and the janitor. An agent may be able to write here as well as we
 * can: so everything is read with a bound and never through a link, and an answer is bound to the words that were shown
 * (`digestOf`), which the owner compares with its own.
 */
import { randomBytes } from 'node:crypto';
import type { ClaimId, ProcessIdentity } from '../core/claim.ts';
import { EnvironmentError, isErrno } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import type { Question } from '../core/question.ts';
import { asQuestion, MOST_QUESTIONS } from '../core/question-fields.ts';
import { markerOf, PRIVATE_DIRECTORY } from '../core/task.ts';
import { createPrivate, listPrivate, makePrivateDirectory, mustNotLeadAway } from './file-system.ts';
import {
  lookAt,
  readSmall,
  removeIfThere,
  renameIfThere,
  resultId,
  type BigIntStats,
  type Files,
} from './files.ts';
import { identityToken } from './process-identity.ts';
import { temporaryPath, type TaskDirectory } from './task-directory.ts';

/** One question: far more than a person reads. */
const MOST_BYTES = 16 * 1_048_576;
/** All that are read at once: whoever writes more there wants to see us out of memory. */
const MOST_BYTES_OF_ALL = 64 * 1_048_576;

const MAGIC = '# codex-worker: ';

type Place = Pick<TaskDirectory, 'path'>;

const folderOf = ({ path }: Place) => `${path}/${PRIVATE_DIRECTORY}/questions`;
const nameOf = (claim: ClaimId, n: number) => `${claim}.${n}.json`;

/** Which question a name in the folder is of. */
export function parseQuestionName(name: string): { readonly claim: ClaimId; readonly n: number } | undefined {
  const [, claim, n] = /^([0-9a-f]{32})\.([1-9]\d{0,5})\.json$/.exec(name) ?? [];
  return claim === undefined || Number(n) > MOST_QUESTIONS ? undefined : { claim, n: Number(n) };
}

/**
 * Puts the question where it can be found; again and again does no harm. The owner's, while it holds the claim. Throws
 * EnvironmentError for one that is too large to be read, and where it cannot be; ENOENT only when the task directory is gone.
 */
export async function writeQuestion(
  files: Files,
  directory: TaskDirectory,
  me: ProcessIdentity,
  question: Question,
): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify({ v: 1, ...question })}\n`);
  if (bytes.length > MOST_BYTES)
    throw new EnvironmentError(
      `an agent's question has ${bytes.length} bytes, and ${MOST_BYTES} is the most that can be shown`,
    );
  const path = `${folderOf(directory)}/${nameOf(question.claim, question.n)}`;
  for (;;) {
    const draft = await writeDraft(files, directory, me, bytes);
    try {
      await mustNotLeadAway(files, folderOf(directory));
      await files.rename(draft, path);
      return;
    } catch (error) {
      if (isErrno(error, 'EISDIR', 'ENOTEMPTY', 'EEXIST'))
        throw new EnvironmentError(`${path} is a directory`, 'move it out of the way', { cause: error });
      if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    } finally {
      await removeIfThere(files, draft);
    }
    await makePrivateDirectory(files, directory, 'questions');
  }
}

/** Whether the file of a question is where it was put; somebody may have removed it, or the whole folder. */
export async function isWritten(files: Files, directory: Place, { claim, n }: Question): Promise<boolean> {
  return (await lookAt(files, `${folderOf(directory)}/${nameOf(claim, n)}`)) !== undefined;
}

/** A whole file under a name that the janitor knows what to do with; the path. */
async function writeDraft(
  files: Files,
  directory: TaskDirectory,
  me: ProcessIdentity,
  bytes: Buffer,
): Promise<string> {
  const name = newName('asking', me);
  const fd = await createPrivate(files, directory, 'tmp', name);
  try {
    await files.write(fd, bytes, 0);
    await files.fsync(fd); // a power cut must not leave a notice that nobody knows for ours
  } finally {
    await files.close(fd);
  }
  return temporaryPath(directory, name);
}

const newName = (what: string, me: ProcessIdentity) =>
  `${what}-${randomBytes(8).toString('hex')}.${identityToken(me)}`;

/** The claims that have, or had, questions here, with the names of these. None where the folder is elsewhere. */
export async function questionNames(files: Files, directory: Place): Promise<Map<ClaimId, string[]>> {
  const byClaim = new Map<ClaimId, string[]>();
  for (const name of await listQuestions(files, directory)) {
    const claim = parseQuestionName(name)?.claim;
    if (claim === undefined) continue;
    const names = byClaim.get(claim);
    if (names) names.push(name);
    else byClaim.set(claim, [name]);
  }
  return byClaim;
}

async function listQuestions(files: Files, directory: Place): Promise<readonly string[]> {
  try {
    return await listPrivate(files, directory, 'questions');
  } catch (error) {
    if (error instanceof EnvironmentError || isErrno(error, 'ELOOP')) return []; // a link stands there: they are not ours
    throw error;
  }
}

/**
 * What is asked here, oldest first. Left out is what is no question, or says that it is another than its name does. That the
 * lock of its task still holds its claim is for the caller to ask.
 */
export async function readQuestions(files: Files, directory: Place): Promise<Question[]> {
  const questions: Question[] = [];
  let room = MOST_BYTES_OF_ALL;
  for (const names of (await questionNames(files, directory)).values()) {
    for (const name of names) {
      const file = await readSmall(files, `${folderOf(directory)}/${name}`, Math.min(MOST_BYTES, room) + 1);
      if (file.kind !== 'read') continue;
      room -= file.bytes.length;
      if (room < 0) return inOrder(questions);
      const question = file.bytes.length > MOST_BYTES ? undefined : asQuestion(parse(file.bytes));
      if (question && nameOf(question.claim, question.n) === name) questions.push(question);
    }
  }
  return inOrder(questions);
}

const inOrder = (questions: readonly Question[]) =>
  questions.toSorted((a, b) => a.at - b.at || a.n - b.n || (a.claim < b.claim ? -1 : 1));

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Whether it was there. */
export async function removeQuestion(
  files: Files,
  directory: Place,
  claim: ClaimId,
  n: number,
): Promise<boolean> {
  return removeNamed(files, directory, nameOf(claim, n));
}

/** All questions of a claim. */
export async function removeQuestions(files: Files, directory: Place, claim: ClaimId): Promise<void> {
  for (const name of (await questionNames(files, directory)).get(claim) ?? [])
    await removeNamed(files, directory, name);
}

async function removeNamed(files: Files, directory: Place, name: string): Promise<boolean> {
  const folder = folderOf(directory);
  try {
    await mustNotLeadAway(files, folder);
  } catch (error) {
    if (error instanceof EnvironmentError || isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
  return removeIfThere(files, `${folder}/${name}`);
}

/**
 * Makes `needs-approval-T` say `text` under a heading by which it is known for ours, or removes it (`undefined`). It is
 * replaced at once, so nobody reads half of it. A file that is not ours is left as it is. Throws as `writeQuestion` does.
 */
export async function writeNotice(
  files: Files,
  directory: TaskDirectory,
  me: ProcessIdentity,
  task: string,
  text: string | undefined,
): Promise<void> {
  const path = noticePath(directory, task);
  const there = await lookAtNotice(files, path);
  if (there === 'not-ours') return;
  if (text === undefined) {
    if (there !== 'absent') await removeIfThere(files, path);
    return;
  }
  const heading = `${MAGIC}${printable(task)} asks for your approval\n\n`;
  const draft = await writeDraft(files, directory, me, Buffer.from(heading + text));
  try {
    await (there === 'absent' ? giveName(files, directory, draft, path) : files.rename(draft, path));
  } catch (error) {
    // Somebody has put something of their own there just now, or has removed the draft with its folder: it is for people only.
    if (!isErrno(error, 'EEXIST', 'ENOENT', 'EISDIR')) throw error;
  } finally {
    await removeIfThere(files, draft);
  }
}

const noticePath = ({ path }: Place, task: string) => `${path}/${markerOf.question(task)}`;

/** Only if the name is free; where there are no hard links, only if it seems to be. Throws EEXIST else. */
async function giveName(files: Files, { hardLinks }: TaskDirectory, from: string, to: string): Promise<void> {
  if (hardLinks) await files.link(from, to);
  else if (!(await lookAt(files, to))) await files.rename(from, to);
}

async function lookAtNotice(files: Files, path: string): Promise<'absent' | 'not-ours' | BigIntStats> {
  // Asked for each claim of a dead owner, and there hardly ever is one: a look costs less than to open nothing.
  if (!(await lookAt(files, path))) return 'absent';
  const file = await readSmall(files, path, MAGIC.length);
  if (file.kind === 'absent') return 'absent';
  return file.kind === 'read' && file.bytes.toString('latin1') === MAGIC ? file.stat : 'not-ours';
}

/** Whether there was one of ours to remove. For whoever settles the claim under which it was written, before its lock goes. */
export async function removeNotice(files: Files, directory: Place, task: string): Promise<boolean> {
  const path = noticePath(directory, task);
  return typeof (await lookAtNotice(files, path)) === 'object' && removeIfThere(files, path);
}

/**
 * Removes a notice that nobody's claim has written: `isLocked` is asked after the file was looked at. A claim that is made
 * just then may put its own notice there; no call removes a name only if it still leads to that file, so it is taken aside,
 * looked at, and put back if it is another one. With `dryRun` only whether it would be removed.
 */
export async function removeStaleNotice(
  files: Files,
  directory: TaskDirectory,
  me: ProcessIdentity,
  task: string,
  { isLocked, dryRun }: { readonly isLocked: () => Promise<boolean>; readonly dryRun: boolean },
): Promise<boolean> {
  const path = noticePath(directory, task);
  const seen = await lookAtNotice(files, path);
  if (typeof seen !== 'object' || (await isLocked())) return false;
  if (dryRun) return true;
  await makePrivateDirectory(files, directory);
  const aside = temporaryPath(directory, newName('notice', me));
  if (!(await renameIfThere(files, path, aside))) return false;
  const taken = await lookAt(files, aside);
  const isMeant = taken !== undefined && resultId(taken) === resultId(seen);
  if (!isMeant)
    await giveName(files, directory, aside, path).catch((error: unknown) => {
      if (!isErrno(error, 'EEXIST', 'ENOENT')) throw error; // it has been written anew meanwhile, or there is nothing to put back
    });
  await removeIfThere(files, aside);
  return isMeant;
}
