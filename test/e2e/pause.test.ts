/** A pause of the whole directory: for a usage limit that the real Codex meets, and by hand. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Directive } from '../rig/directives.ts';
import { makeCodexBench, type CodexBench, type RunningCli } from '../rig/cli.ts';

const WITHOUT = new URL('../rig/without.mjs', import.meta.url).href;
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];

async function writeTasks(bench: CodexBench, directive = '[[say Done.]]'): Promise<void> {
  for (const name of NAMES) await bench.write(`${name}.md`, `Task ${name}.\n${directive}`);
}

async function assertAllCompleted(bench: CodexBench): Promise<void> {
  const { stdout } = await bench.run(['status', '--json']);
  const { counts, paused } = JSON.parse(stdout) as { counts: object; paused: unknown };
  assert.deepEqual(counts, { pending: 0, 'in-progress': 0, completed: NAMES.length, failed: 0 });
  assert.deepEqual(paused, []);
  assert.deepEqual(await bench.leftovers(), []);
}

/** A model whose account has a limit for some seconds from the first request on; after that its first answer takes a while. */
class LimitedAccount {
  liftedAt = 0;
  /** Longer than the jitter: a second terminal that tried as well would be seen. */
  readonly probeMs = 8_000;
  #probed: string | undefined;

  readonly script = (prompt: string): readonly Directive[] => {
    this.liftedAt ||= Date.now() + 10_000; // by then whatever was on has asked
    const seconds = Math.ceil((this.liftedAt - Date.now()) / 1_000);
    if (seconds > 0) return [{ kind: 'http', status: 429, reason: 'usage_limit', seconds }];
    this.#probed ??= prompt;
    return prompt === this.#probed ? [{ kind: 'sleep', ms: this.probeMs }] : [{ kind: 'say', text: 'Done.' }];
  };

  /** The requests that came while the first answer after the limit was on its way, that one included. */
  probes({ server }: CodexBench): number {
    const after = server.requests.filter(({ at }) => at >= this.liftedAt);
    const first = after[0]?.at ?? 0;
    return after.filter(({ at }) => at < first + this.probeMs).length;
  }
}

/** Two terminals meet a usage limit, wait for its end, and complete everything. */
async function meetLimit(bench: CodexBench, env: NodeJS.ProcessEnv = {}): Promise<readonly RunningCli[]> {
  await writeTasks(bench);
  const terminals = [1, 2].map(() => bench.start(['--concurrency', '2', '--retries', '0'], { env }));
  for (const terminal of terminals) {
    await terminal.says(/^Paused until .*\d\d:\d\d \(in .*\), for a limit: You.ve hit your usage limit/m);
    assert.match(terminal.stderr, /^ {2}hint: .*codex-worker resume$/m);
  }
  await bench.until('what was on has ended', async () => (await bench.agents()).length === 0);
  const { length: early } = bench.server.requests;
  const { until } = JSON.parse(await bench.read('.codex-worker/pause.json')) as { until: string };
  for (const terminal of terminals) await terminal.ended(180_000);
  const next = bench.server.requests[early]?.at ?? 0;
  assert.ok(next >= Date.parse(until), `${next} is before the end of the pause, ${until}`);
  return terminals;
}

test('a usage limit pauses every terminal until one task of one of them has tried again, and nothing is spent', async (t) => {
  const account = new LimitedAccount();
  const bench = await makeCodexBench(t, account);

  const terminals = await meetLimit(bench);

  for (const terminal of terminals) {
    const { code, stdout } = await terminal.ended();
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^Summary: \d completed, 0 failed/m);
    assert.match(stdout, /^Resumed after |^▶️ {2}Resumed after /m);
  }
  assert.equal(account.probes(bench), 1, 'while it was being tried nobody else asked');
  await assertAllCompleted(bench);
});

test('where the right to try again is given to whoever asks, both terminals try', async (t) => {
  const account = new LimitedAccount();
  const bench = await makeCodexBench(t, account);

  await meetLimit(bench, { NODE_OPTIONS: `--import ${WITHOUT}`, WITHOUT: 'probe-for-all' });

  assert.ok(account.probes(bench) > 1, 'the test above would see it');
});

