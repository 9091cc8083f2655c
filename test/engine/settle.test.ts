import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, renameSync } from 'node:fs';
import { mkdir, rename, symlink } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { tidy } from '../../src/engine/janitor.ts';
import { settle, type SettleRequest, type SettleResult } from '../../src/engine/settle.ts';
import type { World } from '../../src/engine/world.ts';
import { realFiles, type Files } from '../../src/io/files.ts';
import { claimIdIn, readLock } from '../../src/io/lock-file.ts';
import { takeRight, writeIdentityFile } from '../../src/io/break-right.ts';
import { readQuestions, writeNotice, writeQuestion } from '../../src/io/question-file.ts';
import { question } from '../rig/question.ts';
import {
  done,
  ended,
  errno,
  failed,
  finish,
  leftovers,
  makeClaim,
  makeMachine,
  type Machine,
} from './machine.ts';

const settleAs = (
  world: World,
  { directory }: Machine,
  claim: string,
  more: Partial<SettleRequest> = {},
): Promise<SettleResult> => settle(world, { directory, task: 'fix.md', claim, role: 'reaper', ...more });

/** `.break-X.n` in the hand of a process. */
async function giveRight(world: World, { directory }: Machine, claim: string, n: number): Promise<void> {
  await writeIdentityFile(realFiles, directory, world.me);
  await takeRight(realFiles, directory, claim, n, world.me);
}

const VERBS = ['open', 'fsync', 'read', 'lstat', 'link', 'rename', 'unlink', 'write'] as const;
type Verb = (typeof VERBS)[number];

/** Counts the calls of one verb, and fails them from the `from`-th on, `times` in a row. */
function failing(
  verb: Verb,
  code: string,
  from: number,
  times: number,
): { files: Partial<Files>; readonly calls: number } {
  let calls = 0;
  const real = realFiles[verb] as (...args: unknown[]) => Promise<unknown>;
  const call = (...args: unknown[]) => {
    calls++;
    return calls >= from && calls < from + times ? Promise.reject(errno(code)) : real(...args);
  };
  return {
    files: { [verb]: call },
    get calls() {
      return calls;
    },
  };
}

for (const hardLinks of [true, false]) {
  const where = hardLinks ? '' : ', on a file system without hard links';
  for (const code of ['EIO', 'ENOSPC']) {
    test(`a disk that says ${code} at any call of settle delays the result, and never costs the right or the lock${where}`, async (t) => {
      for (const verb of VERBS) {
        for (let at = 1; ; at++) {
          const machine = makeMachine(t, { hardLinks });
          const owner = machine.boot();
          const claim = await makeClaim(owner, machine, { outcome: 'done' });
          await claim.close();
          await writeIdentityFile(realFiles, machine.directory, owner.me);
          const disk = failing(verb, code, at, 3);
          const seen: string[][] = [];
          const world: World = {
            ...owner,
            files: { ...realFiles, ...disk.files },
            sleep: (ms) => {
              seen.push(readdirSync(machine.directory.path));
              return owner.sleep(ms);
            },
          };
          const result = await settleAs(world, machine, claim.id, { role: 'owner' });
          if (disk.calls < at) break;
          const situation = `${verb} ${at} of ${disk.calls}`;
          assert.equal(result.kind, 'settled', situation);
          for (const names of seen) {
            const isPublished = names.includes(done);
            const isLocked = names.includes('.lock-fix.md');
            assert.ok(isLocked || isPublished, `neither lock nor result at ${situation}`);
            if (isPublished && isLocked)
              assert.ok(names.includes(`.break-${claim.id}.1`), `the right was given back at ${situation}`);
          }
          assert.ok(machine.has(done), situation);
          assert.equal(machine.has('.lock-fix.md'), false, situation);
          await tidy(machine.boot(), machine.directory);
          assert.deepEqual(leftovers(machine), [], situation);
        }
      }
    });
  }

  test(`after a minute of refusals settle leaves lock and right as they are; the next in the chain publishes${where}`, async (t) => {
    const machine = makeMachine(t, { hardLinks });
    const owner = machine.boot();
    const claim = await makeClaim(owner, machine, { outcome: 'done' });
    await claim.close();
    const blockedDisk = machine.boot({ rename: () => Promise.reject(errno('ENOSPC')) });
    await writeIdentityFile(realFiles, machine.directory, blockedDisk.me);
    const before = machine.now;
    const result = await settleAs(blockedDisk, machine, claim.id);
    assert.equal(result.kind, 'blocked');
    assert.ok(machine.now - before >= 60_000);
    assert.deepEqual(
      machine.ls().filter((name) => /^\.(?:lock|break)/.test(name)),
      [`.break-${claim.id}.1`, '.lock-fix.md'],
    );

    machine.kill(blockedDisk);
    assert.deepEqual((await settleAs(machine.boot(), machine, claim.id)).kind, 'settled');
    assert.ok(machine.has(done));
    await tidy(machine.boot(), machine.directory);
    assert.deepEqual(leftovers(machine), []);
  });

  test(`a right passes on from dead holder to dead holder, and all of them go with the lock${where}`, async (t) => {
    const machine = makeMachine(t, { hardLinks });
    const [owner, first, second, third] = [machine.boot(), machine.boot(), machine.boot(), machine.boot()];
    const claim = await makeClaim(owner, machine, { outcome: 'done' });
    await claim.close();
    await giveRight(first, machine, claim.id, 1);
    await giveRight(second, machine, claim.id, 2);
    for (const dead of [owner, first, second]) machine.kill(dead);
    let rights: string[] = [];
    const world: World = {
      ...third,
      files: {
        ...realFiles,
        unlink: (path) => {
          if (path.endsWith('.lock-fix.md'))
            rights = machine.ls().filter((name) => name.startsWith('.break-'));
          return realFiles.unlink(path);
        },
      },
    };
    assert.equal((await settleAs(world, machine, claim.id)).kind, 'settled');
    assert.deepEqual(
      rights,
      [1, 2, 3].map((n) => `.break-${claim.id}.${n}`),
    );
    assert.deepEqual(leftovers(machine), []);
  });
}

