/** `--verify` and `--expect-changes`: "done" means done. With the real Codex and its scripted model. */
import assert from 'node:assert/strict';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { isAlive, partsWith } from '../rig/processes.ts';
import { makeCodexBench, type Bench, type CodexBench } from '../rig/cli.ts';

const skip = process.platform === 'linux' ? false : 'looks into /proc';
const WRITING = ['--mode', 'workspace-write'];
/** What it prints where it fails is a directive: a model that is shown it does it. */
const IS_GOOD = `grep -q good state.txt || { echo 'the state is bad'; echo '[[write state.txt: good]]'; exit 3; }`;

const conversations = ({ server }: CodexBench) =>
  new Set(server.requests.map(({ conversation }) => conversation)).size;
const rawNames = async (bench: Bench) =>
  (await bench.ls('.codex-worker/raw')).map((name) => name.split('.').slice(-1)[0] ?? '');
const attemptIn = (log: string) => /^attempt: +(\d+)$/m.exec(log)?.[1];

/** A command that waits for ever, with a child in a session of its own; both leave their pids in a file of this name. */
const endless = (pids: string) =>
  `echo $$ >>'${pids}'; setsid sh -c 'echo $$ >>"$0"; exec sleep 600' '${pids}' & wait`;
async function pidsIn(bench: Bench, file: string): Promise<number[]> {
  return bench.until('two processes run', async () => {
    const pids = (await readFile(file, 'utf8').catch(() => '')).trim().split('\n').map(Number);
    return pids.length === 2 && pids.every((pid) => pid > 0 && isAlive(pid)) && pids;
  });
}

test('a task is completed when Codex says so and the command succeeds, in the directory of the agents and with the task in its environment', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('a.md', 'Do it.\n[[write state.txt: good]]');
  const verify = `${IS_GOOD}; echo "of $CODEX_WORKER_TASK"`;

  const { code, stdout } = await bench.run([...WRITING, '--verify', verify]);

  assert.equal(code, 0, stdout);
  assert.match(stdout, /^✅ a\.md completed, verified /m);
  assert.match(stdout, /^Summary: 1 completed and verified, 0 failed · /m);
  const log = await bench.read('done_exec_log-a.md.txt');
  assert.match(log, /^outcome: +completed, verified$/m);
  assert.match(log, /^checked: +grep -q good state\.txt/m);
  assert.ok(log.includes(`\n  of ${join(bench.tasks, 'a.md')}\n  (exit 0: `), log);
  assert.match((await bench.run(['status', '--detailed'])).stdout, /^Completed +a\.md: verified$/m);
  assert.match((await bench.run(['status', '--json'])).stdout, /"checked": "verified"/);
  assert.deepEqual(await bench.leftovers(), []);
});

test('without a command a task is completed, and not verified', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('a.md', 'Do it.\n[[say Done.]]');
  const { stdout } = await bench.run(['--json']);
  const log = await bench.read('done_exec_log-a.md.txt');
  assert.match(log, /^outcome: +completed$/m);
  assert.doesNotMatch(log, /^checked:/m);
  assert.match(stdout, /"outcome":"succeeded".*"checks":\[\]/);
  assert.match((await bench.run(['status', '--detailed'])).stdout, /^Completed +a\.md$/m);
});

test('where the command fails, the same thread goes on with what it printed, and repairs it', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('a.md', 'Do it.\n[[write state.txt: bad]]');

  const { code, stdout } = await bench.run([
    ...WRITING,
    '--retries',
    '1',
    '--verify',
    IS_GOOD,
    '--output-json',
    join(bench.scratch, 'results.json'),
  ]);

  assert.equal(code, 0, stdout);
  assert.match(
    stdout,
    /^🔁 a\.md attempt 1 failed: verify failed with code 3: \[\[write state\.txt: good\]\] \(grep .*\); /m,
  );
  assert.match(stdout, /^✅ a\.md completed, verified /m);
  assert.equal(conversations(bench), 1);
  const told = bench.server.requests.find(({ prompt }) => prompt.includes('the state is bad'));
  assert.ok(told, 'the model was not shown what the command printed');
  assert.match(told.prompt, /^Your last turn in this thread ended, but the task is not done/);
  assert.match(told.prompt, /\(exit 3: grep /);
  assert.equal(await bench.read('state.txt'), 'good\n');
  assert.equal(attemptIn(await bench.read('done_exec_log-a.md.txt')), '2');
  const results = JSON.parse(await readFile(join(bench.scratch, 'results.json'), 'utf8'));
  assert.deepEqual(results.tasks[0].checks, [{ kind: 'verify', command: IS_GOOD }]);
});

