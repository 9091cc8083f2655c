import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { delaysBetween, percentile } from '../../scripts/bench/delays.ts';
import { verdict, type Figure } from '../../scripts/bench/goal.ts';
import { countNameCalls } from '../../scripts/bench/name-calls.ts';
import { readStamps } from '../../scripts/bench/stamps.ts';
import { median, pairedRatio, spread } from '../../scripts/bench/statistics.ts';

suite('figures of the bench', () => {
  test('a median is the middle value by size, or the mean of the two in the middle', () => {
    assert.equal(median([10, 9, 100]), 10);
    assert.equal(median([4, 1, 3, 2]), 2.5);
    assert.throws(() => median([]), RangeError);
  });

  test('a ratio is taken pair by pair: a round in which everything is slow does not change it', () => {
    const ours = [2, 20, 4];
    const reference = [1, 10, 4];
    assert.deepEqual(pairedRatio(ours, reference), { median: 2, min: 1, max: 2 });
    // the ratio of the medians would say 4 / 4
    assert.equal(median(ours) / median(reference), 1);
    assert.throws(() => pairedRatio([1, 2], [1]), RangeError);
  });

  test('a percentile is a value that was seen, and the largest of few', () => {
    const values = Array.from({ length: 200 }, (_, i) => 200 - i);
    assert.equal(percentile(values, 0.99), 198);
    assert.equal(percentile(values, 0.5), 100);
    assert.equal(percentile([3, 1], 0.99), 3);
    assert.throws(() => percentile([], 0.5), RangeError);
  });

  test('ticks count when they fall into the window, also one that was late beyond its end', () => {
    const trace = '100 1\n105 5\n110 2\n150 40\n200 1\n';
    const late = delaysBetween(trace, { from: 104, to: 120 });
    assert.deepEqual(
      late.map(({ ms }) => ms),
      [5, 2, 40],
    );
  });

  test('stamps of many children are in the order of time, not of the file', () => {
    const stamps = readStamps('start 30\nstart 9\nend 40\nend 35\n');
    assert.deepEqual(stamps, { starts: [9n, 30n], ends: [35n, 40n] });
  });

  test('a figure on disk is never judged, nor one of a small size, nor one that is missing', () => {
    const limit = { what: 'wall', atMost: 2, unit: '×' };
    const figure = (n: number, place: Figure['place']): Figure => ({ limit, place, value: spread([n]) });
    assert.equal(verdict(figure(2, 'tmpfs'), false), 'met');
    assert.equal(verdict(figure(2.01, 'tmpfs'), false), 'not met');
    assert.equal(verdict(figure(2.01, undefined), false), 'not met');
    assert.equal(verdict(figure(1, 'disk'), false), 'for comparison');
    assert.equal(verdict(figure(1, 'tmpfs'), true), 'not judged');
    assert.equal(verdict({ limit, place: 'tmpfs', value: undefined }, false), 'not measured');
  });
});

test('of what strace saw, the calls count that succeeded and made or removed a name', () => {
  const X = '0123456789abcdef0123456789abcdef';
  const trace = [
    `7 openat(AT_FDCWD, "/t/.codex-worker/tmp/${X}.0a1b2c3d.0a1b2c3d.0a1b2c3d.12.345", O_RDWR|O_CREAT|O_EXCL, 0600) = 5`,
    '7 openat(AT_FDCWD, "/t/task-000001.md", O_RDONLY) = 6',
    '7 openat(AT_FDCWD, "/dev/null", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3',
    `7 link("/t/.codex-worker/tmp/x", "/t/.lock-task-000001.md") = 0`,
    `8 link("/t/.codex-worker/tmp/x", "/t/.lock-task-000002.md") = -1 EEXIST (File exists)`,
    '7 rename("/t/a", "/t/done_exec_log-task-000001.md.txt" <unfinished ...>',
    '8 unlinkat(AT_FDCWD, "/t/.lock-task-000002.md", 0) = 0',
    '7 <... rename resumed>) = 0',
    '8 unlinkat(AT_FDCWD, "/t/sub", AT_REMOVEDIR) = 0',
  ].join('\n');
  assert.deepEqual(
    [...countNameCalls(trace, '/t')],
    [
      ['create\t.codex-worker/tmp/X.ID', 1],
      ['link\t.lock-T', 1],
      ['unlink\t.lock-T', 1],
      ['rename\tdone_exec_log-T.txt', 1],
      ['rmdir\tsub', 1],
    ],
  );
});
