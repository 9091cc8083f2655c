/** What attempts have spent, in the journal of the directory, beside what the model has answered. With the real Codex. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeCodexBench, type CodexBench } from '../rig/cli.ts';
import { TOKENS_PER_ANSWER } from '../rig/model-server.ts';

const JOURNAL = '.codex-worker/journal.jsonl';

interface Line {
  readonly task: string;
  readonly attempt: number;
  readonly claim: string;
  readonly thread?: string;
  readonly outcome: string;
  readonly why?: string;
  readonly usage: { readonly input: number; readonly cached: number; readonly output: number };
}

async function linesOf(bench: CodexBench): Promise<Line[]> {
  const text = await bench.read(JOURNAL);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line & { readonly kind?: string })
    .filter(({ kind }) => kind === undefined); // of an attempt, and of no pause
}

const answers = (n: number) => ({
  input: n * TOKENS_PER_ANSWER.input,
  cached: n * TOKENS_PER_ANSWER.cached,
  output: n * TOKENS_PER_ANSWER.output,
});

/** Every answer of the model is in the journal, once. */
async function assertAllCounted(bench: CodexBench, lines: readonly Line[]): Promise<void> {
  const sum = (key: 'input' | 'cached' | 'output') => lines.reduce((n, { usage }) => n + usage[key], 0);
  assert.deepEqual(
    { input: sum('input'), cached: sum('cached'), output: sum('output') },
    answers(bench.server.answers.length),
    JSON.stringify(lines),
  );
  assert.equal(new Set(lines.map(({ claim }) => claim)).size, lines.length);
}

test('a task that is completed has cost what the model answered', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('fix.md', 'Fix.\n[[run true]]\n[[run true]]\n[[say Done.]]');

  assert.equal((await bench.run()).code, 0);

  const lines = await linesOf(bench);
  assert.deepEqual(
    lines.map(({ task, attempt, outcome, usage }) => ({ task, attempt, outcome, usage })),
    [{ task: 'fix.md', attempt: 1, outcome: 'completed', usage: answers(3) }],
  );
  await assertAllCounted(bench, lines);
});

test('a thread that failed and is continued: each attempt has its own share, and not that of the other', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('fix.md', 'Fix.\n[[run true]]\n[[fail-times 1 503 server_is_overloaded]]\n[[say Done.]]');

  const { code, stdout } = await bench.run(['--retries', '1', '--json']);

  assert.equal(code, 0, stdout);
  const lines = await linesOf(bench);
  const [first, second] = lines;
  assert.equal(first?.thread, second?.thread);
  assert.deepEqual(
    lines.map(({ attempt, outcome, why, usage }) => ({ attempt, outcome, why, usage })),
    [
      { attempt: 1, outcome: 'retry', why: 'turn-failed transient', usage: answers(1) },
      { attempt: 2, outcome: 'completed', why: undefined, usage: answers(1) },
    ],
  );
  await assertAllCounted(bench, lines);
  const done = stdout.split('\n').find((line) => line.includes('"outcome":"succeeded"')) ?? '{}';
  assert.deepEqual(JSON.parse(done).usage, answers(1), 'of the attempt, and not of its thread');
});

test('an attempt that failed, and the next in a new thread', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write(
    'long.md',
    'Long.\n[[run true]]\n[[fail-times 1 400 context_length_exceeded]]\n[[say Done.]]',
  );

  assert.equal((await bench.run(['--retries', '1'])).code, 0);

  const lines = await linesOf(bench);
  assert.equal(new Set(lines.map(({ thread }) => thread)).size, 2);
  assert.deepEqual(
    lines.map(({ usage }) => usage),
    [answers(1), answers(2)],
  );
  await assertAllCounted(bench, lines);
});

test('an attempt that timed out in a command has cost what was answered before', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('slow.md', 'Slow.\n[[run true]]\n[[run sleep 60]]\n[[say Done.]]');

  assert.equal((await bench.run(['--timeout', '6', '--mode', 'danger-full-access', '--yes'])).code, 1);

  const lines = await linesOf(bench);
  assert.deepEqual(
    lines.map(({ outcome, why, usage }) => ({ outcome, why, usage })),
    [{ outcome: 'failed', why: 'timed-out', usage: answers(2) }],
  );
  await assertAllCounted(bench, lines);
});

test('of a killed attempt that continued a thread only its own share is written down by the run that reaps it', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write(
    'fix.md',
    'Fix.\n[[run true]]\n[[fail-times 1 503 server_is_overloaded]]\n[[run true]]\n[[hold gate]]\n[[say Done.]]',
  );
  const victim = bench.start(['--retries', '1']);
  await bench.server.request(({ step }) => step === 2);
  victim.kill('SIGKILL');
  await victim.ended();
  await bench.until('its agent is gone', async () => (await bench.agents()).length === 0);
  bench.server.release('gate');

  assert.equal((await bench.run()).code, 0);

  const lines = await linesOf(bench);
  assert.equal(lines[0]?.thread, lines[1]?.thread);
  assert.deepEqual(
    lines.map(({ outcome, usage }) => ({ outcome, usage })),
    [
      { outcome: 'retry', usage: answers(1) },
      { outcome: 'died', usage: answers(1) },
      { outcome: 'completed', usage: answers(1) }, // it goes on in that thread
    ],
  );
  await assertAllCounted(bench, lines);
});

test('what the agent of a killed codex-worker had spent is written down by the run that reaps it', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('fix.md', 'Fix.\n[[run true]]\n[[hold gate]]\n[[say Done.]]');
  const victim = bench.start();
  await bench.server.request(({ step }) => step === 1);
  victim.kill('SIGKILL');
  await victim.ended();
  await bench.until('its agent is gone', async () => (await bench.agents()).length === 0);
  bench.server.release('gate');

  assert.equal((await bench.run()).code, 0);

  const lines = await linesOf(bench);
  assert.deepEqual(
    lines.map(({ attempt, outcome, usage }) => ({ attempt, outcome, usage })),
    [
      { attempt: 1, outcome: 'died', usage: answers(1) },
      { attempt: 2, outcome: 'completed', usage: answers(1) }, // it goes on in that thread
    ],
  );
  await assertAllCounted(bench, lines);
});
