/** The options of a run as the rest of the program sees them: every value checked, every default filled in. */
import leven from 'leven';
import { parseDuration } from './duration.ts';
import { UsageError } from './errors.ts';

/** What agents may do, from the least. */
export const AGENT_MODES = ['read-only', 'workspace-write', 'danger-full-access'] as const;
export type AgentMode = (typeof AGENT_MODES)[number];
export const DEFAULT_MODE: AgentMode = 'read-only';
export const MODES = ['dry-run', ...AGENT_MODES] as const;
export const APPROVALS = ['never', 'on-request', 'untrusted', 'on-failure'] as const;
type Approval = (typeof APPROVALS)[number];
/** How Codex is run; `auto` is app-server where a person may be asked, and can be. */
export const BACKENDS = ['auto', 'exec', 'app-server'] as const;
/** Who may be asked: whoever has the terminal of the run, or anybody, later. */
export const ASKED = ['auto', 'queue'] as const;
export const DEFAULT_MAX_WAITING = 16;
export const ORPHANS = ['end', 'wait'] as const;
export type Orphans = (typeof ORPHANS)[number];

export const DEFAULT_MODEL = 'o4-mini';
export const DEFAULT_PATTERN = '*.md';
export const MAX_CONCURRENCY = 256;
export const MAX_RETRIES = 100;
export const DEFAULT_IDLE_TIMEOUT = '15m';
export const DEFAULT_VERIFY_TIMEOUT = '10m';
export const DEFAULT_INTERVAL = '2s';
/** A worker renews its claim every few seconds; less silence than this says nothing about it, whatever was typed. */
const SHORTEST_SILENCE_MS = 60_000;

export interface RunOptions {
  readonly patterns: readonly string[];
  /** `inherit` leaves the choice to Codex's own configuration. */
  readonly model: string;
  /** In a dry run that which a real one would have. */
  readonly mode: AgentMode;
  /** Nothing is run; what would be is shown. */
  readonly dryRun: boolean;
  readonly concurrency: number;
  readonly timeoutMs?: number;
  readonly retries: number;
  readonly approval: Approval;
  readonly backend: (typeof BACKENDS)[number];
  /** Questions are asked although the run has no terminal. */
  readonly approvals: (typeof ASKED)[number];
  /** What nobody answers in this time is declined; absent when it may wait for ever. */
  readonly approvalTimeoutMs?: number;
  /** So many attempts that wait for an answer hold no place of `concurrency`. */
  readonly maxWaiting: number;
  /** Where the agents work: an absolute path. */
  readonly workingDirectory: string;
  readonly retryFailed: boolean;
  readonly rerunCompleted: boolean;
  readonly rerunChanged: boolean;
  readonly codexConfig: readonly string[];
  readonly cleanupStaleMs?: number;
  readonly takeoverAfterMs?: number;
  readonly orphans: Orphans;
  /** An agent of which nothing is heard or seen for so long is ended; absent when it may be silent for ever. */
  readonly idleTimeoutMs?: number;
  readonly verify?: Verify;
  /** For a command that a task asks for itself. */
  readonly verifyTimeoutMs: number;
  /** A task whose agent changed no file has failed. */
  readonly expectChanges: boolean;
  readonly budget: Budget;
  readonly maxFailures?: MaxFailures;
  /** When to dispatch no more, ms since 1970. */
  readonly stopAt?: number;
  /** Stay until no task is pending or in progress, whoever works on it. */
  readonly wait: boolean;
  /** Stay for tasks that are yet to come. */
  readonly watch: boolean;
  /** The settings that an option or the environment gave: they win over what a task says for itself. */
  readonly given: readonly string[];
  /** Tasks get more than the run has, if they ask for it: a higher mode, another directory, a command that verifies. */
  readonly trustTasks: boolean;
  /** The config file, and what of it holds. */
  readonly config?: { readonly file: string; readonly settings: readonly string[] };
}

/** What is run after each agent to see whether its task is done. */
export interface Verify {
  /** For the shell. */
  readonly command: string;
  readonly timeoutMs: number;
  /** Once before anything else. */
  readonly first: boolean;
  /** It is expected to fail then. */
  readonly baselineFails: boolean;
}

