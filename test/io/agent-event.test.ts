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

test('a question and its answer are activities like others', () => {
  const command = `rm \x1b[31m${'x'.repeat(500)}\nsecond`;
  const question = {
    claim: 'c'.repeat(32),
    n: 1,
    task: 'fix.md',
    attempt: 1,
    asked: { kind: 'command', command },
    workingDirectory: '/home/ada',
    at: 0,
    offers: ['approve', 'deny'],
  } as const;
  const by = { user: 'ada\x1b[2J', host: 'mill', pid: 42 };
  const { claim, n } = question;
  const answer = {
    claim,
    n,
    digest: 'd'.repeat(64),
    decision: 'approve',
    how: 'person',
    by,
    at: 1_000,
  } as const;
  const shown = activityOf({ kind: 'question', question, lines: [command] }).text;
  assert.match(shown, /^asks: run: rm/);
  assert.ok(shown.length <= 120);
  assert.match(activityOf({ kind: 'answered', question, answer }).text, /^approved by ada/);
  for (const text of [shown, activityOf({ kind: 'answered', question, answer }).text])
    assert.doesNotMatch(text, /[\u0000-\u001f]/);
});
