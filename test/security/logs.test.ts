/** What somebody can put into a log, or into its place, for the one who reads it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { newClaimId } from '../../src/core/claim.ts';
import { logText, scene } from '../rig/shown-logs.ts';
import { hashOf, HOSTILE, STEERING } from './rig.ts';

test('nothing in a log steers a terminal, and a pipe gets the raw events as they are', async (t) => {
  const { show, write } = scene(t);
  const claim = newClaimId();
  write('done_exec_log-fix.md.txt', logText(1, HOSTILE, 'completed', claim));
  const raw = Buffer.concat([Buffer.from(`{"type":"${HOSTILE}"}\n`), Buffer.from([0xff, 0xe2, 0x82])]);
  write(`.codex-worker/raw/${hashOf('fix.md')}.1.${claim}.jsonl`, raw);
  for (const toTerminal of [true, false]) {
    const { out } = await show('fix.md', { toTerminal });
    assert.match(out, /red/);
    assert.doesNotMatch(out, STEERING);
  }
  assert.deepEqual((await show('fix.md', { raw: true })).bytes, raw);
  const { out } = await show('fix.md', { raw: true, toTerminal: true });
  assert.match(out, /red/);
  assert.doesNotMatch(out, STEERING);
  write('failed_exec_log-other.md.txt', logText(1, 'no raw events', 'failed: x'));
  const none = await show('other.md', { raw: true });
  assert.deepEqual(
    [none.code, none.out, none.err],
    [1, '', 'other.md has no raw events of attempt 1 any more\n'],
  );
});

test('what stands in the place of a log and is none is not read', async (t) => {
  const { show, write, cwd } = scene(t);
  write('secret', 'sesame\n');
  const result = join(cwd, 'failed_exec_log-fix.md.txt');
  for (const [make, why] of [
    [() => symlinkSync('secret', result), 'is a symbolic link'],
    [() => execFileSync('mkfifo', [result]), 'is a named pipe'],
    [() => mkdirSync(result), 'is a directory'],
  ] as const) {
    make();
    const { code, out, err } = await show('fix.md');
    assert.deepEqual([code, out, err], [1, '', `fix.md is not shown: its log ${why}\n`]);
    const followed = await show('fix.md', { follow: true });
    assert.deepEqual([followed.code, followed.out], [1, '']);
    execFileSync('rm', ['-r', result]);
  }
  for (const folder of ['.codex-worker', 'elsewhere']) mkdirSync(join(cwd, folder));
  symlinkSync('../elsewhere', join(cwd, '.codex-worker', 'ended'));
  await assert.rejects(show('fix.md'), /somebody put a symbolic link in its place/);
});
