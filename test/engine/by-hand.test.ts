import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, closeSync, symlinkSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { clean } from '../../src/commands/clean.ts';
import { reset } from '../../src/commands/reset.ts';
import type { Host, ProcessIdentity } from '../../src/core/claim.ts';
import type { TidyReport } from '../../src/core/reports.ts';
import { ageOf, breakLock, killOwner, resetTask } from '../../src/engine/by-hand.ts';
import { realWorld, type World } from '../../src/engine/world.ts';
import { realFiles } from '../../src/io/files.ts';
import { realProcesses, thisProcess } from '../../src/io/process-identity.ts';
import {
  done,
  ended,
  failed,
  leftovers,
  makeClaim,
  makeMachine,
  type Claim,
  type ClaimOptions,
  type Machine,
} from './machine.ts';

const REAP = { orphans: 'end', mayLeave: () => false } as const;
const skip = process.platform === 'linux' ? false : 'looks into /proc';
const taskOf = ({ directory }: Machine) => ({ directory: directory.path, name: 'fix.md', label: 'fix.md' });

/** A real process that a lock file names as its owner, with the lock open or not. */
async function makeOwner(
  t: TestContext,
  machine: Machine,
  holdsLock: boolean,
  options: ClaimOptions = {},
): Promise<{ owner: ChildProcess; claim: Claim }> {
  // The lock is inherited as descriptor 3, so the file has to be there first; the record is written to name the process.
  const lockPath = path.join(machine.directory.path, '.lock-fix.md');
  const sleeper = (stdio: 'ignore' | number) =>
    spawn('sleep', ['300'], { stdio: ['ignore', 'ignore', 'ignore', stdio] });
  const first = sleeper('ignore');
  const identityOf = ({ pid }: ChildProcess): ProcessIdentity => {
    const stat = realProcesses.stat(pid ?? 0);
    assert.ok(typeof stat === 'object');
    return { host: thisProcess().host, pid: stat.pid, start: stat.start };
  };
  let owner = first;
  let claim = await makeClaim({ ...realWorld(), me: identityOf(first) }, machine, options);
  if (holdsLock) {
    // Descriptor numbers differ between processes; what counts is that it has the very file open.
    const fd = openSync(lockPath, 'r+');
    owner = sleeper(fd);
    const record = { ...claim.record, owner: { pid: identityOf(owner).pid, start: identityOf(owner).start } };
    const { encodeLine } = await import('../../src/io/lock-line.ts');
    await realFiles.write(fd, encodeLine(record, 3_072), 0);
    closeSync(fd);
    claim = { ...claim, record };
    first.kill('SIGKILL');
    await once(first, 'exit');
  }
  t.after(async () => {
    if (owner.exitCode === null && owner.signalCode === null) {
      owner.kill('SIGKILL');
      await once(owner, 'exit');
    }
  });
  await claim.close();
  return { owner, claim };
}

const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null;
const told = ({ actions }: TidyReport) =>
  actions.map(({ label, done: what, detail }) => `${label}: ${what}: ${detail}`);

interface Asked {
  readonly questions: string[];
  readonly confirm: (question: string) => Promise<boolean>;
}

function asking(answer: boolean): Asked {
  const questions: string[] = [];
  return {
    questions,
    confirm: (question) => {
      questions.push(question);
      return Promise.resolve(answer);
    },
  };
}

const cleanIn = (
  machine: Machine,
  more: Partial<Parameters<typeof clean>[0]> = {},
  { confirm } = asking(true),
) =>
  clean(
    {
      paths: [],
      patterns: ['*.md'],
      cwd: machine.directory.path,
      dryRun: false,
      all: false,
      version: '1',
      ...more,
    },
    confirm,
  );
const resetIn = (
  machine: Machine,
  more: Partial<Parameters<typeof reset>[0]> = {},
  { confirm } = asking(true),
  onStep?: Parameters<typeof reset>[2],
) =>
  reset(
    {
      paths: [],
      patterns: ['*.md'],
      cwd: machine.directory.path,
      dryRun: false,
      failedOnly: false,
      kill: false,
      version: '1',
      ...more,
    },
    confirm,
    onStep,
  );

test('reset says how far it is, before each task that it looks at and each that it resets', async (t) => {
  const machine = makeMachine(t);
  machine.write('other.md', 'Other.\n');
  machine.write('failed_exec_log-fix.md.txt', 'codex-worker log\n');
  const steps: string[] = [];
  await resetIn(machine, {}, undefined, ({ doing, done, of }) => void steps.push(`${doing} ${done}/${of}`));
  assert.deepEqual(steps, ['looking 0/2', 'looking 1/2', 'resetting 0/1']);
});

