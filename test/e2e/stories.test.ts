/**
 * The stories that the README tells, typed into bash as they stand there: `codex-worker` is the built one, as npm links
 * it, and `codex` on PATH is the real one. A hundred files are two dozen here.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBench, makeCodexBench, type Bench } from '../rig/cli.ts';
import { canSandbox, codexLauncher } from '../rig/codex-home.ts';

const noSandbox = !(await canSandbox()) && 'Codex has no sandbox here';

const logs = async (bench: Bench, directory = '.') =>
  (await bench.ls(directory)).filter((name) => name.startsWith('done_exec_log-'));

const rowsOf = (stdout: string) =>
  Object.fromEntries(
    [...stdout.matchAll(/^│ (\w[\w ]*?) +│ +(\d+) │ +([\d.]+%) │$/gm)].map(([, title, count, percent]) => [
      title,
      `${count} ${percent}`,
    ]),
  );

const CREATE_THREE = `
echo "Fix the authentication bug in login.py" > fix-auth.md
echo "Add rate limiting to API endpoints" > add-ratelimit.md
echo "Refactor database queries for performance" > optimize-db.md
`;

test('process all tasks in the current directory, then again in parallel', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('notes.txt', 'no task');

  const { code, stdout, stderr } = await bench.shell(`${CREATE_THREE} codex-worker`);

  assert.equal(code, 0, stdout + stderr);
  for (const name of ['fix-auth', 'add-ratelimit', 'optimize-db'])
    assert.match(stdout, new RegExp(`^✅ ${name}\\.md completed`, 'm'));
  assert.deepEqual(
    bench.server.requests.map(({ prompt, model }) => `${model}: ${prompt}`),
    [
      'o4-mini: Add rate limiting to API endpoints',
      'o4-mini: Fix the authentication bug in login.py',
      'o4-mini: Refactor database queries for performance',
    ],
  );
  assert.match(await bench.read('done_exec_log-fix-auth.md.txt'), /^mode: +read-only$/m);

  await bench.shell('echo "One more" > more.md; echo "Another" > another.md');
  const parallel = await bench.shell('codex-worker --concurrency 4');
  assert.equal(parallel.code, 0);
  assert.match(parallel.stdout, /^5 tasks \(3 completed\) · .* · 4 at once/m);
  assert.match(parallel.stdout, /^Summary: 2 completed, 3 completed before, 0 failed/m);
  assert.deepEqual(await bench.leftovers(), []);
});

test('resume after an interruption: the next run does only what is left', async (t) => {
  const bench = await makeCodexBench(t);
  const prompts = Array.from({ length: 24 }, (_, i) => `Task ${i + 1}.\n[[sleep 200]]`);
  for (const [i, prompt] of prompts.entries()) await bench.write(`large-tasks/task-${i + 1}.md`, prompt);
  const command = ['large-tasks/', '--concurrency', '8'];
  const run = bench.start(command);
  await bench.until('some are completed', async () => (await logs(bench, 'large-tasks')).length >= 4);

  run.kill('SIGINT');
  const first = await run.ended();
  assert.equal(first.code, 130);
  assert.match(first.stderr, /^Shutting down gracefully/m);
  const done = (await logs(bench, 'large-tasks')).length;
  assert.ok(done >= 4 && done < 24, `${done} were completed`);

  const second = await bench.run(command);
  assert.equal(second.code, 0, second.stdout + second.stderr);
  assert.match(
    second.stdout,
    new RegExp(`^Summary: ${24 - done} completed, ${done} completed before, 0 failed`, 'm'),
  );
  assert.deepEqual(
    prompts.map((prompt) => bench.server.starts(prompt)),
    prompts.map(() => 1),
  );
  assert.deepEqual(await bench.leftovers('large-tasks'), []);
});

test('different models for different directories', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('here.md', 'Here.');
  await bench.write('simple-tasks/simple.md', 'Simple.');
  await bench.write('complex-tasks/complex.md', 'Complex.');

  const { code, stdout, stderr } = await bench.shell(`set -e
    codex-worker --model o4
    codex-worker simple-tasks/ --model o4-mini
    codex-worker complex-tasks/ --model o4`);

  assert.equal(code, 0, stdout + stderr);
  assert.deepEqual(
    bench.server.requests.map(({ prompt, model }) => `${prompt} ${model}`),
    ['Here. o4', 'Simple. o4-mini', 'Complex. o4'],
  );
});

test(
  'the safety modes permit what they say, and the dry run does nothing',
  { skip: noSandbox },
  async (t) => {
    const bench = await makeCodexBench(t);
    await bench.write(
      'write.md',
      'Write.\n[[run touch inside.txt; true]]\n[[run grep Seccomp: /proc/self/status]]',
    );
    const log = () => bench.read('done_exec_log-write.md.txt');
    const wrote = async () => (await bench.ls()).includes('inside.txt');

    const dry = await bench.shell('codex-worker --mode dry-run');
    assert.equal(dry.code, 0, dry.stdout + dry.stderr);
    assert.match(
      dry.stdout,
      /^write\.md would be run \(prompt of \d+ bytes\)\n {3}.*codex exec --json .* -s read-only -C /m,
    );
    assert.match(dry.stdout, /^1 task would be run; nothing was changed\.$/m);
    assert.deepEqual(await bench.ls(), ['write.md']);
    assert.equal(bench.server.requests.length, 0);

    assert.equal((await bench.shell('codex-worker --mode read-only')).code, 0);
    assert.match(await log(), /touch: .*inside\.txt.*: Read-only file system/);
    assert.equal(await wrote(), false);

    assert.equal((await bench.shell('codex-worker --mode workspace-write --rerun-completed')).code, 0);
    assert.match(await log(), /^ {2}Seccomp:\s+2$/m);
    assert.equal(await wrote(), true);

    const refused = await bench.shell('codex-worker --mode danger-full-access --rerun-completed');
    assert.equal(refused.code, 2, refused.stdout + refused.stderr);
    assert.match(refused.stderr, /--yes/);

    const full = await bench.shell('codex-worker --mode danger-full-access --yes --rerun-completed');
    assert.equal(full.code, 0, full.stdout + full.stderr);
    assert.match(await log(), /^ {2}Seccomp:\s+0$/m);
    assert.deepEqual(await bench.leftovers(), []);
  },
);

test('status, clean and reset', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('done.md', 'Done.');
  await bench.write('bad.md', 'Bad.\n[[status 400 context_length_exceeded]]');
  assert.equal((await bench.shell('codex-worker')).code, 1);
  await bench.write('stuck.md', 'Stuck.\n[[hold door]]');
  await bench.write('untouched.md', 'Untouched.');
  const run = bench.start(['stuck.md']);
  await bench.server.request(({ prompt }) => prompt.startsWith('Stuck.'));

  const status = await bench.shell('codex-worker status');
  assert.equal(status.code, 0);
  assert.deepEqual(rowsOf(status.stdout), {
    Pending: '1 25.0%',
    'In Progress': '1 25.0%',
    Completed: '1 25.0%',
    Failed: '1 25.0%',
    Total: '4 100.0%',
  });
  const detailed = await bench.shell('codex-worker status --detailed');
  assert.match(detailed.stdout, /^Failed +bad\.md: Codex ran out of room/m);
  assert.match(detailed.stdout, new RegExp(`^In Progress +stuck\\.md: attempt 1, pid ${run.pid} `, 'm'));

  // Nothing of a worker that lives is cleaned.
  assert.equal((await bench.shell('codex-worker clean --max-age 3600')).code, 0);
  assert.ok((await bench.ls()).includes('.lock-stuck.md'));
  run.kill('SIGKILL');
  await run.ended();
  await bench.until('its agent has ended', async () => (await bench.agents()).length === 0);
  const clean = await bench.shell('codex-worker clean --max-age 3600');
  assert.equal(clean.code, 0, clean.stdout + clean.stderr);
  assert.match(clean.stdout, /stuck\.md/);
  assert.deepEqual(await bench.leftovers(), []);
  assert.deepEqual(rowsOf((await bench.shell('codex-worker status')).stdout)['Pending'], '2 50.0%');

  const reset = await bench.shell('codex-worker reset --force');
  assert.equal(reset.code, 0, reset.stdout + reset.stderr);
  assert.deepEqual(rowsOf((await bench.shell('codex-worker status')).stdout)['Pending'], '4 100.0%');
  assert.deepEqual(await bench.ls(), ['.codex-worker', 'bad.md', 'done.md', 'stuck.md', 'untouched.md']);
  const kept = await bench.ls('.codex-worker/ended');
  assert.deepEqual(kept.map((name) => name.split('.').at(-2) ?? '').toSorted(), [
    'completed',
    'died',
    'failed',
  ]);
});

const CREATE_BUGS = `
for i in {1..20}; do
  echo "Fix bug #$i: Check the error in module$i.py" > bug-$i.md
done
`;

test('globs of the shell hold markers after a first run, and they are passed over', async (t) => {
  const bench = await makeCodexBench(t);

  const first = await bench.shell(
    `${CREATE_BUGS} codex-worker bug-*.md --concurrency 5 --mode workspace-write`,
  );
  assert.equal(first.code, 0, first.stdout + first.stderr);
  assert.match(first.stdout, /^Summary: 20 completed, 0 failed/m);

  await bench.write('bug-21.md', 'Fix bug #21.\n[[hold door]]');
  const run = bench.start(['bug-21.md']);
  await bench.server.request(({ prompt }) => prompt.startsWith('Fix bug #21.'));
  assert.ok((await bench.ls()).includes('in-progress-bug-21.md'));
  const [some, all] = await Promise.all([
    bench.shell('shopt -s dotglob; codex-worker status --json *bug-*'),
    bench.shell('codex-worker status --json bug-*.md'),
  ]);
  bench.server.release('door');
  assert.equal((await run.ended()).code, 0);
  for (const { code, stdout, stderr } of [some, all]) {
    assert.equal(code, 0, stdout + stderr);
    assert.equal(stderr, '');
    const { total, counts, refused } = JSON.parse(stdout);
    assert.deepEqual([total, counts.completed, counts['in-progress'], refused], [21, 20, 1, []]);
  }

  const again = await bench.shell('shopt -s dotglob; codex-worker * --concurrency 5 --mode workspace-write');
  assert.equal(again.code, 0, again.stdout + again.stderr);
  assert.equal(again.stderr, '');
  assert.match(again.stdout, /^21 tasks \(21 completed\)/m);
  assert.match(again.stdout, /^Summary: 0 completed, 21 completed before, 0 failed/m);
  assert.equal(bench.server.requests.length, 21);
  assert.deepEqual(await bench.leftovers(), []);
});

test('reviews of changed files, tests for sources, updates of documents', async (t) => {
  const bench = await makeCodexBench(t);

  const { code, stdout, stderr } = await bench.shell(`set -e
    git init -q -b main . && git config user.email a@example.com && git config user.name A
    mkdir -p src/deep && touch src/a.py src/deep/b.py && git add . && git commit -qm start
    echo 1 > src/a.py

    git diff main --name-only | while read file; do
      echo "Review and suggest improvements for $file" > review-$(basename $file).md
    done
    codex-worker review-*.md --concurrency 10

    find src -name "*.py" | while read file; do
      echo "Generate comprehensive tests for $file" > test-$(basename $file).md
    done
    codex-worker test-*.md --concurrency 8 --mode workspace-write

    echo "Update README with new API endpoints" > doc-api.md
    echo "Add examples to authentication guide" > doc-auth.md
    echo "Document the new CLI commands" > doc-cli.md
    codex-worker doc-*.md --concurrency 3`);

  assert.equal(code, 0, stdout + stderr);
  const tasks = ['doc-api', 'doc-auth', 'doc-cli', 'review-a.py', 'test-a.py', 'test-b.py'];
  assert.deepEqual(
    await logs(bench),
    tasks.map((name) => `done_exec_log-${name}.md.txt`),
  );
  assert.deepEqual(bench.server.requests.map(({ prompt }) => prompt).toSorted(), [
    'Add examples to authentication guide',
    'Document the new CLI commands',
    'Generate comprehensive tests for src/a.py',
    'Generate comprehensive tests for src/deep/b.py',
    'Review and suggest improvements for src/a.py',
    'Update README with new API endpoints',
  ]);
});

test('CODEX_CMD names the binary', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('fix.md', 'Fix it.');
  const env = { PATH: process.env['PATH'], CODEX_CMD: undefined };

  const { code, stdout, stderr } = await bench.shell(`export CODEX_CMD=${codexLauncher}\ncodex-worker`, {
    env,
  });

  assert.equal(code, 0, stdout + stderr);
  assert.match(await bench.read('done_exec_log-fix.md.txt'), /^codex: +codex-cli /m);
});

test('without Codex the stories end with a hint', async (t) => {
  const bench = await makeBench(t);
  await bench.write('fix.md', 'Fix it.');
  const { code, stderr } = await bench.shell('codex-worker', { env: { PATH: '/usr/bin:/bin' } });
  assert.equal(code, 3, stderr);
  assert.match(
    stderr,
    /^codex-worker: Codex was not found: there is no codex on PATH\n {2}hint: install it with/m,
  );
});
