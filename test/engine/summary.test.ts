import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Tally } from '../../src/engine/summary.ts';
import { answered, asks, ended, succeeded } from '../report/rig.ts';

test('a run counts what its agents asked by what became of it, and only that', () => {
  const tally = new Tally();
  const question = asks('a.md');
  for (const event of [
    ended('a.md', succeeded()),
    question,
    answered(question),
    answered(question, { decision: 'approve-session' }),
    answered(question, { decision: 'deny' }),
    answered(question, { decision: 'stop' }),
    answered(question, { decision: 'deny', how: 'timeout' }),
    answered(question, { decision: 'stop', how: 'withdrawn' }),
  ])
    tally.note(event);
  assert.deepEqual(tally.answers, {
    asked: 6,
    approved: 2,
    denied: 1,
    stopped: 1,
    timedOut: 1,
    withdrawn: 1,
  });
});
