/** Tasks that go well, with the real Codex: what a user finds afterwards, and what can be watched meanwhile. */
import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { makeCodexBench } from '../rig/cli.ts';
import { canSandbox } from '../rig/codex-home.ts';
import { TOKENS_PER_ANSWER } from '../rig/model-server.ts';

const sandboxed = await canSandbox();
const writable = sandboxed ? 'workspace-write' : 'danger-full-access';
const mayWrite = ['--mode', writable, '--yes'];

test('three agents at once do the work, and leave logs that a person can read', async (t) => {
  const bench = await makeCodexBench(t);
  const names = ['one', 'two', 'three', 'four'];
  for (const name of names)
    await bench.write(
      `${name}.md`,
      `Make ${name}.\n[[say Looking.]]\n[[write ${name}.txt: made by ${name}]]\n[[run cat ${name}.txt; exit 3]]\n[[say ${name} is made.]]`,
    );

  const { code, stdout, stderr } = await bench.run(['--concurrency', '3', ...mayWrite]);

  assert.equal(code, 0, stdout + stderr);
  for (const name of names) {
    assert.match(stdout, new RegExp(`^✅ ${name}\\.md completed \\(\\d`, 'm'));
    assert.equal(await bench.read(`${name}.txt`), `made by ${name}\n`);
    const log = await bench.read(`done_exec_log-${name}.md.txt`);
    assert.match(log, new RegExp(`^codex-worker log\ntask: +${name}\\.md\nattempt: +1\n`));
    assert.match(log, new RegExp(`^model: +o4-mini\nmode: +${writable}\ncd: +${bench.tasks}$`, 'm'));
    assert.match(log, /^codex: +codex-cli \d+\.\d+/m);
    assert.match(log, /^Looking\.$/m);
    assert.match(log, new RegExp(`^± add .*/${name}\\.txt$`, 'm'));
    assert.match(
      log,
      new RegExp(`^\\$ .*cat ${name}\\.txt; exit 3.*\n+  made by ${name}\n  \\(exit 3: `, 'm'),
    );
    assert.match(log, new RegExp(`^${name} is made\\.$`, 'm'));
    const cost = { input: 3 * TOKENS_PER_ANSWER.input, cached: 3 * TOKENS_PER_ANSWER.cached };
    assert.match(
      log,
      new RegExp(
        `\noutcome: +completed\nduration: +.*\ntokens: +${cost.input} in \\(${cost.cached} cached\\), 180 out\nthread: +\\S+\n$`,
      ),
    );
  }
  assert.match(
    stdout,
    /^Summary: 4 completed, 0 failed · .* · tokens: 14\.4k in \(9\.6k cached\), 720 out$/m,
  );
  // Codex's sandbox makes these for a moment, and sometimes leaves them when several are at work.
  const ofCodex = new Set(['.agents', '.aws', '.codex', '.git']);
  assert.deepEqual(
    (await bench.ls()).filter((name) => !ofCodex.has(name)),
    [
      '.codex-worker',
      ...names.flatMap((name) => [`${name}.md`, `${name}.txt`, `done_exec_log-${name}.md.txt`]),
    ].toSorted(),
  );
  assert.deepEqual(await bench.leftovers(), []);
});

test('a completed task is not run again, unless it is asked for, and then its earlier log is kept', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('fix.md', 'Fix it.\n[[say Fixed.]]');
  assert.equal((await bench.run()).code, 0);

  const again = await bench.run();
  assert.equal(again.code, 0);
  assert.match(again.stdout, /^Summary: 0 completed, 1 completed before, 0 failed/m);
  assert.equal(bench.server.requests.length, 1);

  const rerun = await bench.run(['--rerun-completed']);
  assert.equal(rerun.code, 0);
  assert.equal(bench.server.requests.length, 2);
  assert.match(await bench.read('done_exec_log-fix.md.txt'), /^attempt: +2$/m);
  assert.match((await bench.ls('.codex-worker/ended')).join(), /\.1\.[0-9a-f]{32}\.completed\.txt$/);
  assert.deepEqual(await bench.leftovers(), []);
});

