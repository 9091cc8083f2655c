import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { newClaimId } from '../../src/core/claim.ts';
import { idOf, type Question } from '../../src/core/question.ts';
import { questionsOf } from '../../src/engine/asked-questions.ts';
import { realFiles } from '../../src/io/files.ts';
import { thisProcess } from '../../src/io/process-identity.ts';
import { writeQuestion } from '../../src/io/question-file.ts';
import { errno, filesWith, taskDirectory } from '../io/rig.ts';
import { question as asks } from '../rig/question.ts';
import { scratch } from '../rig/scratch.ts';

const CLAIM = newClaimId();

const question = (more: Partial<Question> = {}) =>
  asks({ claim: CLAIM, asked: { kind: 'command', command: 'make' }, ...more });

test('a task has what the owner of its claim asks, oldest first, and nothing that is forged for another', async (t) => {
  const directory = taskDirectory(scratch(t));
  const task = { directory: directory.path, name: 'fix.md', label: 'fix.md' };
  const [late, early] = [question({ n: 1, at: 2_000 }), question({ n: 2, at: 1_000 })];
  const others = [
    question({ n: 3, task: 'other.md' }),
    question({ claim: newClaimId() }),
    question({ claim: newClaimId(), task: 'other.md' }),
  ];
  for (const one of [late, early, ...others]) await writeQuestion(realFiles, directory, thisProcess(), one);
  const asked = await questionsOf(realFiles, new Map([[CLAIM, task]]));
  assert.deepEqual(
    [...asked],
    [
      [
        task,
        [
          { id: idOf(early), asked: 'run: make', since: '1970-01-01T00:00:01.000Z' },
          { id: idOf(late), asked: 'run: make', since: '1970-01-01T00:00:02.000Z' },
        ],
      ],
    ],
  );
  const elsewhere = { ...task, directory: scratch(t) };
  assert.equal((await questionsOf(realFiles, new Map([[CLAIM, elsewhere]]))).size, 0);
});

test('where nothing is in progress nothing is looked at, and a folder of a thousand forged questions gives a few', async (t) => {
  const directory = taskDirectory(scratch(t));
  const task = { directory: directory.path, name: 'fix.md', label: 'fix.md' };
  const blind = filesWith({
    realpath: () => assert.fail('it looked'),
    readdir: () => assert.fail('it looked'),
  });
  assert.equal((await questionsOf(blind, new Map())).size, 0);
  const folder = join(directory.path, '.codex-worker', 'questions');
  mkdirSync(folder);
  for (let n = 1; n <= 1_000; n++)
    writeFileSync(join(folder, `${CLAIM}.${n}.json`), JSON.stringify({ v: 1, ...question({ n }) }));
  const asked = await questionsOf(realFiles, new Map([[CLAIM, task]]));
  assert.equal(asked.get(task)?.length, 20);
  const refused = filesWith({ realpath: () => Promise.reject(errno('EACCES')) });
  assert.equal((await questionsOf(refused, new Map([[CLAIM, task]]))).size, 0);
});
