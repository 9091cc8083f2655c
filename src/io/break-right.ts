/**
 * The break right `.break-X.n`: who holds it, and only who holds it, may unlink the lock file that holds claim X, after
 * reading X in it again. It is a hard link to its holder's identity file, so it appears complete; its name carries X, so
 * one that is obtained late, when X is gone, is a right to nothing. It passes on to the next name (`.break-X.2`, …) only
 * when its holder is certainly dead, and is removed only when X is gone.
 *
 * CALLING SEQUENCE: `takeRight`; on EEXIST `readRight` says who has it; on ENOENT `writeIdentityFile`, and again.
 * Whoever changes the protocol runs `npm run model`.
 */
import { randomBytes } from 'node:crypto';
import type { ClaimId, Host, ProcessIdentity, ProcessStart } from '../core/claim.ts';
import { markerOf } from '../core/task.ts';
import { createPrivate } from './file-system.ts';
import {
  amend,
  AMEND,
  closeQuietly,
  CREATE,
  readSmall,
  removeIfThere,
  renameIfThere,
  type Files,
} from './files.ts';
import { asHolder, decodeLine, encodeLine } from './lock-line.ts';
import { identityToken } from './process-identity.ts';
import { temporaryPath, type TaskDirectory } from './task-directory.ts';

interface IdentityFile extends ProcessStart {
  readonly v: 1;
  readonly host: Host;
}

const IDENTITY_BYTES = 2_048;

/**
 * `.codex-worker/tmp/proc.P`, the file whose hard links are this process's break rights. Written whole, by rename; and
 * durable before it has its name, because settle syncs the directory with the right in it: after a power cut a right
 * without its data would be one that nobody could judge, and so a claim that nobody could settle.
 */
export async function writeIdentityFile(
  files: Files,
  directory: TaskDirectory,
  me: ProcessIdentity,
): Promise<void> {
  const path = identityPath(directory, me);
  const name = `new-${randomBytes(8).toString('hex')}.${identityToken(me)}`;
  const temporary = temporaryPath(directory, name);
  const fd = await createPrivate(files, directory, 'tmp', name);
  try {
    await files.write(fd, identityBytes(me), 0);
    await files.fsync(fd);
  } finally {
    await files.close(fd);
  }
  await renameIfThere(files, temporary, path); // removed with its folder: the caller finds that out and comes again
}

/** At the end of a process that will settle nothing more in this directory. */
export async function removeIdentityFile(
  files: Files,
  directory: TaskDirectory,
  me: ProcessIdentity,
): Promise<void> {
  await removeIfThere(files, identityPath(directory, me));
}

function identityPath(directory: TaskDirectory, me: ProcessIdentity): string {
  return temporaryPath(directory, `proc.${identityToken(me)}`);
}

const identityBytes = ({ host, pid, start }: ProcessIdentity) =>
  encodeLine({ v: 1, host, pid, start } satisfies IdentityFile, IDENTITY_BYTES);

/**
 * S1: obtains `.break-X.n`. Throws EEXIST when it is taken, ENOENT when the identity file is gone.
 *
 * Without hard links it is created empty and filled afterwards. `begun` has the numbers that the caller has created so
 * far and could not fill: while X is in its lock nobody removes them, and nobody passes on from a right that names no
 * holder, so they are filled when the disk allows it.
 */
export async function takeRight(
  files: Files,
  directory: TaskDirectory,
  claim: ClaimId,
  n: number,
  me: ProcessIdentity,
  begun = new Set<number>(),
): Promise<void> {
  const right = `${directory.path}/${markerOf.right(claim, n)}`;
  if (directory.hardLinks) return files.link(identityPath(directory, me), right);
  const bytes = identityBytes(me);
  /** Filled it is a right, and never given back while X is in its lock, whatever the disk says of its sync. */
  const fill = async (fd: number) => {
    await files.write(fd, bytes, 0);
    begun.delete(n);
  };
  if (begun.has(n)) {
    // Ours as long as what is in it is the beginning of it; else somebody removed it, and may have put something else there.
    const isOurs = (there: Buffer) => bytes.subarray(0, there.length).equals(there);
    if (await amend(files, right, AMEND, IDENTITY_BYTES, isOurs, fill)) return;
    begun.delete(n);
  }
  const fd = await files.open(right, CREATE);
  begun.add(n);
  try {
    await fill(fd);
    await files.fsync(fd);
  } finally {
    await closeQuietly(files, fd);
  }
}

/** Leaves the rights that were begun and never filled, and so never held: by the one who began them, when it gives up. */
export async function leaveBegun(
  files: Files,
  directory: TaskDirectory,
  claim: ClaimId,
  begun: ReadonlySet<number>,
): Promise<void> {
  for (const n of begun) await removeIfThere(files, `${directory.path}/${markerOf.right(claim, n)}`);
}

export type RightRead =
  { readonly kind: 'absent' | 'damaged' } | { readonly kind: 'holder'; readonly holder: ProcessIdentity };

/** S2: who holds `.break-X.n`. */
export async function readRight(
  files: Files,
  directory: TaskDirectory,
  claim: ClaimId,
  n: number,
): Promise<RightRead> {
  const file = await readSmall(files, `${directory.path}/${markerOf.right(claim, n)}`, IDENTITY_BYTES);
  if (file.kind === 'absent') return { kind: 'absent' };
  if (file.kind === 'odd') return { kind: 'damaged' };
  const holder = asHolder(decodeLine(file.bytes));
  return holder ? { kind: 'holder', holder } : { kind: 'damaged' };
}
