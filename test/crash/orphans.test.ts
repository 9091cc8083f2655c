/** What becomes of an agent whose codex-worker is killed, and of its task: never two of them at once. */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { COOKIE } from '../../src/io/sweep.ts';
import { makeBench, type Bench, type RunningCli } from '../rig/cli.ts';
import { isAlive, partsWith, stateOf } from '../rig/processes.ts';
import { makePuppets, type Call, type Puppets } from '../rig/puppet.ts';

const preload = (name: string) => `--import ${fileURLToPath(new URL(`../rig/${name}`, import.meta.url))}`;
const skip = process.platform === 'linux' ? false : 'looks into /proc';

interface Scene {
  readonly bench: Bench;
  readonly puppets: Puppets;
  readonly start: (args?: readonly string[], env?: NodeJS.ProcessEnv) => RunningCli;
}

async function makeScene(t: TestContext): Promise<Scene> {
  const puppets = await makePuppets(t);
  const bench = await makeBench(t);
  await bench.write('fix.md', 'Fix it.\n');
  return {
    bench,
    puppets,
    start: (args = [], env = {}) => bench.start(args, { env: { ...puppets.env, ...env } }),
  };
}

/** The watcher of a call. */
function watcherOf({ claim }: Call): number {
  const watcher = partsWith(`${COOKIE}=${claim}`).find(({ kind }) => kind === 'watcher');
  if (!watcher) throw new Error(`the agent of ${claim} has no watcher`);
  return watcher.pid;
}

/** Leaves an agent and a command of it that nobody watches and nobody owns. */
async function makeOrphan({ bench, puppets, start }: Scene): Promise<{ call: Call; grandchild: number }> {
  const owner = start();
  const call = await puppets.nextCall();
  const grandchild = await call.startGrandchild();
  const watcher = watcherOf(call);
  process.kill(watcher, 'SIGKILL');
  await bench.until('the watcher is dead', () => !isAlive(watcher));
  owner.kill('SIGKILL');
  await owner.ended();
  assert.ok(isAlive(call.pid) && isAlive(grandchild), 'there is no orphan to speak of');
  return { call, grandchild };
}

async function completes({ bench }: Scene, run: RunningCli, call: Call): Promise<void> {
  await call.complete();
  const { code, stdout, stderr } = await run.ended();
  assert.equal(code, 0, stdout + stderr);
  assert.ok((await bench.ls()).includes('done_exec_log-fix.md.txt'));
  assert.deepEqual(await bench.leftovers(), []);
}

test('an owner that is killed takes its agent and the commands of its agent along', { skip }, async (t) => {
  const { bench, puppets, start } = await makeScene(t);
  const owner = start();
  const call = await puppets.nextCall();
  const grandchild = await call.startGrandchild();
  owner.kill('SIGKILL');
  await call.gone;
  await bench.until('the command has ended', () => !isAlive(grandchild));
  await bench.until('the watcher has ended', async () => (await bench.agents()).length === 0);
});

test('an orphan without a watcher is ended before its task is started again', { skip }, async (t) => {
  const scene = await makeScene(t);
  const orphan = await makeOrphan(scene);
  const run = scene.start();
  const call = await scene.puppets.nextCall();
  assert.equal(isAlive(orphan.call.pid), false, 'the agent still works');
  assert.equal(isAlive(orphan.grandchild), false, 'a command of the agent still works');
  await completes(scene, run, call);
});

test(
  'an orphan that ignores SIGINT and SIGTERM is killed before its task is started again',
  { skip },
  async (t) => {
    const scene = await makeScene(t);
    const owner = scene.start();
    const stubborn = await scene.puppets.nextCall();
    await stubborn.ignore('SIGINT', 'SIGTERM');
    owner.kill('SIGKILL');
    const run = scene.start();
    const call = await scene.puppets.nextCall();
    assert.equal(isAlive(stubborn.pid), false);
    await completes(scene, run, call);
  },
);

test(
  'a run that could not see orphans would start the task beside one, and this would be noticed',
  { skip },
  async (t) => {
    const scene = await makeScene(t);
    const orphan = await makeOrphan(scene);
    const run = scene.start([], { NODE_OPTIONS: preload('without.mjs'), WITHOUT: 'blind' });
    const call = await scene.puppets.nextCall();
    assert.equal(isAlive(orphan.call.pid), true);
    process.kill(orphan.grandchild, 'SIGKILL');
    orphan.call.exit(0);
    await call.complete();
    await run.ended();
    const isGone = async () => (await scene.bench.agents()).length === 0;
    await scene.bench.until('its own watcher, which it cannot see either, has ended', isGone);
  },
);