test('a task that fails for something else while it repairs what the command complained of says both', async (t) => {
  const bench = await makeCodexBench(t, {
    script: (prompt) =>
      prompt.startsWith('Your last turn')
        ? [{ kind: 'http', status: 503, reason: 'server_is_overloaded' }]
        : [{ kind: 'say', text: 'Done.' }],
  });
  await bench.write('a.md', 'Do it.');

  const { code, stdout } = await bench.run([...WRITING, '--retries', '1', '--verify', 'false']);

  assert.equal(code, 1, stdout);
  assert.match(stdout, /^❌ a\.md failed: .*\n {3}warning: attempt 1 had ended, and --verify had failed$/m);
  assert.match(await bench.read('failed_exec_log-a.md.txt'), /^warning: +attempt 1 had ended/m);
});

test('a task whose command never succeeds has failed once its retries are spent, and its log says why', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('a.md', 'Do it.\n[[say Done.]]');

  const { code, stdout } = await bench.run(['--retries', '2', '--verify', 'echo 3 tests fail; exit 4']);

  assert.equal(code, 1, stdout);
  assert.match(
    stdout,
    /^❌ a\.md failed: verify failed with code 4: 3 tests fail \(echo 3 tests fail; exit 4\) /m,
  );
  assert.equal((stdout.match(/^🔁/gm) ?? []).length, 2, stdout);
  const log = await bench.read('failed_exec_log-a.md.txt');
  assert.equal(attemptIn(log), '3');
  assert.match(
    log,
    /^outcome: +failed: verify failed with code 4: 3 tests fail \(echo 3 tests fail; exit 4\)$/m,
  );
  assert.equal(conversations(bench), 1);
  const status = await bench.run(['status', '--detailed']);
  assert.match(status.stdout, /failed with code 4: 3 tests fail/);
});

test(
  'a command that takes too long is ended with all that it started, and spends no attempt',
  { skip },
  async (t) => {
    const bench = await makeCodexBench(t);
    await bench.write('a.md', 'Do it.\n[[say Done.]]');
    await bench.write('b.md', 'Do it too.\n[[say Done.]]');
    const pids = join(bench.scratch, 'pids');
    const verify = `case $CODEX_WORKER_TASK in */a.md) ${endless(pids)};; esac`;

    const run = bench.start(['--verify', verify, '--verify-timeout', '2s', '--retries', '1']);
    const started = await pidsIn(bench, pids);
    const { code, stdout } = await run.ended();

    assert.deepEqual(started.filter(isAlive), [], 'something of it still runs');
    assert.deepEqual(await bench.leftovers(), []);
    assert.equal(code, 1, stdout);
    assert.match(
      stdout,
      /^⏪ a\.md given back: .* did not end within 2\.0s; whether it is done is not known$/m,
    );
    assert.match(stdout, /^✅ b\.md completed, verified /m);
    assert.deepEqual(
      (await bench.ls('.codex-worker/ended')).map((name) => name.split('.').at(-2)),
      ['interrupted'],
    );

    const again = await bench.run(['--verify', 'true']);
    assert.equal(again.code, 0, again.stdout);
    assert.equal(bench.server.starts('Do it.\n[[say Done.]]'), 1, 'the thread goes on');
  },
);

test('a command that is not there stops the run, and no task has failed for it', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('a.md', 'Do it.\n[[say Done.]]');
  await bench.write('b.md', 'Do it too.\n[[say Done.]]');

  const { code, stdout, stderr } = await bench.run(['--verify', 'no-such-command --at-all']);

  assert.equal(code, 3, stdout + stderr);
  assert.match(stderr, /^Stopped: could not run no-such-command --at-all to verify a task: .*not found/m);
  assert.deepEqual(await bench.ls(), ['.codex-worker', 'a.md', 'b.md']);
  assert.equal(bench.server.starts('Do it too.\n[[say Done.]]'), 0);
});

test(
  'Ctrl-C twice while the command runs ends it with all that it started, and gives the task back',
  { skip },
  async (t) => {
    const bench = await makeCodexBench(t);
    await bench.write('a.md', 'Do it.\n[[say Done.]]');
    const pids = join(bench.scratch, 'pids');
    const run = bench.start(['--verify', endless(pids)]);
    const started = await pidsIn(bench, pids);
    run.kill('SIGINT');
    await run.says(/Shutting down gracefully/);
    assert.ok(started.every(isAlive), 'the first Ctrl-C lets it finish');
    run.kill('SIGINT');
    const { code, stdout } = await run.ended();
    assert.equal(code, 130);
    assert.match(stdout, /^⏪ a\.md given back: interrupted$/m);
    assert.deepEqual(started.filter(isAlive), []);
    assert.deepEqual(await bench.leftovers(), []);
  },
);

