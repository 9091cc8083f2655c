import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whenItIs } from '../../src/engine/stop-at.ts';

const START = Date.parse('2026-11-22T23:00:00Z');

test('a run is told once that its time is over, also when the machine slept over it', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let now = START;
  let told = 0;
  using _clock = whenItIs({ now: () => new Date(now) }, START + 8 * 3_600_000, () => void told++);
  const pass = (ms: number, slept = 0) => {
    now += ms + slept;
    t.mock.timers.tick(ms);
  };
  pass(5_000);
  assert.equal(told, 0);
  pass(1_000, 8 * 3_600_000);
  assert.equal(told, 1, 'within a second of waking up');
  pass(10_000);
  assert.equal(told, 1);
});

test('without a time, and after the run, nobody is told', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const never = () => assert.fail('it was told');
  using _without = whenItIs({ now: () => new Date(START) }, undefined, never);
  whenItIs({ now: () => new Date(START) }, START, never)[Symbol.dispose]();
  t.mock.timers.tick(60_000);
});
