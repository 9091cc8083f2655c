/** From what terminals print to what the judge sees. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attemptsIn, eventsOf, pausesIn } from './events.ts';

const line = (event: string, second: number, fields: object = {}) =>
  JSON.stringify({ event, at: new Date(second * 1_000).toISOString(), ...fields });
const events = (...lines: string[]) => eventsOf(lines.join('\n'));
const paused = (second: number, id: string) => line('paused', second, { id });

test('an attempt has the end that its terminal told, and none when it was killed before', () => {
  const t1 = { name: 't1.md' };
  const failure = { kind: 'verify-failed', message: 'no' };
  const seen = events(
    line('attempt-started', 1, t1),
    line('attempt-ended', 2, { ...t1, outcome: 'failed', failure }),
    line('attempt-ended', 3, { ...t1, outcome: 'skipped' }),
    line('probing', 4, t1),
    line('attempt-started', 5, t1),
    line('attempt-started', 6, { name: 't2.md' }).slice(0, -9),
  );
  assert.deepEqual(attemptsIn(seen), [
    { task: 't1', from: 1_000, isProbe: false, end: { at: 2_000, outcome: 'failed', why: 'no' } },
    { task: 't1', from: 5_000, isProbe: true },
  ]);
});

test('a pause lasts from the first terminal that told of it to the first that told of its end', () => {
  const first = events(paused(10, 'a'), paused(20, 'b'), line('resumed', 31));
  const second = events(paused(11, 'a'), line('resumed', 30), paused(40, 'c'), line('notice', 50));
  const late = events(paused(30.5, 'b'), line('resumed', 30.6));
  assert.deepEqual(pausesIn([...first, ...second, ...late]), [
    { from: 10_000, to: 30_000 },
    { from: 40_000, to: 50_000 },
  ]);
});
