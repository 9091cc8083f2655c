import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { newClaimId } from '../../src/core/claim.ts';
import { tidy } from '../../src/engine/janitor.ts';
import { realFiles } from '../../src/io/files.ts';
import { takeRight, writeIdentityFile } from '../../src/io/break-right.ts';
import { identityToken } from '../../src/io/process-identity.ts';
import { removeQuestion, writeNotice, writeQuestion } from '../../src/io/question-file.ts';
import { question } from '../rig/question.ts';
import { ended, makeClaim, makeMachine, tryClaim } from './machine.ts';

const X = newClaimId();

test('a right to a claim that no lock holds is removed; one that a lock holds stays, and so do all while a lock is damaged', async (t) => {
  const machine = makeMachine(t);
  const [owner, janitor] = [machine.boot(), machine.boot()];
  const claim = await makeClaim(owner, machine);
  await claim.close();
  await writeIdentityFile(realFiles, machine.directory, owner.me);
  await takeRight(realFiles, machine.directory, claim.id, 1, owner.me);
  await takeRight(realFiles, machine.directory, X, 1, owner.me);
  await takeRight(realFiles, machine.directory, X, 2, owner.me);
  const rights = () => machine.ls().filter((name) => name.startsWith('.break-'));
  machine.write('.lock-other.md', 'damaged');
  await tidy(janitor, machine.directory);
  assert.equal(rights().length, 3, 'the damaged lock may hold any claim');
  await realFiles.unlink(path.join(machine.directory.path, '.lock-other.md'));
  await tidy(janitor, machine.directory);
  assert.deepEqual(rights(), [`.break-${claim.id}.1`]);
});

test('a running log stays while its claim is being made, is held, or has a process; then it goes', async (t) => {
  const machine = makeMachine(t);
  const [maker, janitor] = [machine.boot(), machine.boot()];
  const log = `.exec_log-fix.md.${X}`;
  const draft = `.codex-worker/tmp/${X}.${identityToken(maker.me)}`;
  machine.write(draft, '');
  machine.write(log, '');
  await tidy(janitor, machine.directory);
  assert.ok(machine.has(log) && machine.has(draft), 'it is being claimed');

  const carrier = machine.boot();
  const table = {
    ...machine.table,
    environment: (pid: number) => (pid === carrier.me.pid ? `CODEX_WORKER_CLAIM=${X}\0` : 'A=1\0'),
  };
  machine.kill(maker);
  await tidy({ ...janitor, table }, machine.directory);
  assert.ok(machine.has(log), 'something of it still runs');

  machine.kill(carrier);
  machine.write(draft, '');
  assert.deepEqual(
    (await tidy(janitor, machine.directory, { dryRun: true, all: false })).sort(),
    [draft, log].sort(),
  );
  assert.ok(machine.has(log) && machine.has(draft), 'a dry run removes nothing');
  await tidy(janitor, machine.directory);
  assert.deepEqual(machine.ls(), ['.codex-worker', 'fix.md']);
  assert.deepEqual(machine.ls('.codex-worker/tmp'), []);
});

test('a claim that a living process of a cloned machine makes meanwhile keeps its log, or is not made', async (t) => {
  const machine = makeMachine(t);
  const isLock = (name: string) => name.endsWith('/.lock-fix.md');
  let [isReady, goOn] = [() => {}, () => {}];
  const ready = new Promise<void>((resolve) => (isReady = resolve));
  const lockWasRead = new Promise<void>((resolve) => (goOn = resolve));
  const link = async (from: string, to: string) => {
    if (isLock(to)) {
      isReady();
      await lockWasRead;
    }
    return realFiles.link(from, to);
  };
  // Cloned machines share their id; the boot is another, so that its temporary files look like those of the dead.
  const clone = machine.boot({ link }, { boot: 'boot-1' });
  const claiming = tryClaim(clone, machine.directory, { started: false });
  await ready;
  const open: typeof realFiles.open = async (name, flags, mode) => {
    try {
      return await realFiles.open(name, flags, mode);
    } finally {
      if (isLock(name)) {
        goOn();
        await claiming;
      }
    }
  };
  await tidy(machine.boot({ open }), machine.directory);
  const claim = await claiming;
  t.after(() => claim?.close());
  assert.ok(!claim || machine.has(`.exec_log-fix.md.${claim.id}`), 'a claim lost its log');
  assert.deepEqual([machine.ls(), machine.ls('.codex-worker/tmp')], [['.codex-worker', 'fix.md'], []]);
});

