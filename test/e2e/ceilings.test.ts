/** What may be spent: in one terminal, in all of them, and by one task. With the real Codex. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeCodexBench, type CodexBench } from '../rig/cli.ts';
import { TOKENS_PER_ANSWER } from '../rig/model-server.ts';

/** Of one answer, as ceilings count. */
const ANSWER = TOKENS_PER_ANSWER.input + TOKENS_PER_ANSWER.output;

async function writeTasks(bench: CodexBench, n: number, script = '[[say Done.]]'): Promise<void> {
  for (let i = 1; i <= n; i++) await bench.write(`task-${i}.md`, `Task ${i}.\n${script}`);
}

const completed = async (bench: CodexBench) =>
  (await bench.ls()).filter((name) => name.startsWith('done_exec_log-')).length;

test('a run stops at its ceiling of tokens, the next one goes on from there, and --since forgets', async (t) => {
  const bench = await makeCodexBench(t);
  await writeTasks(bench, 6);

  const first = await bench.run(['--max-tokens', String(2 * ANSWER)]);

  assert.equal(first.code, 1, first.stdout);
  assert.equal(await completed(bench), 2);
  assert.match(first.stderr, /^No more tasks are started: --max-tokens 2,520 is reached: 2,520 tokens/m);
  assert.match(
    first.stdout,
    /^ {2}here: 2 attempts so far · tokens: 2\.4k in \(1\.6k cached\), 120 out.* · 0 tokens left · about .* for the 4 pending$/m,
  );

  const again = await bench.run(['--max-tokens', String(2 * ANSWER)]);
  assert.equal(again.code, 1);
  assert.equal(await completed(bench), 2, 'nothing is left of it');

  const higher = await bench.run(['--max-tokens', String(2 * ANSWER + 1)]);
  assert.equal(higher.code, 1);
  assert.equal(await completed(bench), 3, 'what ran when it was passed is finished');

  const since = new Date(Date.now() + 999).toISOString();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const forgotten = await bench.run(['--max-tokens', String(2 * ANSWER), '--since', since]);
  assert.equal(forgotten.code, 1, forgotten.stdout);
  assert.equal(await completed(bench), 5);
  assert.equal((await bench.run()).code, 0, 'no note of an earlier run binds one without a ceiling');
});

test('a ceiling of attempts counts those that run as well', async (t) => {
  const bench = await makeCodexBench(t);
  await writeTasks(bench, 6);

  const { code, stderr } = await bench.run(['--max-attempts-total', '3', '--concurrency', '4']);

  assert.equal(code, 1);
  assert.equal(await completed(bench), 3, stderr);
  assert.equal(bench.server.answers.length, 3);
  assert.match(stderr, /^No more tasks are started: --max-attempts-total 3 is reached/m);
});

test('a ceiling that the last task reaches takes nothing from the exit code', async (t) => {
  const bench = await makeCodexBench(t);
  await writeTasks(bench, 2);

  const { code, stderr } = await bench.run(['--max-attempts-total', '2']);

  assert.equal(code, 0, stderr);
  assert.equal(stderr, '');
});

test('a ceiling of one terminal ends dispatch in the other, which has none', async (t) => {
  const bench = await makeCodexBench(t);
  await writeTasks(bench, 40, '[[sleep 300]]\n[[say Done.]]');
  const free = bench.start();
  await free.says(/^✅ /m);

  const bound = await bench.run(['--max-tokens', String(6 * ANSWER)]);
  const { code, stderr, stdout } = await free.ended();

  assert.equal(bound.code, 1, bound.stdout);
  assert.equal(code, 1, stdout);
  assert.match(
    stderr,
    /^No more tasks are started: another terminal here has reached its --max-tokens 7,560/m,
  );
  const count = await completed(bench);
  assert.ok(count >= 6 && count < 30, `${count} completed`);
  assert.equal(bench.server.answers.length, count, 'what ran was finished');
});

test('a task that spends more than its share is ended while it runs, is not retried, and is left alone then', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('greedy.md', 'Greedy.\n[[run true]]\n[[run true]]\n[[hang]]');
  await bench.write('modest.md', 'Modest.\n[[say Done.]]');
  const limit = String(2 * ANSWER - 1);

  const { code, stdout } = await bench.run(['--max-tokens-per-task', limit, '--retries', '2']);

  assert.equal(code, 1, stdout);
  assert.match(
    stdout,
    /^❌ greedy\.md failed: its agents spent more than the 2519 tokens of --max-tokens-per-task/m,
  );
  assert.match(stdout, /^✅ modest\.md completed/m);
  assert.match(
    await bench.read('.codex-worker/journal.jsonl'),
    /"why":"over-budget",.*"usage":\{"input":2400,"cached":1600,"output":120\}/,
  );

  const again = await bench.run(['--max-tokens-per-task', limit]);
  assert.equal(again.code, 1);
  assert.match(again.stdout, /greedy\.md is left alone: it has spent the 2519 tokens/);
  assert.equal(bench.server.answers.length, 3, 'no agent was started for it');
});

test('status says what the directory has cost', async (t) => {
  const bench = await makeCodexBench(t);
  await writeTasks(bench, 2);
  assert.doesNotMatch((await bench.run(['status'])).stdout, /attempt/);
  await bench.run();

  assert.match(
    (await bench.run(['status'])).stdout,
    /^2 attempts so far · tokens: 2\.4k in \(1\.6k cached\), 120 out(?: · .*)?$/m,
  );
  assert.deepEqual(JSON.parse((await bench.run(['status', '--json'])).stdout).spent, {
    attempts: 2,
    usage: { input: 2400, cached: 1600, output: 120 },
  });
});
