/** An agent, or somebody else with write access to the task directory, who means harm. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { lstat, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { newClaimId } from '../../src/core/claim.ts';
import { makeBench, type Bench } from '../rig/cli.ts';
import { makePuppets, type Call, type Puppets } from '../rig/puppet.ts';

const skip = process.platform === 'linux' ? false : 'looks into /proc';

/** A bench whose Codex is a shell script: it reads the prompt, then runs these lines in the task directory. */
async function makeScripted(t: TestContext, ...lines: readonly string[]) {
  const bench = await makeBench(t);
  const agent = path.join(bench.scratch, 'agent');
  const began = path.join(bench.scratch, 'began');
  const script = ['#!/bin/sh', 'read -r prompt', `: >"${began}"`, ...lines, ''].join('\n');
  await writeFile(agent, script, { mode: 0o755 });
  await bench.write('fix.md', 'Fix it.\n');
  const hasBegun = async () => (await readdir(bench.scratch)).includes('began');
  return { bench, env: { CODEX_CMD: agent }, hasBegun };
}

async function makeScene(t: TestContext): Promise<{ bench: Bench; puppets: Puppets }> {
  const puppets = await makePuppets(t);
  const bench = await makeBench(t);
  await bench.write('fix.md', 'Fix it.\n');
  return { bench, puppets };
}

/** A claim whose owner was killed and whose agent is gone. */
async function makeDeadClaim({ bench, puppets }: { bench: Bench; puppets: Puppets }): Promise<Call> {
  const owner = bench.start([], { env: puppets.env });
  const call = await puppets.nextCall();
  owner.kill('SIGKILL');
  await owner.ended();
  await call.gone;
  await bench.until('the watcher has ended', async () => (await bench.agents()).length === 0);
  return call;
}

/** `isDirectory`, … of the thing itself, and nothing when it is not there. */
const kindOf = async (file: string) => {
  const stat = await lstat(file).catch(() => undefined);
  return stat && (stat.isFile() ? 'file' : stat.isSymbolicLink() ? 'link' : 'other');
};

test('what an agent puts in the way of the results file is never written through', async (t) => {
  const { bench, env, hasBegun } = await makeScripted(
    t,
    'ln -s ../victim ".res.json.$PPID.tmp"', // a name that could be foreseen
    'ln -s ../victim res.json',
    'echo fixed',
  );
  await bench.write('../victim', 'precious\n');
  const run = bench.start(['-o', 'res.json'], { env });
  const { code, stdout, stderr } = await run.ended();
  assert.equal(code, 0, stdout + stderr);
  assert.ok(await hasBegun());
  assert.equal(await bench.read('../victim'), 'precious\n');
  assert.ok((await bench.ls()).includes(`.res.json.${run.pid}.tmp`), 'the agent did not find its worker');
  assert.equal(await kindOf(path.join(bench.tasks, 'res.json')), 'file');
  const { tasks } = JSON.parse(await bench.read('res.json')) as { tasks: readonly unknown[] };
  assert.equal(tasks.length, 1);
});

test('a results file that cannot be a regular file is wrong usage, before anything is begun', async (t) => {
  const { bench, env, hasBegun } = await makeScripted(t, 'echo fixed');
  execFileSync('mkfifo', [path.join(bench.tasks, 'pipe')]);
  await symlink('loop', path.join(bench.tasks, 'loop'));
  for (const [target, why] of [
    ['pipe', 'is not a regular file'],
    ['/dev/null', 'is not a regular file'],
    ['r'.repeat(256), 'has too long a name'],
    ['loop', 'cannot be looked at: ELOOP'],
  ] as const) {
    const before = await bench.ls();
    const { code, stdout, stderr } = await bench.run(['-o', target], { env });
    assert.equal(code, 2, `${target}: ${stdout}${stderr}`);
    assert.match(stderr, new RegExp(`^codex-worker: --output-json: ".*" ${why}\n {2}hint: .+\n$`));
    assert.deepEqual(await bench.ls(), before, target);
  }
  assert.equal(await hasBegun(), false);
});

/** Preloaded: sixty seconds on the clock that patience is counted by pass in three. */
const FAST_CLOCK = `--import data:text/javascript,${encodeURIComponent(`
  import os from 'node:os';
  import { syncBuiltinESMExports } from 'node:module';
  const { uptime } = os;
  const began = uptime();
  os.uptime = () => began + 20 * (uptime() - began);
  syncBuiltinESMExports();`)}`;

test('a run ends although the right to a dead claim is damaged, and clean --force frees the task', async (t) => {
  const scene = await makeScene(t);
  const { bench, puppets } = scene;
  const { claim } = await makeDeadClaim(scene);
  const right = `.break-${claim}.1`;
  await bench.write(right, 'garbage');

  const run = bench.start([], { env: { ...puppets.env, NODE_OPTIONS: FAST_CLOCK } });
  const { code, stdout, stderr } = await run.ended(30_000);
  assert.equal(code, 1, stdout + stderr);
  assert.match(stdout + stderr, /fix\.md.*stays in progress.*\.break-[0-9a-f]{32}\.1 is damaged/);
  assert.equal(puppets.waiting, 0, 'the task was begun');

  // On the real clock, on which it would be refused after a minute.
  const forced = await bench.start(['clean', '--force', 'fix.md', '--yes']).ended(20_000);
  assert.equal(forced.code, 0, forced.stdout + forced.stderr);
  assert.deepEqual(await bench.leftovers(), []);
  const again = bench.start([], { env: puppets.env });
  await (await puppets.nextCall()).complete();
  assert.equal((await again.ended()).code, 0);
});

