/** How a task goes on after an attempt that failed: in the same thread or in a new one, and when. With the real Codex. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeCodexBench, type CodexBench } from '../rig/cli.ts';

const SHAKY = 'Shaky.\n[[fail-times 1 503 server_is_overloaded]]\n[[say There.]]';
const threadIn = (log: string) => /^thread: +(\S+)$/m.exec(log)?.[1];

async function logOfFirst(bench: CodexBench): Promise<string> {
  const name = (await bench.ls('.codex-worker/ended')).find((entry) => entry.includes('.1.'));
  return bench.read(`.codex-worker/ended/${name}`);
}

/** Starts a run, and ends it when its first attempt has failed and waits for the second. */
async function failOnce(bench: CodexBench): Promise<void> {
  const run = bench.start(['--retries', '3']);
  await run.says(/^🔁 shaky\.md attempt 1 failed/m);
  run.kill('SIGINT');
  await run.ended();
}

test('after trouble at the server the same thread goes on, with the sandbox and the directory stated again', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('shaky.md', SHAKY.replace('[[say', '[[write made.txt: here]]\n[[say'));

  const { code, stdout } = await bench.run(['--retries', '1', '--mode', 'workspace-write']);

  assert.equal(code, 0, stdout);
  const [first, second] = [await logOfFirst(bench), await bench.read('done_exec_log-shaky.md.txt')];
  assert.ok(threadIn(first), first);
  assert.equal(threadIn(second), threadIn(first));
  assert.match(first, /^next: +same thread, not before \d{4}-/m);
  assert.equal(new Set(bench.server.requests.map(({ conversation }) => conversation)).size, 1);
  assert.equal(await bench.read('made.txt'), 'here\n', 'the resumed thread may write, where it did');
});

test('a thread that is too long for the model is not continued', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('long.md', 'Long.\n[[fail-times 1 400 context_length_exceeded]]\n[[say There.]]');

  const { code, stdout } = await bench.run(['--retries', '1']);

  assert.equal(code, 0, stdout);
  assert.equal(new Set(bench.server.requests.map(({ conversation }) => conversation)).size, 2);
});

test('a thread that is gone is begun anew, and no attempt is spent on that', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('shaky.md', SHAKY);
  await failOnce(bench);
  await rm(join(bench.scratch, 'codex-home', 'sessions'), { recursive: true });

  const { code, stdout } = await bench.run(['--retries', '1']);

  assert.equal(code, 0, stdout);
  assert.match(
    stdout,
    /^⏪ shaky\.md given back: the thread of its earlier attempt is lost; it begins a new one$/m,
  );
  assert.match(await bench.read('done_exec_log-shaky.md.txt'), /^attempt: +3$/m);
});

test('a task that was edited since begins a new thread', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('shaky.md', SHAKY);
  await failOnce(bench);
  await bench.write('shaky.md', 'Calm.\n[[say There.]]');

  const { code, stdout } = await bench.run(['--retries', '1']);

  assert.equal(code, 0, stdout);
  assert.equal(bench.server.starts('Calm.\n[[say There.]]'), 1);
  assert.equal(new Set(bench.server.requests.map(({ conversation }) => conversation)).size, 2);
});

test('the wait for the next attempt is kept with the task: another run respects it', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('shaky.md', SHAKY);
  await failOnce(bench);
  const until = Date.parse(/not before (\S+)$/m.exec(await logOfFirst(bench))?.[1] ?? '');

  const { code, stdout } = await bench.run(['--retries', '1', '--verbose']);

  assert.equal(code, 0, stdout);
  const last = bench.server.requests.at(-1)?.at ?? 0;
  assert.ok(last >= until, `${last - until} ms after it may be tried again`);
});

test('with too many requests at a time the task waits, and no attempt is spent', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('busy.md', 'Busy.\n[[fail-times 2 429 rate_limit]]\n[[say There.]]');

  const { code, stdout } = await bench.run();

  assert.equal(code, 0, stdout);
  assert.match(stdout, /^Summary: 1 completed, 0 failed · /m);
  assert.equal(new Set(bench.server.requests.map(({ conversation }) => conversation)).size, 1);
});

test('a turn without a word and without a token is a limit also in a thread that had spent some before', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write(
    'shaky.md',
    'Shaky.\n[[run true]]\n[[fail-times 1 503 server_is_overloaded]]\n[[nothing]]',
  );

  const run = bench.start(['--retries', '1']);
  await run.says(/^⏪ shaky\.md given back: Codex completed a turn without a word and without a token/m);
  run.kill('SIGTERM');
  await run.ended();

  assert.ok(!(await bench.ls()).includes('done_exec_log-shaky.md.txt'));
});

test('a task whose earlier attempts are deleted while it runs is not tried for ever', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('a.md', 'Do it.\n[[say Done.]]');

  const run = bench.start(['--retries', '2', '--verify', 'rm -rf .codex-worker; false']);
  await run.says(/^(?:❌ a\.md failed|🔁 a\.md attempt 3 failed)/m);
  run.kill('SIGTERM');
  const { stdout } = await run.ended();

  assert.match(stdout, /^❌ a\.md failed: verify failed with code 1/m);
  assert.equal(stdout.match(/^🔁/gm)?.length, 2);
});
