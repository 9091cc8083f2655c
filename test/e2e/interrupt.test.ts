/** Ctrl-C, SIGTERM and SIGKILL while the real Codex works, and what the next run makes of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBench, makeCodexBench, type CodexBench } from '../rig/cli.ts';

/** Sleeps as long as the file `go` is not there: what an interrupted attempt was at is quick in the next run. */
const LONG_COMMAND = '[[run test -e go || sleep 6002]]';
const anything = ['--mode', 'danger-full-access', '--yes'];

const sleeps = (bench: CodexBench, n: number) =>
  bench.until(
    `${n} agents sleep`,
    async () => (await bench.agents()).filter((line) => /^\d+: sleep 6002 $/.test(line)).length === n,
  );

const completed = async (bench: CodexBench) =>
  (await bench.ls()).filter((name) => name.startsWith('done_exec_log-'));

async function assertResumes(bench: CodexBench, expected: RegExp): Promise<void> {
  await bench.write('go', '');
  const { code, stdout, stderr } = await bench.run(['--concurrency', '2', ...anything]);
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, expected);
  assert.deepEqual(await bench.leftovers(), []);
}

test('the first Ctrl-C lets what runs finish and starts nothing else; the next run does the rest', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('a.md', 'First.\n[[hold door]]');
  await bench.write('b.md', 'Second.');
  await bench.write('c.md', 'Third.');
  const run = bench.start();
  await bench.server.request(({ prompt }) => prompt.startsWith('First.'));

  run.kill('SIGINT');
  await run.says(/^Shutting down gracefully: waiting for 1 running task, starting no other\. Ctrl-C again/m);
  assert.ok((await bench.ls()).includes('in-progress-a.md'), 'it still runs');
  bench.server.release('door');
  const { code, stdout } = await run.ended();

  assert.equal(code, 130);
  assert.match(stdout, /^✅ a\.md completed/m);
  assert.match(stdout, /^Summary: 1 completed, 0 failed, 2 pending/m);
  assert.deepEqual(await completed(bench), ['done_exec_log-a.md.txt']);
  assert.equal(bench.server.requests.length, 1);
  assert.deepEqual(await bench.leftovers(), []);
  await assertResumes(bench, /^Summary: 2 completed, 1 completed before, 0 failed/m);
});

test('the second Ctrl-C ends the agents and gives their tasks back within seconds', async (t) => {
  const bench = await makeCodexBench(t);
  for (const name of ['a', 'b', 'c']) await bench.write(`${name}.md`, `Task ${name}.\n${LONG_COMMAND}`);
  const run = bench.start(['--concurrency', '2', ...anything]);
  await sleeps(bench, 2);

  run.kill('SIGINT');
  await run.says(/^Shutting down gracefully: waiting for 2 running tasks/m);
  run.kill('SIGINT');
  const { code, stdout, stderr } = await run.ended(10_000);

  assert.equal(code, 130);
  assert.match(stderr, /^Interrupted \(SIGINT\): ending 2 agents and giving back their tasks/m);
  assert.match(stdout, /^⏪ a\.md given back: interrupted$/m);
  assert.match(stdout, /^Summary: 0 completed, 0 failed, 3 pending · 2 given back/m);
  assert.deepEqual(await bench.leftovers(), []);
  const kept = await bench.ls('.codex-worker/ended');
  assert.equal(
    kept.filter((name) => /\.1\.[0-9a-f]{32}\.interrupted\.txt$/.test(name)).length,
    2,
    kept.join(),
  );
  await assertResumes(bench, /^Summary: 3 completed, 0 failed/m);
});

test('SIGTERM gives back at once, with exit code 143', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('a.md', `Long.\n${LONG_COMMAND}`);
  await bench.write('b.md', 'Short.');
  const run = bench.start(anything);
  await sleeps(bench, 1);

  run.kill('SIGTERM');
  const { code, stderr } = await run.ended(10_000);

  assert.equal(code, 143);
  assert.match(stderr, /^Interrupted \(SIGTERM\): ending 1 agent and giving back its task/m);
  assert.deepEqual(await completed(bench), []);
  assert.deepEqual(await bench.leftovers(), []);
  await assertResumes(bench, /^Summary: 2 completed, 0 failed/m);
});