test('a running log with something in it is put aside, never deleted', async (t) => {
  const machine = makeMachine(t);
  machine.write(`.exec_log-fix.md.${X}`, 'what the agent did\n');
  await tidy(machine.boot(), machine.directory);
  assert.deepEqual(ended(machine), ['lost']);
  const [name] = machine.ls('.codex-worker/ended');
  assert.equal(machine.read(`.codex-worker/ended/${name}`), 'what the agent did\n');
});

test('the log and the mirror of a claim that is held are left alone, even when its owner is dead', async (t) => {
  const machine = makeMachine(t);
  const owner = machine.boot();
  const claim = await makeClaim(owner, machine);
  await claim.close();
  machine.kill(owner);
  const before = machine.ls();
  assert.deepEqual(await tidy(machine.boot(), machine.directory), []);
  assert.deepEqual(machine.ls(), before);
});

test('a mirror without a lock is removed when it is one, and left when it is a file of the user', async (t) => {
  const machine = makeMachine(t);
  machine.write('in-progress-fix.md', 'codex-worker log\ntask: fix.md\n');
  machine.write('in-progress-report.md', 'my own\n');
  await tidy(machine.boot(), machine.directory);
  assert.deepEqual(machine.ls(), ['.codex-worker', 'fix.md', 'in-progress-report.md']);
});

test('temporary files go with their process; those of the living, of other machines and of other containers stay', async (t) => {
  const machine = makeMachine(t);
  const [alive, dead] = [machine.boot(), machine.boot()];
  machine.kill(dead);
  const far = machine.boot({}, { machine: 'machine-9' });
  const container = machine.boot({}, { pidns: '4026539999' });
  const before = machine.boot({}, { boot: 'boot-1' });
  for (const { me } of [alive, dead, far, container, before])
    machine.write(`.codex-worker/tmp/proc.${identityToken(me)}`, '');
  machine.write('.codex-worker/tmp/what-is-this', '');
  await tidy(alive, machine.directory);
  assert.deepEqual(
    machine.ls('.codex-worker/tmp'),
    [...[alive, far, container].map(({ me }) => `proc.${identityToken(me)}`), 'what-is-this'].sort(),
  );
});

test('of the earlier attempts of each task the newest twenty are kept, and none with all', async (t) => {
  const machine = makeMachine(t);
  await mkdir(path.join(machine.directory.path, '.codex-worker', 'ended'));
  for (const hash of ['a'.repeat(16), 'b'.repeat(16)])
    for (let attempt = 1; attempt <= 25; attempt++)
      machine.write(`.codex-worker/ended/${hash}.${attempt}.${newClaimId()}.retry.txt`, 'x');
  await tidy(machine.boot(), machine.directory);
  const attempts = machine.ls('.codex-worker/ended').map((name) => Number(name.split('.')[1]));
  assert.equal(attempts.length, 40);
  assert.equal(Math.min(...attempts), 6);
  await tidy(machine.boot(), machine.directory, { dryRun: false, all: true });
  assert.deepEqual(machine.ls('.codex-worker/ended'), []);
});

test('a directory that has the name of a leftover stays where it is, and the rest is tidied all the same', async (t) => {
  const machine = makeMachine(t);
  const [dead, janitor] = [machine.boot(), machine.boot()];
  machine.kill(dead);
  const leftover = `.codex-worker/tmp/${X}.${identityToken(dead.me)}`;
  const old = (attempt: number) => `.codex-worker/ended/0123456789abcdef.${attempt}.${X}.died.txt`;
  const directories = [`.break-${X}.1`, `.codex-worker/tmp/proc.${identityToken(dead.me)}`, old(1)];
  for (const name of directories) await mkdir(path.join(machine.directory.path, name), { recursive: true });
  machine.write(`.break-${X}.2`, '');
  machine.write(leftover, '');
  for (let attempt = 2; attempt <= 23; attempt++) machine.write(old(attempt), '');
  assert.deepEqual(await tidy(janitor, machine.directory), [`.break-${X}.2`, leftover, old(3), old(2)]);
  for (const name of directories) assert.ok(machine.has(name), name);
});

test('a blank file of the user’s that is called like a mirror of no task stays; beside its task it is a mirror', async (t) => {
  const machine = makeMachine(t);
  machine.write('in-progress-list.txt', '');
  machine.write('in-progress-fix.md', '');
  assert.deepEqual(await tidy(machine.boot(), machine.directory), ['in-progress-fix.md']);
  assert.ok(machine.has('in-progress-list.txt'));
});

