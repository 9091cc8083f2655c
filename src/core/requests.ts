/** What was typed, as requests that the commands can serve: every value checked before anything is touched. */
import { resolve } from 'node:path';
import type { OptionBag } from './arguments.ts';
import type { CommandName } from './command-table.ts';
import { UsageError } from './errors.ts';
import * as check from './options.ts';
import type { RunOptions } from './options.ts';
import { headline } from './printable.ts';
import { reportFiles, runReportFiles, type ReportFile } from './report-files.ts';
import { optionOf, SETTING_NAMES, type SettingName, type SettingValues } from './settings.ts';
import {
  agentMode,
  findSettings,
  givenIn,
  namedFrom,
  settingValue,
  type AgentModeFound,
  type Places,
  type Settings,
} from './sources.ts';

/** The arguments of one command, and where it was called. */
export interface Invocation extends Places {
  readonly paths: readonly string[];
}

/** What performs each command; they resolve with its exit code. */
export type Actions = Readonly<Record<CommandName, (invocation: Invocation) => Promise<number>>>;

export type Detail = 'quiet' | 'normal' | 'verbose';

export interface RunInvocation {
  readonly options: RunOptions;
  /** The same as they were set, and where. */
  readonly settings: Settings;
  readonly detail: Detail;
  readonly json: boolean;
  /** Absolute. */
  readonly resultsFile?: string;
  readonly reports: readonly ReportFile[];
  /** The dangerous mode needs no question. */
  readonly yes: boolean;
}

export function runInvocation(invocation: Invocation): RunInvocation {
  const { bag, cwd } = invocation;
  const now = new Date();
  const settings = findSettings(invocation, now);
  const agents = agentMode(invocation, now);
  const options: RunOptions = {
    ...runOptions(settings, cwd, flag(bag, 'trustTasks')),
    ...configNote({ ...settings, sources: { ...settings.sources, mode: agents.source } }),
    mode: agents.mode,
    dryRun: settings.values.mode === 'dry-run' || flag(bag, 'dryRun'),
  };
  refuseContradictions(bag, settings, agents);
  if (options.dryRun) refuseInDryRun(bag, settings);
  const file = text(bag, 'outputJson');
  if (file === '' || file === '-')
    throw new UsageError(
      `--output-json: got ${JSON.stringify(file)}; allowed is a file name`,
      'for events on standard output there is --json',
    );
  return {
    options,
    settings,
    detail: flag(bag, 'quiet') ? 'quiet' : flag(bag, 'verbose') ? 'verbose' : 'normal',
    json: flag(bag, 'json'),
    yes: flag(bag, 'yes'),
    reports: runReportFiles(list(bag, 'report'), cwd),
    ...(file !== undefined && { resultsFile: resolve(cwd, file) }),
  };
}

function runOptions(
  settings: Settings,
  cwd: string,
  trustTasks: boolean,
): Omit<RunOptions, 'mode' | 'dryRun' | 'config'> {
  const { values } = settings;
  const {
    timeout: timeoutMs,
    'idle-timeout': idleTimeoutMs,
    'approval-timeout': approvalTimeoutMs,
    'cleanup-stale': cleanupStaleMs,
    'takeover-after': takeoverAfterMs,
    'max-failures': maxFailures,
    verify: command,
  } = values;
  const stopAt = values['stop-at'] ?? values.for;
  return {
    patterns: values.pattern,
    model: values.model,
    concurrency: values.concurrency,
    retries: values.retries,
    approval: values.approval,
    backend: values.backend,
    approvals: values.approvals,
    maxWaiting: values['max-waiting'],
    workingDirectory: values.cd ?? cwd,
    retryFailed: values['retry-failed'],
    rerunCompleted: values['rerun-completed'],
    rerunChanged: values['rerun-changed'],
    codexConfig: values['codex-config'],
    orphans: values.orphans,
    expectChanges: values['expect-changes'],
    wait: values.wait,
    watch: values.watch,
    budget: budget(values),
    given: givenIn(settings),
    trustTasks,
    verifyTimeoutMs: values['verify-timeout'],
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(approvalTimeoutMs !== undefined && { approvalTimeoutMs }),
    ...(cleanupStaleMs !== undefined && { cleanupStaleMs }),
    ...(takeoverAfterMs !== undefined && { takeoverAfterMs }),
    ...(idleTimeoutMs !== undefined && { idleTimeoutMs }),
    ...(maxFailures !== undefined && { maxFailures }),
    ...(command !== undefined && { verify: verify(command, values) }),
    ...(stopAt !== undefined && { stopAt }),
  };
}

