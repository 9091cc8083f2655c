import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Host } from '../../src/core/claim.ts';
import { judgeTask, reap, type Verdict } from '../../src/engine/reaper.ts';
import { SilenceWatch } from '../../src/engine/silence.ts';
import type { World } from '../../src/engine/world.ts';
import { isRunning, realProcesses } from '../../src/io/process-identity.ts';
import { HOST, done, ended, leftovers, makeClaim, makeMachine, type Machine } from './machine.ts';

const REAP = { orphans: 'end', mayLeave: () => false } as const;

/** One process that looks again and again. */
function watcher(machine: Machine, world: World = machine.boot(), takeoverAfterMs?: number, network = false) {
  const silence = new SilenceWatch(world.uptimeMs);
  return (): Promise<Verdict> =>
    judgeTask(world, { ...machine.directory, network }, 'fix.md', {
      silence,
      isInHand: () => false,
      ...(takeoverAfterMs === undefined ? {} : { takeoverAfterMs }),
    });
}

/** A lock whose owner ran, or runs, on some host. */
async function claimOn(machine: Machine, host: Partial<Host>) {
  const claim = await makeClaim(machine.boot({}, host), machine);
  return claim;
}

async function lookFor(
  machine: Machine,
  look: () => Promise<Verdict>,
  ms: number,
  everyMs = 5_000,
): Promise<Verdict> {
  let verdict = await look();
  for (let waited = 0; waited < ms; waited += everyMs) {
    machine.now += everyMs;
    verdict = await look();
  }
  return verdict;
}

test('on one machine the process table decides, and silence means nothing', async (t) => {
  const machine = makeMachine(t);
  const owner = machine.boot();
  const claim = await makeClaim(owner, machine);
  const look = watcher(machine);
  assert.equal((await look()).kind, 'alive');
  assert.equal((await lookFor(machine, look, 3_600_000)).kind, 'alive');
  machine.setState(owner, 'T');
  assert.equal((await lookFor(machine, look, 3_600_000)).kind, 'alive', 'it is stopped, and may go on');
  machine.setState(owner, 'Z');
  assert.equal((await look()).kind, 'dead', 'a zombie does nothing any more');
  machine.kill(owner);
  assert.equal((await look()).kind, 'dead');
  await claim.close();
});

test('another process with the pid of the owner is not the owner', async (t) => {
  const machine = makeMachine(t);
  const owner = machine.boot();
  const claim = await makeClaim(owner, machine);
  await claim.close();
  const look = watcher(machine, {
    ...machine.boot(),
    table: {
      ...machine.table,
      stat: (pid) => {
        const stat = machine.table.stat(pid);
        return pid === owner.me.pid && typeof stat === 'object' ? { ...stat, start: '99999' } : stat;
      },
    },
  });
  assert.equal((await look()).kind, 'dead');
});

test('an owner that cannot be looked at counts as alive', async (t) => {
  const machine = makeMachine(t);
  const claim = await makeClaim(machine.boot(), machine);
  await claim.close();
  const look = watcher(machine, { ...machine.boot(), table: { ...machine.table, stat: () => 'unknown' } });
  assert.equal((await look()).kind, 'alive');
});

test('a claim of this very process that no thread of it works on belongs to a thread that died', async (t) => {
  const machine = makeMachine(t);
  const me = machine.boot();
  const claim = await makeClaim(me, machine);
  await claim.close();
  const judgeAs = (isInHand: boolean) =>
    judgeTask(me, machine.directory, 'fix.md', {
      silence: new SilenceWatch(me.uptimeMs),
      isInHand: () => isInHand,
    });
  assert.equal((await judgeAs(true)).kind, 'alive');
  const verdict = await judgeAs(false);
  assert.ok(verdict.kind === 'dead' && verdict.sameBoot);
});

test('an owner from an earlier boot is dead after 30 s of silence, over at least six looks', async (t) => {
  const machine = makeMachine(t);
  const claim = await claimOn(machine, { boot: 'boot-1' });
  const look = watcher(machine);
  assert.equal((await lookFor(machine, look, 25_000)).kind, 'undecided');
  const verdict = await lookFor(machine, look, 5_000);
  assert.ok(verdict.kind === 'dead' && !verdict.sameBoot);
  await claim.close();
});

