/** Attempts that fail, with the real Codex: what is said, what is kept, and when it is tried again. */
import assert from 'node:assert/strict';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeCodexBench } from '../rig/cli.ts';

const ended = async (bench: { ls(directory: string): Promise<string[]> }) =>
  (await bench.ls('.codex-worker/ended')).map((name) =>
    name.replace(/^[0-9a-f]{16}\.(\d+)\..*\.(\w+)\.txt$/, '$1 $2'),
  );

test('a task that fails says why in the words of Codex, and the next run tries it again', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write(
    'bad.md',
    'Bad at first.\n[[fail-times 1 400 context_length_exceeded]]\n[[say Good now.]]',
  );
  await bench.write('good.md', 'Good.');

  const first = await bench.run();
  assert.equal(first.code, 1, first.stdout + first.stderr);
  assert.match(first.stdout, /^❌ bad\.md failed: Codex ran out of room in the model's context window\./m);
  assert.doesNotMatch(first.stdout + first.stderr, /exit code 1|exited with code/);
  assert.match(first.stdout, /^✅ good\.md completed/m);
  assert.match(first.stdout, /^Summary: 1 completed, 1 failed/m);
  assert.match(await bench.read('failed_exec_log-bad.md.txt'), /^outcome: +failed: Codex ran out of room/m);
  const status = await bench.run(['status', '--detailed']);
  assert.match(status.stdout, /^Failed +bad\.md: Codex ran out of room/m);

  const left = await bench.run(['--no-retry-failed']);
  assert.equal(left.code, 0);
  assert.match(left.stdout, /1 failed before and left alone/);
  assert.equal(bench.server.requests.length, 2, 'nothing was sent to the model for it');

  const second = await bench.run();
  assert.equal(second.code, 0, second.stdout + second.stderr);
  assert.match(second.stdout, /^Summary: 1 completed, 1 completed before, 0 failed/m);
  assert.match(await bench.read('done_exec_log-bad.md.txt'), /^attempt: +2$[^]*^Good now\.$/m);
  assert.deepEqual(await ended(bench), ['1 failed'], 'the earlier log is kept');
  assert.ok(!(await bench.ls()).some((name) => name.startsWith('failed_exec_log-')));
  assert.deepEqual(await bench.leftovers(), []);
});

test('--retries tries again after growing waits, and a success in the end is a success', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('shaky.md', 'Shaky.\n[[fail-times 2 500]]\n[[say There.]]');

  const { code, stdout, stderr } = await bench.run(['--retries', '3']);

  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /^🔁 shaky\.md attempt 1 failed: .*high demand.*; retrying in [12]\.\d+s$/m);
  assert.match(stdout, /^🔁 shaky\.md attempt 2 failed: .*; retrying in [234]\.\d+s$/m);
  assert.match(stdout, /^✅ shaky\.md completed/m);
  assert.match(stdout, /^Summary: 1 completed, 0 failed · 2 retries · /m);
  const [first = 0, second = 0, third = 0] = bench.server.requests.map(({ at }) => at);
  assert.ok(second - first >= 1_000 && third - second >= 2_000, `${second - first}, ${third - second} ms`);
  assert.match(await bench.read('done_exec_log-shaky.md.txt'), /^attempt: +3$/m);
  assert.deepEqual(await ended(bench), ['1 retry', '2 retry']);
  assert.deepEqual(await bench.leftovers(), []);
});

test('when the retries are used up the task has failed, and other tasks were not kept waiting', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('a-bad.md', 'Bad.\n[[status 503]]');
  await bench.write('b-good.md', 'Good.');

  const { code, stdout } = await bench.run(['--retries', '1']);

  assert.equal(code, 1);
  const at = (text: string) => stdout.indexOf(text);
  assert.ok(at('🔁 a-bad.md attempt 1 failed') >= 0, stdout);
  assert.ok(at('✅ b-good.md') > at('🔁 a-bad.md') && at('✅ b-good.md') < at('❌ a-bad.md failed'), stdout);
  assert.equal(bench.server.requests.filter(({ prompt }) => prompt.startsWith('Bad')).length, 2);
  assert.match(await bench.read('failed_exec_log-a-bad.md.txt'), /^attempt: +2$/m);
  assert.deepEqual(await bench.leftovers(), []);
});

