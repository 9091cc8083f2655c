import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_USAGE } from '../../src/core/outcome.ts';
import { RecentWork } from '../../src/core/recent.ts';

const HOUR = 3_600_000;
const NOW = 1_800_000_000_000;
const usage = { input: 900, cached: 500, output: 100 };

test('the pace is of the last hour, from when the first of its attempts began, and failures cost without counting', () => {
  const recent = new RecentWork();
  assert.deepEqual(recent.paceAt(NOW), {});
  recent.note({ at: NOW - 2 * HOUR, durationMs: 1_000, isCompleted: true, usage });
  assert.deepEqual(recent.paceAt(NOW), {}, 'what is older says nothing');
  recent.note({ at: NOW - HOUR / 4, durationMs: HOUR / 4, isCompleted: true, usage });
  recent.note({ at: NOW, durationMs: 60_000, isCompleted: false, usage });
  assert.deepEqual(recent.paceAt(NOW), { tasksPerHour: 2, tokensPerHour: 4_000 });
  recent.note({ at: NOW, durationMs: 5 * HOUR, isCompleted: true, usage: NO_USAGE });
  assert.equal(recent.paceAt(NOW).tasksPerHour, 2, 'the hour is the longest that is looked back');
});