test('when codex-worker is killed its agents end by themselves, and the next run completes their tasks', async (t) => {
  const bench = await makeCodexBench(t);
  const stubborn =
    '[[run test -e go || { (trap "" INT TERM HUP; setsid sleep 6002 & sleep 6002) & sleep 6002; }]]';
  await bench.write('a.md', `Stubborn.\n${stubborn}`);
  await bench.write('b.md', 'Mute.\n[[hold door]]');
  const run = bench.start(['--concurrency', '2', ...anything]);
  await sleeps(bench, 3);
  await bench.server.request(({ prompt }) => prompt.startsWith('Mute.'));

  run.kill('SIGKILL');
  await run.ended();
  await bench.until('all agents have ended', async () => (await bench.agents()).length === 0, 15_000);

  assert.ok((await bench.ls()).includes('.lock-a.md'), 'nobody was there to give it back');
  const status = await bench.run(['status', '--detailed']);
  assert.match(
    status.stdout,
    new RegExp(`^In Progress +a\\.md: attempt 1, pid ${run.pid} on .*, which is dead: any run takes`, 'm'),
  );
  bench.server.release('door');
  await assertResumes(bench, new RegExp(`^♻️ {2}a\\.md was left by pid ${run.pid} on .*: given back$`, 'm'));
  assert.deepEqual(await completed(bench), ['done_exec_log-a.md.txt', 'done_exec_log-b.md.txt']);
  assert.match(await bench.read('done_exec_log-a.md.txt'), /^attempt: +2$/m);
});

test('a new run ends the agents of a killed one itself, when it is faster than they are', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('a.md', `Long.\n${LONG_COMMAND}`);
  const run = bench.start(anything);
  await sleeps(bench, 1);

  run.kill('SIGKILL');
  await assertResumes(bench, /^Summary: 1 completed, 0 failed · 1 reaped · /m);
});

test('Ctrl-C does not wait for a retry that is not yet due; the next run makes it', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('a.md', 'Shaky.\n[[fail-times 2 500]]\n[[say There.]]');
  const run = bench.start(['--retries', '9', '--json']);
  // The second wait is the longer one: 2 to 4 s.
  await run.says(/"event":"retry-scheduled".*"attempt":3/);

  run.kill('SIGINT');
  const { code } = await run.ended();

  assert.equal(code, 130);
  assert.equal(bench.server.requests.length, 2);
  assert.deepEqual(await bench.leftovers(), []);
  await assertResumes(bench, /^Summary: 1 completed, 0 failed/m);
  assert.match(await bench.read('done_exec_log-a.md.txt'), /^attempt: +3$/m);
});

test('the third Ctrl-C leaves at once, and the agent that would not end is ended all the same', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('deaf.sh', '#!/bin/sh\ntrap "" INT TERM HUP\nwhile :; do sleep 1; done\n');
  await bench.shell('chmod +x deaf.sh');
  await bench.write('a.md', 'Listen!');
  const run = bench.start([], { env: { CODEX_CMD: './deaf.sh' } });
  await bench.until('it sleeps', async () =>
    (await bench.agents()).some((line) => /^\d+: sleep 1 $/.test(line)),
  );

  run.kill('SIGINT');
  await run.says(/^Shutting down gracefully/m);
  run.kill('SIGINT');
  await run.says(/^Interrupted \(SIGINT\)/m);
  run.kill('SIGINT');
  assert.equal((await run.ended(5_000)).code, 130);
  assert.ok((await bench.agents()).length > 0, 'it is deaf');

  await bench.until('it has ended', async () => (await bench.agents()).length === 0, 15_000);
  await assertResumes(bench, /^Summary: 1 completed, 0 failed · 1 reaped · /m);
});

test('a signal that comes before the first task is begun is no bug', async (t) => {
  const bench = await makeBench(t, { CODEX_CMD: './codex' });
  const waits = 'touch asked; while [ ! -e answer ]; do sleep 0.1; done';
  await bench.write('codex', `#!/bin/sh\n${waits}\necho codex-cli 1.2.3\n`);
  await bench.shell('chmod +x codex');
  await bench.write('a.md', 'Never begun.');
  const run = bench.start();
  await bench.until('the version is asked for', async () => (await bench.ls()).includes('asked'));

  run.kill('SIGTERM');
  const { code, signal, stderr } = await run.ended();
  await bench.write('answer', '');

  assert.ok(code === 143 || signal === 'SIGTERM', `${code} ${signal} ${stderr}`);
  assert.equal(stderr, '');
  assert.deepEqual(await bench.leftovers(), []);
});

test('a terminal that closes hangs up twice, and the tasks are given back all the same', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('a.md', `Task a.\n${LONG_COMMAND}`);
  const run = bench.start(anything);
  await sleeps(bench, 1);

  run.kill('SIGHUP');
  await run.says(/^Interrupted \(SIGHUP\)/m);
  run.kill('SIGHUP');
  run.kill('SIGTERM');
  const { code, stdout } = await run.ended(20_000);

  assert.equal(code, 129);
  assert.match(stdout, /^⏪ a\.md given back: interrupted$/m);
  assert.deepEqual(await bench.leftovers(), []);
  await assertResumes(bench, /^Summary: 1 completed, 0 failed/m);
});
