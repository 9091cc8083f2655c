/** The kinds of values that settings have: how a text is checked, what else a file may hold for it, what an editor is told. */
import { resolve } from 'node:path';
import { notifyTarget } from './notification.ts';
import * as check from './options.ts';

type JsonSchema = Readonly<Record<string, unknown>>;

/** What some texts mean depends on when and where they were said. */
interface Saying {
  readonly now: Date;
  /** What a relative path is relative to: absolute. */
  readonly base: string;
}

/**
 * What a file may hold: `number` no text, `amount` a number or a text (`90`, `30m`), `texts` one text or a list of them.
 * From an option or a variable each of them comes as text.
 */
export type SettingKind = 'text' | 'number' | 'amount' | 'flag' | 'texts';

export interface SettingType<T> {
  readonly kind: SettingKind;
  /** `where` begins the complaint about a value. Throws UsageError. */
  readonly read: (where: string, text: string, saying: Saying) => T;
  readonly schema: JsonSchema;
  /** What the shell's user reads for the value: `<glob>`. */
  readonly placeholder?: string;
}

const DURATION = '^[0-9]+(\\.[0-9]+)?[smhd]?$';

function text<T>(
  placeholder: string,
  read: SettingType<T>['read'],
  pattern?: string,
): SettingType<T> & { kind: 'text' } {
  const schema = { type: 'string', ...(pattern !== undefined && { pattern }) };
  return { kind: 'text', placeholder, read, schema };
}

function amount<T>(placeholder: string, read: SettingType<T>['read'], pattern: string): SettingType<T> {
  return {
    kind: 'amount',
    placeholder,
    read,
    schema: { type: ['string', 'number'], pattern, minimum: 0 },
  };
}

function texts<T>(placeholder: string, read: SettingType<T>['read']): SettingType<T> & { kind: 'texts' } {
  const schema = {
    anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }],
  };
  return { kind: 'texts', placeholder, read, schema };
}

function oneOf<T extends string>(placeholder: string, words: readonly T[]): SettingType<T> {
  return {
    kind: 'text',
    placeholder,
    read: (where, value) => check.oneOf(where, value, words),
    schema: { enum: words },
  };
}

function wholeNumber(min: number, max: number): SettingType<number> {
  return {
    kind: 'number',
    placeholder: '<n>',
    read: (where, value) => check.wholeNumber(where, value, min, max),
    schema: { type: 'integer', minimum: min, maximum: max },
  };
}

const flag: SettingType<boolean> = { kind: 'flag', read: check.trueOrFalse, schema: { type: 'boolean' } };

export const type = {
  flag,
  oneOf,
  wholeNumber,
  model: text('<name>', check.modelName),
  patterns: texts('<glob>', check.taskPattern),
  codexSettings: texts('<key=value>', check.codexSetting),
  command: text('<command>', check.shellCommand),
  notifyTargets: texts('<url|command>', notifyTarget),
  directory: text('<dir>', (where, value, { base }) => resolve(base, check.directoryName(where, value))),
  duration: amount('<duration>', check.duration, DURATION),
  durationOrOff: amount('<duration>', check.durationOrOff, DURATION),
  silence: amount('<duration>', check.silence, DURATION),
  /** From now on, as a moment. */
  span: amount(
    '<duration>',
    (where, value, { now }) => now.getTime() + check.duration(where, value),
    DURATION,
  ),
  momentAhead: text('<time>', (where, value, { now }) => check.momentAhead(where, value, now)),
  momentPast: text('<when>', (where, value, { now }) => check.momentPast(where, value, now)),
  tokens: amount('<n>', check.tokens, '^[0-9]+(\\.[0-9]{1,3})?[kM]?$'),
  maxFailures: amount('<n|%>', check.maxFailures, '^[0-9]+%?$'),
} as const;
