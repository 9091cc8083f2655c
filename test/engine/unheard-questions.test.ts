import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AnswerNote } from '../../src/core/journal-entry.ts';
import { reap } from '../../src/engine/reaper.ts';
import { accountsIn } from '../../src/io/accounts.ts';
import { answersFolder, giveAnswer, openAnswers } from '../../src/io/answer-file.ts';
import { realFiles } from '../../src/io/files.ts';
import { JournalReader } from '../../src/io/journal.ts';
import { writeQuestion } from '../../src/io/question-file.ts';
import { answerTo, question } from '../rig/question.ts';
import { scratch } from '../rig/scratch.ts';
import { makeClaim, makeMachine } from './machine.ts';

test('what a dead owner still asked is on the record: as withdrawn, or with the answer that nobody heard', async (t) => {
  const machine = makeMachine(t);
  const { directory } = machine;
  const env = { XDG_STATE_HOME: join(scratch(t), 'state') };
  const folder = answersFolder(env);
  await openAnswers(realFiles, folder);
  const owner = machine.boot();
  const held = await makeClaim(owner, machine);
  const { claim } = held.lock.record;
  const asked = [1, 2, 3].map((n) => question({ claim, n }));
  const [approved, other] = asked;
  assert.ok(approved && other);
  for (const one of [...asked, question({ task: 'other.md' })])
    await writeQuestion(realFiles, directory, owner.me, one);
  await giveAnswer(realFiles, folder, answerTo(approved));
  // Its file says something else since: nobody has approved that.
  await giveAnswer(realFiles, folder, answerTo(other, { digest: 'd'.repeat(64) }));
  await held.close();
  machine.kill(owner);

  const reaper = { ...machine.boot(), accounts: accountsIn(realFiles, env) };
  const dead = { kind: 'dead', record: held.lock.record, owner: owner.me, sameBoot: true } as const;
  await reap(reaper, directory, dead, { orphans: 'end', mayLeave: () => false });
  const notes: AnswerNote[] = [];
  await new JournalReader(realFiles, directory, (note) => notes.push(note)).read();
  assert.deepEqual(
    notes.map(({ n, how, decision, by, asked: what }) => [n, how, decision, by.user === 'ada', what]),
    [
      [1, 'person', 'approve', true, 'run: rm -rf build'],
      [2, 'withdrawn', 'deny', false, 'run: rm -rf build'],
      [3, 'withdrawn', 'deny', false, 'run: rm -rf build'],
    ],
  );
});
