import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { test, type TestContext } from 'node:test';
import { newClaimId } from '../../src/core/claim.ts';
import { EnvironmentError } from '../../src/core/errors.ts';
import {
  answersFolder,
  giveAnswer,
  openAnswers,
  readAnswer,
  removeAnswers,
} from '../../src/io/answer-file.ts';
import { realFiles, type Files } from '../../src/io/files.ts';
import { Durability, FaultyDisk, type Fault } from '../rig/faulty-disk.ts';
import { answerTo, question } from '../rig/question.ts';
import { scratch } from '../rig/scratch.ts';
import { errno, filesWith } from './rig.ts';

const NO_LINKS = filesWith({ link: () => Promise.reject(errno('EPERM')) });

async function open(t: TestContext): Promise<string> {
  const folder = answersFolder({ XDG_STATE_HOME: scratch(t) });
  await openAnswers(realFiles, folder);
  return folder;
}

test('the folder of answers is in the state folder of the user, and nowhere where that is not said', () => {
  assert.equal(answersFolder({ HOME: '/home/ada' }), '/home/ada/.local/state/codex-worker/answers');
  assert.equal(answersFolder({ HOME: '/home/ada', XDG_STATE_HOME: '/s/' }), '/s/codex-worker/answers');
  assert.equal(
    answersFolder({ HOME: '/home/ada', XDG_STATE_HOME: 'relative' }),
    '/home/ada/.local/state/codex-worker/answers',
  );
  for (const env of [{}, { HOME: '' }, { HOME: 'here', XDG_STATE_HOME: '' }])
    assert.throws(() => answersFolder(env), EnvironmentError);
});

test('the folder is made for its owner only, with all above it, and once', async (t) => {
  const home = scratch(t);
  const folder = answersFolder({ HOME: home });
  await openAnswers(realFiles, folder);
  await openAnswers(realFiles, folder);
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  assert.equal(statSync(`${folder}/..`).mode & 0o777, 0o700);
});

test('a folder that is a link, a file, or open to others takes no answers', async (t) => {
  const outside = scratch(t);
  const spoil: readonly (readonly [RegExp, (own: string, folder: string) => void])[] = [
    [/a symbolic link/, (own) => symlinkSync(outside, own)],
    [/a regular file|ENOTDIR/, (own) => writeFileSync(own, '')],
    [/a symbolic link/, (own, folder) => (mkdirSync(own), symlinkSync(outside, folder))],
    [/others may write/, (own) => (mkdirSync(own), chmodSync(own, 0o777))],
    [/others may write/, (own, folder) => (mkdirSync(own), mkdirSync(folder), chmodSync(folder, 0o770))],
  ];
  for (const [why, plant] of spoil) {
    const state = scratch(t);
    const folder = answersFolder({ XDG_STATE_HOME: state });
    plant(`${state}/codex-worker`, folder);
    await assert.rejects(openAnswers(realFiles, folder), (error) => {
      assert.ok(error instanceof EnvironmentError);
      assert.match(error.message, why);
      return true;
    });
  }
  const foreign = filesWith({
    lstat: async (path) => Object.assign(await realFiles.lstat(path), { uid: 4_242n }),
  });
  await assert.rejects(
    openAnswers(foreign, answersFolder({ XDG_STATE_HOME: scratch(t) })),
    /belongs to another user/,
  );
  const refusing = filesWith({ mkdir: () => Promise.reject(errno('EROFS')) });
  await assert.rejects(
    openAnswers(refusing, answersFolder({ XDG_STATE_HOME: scratch(t) })),
    (error) => error instanceof EnvironmentError && /EROFS/.test(error.message),
  );
});

