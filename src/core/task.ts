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
import { unreachable } from './unreachable.ts';

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

/** The names that stand beside a task. They are the seed's, plus the running log, the break right and the open question. */
export const markerOf = {
  lock: (task: string) => `.lock-${task}`,
  mirror: (task: string) => `in-progress-${task}`,
  question: (task: string) => `needs-approval-${task}`,
  completed: (task: string) => `done_exec_log-${task}.txt`,
  failed: (task: string) => `failed_exec_log-${task}.txt`,
  runningLog: (task: string, claim: ClaimId) => `.exec_log-${task}.${claim}`,
  right: (claim: ClaimId, n: number) => `.break-${claim}.${n}`,
};

/** The folder of each task directory that decides nothing: identities, temporary files, earlier attempts. */
export const PRIVATE_DIRECTORY = '.codex-worker';

/** The names of the file with the settings of a run: never tasks, whatever the pattern. */
export const CONFIG_FILES = ['.codex-worker.yaml', '.codex-worker.yml', '.codex-worker.json'] as const;

export type Marker =
  | { readonly kind: 'lock' | 'mirror' | 'question' | 'completed' | 'failed'; readonly task: string }
  | { readonly kind: 'running-log'; readonly task: string; readonly claim: ClaimId }
  | { readonly kind: 'right'; readonly claim: ClaimId; readonly n: number };

const PREFIXES = [
  '.lock-',
  '.break-',
  '.exec_log-',
  'in-progress-',
  'needs-approval-',
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
  // Asked of every name of every listing, and most are no markers: one look at the first character tells.
  switch (name.charAt(0)) {
    case '.':
      return parseHidden(name);
    case 'i':
      return named('mirror', name, 'in-progress-');
    case 'n':
      return named('question', name, 'needs-approval-');
    case 'd':
      return named('completed', name, 'done_exec_log-', '.txt');
    case 'f':
      return named('failed', name, 'failed_exec_log-', '.txt');
    default:
      return undefined;
  }
}

function named(
  kind: 'lock' | 'mirror' | 'question' | 'completed' | 'failed',
  name: string,
  prefix: string,
  suffix = '',
): Marker | undefined {
  const task = between(name, prefix, suffix);
  return task === undefined ? undefined : { kind, task };
}

function parseHidden(name: string): Marker | undefined {
  const lock = named('lock', name, '.lock-');
  if (lock) return lock;
  const log = splitAtLastDot(between(name, '.exec_log-'));
  if (log && isClaimId(log[1])) return { kind: 'running-log', task: log[0], claim: log[1] };
  const right = splitAtLastDot(between(name, '.break-'));
  if (right && isClaimId(right[0]) && /^[1-9]\d*$/.test(right[1]))
    return { kind: 'right', claim: right[0], n: Number(right[1]) };
  return undefined;
}

function between(name: string, prefix: string, suffix = ''): string | undefined {
  return name.length > prefix.length + suffix.length && name.startsWith(prefix) && name.endsWith(suffix)
    ? name.slice(prefix.length, name.length - suffix.length)
    : undefined;
}

function splitAtLastDot(text: string | undefined): [string, string] | undefined {
  const dot = text?.lastIndexOf('.') ?? -1;
  return text && dot > 0 ? [text.slice(0, dot), text.slice(dot + 1)] : undefined;
}

/** What the names in one directory say of its tasks: which of them have which marker. */
export class Marks {
  readonly completed = new Set<string>();
  readonly locked = new Set<string>();
  readonly failed = new Set<string>();
  /** The names themselves, of the markers that are looked at one by one. */
  readonly mirrors: string[] = [];
  readonly questions: string[] = [];
  readonly runningLogs: string[] = [];
  readonly rights: string[] = [];

  static of(names: Iterable<string>): Marks {
    const marks = new Marks();
    for (const name of names) marks.add(name);
    return marks;
  }

  /** Takes the name in when it is a marker, and says which. */
  add(name: string): Marker['kind'] | undefined {
    const marker = parseMarker(name);
    switch (marker?.kind) {
      case undefined:
        break;
      case 'completed':
        this.completed.add(marker.task);
        break;
      case 'lock':
        this.locked.add(marker.task);
        break;
      case 'failed':
        this.failed.add(marker.task);
        break;
      case 'mirror':
        this.mirrors.push(name);
        break;
      case 'question':
        this.questions.push(name);
        break;
      case 'running-log':
        this.runningLogs.push(name);
        break;
      case 'right':
        this.rights.push(name);
        break;
      default:
        return unreachable(marker);
    }
    return marker?.kind;
  }
}

/** The state of a task, from one listing of its directory; the first match wins. */
export function stateOf(task: string, { completed, locked, failed }: Marks): TaskState {
  if (completed.has(task)) return 'completed';
  if (locked.has(task)) return 'in-progress';
  if (failed.has(task)) return 'failed';
  return 'pending';
}

/** Longest name, in bytes, whose every marker fits into the 255 bytes of a directory entry: `.exec_log-` + name + `.` + 32. */
export const MAX_NAME_BYTES = 212;
/** Largest prompt, in bytes: what Codex accepts on its standard input. */
export const MAX_PROMPT_BYTES = 1_048_576;

/** Made when there are two tasks to compare: to make it takes longer than to load all of our own code. */
let natural: Intl.Collator | undefined;

/** Natural order (`bug-2` before `bug-10`), total and the same on every machine. */
export function byNaturalOrder(a: Pick<Task, 'label'>, b: Pick<Task, 'label'>): number {
  natural ??= new Intl.Collator('en', { numeric: true });
  return natural.compare(a.label, b.label) || (a.label < b.label ? -1 : a.label > b.label ? 1 : 0);
}
