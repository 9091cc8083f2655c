/** Several codex-workers on one directory, with the real Codex. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { markerOf } from '../../src/core/task.ts';
import { makeCodexBench, type CodexBench } from '../rig/cli.ts';
import { stateOf } from '../rig/processes.ts';

const TASKS = Array.from({ length: 20 }, (_, i) => `bug-${i + 1}`);
const promptOf = (task: string) => `Fix ${task}.\n[[sleep 400]]\n[[say Fixed ${task}.]]`;

async function writeTasks(bench: CodexBench): Promise<void> {
  for (const task of TASKS) await bench.write(`${task}.md`, promptOf(task));
}

const completedBy = (stdout: string) =>
  [...stdout.matchAll(/^✅ (bug-\d+)\.md completed/gm)].map(([, task = '']) => task);

async function assertAllCompleted(bench: CodexBench): Promise<void> {
  const logs = (await bench.ls()).filter((name) => name.startsWith('done_exec_log-'));
  assert.deepEqual(logs, TASKS.map((task) => `done_exec_log-${task}.md.txt`).toSorted());
  assert.deepEqual(await bench.leftovers(), []);
}

test('two terminals share twenty tasks: both do some, and none is done twice', async (t) => {
  const bench = await makeCodexBench(t);
  await writeTasks(bench);

  const ended = await Promise.all([bench.run(['--concurrency', '3']), bench.run(['--concurrency', '3'])]);

  assert.deepEqual(
    ended.map(({ code }) => code),
    [0, 0],
    ended.map(({ stdout, stderr }) => stdout + stderr).join(),
  );
  const [one = [], other = []] = ended.map(({ stdout }) => completedBy(stdout));
  assert.ok(one.length > 0 && other.length > 0, `${one.length} and ${other.length}`);
  assert.deepEqual([...one, ...other].toSorted(), TASKS.toSorted());
  for (const task of TASKS) {
    assert.equal(bench.server.starts(promptOf(task)), 1, task);
    assert.equal(bench.server.finishes(promptOf(task)), 1, task);
  }
  await assertAllCompleted(bench);
});

test('when one of two terminals is killed the other takes over what it had', async (t) => {
  const bench = await makeCodexBench(t);
  await writeTasks(bench);
  const survivor = bench.start(['--concurrency', '2']);
  const victim = bench.start(['--concurrency', '3']);
  await victim.says(/^✅ bug-/m);

  // Between two tasks it holds none, and a lock beside a result has no work left; stopped, it holds what it holds.
  await bench.until('the victim works on a task', async () => {
    victim.kill('SIGSTOP');
    await bench.until('it stands still', () => stateOf(victim.pid) === 'T');
    const names = await bench.ls();
    const open = names.filter(
      (name) => name.startsWith('.lock-') && !names.includes(markerOf.completed(name.slice('.lock-'.length))),
    );
    const texts = await Promise.all(open.map((name) => bench.read(name).catch(() => '')));
    if (texts.some((lock) => lock.includes(`"owner":{"pid":${victim.pid},`))) return true;
    victim.kill('SIGCONT');
    return false;
  });
  victim.kill('SIGKILL');
  const { stdout: before } = await victim.ended();
  const { code, stdout, stderr } = await survivor.ended();

  assert.equal(code, 0, stdout + stderr);
  const left = [...stdout.matchAll(/^♻️ {2}(bug-\d+)\.md was left by pid (\d+)/gm)];
  assert.ok(left.length > 0 && left.every(([, , pid]) => Number(pid) === victim.pid), stdout);
  const reaped = new Set(left.map(([, task]) => task));
  const done = [...completedBy(before), ...completedBy(stdout)];
  assert.equal(new Set(done).size, done.length, 'none was completed twice');
  for (const task of TASKS) {
    const starts = bench.server.starts(promptOf(task));
    // The killed one may have been at it before its agent spoke to the model, while it did, or after.
    assert.ok(starts === 1 || (starts === 2 && reaped.has(task)), `${task} was started ${starts} times`);
  }
  await assertAllCompleted(bench);
});