for (const files of [realFiles, NO_LINKS]) {
  const where = files === realFiles ? '' : ', also where there are no hard links';

  test(`an answer is given once, and whoever comes second learns of the first${where}`, async (t) => {
    const folder = await open(t);
    const asked = question();
    const [first, second] = [answerTo(asked), answerTo(asked, { decision: 'deny' })];
    assert.equal(await readAnswer(files, folder, asked.claim, 1), undefined);
    assert.deepEqual(await giveAnswer(files, folder, first), { kind: 'given' });
    assert.deepEqual(await giveAnswer(files, folder, second), { kind: 'taken', by: first });
    assert.deepEqual(await readAnswer(files, folder, asked.claim, 1), first);
    assert.equal(await readAnswer(files, folder, asked.claim, 2), undefined);
    assert.deepEqual(readdirSync(folder), [`${asked.claim}.1`]);
    assert.equal(statSync(`${folder}/${asked.claim}.1`).mode & 0o777, 0o600);
    assert.deepEqual(await giveAnswer(files, folder, { ...second, n: 2 }), { kind: 'given' });
    await removeAnswers(files, folder, asked.claim, 2);
    assert.deepEqual(readdirSync(folder), []);
  });

  test(`of many who answer at once one is first${where}`, async (t) => {
    const folder = await open(t);
    for (let round = 0; round < 20; round++) {
      const asked = question();
      const answers = Array.from({ length: 12 }, (_, pid) =>
        answerTo(asked, { by: { user: 'ada', host: 'here', pid } }),
      );
      const given = await Promise.all(answers.map((answer) => giveAnswer(files, folder, answer)));
      const winners = answers.filter((_, i) => given[i]?.kind === 'given');
      assert.equal(winners.length, 1);
      assert.deepEqual(await readAnswer(files, folder, asked.claim, 1), winners[0]);
    }
    assert.equal(readdirSync(folder).length, 20);
  });

  test(`a kill or a fault at any call of giving an answer leaves the whole answer or none${where}`, async (t) => {
    const kinds: readonly ((from: number) => Fault)[] = [
      (from) => ({ kind: 'killed', from }),
      (from) => ({ kind: 'fails', errno: 'EIO', from, calls: 1 }),
      (from) => ({ kind: 'fails', errno: 'ENOSPC', from, calls: 3 }),
      (from) => ({ kind: 'had-happened', errno: 'EIO', from }),
      (from) => ({ kind: 'short', errno: 'ENOSPC', from }),
    ];
    const stuck: string[] = [];
    for (const fault of kinds)
      for (let from = 1; ; from++) {
        const folder = await open(t);
        const asked = question();
        const answer = answerTo(asked);
        const disk = new FaultyDisk(new Durability(), fault(from), files === realFiles);
        const ending = await Promise.race([
          giveAnswer(disk.files(), folder, answer).catch((error: unknown) => ({ kind: 'threw', error })),
          disk.died.then(() => ({ kind: 'killed' as const })),
        ]);
        disk.closeAll();
        if (disk.injected === 0) break;
        const situation = `${JSON.stringify(fault(from))} at ${disk.hit}: ${ending.kind}`;
        const left = await readAnswer(realFiles, folder, asked.claim, 1);
        const isTaken = readdirSync(folder).includes(`${asked.claim}.1`);
        if (left) assert.deepEqual(left, answer, situation);
        if (ending.kind === 'given') assert.deepEqual(left, answer, situation);
        assert.notEqual(ending.kind, 'taken', situation);
        if (isTaken && !left) stuck.push(disk.hit);
        else {
          const next = answerTo(asked, { decision: 'deny' });
          const given = await giveAnswer(files, folder, next);
          assert.deepEqual(given, left ? { kind: 'taken', by: answer } : { kind: 'given' }, situation);
        }
      }
    // Where it has to be done in place: between create and write.
    if (files === realFiles) assert.deepEqual(stuck, []);
    for (const hit of stuck) assert.match(hit, /^write [0-9a-f]{32}\.1$/);
  });
}

test('what is no answer to that question is none: torn, too large, a link, of another question', async (t) => {
  const folder = await open(t);
  const asked = question();
  const whole = `${JSON.stringify(answerTo(asked))}\n`;
  const path = (n: number) => `${folder}/${asked.claim}.${n}`;
  writeFileSync(`${folder}/elsewhere`, whole);
  writeFileSync(path(1), whole.slice(0, -1));
  writeFileSync(path(2), whole); // says that it is of question 1
  writeFileSync(path(3), whole.padEnd(20_000));
  symlinkSync(`${folder}/elsewhere`, path(4));
  writeFileSync(path(5), '');
  writeFileSync(path(6), `${JSON.stringify(answerTo(asked, { n: 6, claim: newClaimId() }))}\n`);
  for (let n = 1; n <= 6; n++) assert.equal(await readAnswer(realFiles, folder, asked.claim, n), undefined);
  assert.deepEqual(await giveAnswer(realFiles, folder, answerTo(asked, { n: 5 })), {
    kind: 'taken',
    by: undefined,
  });
});

test('answers of runs that died a week ago go when another is given; others, and what is not ours, stay', async (t) => {
  const folder = await open(t);
  const DAY_S = 86_400;
  const now = Date.now() / 1_000;
  const plant = (name: string, ageDays: number) => {
    writeFileSync(`${folder}/${name}`, 'x');
    utimesSync(`${folder}/${name}`, now - ageDays * DAY_S, now - ageDays * DAY_S);
  };
  const [old, young] = [`${newClaimId()}.1`, `${newClaimId()}.2`];
  plant(old, 7.1);
  plant(`.new-${'0'.repeat(16)}`, 8);
  plant(young, 6.9);
  plant('notes.txt', 30);
  const answer = answerTo(question());
  await giveAnswer(realFiles, folder, answer);
  assert.deepEqual(readdirSync(folder).sort(), [`${answer.claim}.1`, young, 'notes.txt'].sort());
  const refusing: Files = filesWith({ readdir: () => Promise.reject(errno('EACCES')) });
  assert.deepEqual(await giveAnswer(refusing, folder, { ...answer, n: 2 }), { kind: 'given' });
  assert.match(readFileSync(`${folder}/${answer.claim}.2`, 'utf8'), /^\{"v":1,.*\}\n$/);
});