test('a right that comes late, when the lock holds another claim, is dropped and touches nothing', async (t) => {
  const machine = makeMachine(t);
  const [dead, reaper, next] = [machine.boot(), machine.boot(), machine.boot()];
  const old = await makeClaim(dead, machine);
  await old.close();
  machine.kill(dead);
  assert.equal((await settleAs(reaper, machine, old.id)).kind, 'settled');
  const current = await makeClaim(next, machine);
  assert.deepEqual(await settleAs(reaper, machine, old.id), { kind: 'gone' });
  assert.equal(claimIdIn(await readLock(realFiles, machine.directory, 'fix.md')), current.id);
  assert.deepEqual(
    machine.ls().filter((name) => name.startsWith('.break-')),
    [],
  );
  await current.close();
});

test('while a living process holds the right, others wait; told to leave, they leave it all as it is', async (t) => {
  const machine = makeMachine(t);
  const [owner, other] = [machine.boot(), machine.boot()];
  const claim = await makeClaim(owner, machine, { outcome: 'done' });
  await claim.close();
  await giveRight(owner, machine, claim.id, 1);
  const before = machine.ls();
  const result = await settleAs(other, machine, claim.id, { mayLeave: () => true });
  assert.equal(result.kind, 'blocked');
  assert.match(
    result.kind === 'blocked' ? result.why : '',
    new RegExp(`process ${owner.me.pid} on here holds \\.break-`),
  );
  assert.deepEqual(machine.ls(), before);
});

test('a holder on another host is never judged, unless a person says that it is dead', async (t) => {
  const machine = makeMachine(t);
  const far = machine.boot({}, { name: 'there', machine: 'machine-9', boot: 'boot-9' });
  const claim = await makeClaim(far, machine);
  await claim.close();
  await giveRight(far, machine, claim.id, 1);
  assert.equal((await settleAs(machine.boot(), machine, claim.id)).kind, 'blocked');
  assert.equal(
    (await settleAs(machine.boot(), machine, claim.id, { trustElsewhereIsDead: true })).kind,
    'settled',
  );
  assert.deepEqual(leftovers(machine), []);
});

test('a damaged right blocks for a minute, unless a person says that nobody works on the task', async (t) => {
  const machine = makeMachine(t);
  const owner = machine.boot();
  const claim = await makeClaim(owner, machine, { outcome: 'done' });
  await claim.close();
  machine.kill(owner);
  machine.write(`.break-${claim.id}.1`, 'garbage');
  const result = await settleAs(machine.boot(), machine, claim.id);
  assert.deepEqual(result, { kind: 'blocked', why: `.break-${claim.id}.1 is damaged` });
  const before = machine.now;
  const forced = await settleAs(machine.boot(), machine, claim.id, { trustElsewhereIsDead: true });
  assert.equal(forced.kind, 'settled');
  assert.equal(machine.now, before, 'it waited');
  assert.ok(machine.has(done));
  assert.deepEqual(leftovers(machine), []);
});