test('while an agent works, ls, tail, cat and status show what it does', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('fix.md', 'Fix it.\n[[run echo first words]]\n[[hold door]]\n[[say Last words.]]');
  await bench.write('later.md', 'Later.');
  const run = bench.start(['--concurrency', '1']);

  // A reader that opened the file early follows it to the end, also past the moment when it becomes the result.
  await bench.until('the mirror is there', async () => (await bench.ls()).includes('in-progress-fix.md'));
  const tail = await open(path.join(bench.tasks, 'in-progress-fix.md'));
  t.after(() => tail.close());
  const readOn = async () => String(await tail.readFile());
  let followed = '';
  await bench.until('the log grows', async () => (followed += await readOn()).includes('(exit 0: '));
  assert.match(followed, /^ {2}first words$/m);
  assert.doesNotMatch(followed, /Last words/);
  assert.ok((await bench.ls()).includes('fix.md'), 'the task file stays where it is');

  const lock = await bench.read('.lock-fix.md');
  const agent = await bench.until('an agent is there', async () => (await bench.agents())[0]);
  assert.match(lock, new RegExp(`"pid":${run.pid}\\b`));
  assert.match(lock, new RegExp(`"pid":${Number.parseInt(agent, 10)}\\b|"child"`));
  const heartbeat = async () => (await bench.read('.lock-fix.md')).split('\n')[1]?.trim();
  const before = await heartbeat();
  await bench.until('the heartbeat moves', async () => (await heartbeat()) !== before);
  assert.match((await heartbeat()) ?? '', /"at":"\d{4}-\d\d-\d\dT/);

  const table = await bench.run(['status']);
  assert.match(table.stdout, /│ Pending +│ +1 │ +50\.0% │\n│ In Progress +│ +1 │ +50\.0% │/);
  const detailed = await bench.run(['status', '--detailed']);
  assert.match(
    detailed.stdout,
    new RegExp(
      `^In Progress +fix\\.md: attempt 1, pid ${run.pid} on .*, since .*, last heartbeat .* ago$`,
      'm',
    ),
  );
  const json = JSON.parse((await bench.run(['status', '--detailed', '--json'])).stdout);
  assert.deepEqual(json.counts, { pending: 1, 'in-progress': 1, completed: 0, failed: 0 });
  const [running, pending] = json.tasks;
  assert.deepEqual(
    [running.task, running.state, running.attempt, running.holder.kind, running.holder.pid],
    ['fix.md', 'in-progress', 1, 'alive', run.pid],
  );
  assert.equal(running.log, path.join(bench.tasks, 'in-progress-fix.md'));
  assert.ok(Date.parse(running.heartbeatAt) > 0 && Date.parse(running.since) > 0);
  assert.deepEqual([pending.task, pending.state], ['later.md', 'pending']);

  bench.server.release('door');
  assert.equal((await run.ended()).code, 0);
  followed += await readOn();
  assert.equal(followed, await bench.read('done_exec_log-fix.md.txt'));
  assert.deepEqual(await bench.leftovers(), []);
});

test('--json tells the run as events, and -o leaves its results as one file', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('good.md', 'Good.\n[[run echo hello]]\n[[say All good.]]');
  await bench.write('bad.md', 'Bad.\n[[status 400 context_length_exceeded]]');

  const { code, stdout, stderr } = await bench.run(['--json', '-o', 'results.json']);

  assert.equal(code, 1, stdout + stderr);
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const of = (kind: string) => events.filter(({ event }) => event === kind);
  assert.equal(events[0].event, 'run-started');
  assert.equal(events[0].total, 2);
  assert.deepEqual(
    of('attempt-started').map(({ task, attempt }) => [task, attempt]),
    [
      ['bad.md', 1],
      ['good.md', 1],
    ],
  );
  assert.ok(
    of('attempt-activity').some(({ task, activity }) => task === 'good.md' && activity.kind === 'command'),
  );
  const [bad, good] = of('attempt-ended');
  assert.deepEqual([bad.outcome, bad.willRetry, bad.failure.kind], ['failed', false, 'turn-failed']);
  assert.match(bad.failure.message, /ran out of room/);
  assert.deepEqual([good.outcome, good.answer, good.usage.output], ['succeeded', 'All good.', 120]);
  const last = events.at(-1);
  assert.deepEqual(
    [last.event, last.exitCode, last.summary.completed, last.summary.failed],
    ['run-finished', 1, 1, 1],
  );

  const results = JSON.parse(await bench.read('results.json'));
  assert.deepEqual([results.version, results.exitCode, results.run], [1, 1, events[0].run]);
  assert.deepEqual(results.summary, last.summary);
  assert.deepEqual(
    results.tasks.map((task: Record<string, unknown>) => [task.task, task.outcome, task.attempts]),
    [
      ['bad.md', 'failed', 1],
      ['good.md', 'succeeded', 1],
    ],
  );
  assert.deepEqual(await bench.leftovers(), []);
});

test(
  'a write that the read-only sandbox refuses is no success in silence: log and summary warn of it',
  { skip: !sandboxed && 'Codex has no sandbox here' },
  async (t) => {
    const bench = await makeCodexBench(t);
    await bench.write('fix.md', 'Fix it.\n[[write fixed.txt: yes]]');

    const { code, stdout } = await bench.run();

    assert.equal(code, 0);
    assert.match(stdout, /^✅ fix\.md completed.*\n {3}warning: .*patch rejected: writing is blocked/m);
    assert.match(stdout, /^Summary: 1 completed, 0 failed · 1 warning · /m);
    const log = await bench.read('done_exec_log-fix.md.txt');
    assert.match(log, /^warning: +.*patch rejected: writing is blocked by read-only sandbox/m);
    assert.ok(!(await bench.ls()).includes('fixed.txt'));
    assert.deepEqual(await bench.leftovers(), []);
  },
);