test(
  'codex-worker killed while the command runs leaves nothing of it, and the next run completes the task',
  { skip },
  async (t) => {
    const bench = await makeCodexBench(t);
    await bench.write('a.md', 'Do it.\n[[say Done.]]');
    const pids = join(bench.scratch, 'pids');
    const run = bench.start(['--verify', endless(pids)]);
    const started = await pidsIn(bench, pids);
    assert.equal(
      (await bench.agents()).length >= 3,
      true,
      'the look for leftovers sees the command, its child and the watcher',
    );

    run.kill('SIGKILL');
    await run.ended();
    await bench.until('nothing of it runs', async () => (await bench.agents()).length === 0);
    assert.deepEqual(started.filter(isAlive), []);

    const again = await bench.run(['--verify', 'true']);
    assert.equal(again.code, 0, again.stdout);
    assert.match(again.stdout, /^✅ a\.md completed, verified /m);
    assert.deepEqual(await bench.leftovers(), []);
  },
);

test(
  'a command that lost its watcher and its owner is seen, and ended before its task is started again',
  { skip },
  async (t) => {
    const bench = await makeCodexBench(t);
    await bench.write('a.md', 'Do it.\n[[say Done.]]');
    const pids = join(bench.scratch, 'pids');
    const run = bench.start(['--verify', endless(pids)]);
    const started = await pidsIn(bench, pids);
    const parts = partsWith(`CODEX_WORKER_BENCH=${bench.scratch}`);
    const watchers = parts.filter(({ kind }) => kind === 'watcher');
    assert.equal(watchers.length, 1);
    for (const { pid } of watchers) process.kill(pid, 'SIGKILL');
    run.kill('SIGKILL');
    await run.ended();
    assert.ok(started.every(isAlive), 'without a watcher it goes on');
    assert.ok((await bench.leftovers()).length >= 2, 'the look for leftovers does not see it');

    const looks = started.map((pid) => `! grep -qs . /proc/${pid}/cmdline`); // a zombie has none
    const again = await bench.run(['--verify', looks.join(' && ')]);

    assert.equal(again.code, 0, again.stdout);
    assert.deepEqual(started.filter(isAlive), []);
    assert.deepEqual(await bench.leftovers(), []);
  },
);

test('a claim that is lost while the command runs ends it', { skip }, async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('a.md', 'Do it.\n[[say Done.]]');
  const pids = join(bench.scratch, 'pids');
  const run = bench.start(['--verify', endless(pids)]);
  const started = await pidsIn(bench, pids);
  await rm(join(bench.tasks, '.lock-a.md'));
  const { code, stdout } = await run.ended();
  assert.equal(code, 1, stdout);
  assert.match(stdout, /^⏪ a\.md given back: its claim was lost to someone else$/m);
  assert.deepEqual(started.filter(isAlive), []);
});

test('what the command prints is kept privately, without secrets and without what steers a terminal', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('a.md', 'Do it.\n[[say Done.]]');
  const verify = `printf '\\033]0;owned\\007%s\\n' "$DEPLOY_TOKEN"; exit 1`;
  const { stdout, stderr } = await bench.run(['--retries', '1', '--verify', verify], {
    env: { DEPLOY_TOKEN: 'sesame-open-yourself' },
  });
  const raw = (await bench.ls('.codex-worker/raw')).filter((name) => name.endsWith('.verify'));
  assert.equal(raw.length, 2);
  const texts = await Promise.all([
    ...raw.map((name) => bench.read(`.codex-worker/raw/${name}`)),
    bench.read('failed_exec_log-a.md.txt'),
  ]);
  const shown = [...texts.slice(-1), stdout, stderr, ...bench.server.requests.map(({ prompt }) => prompt)];
  for (const text of [...texts, ...shown]) assert.ok(!text.includes('sesame-open-yourself'), text);
  for (const text of shown) assert.ok(!text.includes('\u001b'), text);
  assert.ok(texts[0]?.includes('***'), texts[0]);
});

test('--verify-first begins nothing where the command fails already, and says what it printed', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('a.md', 'Do it.\n[[say Done.]]');
  const fails = ['--verify', 'echo task: $CODEX_WORKER_TASK; exit 5', '--verify-first'];

  const { code, stderr } = await bench.run(fails, { env: { CODEX_WORKER_TASK: '/of/another/run' } });

  assert.equal(code, 3, stderr);
  assert.match(
    stderr,
    /^codex-worker: echo task: .* fails already, with code 5; no task was begun\n {2}\| task:\n {2}hint: /m,
  );
  assert.deepEqual(await bench.ls(), ['a.md']);
  const passes = await bench.run(['--verify', 'true', '--verify-first']);
  assert.equal(passes.code, 0, passes.stdout);
  assert.match(passes.stdout, /^note: running true before anything else \(--verify-first\)$/m);
});

