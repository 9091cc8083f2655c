/**
 * The settings of a run: one table for the options on the command line, the environment, the config file, what a task may
 * say for itself, the schemas for editors, and `--help`.
 */
import * as given from './options.ts';
import { type, type SettingType } from './setting-types.ts';

export interface SettingRow extends SettingType<unknown> {
  readonly short?: string;
  readonly description: string;
  /** Where the option is the opposite: what `true` means in a file. */
  readonly described?: string;
  /** As text, read as any other. */
  readonly default?: string;
  /** What people read where there is no default. */
  readonly unset?: string;
  /** A task may say it for itself, by this name. */
  readonly inTask?: string;
}

const SETTINGS = {
  pattern: {
    ...type.patterns,
    short: 'p',
    description: 'Which files of a directory are tasks; repeatable',
    default: given.DEFAULT_PATTERN,
  },
  model: {
    ...type.model,
    short: 'm',
    description: "Model; inherit leaves it to Codex's configuration",
    default: given.DEFAULT_MODEL,
    inTask: 'model',
  },
  mode: {
    ...type.oneOf('<mode>', given.MODES),
    description: 'read-only, workspace-write or danger-full-access; dry-run is as --dry-run',
    default: given.DEFAULT_MODE,
    inTask: 'mode',
  },
  concurrency: {
    ...type.wholeNumber(1, given.MAX_CONCURRENCY),
    short: 'c',
    description: `Tasks at once, 1–${given.MAX_CONCURRENCY}`,
    default: '1',
  },
  timeout: {
    ...type.duration,
    short: 't',
    description: 'For one attempt: seconds, or 90s, 30m, 2h',
    unset: 'none',
    inTask: 'timeout',
  },
  'idle-timeout': {
    ...type.durationOrOff,
    description: 'End an agent that says nothing and whose commands do nothing for so long; 0 for never',
    default: given.DEFAULT_IDLE_TIMEOUT,
    inTask: 'idle-timeout',
  },
  retries: {
    ...type.wholeNumber(0, given.MAX_RETRIES),
    short: 'r',
    description: `Further attempts after a failure, 0–${given.MAX_RETRIES}, with growing waits`,
    default: '0',
    inTask: 'retries',
  },
  approval: {
    ...type.oneOf('<policy>', given.APPROVALS),
    short: 'a',
    description: 'When agents ask you: never, on-request, untrusted or on-failure',
    default: 'on-request',
  },
  backend: {
    ...type.oneOf('<backend>', given.BACKENDS),
    description:
      'Run Codex as exec, which asks nobody, or as app-server; auto: app-server if you can be asked',
    default: 'auto',
  },
  approvals: {
    ...type.oneOf('<auto|queue>', given.ASKED),
    description: 'Ask only if this run has a terminal, or leave questions for codex-worker approve',
    default: 'auto',
  },
  'approval-timeout': {
    ...type.duration,
    description: 'Decline what nobody has answered in so long',
    unset: 'waits for ever',
  },
  'max-waiting': {
    ...type.wholeNumber(0, given.MAX_CONCURRENCY),
    description: 'So many agents that wait for an answer hold no place of --concurrency',
    default: String(given.DEFAULT_MAX_WAITING),
  },
  cd: {
    ...type.directory,
    short: 'C',
    description: 'Where the agents work',
    unset: 'current directory',
    inTask: 'cwd',
  },
  'retry-failed': {
    ...type.flag,
    description: 'Leave the tasks alone that failed in an earlier run',
    described: 'Take the tasks again that failed in an earlier run',
    default: 'true',
  },
  'rerun-completed': {
    ...type.flag,
    description: 'Take completed tasks again; their logs are kept',
    default: 'false',
  },
  'rerun-changed': {
    ...type.flag,
    description: 'Take completed tasks again whose file was edited since they ran',
    default: 'false',
  },
  'codex-config': {
    ...type.codexSettings,
    description: 'Handed to Codex as -c; repeatable',
  },
  'cleanup-stale': {
    ...type.silence,
    description: 'Do clean --max-age <duration> first',
  },
  'takeover-after': {
    ...type.silence,
    description: 'Take over from a worker on another host after so long a silence; at least 60s',
    unset: 'never',
  },
  orphans: {
    ...type.oneOf('<end|wait>', given.ORPHANS),
    description: 'End an agent whose worker is dead, or wait for it',
    default: 'end',
  },
  verify: {
    ...type.command,
    description: 'Run it after each agent: the task is completed only if it succeeds',
    inTask: 'verify',
  },
  'verify-timeout': {
    ...type.duration,
    description: 'For one such command',
    default: given.DEFAULT_VERIFY_TIMEOUT,
  },
  'verify-first': {
    ...type.flag,
    description: 'Run it once before anything, and refuse to start when it fails',
    default: 'false',
  },
  'verify-baseline-fails': {
    ...type.flag,
    description: 'It is expected to fail then',
    default: 'false',
  },
  'expect-changes': {
    ...type.flag,
    description: 'A task whose agent changed no file has failed',
    default: 'false',
    inTask: 'expect-changes',
  },
  'max-tokens': {
    ...type.tokens,
    description: 'Dispatch no more once so many are spent in these directories: 500k, 20M',
    unset: 'none',
  },
  'max-tokens-per-task': {
    ...type.tokens,
    description: 'End an attempt that spends more',
    unset: 'none',
  },
  'max-attempts-total': {
    ...type.wholeNumber(1, 999_999_999),
    description: 'Dispatch no more after so many',
    unset: 'none',
  },
  since: {
    ...type.momentPast,
    description: 'What was spent before does not count: 12h, 2026-01-31T22:00',
    unset: 'all counts',
  },
  'max-failures': {
    ...type.maxFailures,
    description: 'Dispatch no more once so many tasks failed',
    unset: 'three in a row that fail alike',
  },
  'stop-at': {
    ...type.momentAhead,
    description: 'Dispatch no more from then on: 07:30',
  },
  for: {
    ...type.span,
    description: 'The same, after so long',
  },
  wait: {
    ...type.flag,
    description: 'Stay until no task is pending or in progress, whoever works on it',
    default: 'false',
  },
  watch: {
    ...type.flag,
    description: 'Stay, and take new tasks as they appear, until Ctrl-C',
    default: 'false',
  },
  notify: {
    ...type.notifyTargets,
    description:
      'Tell a webhook or a command of the end, a pause, a stop, a question; or ring the bell; repeatable',
  },
} as const satisfies Readonly<Record<string, SettingRow>>;

