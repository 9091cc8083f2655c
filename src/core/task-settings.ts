/** What a task may say for itself in its front matter: every value checked, and nothing decided yet. */
import { UsageError } from './errors.ts';
import * as check from './options.ts';
import type { AgentMode } from './options.ts';
import { type, type SettingType } from './setting-types.ts';
import { SETTING_NAMES, settingRow } from './settings.ts';
import { textsIn } from './sources.ts';

/** A value, and `line:column` of where the task says it. */
export interface Said<T> {
  readonly value: T;
  readonly at: string;
}

export interface TaskSettings {
  readonly model?: Said<string>;
  readonly mode?: Said<AgentMode>;
  /** ms. */
  readonly timeout?: Said<number>;
  /** ms; `undefined` when the agent may be silent for ever. */
  readonly 'idle-timeout'?: Said<number | undefined>;
  readonly retries?: Said<number>;
  readonly verify?: Said<string>;
  /** As it is written: relative to the run's. */
  readonly cwd?: Said<string>;
  readonly priority?: Said<number>;
  /** Names and globs, as they are written. */
  readonly after?: Said<readonly string[]>;
  readonly 'expect-changes'?: Said<boolean>;
}

const MOST_PRIORITY = 1_000;
/** Each * and { multiplies what it takes to match a hostile name by the length of that name. */
const MOST_CHOICES = 3;

interface TaskRow extends SettingType<unknown> {
  readonly description: string;
}

/** What is only a task's to say, or is something else than for a run. */
const OF_TASKS: Readonly<Partial<Record<string, TaskRow>>> = {
  mode: { ...type.oneOf('<mode>', check.AGENT_MODES), description: 'What its agent may do' },
  cwd: {
    kind: 'text',
    read: check.directoryName,
    schema: { type: 'string' },
    description: 'Where its agent works, relative to where those of the run work',
  },
  priority: {
    description: 'Tasks with a higher one are taken first; 0 for the others',
    kind: 'number',
    read: readPriority,
    schema: { type: 'integer', minimum: -MOST_PRIORITY, maximum: MOST_PRIORITY },
  },
  after: {
    description: 'Tasks that must be completed before, by name or glob',
    kind: 'texts',
    read: readName,
    schema: { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] },
  },
};

/** What a task may say for itself, by the names that it has there. */
export const TASK_SETTINGS: ReadonlyMap<string, TaskRow> = new Map([
  ...SETTING_NAMES.flatMap((name) => {
    const { inTask, ...row } = settingRow(name);
    return inTask === undefined ? [] : [[inTask, row] as const];
  }),
  ...Object.entries(OF_TASKS).flatMap(([name, row]) => (row ? [[name, row] as const] : [])),
]);

function readPriority(where: string, text: string): number {
  const n = /^-?\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (!(Math.abs(n) <= MOST_PRIORITY))
    throw new UsageError(
      `${where}: got ${text}; allowed is a whole number from -${MOST_PRIORITY} to ${MOST_PRIORITY}`,
      'a higher one is taken first',
    );
  return n;
}

function readName(where: string, text: string): string {
  if (text.trim() === '' || text.includes('\0') || text.startsWith('/'))
    throw new UsageError(
      `${where}: got ${JSON.stringify(text)}; allowed is the name of a task, or a glob`,
      'relative to the directory of the task that says so',
    );
  if ((text.match(/\*+|\{/g)?.length ?? 0) > MOST_CHOICES)
    throw new UsageError(
      `${where}: got ${JSON.stringify(text)}; allowed are ${MOST_CHOICES} of * and { in one glob`,
      'several globs make a list',
    );
  return text;
}

/** `label` names the file in complaints: `tasks/a.md:2:1: mode: …`. Throws UsageError for the first that is wrong. */
export function readTaskSettings(
  label: string,
  entries: Iterable<readonly [name: string, entry: Said<unknown>]>,
): TaskSettings {
  const saying = { now: new Date(), base: '/' }; // nothing that a task may say depends on them
  const settings: Record<string, Said<unknown>> = {};
  for (const [name, { value, at }] of entries) {
    const row = TASK_SETTINGS.get(name);
    if (!row) throw unknown(`${label}:${at}`, name);
    const where = `${label}:${at}: ${name}`;
    const isNone = row.kind === 'texts' && Array.isArray(value) && value.length === 0; // as a program writes `after`
    const values = isNone ? [] : textsIn(where, row.kind, value).map((text) => row.read(where, text, saying));
    settings[name] = { at, value: row.kind === 'texts' ? values : values[0] };
  }
  return settings;
}

function unknown(where: string, name: string): UsageError {
  const names = [...TASK_SETTINGS.keys()];
  const hint = check.didYouMean(name, names) ?? `a task may say ${names.join(', ')}`;
  return new UsageError(`${where}: there is no setting ${JSON.stringify(name)}`, hint);
}
