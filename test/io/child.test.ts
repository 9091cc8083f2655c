import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, test, type TestContext } from 'node:test';
import { text } from 'node:stream/consumers';
import { newClaimId } from '../../src/core/claim.ts';
import { runTool, spawnBehindGate, type GatedChild } from '../../src/io/child.ts';
import { isRunning, realProcesses, type ProcessTable } from '../../src/io/process-identity.ts';
import { carries, COOKIE, endOrphans, survivors, sweep } from '../../src/io/sweep.ts';
import { eventually, scratch } from '../rig/scratch.ts';

const linux = { skip: process.platform === 'linux' ? false : 'reads /proc' };

/** A child that would run `script` in a directory of the test's own; whatever is left of it goes with the test. */
async function gated(
  t: TestContext,
  script: string,
  more: { prompt?: string; command?: string; isServer?: boolean } = {},
) {
  const directory = scratch(t);
  const claim = newClaimId();
  writeFileSync(`${directory}/prompt`, more.prompt ?? 'the prompt');
  const stdin = openSync(`${directory}/prompt`, 'r');
  const child = await spawnBehindGate(
    {
      command: more.command ?? '/bin/sh',
      args: ['-c', script],
      workingDirectory: directory,
      env: { PATH: process.env['PATH'], DIR: directory },
      claim,
      ...(more.isServer ? {} : { stdin }),
    },
    realProcesses,
  );
  closeSync(stdin);
  t.after(async () => void (await sweep(claim, child.identity, realProcesses)));
  const appears = (name: string) =>
    eventually(
      `${name} in the child’s directory`,
      () => existsSync(`${directory}/${name}`) && readFileSync(`${directory}/${name}`, 'utf8').trim(),
    );
  return { child, claim, directory, appears, output: outputOf(child) };
}

async function outputOf(child: GatedChild): Promise<string> {
  const [stdout] = await Promise.all([
    text(child.stdout).catch(() => '(closed)'),
    text(child.stderr).catch(() => ''),
  ]);
  return stdout;
}

/** A process that no claim knows. */
function bystander(t: TestContext, env: NodeJS.ProcessEnv = {}) {
  const process_ = spawn('sleep', ['60'], {
    stdio: 'ignore',
    detached: true,
    env: { PATH: process.env['PATH'], ...env },
  });
  t.after(() => process_.kill('SIGKILL'));
  return process_;
}

const isThere = (pid: number) => {
  const stat = realProcesses.stat(pid);
  return typeof stat === 'object' && !/^[ZX]/.test(stat.state);
};

