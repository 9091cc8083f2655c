/** What a config file may say: the names of settings, each once. */
import { UsageError } from './errors.ts';
import { nearest } from './options.ts';
import { isSetting, SETTING_NAMES, settingRow } from './settings.ts';

/** As it was read. */
export interface ConfigFile {
  /** Absolute. */
  readonly path: string;
  /** As people would type it. */
  readonly label: string;
  readonly entries: ReadonlyMap<string, ConfigEntry>;
}

interface ConfigEntry {
  /** A text, a number, `true`, `false` or `null`; a list of these; anything else for what is more. */
  readonly value: unknown;
  /** `line:column` of its key, from 1. */
  readonly at: string;
}

/** Names that are options only, and why they stand in no file. */
export const NO_SETTINGS: ReadonlyMap<string, string> = new Map([
  ['yes', 'the question is for whoever starts a run'],
  ['dry-run', 'whether anything is run is for the command that starts it'],
  ['trust-tasks', 'whoever starts a run says whether its tasks are trusted'],
  ['config', 'one config file does not name another'],
  ...['json', 'output-json', 'report', 'quiet', 'verbose'].map(
    (name) => [name, 'how a run reports is for the command that starts it'] as const,
  ),
]);

/** For editors; it says nothing to us. */
const SCHEMA_KEY = '$schema';

/** Throws UsageError for a name that is no setting. */
export function checkNames({ label, entries }: ConfigFile): void {
  for (const [name, { at }] of entries) {
    if (name === SCHEMA_KEY || isSetting(name)) continue;
    const reason = NO_SETTINGS.get(name);
    if (reason !== undefined)
      throw new UsageError(
        `${label}:${at}: ${name} may not stand in a config file: ${reason}`,
        `use --${name}`,
      );
    throw new UsageError(`${label}:${at}: no such setting: ${JSON.stringify(name)}`, hintFor(name));
  }
}

function hintFor(name: string): string {
  const negated = SETTING_NAMES.find((known) => `no-${known}` === name);
  if (negated) return settingRow(negated).kind === 'flag' ? `write ${negated}: false` : 'leave it out';
  const near = nearest(name, SETTING_NAMES);
  return near === undefined ? 'codex-worker config lists them all' : `did you mean ${near}?`;
}
