import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { test, type TestContext } from 'node:test';
import { newClaimId } from '../../src/core/claim.ts';
import { markerOf } from '../../src/core/task.ts';
import {
  ENDED_KINDS,
  isCurrent,
  pruneEnded,
  putAside,
  putResultAside,
  rawName,
  readHistory,
  readVerifyOutput,
  type EndedKind,
  type History,
} from '../../src/io/earlier-attempts.ts';
import { realFiles } from '../../src/io/files.ts';
import { THREAD_LOST } from '../../src/io/result-log.ts';
import { readLock } from '../../src/io/lock-file.ts';
import { scratch } from '../rig/scratch.ts';
import { claimRecord, filesWith, makeClaim, taskDirectory } from './rig.ts';

const TASK = 'fix.md';

function logText(attempt: number, claim = newClaimId(), body = ''): string {
  return `codex-worker log\nattempt:   ${attempt}\nclaim:     ${claim}\nprompt:    ${'a'.repeat(64)}\n${'─'.repeat(72)}\n${body}`;
}

function place(t: TestContext) {
  const directory = taskDirectory(scratch(t));
  const ended = `${directory.path}/.codex-worker/ended`;
  const put = async (attempt: number, kind: EndedKind, task = TASK, body = '') => {
    const claim = newClaimId();
    const from = `${directory.path}/${markerOf.runningLog(task, claim)}`;
    writeFileSync(from, logText(attempt, claim, body));
    return putAside(realFiles, directory, from, { task, attempt, claim, kind });
  };
  const publish = (kind: 'completed' | 'failed', text: string) =>
    writeFileSync(`${directory.path}/${markerOf[kind](TASK)}`, text);
  const history = () => readHistory(realFiles, directory, TASK);
  const counts = async () => {
    const { nextAttempt, retriesUsed, deaths } = await history();
    return [nextAttempt, retriesUsed, deaths];
  };
  return { directory, ended, put, publish, history, counts };
}

test('a task without a past begins with its first attempt', async (t) => {
  const { counts, directory } = place(t);
  assert.deepEqual(await counts(), [1, 0, 0]);
  rmSync(`${directory.path}/.codex-worker`, { recursive: true });
  assert.deepEqual(await counts(), [1, 0, 0]);
});

test('attempts that were put back are counted by how they ended', async (t) => {
  const { put, counts } = place(t);
  await put(1, 'retry');
  await put(2, 'died');
  await put(3, 'retry');
  await put(4, 'interrupted');
  await put(5, 'lost');
  await put(6, 'duplicate');
  await put(90, 'retry', 'other.md');
  assert.deepEqual(await counts(), [7, 2, 0]);
  await put(7, 'died');
  await put(8, 'lost');
  await put(9, 'died');
  assert.deepEqual(await counts(), [10, 2, 2]);
});

test('deaths count in a row: an attempt that ends while its owner lives has not killed it', async (t) => {
  for (const kind of ['retry', 'interrupted'] as const) {
    const { put, counts } = place(t);
    await put(1, 'died');
    await put(2, 'died');
    await put(3, kind);
    await put(4, 'died');
    assert.equal((await counts())[2], 1, kind);
  }
});

test('an attempt that found its thread lost does not part the deaths before it from those after', async (t) => {
  const { put, counts } = place(t);
  const footer = (outcome: string) =>
    `said\n\n${'─'.repeat(72)}\noutcome:   ${outcome}\nnext:      fresh thread\n`;
  await put(1, 'died');
  await put(2, 'interrupted', TASK, footer(THREAD_LOST));
  await put(3, 'died');
  await put(4, 'interrupted', TASK, footer(THREAD_LOST));
  assert.equal((await counts())[2], 2);
  await put(5, 'interrupted', TASK, footer('given back: interrupted'));
  await put(6, 'died');
  assert.equal((await counts())[2], 1);
});

test('a result ends the series: retries and deaths count from the last one', async (t) => {
  const { put, publish, counts } = place(t);
  await put(1, 'retry');
  await put(2, 'died');
  publish('failed', logText(3));
  assert.deepEqual(await counts(), [4, 0, 0]);
  await put(4, 'died');
  assert.deepEqual(await counts(), [5, 0, 1]);
  await put(5, 'failed');
  await put(6, 'retry');
  assert.deepEqual(await counts(), [7, 1, 0]);
  publish('completed', logText(9));
  assert.deepEqual(await counts(), [10, 0, 0]);
});

test('a result that codex-worker did not write counts for nothing', async (t) => {
  const { put, publish, counts } = place(t);
  await put(1, 'retry');
  publish('completed', 'done by hand\n');
  publish('failed', '');
  assert.deepEqual(await counts(), [2, 1, 0]);
});

