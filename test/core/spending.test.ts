import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eta, medianOf, pace, tokensIn, usageSince } from '../../src/core/spending.ts';

const usage = (input: number, cached: number, output: number) => ({ input, cached, output });

test('what is cached is part of the input, and counts once', () => {
  assert.equal(tokensIn(usage(1_000, 900, 50)), 1_050);
});

test('an attempt has spent the difference to its thread before, and never less than nothing', () => {
  assert.deepEqual(usageSince(usage(300, 200, 30), usage(100, 50, 10)), usage(200, 150, 20));
  assert.deepEqual(usageSince(usage(100, 0, 10), usage(300, 200, 30)), usage(0, 0, 0));
});

test('a pace is said of a run that is long enough and has completed something', () => {
  assert.deepEqual(pace(usage(900, 0, 100), 2, 60_000), { tokensPerHour: 60_000, tasksPerHour: 120 });
  assert.deepEqual(pace(usage(900, 0, 100), 0, 60_000), {});
  assert.deepEqual(pace(usage(900, 0, 100), 2, 10), {});
});

test('pending tasks take as long as the median of those that were completed, so many at once', () => {
  assert.equal(medianOf([60_000, 1_000, 2_000]), 2_000);
  assert.equal(medianOf([]), undefined);
  assert.equal(eta(2_000, 10, 4), 6_000);
  assert.equal(eta(undefined, 10, 4), undefined);
  assert.equal(eta(1_000, 0, 4), undefined);
});

test('what runs already has done a part of its time, and makes room for what is pending', () => {
  assert.equal(eta(1_000, 0, 4, [300, 600]), 700, 'the last of them');
  assert.equal(eta(1_000, 1, 2, [300, 600]), 1_400, 'after the first of them');
  assert.equal(eta(1_000, 2, 2, [300, 600]), 1_700);
  assert.equal(eta(1_000, 1, 2, [300]), 1_000, 'beside it');
  assert.equal(eta(1_000, 1, 1, [300, 600]), 1_400, 'more run than may begin');
  assert.equal(
    eta(1_000, 0, 4, [5_000]),
    undefined,
    'it takes longer than others did, nobody knows how long',
  );
});
