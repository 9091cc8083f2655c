import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JournalEntry } from '../../src/core/journal-entry.ts';
import { NO_USAGE } from '../../src/core/outcome.ts';
import { Heard } from '../../src/engine/heard.ts';

const task = (name: string) => ({ directory: '/tasks', name, label: name });
const entry = (name: string, rest: Partial<JournalEntry> = {}): JournalEntry => ({
  at: 1_000,
  run: 'other',
  by: '',
  task: name,
  attempt: 1,
  claim: 'c'.repeat(32),
  outcome: 'completed',
  usage: NO_USAGE,
  durationMs: 1,
  ...rest,
});

test('what other runs have completed since this one began is heard of once, until it is looked at', () => {
  const heard = new Heard('ours', 1_000, [task('a'), task('b'), task('c')]);
  heard.note('/tasks', entry('a'));
  heard.note('/tasks', entry('a'));
  heard.note('/tasks', entry('b', { run: 'ours' }));
  heard.note('/tasks', entry('b', { outcome: 'retry' }));
  heard.note('/tasks', entry('c', { at: 999 }));
  heard.note('/elsewhere', entry('c'));
  heard.note('/tasks', entry('no task of ours'));
  assert.equal(
    heard.countCompleted(() => true),
    1,
  );
  assert.equal(
    heard.countCompleted(() => false),
    0,
  );
  assert.equal(
    heard.countCompleted(() => true),
    0,
    'it has been looked at, and is counted there',
  );
});
