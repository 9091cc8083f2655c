/**
 * What a task gets of what it says for itself. An option or a variable that was given for the run wins over the task, and
 * the task over the config file and the defaults; but a task may always ask for less. It never gets more than its run
 * allows: what would raise its rights is an error, unless the run trusts its tasks.
 */
import { formatDuration } from './duration.ts';
import { UsageError } from './errors.ts';
import { AGENT_MODES, type AgentMode, type RunOptions, type Verify } from './options.ts';
import { headline } from './printable.ts';
import type { Said, TaskSettings } from './task-settings.ts';

/** What an attempt works with. */
export interface Allowance {
  readonly model: string;
  readonly mode: AgentMode;
  readonly timeoutMs?: number;
  /** Absent when the agent may be silent for ever. */
  readonly idleTimeoutMs?: number;
  readonly retries: number;
  /** `isOfTask` where the task asks for the command itself. */
  readonly verify?: Pick<Verify, 'command' | 'timeoutMs'> & { readonly isOfTask: boolean };
  readonly expectChanges: boolean;
}

const rank = (mode: AgentMode) => AGENT_MODES.indexOf(mode);

/** `label` names the task's file in complaints. Throws UsageError for what the run does not allow. */
export function allow(label: string, says: TaskSettings, options: RunOptions): Allowance {
  const isGiven = (name: keyof TaskSettings) => options.given.includes(name);
  const model = says.model && !isGiven('model') ? says.model.value : options.model;
  const lower = (name: 'timeout' | 'idle-timeout' | 'retries', ofRun: number | undefined) => {
    const said = says[name];
    if (!said) return ofRun;
    return isGiven(name) ? least(said.value, ofRun) : said.value;
  };
  const timeoutMs = lower('timeout', options.timeoutMs);
  const idleTimeoutMs = lower('idle-timeout', options.idleTimeoutMs);
  const mode = allowedMode(label, says.mode, options);
  const verify = allowedVerify(label, says.verify, options);
  return {
    model,
    mode,
    retries: lower('retries', options.retries) ?? options.retries,
    expectChanges: allowedExpectation(label, says, options, mode),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(idleTimeoutMs !== undefined && { idleTimeoutMs }),
    ...(verify && { verify }),
  };
}

/** `undefined` is no limit. */
function least(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

function allowedMode(label: string, said: Said<AgentMode> | undefined, options: RunOptions): AgentMode {
  const { mode: own } = options;
  if (!said || rank(said.value) <= rank(own)) return said?.value ?? own;
  const where = `${label}:${said.at}: mode`;
  // It is confirmed by a person, for a run: no file can stand for that.
  if (said.value === 'danger-full-access')
    throw new UsageError(
      `${where}: danger-full-access is only for the tasks of a run that has it itself`,
      'with --mode danger-full-access',
    );
  if (!options.trustTasks)
    throw new UsageError(
      `${where}: ${said.value} is above the ${own} of this run`,
      `--mode ${said.value} allows it for all, --trust-tasks for those that say so`,
    );
  return said.value;
}

function allowedVerify(
  label: string,
  said: Said<string> | undefined,
  { verify, verifyTimeoutMs, given, trustTasks }: RunOptions,
): Allowance['verify'] {
  if (said && !trustTasks)
    throw new UsageError(
      `${label}:${said.at}: verify: a command of a task is run only where its run trusts it`,
      '--trust-tasks does; --verify is for all tasks',
    );
  if (!said || (verify && given.includes('verify')))
    return verify && { command: verify.command, timeoutMs: verify.timeoutMs, isOfTask: false };
  return { command: said.value, timeoutMs: verifyTimeoutMs, isOfTask: true };
}

function allowedExpectation(
  label: string,
  says: TaskSettings,
  options: RunOptions,
  mode: AgentMode,
): boolean {
  const said = says['expect-changes'];
  const ofRun = options.expectChanges && (!said || options.given.includes('expect-changes'));
  const expected = ofRun || said?.value === true;
  if (!expected || mode !== 'read-only') return expected;
  const at = (says.mode ?? said)?.at;
  if (at === undefined) return expected;
  throw new UsageError(
    `${label}:${at}: a task that is to change files (expect-changes) cannot be read-only`,
    'mode: workspace-write, or expect-changes: false',
  );
}

/** What is in force of the settings that a task names, in words: for its log, and for a dry run. */
export function describeAllowance(
  says: TaskSettings,
  allowed: Allowance & { readonly workingDirectory: string },
): Readonly<Record<string, string>> {
  const time = (ms: number | undefined) => (ms === undefined ? 'none' : formatDuration(ms));
  const words: Readonly<Record<keyof TaskSettings, string>> = {
    model: allowed.model,
    mode: allowed.mode,
    timeout: time(allowed.timeoutMs),
    'idle-timeout': time(allowed.idleTimeoutMs),
    retries: String(allowed.retries),
    verify: headline(allowed.verify?.command ?? 'none', 120),
    cwd: allowed.workingDirectory,
    priority: String(says.priority?.value),
    after: headline(says.after?.value.join(', ') ?? '', 120),
    'expect-changes': String(allowed.expectChanges),
  };
  return Object.fromEntries(Object.entries(words).filter(([name]) => name in says));
}