test('--kill ends the process that holds the task, and gives the task back', { skip }, async (t) => {
  const machine = makeMachine(t);
  const { owner } = await makeOwner(t, machine, true);
  const ending = once(owner, 'exit');
  const result = await killOwner(realWorld(), machine.directory, 'fix.md', REAP);
  assert.deepEqual(result, { kind: 'killed', reaped: { kind: 'given-back' } });
  assert.deepEqual(await ending, [null, 'SIGKILL']);
  assert.deepEqual(leftovers(machine), []);
  assert.deepEqual(ended(machine), ['died']);
});

test(
  '--kill leaves a process alone that a lock file names and that does not have that file open',
  { skip },
  async (t) => {
    const machine = makeMachine(t);
    const { owner } = await makeOwner(t, machine, false);
    const result = await killOwner(realWorld(), machine.directory, 'fix.md', REAP);
    assert.equal(result.kind, 'not-killed');
    assert.match(result.kind === 'not-killed' ? result.why : '', /does not have that file open/);
    assert.equal(hasEnded(owner), false);
    assert.ok(machine.has('.lock-fix.md'));
  },
);

test('--kill leaves a process alone of which nobody can see what it has open', { skip }, async (t) => {
  const machine = makeMachine(t);
  const { owner } = await makeOwner(t, machine, true);
  const world: World = { ...realWorld(), table: { ...realProcesses, hasOpen: () => undefined } };
  const result = await killOwner(world, machine.directory, 'fix.md', REAP);
  assert.match(
    result.kind === 'not-killed' ? result.why : result.kind,
    /^it cannot be seen whether process /,
  );
  assert.equal(hasEnded(owner), false);
  assert.ok(machine.has('.lock-fix.md'));
});

for (const [where, host] of [
  ['on another host', { name: 'there', machine: 'machine-9', boot: 'boot-9' }],
  ['in another container', { pidns: '1' }],
] as const satisfies readonly (readonly [string, Partial<Host>])[]) {
  test(`--kill does nothing about an owner ${where}`, async (t) => {
    const machine = makeMachine(t);
    const claim = await makeClaim(machine.boot({}, host), machine);
    await claim.close();
    const result = await killOwner(machine.boot(), machine.directory, 'fix.md', REAP);
    assert.match(result.kind === 'not-killed' ? result.why : '', /it can be killed only there/);
    assert.ok(machine.has('.lock-fix.md'));
  });
}

test('clean --kill asks, and names every task of that process', { skip }, async (t) => {
  const machine = makeMachine(t);
  const { owner } = await makeOwner(t, machine, true);
  const no = asking(false);
  const declined = await cleanIn(machine, { kill: 'fix.md' }, no);
  assert.ok(declined.declined);
  assert.match(no.questions.join(), /^Kill the worker that holds fix\.md\?/);
  assert.equal(hasEnded(owner), false);
  assert.deepEqual(told(await cleanIn(machine, { kill: 'fix.md' })), [
    'fix.md: killed: its worker was killed; it is pending again',
  ]);
  assert.deepEqual(leftovers(machine), []);
});

test('clean --force breaks a damaged lock of any kind, and touches no log', async (t) => {
  const kinds: Record<string, (lock: string, machine: Machine) => void> = {
    empty: (_, machine) => machine.write('.lock-fix.md', ''),
    cut: (_, machine) => machine.write('.lock-fix.md', '{"v":1,'),
    foreign: (_, machine) => machine.write('.lock-fix.md', 'pid 7\n'),
    link: (lock) => symlinkSync('/etc/passwd', lock),
  };
  for (const [name, make] of Object.entries(kinds)) {
    const machine = makeMachine(t);
    make(path.join(machine.directory.path, '.lock-fix.md'), machine);
    machine.write(`.exec_log-fix.md.${'a'.repeat(32)}`, 'somebody works\n');
    assert.deepEqual(
      (await cleanIn(machine)).actions.map(({ done: what }) => what),
      ['skipped'],
      `${name}: clean alone leaves it`,
    );
    const no = asking(false);
    assert.ok((await cleanIn(machine, { force: 'fix.md' }, no)).declined);
    assert.match(no.questions.join(), /Break the lock of fix\.md\? its lock file is damaged/);
    const report = await cleanIn(machine, { force: 'fix.md' });
    assert.deepEqual(
      report.actions.map(({ done: what }) => what),
      ['forced'],
      `${name}: ${told(report).join()}`,
    );
    assert.equal(machine.has('.lock-fix.md'), false, name);
    assert.ok(machine.has(`.exec_log-fix.md.${'a'.repeat(32)}`), name);
  }
});

test(
  'clean --force frees a task whose lock names a living process that does not have it open, and spares the process',
  { skip },
  async (t) => {
    const machine = makeMachine(t);
    const { owner } = await makeOwner(t, machine, false);
    const asked = asking(true);
    const report = await cleanIn(machine, { force: 'fix.md' }, asked);
    assert.match(
      asked.questions.join(),
      /process \d+, which its lock file names, does not have that file open/,
    );
    assert.deepEqual(
      report.actions.map(({ done: what }) => what),
      ['forced'],
      told(report).join(),
    );
    assert.deepEqual(leftovers(machine), []);
    assert.equal(hasEnded(owner), false);
  },
);

