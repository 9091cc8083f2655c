/** Nothing outside of the task directory is read, made, changed or removed, whatever leads there. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { symlink } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { newClaimId } from '../../src/core/claim.ts';
import { makeBench } from '../rig/cli.ts';
import {
  forgedOutcome,
  forgedRecord,
  forgeLock,
  forgeTwoDeaths,
  hardLink,
  hashOf,
  logOf,
  makeCanary,
  makeScripted,
  PRECIOUS,
  starts,
  writeAgent,
} from './rig.ts';

for (const [what, target] of [
  ['a link out of the directory', '../outside'],
  ['a dangling link', '../outside/new'],
  ['a loop of links', '.codex-worker'],
] as const)
  test(`${what} in the place of .codex-worker is refused before anything is claimed`, async (t) => {
    const { bench, env } = await makeScripted(t, 'echo fixed');
    const canary = makeCanary(bench);
    await bench.write('fix.md', 'Fix it.\n');
    await symlink(target, path.join(bench.tasks, '.codex-worker'));
    for (const args of [[], ['clean', '--all']]) {
      const { code, stdout, stderr } = await bench.run(args, { env });
      assert.equal(code, 3, stdout + stderr);
      assert.match(stderr, /\.codex-worker is a symbolic link, not a directory\n {2}hint: .*\n$/);
    }
    assert.equal(starts(bench), 0);
    assert.deepEqual(await bench.ls(), ['.codex-worker', 'fix.md']);
    canary.assertUntouched();
  });

for (const [what, swap] of [
  ['.codex-worker', 'mv .codex-worker gone; ln -s ../outside .codex-worker'],
  ['.codex-worker/tmp', 'rm -rf .codex-worker/tmp; ln -s ../../outside .codex-worker/tmp'],
  ['.codex-worker/raw', 'rm -rf .codex-worker/raw; ln -s ../../outside .codex-worker/raw'],
  ['.codex-worker/ended', 'rm -rf .codex-worker/ended; ln -s ../../outside .codex-worker/ended'],
  ['.codex-worker/raw (a loop)', 'rm -rf .codex-worker/raw; ln -s raw .codex-worker/raw'],
  ['the task directory', 'cd ..; mv tasks moved; ln -s outside tasks'],
] as const)
  test(`an agent that puts a link in the place of ${what} while it works stops the run, and leads nothing outside`, async (t) => {
    const { bench } = await makeScripted(t);
    const canary = makeCanary(bench);
    await bench.write('a.md', 'First.\n');
    await bench.write('b.md', 'Second.\n');
    // Failing with a retry, so that its log is to be put aside.
    const env = { CODEX_CMD: writeAgent(bench, swap, 'exit 1') };
    const { code, stdout, stderr } = await bench.run(['--retries', '1'], { env });
    assert.equal(code, 3, stdout + stderr);
    assert.match(stdout + stderr, /leads to|is a symbolic link|is gone/);
    assert.doesNotMatch(stdout + stderr, /bug in codex-worker/);
    assert.equal(starts(bench), 1);
    canary.assertUntouched();
  });

test('markers that are links to a file outside are never read, written or followed', async (t) => {
  const { bench, env } = await makeScripted(t, 'echo fixed');
  const canary = makeCanary(bench);
  const link = (name: string) => symlinkSync('../outside/precious', path.join(bench.tasks, name));
  for (const name of ['lock', 'done', 'failed', 'mirror', 'right'])
    await bench.write(`${name}.md`, 'Do it.\n');
  const claim = newClaimId();
  link('.lock-lock.md');
  link('done_exec_log-done.md.txt');
  link('failed_exec_log-failed.md.txt');
  link('in-progress-mirror.md');
  link(`.exec_log-mirror.md.${claim}`);
  forgeLock(bench, forgedRecord({ task: 'right.md', claim }));
  link(`.break-${claim}.1`);

  const shown = await bench.run(['status', '--detailed'], { env });
  assert.equal(shown.code, 0, shown.stderr);
  const ran = await bench.run(['--rerun-completed', 'lock.md', 'done.md', 'failed.md', 'mirror.md'], { env });
  assert.equal(ran.code, 1, ran.stdout + ran.stderr); // the lock that is a link stays for a person
  assert.match(ran.stdout, /lock\.md stays in progress: its lock file is damaged: it is a symbolic link/);
  const forced = await bench.run(['clean', '--force', 'lock.md', '--yes']);
  assert.equal(forced.code, 0, forced.stderr);
  const freed = await bench.run(['clean', '--force', 'right.md', '--yes']);
  assert.equal(freed.code, 0, freed.stderr);
  const reset = await bench.run(['reset', '--force']);
  assert.equal(reset.code, 0, reset.stderr);
  for (const { stdout, stderr } of [shown, ran, forced, freed, reset])
    assert.doesNotMatch(stdout + stderr, /sesame/);
  for (const name of await bench.ls('.codex-worker/ended'))
    if (!name.startsWith(hashOf('failed.md')) && !name.startsWith(hashOf('done.md')))
      assert.doesNotMatch(await bench.read(`.codex-worker/ended/${name}`).catch(() => ''), /^precious/, name);
  canary.assertUntouched();
});

test('a task that is a link or a pipe is refused, and what it leads to is sent to no model', async (t) => {
  const { bench } = await makeScripted(t);
  const canary = makeCanary(bench);
  await symlink('../outside/precious', path.join(bench.tasks, 'link.md'));
  await symlink('../outside', path.join(bench.tasks, 'folder.md'));
  execFileSync('mkfifo', [path.join(bench.tasks, 'pipe.md')]);
  const env = { CODEX_CMD: writeAgent(bench, 'echo fixed') };
  const { code, stdout, stderr } = await bench.run([], { env });
  assert.equal(code, 1, stdout + stderr);
  assert.equal(stdout.match(/was refused: it is a symbolic link, not a regular file/g)?.length, 2);
  assert.match(stdout, /pipe\.md was refused: it is a named pipe/);
  assert.equal(starts(bench), 0);
  canary.assertUntouched();
});

test('no pattern leads out of the directory', async (t) => {
  const bench = await makeBench(t);
  const canary = makeCanary(bench);
  await symlink('../outside', path.join(bench.tasks, 'inside'));
  for (const pattern of ['../outside/*', `${canary.outside}/*`, 'a/../../outside/*']) {
    const { code } = await bench.run(['--mode', 'dry-run', '-p', pattern]);
    assert.equal(code, 2, pattern);
  }
  const { stdout } = await bench.run(['--mode', 'dry-run', '-p', '**/*']);
  assert.doesNotMatch(stdout, /precious .*would be run/);
  canary.assertUntouched();
});

