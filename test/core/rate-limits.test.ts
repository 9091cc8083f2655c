import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  asRateLimits,
  rateLimitFields,
  rateLimitsIn,
  resetOf,
  stillTrue,
} from '../../src/core/rate-limits.ts';

const NOW = Date.UTC(2026, 10, 22, 12);
const HOUR = 3_600_000;
const seconds = (ms: number) => ms / 1_000;

/** As the app-server says it, with all its fields. */
const snapshot = (more: object = {}) => ({
  limitId: 'codex',
  limitName: null,
  normalModelSlug: null,
  primary: { usedPercent: 42, windowDurationMins: 300, resetsAt: seconds(NOW + 2 * HOUR) },
  secondary: { usedPercent: 12, windowDurationMins: 10_080, resetsAt: seconds(NOW + 90 * HOUR) },
  credits: null,
  individualLimit: null,
  spendControlReached: null,
  planType: 'pro',
  rateLimitReachedType: null,
  ...more,
});

const PRIMARY = { usedPercent: 42, windowMinutes: 300, resetsAt: NOW + 2 * HOUR };
const SECONDARY = { usedPercent: 12, windowMinutes: 10_080, resetsAt: NOW + 90 * HOUR };
const LIMITS = { at: NOW, id: 'codex', primary: PRIMARY, secondary: SECONDARY, plan: 'pro' };

test('what the app-server says is read: percent, length, and the reset in seconds', () => {
  assert.deepEqual(asRateLimits(snapshot(), NOW), LIMITS);
  const blank = { primary: null, secondary: null, planType: null };
  assert.equal(asRateLimits(snapshot(blank), NOW), undefined, 'without headers it says nothing');
});

test('an update leaves out what has not changed, and says nothing of another limit', () => {
  const update = snapshot({
    primary: { ...snapshot().primary, usedPercent: 43 },
    secondary: null,
    planType: null,
  });
  const later = asRateLimits(update, NOW + 5, LIMITS);
  assert.deepEqual(later, { ...LIMITS, at: NOW + 5, primary: { ...PRIMARY, usedPercent: 43 } });
  const other = asRateLimits({ ...update, limitId: 'codex_other' }, NOW, LIMITS);
  assert.deepEqual([other?.id, other?.secondary, other?.plan], ['codex_other', undefined, undefined]);
});

test('a limit that was met is lifted when no window is used up any more', () => {
  const full = { usedPercent: 100 };
  assert.equal(resetOf(LIMITS), undefined);
  assert.equal(resetOf({ ...LIMITS, primary: { ...PRIMARY, ...full } }), PRIMARY.resetsAt);
  assert.equal(resetOf({ ...LIMITS, secondary: { ...SECONDARY, usedPercent: 101.5 } }), SECONDARY.resetsAt);
  const both = { primary: { ...PRIMARY, ...full }, secondary: { ...SECONDARY, ...full } };
  assert.equal(resetOf({ ...LIMITS, ...both }), SECONDARY.resetsAt);
  assert.equal(resetOf({ at: NOW, primary: full }), undefined);
});

test('a window that has begun anew is said no more, and nothing that is a day old', () => {
  assert.deepEqual(stillTrue(LIMITS, NOW + 1), LIMITS);
  const { primary: _, ...second } = LIMITS;
  assert.deepEqual(stillTrue(LIMITS, NOW + 2 * HOUR), second);
  assert.equal(stillTrue(second, NOW + 25 * HOUR), undefined);
  assert.equal(stillTrue({ at: NOW, primary: PRIMARY }, NOW + 3 * HOUR), undefined);
  const ofTomorrow = { at: NOW + 25 * HOUR, primary: { usedPercent: 1 } };
  assert.equal(stillTrue(ofTomorrow, NOW), undefined, 'a clock that was set, or somebody’s joke');
});

test('in the file it is as it was', () => {
  const fields: unknown = JSON.parse(JSON.stringify(rateLimitFields(LIMITS)));
  assert.deepEqual(rateLimitsIn(fields, NOW), LIMITS);
  assert.deepEqual(
    rateLimitsIn({ ...rateLimitFields(LIMITS), plan: '\u001b[2Jpro\nfake' }, NOW)?.plan,
    'pro',
  );
});

test('what somebody made up is left out, or is nothing at all', () => {
  for (const value of [
    undefined,
    null,
    7,
    'x',
    [],
    {},
    { primary: 'full', secondary: {} },
    { primary: { usedPercent: -1 } },
    { primary: { usedPercent: '42' } },
    { primary: { usedPercent: Number.NaN } },
    { primary: { usedPercent: 1e9 } },
  ]) {
    assert.equal(asRateLimits(value, NOW), undefined);
    const fields = typeof value === 'object' && !Array.isArray(value) ? value : {};
    assert.equal(rateLimitsIn({ at: new Date(NOW).toISOString(), ...fields }, NOW), undefined);
  }
  assert.equal(rateLimitsIn({ ...rateLimitFields(LIMITS), at: 'now' }, NOW), undefined);
  for (const odd of [
    { resetsAt: 1e300 },
    { resetsAt: -1e300 },
    { resetsAt: Number.NaN },
    { resetsAt: seconds(NOW + 10_000 * HOUR) },
    { windowDurationMins: -5 },
    { windowDurationMins: 1.5 },
    { windowDurationMins: 1e12 },
  ]) {
    const read = asRateLimits({ limitId: 7, primary: { usedPercent: 5, ...odd } }, NOW);
    assert.deepEqual(read, { at: NOW, primary: { usedPercent: 5 } });
  }
});