/** What the run says of its config file. */
function configNote({ file, sources }: Settings): Pick<RunOptions, 'config'> {
  if (!file) return {};
  return {
    config: { file: file.label, settings: SETTING_NAMES.filter((name) => sources[name].kind === 'file') },
  };
}

function verify(command: string, values: SettingValues): NonNullable<RunOptions['verify']> {
  return {
    command,
    timeoutMs: values['verify-timeout'],
    first: values['verify-first'],
    baselineFails: values['verify-baseline-fails'],
  };
}

function budget(values: SettingValues): RunOptions['budget'] {
  const {
    'max-tokens': tokens,
    'max-tokens-per-task': tokensPerTask,
    'max-attempts-total': attempts,
    since = 0,
  } = values;
  return {
    since,
    ...(tokens !== undefined && { tokens }),
    ...(tokensPerTask !== undefined && { tokensPerTask }),
    ...(attempts !== undefined && { attempts }),
  };
}

/** Settings that say something about another one, which is missing. */
const NEEDS: readonly (readonly [name: SettingName, ...anyOf: SettingName[]])[] = [
  ['verify-timeout', 'verify'],
  ['verify-first', 'verify'],
  ['verify-baseline-fails', 'verify-first'],
  ['since', 'max-tokens', 'max-attempts-total'],
];

/** Only what was typed for this run: in a file or a variable it may be meant for those that have what it needs. */
function refuseOptionsWithoutTheirs({ values, sources }: Settings, trustTasks: boolean): void {
  const isSet = (name: SettingName) =>
    (values[name] !== undefined && values[name] !== false) || (name === 'verify' && trustTasks); // a task may have one
  for (const [name, ...anyOf] of NEEDS) {
    if (sources[name].kind !== 'option' || !isSet(name) || anyOf.some(isSet)) continue;
    const needed = anyOf.map(optionOf).join(' or ');
    throw new UsageError(
      `${optionOf(name)} means nothing without ${needed}`,
      `add ${needed}, or leave it out`,
    );
  }
}

/** Two wishes that cannot both come true. Wishes that merely overlap, like `--json --quiet`, are granted. */
function refuseContradictions(bag: OptionBag, settings: Settings, agents: AgentModeFound): void {
  const { values, sources } = settings;
  const named = (name: SettingName) => namedFrom(name, sources[name]);
  if (flag(bag, 'quiet') && flag(bag, 'verbose'))
    throw new UsageError('--quiet and --verbose contradict each other', 'leave one of them out');
  refuseOptionsWithoutTheirs(settings, flag(bag, 'trustTasks'));
  if (values['stop-at'] !== undefined && values.for !== undefined)
    throw new UsageError(
      `${named('stop-at')} and ${named('for')} contradict each other`,
      'leave one of them out',
    );
  if (values.wait && values.watch)
    throw new UsageError(
      `${named('wait')} and ${named('watch')} contradict each other`,
      'with --watch a run stays until it is told to end; --wait ends when nothing is left',
    );
  if (values['expect-changes'] && agents.mode === 'read-only')
    throw new UsageError(
      `${named('expect-changes')} contradicts ${namedFrom('mode', agents.source)} read-only, in which an agent can change nothing`,
      'add --mode workspace-write',
    );
}

