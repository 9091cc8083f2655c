/** What somebody could write or put in the place of the figures: the journal, and the note that a ceiling is reached. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { newClaimId } from '../../src/core/claim.ts';
import { leaveNote, readNote, type Ceiling } from '../../src/io/ceiling-note.ts';
import { realFiles } from '../../src/io/files.ts';
import type { JournalEntry } from '../../src/core/journal-entry.ts';
import { appendToJournal, JournalReader } from '../../src/io/journal.ts';
import { taskDirectory } from '../io/rig.ts';
import { scratch } from '../rig/scratch.ts';

const CEILING: Ceiling = { of: 'tokens', limit: 500, spent: 600 };

const entry = (more: Partial<JournalEntry> = {}): JournalEntry => ({
  at: Date.UTC(2026, 0, 2),
  run: 'a-run',
  by: 'codex-worker 1.0.0',
  task: 'fix.md',
  attempt: 1,
  claim: newClaimId(),
  outcome: 'completed',
  usage: { input: 100, cached: 40, output: 7 },
  durationMs: 1_000,
  ...more,
});

function makeJournal(t: TestContext) {
  const directory = taskDirectory(scratch(t));
  return {
    directory,
    path: join(directory.path, '.codex-worker', 'journal.jsonl'),
    reader: new JournalReader(realFiles, directory),
    append: (line: JournalEntry) => appendToJournal(realFiles, directory, line),
  };
}

test('lines that an agent could have made up are passed over', async (t) => {
  const { reader, append, path } = makeJournal(t);
  const forge = (fields: object) =>
    appendFileSync(path, `${JSON.stringify({ v: 1, ...entry(), at: '2026-01-02', ...fields })}\n`);
  for (const usage of [
    undefined,
    null,
    { input: -1, cached: 0, output: 0 },
    { input: 1.5, cached: 0, output: 0 },
    { input: '1', cached: 0, output: 0 },
    { input: 2 ** 53, cached: 0, output: 0 },
    { input: 1e300, cached: 0, output: 0 },
    { input: 0, cached: 0, output: 2e9 },
  ])
    forge({ usage });
  forge({ claim: 'x' });
  forge({ v: 2 });
  forge({ at: 'yesterday' });
  forge({ outcome: 'won' });
  forge({ attempt: -3 });
  forge({ durationMs: 1e12 });
  forge({ task: ['fix.md'] });
  forge({ by: 'x'.repeat(100_000) });
  appendFileSync(path, '{"__proto__":{}}\n[]\nnull\n{\n\0\0\n' + 'x'.repeat(1_000_000) + '\n');
  const real = entry();
  await append(real);
  assert.deepEqual(await reader.read(), [real]);
  forge({ claim: newClaimId() });
  assert.equal((await reader.read()).length, 1, 'the forger can write a good line too');
});

test('what stands in its place is neither written nor read: a link, a second name, a pipe, a directory', async (t) => {
  const { directory, reader, append, path } = makeJournal(t);
  const precious = join(directory.path, 'precious');
  const line = `${JSON.stringify({ v: 1, ...entry(), at: '2026-01-02' })}\n`;
  writeFileSync(precious, line);
  for (const put of [
    () => symlinkSync(precious, path),
    () => symlinkSync('nowhere', path),
    () => execFileSync('mkfifo', [path]),
    () => mkdirSync(path),
  ]) {
    put();
    assert.equal(await append(entry()), false);
    assert.deepEqual(await reader.read(), []);
    rmSync(path, { recursive: true });
  }
  linkSync(precious, path);
  assert.equal(await append(entry()), false);
  assert.equal(readFileSync(precious, 'utf8'), line);
});

test('what is no note, or leads elsewhere, says nothing; and what is left takes its place', async (t) => {
  const directory = taskDirectory(scratch(t));
  const path = join(directory.path, '.codex-worker', 'ceiling.json');
  const precious = join(directory.path, 'precious');
  writeFileSync(precious, JSON.stringify({ v: 1, ...CEILING }));
  for (const put of [
    ...[
      '',
      'null',
      '[]',
      '{"v":1}',
      '{"v":2,"of":"tokens","limit":1,"spent":1}',
      '{"v":1,"of":"\\u001b[2J","limit":1,"spent":1}',
      '{"v":1,"of":"tokens","limit":-1,"spent":1}',
      '{"v":1,"of":"tokens","limit":1e300,"spent":1}',
      `{"v":1,"of":"tokens","limit":1,"spent":1,"x":"${'y'.repeat(10_000)}"}`,
    ].map((text) => () => writeFileSync(path, text)),
    () => symlinkSync(precious, path),
    () => execFileSync('mkfifo', [path]),
  ]) {
    put();
    assert.equal(await readNote(realFiles, directory), undefined);
    await leaveNote(realFiles, directory, CEILING);
    assert.deepEqual(await readNote(realFiles, directory), CEILING);
    rmSync(path);
  }
  assert.equal(readFileSync(precious, 'utf8'), JSON.stringify({ v: 1, ...CEILING }));
  mkdirSync(path);
  await leaveNote(realFiles, directory, CEILING); // a directory stays, and the others go on
  assert.equal(await readNote(realFiles, directory), undefined);
});
