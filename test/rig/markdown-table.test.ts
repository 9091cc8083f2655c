import assert from 'node:assert/strict';
import test from 'node:test';
import { format } from 'prettier';
import { markdownTable } from './markdown-table.ts';

for (const [about, head, body] of [
  ['columns of different widths', ['row', 'found'], [['a much longer name', 'yes']]],
  ['a column narrower than three', ['figure', 'on', ''], [['--help', '–', '1']]],
] as const)
  test(`a table is as Prettier would write it: ${about}`, async () => {
    const text = `${markdownTable(head, body)}\n`;
    assert.equal(await format(text, { parser: 'markdown' }), text);
  });