test('so does a run that finds such a claim on a task that is completed', async (t) => {
  const scene = await makeScene(t);
  const { bench, puppets } = scene;
  const { claim } = await makeDeadClaim(scene);
  await bench.write(`.break-${claim}.1`, 'garbage');
  await bench.write('done_exec_log-fix.md.txt', 'by hand');

  const run = bench.start([], { env: { ...puppets.env, NODE_OPTIONS: FAST_CLOCK } });
  const { code, stdout, stderr } = await run.ended(30_000);
  assert.equal(code, 1, stdout + stderr);

  const forced = await bench.start(['clean', '--force', 'fix.md', '--yes']).ended(20_000);
  assert.equal(forced.code, 0, forced.stdout + forced.stderr);
  assert.equal(await bench.read('done_exec_log-fix.md.txt'), 'by hand');
  assert.deepEqual(await bench.leftovers(), []);
});

for (const folder of ['tmp', 'raw', 'ended', 'questions'])
  for (const what of ['a file', 'a dangling link', 'a link to a directory'] as const)
    test(`${what} in the place of .codex-worker/${folder} is an error of one line, and nothing is claimed`, async (t) => {
      const { bench, env, hasBegun } = await makeScripted(t, 'echo fixed');
      const elsewhere = path.join(bench.scratch, 'elsewhere');
      const odd = path.join(bench.tasks, '.codex-worker', folder);
      await mkdir(path.dirname(odd));
      if (what === 'a link to a directory') await mkdir(elsewhere);
      await (what === 'a file' ? writeFile(odd, '') : symlink(elsewhere, odd));

      const { code, stdout, stderr } = await bench.run([], { env });

      assert.equal(code, 3, stdout + stderr);
      const kind = what === 'a file' ? 'a regular file' : 'a symbolic link';
      assert.equal(
        stderr,
        `codex-worker: ${odd} is ${kind}, not a directory\n  hint: move it out of the way\n`,
      );
      assert.equal(await hasBegun(), false);
      assert.deepEqual(await bench.ls(), ['.codex-worker', 'fix.md']);
      assert.deepEqual(await bench.ls(elsewhere), [], 'something was made behind the link');
    });

test('an attempt number that somebody made up does not make a lock unreadable to its own worker', async (t) => {
  for (const attempt of ['9'.repeat(20), '999999999']) {
    const { bench, env } = await makeScripted(t, 'echo fixed');
    const hash = createHash('sha256').update('fix.md').digest('hex').slice(0, 16);
    await bench.write(`.codex-worker/ended/${hash}.${attempt}.${newClaimId()}.retry.txt`, 'made up\n');
    const { code, stdout, stderr } = await bench.start([], { env }).ended(30_000);
    assert.equal(code, 0, `${attempt}: ${stdout}${stderr}`);
    assert.deepEqual(await bench.leftovers(), []);
  }
});

test('an agent that removes the task directory stops the run, which tells so and is no bug', async (t) => {
  const { bench, env, hasBegun } = await makeScripted(t, 'cd /', `rm -rf "$TASKS"`, 'echo gone');
  const { code, stdout, stderr } = await bench.run([bench.tasks], {
    cwd: '..',
    env: { ...env, TASKS: bench.tasks },
  });
  assert.ok(await hasBegun());
  assert.ok(code === 3 || code === 1, `exit code ${code}: ${stdout}${stderr}`);
  assert.match(stdout, /^Summary: 0 completed/m);
  assert.doesNotMatch(stdout + stderr, /bug in codex-worker|^ +at /m);
  assert.equal(await kindOf(bench.tasks), undefined, 'the directory was made again');
});

test(
  'a worker without a usable PATH that is killed still takes along what its agent started',
  { skip },
  async (t) => {
    const { bench, env } = await makeScripted(
      t,
      '/usr/bin/setsid /bin/sleep 300 &',
      'echo $! >"$PIDS.new"',
      '/bin/mv "$PIDS.new" "$PIDS"',
      'wait',
    );
    const pids = path.join(bench.scratch, 'pids');
    const run = bench.start([], { env: { ...env, PIDS: pids, PATH: '/nonexistent' } });
    const told = () => readFile(pids, 'utf8').catch(() => undefined);
    const sleeper = Number(await bench.until('the agent works', told));
    const isThere = async () => (await readFile(`/proc/${sleeper}/cmdline`, 'utf8').catch(() => '')) !== '';
    assert.ok(await isThere(), 'there is nothing to end');
    run.kill('SIGKILL');
    await run.ended();
    await bench.until('the command has ended', async () => !(await isThere()), 15_000);
    await bench.until('the watcher has ended', async () => (await bench.agents()).length === 0);
  },
);

test('a task file that is deleted while it runs leaves markers that status does not complain about', async (t) => {
  const { bench, puppets } = await makeScene(t);
  await bench.write('other.md', 'Another.\n');
  const run = bench.start(['fix.md'], { env: puppets.env });
  const call = await puppets.nextCall();
  await rm(path.join(bench.tasks, 'fix.md'));
  assert.ok((await bench.ls()).includes('in-progress-fix.md'), 'there is no marker to complain about');

  const { code, stdout, stderr } = await bench.run(['status', '--detailed']);

  assert.equal(code, 0, stdout + stderr);
  assert.doesNotMatch(stdout + stderr, /in-progress-fix\.md|refused|reserved/);
  assert.match(stdout, /other\.md/);
  await call.complete();
  await run.ended();
  assert.deepEqual(await bench.leftovers(), []);
});
