import assert from 'node:assert/strict';
import { test } from 'node:test';
import { partsOf } from '../../src/core/front-matter.ts';

const parts = (text: string) => {
  const read = partsOf(Buffer.from(text));
  return read.kind === 'wrong' ? `${read.at} ${read.why}` : [read.matter, read.prompt.toString('utf8')];
};

for (const [name, text, matter, prompt] of [
  ['between two lines of dashes', '---\nmode: x\n---\nDo it.\n', 'mode: x\n', 'Do it.\n'],
  ['with the line ends of Windows', '---\r\nmode: x\r\n---\r\nDo it.\r\n', 'mode: x\r\n', 'Do it.\r\n'],
  [
    'after a byte order mark, which is no part of the prompt',
    '\ufeff---\nmode: x\n---\nDo it.',
    'mode: x\n',
    'Do it.',
  ],
  [
    'with blanks behind the dashes, which nobody sees',
    '--- \t\nmode: x\n---  \nDo it.',
    'mode: x\n',
    'Do it.',
  ],
  ['that is empty', '---\n---\nDo it.', '', 'Do it.'],
  ['before a prompt with rules of its own', '---\na: 1\n---\nDo\n---\nit.', 'a: 1\n', 'Do\n---\nit.'],
  ['that ends with the file', '---\na: 1\n---', 'a: 1\n', ''],
] as const)
  test(`front matter is what stands ${name}`, () => {
    assert.deepEqual(parts(text), [matter, prompt]);
  });

for (const [name, text] of [
  ['without any', 'Do it.\n'],
  ['that begins with four dashes', '----\na: 1\n----\nDo it.'],
  ['whose first line only begins with three', '--- a: 1\n---\nDo it.'],
  ['with a blank line before the dashes', '\n---\na: 1\n---\nDo it.'],
  ['that begins with a rule', '---\n\nDo it.\n'],
  ['that begins with a rule and a sentence with a colon', '---\nDo this: fix it.\n'],
  ['that is a rule and nothing else', '---'],
  ['with blanks to the left of the dashes', ' ---\na: 1\n---\nDo it.'],
  ['whose dashes are followed by a line of blanks and a word', `---${' '.repeat(300)}x\na: 1\n---\n`],
] as const)
  test(`a file ${name} is all prompt`, () => {
    assert.deepEqual(parts(text), [undefined, text]);
  });

for (const line of ['mode: read-only', 'mode:', '"mode": x', 'no-such-thing : x', 'mode:\tx'])
  test(`what begins with dashes and ${JSON.stringify(line)} and has no end is an error, and no prompt`, () => {
    assert.match(String(parts(`---\n${line}\n\nDo it.\n`)), /^1:1 .*a second line --- is missing/);
  });

test('front matter of more than 16 KiB is an error, also where it is a megabyte', () => {
  const withBytes = (n: number) => `---\n#${'x'.repeat(n - 2)}\n---\nDo it.`;
  assert.deepEqual(parts(withBytes(16_384)).at(1), 'Do it.');
  for (const n of [16_385, 1_000_000]) assert.equal(parts(withBytes(n)), '1:1 it has more than 16384 bytes');
});
