import assert from 'node:assert/strict';
import { test } from 'node:test';
import { typedLine } from '../../src/core/shell-words.ts';

test('the words of Bash are put together where it has taken them apart', () => {
  assert.deepEqual(typedLine('bash', ['wo', '--mode', '=', 'wo']), { words: ['--mode=wo'], kept: 7 });
  assert.deepEqual(typedLine('bash', ['', '--mode', '=']), { words: ['--mode='], kept: 7 });
  assert.deepEqual(typedLine('bash', ['c', 'status', 'a', ':', 'b', '=', 'c']), {
    words: ['status', 'a:b=c'],
    kept: 4,
  });
  assert.deepEqual(typedLine('bash', ['', 'status', '']), { words: ['status', ''], kept: 0 });
});

test('quotes are taken away, also one that is still open, and nothing in them is evaluated', () => {
  const last = (word: string) => typedLine('fish', ['x', word]).words[1];
  assert.equal(last(String.raw`two\ words`), 'two words');
  assert.equal(last("'it is"), 'it is');
  assert.equal(last(String.raw`"a \"b\" \n"`), String.raw`a "b" \n`);
  assert.equal(last("'$(touch x)'`touch x`$HOME"), '$(touch x)`touch x`$HOME');
  assert.equal(last('end\\'), 'end\\');
});
