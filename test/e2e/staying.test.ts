/** Runs that stay: `--wait` until the directory is settled, `--watch` for tasks that are yet to come. */
import assert from 'node:assert/strict';
import { appendFile, mkdir, rename, rm } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { makeBench, type Bench, type RunningCli } from '../rig/cli.ts';
import { makePuppets } from '../rig/puppet.ts';

const summaryOf = (run: RunningCli) => /^Summary: (.*?) ·/m.exec(run.stdout)?.[1];

async function makeStage(t: Parameters<typeof makePuppets>[0]) {
  const puppets = await makePuppets(t);
  return { puppets, bench: await makeBench(t, puppets.env) };
}

const holds = (bench: Bench, task: string) =>
  bench.until(`${task} is in progress`, async () => (await bench.ls()).includes(`.lock-${task}`));

// They wait for clocks more than for the machine.
describe('runs that stay', { concurrency: 5 }, () => {
  test('with --wait a run ends when the last task is done, whoever has it; without, before that', async (t) => {
    const { puppets, bench } = await makeStage(t);
    await bench.write('a.md', 'Do a.\n');
    const worker = bench.start();
    const call = await puppets.nextCall();
    const waiting = bench.start(['--wait']);
    await waiting.says(/^waiting for 1 task in progress elsewhere \(--wait\)$/m);
    const other = await bench.run();
    assert.equal(other.code, 0, 'the control: it leaves it to the other');
    assert.match(other.stdout, /1 in progress elsewhere/);
    assert.equal(waiting.hasEnded, false);
    await call.complete();
    assert.equal((await worker.ended()).code, 0);
    const { code, stdout } = await waiting.ended();
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^ {2}all tasks: 1 completed$/m);
  });

  test('with --wait the verdict is that of the directory, and not of what this run did itself', async (t) => {
    const { puppets, bench } = await makeStage(t);
    await bench.write('a.md', 'Do a.\n');
    const worker = bench.start();
    const call = await puppets.nextCall();
    const waiting = bench.start(['--wait', '--json']);
    await waiting.says(/"event":"waiting-for-others".*"tasks":1/);
    call.exit(1);
    assert.equal((await worker.ended()).code, 1);
    const { code, stdout } = await waiting.ended();
    assert.equal(code, 1, stdout);
    assert.match(stdout, /"states":\{"pending":0,"in-progress":0,"completed":0,"failed":1\}/);
    assert.equal(puppets.waiting, 0, 'a failure of another terminal is not tried again');
  });

  test('a run that waits takes what a killed terminal had, and what is made pending again', async (t) => {
    const { puppets, bench } = await makeStage(t);
    await bench.write('a.md', 'Do a.\n');
    await bench.write('b.md', 'Do b.\n');
    const worker = bench.start(['--concurrency', '2']);
    const calls = [await puppets.nextCall(), await puppets.nextCall()];
    const waiting = bench.start(['--wait', '--concurrency', '2']);
    await waiting.says(/^waiting for 2 tasks/m);
    worker.kill('SIGKILL');
    await Promise.all(calls.map(({ gone }) => gone));
    const [first, second] = [await puppets.nextCall(), await puppets.nextCall()];
    await first?.complete();
    await waiting.says(/completed/);
    const done = (await bench.ls()).find((name) => name.startsWith('done_exec_log-')) ?? '';
    const task = done.replace(/^done_exec_log-|\.txt$/g, '');
    assert.equal((await bench.run(['reset', task, '--force'])).code, 0);
    const again = await puppets.nextCall();
    assert.match(again.prompt, new RegExp(`Do ${task[0]}`));
    await again.complete();
    await second?.complete();
    const { code, stdout } = await waiting.ended();
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^ {2}all tasks: 2 completed$/m);
    assert.deepEqual(await bench.leftovers(), []);
  });

  test('a run that waits does not wait for a task that only a person can free, and Ctrl-C ends its waiting', async (t) => {
    const { puppets, bench } = await makeStage(t);
    await bench.write('a.md', 'Do a.\n');
    await bench.write('.lock-a.md', 'not a lock\n');
    const held = await bench.run(['--wait']);
    assert.equal(held.code, 1);
    assert.match(held.stdout, /a\.md stays in progress: its lock file is damaged/);

    await bench.write('b.md', 'Do b.\n');
    const worker = bench.start();
    const call = await puppets.nextCall();
    const waiting = bench.start(['--wait']);
    await waiting.says(/^waiting for 1 task/m);
    waiting.kill('SIGINT');
    assert.equal((await waiting.ended()).code, 130);
    const timed = await bench.run(['--wait', '--for', '1s']);
    assert.equal(timed.code, 1, 'its time is up, and a task is left');
    await call.complete();
    await worker.ended();
  });

  test('with --watch a run takes what comes: in an empty directory, in new directories, and at the moment it had nothing left', async (t) => {
    const { puppets, bench } = await makeStage(t);
    const run = bench.start(['--watch', '--pattern', '**/*.md', '--json']);
    await run.says(/"event":"run-started".*"total":0/);
    await bench.write('a.md', 'Do a.\n');
    const a = await puppets.nextCall();
    assert.equal(a.prompt, 'Do a.\n');
    await bench.write('sub/deep/b.md', 'Do b.\n');
    await a.complete(); // it comes while the last one ends
    const b = await puppets.nextCall();
    assert.equal(b.prompt, 'Do b.\n');
    await b.complete();
    await bench.until('both are completed', async () =>
      (await bench.ls('sub/deep')).includes('done_exec_log-b.md.txt'),
    );
    run.kill('SIGINT');
    const { code, stdout } = await run.ended();
    assert.equal(code, 130, stdout);
    assert.match(stdout, /"event":"tasks-added".*"name":"b\.md".*"total":2/);
    assert.match(stdout, /"summary":\{"alreadyCompleted":0,"completed":2,"failed":0/);
    assert.deepEqual([...(await bench.leftovers()), ...(await bench.leftovers('sub/deep'))], []);
  });

  test('a file that is being written is left alone until it is whole, and an empty one until it says something', async (t) => {
    const { puppets, bench } = await makeStage(t);
    const run = bench.start(['--watch']);
    await run.says(/^no task files yet/m);
    const parts = ['Do ', 'all of it ', 'in ', 'parts.\n'];
    for (const part of parts) {
      await appendFile(`${bench.tasks}/a.md`, part);
      await new Promise((resolve) => setTimeout(resolve, 500)); // it is written as slowly as this, that is the situation
    }
    const call = await puppets.nextCall();
    assert.equal(call.prompt, parts.join(''));
    await call.complete();
    await bench.write('empty.md', '');
    await run.says(/empty\.md was refused: it is empty/);
    await bench.write('blank.md', ' \n');
    await run.says(/blank\.md was refused: it has no text in it/);
    await bench.write('empty.md', 'Do this.\n');
    const filled = await puppets.nextCall();
    assert.equal(filled.prompt, 'Do this.\n');
    await filled.complete();
    await bench.write('blank.md', 'Do that.\n');
    const edited = await puppets.nextCall();
    assert.equal(edited.prompt, 'Do that.\n');
    await edited.complete();
    await bench.until('all are completed', async () =>
      (await bench.ls()).includes('done_exec_log-blank.md.txt'),
    );
    run.kill('SIGINT');
    await run.ended();
    assert.equal(summaryOf(run), '3 completed, 0 failed');
  });

  test('a run that watches waits through a pause, forgets what is removed, and leaves alone what is done', async (t) => {
    const { puppets, bench } = await makeStage(t);
    await bench.write('a.md', 'Do a.\n');
    const run = bench.start(['--watch']);
    await (await puppets.nextCall()).complete();
    await run.says(/a\.md completed/);
    await bench.run(['pause']);
    await run.says(/^Paused/m);
    await bench.write('a.md', 'Do a again.\n');
    await bench.write('b.md', 'Do b.\n');
    await bench.write('.c.tmp', 'Do c.\n');
    await rename(`${bench.tasks}/.c.tmp`, `${bench.tasks}/c.md`);
    await run.says(/2 new tasks: 3 in all|1 new task: 3 in all/);
    await rm(`${bench.tasks}/b.md`);
    await run.says(/1 task gone: 2 in all/);
    assert.equal(puppets.waiting, 0, 'nothing begins in a pause');
    await bench.run(['resume']);
    const c = await puppets.nextCall();
    assert.equal(c.prompt, 'Do c.\n');
    await c.complete();
    await run.says(/c\.md completed/);
    await bench.write('b.md', 'Do b anew.\n');
    const b = await puppets.nextCall();
    assert.equal(b.prompt, 'Do b anew.\n');
    b.exit(1);
    await run.says(/b\.md failed/);
    run.kill('SIGINT');
    await run.ended();
    assert.equal(summaryOf(run), '2 completed, 1 failed');
    assert.equal(puppets.waiting, 0, 'an edited task that is done is done');
  });

  test('two terminals that watch share what comes, and a failure is tried by one of them, once', async (t) => {
    const { puppets, bench } = await makeStage(t);
    const runs = [bench.start(['--watch']), bench.start(['--watch'])];
    for (const run of runs) await run.says(/^no task files yet/m);
    await bench.write('a.md', 'Do a.\n');
    (await puppets.nextCall()).exit(1);
    await bench.until('it has failed', async () => (await bench.ls()).includes('failed_exec_log-a.md.txt'));
    await bench.write('b.md', 'Do b.\n');
    const b = await puppets.nextCall();
    assert.equal(b.prompt, 'Do b.\n');
    await holds(bench, 'b.md');
    await b.complete();
    for (const run of runs) await run.says(/new task.*: 2 in all/);
    for (const run of runs) run.kill('SIGINT');
    for (const run of runs) await run.ended();
    assert.equal(puppets.waiting, 0);
    assert.deepEqual(await bench.leftovers(), []);
  });

  test('new tasks say for themselves what comes before them, also what is yet to come', async (t) => {
    const { puppets, bench } = await makeStage(t);
    const run = bench.start(['--watch', '--concurrency', '3']);
    await run.says(/^no task files yet/m);
    await bench.write('b.md', '---\nafter: a.md\n---\nDo b.\n');
    await run.says(
      /b\.md was refused: it cannot be begun yet: b\.md:2:\d+: after: "a\.md" is no task of this run/,
    );
    await bench.write('a.md', 'Do a.\n');
    const a = await puppets.nextCall();
    assert.equal(a.prompt, 'Do a.\n');
    await bench.write('c.md', '---\nafter: [a.md, b.md]\npriority: 9\n---\nDo c.\n');
    await run.says(/3 in all/);
    assert.equal(puppets.waiting, 0);
    for (const [call, next] of [
      [a, 'Do b.\n'],
      [undefined, 'Do c.\n'],
    ] as const) {
      await call?.complete();
      const then = await puppets.nextCall();
      assert.equal(then.prompt, next);
      await then.complete();
    }
    await run.says(/c\.md completed/);
    await bench.write('d.md', '---\nafter: a.md\n---\nDo d.\n');
    await (await puppets.nextCall()).complete();
    await run.says(/d\.md completed/);
    run.kill('SIGINT');
    await run.ended();
    assert.equal(summaryOf(run), '4 completed, 0 failed');
  });

  test('what cannot be watched is said', async (t) => {
    const { bench } = await makeStage(t);
    await bench.write('a.md', 'Do a.\n');
    await mkdir(`${bench.tasks}/empty`);
    const answers = await Promise.all(
      [
        ['a.md', '--watch'],
        ['--wait', '--watch'],
        ['--watch', '--mode', 'dry-run'],
        ['empty', '--wait'],
      ].map((args) => bench.run(args)),
    );
    assert.deepEqual(
      answers.map(({ code, stderr }) => [code, stderr.split('\n')[0]?.replace(/^codex-worker: /, '')]),
      [
        [2, '--watch has no directory to look for new tasks in: only files were given'],
        [2, '--wait and --watch contradict each other'],
        [2, '--watch contradicts --mode dry-run: --mode dry-run changes nothing'],
        [0, ''],
      ],
    );
  });
});
