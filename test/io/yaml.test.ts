import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readYaml } from '../../src/io/yaml.ts';

function entries(text: string): unknown {
  const read = readYaml(text);
  assert.ok(read.kind === 'read', JSON.stringify(read));
  return [...read.entries].map(([name, { value, at }]) => [name, value, at]);
}

function complaint(text: string, firstLine?: number): string {
  const read = readYaml(text, firstLine);
  assert.ok(read.kind === 'wrong', JSON.stringify(text.slice(0, 80)));
  return `${read.at} ${read.why}`;
}

test('a mapping is read by its keys, with their places', () => {
  assert.deepEqual(entries('# first\nmode: read-only\nretries: 2\nlist: [a, "b"]\nflag: true\nno: yes\n'), [
    ['mode', 'read-only', '2:1'],
    ['retries', 2, '3:1'],
    ['list', ['a', 'b'], '4:1'],
    ['flag', true, '5:1'],
    ['no', 'yes', '6:1'], // as YAML 1.2 has it
  ]);
  assert.deepEqual(entries('date: 2026-01-31\r\nempty:\r\n'), [
    ['date', '2026-01-31', '1:1'],
    ['empty', null, '2:1'],
  ]);
});

test('comments and nothing are an empty mapping', () => {
  for (const text of ['', '\n\n', '# a comment\n', 'null', '~']) assert.deepEqual(entries(text), []);
});

test('names that are special elsewhere are names', () => {
  assert.deepEqual(entries('__proto__: 1\nconstructor: 2\n"<<": 3'), [
    ['__proto__', 1, '1:1'],
    ['constructor', 2, '2:1'],
    ['<<', 3, '3:1'],
  ]);
  assert.equal(({} as Record<string, unknown>)['1'], undefined);
});

for (const [what, text, says] of [
  ['no mapping', 'a word', /^1:1 allowed is a mapping/],
  ['a list', '- a\n- b', /^1:1 allowed is a mapping/],
  ['a key that comes twice', 'a: 1\nb: 2\na: 3', /^3:1 this name stands twice/],
  ['a key that is a list', '? [a]\n: 1', /^1:3 /],
  ['an anchor', 'a: 1\nb: &x 2', /^2:\d+ anchors/],
  ['an alias', 'b: *x', /^1:4 aliases/],
  ['a tag', 'a: !!str 1', /^1:\d+ tags/],
  ['a tag that is unknown', 'a: !ruby/object x', /^1:4 /],
  ['a tag on the mapping', '!!map {a: 1}', /^1:\d+ allowed is a mapping/],
  ['a directive', '%YAML 1.1\n--- {a: 1}', /^1:1 directives/],
  ['a second document', 'a: 1\n--- {b: 2}', /^2:1 a second document begins/],
  ['an open bracket', 'a: [1', /^1:\d+ /],
  ['a tab that indents', 'a:\n\tb: 1', /^2:1 /],
  ['NUL', 'a: 1\nb: "x\0"', /^2:6 control characters \(U\+0000\)/],
  ['an escape sequence', 'a: \x1b[31m', /^1:4 control characters \(U\+001B\)/],
  ['a carriage return alone', 'a: 1\rb: 2', /^1:5 control characters \(U\+000D\)/],
] as const)
  test(`${what} is an error with its line and column`, () => {
    assert.match(complaint(text), says);
  });

test('lines are counted from where the text begins in its file', () => {
  assert.match(complaint('a: 1\na: 2', 2), /^3:1 /);
  assert.match(complaint('a: 1\nb: \0', 2), /^3:4 /);
});

test('what is made to grow, or to go deep, is an error like others, and takes no time', () => {
  const laughs = ['a: &a [x, x]', ...Array.from('bcdefghi')].map((name, i, all) =>
    i === 0 ? name : `${name}: &${name} [*${(all[i - 1] ?? '')[0]}, *${(all[i - 1] ?? '')[0]}]`,
  );
  const began = performance.now();
  assert.match(complaint(laughs.join('\n')), /^\d+:\d+ a/);
  for (const open of ['[', '{a: ', '- ', '? ', '&x ', '!x ', '"'])
    for (const depth of [50, 400, 800, 4_000])
      for (const start of ['a: ', 'a:\n ']) readYaml(`${start}${open.repeat(depth)}`);
  for (const depth of [50, 150])
    readYaml(Array.from({ length: depth }, (_, i) => `${' '.repeat(i)}a:`).join('\n'));
  assert.ok(performance.now() - began < 20_000);
});

for (const [about, opening] of [
  ['brackets', '['],
  ['braces', '{a: '],
  ['dashes', '- '],
  ['question marks', '? '],
  ['brackets on lines of their own', '[\n'],
] as const)
  test(`${about} that nest too deeply are a mistake, however often they are read`, () => {
    // The library, left to itself, has taken the process down by the twelfth time.
    for (let time = 0; time < 20; time++)
      assert.match(complaint(`model: ${opening.repeat(2_000)}`), /^\d+:\d+ it is nested too deeply$/);
    if (about === 'brackets') assert.match(complaint(`a: b\nmodel: ${opening.repeat(99)}`), /^2:72 /);
    const few = `list: ${opening.repeat(3)}`;
    const read = readYaml(few);
    assert.ok(read.kind === 'read' || !read.why.includes('deep'), JSON.stringify(read));
  });

test('brackets that are text, or a comment, nest nothing', () => {
  const brackets = '['.repeat(200);
  assert.deepEqual(entries(`a: "${brackets}" # ${brackets}\nb: x ${brackets}`), [
    ['a', brackets, '1:1'],
    ['b', `x ${brackets}`, '2:1'],
  ]);
});
