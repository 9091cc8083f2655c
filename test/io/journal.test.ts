import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { newClaimId } from '../../src/core/claim.ts';
import { realFiles } from '../../src/io/files.ts';
import type { JournalEntry, PauseNote } from '../../src/core/journal-entry.ts';
import { appendToJournal, JournalReader } from '../../src/io/journal.ts';
import { scratch } from '../rig/scratch.ts';
import { errno, filesWith, taskDirectory } from './rig.ts';

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
    append: (line: JournalEntry | PauseNote) => appendToJournal(realFiles, directory, line),
  };
}

test('what is appended is read, each time only what is new, and by nobody but its owner', async (t) => {
  const { reader, append, path } = makeJournal(t);
  assert.deepEqual(await reader.read(), []);
  const [one, two] = [entry({ why: 'timed-out', outcome: 'failed' }), entry({ task: 'ü\u202e\n.md' })];
  await append(one);
  assert.deepEqual(await reader.read(), [one]);
  await append(two);
  assert.deepEqual(await reader.read(), [two]);
  assert.deepEqual(await reader.read(), []);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.match(readFileSync(path, 'latin1'), /^[\x20-\x7e\n]+$/);
});

test('a line that was torn spoils neither the one before nor the one after', async (t) => {
  const { reader, append, path } = makeJournal(t);
  const [one, two] = [entry(), entry()];
  await append(one);
  const text = readFileSync(path, 'utf8');
  appendFileSync(path, text.slice(0, text.length / 2));
  assert.deepEqual(await reader.read(), [one]);
  await append(two);
  assert.deepEqual(await reader.read(), [two]);
});

test('a claim is counted once, by its first line', async (t) => {
  const { reader, append } = makeJournal(t);
  const first = entry();
  await append(first);
  await append({ ...first, outcome: 'died', usage: { input: 1, cached: 0, output: 0 } });
  assert.deepEqual(await reader.read(), [first]);
  await append(first);
  assert.deepEqual(await reader.read(), []);
});

test('a journal that was removed, cut or put in the place of another is read anew, and one of a terabyte ends', async (t) => {
  const { reader, append, path } = makeJournal(t);
  await append(entry());
  await reader.read();
  rmSync(path);
  assert.deepEqual(await reader.read(), []);
  const next = entry();
  await append(next);
  assert.deepEqual(await reader.read(), [next]);
  truncateSync(path, 3);
  assert.deepEqual(await reader.read(), []);
  await append(entry());
  assert.equal((await reader.read()).length, 1);
  truncateSync(path, 2 ** 40);
  await append(entry());
  assert.equal((await reader.read()).length, 1);
});

test('a disk that refuses the line, or that has lost the folder, fails nothing', async (t) => {
  const { directory, append, reader } = makeJournal(t);
  for (const code of ['ENOSPC', 'EIO', 'EDQUOT', 'EROFS']) {
    const full = filesWith({
      appendSync: () => {
        throw errno(code);
      },
    });
    assert.equal(await appendToJournal(full, directory, entry()), false, code);
  }
  rmSync(join(directory.path, '.codex-worker'), { recursive: true });
  assert.equal(await append(entry()), true);
  assert.equal((await reader.read()).length, 1);
});

test('what is noted of pauses is read beside the attempts, and is none of them', async (t) => {
  const { append, reader, path } = makeJournal(t);
  const id = 'a'.repeat(32);
  const note = { kind: 'paused', at: 1_000, id, class: 'limited', reason: 'limit ☂', until: 2_000 } as const;
  await append(entry());
  await append(note);
  await append({ kind: 'resumed', at: 3_000, id });
  for (const spoilt of [{ id: 'b' }, { class: 'other' }, { kind: 'other' }, { reason: 7 }])
    appendFileSync(
      path,
      `\n${JSON.stringify({ v: 1, ...note, at: '2026-01-31T07:00:00.000Z', ...spoilt })}\n`,
    );
  assert.equal((await reader.read()).length, 1);
  assert.deepEqual(reader.pauses, [note, { kind: 'resumed', at: 3_000, id }]);
  await append({ kind: 'resumed', at: 4_000, id });
  assert.deepEqual([await reader.read(), reader.pauses.length], [[], 3]);
});

test('of pauses that somebody made up by the thousand the newest are kept', async (t) => {
  const { append, reader } = makeJournal(t);
  for (let n = 0; n < 1_100; n++) await append({ kind: 'resumed', at: n, id: 'a'.repeat(32) });
  await reader.read();
  assert.deepEqual([reader.pauses.length, reader.pauses.at(-1)?.at], [1_000, 1_099]);
});
