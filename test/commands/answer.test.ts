/** Giving an answer from here, where what is asked stands in files. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { openAnswering } from '../../src/commands/answer.ts';
import type { ClaimRecord, Host } from '../../src/core/claim.ts';
import { EnvironmentError, UsageError } from '../../src/core/errors.ts';
import { realWorld } from '../../src/engine/world.ts';
import { answersFolder } from '../../src/io/answer-file.ts';
import { realFiles, type Files } from '../../src/io/files.ts';
import { thisProcess } from '../../src/io/process-identity.ts';
import { writeQuestion } from '../../src/io/question-file.ts';
import { claimRecord, errno, filesWith, makeClaim, taskDirectory } from '../io/rig.ts';
import { question } from '../rig/question.ts';
import { scratch } from '../rig/scratch.ts';

async function make(t: TestContext, claim: Partial<ClaimRecord> = {}) {
  const directory = taskDirectory(scratch(t));
  const record = claimRecord('fix.md', claim);
  const lock = await makeClaim(directory, record);
  t.after(() => lock.close());
  const asked = question({ claim: record.claim });
  await writeQuestion(realFiles, directory, thisProcess(), asked);
  // As this process began with it: whoever asks is this very process, or another one.
  const env = { HOME: process.env['HOME'], XDG_STATE_HOME: scratch(t) };
  const world = { ...realWorld(), table: { ...realWorld().table, environment: () => undefined } };
  const answering = (changed: Partial<Files> = {}) =>
    openAnswering(env, { ...world, files: filesWith(changed) });
  const task = { directory: directory.path, name: 'fix.md', label: 'fix.md' };
  return { answering, open: { task, question: asked }, folder: answersFolder(env) };
}

const onHost = (more: Partial<Host>): Partial<ClaimRecord> => ({ host: { ...thisProcess().host, ...more } });

test('a disk that refuses the answer is said, in words that end no run, and nothing of it stays', async (t) => {
  const { answering, open, folder } = await make(t);
  const full: readonly Partial<Files>[] = [
    { write: () => Promise.reject(errno('ENOSPC')) },
    { link: () => Promise.reject(errno('EIO')) },
    { mkdir: () => Promise.reject(errno('EROFS')) },
  ];
  for (const files of full.toReversed())
    await assert.rejects(
      answering(files).give(open, 'approve'),
      (error) => error instanceof EnvironmentError && /EROFS|EIO|ENOSPC/.test(error.message),
    );
  assert.deepEqual(readdirSync(folder), []);
  assert.equal((await answering().give(open, 'approve')).kind, 'given');
});

test('a run of another user cannot hear from here; of one on another host it is said where it is', async (t) => {
  const foreign = await make(t, onHost({ uid: thisProcess().host.uid + 1 }));
  await assert.rejects(
    foreign.answering().give(foreign.open, 'deny'),
    (error) => error instanceof UsageError && /belongs to another user \(uid \d+\)/.test(error.message),
  );
  const far = await make(t, onHost({ name: 'mill', machine: 'another', boot: 'another' }));
  const result = await far.answering().give(far.open, 'deny');
  assert.equal(result.kind === 'given' && result.elsewhere, 'mill');
});
