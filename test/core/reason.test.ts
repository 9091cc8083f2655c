import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutParticulars } from '../../src/core/reason.ts';

test('a reason without its particulars is the same for every task that failed for it', () => {
  const alike: readonly (readonly [string, string, string])[] = [
    [
      'verify failed with code 1: 3 tests failed (npm test)',
      'verify failed with code 2: 17 tests failed (npm test)',
      'verify failed with code #: # tests failed (npm test)',
    ],
    ['no such file: src/a.ts', "no such file: './lib/b.ts'", 'no such file: …'],
    [
      'stream error: request id 1f9c77ab-0012-4d was refused',
      'stream error: request id 9a7b3c4d was refused',
      'stream error: request id # was refused',
    ],
    [
      'unexpected status 500 from http://127.0.0.1:1/v1/responses',
      'unexpected status 502 from https://api.example.com/v1',
      'unexpected status # from …',
    ],
    ['timed out after 2.0s', 'timed out after 12.5s', 'timed out after #s'],
    ['idle for 15m 00s, in `npm test`', 'idle for 15m 30s, in `make check`', 'idle for #m #s, in …'],
  ];
  for (const [one, other, both] of alike) {
    assert.equal(withoutParticulars(one), both);
    assert.equal(withoutParticulars(other), both);
  }
  assert.notEqual(withoutParticulars('its agent changed no file'), withoutParticulars('Codex was killed'));
});

test('a reason of a megabyte, all quotes or all slashes, is done at once', () => {
  const before = performance.now();
  for (const made of ['"', "'", '/', 'a/', '0', 'a-', '…']) withoutParticulars(made.repeat(1_000_000));
  assert.ok(performance.now() - before < 2_000, `${performance.now() - before} ms`);
});
