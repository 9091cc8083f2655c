/**
 * The lock file `.lock-T`: its layout and the single steps on it. The order of the steps is the protocol, and lives in
 * engine/claim-task.ts, engine/attempt.ts and engine/settle.ts. Its counterpart is the break right, in io/break-right.ts.
 * Whoever changes the protocol runs `npm run model`.
 *
 * WHAT A LOCK FILE PROMISES. It appears complete, by link(2), and only if the name was free: there is no empty and no
 * half-written lock. It names one claim X, an id that is used once: when X has left the file it is gone for ever, so
 * "X is gone" is a fact that may be acted on late. Nobody unlinks it but the holder of X's break right, who has read X
 * in it *after* getting the right.
 *
 * Why so much: POSIX has no "unlink this name only if it is still that file", so with a plain lock file two processes
 * that both judged X dead can remove X and then its successor Y.
 *
 * CALLING SEQUENCE of an owner: `LockDraft.create` → `claim` (`undefined`: somebody else holds the task, or we cannot
 * know; give up) → `renew` every few seconds (`lost`: stop the child) → `recordOutcome` → settle() → `close`.
 *
 * LAYOUT, 4096 bytes at fixed offsets, three lines (io/lock-line.ts):
 *   @0 3072 the claim, written once, before the file is visible · @3072 512 heartbeat · @3584 512 blank, later the outcome
 *
 * On a file system without hard links the lock and the right are created in place: safety is the same, but a kill
 * between create and write leaves a damaged file that a person has to remove (`clean --force`).
 */
import { createHash } from 'node:crypto';
import type { ClaimId, ClaimRecord, HeartbeatRecord, OutcomeRecord, ProcessIdentity } from '../core/claim.ts';
import { isErrno, isStorageError } from '../core/errors.ts';
import { markerOf } from '../core/task.ts';
import { createPrivate } from './file-system.ts';
import {
  amend,
  AMEND,
  closeQuietly,
  CREATE,
  lookAt,
  readSmall,
  removeIfThere,
  sameFile,
  type BigIntStats,
  type Files,
} from './files.ts';
import { asClaimRecord, asHeartbeat, asOutcome, decodeLine, encodeLine } from './lock-line.ts';
import { identityToken } from './process-identity.ts';
import { temporaryPath, type TaskDirectory } from './task-directory.ts';

const CLAIM = { offset: 0, length: 3_072 };
const HEARTBEAT = { offset: 3_072, length: 512 };
const OUTCOME = { offset: 3_584, length: 512 };
const LOCK_BYTES = 4_096;

const blank = (length: number) => Buffer.concat([Buffer.alloc(length - 1, ' '), Buffer.from('\n')]);

export type LockRead =
  | { readonly kind: 'absent' }
  /** Something is there that this version cannot read as a claim. `pseudoId` names exactly this content of this file. */
  | {
      readonly kind: 'damaged';
      readonly why: string;
      readonly pseudoId: ClaimId;
      readonly stat: BigIntStats;
      /** It could not be looked into: it may hold any claim. */
      readonly refused?: Error;
    }
  | {
      readonly kind: 'claim';
      readonly record: ClaimRecord;
      readonly heartbeat: HeartbeatRecord | undefined;
      /** The heartbeat's bytes: they change, or they do not; nothing else is asked of them. */
      readonly beat: string;
      readonly outcome: OutcomeRecord | undefined;
      readonly stat: BigIntStats;
    };