test('clean --force leaves the task of a process that has its lock open', { skip }, async (t) => {
  const machine = makeMachine(t);
  const { owner } = await makeOwner(t, machine, true);
  const asked = asking(true);
  const report = await cleanIn(machine, { force: 'fix.md' }, asked);
  assert.deepEqual(told(report), [
    `fix.md: skipped: process ${owner.pid} works on it; --kill ends that process`,
  ]);
  assert.deepEqual(asked.questions, []);
  assert.ok(machine.has('.lock-fix.md'));
  assert.equal(hasEnded(owner), false);
});

test('clean --force says why it cannot remove a directory in the place of a lock', async (t) => {
  const machine = makeMachine(t);
  mkdirSync(path.join(machine.directory.path, '.lock-fix.md'));
  const report = await cleanIn(machine, { force: 'fix.md' });
  assert.deepEqual(
    report.actions.map(({ done: what }) => what),
    ['skipped'],
  );
  assert.match(told(report).join(), /it is a directory: move it away by hand/);
});

test('a lock that changed after a person looked at it is not broken', async (t) => {
  const machine = makeMachine(t);
  machine.write('.lock-fix.md', 'damaged');
  const world = machine.boot();
  let changed = false;
  const meddling: World = {
    ...world,
    files: {
      ...realFiles,
      link: async (from, to) => {
        await realFiles.link(from, to);
        if (!changed) machine.write('.lock-fix.md', 'damaged in another way');
        changed = true;
      },
    },
  };
  assert.deepEqual(await breakLock(meddling, machine.directory, 'fix.md'), { kind: 'gone' });
  assert.equal(machine.read('.lock-fix.md'), 'damaged in another way');
});

test('clean --max-age takes over what another host left, by the age of its last heartbeat; a living owner here stays', async (t) => {
  const machine = makeMachine(t);
  const far = { name: 'there', machine: 'machine-9', boot: 'boot-9' };
  const claim = await makeClaim(machine.boot({}, far), machine);
  await claim.close();
  machine.write('two.md', 'Two.\n');
  const mine = await makeClaim(realWorld(), machine, { task: 'two.md' });
  await mine.close();
  const lock = path.join(machine.directory.path, '.lock-fix.md');
  const report = await cleanIn(machine, { maxAgeMs: 3_600_000 });
  assert.deepEqual(
    report.actions.map(({ done: what }) => what).slice(0, 1),
    ['skipped'],
    told(report).join(),
  );
  utimesSync(lock, new Date(), new Date(Date.now() - 7_200_000));
  assert.ok(
    (await ageOf(realWorld(), machine.directory, (await realFiles.lstat(lock)).mtimeNs)) >= 7_190_000,
  );
  const dry = await cleanIn(machine, { maxAgeMs: 3_600_000, dryRun: true });
  assert.ok(
    told(dry).some((line) => line.startsWith('fix.md: taken-over: it is on there; last written 2h')),
    told(dry).join(),
  );
  assert.ok(machine.has('.lock-fix.md'));
  await cleanIn(machine, { maxAgeMs: 3_600_000 });
  assert.equal(machine.has('.lock-fix.md'), false);
  assert.deepEqual(ended(machine).slice(0, 1), ['died']);
});

test('reset moves results aside, keeps every log, and leaves the task pending', async (t) => {
  const machine = makeMachine(t);
  machine.write(done, 'it was done\n');
  machine.write(failed, 'it had failed before\n');
  const no = asking(false);
  assert.ok((await resetIn(machine, {}, no)).declined);
  assert.match(no.questions.join(), /^Make 1 completed and 0 failed tasks pending again\?/);
  assert.deepEqual(told(await resetIn(machine, { dryRun: true })), ['fix.md: reset: it is completed']);
  assert.ok(machine.has(done));
  assert.deepEqual(told(await resetIn(machine)), ['fix.md: reset: it was completed']);
  assert.deepEqual(machine.ls(), ['.codex-worker', 'fix.md']);
  const kept = machine.ls('.codex-worker/ended').map((name) => machine.read(`.codex-worker/ended/${name}`));
  assert.deepEqual(kept.sort(), ['it had failed before\n', 'it was done\n']);
  assert.deepEqual(machine.ls('.codex-worker/tmp'), []);
});

test('reset --failed leaves completed tasks alone', async (t) => {
  const machine = makeMachine(t);
  machine.write(done, 'it was done\n');
  machine.write('two.md', 'Two.\n');
  machine.write('failed_exec_log-two.md.txt', 'it failed\n');
  assert.deepEqual(told(await resetIn(machine, { failedOnly: true })), ['two.md: reset: it was failed']);
  assert.ok(machine.has(done));
});

