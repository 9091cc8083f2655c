/** What somebody can put into a log, or into its place, for the one who reads it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { newClaimId } from '../../src/core/claim.ts';
import { logText, scene, shown } from '../rig/shown-logs.ts';
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

test('who follows a log reads the file that was opened, whatever is put in the place of its name', async (t) => {
  const { cwd, write, run } = scene(t);
  write('secret', 'sesame\n');
  const { path } = run(1, 'it begins');
  const old = join(cwd, 'moved');
  const steps = new Map([
    [
      'it begins',
      () => {
        renameSync(path, old);
        symlinkSync('secret', path);
        appendFileSync(old, 'it goes on\n'); // as its owner does, who has it open
      },
    ],
    [
      'it goes on',
      () => {
        rmSync(path);
        renameSync(old, join(cwd, 'done_exec_log-fix.md.txt'));
      },
    ],
  ]);
  const { code, out, err } = await shown({ tasks: ['fix'], cwd, follow: true, raw: false }, false, (text) => {
    for (const [mark, step] of steps) if (text.includes(mark) && steps.delete(mark)) return step();
  });
  assert.deepEqual([code, err], [0, '']);
  assert.match(out, /it begins\nit goes on\n$/);
});

test('who follows an attempt whose log is a pipe or a link waits for its end, and reads nothing of it', async (t) => {
  const { cwd, write, run } = scene(t);
  write('secret', 'sesame\n');
  for (const [make, why] of [
    [(path: string) => execFileSync('mkfifo', [path]), 'is a named pipe'],
    [(path: string) => symlinkSync('secret', path), 'is a symbolic link'],
  ] as const) {
    const { path } = run(1, 'never seen');
    rmSync(path);
    make(path);
    const { code, out, err } = await shown({ tasks: ['fix'], cwd, follow: true, raw: false }, false, () => {
      rmSync(path, { force: true });
      write('failed_exec_log-fix.md.txt', logText(2, 'the result of another', 'failed: x'));
    });
    assert.equal(code, 1);
    assert.match(err, new RegExp(`^fix\\.md is not shown: its log ${why}\n`));
    assert.doesNotMatch(out, /sesame|never seen/);
    assert.match(out, /the result of another/);
    rmSync(join(cwd, 'failed_exec_log-fix.md.txt'));
  }
});
