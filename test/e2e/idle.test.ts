/** Agents that hang, and some that only seem to: ended for their silence or their time, or not. With the real Codex. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeCodexBench, type CodexBench } from '../rig/cli.ts';
import { canSandbox } from '../rig/codex-home.ts';

const linux = { skip: process.platform === 'linux' ? false : 'reads /proc' };
const sandbox = (await canSandbox()) ? [] : ['--mode', 'danger-full-access', '--yes'];
const preload = fileURLToPath(new URL('../rig/without.mjs', import.meta.url));

const endedLogs = async (bench: CodexBench) =>
  Promise.all(
    (await bench.ls('.codex-worker/ended')).map((name) => bench.read(`.codex-worker/ended/${name}`)),
  );

describe('agents that hang', { concurrency: 2, ...linux }, () => {
  test('a model that never answers is not waited for for ever, and the log says that it was waited for', async (t) => {
    const bench = await makeCodexBench(t);
    await bench.write('stuck.md', 'Stuck.\n[[hang]]');

    const { code, stdout } = await bench.run(['--idle-timeout', '5s']);

    assert.equal(code, 1, stdout);
    assert.match(stdout, /^❌ stuck\.md failed: idle for 5\.0s, waiting for the model/m);
    const log = await bench.read('failed_exec_log-stuck.md.txt');
    assert.match(log, /nothing happened for 5\.0s, waiting for the model; the agent is ended$/m);
    assert.deepEqual(await bench.leftovers(), []);
  });

  test('with retries the same thread goes on after it, and completes', async (t) => {
    const requests = () => bench.server.requests.length;
    const bench: CodexBench = await makeCodexBench(t, {
      script: (prompt) =>
        prompt.startsWith('Slow.')
          ? [requests() > 1 ? { kind: 'say', text: 'There.' } : { kind: 'hang' }]
          : [],
    });
    await bench.write('slow.md', 'Slow.');

    const { code, stdout } = await bench.run(['--idle-timeout', '5s', '--retries', '1']);

    assert.equal(code, 0, stdout);
    assert.equal(new Set(bench.server.requests.map(({ conversation }) => conversation)).size, 1);
    const [first = ''] = await endedLogs(bench);
    assert.match(first, /^next: +same thread/m);
  });

  test('a server that wants to be asked again in an hour is not waited for as long', async (t) => {
    const bench = await makeCodexBench(t, { requestRetries: 4, streamRetries: 5 });
    await bench.write('later.md', 'Later.\n[[status 429 rate_limit 3600]]');

    const { code, stdout } = await bench.run(['--idle-timeout', '5s']);

    assert.equal(code, 1, stdout);
    assert.match(stdout, /^❌ later\.md failed: idle for 5\.0s, waiting for the network/m);
  });

  test('a command that sleeps is named and ended, with all of its tree; the retry is a new thread', async (t) => {
    const bench = await makeCodexBench(t);
    await bench.write('asleep.md', 'Asleep.\n[[run sleep 611 & sleep 612; true]]');

    const run = bench.start([...sandbox, '--idle-timeout', '5s', '--retries', '1']);
    await run.says(/^🔁 asleep\.md attempt 1 failed.*idle for 5\.0s, in the command: .*sleep 612/m);
    const [first = ''] = await endedLogs(bench);
    assert.match(
      first,
      /nothing happened for 5\.0s, in the command: .*sleep 612; true'?; the agent is ended$/m,
    );
    assert.match(first, /^next: +fresh thread/m);
    run.kill('SIGINT');
    await run.ended();
    assert.deepEqual(await bench.leftovers(), []);
  });

  test('what a time out ended is said too', async (t) => {
    const bench = await makeCodexBench(t);
    await bench.write('long.md', 'Long.\n[[run sleep 613]]');

    const { code, stdout } = await bench.run([...sandbox, '--timeout', '6s', '--idle-timeout', '0']);

    assert.equal(code, 1, stdout);
    assert.match(stdout, /^❌ long\.md failed: timed out after 6\.0s, in the command: .*sleep 613/m);
    assert.deepEqual(await bench.leftovers(), []);
  });

  const BUSY =
    'Busy.\n[[run end=$((SECONDS+14)); while [ $SECONDS -lt $end ]; do :; done; echo computed]]\n[[say There.]]';

  test('a command that computes without a word for much longer than that is left alone', async (t) => {
    const bench = await makeCodexBench(t);
    await bench.write('busy.md', BUSY);

    const { code, stdout } = await bench.run([...sandbox, '--idle-timeout', '5s']);

    assert.equal(code, 0, stdout);
    assert.match(await bench.read('done_exec_log-busy.md.txt'), /^\W*computed$/m);
  });

  test('control: without the look at the CPU it would have been ended', async (t) => {
    const bench = await makeCodexBench(t);
    await bench.write('busy.md', BUSY);

    const { code, stdout } = await bench.run([...sandbox, '--idle-timeout', '5s'], {
      env: { NODE_OPTIONS: `--import ${preload}`, WITHOUT: 'work' },
    });

    assert.equal(code, 1, stdout);
    assert.match(stdout, /^❌ busy\.md failed: idle for 5\.0s, in the command: /m);
  });

  test('a codex-worker that was stopped for longer than its limits ends nothing when it goes on', async (t) => {
    const bench = await makeCodexBench(t);
    await bench.write('held.md', 'Held.\n[[hold door]]\n[[say There.]]');

    const run = bench.start(['--timeout', '12s', '--idle-timeout', '10s']);
    await bench.server.request(({ prompt }) => prompt.startsWith('Held.'));
    run.kill('SIGSTOP');
    await sleep(14_000);
    run.kill('SIGCONT');
    await sleep(1_000);
    bench.server.release('door');

    const { code, stdout } = await run.ended();
    assert.equal(code, 0, stdout);
  });
});
