import assert from 'node:assert/strict';
import { test } from 'node:test';
import { activityOf } from '../../src/io/agent-event.ts';

test('an activity is one printable line of bounded length', () => {
  const text = `\x1b[31mfirst\x1b[0m ${'x'.repeat(500)}\nsecond`;
  for (const event of [
    { kind: 'command-started', command: text },
    { kind: 'message', text },
    { kind: 'error', message: text },
    { kind: 'output', text },
    { kind: 'file-change', changes: [{ path: text, change: 'add' }], failed: false },
  ] as const) {
    const shown = activityOf(event).text;
    assert.match(shown, /^first x+…$/);
    assert.ok(shown.length <= 120);
  }
});