/** Reads `.lock-T`. Never throws for what is in it; throws what the file system throws (EIO, EMFILE, …). */
export async function readLock(files: Files, directory: TaskDirectory, task: string): Promise<LockRead> {
  const path = `${directory.path}/${markerOf.lock(task)}`;
  const file = await readSmall(files, path, LOCK_BYTES + 1);
  if (file.kind === 'absent') return file;
  const damaged = async (why: string): Promise<LockRead> => {
    const stat = file.kind === 'read' ? file.stat : await lookAt(files, path);
    if (!stat) return { kind: 'absent' };
    return {
      kind: 'damaged',
      why,
      pseudoId: pseudoClaimId(stat, file.kind === 'read' ? file.bytes : Buffer.alloc(0)),
      stat,
      ...(file.kind === 'odd' && file.refused ? { refused: file.refused } : {}),
    };
  };
  if (file.kind === 'odd') return damaged(file.why);
  const { bytes, stat } = file;
  const line = ({ offset, length }: { offset: number; length: number }) =>
    bytes.subarray(offset, offset + length);
  if (bytes.length !== LOCK_BYTES) return damaged(`it has ${stat.size} bytes instead of ${LOCK_BYTES}`);
  const record = asClaimRecord(decodeLine(line(CLAIM)));
  if (!record) return damaged('its first line is not a claim of this version of codex-worker');
  if (record.task !== task) return damaged('it names another task');
  return {
    kind: 'claim',
    record,
    heartbeat: asHeartbeat(decodeLine(line(HEARTBEAT))),
    beat: line(HEARTBEAT).toString('latin1'),
    outcome: asOutcome(decodeLine(line(OUTCOME))),
    stat,
  };
}

function pseudoClaimId(stat: BigIntStats, content: Buffer): ClaimId {
  const hash = createHash('sha256')
    .update(`${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeNs}\n`)
    .update(content);
  return `x${hash.digest('hex').slice(0, 31)}`;
}

/** The claim id that a lock read holds; a damaged lock holds its pseudo id. */
export function claimIdIn(lock: LockRead): ClaimId | undefined {
  return lock.kind === 'claim' ? lock.record.claim : lock.kind === 'damaged' ? lock.pseudoId : undefined;
}

/** Cuts `reason` so that the outcome fits into its line, whatever its characters. */
function encodeOutcome(outcome: OutcomeRecord): Buffer {
  const room = OUTCOME.length - 9;
  let reason = (outcome.reason ?? '').slice(0, room).toWellFormed();
  while (reason !== '' && Buffer.byteLength(JSON.stringify({ ...outcome, reason })) > room)
    reason = reason.slice(0, -8).toWellFormed();
  const { reason: _, ...rest } = outcome;
  return encodeLine(reason === '' ? rest : { ...outcome, reason }, OUTCOME.length);
}

/** A lock file in the making: open, unnamed in the task directory. Its temporary name tells the janitor whose it is. */
export class LockDraft {
  readonly #files: Files;
  readonly #directory: TaskDirectory;
  readonly #temporary: string;
  readonly #fd: number;

  private constructor(files: Files, directory: TaskDirectory, temporary: string, fd: number) {
    this.#files = files;
    this.#directory = directory;
    this.#temporary = temporary;
    this.#fd = fd;
  }

  /** C1, before the running log is created: the janitor relies on that order. */
  static async create(
    files: Files,
    directory: TaskDirectory,
    claim: ClaimId,
    me: ProcessIdentity,
  ): Promise<LockDraft> {
    const name = `${claim}.${identityToken(me)}`;
    const path = temporaryPath(directory, name);
    return new LockDraft(files, directory, path, await createPrivate(files, directory, 'tmp', name));
  }

