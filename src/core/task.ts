/**
 * A task is one file, and its state is what `ls` shows beside it. Nothing else is kept anywhere.
 *
 *            claim                    publish (done)
 *   pending ───────▶ in progress ─────────────────────▶ completed
 *      ▲                │  │                                │
 *      │   give back    │  │ publish (failed)               │ reset
 *      ├────────────────┘  └──────────▶ failed ─────────────┤
 *      │                                  │  claim (retry)  │
 *      └──────────────────────────────────┴─────────────────┘
 */
import { isClaimId, type ClaimId } from './claim.ts';

export type TaskState = 'pending' | 'in-progress' | 'completed' | 'failed';

/** `directory` is absolute and resolved; `label` is how the user would type the path. */
export interface Task {
  readonly directory: string;
  readonly name: string;
  readonly label: string;
}

/** A path that looks like a task and is not run; `why` completes the sentence "<label> was refused: it …". */
export interface Refusal {
  readonly label: string;
  readonly why: string;
}

/** The names that stand beside a task. They are the seed's, plus the running log and the break right. */
export const markerOf = {
  lock: (task: string) => `.lock-${task}`,
  mirror: (task: string) => `in-progress-${task}`,
  completed: (task: string) => `done_exec_log-${task}.txt`,
  failed: (task: string) => `failed_exec_log-${task}.txt`,
  runningLog: (task: string, claim: ClaimId) => `.exec_log-${task}.${claim}`,
  right: (claim: ClaimId, n: number) => `.break-${claim}.${n}`,
};

/** The folder of each task directory that decides nothing: identities, temporary files, earlier attempts. */
export const PRIVATE_DIRECTORY = '.codex-worker';

export type Marker =
  | { readonly kind: 'lock' | 'mirror' | 'completed' | 'failed'; readonly task: string }
  | { readonly kind: 'running-log'; readonly task: string; readonly claim: ClaimId }
  | { readonly kind: 'right'; readonly claim: ClaimId; readonly n: number };

const PREFIXES = [
  '.lock-',
  '.break-',
  '.exec_log-',
  'in-progress-',
  'done_exec_log-',
  'failed_exec_log-',
  PRIVATE_DIRECTORY,
];

/** The reserved prefix that `name` begins with, if it does. */
export function reservedPrefix(name: string): string | undefined {
  return PREFIXES.find((prefix) => name.startsWith(prefix));
}

/** What a directory entry says about a task; `undefined` when it is no marker of ours. */
export function parseMarker(name: string): Marker | undefined {
  const after = (prefix: string, suffix = '') =>
    name.length > prefix.length + suffix.length && name.startsWith(prefix) && name.endsWith(suffix)
      ? name.slice(prefix.length, name.length - suffix.length)
      : undefined;
  const split = (text: string | undefined): [string, string] | undefined => {
    const dot = text?.lastIndexOf('.') ?? -1;
    return text && dot > 0 ? [text.slice(0, dot), text.slice(dot + 1)] : undefined;
  };
  const lock = after('.lock-');
  if (lock) return { kind: 'lock', task: lock };
  const mirror = after('in-progress-');
  if (mirror) return { kind: 'mirror', task: mirror };
  const completed = after('done_exec_log-', '.txt');
  if (completed) return { kind: 'completed', task: completed };
  const failed = after('failed_exec_log-', '.txt');
  if (failed) return { kind: 'failed', task: failed };
  const log = split(after('.exec_log-'));
  if (log && isClaimId(log[1])) return { kind: 'running-log', task: log[0], claim: log[1] };
  const right = split(after('.break-'));
  if (right && isClaimId(right[0]) && /^[1-9]\d*$/.test(right[1]))
    return { kind: 'right', claim: right[0], n: Number(right[1]) };
  return undefined;
}

/** The state of a task, from one listing of its directory; the first match wins. */
export function stateOf(task: string, listing: ReadonlySet<string>): TaskState {
  if (listing.has(markerOf.completed(task))) return 'completed';
  if (listing.has(markerOf.lock(task))) return 'in-progress';
  if (listing.has(markerOf.failed(task))) return 'failed';
  return 'pending';
}

/** Longest name, in bytes, whose every marker fits into the 255 bytes of a directory entry: `.exec_log-` + name + `.` + 32. */
export const MAX_NAME_BYTES = 212;
/** Largest prompt, in bytes: what Codex accepts on its standard input. */
export const MAX_PROMPT_BYTES = 1_048_576;

const natural = new Intl.Collator('en', { numeric: true });

/** Natural order (`bug-2` before `bug-10`), total and the same on every machine. */
export function byNaturalOrder(a: Task, b: Task): number {
  return natural.compare(a.label, b.label) || (a.label < b.label ? -1 : a.label > b.label ? 1 : 0);
}