test('an owner "from an earlier boot" that still writes is a clone of this machine, and alive', async (t) => {
  const machine = makeMachine(t);
  const claim = await claimOn(machine, { boot: 'boot-1' });
  const look = watcher(machine);
  for (let i = 0; i < 20; i++) {
    await claim.lock.renew(`2026-01-02T03:04:${10 + i}Z`);
    machine.now += 5_000;
    assert.equal((await look()).kind, 'undecided');
  }
  await claim.close();
});

test('after a gap of more than 15 s between two looks the silence is counted from the beginning', async (t) => {
  const machine = makeMachine(t);
  const claim = await claimOn(machine, { boot: 'boot-1' });
  const look = watcher(machine);
  await lookFor(machine, look, 25_000);
  machine.now += 16_000; // this machine slept, and the other may have
  assert.equal((await lookFor(machine, look, 25_000)).kind, 'undecided');
  assert.equal((await lookFor(machine, look, 5_000)).kind, 'dead');
  await claim.close();
});

const ELSEWHERE: readonly { name: string; host: Partial<Host>; why: RegExp }[] = [
  { name: 'on another host', host: { name: 'there', machine: 'machine-9', boot: 'boot-9' }, why: /on there/ },
  {
    name: 'on a clone of this machine with a name of its own',
    host: { name: 'there', boot: 'boot-9' },
    why: /on there/,
  },
  { name: 'in another container', host: { pidns: '4026539999' }, why: /another container/ },
  {
    name: 'of an earlier container',
    host: { pidns: '4026539999', machine: 'machine-9' },
    why: /another container/,
  },
  { name: 'of another user', host: { uid: 1001 }, why: /another user/ },
];

for (const { name, host, why } of ELSEWHERE) {
  test(`an owner ${name} is never judged by itself`, async (t) => {
    const machine = makeMachine(t);
    const claim = await claimOn(machine, host);
    const verdict = await lookFor(machine, watcher(machine), 3_600_000);
    assert.equal(verdict.kind, 'elsewhere');
    assert.match(verdict.kind === 'elsewhere' ? verdict.why : '', why);
    await claim.close();
  });

  const isForeign = host.uid !== undefined;
  test(`with --takeover-after an owner ${name} ${isForeign ? 'is not judged either' : 'is dead after so long a silence'}`, async (t) => {
    const machine = makeMachine(t);
    const claim = await claimOn(machine, host);
    const look = watcher(machine, machine.boot(), 60_000);
    const early = await lookFor(machine, look, 55_000);
    assert.equal(early.kind, isForeign ? 'elsewhere' : 'undecided');
    const late = await lookFor(machine, look, 10_000);
    assert.equal(late.kind, isForeign ? 'elsewhere' : 'dead');
    await claim.close();
  });
}

test('root judges the processes of every user', async (t) => {
  const machine = makeMachine(t);
  const owner = machine.boot();
  const claim = await makeClaim({ ...owner, me: { ...owner.me, host: { ...HOST, uid: 1001 } } }, machine);
  await claim.close();
  const root = machine.boot();
  const look = watcher(machine, { ...root, me: { ...root.me, host: { ...HOST, uid: 0 } } });
  assert.equal((await look()).kind, 'alive');
  machine.kill(owner);
  assert.equal((await look()).kind, 'dead');
});

test('on a network file system an owner elsewhere must be silent for two minutes at least', async (t) => {
  const machine = makeMachine(t);
  const claim = await claimOn(machine, { name: 'there', machine: 'machine-9', boot: 'boot-9' });
  const look = watcher(machine, machine.boot(), 60_000, true);
  assert.equal((await lookFor(machine, look, 115_000)).kind, 'undecided');
  assert.equal((await lookFor(machine, look, 5_000)).kind, 'dead');
  await claim.close();
});