export type SettingName = keyof typeof SETTINGS;
export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];
/** Whether a setting has this name. */
export const isSetting = (name: string): name is SettingName => Object.hasOwn(SETTINGS, name);
/** The row of a setting, whichever it is. */
export const settingRow = (name: SettingName): SettingRow => SETTINGS[name];

type Read<Row> = Row extends SettingType<infer T> ? T : never;
type Value<Row> = Row extends { readonly kind: 'texts' }
  ? readonly Read<Row>[]
  : Row extends { readonly default: string }
    ? Read<Row>
    : Read<Row> | undefined;

/** Every value checked, every default filled in. */
export type SettingValues = { readonly [Name in SettingName]: Value<(typeof SETTINGS)[Name]> };

/** `true` where it is typed with `no-` to say anything: it holds unless it is. */
const isOnByDefault = (name: SettingName) =>
  settingRow(name).kind === 'flag' && settingRow(name).default === 'true';

/** As it is typed: `--idle-timeout`, `--no-retry-failed`. */
export function optionOf(name: SettingName): string {
  return isOnByDefault(name) ? `--no-${name}` : `--${name}`;
}

/** In the notation of cac: `-m, --model <name>`. */
export function flagsOf(name: SettingName): string {
  const { short, placeholder } = settingRow(name);
  return (short ? `-${short}, ` : '') + optionOf(name) + (placeholder ? ` ${placeholder}` : '');
}

/** `idle-timeout` is CODEX_WORKER_IDLE_TIMEOUT. */
export function variableOf(name: SettingName): string {
  return `CODEX_WORKER_${name.toUpperCase().replaceAll('-', '_')}`;
}