/** What may be spent; a limit that is absent is none. */
interface Budget {
  /** In the directories of the run, from `since` on. */
  readonly tokens?: number;
  readonly tokensPerTask?: number;
  /** As `tokens`. */
  readonly attempts?: number;
  /** ms since 1970. */
  readonly since: number;
}

export type MaxFailures = { readonly count: number } | { readonly percent: number };

/** What was typed for one option, for the sentence about it. */
const got = (option: string, value: string) => `${option}: got ${quoted(value)}`;

/** In quotes, and not at any length: a file may hold very long ones. */
export function quoted(value: string): string {
  return JSON.stringify(value.length > 300 ? `${value.slice(0, 299)}…` : value);
}

/** The word of `allowed` that `given` was probably meant to be. */
export function nearest(given: string, allowed: readonly string[]): string | undefined {
  const typed = given.toLowerCase();
  let [found, least]: [string | undefined, number] = [undefined, Infinity];
  for (const word of allowed) {
    const most = Math.max(1, Math.floor(word.length / 3));
    if (word === given || Math.abs(word.length - given.length) > most) continue;
    const distance = leven(typed, word.toLowerCase());
    if (distance <= most && distance < least) [found, least] = [word, distance];
  }
  return found;
}

/** The same as a question. */
export function didYouMean(given: string, allowed: readonly string[]): string | undefined {
  const word = nearest(given, allowed);
  return word === undefined ? undefined : `did you mean ${word}?`;
}

/** One of `allowed`; throws UsageError. */
export function oneOf<T extends string>(option: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((word) => word === value);
  if (found === undefined)
    throw new UsageError(
      `${got(option, value)}; allowed are ${allowed.join(', ')}`,
      didYouMean(value, allowed),
    );
  return found;
}

/** A flag as text; throws UsageError. */
export function trueOrFalse(option: string, value: string): boolean {
  if (value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw new UsageError(`${got(option, value)}; allowed are true and false`);
}

/** A whole number from `min` to `max`, both included; throws UsageError. */
export function wholeNumber(option: string, value: string, min: number, max: number): number {
  const n = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (!(n >= min && n <= max))
    throw new UsageError(`${got(option, value)}; allowed is a whole number from ${min} to ${max}`);
  return n;
}

/** A duration above zero, in ms; throws UsageError. */
export function duration(option: string, value: string): number {
  const ms = parseDuration(value);
  if (ms === undefined || ms < 1)
    throw new UsageError(
      `${got(option, value)}; allowed is a duration above zero`,
      'seconds, or for example 90s, 30m, 2h',
    );
  if (ms > 2_147_483_647) throw new UsageError(`${got(option, value)}; the longest duration is 24d`);
  return ms;
}

/** How long a worker must have been silent before its task may be taken away; throws UsageError. */
export function silence(option: string, value: string): number {
  const ms = duration(option, value);
  if (ms < SHORTEST_SILENCE_MS)
    throw new UsageError(
      `${got(option, value)}; allowed is a duration of at least ${SHORTEST_SILENCE_MS / 1_000}s`,
      'a worker that is alive may be silent for a moment; a bare number is seconds',
    );
  return ms;
}

/** A duration, or 0 for "never", which is `undefined`; throws UsageError. */
export function durationOrOff(option: string, value: string): number | undefined {
  return /^0+[a-z]*$/.test(value.trim()) ? undefined : duration(option, value);
}

/** A number of tokens above zero: `250000`, `250k`, `20M`; throws UsageError. */
export function tokens(option: string, value: string): number {
  const [, digits, unit = ''] = /^(\d{1,9}(?:\.\d{1,3})?)([kM]?)$/.exec(value) ?? [];
  const n = Math.round(Number(digits) * { '': 1, k: 1_000, M: 1_000_000 }[unit as '' | 'k' | 'M']);
  if (!(n >= 1))
    throw new UsageError(
      `${got(option, value)}; allowed is a number of tokens`,
      'for example 500000, 500k or 20M',
    );
  return n;
}

/** `20` tasks, or `5%` of them; throws UsageError. */
export function maxFailures(option: string, value: string): MaxFailures {
  const percent = /^(\d{1,3})%$/.exec(value)?.[1];
  if (percent !== undefined && Number(percent) >= 1 && Number(percent) <= 100)
    return { percent: Number(percent) };
  if (/^[1-9]\d{0,8}$/.test(value)) return { count: Number(value) };
  throw new UsageError(
    `${got(option, value)}; allowed is a number of tasks, or a percentage of them`,
    'for example 20, or 5%',
  );
}

/**
 * A moment that lies ahead, ms since 1970: `07:30` is the next such time on this machine's clock, and a date with a time is
 * itself. Throws UsageError, also for one that has passed.
 */
export function momentAhead(option: string, value: string, now: Date): number {
  const [, hour, minute] = /^(\d{1,2}):(\d{2})$/.exec(value) ?? [];
  if (hour !== undefined && Number(hour) < 24 && Number(minute) < 60) {
    const [y, m, d] = [now.getFullYear(), now.getMonth(), now.getDate()];
    const at = (day: number) => new Date(y, m, day, Number(hour), Number(minute)).getTime();
    return at(d) > now.getTime() ? at(d) : at(d + 1);
  }
  const time = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}/.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(time))
    throw new UsageError(
      `${got(option, value)}; allowed is a time`,
      'for example 07:30, or 2026-01-31T07:30',
    );
  if (time <= now.getTime()) throw new UsageError(`${got(option, value)}; that time has passed`);
  return time;
}