test('patience is with one holder: a chain of holders from earlier boots is passed over to its end', async (t) => {
  const machine = makeMachine(t);
  const claim = await makeClaim(machine.boot({}, { boot: 'boot-1' }), machine, { outcome: 'done' });
  await claim.close();
  for (const n of [1, 2, 3, 4]) await giveRight(machine.boot({}, { boot: 'boot-1' }), machine, claim.id, n);
  assert.equal((await settleAs(machine.boot(), machine, claim.id)).kind, 'settled');
  assert.deepEqual(leftovers(machine), []);
});

test('a holder from an earlier boot of this machine is passed over after 30 s of own looks', async (t) => {
  const machine = makeMachine(t);
  const before = machine.boot({}, { boot: 'boot-1' });
  const claim = await makeClaim(before, machine, { outcome: 'done' });
  await claim.close();
  await giveRight(before, machine, claim.id, 1);
  const start = machine.now;
  assert.equal((await settleAs(machine.boot(), machine, claim.id)).kind, 'settled');
  assert.ok(machine.now - start >= 30_000 && machine.now - start < 40_000, String(machine.now - start));
  assert.ok(machine.has(done));
});

test('a result whose outcome a power cut has taken from the lock still puts the older failure aside', async (t) => {
  const machine = makeMachine(t);
  machine.write(failed, 'an older failure\n');
  const owner = machine.boot();
  const claim = await makeClaim(owner, machine);
  await claim.close();
  renameSync(claim.log.path, `${machine.directory.path}/${done}`);
  machine.kill(owner);
  assert.equal((await settleAs(machine.boot(), machine, claim.id)).kind, 'settled');
  assert.ok(machine.has(done));
  assert.equal(machine.has(failed), false);
  assert.deepEqual(ended(machine), ['failed']);
  assert.deepEqual(leftovers(machine), []);
});

test('an earlier failure whose lock a power cut brought back is not the result of a task completed since', async (t) => {
  const machine = makeMachine(t);
  const owner = machine.boot();
  const claim = await makeClaim(owner, machine, { outcome: 'failed' });
  await claim.close();
  renameSync(claim.log.path, `${machine.directory.path}/${failed}`);
  machine.write(done, 'completed since\n');
  machine.kill(owner);
  const result = await settleAs(machine.boot(), machine, claim.id);
  assert.ok(result.kind === 'settled' && result.published === undefined);
  assert.equal(machine.read(done), 'completed since\n');
  assert.equal(machine.has(failed), false);
  assert.deepEqual(ended(machine), ['failed']);
  assert.deepEqual(leftovers(machine), []);
});

test("somebody else's result stays, and the log that came second is put aside", async (t) => {
  const machine = makeMachine(t);
  const owner = machine.boot();
  const claim = await makeClaim(owner, machine, { outcome: 'done' });
  await claim.close();
  machine.write(done, 'by somebody else\n');
  const result = await settleAs(owner, machine, claim.id, { role: 'owner' });
  assert.ok(result.kind === 'settled' && result.unpublished === 'duplicate');
  assert.equal(machine.read(done), 'by somebody else\n');
  assert.deepEqual(ended(machine), ['duplicate']);
  assert.deepEqual(leftovers(machine), []);
});

for (const outcome of ['done', 'failed'] as const) {
  test(`the log of an earlier failure is kept when the task is ${outcome} now`, async (t) => {
    const machine = makeMachine(t);
    const owner = machine.boot();
    machine.write(failed, 'it failed before\n');
    const claim = await makeClaim(owner, machine, { outcome });
    await claim.close();
    assert.equal((await settleAs(owner, machine, claim.id, { role: 'owner' })).kind, 'settled');
    const [kept] = machine.ls('.codex-worker/ended');
    assert.equal(machine.read(`.codex-worker/ended/${kept}`), 'it failed before\n');
    assert.deepEqual(ended(machine), ['failed']);
    assert.match(machine.read(outcome === 'done' ? done : failed), new RegExp(`worked under ${claim.id}`));
    assert.equal(machine.has(failed), outcome === 'failed');
  });
}