test(
  'an orphan whose task file was deleted is ended by the next run in the directory',
  { skip },
  async (t) => {
    const scene = await makeScene(t);
    const { bench, puppets } = scene;
    const orphan = await makeOrphan(scene);
    await rm(path.join(bench.tasks, 'fix.md'));
    await bench.write('other.md', 'Do something else.\n');
    const run = scene.start(['other.md']); // also by one that was given another task by its name
    const other = await puppets.nextCall();
    await bench.until('the agent is dead', () => !isAlive(orphan.call.pid));
    await bench.until('its command is dead', () => !isAlive(orphan.grandchild));
    await bench.until('its lock is gone', async () => !(await bench.ls()).includes('.lock-fix.md'));
    await other.complete();
    assert.equal((await run.ended()).code, 0);
    assert.deepEqual(await bench.leftovers(), []);
  },
);

test('with --orphans wait a run waits until the orphan has ended by itself', { skip }, async (t) => {
  const scene = await makeScene(t);
  const orphan = await makeOrphan(scene);
  const run = scene.start(['--orphans', 'wait']);
  await run.says(/still works/);
  assert.ok(isAlive(orphan.call.pid) && isAlive(orphan.grandchild));
  assert.equal(scene.puppets.waiting, 0);
  process.kill(orphan.grandchild, 'SIGKILL');
  orphan.call.exit(0);
  await completes(scene, run, await scene.puppets.nextCall());
});

test('an owner that is stopped keeps its task, however long', { skip }, async (t) => {
  const scene = await makeScene(t);
  const { bench, puppets } = scene;
  const owner = scene.start();
  const call = await puppets.nextCall();
  owner.kill('SIGSTOP');
  await bench.until('it has stopped', () => stateOf(owner.pid) === 'T');
  const lock = await bench.read('.lock-fix.md');
  const other = await scene.start().ended();
  assert.equal(other.code, 0, other.stderr);
  assert.equal(puppets.waiting, 0, 'the other run has started it again');
  assert.equal(await bench.read('.lock-fix.md'), lock);
  assert.ok(isAlive(call.pid));
  owner.kill('SIGCONT');
  await completes(scene, owner, call);
});

test(
  'the task of a worker thread that dies is settled by its own process, and run again',
  { skip },
  async (t) => {
    const scene = await makeScene(t);
    const { bench, puppets } = scene;
    const trigger = path.join(bench.scratch, 'die');
    const run = scene.start([], { NODE_OPTIONS: preload('kill-thread.mjs'), KILL_THREAD_WHEN: trigger });
    const first = await puppets.nextCall();
    const grandchild = await first.startGrandchild();
    await writeFile(trigger, '');
    const second = await puppets.nextCall();
    assert.equal(isAlive(first.pid), false, 'the agent of the dead thread still works');
    assert.equal(isAlive(grandchild), false, 'a command of the agent of the dead thread still works');
    assert.notEqual(second.claim, first.claim);
    await completes(scene, run, second);
  },
);

test(
  'a task whose worker is killed three times in a row is failed and not run again',
  { skip },
  async (t) => {
    const { bench, puppets, start } = await makeScene(t);
    for (let death = 1; death <= 3; death++) {
      const owner = start();
      const call = await puppets.nextCall();
      owner.kill('SIGKILL');
      await owner.ended();
      await call.gone;
    }
    const { code, stdout } = await start().ended();
    assert.equal(code, 1, stdout);
    assert.equal(puppets.waiting, 0, 'it was run a fourth time');
    assert.match(
      await bench.read('failed_exec_log-fix.md.txt'),
      /^outcome: +failed: the worker died 3 times on this task$/m,
    );
    assert.deepEqual(await bench.leftovers(), []);
  },
);

test('a task whose owner was killed before it released it is reset all the same', { skip }, async (t) => {
  const { bench, puppets, start } = await makeScene(t);
  const owner = start([], {
    NODE_OPTIONS: preload('kill-at-step.mjs'),
    KILL_IN: bench.tasks,
    KILL_BEFORE: '^unlink \\.lock-',
  });
  await (await puppets.nextCall()).complete();
  await owner.ended();
  const left = await bench.ls();
  assert.ok(left.includes('.lock-fix.md') && left.includes('done_exec_log-fix.md.txt'), left.join());
  const { code, stdout, stderr } = await bench.run(['reset', '--force']);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /it was completed/);
  assert.deepEqual(await bench.ls(), ['.codex-worker', 'fix.md']);
});

test('a damaged lock beside a completed task is said, and can be removed', { skip }, async (t) => {
  const bench = await makeBench(t, { CODEX_CMD: '/bin/false' });
  await bench.write('fix.md', 'Fix it.\n');
  await bench.write('done_exec_log-fix.md.txt', 'by hand\n');
  await bench.write('.lock-fix.md', '');
  const run = await bench.run();
  assert.equal(run.code, 0);
  assert.match(
    run.stdout + run.stderr,
    /fix\.md is completed, but its lock file is damaged: .* clean --force=fix\.md/,
  );
  const reset = await bench.run(['reset', '--force']);
  assert.match(reset.stdout, /its lock file is damaged: .*clean --force/);
  const outside = await bench.run(['clean', '--yes', '--force=tasks/fix.md'], { cwd: '..' });
  assert.equal(outside.code, 0, outside.stderr);
  await bench.run(['reset', '--force']);
  assert.deepEqual(await bench.ls(), ['.codex-worker', 'fix.md']);
});