test('the log of a forged claim that is a link to something precious is not written, and no result', async (t) => {
  const { bench, env } = await makeScripted(t, 'echo fixed');
  const canary = makeCanary(bench);
  const kinds = ['symbolic', 'hard'] as const;
  for (const kind of kinds) {
    for (const outcome of [undefined, forgedOutcome(PRECIOUS)]) {
      const task = `${kind}-${outcome ? 'done' : 'died'}.md`;
      await bench.write(task, 'Fix it.\n');
      await forgeTwoDeaths(bench, task);
      const { claim } = forgeLock(bench, forgedRecord({ task }), outcome);
      const log = path.join(bench.tasks, `.exec_log-${task}.${claim}`);
      if (kind === 'hard') hardLink(canary.file, log);
      else await symlink('../outside/precious', log);
    }
  }
  const { code, stdout, stderr } = await bench.run([], { env });
  assert.equal(code, 0, stdout + stderr);
  // A forged "done" that fits its log is believed: see docs/security.md. It costs a task, and never the file.
  assert.equal(starts(bench), 3, stdout);
  assert.deepEqual(await bench.leftovers(), []);
  canary.assertUntouched(3);
});

test('the lock of a forged claim that is a link to something precious is not written', async (t) => {
  const { bench, env } = await makeScripted(t, 'echo fixed');
  const canary = makeCanary(bench, 'precious'.repeat(512));
  await bench.write('fix.md', 'Fix it.\n');
  await forgeTwoDeaths(bench);
  const record = forgedRecord();
  await bench.write(`.exec_log-fix.md.${record.claim}`, logOf(record));
  hardLink(canary.file, path.join(bench.tasks, '.lock-fix.md'));
  const { code, stdout } = await bench.run([], { env });
  assert.equal(code, 1, stdout);
  assert.match(stdout, /its lock file is damaged/);
  const forced = await bench.run(['clean', '--force', 'fix.md', '--yes']);
  assert.equal(forced.code, 0, forced.stderr);
  canary.assertUntouched();
});
