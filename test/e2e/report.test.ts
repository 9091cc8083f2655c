/** `codex-worker report` and `run --report`, as a user meets them: with the real Codex, and what it leaves on the disk. */
import assert from 'node:assert/strict';
import { mkdir, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { parse } from 'junit2json';
import { makeCodexBench } from '../rig/cli.ts';

interface Report {
  readonly version: number;
  readonly totals: {
    readonly states: Readonly<Record<string, number>>;
    readonly attempts: number;
    readonly usage: object;
  };
  readonly failures: readonly { readonly reason: string; readonly tasks: readonly string[] }[];
  readonly runs: readonly object[];
  readonly pauses: readonly {
    readonly class: string;
    readonly reason: string;
    readonly from: string;
    readonly to?: string;
  }[];
  readonly tasks: readonly {
    readonly task: string;
    readonly state: string;
    readonly thread?: string;
    readonly excerpt?: string;
    readonly attempts: readonly { readonly outcome: string; readonly why?: string }[];
  }[];
}

test('run --report leaves the page, the JUnit file and the JSON document, which agree', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('good.md', 'Good.\n[[say All is well.]]');
  await bench.write('shaky.md', 'Shaky.\n[[fail-times 1 500]]\n[[say There.]]');
  await bench.write('bad.md', 'Bad.\n[[status 400 context_length_exceeded]]');
  const files = ['report.html', 'report.xml', 'report.json'];

  const { code, stdout, stderr } = await bench.run([
    '-r',
    '1',
    ...files.flatMap((file) => ['--report', file]),
  ]);

  assert.equal(code, 1, stdout + stderr);
  assert.ok(stdout.includes(`\nreport: file://${bench.tasks}/report.html\n`), stdout);
  for (const file of files) assert.equal((await stat(path.join(bench.tasks, file))).mode & 0o777, 0o600);
  const report = JSON.parse(await bench.read('report.json')) as Report;
  assert.deepEqual(report.totals.states, { pending: 0, 'in-progress': 0, completed: 2, failed: 1 });
  assert.equal(report.totals.attempts, 5);
  assert.deepEqual(
    report.failures.map(({ tasks }) => tasks),
    [['bad.md']],
  );
  const [bad, good, shaky] = report.tasks;
  assert.equal(bad?.task, 'bad.md');
  assert.match(good?.excerpt ?? '', /All is well\.$/);
  assert.deepEqual(
    shaky?.attempts.map(({ outcome, why }) => [outcome, why]),
    [
      ['retry', 'turn-failed transient'],
      ['completed', undefined],
    ],
  );
  const suites = await parse(await bench.read('report.xml'));
  assert.ok(suites && 'testsuite' in suites);
  assert.deepEqual([suites.testsuite?.[0]?.tests, suites.testsuite?.[0]?.failures], [3, 1]);
  const page = await bench.read('report.html');
  assert.ok(page.includes(`codex resume ${bad?.thread}`), 'the command that goes on');
  assert.ok(page.includes('codex-worker retry bad.md'));
});

test('report tells the same later, from the disk alone, and without the journal what the logs say', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('good.md', 'Good.\n[[say All is well.]]');
  await bench.write('later.md', 'Later.');
  assert.equal((await bench.run(['good.md'])).code, 0);
  const before = await bench.ls();

  const text = await bench.run(['report']);
  assert.deepEqual([text.code, text.stderr], [0, '']);
  assert.match(
    text.stdout,
    /^2 tasks: 1 completed, 0 failed, 0 in progress, 1 pending\n1 attempt in 1 run · tokens: /,
  );
  const json = await bench.run(['report', '--json', '-', '--html', '../page.html']);
  assert.equal(json.stderr, `report: file://${bench.scratch}/page.html\n`);
  const report = JSON.parse(json.stdout) as Report;
  assert.deepEqual([report.version, report.runs.length], [1, 1]);
  assert.deepEqual(await bench.ls(), before, 'it only reads');

  await unlink(path.join(bench.tasks, '.codex-worker', 'journal.jsonl'));
  const without = JSON.parse((await bench.run(['report', '--json', '-'])).stdout) as Report;
  assert.deepEqual([without.totals.states, without.totals.attempts], [report.totals.states, 0]);
  assert.deepEqual(without.tasks[0]?.thread, report.tasks[0]?.thread);
});

test('a pause is in the report while it is in force, and afterwards', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('a.md', 'First.');
  const pauses = async () =>
    (JSON.parse((await bench.run(['report', '--json', '-'])).stdout) as Report).pauses;
  await bench.run(['pause', '--reason', 'the machine is needed']);
  const [before] = await pauses();
  assert.deepEqual(
    [before?.class, before?.reason, before?.to],
    ['by-hand', 'the machine is needed', undefined],
  );
  await bench.run(['resume']);
  const [after, ...others] = await pauses();
  assert.deepEqual([after?.from, others], [before?.from, []]);
  assert.ok(Date.parse(after?.to ?? '') > Date.parse(after?.from ?? ''));
});

test('Ctrl-C leaves a report too, of what was done until then', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('a.md', 'First.\n[[hold door]]\n[[say Done.]]');
  await bench.write('b.md', 'Second.');
  const run = bench.start(['--report', 'report.json']);
  await bench.until('it runs', async () => (await bench.ls()).includes('in-progress-a.md'));
  const during = JSON.parse((await bench.run(['report', '--json', '-'])).stdout) as Report;
  assert.deepEqual(
    [during.tasks[0]?.state, during.tasks[0]?.attempts[0]?.outcome],
    ['in-progress', 'running'],
  );
  assert.equal(during.runs.length, 1);
  run.kill('SIGINT');
  await run.says(/no new ones start|waiting for/i);
  bench.server.release('door');
  assert.equal((await run.ended()).code, 130);
  const report = JSON.parse(await bench.read('report.json')) as Report;
  assert.deepEqual(report.totals.states, { pending: 1, 'in-progress': 0, completed: 1, failed: 0 });
});

test('a report that cannot be written is said, with exit code 3, and the tasks are as they should be', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('a.md', 'First.\n[[hold door]]\n[[say Done.]]');
  const run = bench.start(['--report', '../report.html', '-o', '../results.json']);
  await bench.until('it runs', async () => (await bench.ls()).includes('in-progress-a.md'));
  await mkdir(path.join(bench.scratch, 'report.html'));
  bench.server.release('door');
  const { code, stderr } = await run.ended();
  assert.equal(code, 3);
  assert.match(stderr, /the report could not be written to .*report\.html: EISDIR/);
  assert.ok((await bench.ls()).includes('done_exec_log-a.md.txt'));
  const results = JSON.parse(await bench.read('../results.json')) as { exitCode: number; summary: object };
  assert.equal(results.exitCode, 3, 'the results say so too');
  assert.ok(results.summary);
});