test('names in the folder that are not ours are passed over', async (t) => {
  const { put, counts, ended } = place(t);
  await put(1, 'retry');
  const hash = createHash('sha256').update(TASK).digest('hex').slice(0, 16);
  const claim = newClaimId();
  const names = [
    hash,
    `${hash}.x.${claim}.retry.txt`,
    `${hash}.50.${claim}.other.txt`,
    `${hash}.50.${claim}.retry.log`,

    `${hash}.50.${claim}.retry.txt.bak`,
    `${hash}.50.${claim.slice(1)}.retry.txt`,
    `${hash}.-50.${claim}.retry.txt`,
    '.DS_Store',
  ];
  for (const name of names) writeFileSync(`${ended}/${name}`, '');
  assert.deepEqual(await counts(), [2, 1, 0]);
});

test('a log is moved whole, into a folder that is made when it is missing, and a missing log is no error', async (t) => {
  const { directory, put, ended } = place(t);
  for (const kind of ENDED_KINDS) {
    rmSync(`${directory.path}/.codex-worker`, { recursive: true, force: true });
    const to = await put(7, kind, TASK, `of ${kind}`);
    assert.ok(to !== undefined && to.startsWith(`${ended}/`) && to.endsWith(`.${kind}.txt`), to);
    assert.match(readFileSync(to, 'utf8'), new RegExp(`of ${kind}$`));
  }
  const claim = newClaimId();
  const nothing = { task: TASK, attempt: 1, claim, kind: 'retry' } as const;
  assert.equal(await putAside(realFiles, directory, `${directory.path}/nothing`, nothing), undefined);
  assert.equal(await putResultAside(realFiles, directory, TASK, 'failed'), undefined);
  assert.deepEqual(
    readdirSync(directory.path).filter((name) => name !== '.codex-worker'),
    [],
  );
});

test('a result is kept under the attempt and claim of its header, and a foreign one beside it', async (t) => {
  const { directory, publish, ended } = place(t);
  const claim = newClaimId();
  publish('completed', logText(4, claim, 'ours'));
  assert.match(
    (await putResultAside(realFiles, directory, TASK, 'completed')) ?? '',
    new RegExp(`\\.4\\.${claim}\\.completed\\.txt$`),
  );
  publish('completed', 'by hand, first');
  const first = await putResultAside(realFiles, directory, TASK, 'completed');
  publish('completed', 'by hand, second');
  const second = await putResultAside(realFiles, directory, TASK, 'completed');
  assert.ok(first && second && first !== second);
  assert.equal(readFileSync(first, 'utf8'), 'by hand, first');
  assert.equal(readFileSync(second, 'utf8'), 'by hand, second');
  assert.equal(readdirSync(ended).length, 3);
  assert.ok(!existsSync(`${directory.path}/${markerOf.completed(TASK)}`));
});

test('a result that was copied back and edited does not overwrite the one that was put aside', async (t) => {
  const { directory, publish, ended } = place(t);
  const text = logText(4, newClaimId(), 'as it was');
  publish('completed', text);
  const first = await putResultAside(realFiles, directory, TASK, 'completed');
  publish('completed', `${text} and edited`);
  const second = await putResultAside(realFiles, directory, TASK, 'completed');
  assert.ok(first && second);
  assert.equal(readFileSync(first, 'utf8'), text);
  assert.equal(readFileSync(second, 'utf8'), `${text} and edited`);
  assert.equal(readdirSync(ended).length, 2);
});

test('an attempt number that somebody made up never grows into one that a lock file cannot hold', async (t) => {
  const most = 999_999_999;
  for (const made of ['9'.repeat(30), '9007199254740993', '1000000000', String(most)]) {
    const { directory, put, history, ended } = place(t);
    const [name = ''] = [await put(1, 'retry')];
    renameSync(name, name.replace(/\.1\./, `.${made}.`));
    const { nextAttempt } = await history();
    assert.equal(nextAttempt, Number(made) === most ? most : 1, made);
    await (await makeClaim(directory, claimRecord(TASK, { attempt: nextAttempt }))).close();
    assert.equal((await readLock(realFiles, directory, TASK)).kind, 'claim', made);
    await put(nextAttempt, 'retry');
    assert.equal(readdirSync(ended).length, 2, made);
    assert.ok((await history()).retriesUsed >= 1, `after ${made} no retry counts`);
  }
});

test('where the highest attempt number is taken, retries after a result count all the same', async (t) => {
  const { put, publish, history, counts } = place(t);
  publish('failed', logText(999_999_999));
  assert.equal((await history()).nextAttempt, 999_999_999);
  await put(999_999_999, 'retry');
  await put(999_999_999, 'died');
  assert.deepEqual(await counts(), [999_999_999, 1, 1]);
});