test('a directory whose private folder is gone is tidy', async (t) => {
  const machine = makeMachine(t);
  const { rm } = await import('node:fs/promises');
  await rm(path.join(machine.directory.path, '.codex-worker'), { recursive: true });
  assert.deepEqual(await tidy(machine.boot(), machine.directory), []);
  assert.equal(existsSync(path.join(machine.directory.path, '.codex-worker')), false);
});

test('questions of claims that are gone are removed; those that a lock holds stay, and so do all while a lock is damaged', async (t) => {
  const machine = makeMachine(t);
  const { directory } = machine;
  const [owner, janitor] = [machine.boot(), machine.boot()];
  const claim = await makeClaim(owner, machine);
  await claim.close();
  for (const one of [question({ claim: claim.id }), question({ claim: X }), question({ claim: X, n: 2 })])
    await writeQuestion(realFiles, directory, owner.me, one);
  await writeNotice(realFiles, directory, owner.me, 'fix.md', 'run: ls\n');
  await writeNotice(realFiles, directory, owner.me, 'gone.md', 'run: ls\n');
  machine.write('.codex-worker/questions/notes.txt', 'mine');
  machine.write('needs-approval-list.md', 'my own\n');
  machine.write('.lock-other.md', 'damaged');
  assert.deepEqual(await tidy(janitor, directory), ['needs-approval-gone.md']);
  await realFiles.unlink(path.join(directory.path, '.lock-other.md'));
  const stale = [`.codex-worker/questions/${X}.1.json`, `.codex-worker/questions/${X}.2.json`];
  assert.deepEqual((await tidy(janitor, directory, { dryRun: true, all: false })).sort(), stale);
  assert.deepEqual((await tidy(janitor, directory)).sort(), stale);
  assert.deepEqual(await tidy(janitor, directory), []);
  assert.deepEqual(machine.ls('.codex-worker/questions'), [`${claim.id}.1.json`, 'notes.txt'].sort());
  assert.deepEqual(
    machine.ls().filter((name) => name.startsWith('needs-')),
    ['needs-approval-fix.md', 'needs-approval-list.md'],
  );
});

test('a question that is asked while the janitor works, under a claim that is made just then, is never removed', async (t) => {
  // The janitor is held up before each of its calls in turn, and the owner does all of it there.
  for (let at = 1; ; at++) {
    const machine = makeMachine(t);
    const { directory } = machine;
    const [owner, before] = [machine.boot(), machine.boot()];
    // What makes it look: a question and a notice of claims that are gone.
    await writeQuestion(realFiles, directory, before.me, question({ claim: X }));
    await writeNotice(realFiles, directory, before.me, 'fix.md', 'of before\n');
    let calls = 0;
    let asked = '';
    const meanwhile = async () => {
      if (++calls !== at) return;
      const claim = await makeClaim(owner, machine);
      await claim.close();
      asked = `${claim.id}.1.json`;
      await writeQuestion(realFiles, directory, owner.me, question({ claim: claim.id }));
      await writeNotice(realFiles, directory, owner.me, 'fix.md', 'of now\n');
    };
    const janitor = machine.boot({
      readdir: (name) => meanwhile().then(() => realFiles.readdir(name)),
      lstat: (name) => meanwhile().then(() => realFiles.lstat(name)),
      open: (name, flags, mode) => meanwhile().then(() => realFiles.open(name, flags, mode)),
      unlink: (name) => meanwhile().then(() => realFiles.unlink(name)),
      rename: (from, to) => meanwhile().then(() => realFiles.rename(from, to)),
    });
    await tidy(janitor, directory);
    if (calls < at) break;
    assert.deepEqual(
      machine.ls('.codex-worker/questions').filter((name) => !name.startsWith(X)),
      [asked],
      `before call ${at}`,
    );
    assert.match(machine.read('needs-approval-fix.md'), /of now\n$/, `before call ${at}`);
  }
});

test('what the owner removes itself while the janitor works is no trouble', async (t) => {
  const machine = makeMachine(t);
  const { directory } = machine;
  const owner = machine.boot();
  await writeQuestion(realFiles, directory, owner.me, question({ claim: X }));
  const janitor = machine.boot({
    unlink: async (name) => {
      if (name.endsWith('.json')) await removeQuestion(realFiles, directory, X, 1);
      return realFiles.unlink(name);
    },
  });
  assert.deepEqual(await tidy(janitor, directory), []);
});