test('an owner on another host that is heard of is alive, and the takeover waits', async (t) => {
  const machine = makeMachine(t);
  const claim = await claimOn(machine, { name: 'there', machine: 'machine-9', boot: 'boot-9' });
  const look = watcher(machine, machine.boot(), 60_000);
  await lookFor(machine, look, 55_000);
  await claim.lock.renew('2026-01-02T03:05:00Z');
  assert.equal((await lookFor(machine, look, 5_000)).kind, 'elsewhere');
  assert.equal((await lookFor(machine, look, 50_000)).kind, 'undecided');
  await claim.close();
});

test('a taken over owner that comes back publishes nothing', async (t) => {
  const machine = makeMachine(t);
  const far = machine.boot({}, { name: 'there', machine: 'machine-9', boot: 'boot-9' });
  const claim = await makeClaim(far, machine);
  const here = machine.boot();
  const verdict = await lookFor(machine, watcher(machine, here, 60_000), 70_000);
  assert.ok(verdict.kind === 'dead');
  assert.equal((await reap(here, machine.directory, verdict, REAP)).kind, 'given-back');
  assert.equal(await claim.lock.renew('2026-01-02T03:09:00Z'), 'lost');
  const { settle } = await import('../../src/engine/settle.ts');
  assert.deepEqual(
    await settle(far, { directory: machine.directory, task: 'fix.md', claim: claim.id, role: 'owner' }),
    {
      kind: 'gone',
    },
  );
  assert.equal(machine.has(done), false);
  await claim.close();
});

test('a damaged lock is held, whatever is wrong with it', async (t) => {
  const machine = makeMachine(t);
  const look = watcher(machine);
  for (const text of ['', 'x', '{"v":1}\n', 'x'.repeat(4_096), 'x'.repeat(10_000)]) {
    machine.write('.lock-fix.md', text);
    assert.equal(
      (await lookFor(machine, look, 3_600_000, 600_000)).kind,
      'damaged',
      JSON.stringify(text.slice(0, 20)),
    );
  }
});

test('a dead owner with an outcome is rolled forward, one without gives the task back', async (t) => {
  for (const [outcome, expected] of [
    ['done', { kind: 'rolled-forward', state: 'completed' }],
    ['failed', { kind: 'rolled-forward', state: 'failed' }],
    [undefined, { kind: 'given-back' }],
  ] as const) {
    const machine = makeMachine(t);
    const owner = machine.boot();
    const claim = await makeClaim(owner, machine, outcome ? { outcome } : {});
    await claim.close();
    machine.kill(owner);
    const here = machine.boot();
    const verdict = await watcher(machine, here)();
    assert.ok(verdict.kind === 'dead');
    assert.ok(isDeepStrictEqual(await reap(here, machine.directory, verdict, REAP), expected));
    assert.deepEqual(leftovers(machine), []);
    assert.deepEqual(ended(machine), outcome ? [] : ['died']);
  }
});

test(
  'a process that a lock file names as the child, but that has nothing to do with the claim, is never signalled',
  {
    skip: process.platform === 'linux' ? false : 'looks into /proc',
  },
  async (t) => {
    const bystander = spawn('sleep', ['300'], { detached: true, stdio: 'ignore' });
    t.after(async () => {
      bystander.kill('SIGKILL');
      await once(bystander, 'exit');
    });
    const pid = bystander.pid ?? 0;
    const stat = realProcesses.stat(pid);
    assert.ok(typeof stat === 'object');
    const machine = makeMachine(t);
    const owner = machine.boot();
    const claim = await makeClaim(owner, machine);
    await claim.close();
    machine.kill(owner);
    const here: World = { ...machine.boot() };
    const verdict = await watcher(machine, here)();
    assert.ok(verdict.kind === 'dead');
    // Pid, start time and group are right, as they would be in a lock file that was written to do harm.
    const record = { ...verdict.record, child: { pid, start: stat.start, pgid: pid } };
    const result = await reap(
      { ...here, table: realProcesses },
      machine.directory,
      { ...verdict, record },
      REAP,
    );
    assert.equal(result.kind, 'given-back');
    assert.ok(isRunning({ pid, start: stat.start }, realProcesses));
  },
);
