/** A run whose tasks fail for a reason that is not theirs ends, before it has spoiled them all. With the real Codex. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeCodexBench, type CodexBench } from '../rig/cli.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];

/** `directives` of the tasks a, b, c … */
async function write(bench: CodexBench, directives: readonly string[]): Promise<void> {
  for (const [n, directive] of directives.entries())
    await bench.write(`${NAMES[n]}.md`, `Task ${NAMES[n]}.\n${directive}`);
}

async function counts(bench: CodexBench): Promise<Record<string, number>> {
  const { stdout } = await bench.run(['status', '--json']);
  return JSON.parse(stdout).counts;
}

const begun = (bench: CodexBench) =>
  [...new Set(bench.server.requests.map(({ prompt }) => prompt.slice(5, 6)))].sort().join('');

/** What a server says that refuses everything, with something particular to each request. */
const refusal = (n: number) => `[[fails-inside invalid_prompt Refused for policy ${n}, see "case-${n}".]]`;

test('three tasks in a row that fail alike end the run: they are pending again, and their logs are kept', async (t) => {
  const bench = await makeCodexBench(t);
  await write(bench, ['[[say Fine.]]', ...[1, 2, 3, 4, 5].map(refusal)]);

  const { code, stdout, stderr } = await bench.run(['--output-json', '../results.json']);

  assert.equal(code, 1, stdout + stderr);
  assert.equal(begun(bench), 'abcd');
  assert.match(
    stderr,
    /^No more tasks are started: 3 tasks in a row failed alike: Refused for policy 3, see "case-3"\.\n {2}hint: .*pending again.*--max-failures 100%/m,
  );
  for (const name of ['b', 'c', 'd'])
    assert.match(stdout, new RegExp(`^⏪ ${name}\\.md is pending again: it failed as the others did$`, 'm'));
  assert.match(stdout, /^Summary: 1 completed, 0 failed, 5 pending · /m);
  assert.match(stdout, /^ {2}to go on, start the same command again$/m);
  assert.deepEqual(await counts(bench), { pending: 5, 'in-progress': 0, completed: 1, failed: 0 });
  assert.deepEqual(await bench.leftovers(), []);
  const kept = (await bench.ls('.codex-worker/ended')).filter((name) => name.endsWith('.failed.txt'));
  assert.equal(kept.length, 3);
  const { tasks } = JSON.parse(await bench.read('../results.json'));
  assert.deepEqual(
    tasks.map(({ task, madePending, log }: Record<string, unknown>) => [
      task,
      madePending,
      log !== undefined,
    ]),
    [
      ['a.md', undefined, true],
      ['b.md', true, false],
      ['c.md', true, false],
      ['d.md', true, false],
    ],
  );

  // When the cause is gone, the same command does the rest.
  for (const name of NAMES) await bench.write(`${name}.md`, `Task ${name}.\n[[say Fine.]]`);
  const again = await bench.run();
  assert.equal(again.code, 0, again.stdout + again.stderr);
  assert.match(again.stdout, /^Summary: 5 completed, 1 completed before, 0 failed · /m);
});

test('tasks that fail each in its own way do not', async (t) => {
  const bench = await makeCodexBench(t);
  await write(bench, [
    refusal(1),
    refusal(2),
    '[[say Fine.]]',
    refusal(3),
    '[[status 400 context_length_exceeded]]',
    '[[fails-inside invalid_prompt The prompt is in no language.]]',
  ]);

  const { code, stdout, stderr } = await bench.run();

  assert.equal(code, 1, stdout + stderr);
  assert.equal(stderr, '');
  assert.match(stdout, /^Summary: 1 completed, 5 failed · /m);
});

test('what runs beside them and fails alike is pending again as well; what fails otherwise is failed', async (t) => {
  const bench = await makeCodexBench(t);
  const held = (directive: string) => `[[hold door]]\n${directive}`;
  await write(bench, [
    held(refusal(8)),
    held('[[incomplete max_output_tokens]]'),
    ...[1, 2, 3].map(refusal),
    '[[say Never.]]',
  ]);

  const run = bench.start(['--concurrency', '3']);
  await run.says(/^No more tasks are started: .*; waiting for \d running tasks?\.$/m);
  bench.server.release('door');
  const { code, stdout, stderr } = await run.ended();

  assert.equal(code, 1, stdout + stderr);
  assert.equal(begun(bench), 'abcde');
  assert.match(stdout, /^Summary: 0 completed, 1 failed, 5 pending · /m);
  assert.deepEqual(await counts(bench), { pending: 5, 'in-progress': 0, completed: 0, failed: 1 });
  assert.ok((await bench.ls()).includes('failed_exec_log-b.md.txt'));
});

test('with --max-failures so many failures end the run, alike or not, and they stay failed', async (t) => {
  const bench = await makeCodexBench(t);
  await write(bench, [1, 2, 3, 4, 5, 6].map(refusal));

  const { code, stdout, stderr } = await bench.run(['--max-failures', '75%']);

  assert.equal(code, 1, stdout + stderr);
  assert.match(
    stderr,
    /^No more tasks are started: 5 tasks have failed, as many as --max-failures allows\.$/m,
  );
  assert.match(stdout, /^Summary: 0 completed, 5 failed, 1 pending · /m);
  assert.equal(begun(bench), 'abcde');

  const all = await bench.run(['--max-failures', '100%']);
  assert.match(all.stdout, /^Summary: 0 completed, 6 failed · /m);
  assert.equal(all.stderr, '', 'nothing was left to be held back');
});

test('a server that fails whoever asks is waited for: no task is to blame, and all are done when it answers again', async (t) => {
  const bench = await makeCodexBench(t);
  await write(
    bench,
    NAMES.map((_, n) =>
      n < 3 ? '[[fail-times 1 503 server_is_overloaded]]\n[[say Fine.]]' : '[[say Fine.]]',
    ),
  );

  const run = bench.start(['--max-failures', '100%']);
  await run.says(/^Paused until /m);
  await run.says(/^⏪ c\.md is pending again: it failed as the others did$/m);
  assert.deepEqual(await counts(bench), { pending: 6, 'in-progress': 0, completed: 0, failed: 0 });
  assert.equal(begun(bench), 'abc');
  const { code, stdout } = await run.ended(180_000);

  assert.equal(code, 0, stdout);
  assert.match(stdout, /^Summary: 6 completed, 0 failed · /m);
  const [, , third, fourth] = bench.server.requests;
  assert.ok((fourth?.at ?? 0) - (third?.at ?? 0) >= 59_000, 'it was asked again after a minute');
  assert.deepEqual(await bench.leftovers(), []);
});
