/** What the simulated model of the demo does about each task file of `examples/tasks`: the edits a real one would make. */
import type { Directive } from '../test/rig/directives.ts';

const think = (ms: number): Directive => ({ kind: 'sleep', ms });
const say = (text: string): Directive => ({ kind: 'say', text });
const run = (command: string): Directive => ({ kind: 'run', command });
const write = (path: string, content: string): Directive => ({ kind: 'write', path, content });
const replace = (path: string, before: string, after: string): Directive => ({
  kind: 'replace',
  path,
  before,
  after,
});

/** By the heading of the task, which is the first line of the prompt. */
const PLAYS: Readonly<Record<string, readonly Directive[]>> = {
  '# Remove the unused import from src/config.js': [
    say('Reading src/config.js to see which imports are used.'),
    think(400),
    replace('src/config.js', "import fs from 'node:fs';\n", ''),
    think(600),
    say('Removed the unused `fs` import from src/config.js; `path` stays.'),
  ],
  '# Bug 2: the cart total ignores quantities': [
    say('Looking at how the total is added up.'),
    think(700),
    replace('src/cart.js', 'sum += item.price;', 'sum += item.price * (item.quantity ?? 1);'),
    run('node --test test/cart.test.js'),
    think(500),
    say(
      '`total` now multiplies each price by its quantity, which counts as 1 when it is missing. The cart tests pass.',
    ),
  ],
  '# Bug 10: the first page is missing': [
    think(900),
    replace('src/paginate.js', 'const start = number * size;', 'const start = (number - 1) * size;'),
    run(
      `node --input-type=module -e "import { page } from './src/paginate.js'; console.log(page(['a', 'b', 'c'], 1, 2))"`,
    ),
    think(400),
    say('Pages are counted from 1 now: page 1 of `[a, b, c]` by two is `[a, b]`.'),
  ],
  '# Document slugify': [
    think(500),
    replace(
      'src/slugify.js',
      'export function slugify',
      `/**
 * Turns a title into the part of an address that stands for it: lower-case words without accents or signs.
 *
 * @param {string} title
 * @param {object} [options]
 * @param {string} [options.separator] stands between the words; \`-\` by default
 * @param {number} [options.maxLength] cuts the slug, in characters; 60 by default
 * @example slugify('Crème brûlée, twice') // 'creme-brulee-twice'
 */
export function slugify`,
    ),
    think(800),
    say(
      'Added a JSDoc comment to `slugify`, with both options, their defaults and an example. The code is unchanged.',
    ),
  ],
  '# Document the settings in the README': [
    say('Collecting the variables that src/config.js reads.'),
    run('grep -n SHOP_ src/config.js'),
    think(900),
    replace(
      'README.md',
      'Run the tests with `npm test`.\n',
      `Run the tests with \`npm test\`.

## Settings

| variable        | default | meaning                            |
| --------------- | ------- | ---------------------------------- |
| \`SHOP_PORT\`     | \`8080\`  | port the shop listens on           |
| \`SHOP_CURRENCY\` | \`EUR\`   | currency of every price            |
| \`SHOP_DATA\`     | \`data\`  | directory with the orders          |
`,
    ),
    say('The README has a section "Settings" with the three variables of src/config.js.'),
  ],
  '# Add tests for slugify': [
    say('Reading slugify and the existing tests for their style.'),
    run('cat src/slugify.js test/cart.test.js'),
    think(1200),
    write(
      'test/slugify.test.js',
      `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { slugify } from '../src/slugify.js';

test('words are lower-cased and joined', () => {
  assert.equal(slugify('Hello, World'), 'hello-world');
});

test('accents are dropped', () => {
  assert.equal(slugify('Crème brûlée'), 'creme-brulee');
});

test('a title without letters gives an empty slug', () => {
  assert.equal(slugify('?!'), '');
});

test('maxLength is respected', () => {
  assert.equal(slugify('one two three', { maxLength: 7 }), 'one-two');
});
`,
    ),
    run('node --test test/slugify.test.js'),
    think(400),
    say('Wrote test/slugify.test.js with four tests; all pass.'),
  ],
  '# Add tests for daysBetween': [
    think(1000),
    write(
      'test/dates.test.js',
      `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { daysBetween } from '../src/dates.js';

const noon = new Date('2026-03-01T12:00:00Z');

test('a day later is one day', () => {
  assert.equal(daysBetween(noon, new Date('2026-03-02T12:00:00Z')), 1);
});

test('the same moment is no day', () => {
  assert.equal(daysBetween(noon, noon), 0);
});

test('a day that is not over does not count', () => {
  assert.equal(daysBetween(noon, new Date('2026-03-02T11:59:59Z')), 0);
});
`,
    ),
    run('node --test test/dates.test.js'),
    think(300),
    say('Wrote test/dates.test.js with three tests; all pass.'),
  ],
  '# Migrate src/dates.js from var to const': [
    think(600),
    replace('src/dates.js', 'var DAY', 'const DAY'),
    replace('src/dates.js', 'var difference', 'const difference'),
    think(400),
    say('Both variables in src/dates.js are never assigned again, so both are `const` now.'),
  ],
  '# Use strict equality in src/users.js': [
    think(500),
    replace(
      'src/users.js',
      "user.role == 'admin' || user.id == order.owner",
      "user.role === 'admin' || user.id === order.owner",
    ),
    think(700),
    say('Two comparisons are strict now. `user == null` is unchanged, as asked.'),
  ],
  '# Remove the console.log from src/retry.js': [
    think(800),
    replace('src/retry.js', "      console.log('retry', attempt, error);\n", ''),
    think(300),
    say('Removed the debugging output; the last error is still thrown.'),
  ],
  '# Migrate readOrders to promises': [
    say('Checking that nothing calls readOrders yet.'),
    run('grep -rn readOrders src test'),
    think(900),
    write(
      'src/orders.js',
      `import { readFile } from 'node:fs/promises';

/** The orders in \`file\`, one JSON object per line. */
export async function readOrders(file) {
  const text = await readFile(file, 'utf8');
  return text
    .trim()
    .split('\\n')
    .map((line) => JSON.parse(line));
}
`,
    ),
    say('`readOrders` is an async function on node:fs/promises now. It has no callers to change.'),
  ],
};

/** What the model does about a prompt; nothing when it is none of the examples. */
export function demoScript(prompt: string): readonly Directive[] {
  const heading = Object.keys(PLAYS).find((title) => prompt.includes(title));
  return (heading !== undefined && PLAYS[heading]) || [];
}
