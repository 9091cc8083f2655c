/** What an agent could do to be told yes, or to have another told so. */
import assert from 'node:assert/strict';
import { chmodSync, symlinkSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { newClaimId } from '../../src/core/claim.ts';
import { digestOf, idOf } from '../../src/core/question.ts';
import { openAnswers } from '../../src/io/answer-file.ts';
import { realFiles } from '../../src/io/files.ts';
import { makeAsking, type Asking } from '../rig/asking.ts';
import { question } from '../rig/question.ts';

interface Told {
  readonly questions: readonly { readonly id: string; readonly commands: Readonly<Record<string, string>> }[];
}

const told = async ({ bench }: Asking) =>
  JSON.parse((await bench.run(['approvals', '--json'])).stdout) as Told;

test('an agent answers nothing, and none of what it asks', async (t) => {
  const asking = await makeAsking(t);
  const asked = await asking.ask('fix.md');
  const env = { CODEX_WORKER_CLAIM: asked.claim };
  for (const args of [
    ['approve', 'fix.md', '-y'],
    ['approve', 'fix.md', '--question', idOf(asked)],
    ['deny', 'fix.md'],
    ['approvals', '--interactive'],
  ]) {
    const { code, stderr } = await asking.bench.run(args, { env });
    assert.equal(code, 2);
    assert.match(stderr, /is for people, and this process was started by an agent/);
  }
  assert.equal((await asking.bench.run(['approvals'], { env })).code, 0, 'it may look');
  assert.equal(await asking.answerTo(asked), undefined);
});

test('a place for answers that is not safe takes none', async (t) => {
  const asking = await makeAsking(t);
  const asked = await asking.ask('fix.md');
  await openAnswers(realFiles, asking.answers);
  chmodSync(asking.answers, 0o777);
  const open = await asking.bench.run(['approve', 'fix.md', '-y']);
  assert.deepEqual([open.code, open.stdout], [3, '']);
  assert.match(
    open.stderr,
    /others may write in it\n {2}hint: set XDG_STATE_HOME to a directory of your own/,
  );
  await rm(asking.answers, { recursive: true });
  await mkdir(path.join(asking.bench.scratch, 'elsewhere'));
  symlinkSync(path.join(asking.bench.scratch, 'elsewhere'), asking.answers);
  const linked = await asking.bench.run(['approve', 'fix.md', '-y']);
  assert.equal(linked.code, 3);
  assert.match(linked.stderr, /is a symbolic link, not a directory/);
  assert.equal(await asking.answerTo(asked), undefined);
  const homeless = await asking.bench.run(['approve', 'fix.md', '-y'], { env: { HOME: undefined } });
  assert.equal(homeless.code, 3);
  assert.match(homeless.stderr, /neither HOME nor XDG_STATE_HOME is set/);
  assert.equal((await asking.bench.run(['approvals'], { env: { HOME: undefined } })).code, 0);
});

test('a forged question is answered as what it is, and never as the one that it stands for', async (t) => {
  const asking = await makeAsking(t);
  const { bench } = asking;
  const real = await asking.ask('fix.md');
  const file = `.codex-worker/questions/${real.claim}.1.json`;
  // An agent that can write there shows something harmless under the name of the real question.
  const forged = { ...real, asked: { kind: 'command', command: 'ls' } as const };
  await bench.write(file, JSON.stringify(forged));
  const { stdout } = await bench.run(['approvals']);
  assert.match(stdout, /│ ls/);
  assert.equal((await bench.run(['approve', 'fix.md', '--question', digestOf(real), '-y'])).code, 1);
  assert.equal(await asking.answerTo(real), undefined, 'the digits of the real one are of the real one');
  assert.equal((await bench.run(['approve', 'fix.md', '-y'])).code, 0);
  assert.equal((await asking.answerTo(real))?.digest, digestOf(forged));
  assert.notEqual(digestOf(forged), digestOf(real));
});

test('a question that is made up for another task, or none, or that is a link, garbage or too large, is shown to nobody', async (t) => {
  const asking = await makeAsking(t);
  const { bench } = asking;
  const real = await asking.ask('fix.md');
  await bench.write('other.md', 'Do it.\n');
  const folder = '.codex-worker/questions';
  const made = question({ claim: newClaimId(), task: 'other.md' });
  await bench.write(`${folder}/${made.claim}.1.json`, JSON.stringify(made));
  await bench.write(`${folder}/${real.claim}.2.json`, JSON.stringify({ ...real, n: 2, task: 'other.md' }));
  await bench.write(`${folder}/${real.claim}.3.json`, '{"claim":');
  await bench.write(
    `${folder}/${real.claim}.4.json`,
    JSON.stringify({ ...real, n: 4, reason: 'x'.repeat(17_000_000) }),
  );
  await bench.write('../outside.json', JSON.stringify({ ...real, n: 5 }));
  symlinkSync(`${bench.scratch}/outside.json`, `${bench.tasks}/${folder}/${real.claim}.5.json`);
  assert.deepEqual(
    (await told(asking)).questions.map(({ id }) => id),
    [idOf(real)],
  );
  assert.equal((await bench.run(['approve', 'other.md', '-y'])).code, 1);
  assert.equal((await bench.run(['approve', 'fix.md', '-y'])).code, 0, 'of fix.md there is one');
});

test('a name that would steer a terminal, or a shell, is shown as what it is', async (t) => {
  const asking = await makeAsking(t);
  const name = "a\u001b[2J\n$(touch canary) 'b'\u202e.md";
  const asked = await asking.ask(name, { asked: { kind: 'command', command: 'rm -rf build' } });
  const { stdout } = await asking.bench.run(['approvals']);
  // oxlint-disable-next-line no-control-regex -- that is what must not be there
  assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  const [{ commands } = { commands: {} }] = (await told(asking)).questions;
  const { code, stderr } = await asking.bench.shell((commands as Record<string, string>)['deny'] ?? '');
  assert.equal(code, 0, stderr);
  assert.equal((await asking.answerTo(asked))?.decision, 'deny');
  assert.ok(!(await asking.bench.ls()).includes('canary'));
});
