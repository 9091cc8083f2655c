/**
 * What a person has answered: a file in the user's own state folder, out of the reach of agents, which can write in the
 * task directory. Its name, `<claim>.<n>`, is that of the question, and is given once: by a person at any terminal, or by
 * the run itself (nobody answered in time; the attempt is ending). Whoever comes second learns who was first.
 *
 * PROMISE. An answer appears whole, by link(2), and only if the name was free. Its name stays taken until the claim is
 * released; a claim id never comes back, so an answer that comes late is one to nothing.
 *
 * Where there are no hard links it is created in place: then too there is one answer at most, but a kill between create
 * and write leaves a name that is taken by nobody's answer, which a person has to remove.
 *
 * CALLING SEQUENCE: `openAnswers` → `giveAnswer` (`taken`: read who has) → look again whether the lock holds the claim; if
 * not, `removeAnswers`. The owner: `readAnswer` every now and then, and `removeAnswersOf` once the claim is released.
 */
import { randomBytes } from 'node:crypto';
import { join, normalize } from 'node:path';
import type { ClaimId } from '../core/claim.ts';
import { EnvironmentError, errnoOf, isErrno, isStorageError, isSystemError } from '../core/errors.ts';
import type { Answer } from '../core/question.ts';
import { asAnswer } from '../core/question-fields.ts';
import {
  closeQuietly,
  CREATE,
  describeType,
  listIfThere,
  lookAt,
  makeDirectory,
  readSmall,
  removeIfThere,
  sameFile,
  type Files,
} from './files.ts';

const MOST_BYTES = 16_384;
/** Left by runs that died: no claim is looked at by anybody for so long. */
const KEPT_NS = 7n * 86_400_000_000_000n;
const ELSEWHERE = 'set XDG_STATE_HOME to a directory of your own';

/** Absolute. Throws EnvironmentError where the environment does not say it. */
export function answersFolder(env: NodeJS.ProcessEnv): string {
  // A path that is not absolute is invalid and to be ignored, says the XDG base directory specification.
  const absolute = (path: string | undefined) => (path?.startsWith('/') ? normalize(path) : undefined);
  const home = absolute(env['HOME']);
  const state =
    absolute(env['XDG_STATE_HOME']) ?? (home === undefined ? undefined : join(home, '.local/state'));
  if (state === undefined)
    throw new EnvironmentError(
      'there is no place for answers: neither HOME nor XDG_STATE_HOME is set',
      ELSEWHERE,
    );
  return join(state, 'codex-worker', 'answers');
}

/**
 * Makes the folder, 0700, with what is above it. Throws EnvironmentError where it cannot be made, is a link, belongs to
 * somebody else, or may be written by others: an answer in it would be anybody's.
 */
export async function openAnswers(files: Files, folder: string): Promise<void> {
  const own = [join(folder, '..'), folder];
  try {
    for (const path of [...ancestors(folder), folder])
      if (!(await lookAt(files, path))) await makeDirectory(files, path);
    for (const path of own) await mustBeOwn(files, path);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new EnvironmentError(`answers cannot be kept in ${folder}: ${errnoOf(error)}`, ELSEWHERE, {
      cause: error,
    });
  }
}

/** From the root down. */
function ancestors(path: string): string[] {
  const parts = path.split('/').slice(1, -1);
  return parts.map((_, i) => `/${parts.slice(0, i + 1).join('/')}`);
}

async function mustBeOwn(files: Files, path: string): Promise<void> {
  const stat = await files.lstat(path);
  const me = process.getuid?.();
  const why = !stat.isDirectory()
    ? `it is ${describeType(stat)}, not a directory`
    : me !== undefined && stat.uid !== BigInt(me)
      ? 'it belongs to another user'
      : (stat.mode & 0o022n) !== 0n
        ? 'others may write in it'
        : undefined;
  if (why !== undefined) throw new EnvironmentError(`answers cannot be kept in ${path}: ${why}`, ELSEWHERE);
}

const pathOf = (folder: string, claim: ClaimId, n: number) => `${folder}/${claim}.${n}`;

export type Given =
  | { readonly kind: 'given' }
  /** `by` is `undefined` where the name is taken by what is no answer. */
  | { readonly kind: 'taken'; readonly by: Answer | undefined };

