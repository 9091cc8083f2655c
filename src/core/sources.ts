/** Where the value of each setting comes from: an option, else the environment, else the config file, else its default. */
import { dirname } from 'node:path';
import { bagKeyOf, type OptionBag } from './arguments.ts';
import type { ConfigFile } from './config-file.ts';
import { UsageError } from './errors.ts';
import { DEFAULT_MODE, quoted, type AgentMode } from './options.ts';
import type { SettingKind } from './setting-types.ts';
import {
  optionOf,
  SETTING_NAMES,
  settingRow,
  variableOf,
  type SettingName,
  type SettingValues,
} from './settings.ts';

export type Source =
  | { readonly kind: 'option' | 'environment' | 'default' }
  | { readonly kind: 'file'; readonly file: ConfigFile; readonly at: string };

export interface Places {
  readonly bag: OptionBag;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly file?: ConfigFile;
}

export interface Settings {
  readonly values: SettingValues;
  readonly sources: Readonly<Record<SettingName, Source>>;
  /** As they were said: one text for each value of a list, none where nothing was said and there is no default. */
  readonly texts: Readonly<Record<SettingName, readonly string[]>>;
  readonly file?: ConfigFile;
}

/** Of all settings. Throws UsageError for a value that is none, wherever it stands, also where another one wins over it. */
export function findSettings(places: Places, now: Date): Settings {
  const found = SETTING_NAMES.map((name) => [name, findSetting(name, places, now)] as const);
  const each = (key: keyof Found) => Object.fromEntries(found.map(([name, of]) => [name, of[key]]));
  return {
    values: each('value') as unknown as SettingValues,
    sources: each('source') as Settings['sources'],
    texts: each('texts') as Settings['texts'],
    ...(places.file && { file: places.file }),
  };
}

/** Of one setting, for a command that needs no other. Throws UsageError. */
export function settingValue<Name extends SettingName>(
  name: Name,
  places: Places,
  now: Date,
): SettingValues[Name] {
  return findSetting(name, places, now).value as SettingValues[Name];
}

export interface AgentModeFound {
  readonly mode: AgentMode;
  readonly source: Source;
}

/**
 * The mode that agents have, and where it is said. `dry-run` says nothing of that: then it is what holds without it, so that
 * a dry run shows what the same run would do without.
 */
export function agentMode(places: Places, now: Date): AgentModeFound {
  const { env, cwd, file } = places;
  const below = { bag: {}, cwd, ...(file && { file }) };
  for (const each of [places, { ...below, env }, { ...below, env: {} }]) {
    const { value, source } = findSetting('mode', each, now);
    if (value !== 'dry-run') return { mode: value as AgentMode, source };
  }
  return { mode: DEFAULT_MODE, source: { kind: 'default' } };
}

/** The names whose values win over what a task says for itself: those from an option or the environment. */
export function givenIn({ sources }: Settings): readonly SettingName[] {
  return SETTING_NAMES.filter((name) => ['option', 'environment'].includes(sources[name].kind));
}

/** What a complaint about a value begins with: `--timeout`, `CODEX_WORKER_TIMEOUT`, `tasks/.codex-worker.yaml:3:1: timeout`. */
export function whereIs(name: SettingName, source: Source): string {
  if (source.kind === 'environment') return variableOf(name);
  return source.kind === 'file' ? `${source.file.label}:${source.at}: ${name}` : optionOf(name);
}

/** As `whereIs`, inside a sentence: `timeout (tasks/.codex-worker.yaml:3:1)`. */
export function namedFrom(name: SettingName, source: Source): string {
  return source.kind === 'file' ? `${name} (${source.file.label}:${source.at})` : whereIs(name, source);
}

interface Said {
  readonly source: Source;
  readonly texts: readonly string[];
}

interface Found extends Said {
  readonly value: unknown;
}

function findSetting(name: SettingName, places: Places, now: Date): Found {
  const { read, kind } = settingRow(name);
  const find = (said: Said): Found => {
    const base = said.source.kind === 'file' ? dirname(said.source.file.path) : places.cwd;
    const values = said.texts.map((text) => read(whereIs(name, said.source), text, { now, base }));
    return { ...said, value: kind === 'texts' ? values : values[0] };
  };
  const inFile = saidInFile(name, places);
  const fromFile = inFile && find(inFile);
  const above = saidForOnce(name, places);
  return above ? find(above) : (fromFile ?? find({ source: { kind: 'default' }, texts: byDefault(name) }));
}

const byDefault = (name: SettingName) => [settingRow(name).default ?? []].flat();

/** By an option, or by the environment. */
function saidForOnce(name: SettingName, { bag, env }: Places): Said | undefined {
  const { kind } = settingRow(name);
  const typed = bag[bagKeyOf(name)];
  if (typed !== undefined) {
    const source: Source = { kind: 'option' };
    if (typed === null) return { source, texts: byDefault(name) };
    return { source, texts: Array.isArray(typed) ? typed : [String(typed)] };
  }
  const variable = env[variableOf(name)];
  if (!variable) return undefined;
  return { source: { kind: 'environment' }, texts: kind === 'texts' ? variable.split('\n') : [variable] };
}

function saidInFile(name: SettingName, { file }: Places): Said | undefined {
  const entry = file?.entries.get(name);
  if (!file || !entry) return undefined;
  const source: Source = { kind: 'file', file, at: entry.at };
  const texts = textsIn(whereIs(name, source), settingRow(name).kind, entry.value);
  return texts.length === 0 ? undefined : { source, texts }; // an empty list says nothing
}

const ALLOWED: Readonly<Record<SettingKind, string>> = {
  text: 'text; in quotes, if it looks like a number',
  number: 'a number',
  amount: 'a number or text',
  flag: 'true or false',
  texts: 'text, or a list of texts',
};

/** What stands in a file, as the texts that an option would have. Throws UsageError for what no option could mean. */
export function textsIn(where: string, kind: SettingKind, value: unknown): readonly string[] {
  const isText = typeof value === 'string';
  const isNumber = typeof value === 'number';
  const isTexts = Array.isArray(value) && value.every((item) => typeof item === 'string');
  if (kind === 'texts' && isTexts) return value;
  const isFine = {
    text: isText,
    texts: isText,
    number: isNumber,
    amount: isText || isNumber,
    flag: typeof value === 'boolean',
  }[kind];
  if (isFine) return [String(value)];
  throw new UsageError(`${where}: got ${inWords(value)}; allowed is ${ALLOWED[kind]}`);
}

function inWords(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return quoted(value);
  return typeof value === 'object' ? 'a mapping' : JSON.stringify(value);
}