test("a user's own file with the name of a mirror is never removed", async (t) => {
  const machine = makeMachine(t);
  machine.write('in-progress-fix.md', 'my notes on what is in progress\n');
  const owner = machine.boot();
  const claim = await makeClaim(owner, machine, { outcome: 'done' });
  await claim.close();
  assert.equal((await settleAs(owner, machine, claim.id, { role: 'owner' })).kind, 'settled');
  await tidy(owner, machine.directory);
  assert.equal(machine.read('in-progress-fix.md'), 'my notes on what is in progress\n');
});

test('a log that is not the one its outcome was recorded for is not published for a dead owner', async (t) => {
  const machine = makeMachine(t);
  const owner = machine.boot();
  const claim = await makeClaim(owner, machine, { outcome: 'done' });
  claim.log.entry({ kind: 'message', text: 'one word more' });
  await claim.close();
  machine.kill(owner);
  const result = await settleAs(machine.boot(), machine, claim.id);
  assert.ok(result.kind === 'settled' && result.published === undefined);
  assert.deepEqual(ended(machine), ['died']);
  assert.deepEqual(leftovers(machine), []);
});

for (const { what, make } of [
  { what: 'a symbolic link', make: (log: string, copy: string) => symlink(copy, log) },
  { what: 'a named pipe', make: (log: string) => void execFileSync('mkfifo', [log]) },
  { what: 'a directory', make: (log: string) => mkdir(log) },
]) {
  test(`${what} that stands where the log of a dead owner was is not published`, async (t) => {
    const machine = makeMachine(t);
    const owner = machine.boot();
    const claim = await makeClaim(owner, machine, { outcome: 'done' });
    await claim.close();
    machine.kill(owner);
    const copy = path.join(machine.directory.path, 'copy');
    await rename(claim.log.path, copy);
    await make(claim.log.path, copy);
    const settled = await settleAs(machine.boot(), machine, claim.id);
    assert.ok(settled.kind === 'settled' && settled.published === undefined);
    assert.ok(!machine.has(done));
    assert.deepEqual(leftovers(machine), []);
  });
}

test('a log that somebody deleted leaves the task pending, and the caller is told', async (t) => {
  const machine = makeMachine(t);
  const owner = machine.boot();
  const claim = await makeClaim(owner, machine, { outcome: 'done' });
  await claim.close();
  await realFiles.unlink(claim.log.path);
  const result = await settleAs(owner, machine, claim.id, { role: 'owner' });
  assert.ok(result.kind === 'settled' && result.unpublished === 'log-gone');
  assert.equal(machine.has(done), false);
  assert.deepEqual(leftovers(machine), []);
});

test('the third owner that dies on a task in a row fails it; a result in between begins a new count', async (t) => {
  const machine = makeMachine(t);
  const dieOn = async (attempt: number) => {
    const owner = machine.boot();
    const claim = await makeClaim(owner, machine, { attempt });
    await claim.close();
    machine.kill(owner);
    const result = await settleAs(machine.boot(), machine, claim.id);
    return result.kind === 'settled' ? result.published : result.kind;
  };
  assert.deepEqual([await dieOn(1), await dieOn(2), await dieOn(3)], [undefined, undefined, 'failed']);
  assert.match(machine.read(failed), /^outcome: +failed: the worker died 3 times on this task$/m);
  assert.deepEqual([await dieOn(4), await dieOn(5), await dieOn(6)], [undefined, undefined, 'failed']);
  assert.deepEqual(leftovers(machine), []);
});

test('an owner that died before its agent started is not counted', async (t) => {
  const machine = makeMachine(t);
  for (let death = 1; death <= 4; death++) {
    const owner = machine.boot();
    const claim = await makeClaim(owner, machine, { started: false });
    await claim.close();
    machine.kill(owner);
    assert.equal((await settleAs(machine.boot(), machine, claim.id)).kind, 'settled');
  }
  assert.deepEqual(machine.ls(), ['.codex-worker', 'fix.md']);
});

for (const word of ['retry', 'interrupted'] as const) {
  test(`an attempt that ended with "${word}" gives no result, and its log is put aside`, async (t) => {
    const machine = makeMachine(t);
    const owner = machine.boot();
    const claim = await makeClaim(owner, machine);
    await finish(claim, word);
    await claim.close();
    machine.kill(owner);
    assert.equal((await settleAs(machine.boot(), machine, claim.id)).kind, 'settled');
    assert.deepEqual(ended(machine), [word]);
    assert.deepEqual(machine.ls(), ['.codex-worker', 'fix.md']);
  });
}