/** Throws what the file system says. Whatever it says, and wherever a kill hits it, there is the whole answer or none. */
export async function giveAnswer(files: Files, folder: string, answer: Answer): Promise<Given> {
  const path = pathOf(folder, answer.claim, answer.n);
  const draft = `${folder}/.new-${randomBytes(8).toString('hex')}`;
  const bytes = Buffer.from(`${JSON.stringify({ v: 1, ...answer })}\n`);
  const isGiven = await writeOnce(files, path, draft, bytes);
  await removeOld(files, folder, path);
  if (isGiven) return { kind: 'given' };
  return { kind: 'taken', by: await readAnswer(files, folder, answer.claim, answer.n) };
}

/** No fsync: what a power cut could take is of a claim whose owner it has ended. */
async function writeOnce(files: Files, path: string, draft: string, bytes: Buffer): Promise<boolean> {
  const fd = await files.open(draft, CREATE);
  try {
    await files.write(fd, bytes, 0);
    try {
      await files.link(draft, path);
      return true;
    } catch (error) {
      // The reply of a link that succeeded can get lost, where a home directory is on a network: so the name is looked at.
      const there = await lookAt(files, path);
      if (there) return sameFile(there, await files.fstat(fd));
      if (!isErrno(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK')) throw error;
    }
    return await writeInPlace(files, path, bytes);
  } finally {
    await closeQuietly(files, fd);
    await removeQuietly(files, draft);
  }
}

async function writeInPlace(files: Files, path: string, bytes: Buffer): Promise<boolean> {
  let fd: number;
  try {
    fd = await files.open(path, CREATE);
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  }
  try {
    await files.write(fd, bytes, 0);
    return true;
  } catch (error) {
    await removeQuietly(files, path); // nobody reads half an answer, and nobody else can have taken the name
    throw error;
  } finally {
    await closeQuietly(files, fd);
  }
}

/** Answers, and drafts of them, of runs that died long ago. They do no harm: that they stay is no reason to say so. */
async function removeOld(files: Files, folder: string, given: string): Promise<void> {
  try {
    const now = (await lookAt(files, given))?.mtimeNs; // by the clock of that file system
    if (now === undefined) return;
    for (const name of await listIfThere(files, folder)) {
      if (!/^(?:[0-9a-f]{32}\.\d+|\.new-[0-9a-f]{16})$/.test(name)) continue;
      const stat = await lookAt(files, `${folder}/${name}`);
      if (stat && now - stat.mtimeNs > KEPT_NS) await removeIfThere(files, `${folder}/${name}`);
    }
  } catch (error) {
    if (!isStorageError(error)) throw error;
  }
}

async function removeQuietly(files: Files, path: string): Promise<void> {
  try {
    await removeIfThere(files, path);
  } catch (error) {
    if (!isStorageError(error)) throw error;
  }
}

/** `undefined` for none yet, for one that is not whole, and for what is no answer to that question. */
export async function readAnswer(
  files: Files,
  folder: string,
  claim: ClaimId,
  n: number,
): Promise<Answer | undefined> {
  const file = await readSmall(files, pathOf(folder, claim, n), MOST_BYTES + 1);
  if (file.kind !== 'read' || file.bytes.length > MOST_BYTES) return undefined;
  const text = file.bytes.toString('utf8');
  if (!text.endsWith('\n')) return undefined;
  const answer = asAnswer(parse(text));
  return answer?.claim === claim && answer.n === n ? answer : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * All answers to questions of a claim that is released. Not before: a name that is free while the lock still holds the claim
 * could be given to an answer that nobody hears any more.
 */
export async function removeAnswersOf(files: Files, folder: string, claim: ClaimId): Promise<void> {
  for (const name of await listIfThere(files, folder))
    if (name.startsWith(`${claim}.`)) await removeIfThere(files, `${folder}/${name}`);
}

/** The answers to the first `count` questions of a claim that is gone. */
export async function removeAnswers(
  files: Files,
  folder: string,
  claim: ClaimId,
  count: number,
): Promise<void> {
  for (let n = 1; n <= count; n++) await removeIfThere(files, pathOf(folder, claim, n));
}
