import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { openOutbox } from '../../src/commands/notify.ts';
import type { Notification } from '../../src/core/notification.ts';
import { scratch } from '../rig/scratch.ts';

test('what is for the bell alone reaches no command, and what is for the others rings no bell', async (t) => {
  const directory = scratch(t);
  const rung: string[] = [];
  const targets = [
    { kind: 'bell' },
    { kind: 'command', command: 'echo "$CODEX_WORKER_TEXT" >> said' },
  ] as const;
  const outbox = openOutbox(targets, {
    env: process.env,
    cwd: directory,
    ring: (text) => rung.push(text),
    tell: (message) => assert.fail(message),
  });
  const says = (text: string): Notification => ({
    event: 'question',
    text,
    directory,
    run: 'r1',
    at: new Date(0).toISOString(),
    counts: { completed: 0, failed: 0, left: 1 },
  });
  outbox.send(says('to the bell'), 'bell');
  outbox.send(says('to others'), 'others');
  await outbox.close();
  assert.deepEqual(rung, ['to the bell']);
  assert.equal(await readFile(path.join(directory, 'said'), 'utf8'), 'to others\n');
});
