/** What somebody who may write in the task directory can make believe, and what it costs. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { settle } from '../../src/engine/settle.ts';
import { realWorld } from '../../src/engine/world.ts';
import { encodeLine } from '../../src/io/lock-line.ts';
import { thisProcess } from '../../src/io/process-identity.ts';
import {
  forgedOutcome,
  forgedRecord,
  forgeLock,
  logOf,
  makeCanary,
  makeScripted,
  NOBODY,
  PRECIOUS,
  starts,
  writeAgent,
} from './rig.ts';

const rightOf = (holder: { pid: number; start: string }) =>
  encodeLine({ v: 1, host: thisProcess().host, ...holder }, 2_048).toString('latin1');

test('a forged break right of a dead process is passed over, and one of a living process only waited for', async (t) => {
  const { bench, env } = await makeScripted(t, 'echo fixed');
  const { pid, start } = thisProcess();
  await bench.write('held.md', 'Fix it.\n');
  const held = forgeLock(bench, forgedRecord({ task: 'held.md' }));
  await bench.write(`.break-${held.claim}.1`, rightOf({ pid: process.ppid, start: 'another' }));
  await bench.write('fix.md', 'Fix it.\n');
  const { claim } = forgeLock(bench);
  for (const n of [1, 2, 3]) await bench.write(`.break-${claim}.${n}`, rightOf(NOBODY));
  const { code, stdout, stderr } = await bench.run([], { env });
  assert.equal(code, 0, stdout + stderr);
  assert.equal(starts(bench), 2);
  assert.deepEqual(await bench.leftovers(), []);

  // In this process, which is the one that it names.
  const again = forgeLock(bench, forgedRecord({ task: 'held.md' }));
  await bench.write(`.break-${again.claim}.1`, rightOf({ pid, start }));
  const world = { ...realWorld(), me: { ...thisProcess(), ...NOBODY } };
  const directory = { path: bench.tasks, id: '1:2', hardLinks: true, network: false };
  const result = await settle(world, {
    directory,
    task: 'held.md',
    claim: again.claim,
    role: 'reaper',
    mayLeave: () => true,
  });
  assert.equal(result.kind, 'blocked');
  assert.ok((await bench.ls()).includes('.lock-held.md'));
});

test('a forged lock of a task whose other markers no file system could name ends no run', async (t) => {
  const { bench, env } = await makeScripted(t, 'echo fixed');
  await bench.write('fix.md', 'Fix it.\n');
  forgeLock(bench, forgedRecord({ task: 'n'.repeat(249) }));
  const { code, stdout, stderr } = await bench.run([], { env });
  assert.equal(code, 0, stdout + stderr);
  assert.equal(starts(bench), 1);
});

test('an identity file that an agent replaces by a link to something precious changes nothing there', async (t) => {
  const { bench } = await makeScripted(t);
  const canary = makeCanary(bench);
  for (const name of ['a.md', 'b.md', 'c.md']) await bench.write(name, 'Fix it.\n');
  const env = {
    CODEX_CMD: writeAgent(
      bench,
      'for f in .codex-worker/tmp/proc.*; do [ -e "$f" ] && ln -f ../outside/precious "$f"; done',
      'ls -i .codex-worker/tmp',
      'exit 0',
    ),
  };
  const { code, stdout, stderr } = await bench.run([], { env });
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /Summary: 3 completed/);
  assert.deepEqual(await bench.leftovers(), []);
  canary.assertUntouched();
});

test('a forged outcome is believed only with the very log that it describes', async (t) => {
  const { bench, env } = await makeScripted(t, 'echo fixed');
  const forge = async (task: string, log: string, more: object = {}) => {
    await bench.write(task, 'Fix it.\n');
    const record = forgedRecord({ task });
    forgeLock(bench, record, forgedOutcome(log, more));
    await bench.write(`.exec_log-${task}.${record.claim}`, logOf(record));
  };
  const fitting = forgedRecord({ task: 'fits.md' });
  await bench.write('fits.md', 'Fix it.\n');
  forgeLock(bench, fitting, forgedOutcome(logOf(fitting)));
  await bench.write(`.exec_log-fits.md.${fitting.claim}`, logOf(fitting));
  await forge('differs.md', 'another log\n');
  await forge('huge.md', 'x', { bytes: Number.MAX_SAFE_INTEGER });
  await forge('odd.md', 'x', { outcome: 'toString' });
  const { code, stdout, stderr } = await bench.run([], { env });
  assert.equal(code, 0, stdout + stderr);
  // Whoever may write here can as well make the result itself: docs/security.md says so.
  assert.equal(await bench.read('done_exec_log-fits.md.txt'), logOf(fitting));
  assert.equal(starts(bench), 3, stdout);
});

test('an agent that puts another file in the place of its running log hits no file outside', async (t) => {
  const { bench } = await makeScripted(t);
  const canary = makeCanary(bench);
  await bench.write('hard.md', 'Fix it.\n');
  await bench.write('soft.md', 'Fix it.\n');
  const swap = [
    'for f in .exec_log-*; do',
    'case $f in *hard*) ln -f ../outside/precious "$f";; *) ln -sf ../outside/precious "$f";; esac',
    'done',
    'for f in .lock-*; do ln -f ../outside/precious "$f"; done',
    'sleep 6',
    'echo more',
  ];
  const env = { CODEX_CMD: writeAgent(bench, ...swap) };
  const { stdout, stderr } = await bench.run(['-c', '2'], { env });
  assert.match(stdout, /given back: its claim was lost/, stderr);
  assert.equal(readFileSync(path.join(bench.scratch, 'outside', 'precious'), 'utf8'), PRECIOUS);
  await bench.run(['clean', '--all']);
  await bench.run(['clean', '--force', 'hard.md', '--yes']);
  await bench.run(['clean', '--force', 'soft.md', '--yes']);
  assert.equal(readFileSync(canary.file, 'utf8'), PRECIOUS);
});