/** What was typed for a run that does something. */
function refuseInDryRun(bag: OptionBag, { values, sources }: Settings): void {
  const dryRun = flag(bag, 'dryRun') ? '--dry-run' : `${namedFrom('mode', sources.mode)} dry-run`;
  const why = `${dryRun} changes nothing`;
  for (const name of ['wait', 'watch'] as const)
    if (sources[name].kind === 'option' && values[name])
      throw new UsageError(`--${name} contradicts ${dryRun}: ${why}`, 'leave one of them out');
  // In a file it is meant for the runs that do something.
  if (sources['cleanup-stale'].kind === 'option')
    throw new UsageError(
      `--cleanup-stale contradicts ${dryRun}: ${why}`,
      'codex-worker clean --dry-run shows what would be cleaned',
    );
  if (list(bag, 'report').length > 0)
    throw new UsageError(
      `--report contradicts ${dryRun}: ${why} and has no results`,
      'codex-worker report tells of what was run before',
    );
  if (text(bag, 'outputJson') !== undefined)
    throw new UsageError(
      `--output-json contradicts ${dryRun}: ${why} and has no results`,
      '--json prints what would be run',
    );
}

/** Which reports `report` is to write; none for a few lines on the terminal. */
export function reportOptions({ bag, cwd }: Pick<Invocation, 'bag' | 'cwd'>): readonly ReportFile[] {
  const [html, junit, json] = [text(bag, 'html'), text(bag, 'junit'), text(bag, 'json')];
  return reportFiles({ html, junit, json }, cwd);
}

/** The config file that was named; `false` when there is to be none, `undefined` when it is to be found. */
export function configNamed(bag: OptionBag): string | false | undefined {
  return bag['config'] === false ? false : text(bag, 'config');
}

/** Which files are tasks, for a command that needs no other setting of a run. Throws UsageError. */
export function patterns(places: Places): readonly string[] {
  return settingValue('pattern', places, new Date());
}

/** Throws UsageError. */
export function model(places: Places): string {
  return settingValue('model', places, new Date());
}

export interface StatusOptions {
  readonly patterns: readonly string[];
  readonly detailed: boolean;
  readonly json: boolean;
  /** Look again so often; absent for one look. */
  readonly watchEveryMs?: number;
}

export function statusOptions(places: Places): StatusOptions {
  const { bag } = places;
  const interval = text(bag, 'interval');
  const watch = flag(bag, 'watch');
  if (interval !== undefined && !watch)
    throw new UsageError('--interval means nothing without --watch', 'add --watch, or leave it out');
  return {
    patterns: patterns(places),
    detailed: flag(bag, 'detailed'),
    json: flag(bag, 'json'),
    ...(watch && { watchEveryMs: check.duration('--interval', interval ?? check.DEFAULT_INTERVAL) }),
  };
}

export interface CleanOptions {
  readonly patterns: readonly string[];
  readonly maxAgeMs?: number;
  readonly kill?: string;
  readonly force?: string;
  readonly dryRun: boolean;
  readonly all: boolean;
}

export function cleanOptions(places: Places): CleanOptions {
  const { bag } = places;
  const maxAge = text(bag, 'maxAge');
  return {
    patterns: patterns(places),
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

export function resetOptions(places: Places): ResetOptions {
  const { bag } = places;
  return {
    patterns: patterns(places),
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

export function pauseOptions(places: Places): PauseOptions {
  const { bag } = places;
  const [until, after] = [text(bag, 'until'), text(bag, 'for')];
  const now = new Date();
  if (until !== undefined && after !== undefined)
    throw new UsageError('--until and --for contradict each other', 'leave one of them out');
  return {
    patterns: patterns(places),
    reason: headline(text(bag, 'reason') ?? ''),
    ...(until !== undefined && { until: check.momentAhead('--until', until, now) }),
    ...(after !== undefined && { until: now.getTime() + check.duration('--for', after) }),
  };
}

export function flag(bag: OptionBag, key: string): boolean {
  return bag[key] === true;
}

export function text(bag: OptionBag, key: string): string | undefined {
  const value = bag[key];
  return typeof value === 'string' ? value : undefined;
}

function list(bag: OptionBag, key: string): readonly string[] {
  const value = bag[key];
  return Array.isArray(value) ? value : [];
}
