/** What is wrong with the surroundings stops the run, with exit code 3 and a hint; no task is failed for it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBench, makeCodexBench, type Bench } from '../rig/cli.ts';
import { canSandbox } from '../rig/codex-home.ts';

async function writeTasks(bench: Bench, directive: string): Promise<void> {
  for (const name of ['a', 'b', 'c']) await bench.write(`${name}.md`, `Task ${name}.\n${directive}`);
}

async function assertAllPending(bench: Bench): Promise<void> {
  const { stdout } = await bench.run(['status', '--json']);
  assert.deepEqual(JSON.parse(stdout).counts, { pending: 3, 'in-progress': 0, completed: 0, failed: 0 });
  assert.ok(!(await bench.ls()).some((name) => /_exec_log-/.test(name)));
  assert.deepEqual(await bench.leftovers(), []);
}

interface Trouble {
  readonly what: string;
  readonly directive: string;
  readonly says: RegExp;
  readonly hint: RegExp;
}

const TROUBLES: readonly Trouble[] = [
  {
    what: 'a login that the service refuses',
    directive: '[[status 401]]',
    says: /^Stopped: Codex has no valid login: .*401 Unauthorized.*; no task was failed for it\.$/m,
    hint: /^ {2}hint: run "codex login"/m,
  },
  {
    what: 'a model that does not exist',
    directive: '[[status 404 model_not_found]]',
    says: /^Stopped: the model o4-mini was refused: .*does not exist or you do not have access to it/m,
    hint: /^ {2}hint: .*--model inherit/m,
  },
  {
    what: 'an account without credit',
    directive: '[[status 429 insufficient_quota]]',
    says: /^Stopped: Quota exceeded\. Check your plan and billing details\.; no task was failed for it\.$/m,
    hint: /^ {2}hint: see the plan and billing of the account, .*nothing is lost$/m,
  },
  {
    what: 'a plan without Codex',
    directive: '[[status 429 usage_not_included]]',
    says: /^Stopped: To use Codex with your ChatGPT plan, upgrade to Plus: .*; no task was failed for it\.$/m,
    hint: /^ {2}hint: see the plan and billing of the account/m,
  },
];

for (const { what, directive, says, hint } of TROUBLES) {
  test(`${what} stops the run, and every task is still pending`, async (t) => {
    const bench = await makeCodexBench(t);
    await writeTasks(bench, directive);

    const { code, stdout, stderr } = await bench.run(['--retries', '2']);

    assert.equal(code, 3, stdout + stderr);
    assert.match(stderr, says);
    assert.match(stderr, hint);
    assert.match(stdout, /^⏪ a\.md given back: /m);
    assert.match(stdout, /^Summary: 0 completed, 0 failed, 3 pending · 1 given back/m);
    assert.equal(bench.server.requests.length, 1, 'the other tasks were not even begun');
    await assertAllPending(bench);
  });
}

test('a CODEX_CMD that is not there is an error with a hint, before anything is touched', async (t) => {
  const bench = await makeBench(t, { CODEX_CMD: '/nowhere/codex' });
  await writeTasks(bench, '');

  const { code, stdout, stderr } = await bench.run();

  assert.equal(code, 3, stdout + stderr);
  assert.equal(
    stderr,
    'codex-worker: Codex was not found: CODEX_CMD is /nowhere/codex, and there is no such program\n' +
      '  hint: correct CODEX_CMD, or unset it to use the codex on PATH\n',
  );
  assert.deepEqual(await bench.ls(), ['a.md', 'b.md', 'c.md']);
});

test('a CODEX_CMD that cannot be executed stops the run', async (t) => {
  const bench = await makeBench(t, { CODEX_CMD: './broken' });
  await writeTasks(bench, '');
  await bench.write('broken', '#!/nowhere/interpreter\n');
  await bench.shell('chmod +x broken');

  const { code, stdout, stderr } = await bench.run();

  assert.equal(code, 3, stdout + stderr);
  assert.match(stderr, /^Stopped: could not start Codex \(.*\/broken\): .*; no task was failed for it\.$/m);
  assert.match(stderr, /^ {2}hint: .*set CODEX_CMD to its path$/m);
  await assertAllPending(bench);
});

test('a server that cannot be reached stops the run, and every task is still pending', async (t) => {
  const bench = await makeCodexBench(t);
  await writeTasks(bench, '');
  await bench.server.close();

  const { code, stdout, stderr } = await bench.run();

  assert.equal(code, 3, stdout + stderr);
  assert.match(
    stderr,
    /^Stopped: Codex could not reach the model's server: .*; no task was failed for it\.$/m,
  );
  assert.match(stderr, /^ {2}hint: look at the network/m);
  await assertAllPending(bench);
});

test('too few open files for the concurrency are said before anything is claimed', async (t) => {
  const bench = await makeBench(t, { CODEX_CMD: '/bin/true' });
  await writeTasks(bench, '');

  const { code, stderr } = await bench.shell('ulimit -n 200; exec codex-worker --concurrency 64');

  assert.equal(code, 3, stderr);
  assert.match(stderr, /^codex-worker: --concurrency 64 needs about \d+ open files, and the limit is 200$/m);
  assert.match(stderr, /^ {2}hint: raise it \(ulimit -n\), or lower --concurrency$/m);
  assert.deepEqual(await bench.ls(), ['a.md', 'b.md', 'c.md']);
});

const sandboxed = await canSandbox();
const canTakeAway = sandboxed && process.platform === 'linux';
const withoutSandbox = (command: string) =>
  `unshare -U -r sh -c 'echo 0 >/proc/sys/user/max_user_namespaces && exec ${command}'`;

test(
  'where Codex’s sandbox cannot work the run stops at once, and every task is still pending',
  {
    skip: !canTakeAway && 'Codex has no sandbox here that could be taken from it',
  },
  async (t) => {
    const bench = await makeCodexBench(t);
    await writeTasks(bench, '[[run ls]]\n[[hold door]]');

    const { code, stdout, stderr } = await bench.shell(withoutSandbox('codex-worker --retries 2'));

    assert.equal(code, 3, stdout + stderr);
    assert.match(
      stderr,
      /^Stopped: Codex's sandbox does not work here: bwrap: .*; no task was failed for it\.$/m,
    );
    assert.match(stderr, /^ {2}hint: codex-worker doctor says what is missing/m);
    assert.match(stdout, /^Summary: 0 completed, 0 failed, 3 pending · 1 given back/m);
    assert.deepEqual(new Set(bench.server.requests.map(({ prompt }) => prompt[5])), new Set(['a']));
    await assertAllPending(bench);

    // Where it works again, what the agent saw without it is of no use.
    bench.server.release('door');
    const again = await bench.run();
    assert.equal(again.code, 0, again.stdout + again.stderr);
    const ofFirst = bench.server.requests.filter(({ prompt }) => prompt.startsWith('Task a.'));
    assert.equal(new Set(ofFirst.map(({ conversation }) => conversation)).size, 2);
  },
);
