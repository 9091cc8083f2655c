/** What was typed, as requests that the commands can serve: every value checked before anything is touched. */
import { resolve } from 'node:path';
import type { OptionBag } from './arguments.ts';
import type { CommandName } from './command-table.ts';
import { UsageError } from './errors.ts';
import * as check from './options.ts';
import type { RunOptions } from './options.ts';
import { headline } from './printable.ts';

/** The arguments of one command, and where it was called. */
export interface Invocation {
  readonly paths: readonly string[];
  readonly bag: OptionBag;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
}

/** What performs each command; they resolve with its exit code. */
export type Actions = Readonly<Record<CommandName, (invocation: Invocation) => Promise<number>>>;

export type Detail = 'quiet' | 'normal' | 'verbose';

export interface RunInvocation {
  readonly options: RunOptions;
  readonly detail: Detail;
  readonly json: boolean;
  /** Absolute. */
  readonly resultsFile?: string;
  /** The dangerous mode needs no question. */
  readonly yes: boolean;
}

export function runInvocation({ bag, env, cwd }: Invocation): RunInvocation {
  const options = runOptions({ bag, env, cwd });
  refuseContradictions(bag, options);
  const file = text(bag, 'outputJson');
  if (file === '' || file === '-')
    throw new UsageError(
      `--output-json: got ${JSON.stringify(file)}; allowed is a file name`,
      'for events on standard output there is --json',
    );
  return {
    options,
    detail: flag(bag, 'quiet') ? 'quiet' : flag(bag, 'verbose') ? 'verbose' : 'normal',
    json: flag(bag, 'json'),
    yes: flag(bag, 'yes'),
    ...(file !== undefined && { resultsFile: resolve(cwd, file) }),
  };
}

function runOptions({ bag, env, cwd }: Pick<Invocation, 'bag' | 'env' | 'cwd'>): RunOptions {
  const timeout = text(bag, 'timeout');
  const cleanupStale = text(bag, 'cleanupStale');
  const takeoverAfter = text(bag, 'takeoverAfter');
  const idleTimeoutMs = check.durationOrOff(
    '--idle-timeout',
    text(bag, 'idleTimeout') ?? check.DEFAULT_IDLE_TIMEOUT,
  );
  const maxFailures = text(bag, 'maxFailures');
  const now = new Date();
  return {
    patterns: patterns(bag),
    model: model({ bag, env }),
    mode: check.oneOf('--mode', text(bag, 'mode') ?? 'read-only', check.MODES),
    concurrency: check.wholeNumber(
      '--concurrency',
      text(bag, 'concurrency') ?? '1',
      1,
      check.MAX_CONCURRENCY,
    ),
    retries: check.wholeNumber('--retries', text(bag, 'retries') ?? '0', 0, check.MAX_RETRIES),
    approval: check.oneOf('--approval', text(bag, 'approval') ?? 'on-request', check.APPROVALS),
    workingDirectory: workingDirectory(bag, cwd),
    retryFailed: bag['retryFailed'] !== false,
    rerunCompleted: flag(bag, 'rerunCompleted'),
    rerunChanged: flag(bag, 'rerunChanged'),
    codexConfig: list(bag, 'codexConfig').map(check.codexSetting),
    orphans: check.oneOf('--orphans', text(bag, 'orphans') ?? 'end', check.ORPHANS),
    expectChanges: flag(bag, 'expectChanges'),
    budget: budget(bag, now),
    ...(timeout !== undefined && { timeoutMs: check.duration('--timeout', timeout) }),
    ...(cleanupStale !== undefined && { cleanupStaleMs: check.silence('--cleanup-stale', cleanupStale) }),
    ...(takeoverAfter !== undefined && { takeoverAfterMs: check.silence('--takeover-after', takeoverAfter) }),
    ...(idleTimeoutMs !== undefined && { idleTimeoutMs }),
    ...(maxFailures !== undefined && { maxFailures: check.maxFailures(maxFailures) }),
    ...verify(bag),
    ...stopAt(bag, now),
  };
}

function verify(bag: OptionBag): Pick<RunOptions, 'verify'> {
  const command = text(bag, 'verify');
  if (command === undefined) return {};
  if (command.trim() === '' || command.includes('\0'))
    throw new UsageError(
      `--verify: got ${JSON.stringify(command)}; allowed is a command`,
      "for example --verify 'npm test'",
    );
  const timeout = text(bag, 'verifyTimeout') ?? check.DEFAULT_VERIFY_TIMEOUT;
  return {
    verify: {
      command,
      timeoutMs: check.duration('--verify-timeout', timeout),
      first: flag(bag, 'verifyFirst'),
      baselineFails: flag(bag, 'verifyBaselineFails'),
    },
  };
}

function budget(bag: OptionBag, now: Date): RunOptions['budget'] {
  const [all, each, attempts, since] = ['maxTokens', 'maxTokensPerTask', 'maxAttemptsTotal', 'since'].map(
    (key) => text(bag, key),
  );
  return {
    since: since === undefined ? 0 : check.momentPast('--since', since, now),
    ...(all !== undefined && { tokens: check.tokens('--max-tokens', all) }),
    ...(each !== undefined && { tokensPerTask: check.tokens('--max-tokens-per-task', each) }),
    ...(attempts !== undefined && {
      attempts: check.wholeNumber('--max-attempts-total', attempts, 1, 999_999_999),
    }),
  };
}

function stopAt(bag: OptionBag, now: Date): Pick<RunOptions, 'stopAt'> {
  const [at, after] = [text(bag, 'stopAt'), text(bag, 'for')];
  if (at !== undefined) return { stopAt: check.momentAhead('--stop-at', at, now) };
  return after === undefined ? {} : { stopAt: now.getTime() + check.duration('--for', after) };
}