test('a pause by hand is seen by every terminal within two seconds, and resume ends it', async (t) => {
  const bench = await makeCodexBench(t);
  await writeTasks(bench, '[[sleep 700]]\n[[say Done.]]');
  const terminal = bench.start();
  await terminal.says(/^✅ a\.md completed/m);

  const { code, stdout } = await bench.run(['pause', '--reason', 'the machine is needed']);
  await terminal.says(/^Paused until somebody resumes it, by hand: the machine is needed$/m, 2_000);

  assert.equal(code, 0, stdout);
  assert.match(stdout, /^\. is paused until somebody resumes it, by hand: the machine is needed$/m);
  const late = bench.start();
  await late.says(/^Paused until somebody resumes it, by hand/m);
  await bench.until('what was on has ended', async () => (await bench.agents()).length === 0);
  const before = bench.server.requests.length;
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  assert.equal(bench.server.requests.length, before);
  assert.deepEqual([terminal.hasEnded, late.hasEnded], [false, false]);

  const status = await bench.run(['status']);
  assert.match(
    status.stdout,
    /^⏸ {2}\. is paused until somebody resumes it, by hand: the machine is needed$/m,
  );
  const resumed = await bench.run(['resume']);
  assert.match(resumed.stdout, /^\. is resumed; it was paused until somebody resumes it, by hand/m);
  for (const each of [terminal, late]) assert.equal((await each.ended()).code, 0, each.stdout + each.stderr);
  await assertAllCompleted(bench);
});

test('a pause by hand with a time is over then, without anybody', async (t) => {
  const bench = await makeCodexBench(t);
  await writeTasks(bench);
  await bench.run(['pause', '--for', '3s']);

  const { code, stdout, stderr } = await bench.run(['--json', '--concurrency', '3']);

  assert.equal(code, 0, stderr);
  const kinds = stdout
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { event: string }).event);
  assert.deepEqual(kinds.slice(0, 3), ['run-started', 'paused', 'resumed']);
  assert.match(stderr, /^Paused until \d\d:\d\d \(in [0-3]\.\ds\), by hand$/m);
  await assertAllCompleted(bench);
});

test('a pause by hand takes the place of the one that is there, and says what that was', async (t) => {
  const bench = await makeCodexBench(t);
  await writeTasks(bench);
  const first = await bench.run(['pause', '--reason', 'until I am back']);
  assert.doesNotMatch(first.stdout, /instead/);

  const { stdout } = await bench.run(['pause', '--for', '1m']);

  assert.match(
    stdout,
    /^\. is paused until .* \(in .*\), by hand\n {2}instead of the pause that was there, until somebody resumes it, by hand: until I am back$/m,
  );
});

test('deleting the private folder ends a pause', async (t) => {
  const bench = await makeCodexBench(t);
  await writeTasks(bench);
  await bench.run(['pause']);
  const terminal = bench.start();
  await terminal.says(/^Paused /m);

  await rm(join(bench.tasks, '.codex-worker'), { recursive: true });

  assert.equal((await terminal.ended()).code, 0);
  await assertAllCompleted(bench);
});

test('the time that a run was given ends it in a pause too, and between two tasks', async (t) => {
  const bench = await makeCodexBench(t);
  await writeTasks(bench, '[[sleep 1500]]\n[[say Done.]]');

  const short = await bench.run(['--for', '2s']);
  await bench.run(['pause']);
  const paused = await bench.run(['--for', '1s']);

  assert.equal(short.code, 1, short.stderr);
  assert.match(short.stderr, /^No more tasks are started: the time that this run was given is over/m);
  assert.match(short.stdout, /^Summary: [1-3] completed, 0 failed, [3-5] pending/m);
  assert.equal(paused.code, 1);
  assert.match(paused.stdout, /^Summary: 0 completed, .*pending/m);
  assert.deepEqual(await bench.leftovers(), []);
});

test('Ctrl-C in a pause ends the run at once', async (t) => {
  const bench = await makeCodexBench(t);
  await writeTasks(bench);
  await bench.run(['pause', '--for', '2h']);
  const terminal = bench.start();
  await terminal.says(/^Paused until .*\(in 1h 59m|^Paused until .*\(in 2h 00m/m);

  terminal.kill('SIGINT');

  assert.equal((await terminal.ended(5_000)).code, 130);
  assert.equal(bench.server.requests.length, 0);
  assert.deepEqual(await bench.ls('.codex-worker'), ['.gitignore', 'journal.jsonl', 'pause.json', 'tmp']);
  assert.deepEqual(await bench.leftovers(), []);
  assert.match((await bench.run(['clean'])).stdout, /^Nothing to do\.$/m);
  assert.match((await bench.run(['status'])).stdout, /is paused until /);
});

test('resume where nothing is paused says so', async (t) => {
  const bench = await makeCodexBench(t);
  const { code, stdout } = await bench.run(['resume']);

  assert.equal(code, 0);
  assert.equal(stdout, 'Nothing is paused here.\n');
  assert.deepEqual(await bench.ls(), []);
});

test('too many requests at a time lower the number of agents, and every task is completed all the same', async (t) => {
  const bench = await makeCodexBench(t);
  await writeTasks(bench, '[[fail-times 1 429 rate_limit]]\n[[say Done.]]');

  const { code, stdout } = await bench.run(['--concurrency', '4', '--verbose']);

  assert.equal(code, 0, stdout);
  assert.match(stdout, /^🐢 too many requests: 2 at once for now, of 4$/m);
  assert.match(stdout, /^· [2-4] at once, of 4$/m);
  await assertAllCompleted(bench);
});
