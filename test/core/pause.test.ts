import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asPause, isInForce, pauseFields, tryLimitAt, type Pause } from '../../src/core/pause.ts';

const NOW = Date.parse('2026-11-22T09:00:00.000Z');
const MINUTE = 60_000;
const DAY = 86_400_000;

const LIMIT: Pause = {
  id: 'a'.repeat(32),
  class: 'limited',
  reason: 'You’ve hit your usage limit.',
  since: NOW,
  until: NOW + 90 * MINUTE,
  round: 2,
  by: 'codex-worker 1.0.0',
  pid: 17,
  host: 'mill',
};
const HAND: Pause = { ...LIMIT, class: 'by-hand', until: NOW + 1 };
const { until: _, ...ENDLESS } = HAND;

test('what is written is what is read', () => {
  for (const pause of [LIMIT, HAND, ENDLESS]) {
    const read = asPause(JSON.parse(JSON.stringify(pauseFields(pause))), NOW);
    const { round, ...rest } = { round: undefined, ...read };
    const { round: written, ...expected } = { round: undefined, ...pause };
    assert.deepEqual(rest, expected);
    assert.equal(round, pause.class === 'limited' ? written : undefined);
  }
});

test('a limit may last a month, and no longer', () => {
  const lasting = (ms: number) => asPause(pauseFields({ ...LIMIT, until: NOW + ms }), NOW);
  assert.ok(lasting(31 * DAY));
  assert.equal(lasting(33 * DAY), undefined);
});

test('its texts are single printable lines of a moderate length', () => {
  const hostile = {
    ...pauseFields(LIMIT),
    reason: '\u001b]0;owned\u0007red\u202e\nsecond',
    by: 'x'.repeat(9_999),
  };
  const read = asPause(hostile, NOW);
  assert.equal(read?.reason, 'red\\u202e');
  assert.equal(read?.by.length, 60);
});

test('a limit is tried when it says, and else after 1, 2, 4 … 30 minutes', () => {
  assert.deepEqual(tryLimitAt(NOW + 5, 3, NOW), { until: NOW + 5, round: 0 });
  for (const useless of [undefined, NOW, NOW - DAY, NOW + 40 * DAY, Number.NaN])
    assert.deepEqual(
      [0, 1, 2, 3, 4, 5, 6, 1_000].map((before) => (tryLimitAt(useless, before, NOW).until - NOW) / MINUTE),
      [1, 2, 4, 8, 16, 30, 30, 30],
    );
});

test('a pause by hand is over when its time is; one for a limit is not, and one without a time never', () => {
  const later = NOW + 40 * DAY;
  assert.deepEqual(
    [LIMIT, HAND, ENDLESS].map((pause) => isInForce(pause, later)),
    [true, false, true],
  );
});
