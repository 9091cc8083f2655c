/** Where the value of each setting comes from: an option, else the environment, else the config file, else its default. */
import { dirname } from 'node:path';
import { bagKeyOf, type OptionBag } from './arguments.ts';
import { UsageError } from './errors.ts';
import type { SettingKind } from './setting-types.ts';
import {
  optionOf,
  SETTING_NAMES,
  settingRow,
  variableOf,
  type SettingName,
  type SettingValues,
} from './settings.ts';

/** A config file as it was read. */
export interface ConfigFile {
  /** Absolute. */
  readonly path: string;
  /** As people would type it. */
  readonly label: string;
  readonly entries: ReadonlyMap<string, ConfigEntry>;
}

interface ConfigEntry {
  readonly value: unknown;
  /** `line:column` of its key, from 1. */
  readonly at: string;
}

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
}

/** Of all settings. Throws UsageError for a value that is none, wherever it stands, also where another one wins over it. */
export function findSettings(places: Places, now: Date): Settings {
  const found = SETTING_NAMES.map((name) => [name, findSetting(name, places, now)] as const);
  return {
    values: Object.fromEntries(found.map(([name, { value }]) => [name, value])) as unknown as SettingValues,
    sources: Object.fromEntries(found.map(([name, { source }]) => [name, source])) as Settings['sources'],
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

function findSetting(name: SettingName, places: Places, now: Date) {
  const { source, texts } = textsOf(name, places);
  const { read, kind } = settingRow(name);
  const base = source.kind === 'file' ? dirname(source.file.path) : places.cwd;
  const values = texts.map((text) => read(whereIs(name, source), text, { now, base }));
  return { source, texts, value: kind === 'texts' ? values : values.at(-1) };
}

function textsOf(
  name: SettingName,
  { bag, env, file }: Places,
): { readonly source: Source; readonly texts: readonly string[] } {
  const { kind, default: byDefault } = settingRow(name);
  const typed = bag[bagKeyOf(name)];
  if (typed !== undefined)
    return { source: { kind: 'option' }, texts: Array.isArray(typed) ? typed : [String(typed)] };
  const variable = env[variableOf(name)];
  if (variable)
    return { source: { kind: 'environment' }, texts: kind === 'texts' ? variable.split('\n') : [variable] };
  const entry = file?.entries.get(name);
  if (file && entry) {
    const source: Source = { kind: 'file', file, at: entry.at };
    return { source, texts: textsIn(whereIs(name, source), kind, entry.value) };
  }
  return { source: { kind: 'default' }, texts: byDefault === undefined ? [] : [byDefault] };
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
  if (kind === 'texts' && Array.isArray(value) && value.every((item) => typeof item === 'string'))
    return value;
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
  return typeof value === 'object' ? 'a mapping' : JSON.stringify(value);
}
