import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { answerNote } from '../../src/core/answer-note.ts';
import { newClaimId } from '../../src/core/claim.ts';
import { realFiles } from '../../src/io/files.ts';
import type { AnswerNote, JournalEntry, JournalNote } from '../../src/core/journal-entry.ts';
import type { Question } from '../../src/core/question.ts';
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
  const answers: AnswerNote[] = [];
  return {
    directory,
    answers,
    path: join(directory.path, '.codex-worker', 'journal.jsonl'),
    reader: new JournalReader(realFiles, directory, (note) => answers.push(note)),
    append: (line: JournalEntry | JournalNote) => appendToJournal(realFiles, directory, line),
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

const who = { user: 'ada', host: 'mill', terminal: '/dev/pts/3', pid: 42 };

function asked(command: string, { task = 'fix.md', by = who } = {}): AnswerNote {
  const question: Question = {
    claim: newClaimId(),
    n: 1,
    task,
    attempt: 2,
    asked: { kind: 'command', command },
    workingDirectory: '/home/ada',
    at: 60_000,
    offers: ['approve', 'deny'],
  };
  const { claim, n } = question;
  const digest = 'd'.repeat(64);
  return answerNote(question, { claim, n, digest, decision: 'approve', how: 'person', by, at: 90_000 });
}

test('who answered what is read beside the attempts, is none of them, and counts once', async (t) => {
  const { append, reader, answers } = makeJournal(t);
  const [one, attempt] = [asked('rm -rf build'), entry()];
  assert.equal(one.text, 'rm -rf build');
  for (const line of [one, attempt, { ...one, decision: 'deny' } as const, { ...one, n: 2 }])
    await append(line);
  assert.deepEqual(await reader.read(), [attempt]);
  assert.deepEqual(answers, [one, { ...one, n: 2 }]);
  await append(one);
  assert.deepEqual([await reader.read(), answers.length], [[], 2]);
});

test('what was asked keeps its place in the journal however long it is, and whatever it is written in', async (t) => {
  for (const longest of [
    'x'.repeat(1_000_000),
    '\u0001'.repeat(1_000_000),
    '☃'.repeat(9_999),
    '🔥'.repeat(9_999),
  ]) {
    const { append, reader, answers, path } = makeJournal(t);
    const name = '☃'.repeat(9_999);
    const by = { user: name, host: name, terminal: name, pid: 999_999_999 };
    const note = asked(longest, { task: '\u0001'.repeat(255), by });
    await append(note);
    await reader.read();
    assert.deepEqual(answers, [note]);
    assert.ok(note.text.length <= 2_000 && note.text.endsWith('…'));
    assert.match(readFileSync(path, 'latin1'), /^[\x20-\x7e\n]+$/);
  }
});

test('an answer that somebody made up, and that is none, is passed over', async (t) => {
  const { reader, answers, path } = makeJournal(t);
  const line = { v: 1, ...asked('make'), at: '2026-01-31T07:00:00.000Z' };
  const write = (fields: object) => appendFileSync(path, `\n${JSON.stringify(fields)}\n`);
  for (const spoilt of [
    { v: 2 },
    { at: 'soon' },
    { at: 7 },
    { claim: '../../etc' },
    { task: 7 },
    { n: 0 },
    { n: 1e99 },
    { attempt: 'first' },
    { asked: 'x'.repeat(161) },
    { text: 'x'.repeat(2_001) },
    { text: null },
    { digest: 'no' },
    { decision: 'allow' },
    { how: 'magic' },
    { how: 'timeout' }, // and approved: nobody's silence is a yes
    { askedAt: -1 },
    { by: null },
    { by: 'root' },
    { by: { ...who, user: 'x'.repeat(65) } },
    { by: { ...who, pid: -1 } },
    { by: { ...who, terminal: 7 } },
    { by: { user: 'ada', pid: 1 } },
  ])
    write({ ...line, ...spoilt });
  assert.deepEqual([await reader.read(), answers], [[], []]);
  write(line);
  write({ ...line, n: 2, by: { user: 'ada', host: 'mill', pid: 1 } });
  await reader.read();
  assert.deepEqual(
    answers.map(({ by }) => by.terminal),
    [who.terminal, undefined],
  );
});