/** Options that say something about another one, which is missing. */
const NEEDS: readonly (readonly [option: string, key: string, needed: string, anyOf: readonly string[]])[] = [
  ['--verify-timeout', 'verifyTimeout', '--verify', ['verify']],
  ['--verify-first', 'verifyFirst', '--verify', ['verify']],
  ['--verify-baseline-fails', 'verifyBaselineFails', '--verify-first', ['verifyFirst']],
  ['--since', 'since', '--max-tokens or --max-attempts-total', ['maxTokens', 'maxAttemptsTotal']],
];

function refuseOptionsWithoutTheirs(bag: OptionBag): void {
  for (const [option, key, needed, anyOf] of NEEDS)
    if (bag[key] !== undefined && anyOf.every((other) => bag[other] === undefined))
      throw new UsageError(`${option} means nothing without ${needed}`, `add ${needed}, or leave it out`);
}

/** Two wishes that cannot both come true. Wishes that merely overlap, like `--json --quiet`, are granted. */
function refuseContradictions(bag: OptionBag, options: RunOptions): void {
  if (flag(bag, 'quiet') && flag(bag, 'verbose'))
    throw new UsageError('--quiet and --verbose contradict each other', 'leave one of them out');
  refuseOptionsWithoutTheirs(bag);
  if (bag['stopAt'] !== undefined && bag['for'] !== undefined)
    throw new UsageError('--stop-at and --for contradict each other', 'leave one of them out');
  if (options.expectChanges && options.mode === 'read-only')
    throw new UsageError(
      '--expect-changes contradicts --mode read-only, in which an agent can change nothing',
      'add --mode workspace-write',
    );
  if (options.mode !== 'dry-run') return;
  const why = '--mode dry-run changes nothing';
  if (options.cleanupStaleMs !== undefined)
    throw new UsageError(
      `--cleanup-stale contradicts --mode dry-run: ${why}`,
      'codex-worker clean --dry-run shows what would be cleaned',
    );
  if (text(bag, 'outputJson') !== undefined)
    throw new UsageError(
      `--output-json contradicts --mode dry-run: ${why} and has no results`,
      '--json prints what would be run',
    );
}

export function patterns(bag: OptionBag): readonly string[] {
  const given = list(bag, 'pattern');
  return given.length > 0 ? given.map(check.taskPattern) : [check.DEFAULT_PATTERN];
}

/** `--model` over CODEX_WORKER_MODEL over the default. An empty variable counts as not set, an empty option is a mistake. */
export function model({ bag, env }: Pick<Invocation, 'bag' | 'env'>): string {
  const typed = text(bag, 'model');
  if (typed !== undefined) return check.modelName('--model', typed);
  const inherited = env['CODEX_WORKER_MODEL'];
  return inherited ? check.modelName('CODEX_WORKER_MODEL', inherited) : check.DEFAULT_MODEL;
}

function workingDirectory(bag: OptionBag, cwd: string): string {
  const directory = text(bag, 'cd') ?? '.';
  if (directory === '')
    throw new UsageError('--cd: got ""; allowed is a directory', 'leave it out for the current directory');
  return resolve(cwd, directory);
}

export interface CleanOptions {
  readonly patterns: readonly string[];
  readonly maxAgeMs?: number;
  readonly kill?: string;
  readonly force?: string;
  readonly dryRun: boolean;
  readonly all: boolean;
}

export function cleanOptions(bag: OptionBag): CleanOptions {
  const maxAge = text(bag, 'maxAge');
  return {
    patterns: patterns(bag),
    dryRun: flag(bag, 'dryRun'),
    all: flag(bag, 'all'),
    ...taskNamed(bag, 'kill'),
    ...taskNamed(bag, 'force'),
    ...(maxAge !== undefined && { maxAgeMs: check.silence('--max-age', maxAge) }),
  };
}

function taskNamed<K extends 'kill' | 'force'>(bag: OptionBag, key: K): { readonly [P in K]?: string } {
  const task = text(bag, key);
  if (task === '')
    throw new UsageError(
      `--${key}: got ""; allowed is the name of a task`,
      `for example --${key} fix-auth.md`,
    );
  return task === undefined ? {} : ({ [key]: task } as { [P in K]: string });
}

export interface ResetOptions {
  readonly patterns: readonly string[];
  readonly failedOnly: boolean;
  readonly kill: boolean;
  readonly dryRun: boolean;
}

export function resetOptions(bag: OptionBag): ResetOptions {
  return {
    patterns: patterns(bag),
    failedOnly: flag(bag, 'failed'),
    kill: flag(bag, 'kill'),
    dryRun: flag(bag, 'dryRun'),
  };
}

export interface PauseOptions {
  readonly patterns: readonly string[];
  /** One printable line, or nothing. */
  readonly reason: string;
  /** ms since 1970. */
  readonly until?: number;
}

export function pauseOptions(bag: OptionBag): PauseOptions {
  const [until, after] = [text(bag, 'until'), text(bag, 'for')];
  const now = new Date();
  if (until !== undefined && after !== undefined)
    throw new UsageError('--until and --for contradict each other', 'leave one of them out');
  return {
    patterns: patterns(bag),
    reason: headline(text(bag, 'reason') ?? ''),
    ...(until !== undefined && { until: check.momentAhead('--until', until, now) }),
    ...(after !== undefined && { until: now.getTime() + check.duration('--for', after) }),
  };
}

export function flag(bag: OptionBag, key: string): boolean {
  return bag[key] === true;
}

function text(bag: OptionBag, key: string): string | undefined {
  const value = bag[key];
  return typeof value === 'string' ? value : undefined;
}

function list(bag: OptionBag, key: string): readonly string[] {
  const value = bag[key];
  return Array.isArray(value) ? value : [];
}