/** A moment that has been, ms since 1970: a duration ago, or a date with a time; throws UsageError. */
export function momentPast(option: string, value: string, now: Date): number {
  const ago = parseDuration(value);
  const time = ago === undefined ? Date.parse(value) : now.getTime() - ago;
  if (Number.isNaN(time) || (ago === undefined && !/^\d{4}-\d{2}-\d{2}/.test(value)))
    throw new UsageError(
      `${got(option, value)}; allowed is a duration, or a date`,
      'for example 12h, or 2026-01-31T22:00',
    );
  if (time > now.getTime()) throw new UsageError(`${got(option, value)}; that time has not come yet`);
  return time;
}

/** What is longer names no file, and the expression that it becomes may be too long for V8. */
const LONGEST_PATTERN = 1_000;

/** A glob that stays inside the directories given; throws UsageError. */
export function taskPattern(option: string, value: string): string {
  const hint = "for example --pattern '*.txt', or '**/*.md' for the directories below as well";
  if (value.length > LONGEST_PATTERN)
    throw new UsageError(
      `${option}: got ${value.length} characters; the longest glob is ${LONGEST_PATTERN}`,
      hint,
    );
  const inside = value.trim() !== '' && !value.startsWith('/') && !value.split('/').includes('..');
  if (!inside || value.includes('\0'))
    throw new UsageError(`${got(option, value)}; allowed is a glob inside the directory`, hint);
  return value;
}

/** A model name as Codex takes it: it can never be taken for an option. Throws UsageError. */
export function modelName(option: string, value: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,199}$/.test(value))
    throw new UsageError(
      `${got(option, value)}; allowed is a model name (letters, digits and . _ : / @ + -)`,
      `for example ${DEFAULT_MODEL}, or inherit for the one in Codex's configuration`,
    );
  return value;
}

/** What has an option of its own here, and would undo it if it were handed to Codex behind its back. */
const OWN_OPTION_OF: Readonly<Record<string, string>> = {
  model: '--model',
  sandbox_mode: '--mode',
  approval_policy: '--approval',
};

/** `key=value` for Codex's `-c`; throws UsageError. */
export function codexSetting(option: string, value: string): string {
  const key = /^([A-Za-z0-9_][A-Za-z0-9_."'-]*)=/.exec(value)?.[1];
  if (key === undefined || value.includes('\0'))
    throw new UsageError(
      `${got(option, value)}; allowed is key=value`,
      `for example --codex-config 'model_reasoning_effort="low"'`,
    );
  const own = OWN_OPTION_OF[key.replace(/["']/g, '')];
  if (own)
    throw new UsageError(`${got(option, value)}; this one has an option of its own`, `use ${own} instead`);
  return value;
}

/** A command for the shell; throws UsageError. */
export function shellCommand(option: string, value: string): string {
  if (value.trim() === '' || value.includes('\0'))
    throw new UsageError(`${got(option, value)}; allowed is a command`, "for example --verify 'npm test'");
  return value;
}

/** The name of a directory, which need not be there; throws UsageError. */
export function directoryName(option: string, value: string): string {
  if (value === '' || value.includes('\0'))
    throw new UsageError(
      `${got(option, value)}; allowed is a directory`,
      'leave it out for the current directory',
    );
  return value;
}
