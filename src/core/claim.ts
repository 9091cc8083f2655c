/** What is written into a lock file and a break right: see `io/lock-file.ts` for the bytes and `engine/settle.ts` for the rules. */
import { randomBytes } from 'node:crypto';

/** Names one claim for ever: 128 random bits, 32 hexadecimal digits. It never comes back once it has left its lock file. */
export type ClaimId = string;

export function newClaimId(): ClaimId {
  return randomBytes(16).toString('hex');
}

/** A claim id, or the `x…` pseudo id that `clean --force` gives to a lock file it cannot read. */
export function isClaimId(text: string): boolean {
  return /^[0-9a-fx][0-9a-f]{31}$/.test(text);
}

/**
 * Where a process lives: the machine, its boot, its pid namespace (with its time namespace, unless that is the first)
 * and user. A pid and its start time mean something only inside all four.
 */
export interface Host {
  readonly name: string;
  readonly machine: string;
  readonly boot: string;
  readonly pidns: string;
  readonly uid: number;
}

/** Attempts are counted up to here and no further: a number that somebody made up must not outgrow the lock file. */
export const MOST_ATTEMPTS = 999_999_999;

/** A pid alone is reused; with its start time (clock ticks since boot, as text) it names one process. */
export interface ProcessStart {
  readonly pid: number;
  readonly start: string;
}

export interface ProcessIdentity extends ProcessStart {
  readonly host: Host;
}

export interface ChildIdentity extends ProcessStart {
  readonly pgid: number;
}

/** The prompt as it was read for the attempt: tells later whether the task file was changed meanwhile. */
export interface PromptSource {
  readonly dev: string;
  readonly ino: string;
  readonly size: number;
  readonly mtimeNs: string;
  readonly sha256: string;
}

/** Line 1 of a lock file, written once, before the file is visible. */
export interface ClaimRecord {
  readonly v: 1;
  readonly kind: 'run' | 'reset';
  readonly task: string;
  readonly claim: ClaimId;
  readonly attempt: number;
  readonly dir: string;
  readonly run: string;
  readonly host: Host;
  readonly owner: ProcessStart;
  readonly child?: ChildIdentity;
  readonly src?: PromptSource;
  readonly at: string;
  readonly by: string;
}

/** Line 2, overwritten every few seconds: for people and for other hosts. */
export interface HeartbeatRecord {
  readonly pid: number;
  readonly seq: number;
  readonly at: string;
}

/** Line 3, written once the child has ended: whoever settles the claim acts on it. */
export interface OutcomeRecord {
  readonly outcome: 'done' | 'failed' | 'retry' | 'interrupted';
  readonly code: number | null;
  readonly signal: string | null;
  readonly bytes: number;
  readonly sha256: string;
  readonly reason?: string;
  readonly at: string;
}

export function ownerOf(record: ClaimRecord): ProcessIdentity {
  return { host: record.host, ...record.owner };
}
