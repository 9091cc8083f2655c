/** The questions of one attempt, without an agent: what it asks is said here, and so is what it was told. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { digestOf, type Answer, type Decision, type Question } from '../../src/core/question.ts';
import { Questions } from '../../src/engine/ask.ts';
import type { Running } from '../../src/engine/conclude.ts';
import { giveAnswer, readAnswer } from '../../src/io/answer-file.ts';
import type { RequestId } from '../../src/io/app-server.ts';
import type { CodexListener } from '../../src/io/codex-listener.ts';
import { realFiles } from '../../src/io/files.ts';
import { readQuestions } from '../../src/io/question-file.ts';
import { answerTo } from '../rig/question.ts';
import { eventually } from '../rig/scratch.ts';
import { makeClaim, makeMachine } from './machine.ts';

const ASKED = {
  id: 7 as RequestId,
  asked: { kind: 'command', command: 'rm -rf build' },
  workingDirectory: '/code',
} as const;

async function make(t: TestContext, timeoutMs?: number) {
  const machine = makeMachine(t);
  const world = machine.boot();
  const claim = await makeClaim(world, machine);
  t.after(() => claim.close());
  const folder = `${machine.directory.path}/answers`;
  mkdirSync(folder);
  const decided: (readonly [RequestId, Decision])[] = [];
  const heard: string[] = [];
  const answers: Answer[] = [];
  const asked: Question[] = [];
  const running = {
    world,
    order: {
      claim: claim.id,
      task: { directory: machine.directory.path, name: 'fix.md', label: 'fix.md' },
      directory: machine.directory,
      answers: { folder, ...(timeoutMs !== undefined && { timeoutMs }) },
    },
    history: { nextAttempt: 1 },
    log: claim.log,
    ports: {
      tell: (news: { kind: string; answer?: Answer; question?: Question }) => {
        if (news.kind === 'question' && news.question) asked.push(news.question);
        if (news.kind === 'answered' && news.answer) answers.push(news.answer);
      },
    },
  } as unknown as Running;
  const questions = new Questions(
    running,
    { warn: (what: string) => heard.push(what), denied: () => {} } as unknown as CodexListener,
    { decide: (id, decision) => void decided.push([id, decision]) },
    { hold: () => {}, goOn: () => {} },
  );
  const question = () => eventually('it asks', () => asked[0]);
  const isDecided = () => eventually('it is decided', () => decided[0]);
  const left = () => [
    ...machine.ls().filter((name) => name.startsWith('needs-approval-')),
    ...machine.ls('.codex-worker/questions'),
    ...machine.ls('answers'),
  ];
  return { machine, folder, questions, decided, heard, answers, question, isDecided, left };
}

test('an agent is told what a person has answered, and then nothing but the answer is left', async (t) => {
  const { machine, folder, questions, question, isDecided, answers, left } = await make(t);
  questions.ask(ASKED);
  const asked = await question();
  assert.deepEqual(await readQuestions(realFiles, machine.directory), [asked]);
  assert.match(machine.read('needs-approval-fix.md'), /^# codex-worker: fix\.md asks [^]*│ rm -rf build$/m);
  const answer = answerTo(asked, { decision: 'approve-session' });
  await giveAnswer(realFiles, folder, answer);
  assert.deepEqual(await isDecided(), [7, 'approve-session']);
  assert.deepEqual(answers, [answer]);
  await questions.close();
  assert.deepEqual(left(), [`${asked.claim}.1`], 'its name stays taken as long as the claim is held');
});

test('a question that nobody answers in time is declined, and nobody can answer it any more', async (t) => {
  const { folder, questions, question, isDecided, answers } = await make(t, 300);
  questions.ask(ASKED);
  const asked = await question();
  assert.deepEqual(await isDecided(), [7, 'deny']);
  assert.equal(answers[0]?.how, 'timeout');
  const given = await giveAnswer(realFiles, folder, answerTo(asked));
  assert.deepEqual(given, { kind: 'taken', by: answers[0] });
  await questions.close();
});

test('a question whose folder was removed is written again, and can be answered', async (t) => {
  const { machine, folder, questions, question, isDecided } = await make(t);
  questions.ask(ASKED);
  const asked = await question();
  rmSync(`${machine.directory.path}/.codex-worker/questions`, { recursive: true });
  await eventually(
    'it is there again',
    () =>
      machine.ls('.codex-worker').includes('questions') && machine.ls('.codex-worker/questions').length === 1,
  );
  assert.deepEqual(await readQuestions(realFiles, machine.directory), [asked]);
  await giveAnswer(realFiles, folder, answerTo(asked));
  assert.deepEqual(await isDecided(), [7, 'approve']);
  await questions.close();
});

test('an answer to other words is a no', async (t) => {
  const { folder, questions, question, isDecided, heard } = await make(t);
  questions.ask(ASKED);
  const asked = await question();
  const shown = { ...asked, asked: { kind: 'command', command: 'ls' } as const };
  await giveAnswer(realFiles, folder, answerTo(shown));
  assert.notEqual(digestOf(shown), digestOf(asked));
  assert.deepEqual(await isDecided(), [7, 'deny']);
  assert.match(heard[0] ?? '', /the question that was answered is not the one that was asked/);
  await questions.close();
});

test('an attempt that ends withdraws what it asked: whoever answers then is told so', async (t) => {
  const { folder, questions, question, answers, decided, left } = await make(t);
  questions.ask(ASKED);
  const asked = await question();
  let atTheEnd: Answer | undefined;
  const closing = questions.close();
  await eventually('it is withdrawn', () => answers[0]);
  atTheEnd = (await readAnswer(realFiles, folder, asked.claim, 1)) ?? answers[0];
  await closing;
  assert.equal(atTheEnd?.how, 'withdrawn');
  assert.deepEqual([decided, left()], [[], [`${asked.claim}.1`]]);
});

test('a name that is taken by no answer holds no attempt: its question is declined in time, and at its end', async (t) => {
  for (const timeoutMs of [300, undefined]) {
    const { folder, questions, question, answers, left } = await make(t, timeoutMs);
    questions.ask(ASKED);
    const asked = await question();
    writeFileSync(`${folder}/${asked.claim}.1`, '{"v":1,'); // as a kill leaves it where there are no hard links
    if (timeoutMs === undefined) await questions.close();
    const answer = await eventually('it is answered', () => answers[0]);
    assert.deepEqual([answer.decision, answer.how], ['deny', timeoutMs ? 'timeout' : 'withdrawn']);
    await questions.close();
    assert.deepEqual(left(), [`${asked.claim}.1`]);
  }
});
