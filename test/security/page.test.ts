/** `docs/security.md` promises nothing without a test, and no test here is without its line. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const at = (name: string) => new URL(`../../${name}`, import.meta.url);

/** What a title is on the page: its variable parts are dots. */
function titlesIn(file: string): string[] {
  const text = readFileSync(at(file), 'utf8');
  return [...text.matchAll(/\btest\(\s*(['`])(.+?)\1,\s*(?:\{|async|\()/g)].map(([, , title = '']) =>
    title.replaceAll(/\$\{[^}]*\}/g, '…'),
  );
}

test('every line of the page names a test that is there, and every test here has its line', () => {
  const own = readdirSync(new URL('.', import.meta.url))
    .filter((name) => name.endsWith('.test.ts') && name !== 'page.test.ts')
    .flatMap((name) => titlesIn(`test/security/${name}`));
  const others = new Set(
    ['hostile', 'asking', 'approvals', 'approvals-keys'].flatMap((name) =>
      titlesIn(`test/e2e/${name}.test.ts`),
    ),
  );
  const page = readFileSync(at('docs/security.md'), 'utf8');
  const lines = page.split('\n').filter((line) => /^\| (?!-|actor|could)/.test(line));
  const actors = lines.filter((line) => !/_ +\|$/.test(line));
  const named = lines.flatMap((line) => /\| _([^|]+)_ +\|$/.exec(line)?.[1] ?? []);
  assert.equal(actors.length, 5, 'lines without a test, besides those of the actors');
  assert.deepEqual(
    named.filter((title) => !own.includes(title) && !others.has(title)),
    [],
    'tests that are not there',
  );
  assert.deepEqual(
    own.filter((title) => !named.includes(title)),
    [],
    'tests without a line',
  );
});