test('a model that never answers runs into --timeout, every time', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('mute.md', 'Mute.\n[[hang]]');

  const { code, stdout } = await bench.run(['--timeout', '2s', '--retries', '1']);

  assert.equal(code, 1);
  assert.match(
    stdout,
    /^🔁 mute\.md attempt 1 failed: timed out after 2\.0s, waiting for the model; retrying in /m,
  );
  assert.match(stdout, /^❌ mute\.md failed: timed out after 2\.0s, waiting for the model \(2\.\ds\)$/m);
  assert.equal(bench.server.starts('Mute.\n[[hang]]'), 2);
  assert.deepEqual(await bench.leftovers(), []);
});

test('a command that runs too long is ended with all that it started', async (t) => {
  const bench = await makeCodexBench(t);
  const command = '(trap "" INT TERM HUP; setsid sleep 6001 & sleep 6001) & sleep 6001; true';
  await bench.write('slow.md', `Slow.\n[[run ${command}]]`);

  const run = bench.start(['--timeout', '6s', '--mode', 'danger-full-access', '--yes']);
  await bench.until(
    'all three sleep',
    async () => (await bench.agents()).filter((line) => /^\d+: sleep 6001 $/.test(line)).length === 3,
  );
  const { code, stdout } = await run.ended();

  assert.equal(code, 1);
  assert.match(stdout, /^❌ slow\.md failed: timed out after 6\.0s, in the command: /m);
  assert.match(await bench.read('failed_exec_log-slow.md.txt'), /^\$ .*sleep 6001/m);
  assert.deepEqual(await bench.leftovers(), []);
});

test('a command of the user’s own that speaks no JSON is judged by its exit code, and the log says so', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write(
    'agent.sh',
    '#!/bin/sh\nread -r line\necho "I was told: $line"\ncase "$line" in *bad*) echo "no way" >&2; exit 7;; esac\n',
  );
  await bench.shell('chmod +x agent.sh');
  await bench.write('good.md', 'be good\n');
  await bench.write('bad.md', 'be bad\n');

  const { code, stdout, stderr } = await bench.run([], { env: { CODEX_CMD: './agent.sh' } });

  assert.equal(code, 1, stdout + stderr);
  assert.match(stdout, /^✅ good\.md completed/m);
  assert.match(stdout, /^❌ bad\.md failed: no way/m);
  const judged = /^warning: +the command printed no Codex events; it was judged by its exit code$/m;
  const good = await bench.read('done_exec_log-good.md.txt');
  assert.match(good, /^I was told: be good$/m);
  assert.match(good, judged);
  assert.match(await bench.read('failed_exec_log-bad.md.txt'), judged);
  assert.equal(bench.server.requests.length, 0);
  assert.deepEqual(await bench.leftovers(), []);
});

test('a task whose log is deleted while it runs is given back, and not called completed', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('gone.md', 'Gone.\n[[hold log]]\n[[say Too late.]]');
  const worker = bench.start();
  await bench.server.request(({ prompt }) => prompt.startsWith('Gone.'));
  const log = (await bench.ls()).find((name) => name.startsWith('.exec_log-gone.md.')) ?? '';
  await unlink(join(bench.tasks, log));
  bench.server.release('log');

  const { code, stdout } = await worker.ended();

  assert.equal(code, 1, stdout);
  assert.match(stdout, /gone\.md given back: its log was deleted while it ran; it is pending again/);
  assert.deepEqual(await bench.ls(), ['.codex-worker', 'gone.md']);
  assert.deepEqual(await bench.leftovers(), []);
});

test('a person who removes the lock of a running task ends its agent, and the log is kept', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('freed.md', 'Freed.\n[[hold lock]]');
  const worker = bench.start();
  await bench.server.request(({ prompt }) => prompt.startsWith('Freed.'));
  await unlink(join(bench.tasks, '.lock-freed.md'));

  const { code, stdout } = await worker.ended(20_000);

  assert.equal(code, 1, stdout);
  assert.match(stdout, /^⏪ freed\.md given back: its claim was lost to someone else$/m);
  assert.deepEqual(await ended(bench), ['1 lost']);
  assert.deepEqual(await bench.leftovers(), []);
});
