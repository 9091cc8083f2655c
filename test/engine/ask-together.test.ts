/** The questions of one attempt, of a server that is made up, and answers that come as the test gives them. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { newClaimId } from '../../src/core/claim.ts';
import type { Decision, Question } from '../../src/core/question.ts';
import { Questions } from '../../src/engine/ask.ts';
import type { Running } from '../../src/engine/conclude.ts';
import type { AttemptNews } from '../../src/engine/order.ts';
import { answersFolder, giveAnswer, openAnswers } from '../../src/io/answer-file.ts';
import { CodexListener } from '../../src/io/codex-listener.ts';
import { realFiles, type Files } from '../../src/io/files.ts';
import { thisProcess } from '../../src/io/process-identity.ts';
import { filesWith, taskDirectory } from '../io/rig.ts';
import { answerTo } from '../rig/question.ts';
import { eventually, scratch } from '../rig/scratch.ts';

async function asking(t: TestContext, files: Files = realFiles) {
  const directory = taskDirectory(scratch(t));
  const folder = answersFolder({ XDG_STATE_HOME: scratch(t) });
  await openAnswers(realFiles, folder);
  const told: string[] = [];
  const news: AttemptNews[] = [];
  const places: (() => void)[] = [];
  const ended: string[] = [];
  const task = { directory: directory.path, name: 'fix.md', label: 'fix.md' };
  // Of a running attempt only what questions need.
  const running = {
    order: { claim: newClaimId(), task, directory, answers: { folder } },
    world: { files, me: thisProcess(), now: () => new Date(), uptimeMs: () => performance.now() },
    history: { nextAttempt: 1 },
    log: { entry: () => {} },
    child: { end: (why: string) => Promise.resolve(void ended.push(why)) },
    ports: {
      tell: (one: AttemptNews) => void news.push(one),
      takePlace: () => new Promise<void>((resolve) => void places.push(resolve)),
    },
  } as unknown as Running;
  const heard = new CodexListener();
  const decide = (id: number | string, decision: Decision) => void told.push(`${id} ${decision}`);
  const questions = new Questions(running, heard, { decide }, { hold: () => {}, goOn: () => {} });
  const ask = (id: number, command = `echo ${id}`) =>
    questions.ask({ id, asked: { kind: 'command', command }, workingDirectory: '/work' });
  /** What was asked as the n-th. */
  const asked = (n: number): Promise<Question> =>
    eventually(
      `question ${n}`,
      () => news.flatMap((one) => (one.kind === 'question' && one.question.n === n ? [one.question] : []))[0],
    );
  const answer = async (n: number, decision: Decision) =>
    giveAnswer(realFiles, folder, answerTo(await asked(n), { decision }));
  const notice = `${directory.path}/needs-approval-fix.md`;
  return { questions, ask, asked, answer, told, news, places, ended, heard, folder, directory, notice };
}

test('while it asks something else, an answer is told at once, and it takes a place with the last', async (t) => {
  const { questions, ask, answer, told, places, news } = await asking(t);
  ask(0);
  ask(1);
  await answer(1, 'approve');
  await eventually('told', () => told.length === 1);
  assert.deepEqual([told, places.length], [['0 approve'], 0]);
  await answer(2, 'deny');
  await eventually('places', () => places.length === 1);
  assert.equal(told.length, 1, 'it waits for its place');
  places[0]?.();
  await eventually('told', () => told.length === 2);
  assert.deepEqual(told, ['0 approve', '1 deny']);
  const moves = news.flatMap((one) => (one.kind === 'place' ? [one.is] : []));
  assert.deepEqual(moves, ['left']);
  await questions.close();
});

test('answers that wait for a place at the same time wait for the same one, and both are told', async (t) => {
  const { questions, ask, answer, told, places } = await asking(t);
  ask(0);
  await answer(1, 'approve');
  await eventually('places', () => places.length === 1);
  ask(1); // of an agent that ours has begun, which asks whenever it likes
  await answer(2, 'approve');
  await sleep(600);
  assert.deepEqual([told, places.length], [[], 1]);
  places[0]?.();
  await eventually('told', () => told.length === 2);
  await questions.close();
});

test('of two notices that are written at the same time the later one stays', async (t) => {
  let delays: number[] = [];
  const slow = filesWith({
    fsync: async (fd) => {
      await sleep(delays.shift() ?? 0);
      return realFiles.fsync(fd);
    },
  });
  const { questions, ask, asked, answer, notice } = await asking(t, slow);
  ask(0);
  await asked(1);
  delays = [0, 1_000]; // its own file, and the notice of both questions
  ask(1);
  await answer(1, 'deny');
  await asked(2);
  await sleep(1_200);
  const text = readFileSync(notice, 'utf8');
  assert.match(text, /echo 1\n/);
  assert.doesNotMatch(text, /echo 0\n/);
  await questions.close();
  assert.equal(existsSync(notice), false);
});

test('a folder of answers that was removed is made again by whoever withdraws, and the attempt just ends', async (t) => {
  const { questions, ask, asked, folder, told, ended } = await asking(t);
  ask(0);
  await asked(1);
  rmSync(folder, { recursive: true });
  await questions.close();
  assert.deepEqual([told, ended], [[], []]);
  assert.equal(readdirSync(folder).length, 1);
});

test('of a thousand questions at once a hundred are put to a person, and the others denied', async (t) => {
  const { questions, ask, asked, told, directory } = await asking(t);
  for (let id = 0; id < 1_000; id++) ask(id);
  assert.equal(told.length, 900);
  assert.ok(told.every((one) => one.endsWith(' deny')));
  await asked(100);
  assert.equal(readdirSync(`${directory.path}/.codex-worker/questions`).length, 100);
  await questions.close();
  assert.deepEqual(readdirSync(`${directory.path}/.codex-worker/questions`), []);
});