test('of each task the newest 20 attempts are kept, with their raw events', async (t) => {
  const { directory, put, ended } = place(t);
  const raw = `${directory.path}/.codex-worker/raw`;
  mkdirSync(raw);
  const extensions = ['jsonl', 'stderr', 'verify'] as const;
  for (let attempt = 1; attempt <= 25; attempt++) {
    const path = (await put(attempt, 'retry')) ?? '';
    const claim = path.split('.').at(-3) ?? '';
    for (const extension of attempt % 2 === 0 ? extensions : extensions.slice(0, 1))
      writeFileSync(`${raw}/${rawName(TASK, attempt, claim, extension)}`, '');
  }
  await put(1, 'failed', 'other.md');
  writeFileSync(`${ended}/not-ours.txt`, '');
  const attempts = (folder: string) =>
    new Set(readdirSync(folder).map((name) => Number(/^[0-9a-f]{16}\.(\d+)\./.exec(name)?.[1] ?? 0)));
  const all = readdirSync(ended).length;
  const would = await pruneEnded(realFiles, directory, false, true);
  assert.equal(readdirSync(ended).length, all, 'a dry run removed something');
  const removed = await pruneEnded(realFiles, directory, false, false);
  assert.deepEqual(removed.toSorted(), would.toSorted());
  assert.equal(removed.length, 5 + 5 + 2 + 2);
  assert.ok(removed.every((path) => /^(ended|raw)\/[0-9a-f]{16}\.[1-5]\./.test(path)));
  assert.deepEqual(
    [...attempts(raw)].sort((a, b) => a - b),
    Array.from({ length: 20 }, (_, i) => i + 6),
  );
  assert.ok(attempts(ended).has(1), 'the other task’s attempt is gone');
  assert.deepEqual(await pruneEnded(realFiles, directory, false, false), []);
  assert.equal((await readHistory(realFiles, directory, TASK)).nextAttempt, 26);

  const standing = rawName(TASK, 26, newClaimId(), 'jsonl');
  writeFileSync(`${raw}/${standing}`, '');
  await pruneEnded(realFiles, directory, true, false);
  assert.deepEqual(readdirSync(ended), ['not-ours.txt']);
  assert.deepEqual(
    readdirSync(raw),
    [standing],
    'the raw events of a result that stands beside its task stay',
  );
});

test('of what a command printed about an attempt the end is read, and nothing through a link', async (t) => {
  const { directory } = place(t);
  const attempt = { task: TASK, attempt: 1, claim: newClaimId() };
  const raw = `${directory.path}/.codex-worker/raw`;
  const path = `${raw}/${rawName(TASK, 1, attempt.claim, 'verify')}`;
  const read = (limit = 100) => readVerifyOutput(realFiles, directory, attempt, limit);
  assert.equal(await read(), '', 'without the folder');
  mkdirSync(raw);
  assert.equal(await read(), '', 'without the file');
  writeFileSync(path, '任务 is not done');
  assert.equal(await read(), '任务 is not done');
  assert.equal(await read(12), 'is not done'.padStart(12));
  assert.equal(await read(14), ' is not done', 'it begins in the middle of a character');
  rmSync(path);
  writeFileSync(`${directory.path}/precious`, 'precious');
  symlinkSync(`${directory.path}/precious`, path);
  assert.equal(await read(), '', 'a link');
  rmSync(path);
  mkdirSync(path);
  assert.equal(await read(), '', 'a directory');
  renameSync(raw, `${directory.path}/elsewhere`);
  symlinkSync(`${directory.path}/elsewhere`, raw);
  await assert.rejects(read(), /leads to .*elsewhere/);
});

test('when nothing was ever put aside there is nothing to prune', async (t) => {
  const { directory } = place(t);
  assert.deepEqual(await pruneEnded(realFiles, directory, true, false), []);
  renameSync(`${directory.path}/.codex-worker`, `${directory.path}/away`);
  assert.deepEqual(await pruneEnded(realFiles, directory, true, false), []);
});

test('that nothing has come to a history is known without another list, unless an attempt has ended meanwhile', async (t) => {
  const { directory, put } = place(t);
  let listed = 0;
  const lists = () => listed;
  const files = filesWith({
    readdir: (path) => {
      listed++;
      return realFiles.readdir(path);
    },
  });
  const now = new Date(Date.now() + 60_000); // the folder has not been changed for a minute
  const read = async (at = now) => {
    const history = await readHistory(files, directory, TASK, at);
    listed = 0;
    return history;
  };
  const stillIs = (history: History, at = now) => isCurrent(files, directory, TASK, history, at);
  const without = await read();
  assert.ok((await stillIs(without)) && lists() === 0, 'there is no folder');
  await put(1, 'retry');
  assert.ok(!(await stillIs(without)), 'its first attempt');
  const one = await read();
  assert.ok((await stillIs(one)) && lists() === 0, 'nothing was changed');
  await put(1, 'retry', 'other.md');
  assert.ok((await stillIs(one)) && lists() === 1, 'another task');
  await put(2, 'interrupted');
  assert.ok(!(await stillIs(one)), 'an attempt of it');
  const justNow = await read(new Date());
  assert.ok(
    (await stillIs(justNow, new Date())) && lists() === 1,
    'a change may leave the time stamp as it is',
  );
});