test('with --verify-baseline-fails it is to fail first, and that it succeeds is said', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('a.md', 'Do it.\n[[write state.txt: good]]');
  const args = [...WRITING, '--verify', IS_GOOD, '--verify-first', '--verify-baseline-fails'];
  const first = await bench.run(args);
  assert.equal(first.code, 0, first.stdout + first.stderr);
  assert.doesNotMatch(first.stdout, /succeeds already/);
  const second = await bench.run(args);
  assert.equal(second.code, 0);
  assert.match(second.stdout, /^note: grep .* succeeds already: it will tell nothing about the tasks$/m);
});

test('--verify-first with a command that is not there, or does not end, begins nothing', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('a.md', 'Do it.\n[[say Done.]]');
  const more = ['--verify-first', '--verify-baseline-fails', '--verify-timeout', '1s'];
  for (const [verify, said] of [
    ['no-such-command', /could not run no-such-command \(--verify\): .*not found/],
    ['sleep 600', /sleep 600 did not end within 1\.0s; no task was begun/],
  ] as const) {
    const { code, stderr } = await bench.run(['--verify', verify, ...more]);
    assert.equal(code, 3, stderr);
    assert.match(stderr, said);
  }
  assert.deepEqual(await bench.ls(), ['a.md']);
});

for (const signal of ['SIGINT', 'SIGKILL'] as const)
  test(`${signal} during --verify-first leaves nothing of the command`, { skip }, async (t) => {
    const bench = await makeCodexBench(t);
    await bench.write('a.md', 'Do it.\n[[say Done.]]');
    const pids = join(bench.scratch, 'pids');
    const run = bench.start(['--verify', endless(pids), '--verify-first']);
    const started = await pidsIn(bench, pids);
    run.kill(signal);
    const { code } = await run.ended();
    if (signal === 'SIGINT') assert.equal(code, 130);
    else await bench.until('nothing of it runs', async () => (await bench.agents()).length === 0);
    assert.deepEqual(started.filter(isAlive), []);
    assert.deepEqual(await bench.agents(), []);
    assert.deepEqual(await bench.ls(), ['a.md']);
  });

test('with --expect-changes a task whose agent changed no file goes on in its thread until it does', async (t) => {
  const bench = await makeCodexBench(t, {
    script: (prompt) =>
      prompt.startsWith('Your last turn')
        ? [{ kind: 'write', path: 'made.txt', content: 'here\n' }]
        : [{ kind: 'say', text: 'I would write made.txt.' }],
  });
  await bench.write('a.md', 'Make made.txt.');

  const { code, stdout } = await bench.run([...WRITING, '--retries', '1', '--expect-changes']);

  assert.equal(code, 0, stdout);
  assert.match(stdout, /^🔁 a\.md attempt 1 failed: its agent changed no file; /m);
  assert.match(stdout, /^✅ a\.md completed, with changes /m);
  assert.equal(conversations(bench), 1);
  assert.ok(bench.server.requests.some(({ prompt }) => prompt.includes('no file was changed')));
  assert.match(await bench.read('done_exec_log-a.md.txt'), /^checked: +changes$/m);
});

test('with --expect-changes an agent that changes nothing fails its task, and what a command of it writes is a change', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('nothing.md', 'Nothing.\n[[run cat nothing.md]]');
  await bench.write('shell.md', 'Shell.\n[[run mkdir -p deep/er && echo x > deep/er/x.txt]]');

  const run = (name: string) =>
    bench.run([name, ...WRITING, '--expect-changes', '--verify', 'echo verified']);
  const [nothing, shell] = [await run('nothing.md'), await run('shell.md')];

  assert.equal(nothing.code, 1, nothing.stdout);
  assert.match(nothing.stdout, /^❌ nothing\.md failed: its agent changed no file /m);
  assert.deepEqual(
    (await rawNames(bench)).filter((kind) => kind === 'verify').length,
    1,
    'verified for nothing',
  );
  assert.equal(shell.code, 0, shell.stdout);
  assert.match(
    await bench.read('done_exec_log-shell.md.txt'),
    /^checked: +changes\nchecked: +echo verified$/m,
  );
});

test('what an earlier turn of the same thread changed is a change of the task', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('a.md', 'Do it.\n[[run echo x > x.txt]]');
  const verify = `[ -e ../verified ] || { touch ../verified; exit 1; }`;

  const { code, stdout } = await bench.run([
    ...WRITING,
    '--retries',
    '1',
    '--expect-changes',
    '--verify',
    verify,
  ]);

  assert.equal(code, 0, stdout);
  assert.match(stdout, /^✅ a\.md completed, verified /m);
});
