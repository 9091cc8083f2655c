/** A marker is data, and may name any process: only what is seen to belong to the claim is ever signalled. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { parseProcStat, realProcesses, thisProcess } from '../../src/io/process-identity.ts';
import { makeBench } from '../rig/cli.ts';
import { forgedRecord, forgeLock, lockBytes, makeScripted, NOBODY, starts } from './rig.ts';

const skip = process.platform === 'linux' ? false : 'looks into /proc';

/** Somebody else's process that leads a group of its own, as an agent would. */
function startInnocent(t: TestContext) {
  const child: ChildProcess = spawn('sleep', ['300'], { detached: true, stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  const pid = child.pid ?? 0;
  const { start } = parseProcStat(pid, readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? { start: '' };
  const assertAlive = (what: string) => {
    const stat = realProcesses.stat(pid);
    assert.ok(typeof stat === 'object' && /^[SR]/.test(stat.state), `${what} signalled it`);
  };
  return { identity: { pid, start }, assertAlive };
}

/** Everything that ends processes, at once or on request. */
const ENDERS = [
  [],
  ['clean'],
  ['clean', '--kill', 'fix.md', '--yes'],
  ['reset', '--kill', '--force'],
  ['clean', '--max-age', '1h'],
  ['clean', '--force', 'fix.md', '--yes'],
];

test('an innocent process that a lock names as its owner is never signalled', { skip }, async (t) => {
  const { bench, env } = await makeScripted(t, 'echo fixed');
  const { identity, assertAlive } = startInnocent(t);
  await bench.write('fix.md', 'Fix it.\n');
  const record = forgedRecord({ owner: identity, child: { ...identity, pgid: identity.pid } });
  for (const args of ENDERS) {
    forgeLock(bench, record);
    const run = bench.start(args, { env });
    if (args.length === 0) {
      await bench.until('it has looked', async () => run.stdout.includes('at once'));
      run.kill('SIGINT'); // it would wait for the owner, which lives
    }
    await run.ended();
    assertAlive(`codex-worker ${args.join(' ')}`);
  }
  assert.equal(starts(bench), 0);
});

test('an innocent process that a dead lock names as its agent is never signalled', { skip }, async (t) => {
  const { bench, env } = await makeScripted(t, 'echo fixed');
  const { identity, assertAlive } = startInnocent(t);
  await bench.write('fix.md', 'Fix it.\n');
  for (const args of ENDERS) {
    forgeLock(bench, forgedRecord({ child: { ...identity, pgid: identity.pid } }));
    const { stdout, stderr } = await bench.run(args, { env });
    assertAlive(`codex-worker ${args.join(' ')}`);
    if (args.length === 0) assert.deepEqual(await bench.leftovers(), [], stdout + stderr);
  }
});

test(
  'numbers that kill(2) would take for a group, for everybody or for us are no process',
  { skip },
  async (t) => {
    const { bench, env } = await makeScripted(t, 'echo fixed');
    const { identity, assertAlive } = startInnocent(t);
    const group = realProcesses.stat(process.pid);
    const ourGroup = typeof group === 'object' ? group.pgid : 0;
    const numbers: readonly unknown[] = [
      0,
      -1,
      1,
      -identity.pid,
      process.pid,
      -process.pid,
      ourGroup,
      -ourGroup,
      2 ** 31,
      2 ** 32 + identity.pid,
      2 ** 53,
      1e300,
      identity.pid + 0.5,
      String(identity.pid),
      `${identity.pid} `,
      null,
      true,
      [identity.pid],
      {},
      undefined,
    ];
    const tasks: string[] = [];
    for (const [n, pid] of numbers.entries())
      for (const [role, record] of [
        ['owner', { owner: { ...NOBODY, pid } }],
        ['child', { child: { pid, start: identity.start, pgid: pid } }],
        ['group', { child: { ...identity, pgid: pid } }],
      ] as const) {
        const task = `${role}-${n}.md`;
        tasks.push(task);
        await bench.write(task, 'Fix it.\n');
        await bench.write(`.lock-${task}`, '');
        const bytes = lockBytes(forgedRecord({ task, ...record }));
        await bench.write(`.lock-${task}`, bytes.toString('latin1'));
      }
    const run = await bench.run(['-c', '8'], { env });
    assert.ok(run.code === 0 || run.code === 1, run.stdout + run.stderr);
    for (const task of ['owner-4.md', 'group-3.md']) await bench.run(['clean', '--kill', task, '--yes']);
    const reset = await bench.run(['reset', '--kill', '--force']);
    assert.equal(reset.code, 0, reset.stderr);
    assertAlive('a number');
  },
);

test('a lock that names the parent of the process that reads it ends nobody', { skip }, async (t) => {
  const { bench, env } = await makeScripted(t, 'echo fixed');
  const { host, start } = thisProcess();
  await bench.write('fix.md', 'Fix it.\n');
  const me = { pid: process.pid, start };
  forgeLock(bench, forgedRecord({ host, owner: me, child: { ...me, pgid: me.pid } }));
  const { stdout } = await bench.run(['clean', '--kill', 'fix.md', '--yes'], { env });
  assert.match(stdout, /does not have that file open/);
  const forced = await bench.run(['clean', '--force', 'fix.md', '--yes'], { env });
  assert.equal(forced.code, 0, forced.stderr);
});

const canBecomeNobody = (() => {
  try {
    execFileSync(
      'setpriv',
      [
        '--reuid=65534',
        '--regid=65534',
        '--clear-groups',
        process.execPath,
        path.resolve('dist/src/cli.js'),
        '--version',
      ],
      { stdio: 'ignore' },
    );
    return process.getuid?.() === 0;
  } catch {
    return false;
  }
})();

test(
  'another user can neither end our processes with a lock nor have our lock taken away by the program',
  { skip: canBecomeNobody ? false : 'needs root, setpriv, and sources that everybody may read' },
  async (t) => {
    const bench = await makeBench(t);
    const { identity, assertAlive } = startInnocent(t);
    const child = { ...identity, pgid: identity.pid };
    const uid = 65_534;
    await bench.write('agent', '#!/bin/sh\necho fixed\n');
    chmodSync(path.join(bench.tasks, 'agent'), 0o755);
    const locks = {
      'owner.md': { owner: identity, child },
      'owner-lie.md': { owner: identity, child, host: { ...thisProcess().host, uid } },
      'child.md': { child },
      'child-lie.md': { child, host: { ...thisProcess().host, uid } },
    };
    for (const [task, record] of Object.entries(locks)) {
      await bench.write(task, 'Fix it.\n');
      forgeLock(bench, forgedRecord({ task, ...record }));
    }
    await bench.write('private.md', 'Fix it.\n');
    forgeLock(bench, forgedRecord({ task: 'private.md' }));
    chmodSync(path.join(bench.tasks, '.lock-private.md'), 0o600);
    chmodSync(bench.scratch, 0o755);
    for (const entry of ['.', ...readdirSync(bench.tasks)])
      if (entry !== '.lock-private.md') chownSync(path.join(bench.tasks, entry), uid, uid);

    const asNobody = (args: string) =>
      bench.shell(`exec setpriv --reuid=${uid} --regid=${uid} --clear-groups codex-worker ${args}`, {
        env: { CODEX_CMD: path.join(bench.tasks, 'agent'), HOME: bench.tasks },
      });
    const ran = await asNobody('child.md child-lie.md private.md');
    assert.match(ran.stdout, /private\.md stays in progress: its lock file is damaged: it may not be read/);
    for (const task of ['owner.md', 'owner-lie.md']) {
      const { stdout, stderr } = await asNobody(`clean --kill ${task} --yes`);
      assert.match(stdout, /left alone/, stderr);
    }
    assertAlive('nobody');
    assert.ok((await bench.ls()).includes('.lock-child.md'), 'a lock of another user was judged');
    assert.ok((await bench.ls()).includes('done_exec_log-child-lie.md.txt'), ran.stdout + ran.stderr);
  },
);
