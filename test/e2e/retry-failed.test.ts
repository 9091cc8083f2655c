/** `retry`: what failed is run again, and nothing else. With the real Codex. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeCodexBench } from '../rig/cli.ts';

const logsIn = async (bench: { ls(): Promise<string[]> }) =>
  (await bench.ls()).filter((name) => name.includes('_exec_log-'));

test('what failed for one reason is run again, and what is pending, done or failed otherwise is left alone', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('long.md', 'Long.\n[[fail-times 1 400 context_length_exceeded]]\n[[say There.]]');
  await bench.write('checked.md', 'Checked.\n[[say Done.]]');
  const first = await bench.run(['--verify', 'test "${CODEX_WORKER_TASK##*/}" != checked.md']);
  assert.equal(first.code, 1, first.stdout);
  await bench.write('open.md', 'Open.');
  await bench.write('done.md', 'Done.');
  await bench.run(['done.md']);
  const before = bench.server.requests.length;

  const list = await bench.shell(
    'codex-worker list --failed | sort; codex-worker list --match "ran OUT of room"',
  );
  assert.equal(list.stdout, 'checked.md\nlong.md\nlong.md\n');
  const dry = await bench.run(['retry', '--failed', '--match', 'ran out of room', '--dry-run']);
  assert.deepEqual(
    [dry.code, dry.stdout.split('\n').slice(1)],
    [0, ['1 task would be run again.', '']],
    dry.stdout,
  );
  assert.match(dry.stdout, /^long\.md {2}failed: Codex ran out of room/);
  assert.equal(bench.server.requests.length, before);

  const retried = await bench.run(['retry', '--failed', '--match', 'ran out of room', '--model', 'o4']);
  assert.equal(retried.code, 0, retried.stdout + retried.stderr);
  assert.match(retried.stdout, /^1 task \(1 failed before\) · o4 · /m);
  assert.match(retried.stdout, /^Summary: 1 completed, 0 failed/m);
  assert.deepEqual(
    bench.server.requests.slice(before).map(({ prompt, model }) => `${model} ${prompt.split('\n')[0]}`),
    ['o4 Long.'],
  );
  assert.deepEqual(await logsIn(bench), [
    'done_exec_log-done.md.txt',
    'done_exec_log-long.md.txt',
    'failed_exec_log-checked.md.txt',
  ]);
  assert.equal((await bench.ls('.codex-worker/ended')).filter((name) => name.includes('.failed.')).length, 1);

  const none = await bench.run(['retry', 'long.md', 'open.md']);
  assert.deepEqual([none.code, none.stdout], [0, 'Nothing to run again: no task has failed.\n']);
  const quiet = await bench.run(['retry', '--match', 'no such words', '--json']);
  assert.deepEqual([quiet.code, quiet.stdout], [0, '']);
  assert.match(
    quiet.stderr,
    /^Nothing to run again: no task has failed with "no such words" in its reason\.$/m,
  );

  // A setting that spares what failed is meant for runs.
  const named = await bench.run(['retry', 'checked.md', '--no-verify'], {
    env: { CODEX_WORKER_RETRY_FAILED: 'false' },
  });
  assert.match(named.stdout, /^Summary: 1 completed, 0 failed/m, named.stdout + named.stderr);
  assert.ok(!(await logsIn(bench)).includes('done_exec_log-open.md.txt'));
  assert.deepEqual(await bench.leftovers(), []);
});