test('a release that was reported as failed and had happened is a release, not a lost claim', async (t) => {
  const machine = makeMachine(t);
  const owner = machine.boot();
  const claim = await makeClaim(owner, machine, { outcome: 'done' });
  await claim.close();
  const world = machine.boot({
    unlink: async (path) => {
      await realFiles.unlink(path);
      if (path.endsWith('.lock-fix.md')) throw errno('EIO');
    },
  });
  const result = await settleAs(world, machine, claim.id);
  assert.ok(result.kind === 'settled' && result.published === 'completed', JSON.stringify(result));
  assert.deepEqual(leftovers(machine), []);
});

test('a lock that may not be read for a while is not taken for another one', async (t) => {
  const machine = makeMachine(t);
  const owner = machine.boot();
  const claim = await makeClaim(owner, machine, { outcome: 'done' });
  await claim.close();
  let refusals = 3;
  const world = machine.boot({
    open: (path, flags, mode) =>
      path.endsWith('.lock-fix.md') && refusals-- > 0
        ? Promise.reject(errno('EACCES'))
        : realFiles.open(path, flags, mode),
  });
  assert.equal((await settleAs(world, machine, claim.id)).kind, 'settled');
  assert.ok(machine.has(done));
  assert.deepEqual(leftovers(machine), []);
});

test('what a dead owner still asked goes before its lock does; what others ask stays', async (t) => {
  const machine = makeMachine(t);
  const { directory } = machine;
  machine.write('other.md', 'Mend it.\n');
  const [owner, other] = [machine.boot(), machine.boot()];
  const claim = await makeClaim(owner, machine);
  const living = await makeClaim(other, machine, { task: 'other.md' });
  for (const n of [1, 2])
    await writeQuestion(realFiles, directory, owner.me, question({ claim: claim.id, n }));
  const open = question({ claim: living.id, task: 'other.md' });
  await writeQuestion(realFiles, directory, other.me, open);
  for (const [task, { me }] of [
    ['fix.md', owner],
    ['other.md', other],
  ] as const)
    await writeNotice(realFiles, directory, me, task, 'run: ls\n');
  await claim.close();
  await living.close();
  machine.kill(owner);
  let atRelease: string[] = [];
  const reaper = machine.boot({
    unlink: (path) => {
      if (path.endsWith('.lock-fix.md'))
        atRelease = [...machine.ls(), ...machine.ls('.codex-worker/questions')];
      return realFiles.unlink(path);
    },
  });
  assert.equal((await settleAs(reaper, machine, claim.id)).kind, 'settled');
  assert.ok(atRelease.includes('.lock-fix.md'));
  assert.deepEqual(
    atRelease.filter((name) => name.startsWith('needs-') || name.endsWith('.json')),
    ['needs-approval-other.md', `${living.id}.1.json`],
  );
  assert.deepEqual(await readQuestions(realFiles, directory), [open]);
});

test('a link in the place of the questions, and a disk that refuses to remove them, hold nobody up', async (t) => {
  for (const spoil of ['link', 'disk'] as const) {
    const machine = makeMachine(t);
    const owner = machine.boot();
    const claim = await makeClaim(owner, machine);
    await claim.close();
    const asked = question({ claim: claim.id });
    await writeQuestion(realFiles, machine.directory, owner.me, asked);
    if (spoil === 'link') {
      const folder = path.join(machine.directory.path, '.codex-worker', 'questions');
      await rename(folder, path.join(machine.directory.path, 'elsewhere'));
      await symlink(path.join(machine.directory.path, 'elsewhere'), folder);
    }
    machine.kill(owner);
    const reaper = machine.boot({
      unlink: (file) => (file.endsWith('.json') ? Promise.reject(errno('EROFS')) : realFiles.unlink(file)),
    });
    assert.equal((await settleAs(reaper, machine, claim.id)).kind, 'settled', spoil);
    const where = spoil === 'link' ? 'elsewhere' : '.codex-worker/questions';
    assert.deepEqual(machine.ls(where), [`${claim.id}.1.json`], spoil);
    assert.deepEqual(leftovers(machine), []);
  }
});