  /**
   * C4–C6: writes the claim and gives it its name. `undefined` when the name was taken or the call failed in a way
   * that leaves us without it: then `abandon` the draft, after the log. The reply of a link that succeeded can get lost
   * (NFS), so after any error the name is looked at: if it is my file, it is my claim.
   */
  async claim(record: ClaimRecord): Promise<HeldLock | undefined> {
    const bytes = Buffer.concat([
      encodeLine(record, CLAIM.length),
      encodeLine(
        { pid: record.owner.pid, seq: 0, at: record.at } satisfies HeartbeatRecord,
        HEARTBEAT.length,
      ),
      blank(OUTCOME.length),
    ]);
    const lock = `${this.#directory.path}/${markerOf.lock(record.task)}`;
    if (!this.#directory.hardLinks) return this.#claimInPlace(record, lock, bytes);
    await this.#files.write(this.#fd, bytes, 0);
    await this.#files.fsync(this.#fd);
    try {
      await this.#files.link(this.#temporary, lock);
    } catch (error) {
      const there = await lookAt(this.#files, lock);
      if (!there || !sameFile(there, await this.#files.fstat(this.#fd))) {
        // ENOENT: somebody removed the temporary name; the task is as free as it was.
        if (isErrno(error, 'EEXIST', 'ENOENT')) return undefined;
        throw error;
      }
    }
    await this.#dropTemporaryName();
    return new HeldLock(this.#files, lock, this.#fd, record);
  }

  async #claimInPlace(record: ClaimRecord, lock: string, bytes: Buffer): Promise<HeldLock | undefined> {
    let fd: number;
    try {
      fd = await this.#files.open(lock, CREATE);
    } catch (error) {
      if (isErrno(error, 'EEXIST')) return undefined;
      throw error;
    }
    try {
      await this.#files.write(fd, bytes, 0);
      await this.#files.fsync(fd);
    } catch (error) {
      await this.#takeBack(lock, fd);
      throw error;
    }
    await closeQuietly(this.#files, this.#fd); // only its temporary name was needed, for the janitor
    await this.#dropTemporaryName();
    return new HeldLock(this.#files, lock, fd, record);
  }

  /** C6. The claim is ours whatever the disk says of its temporary name: the janitor knows that too. */
  async #dropTemporaryName(): Promise<void> {
    try {
      await removeIfThere(this.#files, this.#temporary);
    } catch (error) {
      if (!isStorageError(error)) throw error;
    }
  }

  /**
   * A lock that was never whole holds no claim, so nobody but a person can have taken its name since (`clean --force`):
   * that is asked of the file itself, whose inode cannot be used again while it is open.
   */
  async #takeBack(lock: string, fd: number): Promise<void> {
    try {
      const there = await lookAt(this.#files, lock);
      if (there && sameFile(there, await this.#files.fstat(fd))) await removeIfThere(this.#files, lock);
    } finally {
      await closeQuietly(this.#files, fd);
    }
  }

  /** Gives the draft up; the name in the task directory was never ours. */
  async abandon(): Promise<void> {
    await closeQuietly(this.#files, this.#fd);
    await removeIfThere(this.#files, this.#temporary);
  }
}

/** My claim on a task: the lock file, open from claim to the end of settle. */
export class HeldLock {
  readonly record: ClaimRecord;
  readonly #files: Files;
  readonly #path: string;
  readonly #fd: number;
  #seq = 0;
  #open = true;

  constructor(files: Files, path: string, fd: number, record: ClaimRecord) {
    this.#files = files;
    this.#path = path;
    this.#fd = fd;
    this.record = record;
  }

  /** Writes the heartbeat, then `isMine`. Throws what the file system throws; a heartbeat that fails decides nothing. */
  async renew(at: string): Promise<'held' | 'lost'> {
    const beat: HeartbeatRecord = { pid: this.record.owner.pid, seq: ++this.#seq, at };
    await this.#files.write(this.#fd, encodeLine(beat, HEARTBEAT.length), HEARTBEAT.offset);
    return (await this.isMine()) ? 'held' : 'lost';
  }

  /** Whether the name still leads to my file. The inode cannot be used again while my descriptor is open. */
  async isMine(): Promise<boolean> {
    const there = await lookAt(this.#files, this.#path);
    return there !== undefined && sameFile(there, await this.#files.fstat(this.#fd));
  }

  /** F3: from here on the attempt is not repeated; whoever settles the claim acts on this record. */
  async recordOutcome(outcome: OutcomeRecord): Promise<void> {
    await this.#files.write(this.#fd, encodeOutcome(outcome), OUTCOME.offset);
    await this.#files.fsync(this.#fd);
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await closeQuietly(this.#files, this.#fd);
  }
}

/** Records an outcome for a dead owner; only the holder of the claim's right may. False when the file does not hold the claim. */
export function recordOutcomeFor(
  files: Files,
  directory: TaskDirectory,
  { task, claim }: ClaimRecord,
  outcome: OutcomeRecord,
): Promise<boolean> {
  return amend(
    files,
    `${directory.path}/${markerOf.lock(task)}`,
    AMEND,
    LOCK_BYTES + 1,
    (bytes) =>
      bytes.length === LOCK_BYTES &&
      asClaimRecord(decodeLine(bytes.subarray(CLAIM.offset, CLAIM.length)))?.claim === claim,
    (fd) => files.write(fd, encodeOutcome(outcome), OUTCOME.offset),
  );
}
