/** The JSON Schemas that are shipped for editors say what the program says. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { schemaTexts } from '../../scripts/schemas.ts';
import { UsageError } from '../../src/core/errors.ts';
import { SETTING_NAMES, settingRow } from '../../src/core/settings.ts';
import { textsIn } from '../../src/core/sources.ts';

const SCHEMAS = new URL('../../schemas/', import.meta.url);

test('the schemas are those of the tables; npm run schemas writes them', async () => {
  const texts = await schemaTexts();
  assert.deepEqual(readdirSync(SCHEMAS), [...texts.keys()]);
  for (const [name, text] of texts) assert.equal(readFileSync(new URL(name, SCHEMAS), 'utf8'), text, name);
});

/** The few words of JSON Schema that ours use. */
function isValid(schema: Readonly<Record<string, unknown>>, value: unknown): boolean {
  const { type, pattern, minimum, maximum, enum: words, anyOf, items } = schema;
  if (Array.isArray(anyOf)) return anyOf.some((one: typeof schema) => isValid(one, value));
  if (Array.isArray(words)) return words.includes(value);
  const types = new Set([type].flat());
  const isNumber = typeof value === 'number';
  if (Array.isArray(value))
    return types.has('array') && value.every((item) => isValid(items as typeof schema, item));
  if (!types.has(typeof value) && !(isNumber && types.has('integer') && Number.isInteger(value)))
    return false;
  if (isNumber) return value >= Number(minimum ?? -Infinity) && value <= Number(maximum ?? Infinity);
  return typeof pattern !== 'string' || new RegExp(pattern).test(String(value));
}

test('an editor accepts what the program accepts, and marks what is of the wrong kind', () => {
  const values = [
    0,
    1,
    90,
    1.5,
    -1,
    true,
    false,
    null,
    'a',
    '30m',
    '5%',
    '20M',
    '07:30',
    'read-only',
    'end',
    ['a'],
    {},
  ];
  const saying = { now: new Date(), base: '/' };
  for (const name of SETTING_NAMES) {
    const { kind, read, schema } = settingRow(name);
    for (const value of values) {
      const isOfItsKind = isTaken(() => textsIn(name, kind, value));
      const isTakenWhole = isTaken(() => textsIn(name, kind, value).map((text) => read(name, text, saying)));
      const says = `${name}: ${JSON.stringify(value)}`;
      if (isTakenWhole) assert.ok(isValid(schema, value), `${says} is marked`);
      if (!isOfItsKind) assert.ok(!isValid(schema, value), `${says} is not marked`);
    }
  }
});

function isTaken(act: () => unknown): boolean {
  try {
    act();
    return true;
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    return false;
  }
}