test(
  'reset skips a running task and names it; with --kill its worker is killed first',
  { skip },
  async (t) => {
    const machine = makeMachine(t);
    const { owner } = await makeOwner(t, machine, true);
    const { questions, confirm } = asking(true);
    const report = await resetIn(machine, {}, { questions, confirm });
    assert.deepEqual(told(report), ['fix.md: skipped: it is in progress']);
    assert.match(questions.join(), /In progress, left alone: fix\.md\./);
    assert.equal(hasEnded(owner), false);
    assert.deepEqual(told(await resetIn(machine, { kill: true })), [
      'fix.md: killed: its worker was killed; it is pending again',
    ]);
    assert.deepEqual(machine.ls(), ['.codex-worker', 'fix.md']);
  },
);

test('reset of a task whose owner is dead settles it first', async (t) => {
  const machine = makeMachine(t);
  const dead: ProcessIdentity = { ...thisProcess(), start: '1' };
  const claim = await makeClaim({ ...realWorld(), me: dead }, machine, { outcome: 'done' });
  await claim.close();
  assert.deepEqual(told(await resetIn(machine)), ['fix.md: reset: it was completed']);
  assert.deepEqual(machine.ls(), ['.codex-worker', 'fix.md']);
  assert.deepEqual(ended(machine), ['completed']);
});

test('two resets at once: one has the task, the other says so', async (t) => {
  const machine = makeMachine(t);
  machine.write(done, 'it was done\n');
  const other = machine.boot();
  let second: Promise<string> | undefined;
  const first: World = {
    ...machine.boot(),
    files: {
      ...realFiles,
      rename: async (from, to) => {
        second ??= resetTask(other, machine.directory, taskOf(machine), 'run-2', 'test');
        await second; // the first has the claim by now, and holds it
        await realFiles.rename(from, to);
      },
    },
  };
  assert.equal(await resetTask(first, machine.directory, taskOf(machine), 'run-1', 'test'), 'reset');
  assert.equal(await second, 'taken');
  assert.deepEqual(leftovers(machine), []);
});

test('a run makes only the very failure pending that it has published itself', async (t) => {
  const [ours, another] = ['a'.repeat(32), 'b'.repeat(32)];
  const logOf = (claim: string) =>
    `codex-worker log\nattempt:   2\nclaim:     ${claim}\nprompt:    ${'0'.repeat(64)} (sha256)\n${'─'.repeat(72)}\n`;
  const cases = [
    { files: { [failed]: logOf(ours) }, result: 'reset' },
    { files: { [failed]: logOf(another) }, result: 'another' },
    { files: { [done]: logOf(another) }, result: 'another' },
    { files: { [failed]: 'somebody wrote this\n' }, result: 'another' },
    { files: {}, result: 'another' },
  ];
  for (const { files, result } of cases) {
    const machine = makeMachine(t);
    for (const [name, text] of Object.entries(files)) machine.write(name, text);
    const world = machine.boot();
    assert.equal(await resetTask(world, machine.directory, taskOf(machine), 'a-run', 'test', ours), result);
    assert.deepEqual(ended(machine), result === 'reset' ? ['failed'] : []);
    for (const name of Object.keys(files)) assert.equal(machine.has(name), result !== 'reset', name);
    assert.deepEqual(leftovers(machine), []);
  }
});

test('a reset that dies half-way is finished off by the next run, and no log is lost', async (t) => {
  const machine = makeMachine(t);
  machine.write(done, 'it was done\n');
  const dying = machine.boot();
  let dead: () => void = () => {};
  const death = new Promise<void>((resolve) => (dead = resolve));
  const world: World = {
    ...dying,
    files: {
      ...realFiles,
      fsync: async (fd) => {
        if (!machine.has(done)) {
          dead(); // the result was moved; now it is killed
          await new Promise<never>(() => {});
        }
        await realFiles.fsync(fd);
      },
    },
  };
  void resetTask(world, machine.directory, taskOf(machine), 'a-run', 'test');
  await death;
  machine.kill(dying);
  const { judgeTask, reap } = await import('../../src/engine/reaper.ts');
  const { SilenceWatch } = await import('../../src/engine/silence.ts');
  const next = machine.boot();
  const verdict = await judgeTask(next, machine.directory, 'fix.md', {
    silence: new SilenceWatch(next.uptimeMs),
    isInHand: () => false,
  });
  assert.ok(verdict.kind === 'dead');
  assert.deepEqual(await reap(next, machine.directory, verdict, REAP), { kind: 'given-back' });
  assert.deepEqual(leftovers(machine), []);
  assert.deepEqual(ended(machine), ['completed']);
});