describe('the child', { concurrency: true, ...linux }, () => {
  test('nothing runs before the gate is opened, and then exactly the command runs, in the same process', async (t) => {
    const { child, directory, output, claim } = await gated(
      t,
      `echo $$ >started; cat; echo " $${COOKIE}"; (echo x >&3) 2>/dev/null || echo "the gate is closed"; exit 7`,
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.ok(!existsSync(`${directory}/started`));
    assert.ok(isRunning(child.identity, realProcesses));
    assert.equal(child.identity.pgid, child.identity.pid);
    child.go();
    assert.deepEqual(await child.finish(), { exit: { kind: 'exited', code: 7 }, unkillable: [] });
    assert.equal(readFileSync(`${directory}/started`, 'utf8').trim(), String(child.identity.pid));
    assert.equal(await output, `the prompt ${claim}\nthe gate is closed\n`);
    assert.deepEqual(survivors(claim, child.identity, realProcesses), []);
  });

  test('a gate that is never opened ends its child, which has run nothing', async (t) => {
    const { child, directory } = await gated(t, 'echo ran >started');
    await child.abandon();
    assert.ok(!existsSync(`${directory}/started`));
    assert.deepEqual(await child.finish(), { exit: { kind: 'exited', code: 0 }, unkillable: [] });
  });

  test('arguments reach the command as they are, whatever a shell would make of them', async (t) => {
    const directory = scratch(t);
    writeFileSync(`${directory}/prompt`, '');
    const stdin = openSync(`${directory}/prompt`, 'r');
    const args = ['$(touch pwned)', '`id`', "a'b", 'a"b', '*', '', '-n', 'a\nb', '\\', '--'];
    const request = {
      command: '/usr/bin/printf',
      args: ['[%s]', ...args],
      workingDirectory: directory,
      env: {},
      claim: newClaimId(),
      stdin,
    };
    const child = await spawnBehindGate(request, realProcesses);
    closeSync(stdin);
    const output = outputOf(child);
    child.go();
    await child.finish();
    assert.equal(await output, args.map((arg) => `[${arg}]`).join(''));
    assert.ok(!existsSync(`${directory}/pwned`));
  });

  test('a command that cannot be executed is told by the gate, and a directory that is gone by spawn', async (t) => {
    const { child } = await gated(t, '', { command: '/nowhere/codex' });
    child.go();
    assert.deepEqual((await child.finish()).exit, { kind: 'exited', code: 127 });
    const stdin = openSync('/dev/null', 'r');
    const request = {
      command: 'x',
      args: [],
      workingDirectory: '/nowhere',
      env: {},
      claim: newClaimId(),
      stdin,
    };
    await assert.rejects(spawnBehindGate(request, realProcesses), { code: 'ENOENT' });
    closeSync(stdin);
  });

  test('a child that hears SIGINT ends at once, and it was us', async (t) => {
    const { child, appears } = await gated(t, 'trap "exit 1" INT; echo up >up; while :; do sleep 0.05; done');
    child.go();
    await appears('up');
    const started = performance.now();
    void child.end('interrupted');
    void child.end('timed-out');
    assert.deepEqual((await child.finish()).exit, {
      kind: 'ended-by-us',
      why: 'interrupted',
      code: 1,
      signal: null,
    });
    assert.equal(child.endedBy, 'interrupted');
    assert.ok(performance.now() - started < 3_000);
  });

  test('a child that ignores SIGINT and SIGTERM is killed after 7 s', async (t) => {
    const { child, appears } = await gated(t, 'trap "" INT TERM; echo up >up; while :; do sleep 0.05; done');
    child.go();
    await appears('up');
    const started = performance.now();
    await child.end('timed-out');
    const took = performance.now() - started;
    assert.ok(took > 6_900 && took < 9_000, `${took} ms`);
    assert.deepEqual((await child.finish()).exit, {
      kind: 'ended-by-us',
      why: 'timed-out',
      code: null,
      signal: 'SIGKILL',
    });
  });

  test('a child that ignores only SIGINT gets its SIGTERM after 5 s', async (t) => {
    const { child, appears } = await gated(
      t,
      'trap "" INT; trap "exit 9" TERM; echo up >up; while :; do sleep 0.05; done',
    );
    child.go();
    await appears('up');
    const started = performance.now();
    await child.end('timed-out');
    const took = performance.now() - started;
    assert.ok(took > 4_900 && took < 6_900, `${took} ms`);
    assert.equal((await child.finish()).exit.kind, 'ended-by-us');
  });

  test('a signal that somebody else sent is theirs, not ours', async (t) => {
    const { child, appears } = await gated(t, 'echo up >up; exec sleep 60');
    child.go();
    await appears('up');
    process.kill(child.identity.pid, 'SIGTERM');
    assert.deepEqual((await child.finish()).exit, { kind: 'signalled', signal: 'SIGTERM' });
    await child.end('timed-out');
  });

  test('what a child started in a session of its own is ended with it, and a bystander is left alone', async (t) => {
    const claimless = bystander(t);
    const other = bystander(t, { [COOKIE]: newClaimId() });
    const { child, appears, claim } = await gated(
      t,
      "setsid sh -c 'echo $$ >grandchild; exec sleep 60' & sleep 60 & while [ ! -s grandchild ]; do sleep 0.02; done; exit 0",
    );
    child.go();
    const grandchild = Number(await appears('grandchild'));
    const { exit, unkillable } = await child.finish();
    assert.deepEqual({ exit, unkillable }, { exit: { kind: 'exited', code: 0 }, unkillable: [] });
    assert.ok(!isThere(grandchild));
    assert.deepEqual(survivors(claim, child.identity, realProcesses), []);
    for (const { pid } of [claimless, other]) assert.ok(isThere(pid ?? 0));
  });

  test('a member of the group that has cleared its environment is ended as well, though nobody else is left', async (t) => {
    const { child, appears } = await gated(
      t,
      "env -i sh -c 'echo $$ >hidden; exec sleep 60' & while [ ! -s hidden ]; do sleep 0.02; done; exit 0",
    );
    child.go();
    const hidden = Number(await appears('hidden'));
    assert.deepEqual((await child.finish()).unkillable, []);
    assert.ok(!isThere(hidden));
  });

  test('a grandchild that hid from the sweep and holds the output does not keep us waiting', async (t) => {
    const { child, appears } = await gated(
      t,
      "env -i setsid sh -c 'echo $$ >hidden; exec sleep 60' & while [ ! -s hidden ]; do sleep 0.02; done; exit 0",
    );
    child.go();
    const hidden = Number(await appears('hidden'));
    t.after(() => process.kill(hidden, 'SIGKILL'));
    const started = performance.now();
    assert.equal((await child.finish()).exit.kind, 'exited');
    assert.ok(performance.now() - started < 5_000);
    assert.ok(isThere(hidden), 'the case was not made: it did not hide');
  });

  test('the orphans of a dead owner are ended by the ladder, and only they', async (t) => {
    const claimless = bystander(t);
    const { child, appears, claim } = await gated(
      t,
      'trap "echo graceful >said; exit 1" INT; setsid sleep 60 & echo up >up; while :; do sleep 0.05; done',
    );
    child.go();
    await appears('up');
    assert.deepEqual(await endOrphans(claim, child.identity, realProcesses), []);
    assert.equal(await appears('said'), 'graceful');
    assert.deepEqual(survivors(claim, child.identity, realProcesses), []);
    assert.ok(isThere(claimless.pid ?? 0));
  });

  test('a group whose number was used again is not ours to end', async (t) => {
    const stranger = bystander(t);
    const pid = stranger.pid ?? 0;
    const stat = realProcesses.stat(pid);
    assert.ok(typeof stat === 'object' && stat.pgid === pid);
    const recorded = { pid, pgid: pid, start: String(Number(stat.start) - 1) };
    assert.deepEqual(await endOrphans(newClaimId(), recorded, realProcesses), []);
    // Even with its very start time: its environment can be read, and says that it is another's.
    assert.deepEqual(await endOrphans(newClaimId(), { ...recorded, start: stat.start }, realProcesses), []);
    assert.ok(isThere(pid));
  });

  for (const [who, environment] of [
    ['whose environment cannot be read', undefined],
    ['that does not carry the cookie', 'HOME=/\0'],
  ] as const)
    test(`exactly the process that a lock file names, but ${who}, is left alone`, async (t) => {
      const stranger = bystander(t);
      const pid = stranger.pid ?? 0;
      const stat = realProcesses.stat(pid);
      assert.ok(typeof stat === 'object' && stat.pgid === pid, 'it is no leader of a group');
      const table: ProcessTable = {
        ...realProcesses,
        environment: (which) => (which === pid ? environment : realProcesses.environment(which)),
      };
      const recorded = { pid, pgid: pid, start: stat.start };
      const claim = newClaimId();
      assert.deepEqual(survivors(claim, recorded, table), []);
      assert.deepEqual(await endOrphans(claim, recorded, table), []);
      assert.deepEqual(await sweep(claim, recorded, table), []);
      assert.ok(isThere(pid));
    });

  test('a process that cannot be ended is named after ten seconds, and one that is this process is never touched', async () => {
    const claim = newClaimId();
    const pids = [2 ** 30, process.pid];
    const table = {
      ...realProcesses,
      pids: () => pids,
      stat: (pid: number) => ({ pid, start: '9', state: 'D', pgid: 1, ppid: 1, cpuMs: 0, kernel: false }),
      environment: () => `${COOKIE}=${claim}\0`,
    };
    const started = performance.now();
    assert.deepEqual(await sweep(claim, undefined, table), [2 ** 30]);
    assert.ok(performance.now() - started > 9_000);
  });

  test('two looks in a row must find nothing, and a process in the middle of exec is looked at again', async () => {
    let looks = 0;
    const table = {
      ...realProcesses,
      pids: () => {
        looks++;
        return [2 ** 30];
      },
      stat: (pid: number) => ({ pid, start: '9', state: 'R', pgid: 1, ppid: 1, cpuMs: 0, kernel: false }),
      environment: () => '',
    };
    assert.deepEqual(await sweep(newClaimId(), { pid: 2 ** 29, pgid: 2 ** 29, start: '5' }, table), []);
    assert.ok(looks >= 20, `${looks} looks`);
    looks = 0;
    assert.deepEqual(await sweep(newClaimId(), { pid: 2 ** 29, pgid: 2 ** 29, start: '10' }, table), []);
    assert.equal(looks, 2, 'what is older than the child cannot be its');
  });
});

test('an environment carries exactly the entry, not one that merely contains it', () => {
  const entry = 'A=1';
  const table: [string, boolean][] = [
    ['A=1', true],
    ['A=1\0', true],
    ['B=2\0A=1\0C=3\0', true],
    ['B=2\0A=1', true],
    ['AA=1\0A=1\0', true],
    ['', false],
    ['\0', false],
    ['AA=1\0', false],
    ['A=11\0', false],
    ['B=A=1\0', false],
    ['A=1x\0xA=1\0', false],
    ['A=1\nB=2\0', false],
    [' A=1\0', false],
  ];
  for (const [environment, expected] of table)
    assert.equal(carries(environment, entry), expected, JSON.stringify(environment));
});

test('a short program’s outputs and code are told, and so is why it did not start or end', async () => {
  const run = (script: string, timeoutMs = 10_000) => runTool('/bin/sh', ['-c', script], { timeoutMs });
  assert.deepEqual(await run('echo out; echo err >&2; exit 3'), {
    code: 3,
    stdout: 'out\n',
    stderr: 'err\n',
  });
  assert.deepEqual(await runTool('/nowhere/tool', [], { timeoutMs: 1_000 }), {
    code: null,
    stdout: '',
    stderr: '',
    errno: 'ENOENT',
  });
  assert.equal((await runTool('/bin/true', ['x'.repeat(3_000_000)], { timeoutMs: 1_000 })).errno, 'E2BIG');
  const started = performance.now();
  const late = await run('echo first; sleep 3 & sleep 3', 300);
  assert.deepEqual(late, { code: null, stdout: 'first\n', stderr: '', errno: 'ETIMEDOUT' });
  assert.ok(performance.now() - started < 2_500, 'a grandchild that holds the output kept us waiting');
  assert.equal((await run('yes | head -c 1000000')).stdout.length, 65_536);
  assert.deepEqual(await run('cat'), { code: 0, stdout: '', stderr: '' });
});

describe('a child that is talked to', () => {
  test('hears what is said, and goes when it is told to', async (t) => {
    const { child, output } = await gated(t, 'read -r word; echo "heard $word"; cat; exit 7', {
      isServer: true,
    });
    child.go();
    child.input?.write('hello\n');
    child.input?.end();
    child.dismiss();
    const { exit } = await child.finish();
    assert.deepEqual(exit, { kind: 'exited', code: 7 });
    assert.equal(await output, 'heard hello\n');
  });

  test(
    'is ended when it is told to go and does not, without SIGINT, and for no reason of ours',
    linux,
    async (t) => {
      const script =
        'trap "echo int" INT; trap "echo term; exit 5" TERM; echo on >"$DIR/on"; while :; do sleep 0.1; done';
      const { child, appears, output } = await gated(t, script, { isServer: true });
      child.go();
      await appears('on');
      child.input?.end();
      child.dismiss(50);
      const { exit } = await child.finish();
      assert.deepEqual(exit, { kind: 'exited', code: 5 });
      assert.equal(await output, 'term\n');
    },
  );

  test('is spoken to before any signal', async (t) => {
    const { child, output } = await gated(t, 'trap "echo term" TERM; cat; echo over', { isServer: true });
    child.gently = () => {
      child.input?.end('goodbye\n');
      return Promise.resolve();
    };
    child.go();
    await child.end('interrupted');
    const { exit } = await child.finish();
    assert.equal(exit.kind, 'ended-by-us');
    assert.equal(await output, 'goodbye\nover\n');
  });
});
