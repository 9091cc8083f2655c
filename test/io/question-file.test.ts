import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { newClaimId } from '../../src/core/claim.ts';
import { EnvironmentError } from '../../src/core/errors.ts';
import { digestOf } from '../../src/core/question.ts';
import { realFiles } from '../../src/io/files.ts';
import { thisProcess } from '../../src/io/process-identity.ts';
import {
  readQuestions,
  removeNotice,
  removeQuestion,
  removeQuestions,
  removeStaleNotice,
  writeNotice,
  writeQuestion,
} from '../../src/io/question-file.ts';
import { Durability, FaultyDisk } from '../rig/faulty-disk.ts';
import { question } from '../rig/question.ts';
import { scratch } from '../rig/scratch.ts';
import { errno, filesWith, taskDirectory } from './rig.ts';

const me = thisProcess();
const NOTICE = 'needs-approval-fix.md';

function make(t: TestContext, hardLinks = true) {
  const directory = taskDirectory(scratch(t), hardLinks);
  const at = (name: string) => `${directory.path}/${name}`;
  const ls = (folder: string) => readdirSync(at(folder)).sort();
  const notice = (text: string | undefined, files = realFiles) =>
    writeNotice(files, directory, me, 'fix.md', text);
  return { directory, at, ls, notice };
}

test('a question is read back word for word, is written again without harm, and goes with its number or its claim', async (t) => {
  const { directory, ls } = make(t);
  const [first, second] = [question({ reason: '\u0000 \ud800 ünï\n' }), question({ n: 12, at: 1 })];
  for (const one of [first, first, second]) await writeQuestion(realFiles, directory, me, one);
  const read = await readQuestions(realFiles, directory);
  assert.deepEqual(read, [second, first], 'oldest first');
  assert.deepEqual(read.map(digestOf), [second, first].map(digestOf));
  assert.equal(statSync(`${directory.path}/.codex-worker/questions`).mode & 0o777, 0o700);
  assert.equal(await removeQuestion(realFiles, directory, second.claim, 1), false);
  assert.equal(await removeQuestion(realFiles, directory, second.claim, 12), true);
  assert.deepEqual(ls('.codex-worker/questions'), [`${first.claim}.1.json`]);
  await writeQuestion(realFiles, directory, me, { ...first, n: 2 });
  await writeQuestion(realFiles, directory, me, second);
  await removeQuestions(realFiles, directory, first.claim);
  assert.deepEqual(ls('.codex-worker/questions'), [`${second.claim}.12.json`]);
  assert.deepEqual(ls('.codex-worker/tmp'), []);
});

test('a directory in which nobody asked anything has no questions, and gets no folder by being asked', async (t) => {
  const { directory, ls } = make(t);
  assert.deepEqual(await readQuestions(realFiles, directory), []);
  await removeQuestions(realFiles, directory, newClaimId());
  assert.deepEqual(ls('.codex-worker'), ['tmp']);
});

test('what is no question is passed over: garbage, another’s name, too large, a link, a pipe, a directory', async (t) => {
  const { directory, at, ls } = make(t);
  const sound = question();
  await writeQuestion(realFiles, directory, me, sound);
  const folder = '.codex-worker/questions';
  const plant = (name: string, text: string) => writeFileSync(at(`${folder}/${name}`), text);
  const json = JSON.stringify(question());
  plant(`${newClaimId()}.1.json`, '{"claim":');
  plant(`${newClaimId()}.2.json`, json);
  plant(`${newClaimId()}.0.json`, json);
  plant('notes.json', json);
  const large = question({ reason: 'x'.repeat(17 * 1_048_576) });
  plant(`${large.claim}.1.json`, JSON.stringify(large));
  const linked = question();
  writeFileSync(at('outside.json'), JSON.stringify(linked));
  symlinkSync(at('outside.json'), at(`${folder}/${linked.claim}.1.json`));
  execFileSync('mkfifo', [at(`${folder}/${newClaimId()}.1.json`)]);
  mkdirSync(at(`${folder}/${newClaimId()}.1.json`));
  assert.equal(ls(folder).length, 9);
  assert.deepEqual(await readQuestions(realFiles, directory), [sound]);
});

test('who fills the folder makes nobody run out of memory', async (t) => {
  const { directory } = make(t);
  const claims = Array.from({ length: 6 }, newClaimId);
  for (const claim of claims)
    await writeQuestion(realFiles, directory, me, question({ claim, reason: 'x'.repeat(15 * 1_048_576) }));
  let bytes = 0;
  const counting = filesWith({
    read: async (fd, buffer, position) => {
      const read = await realFiles.read(fd, buffer, position);
      bytes += read;
      return read;
    },
  });
  assert.equal((await readQuestions(counting, directory)).length, 4);
  assert.ok(bytes <= 64 * 1_048_576 + 1, String(bytes));
});

test('a question that nobody could read is refused, and so is a place that leads away or is taken', async (t) => {
  const { directory, at } = make(t);
  const outside = scratch(t);
  const write = (one = question()) => writeQuestion(realFiles, directory, me, one);
  await assert.rejects(write(question({ reason: 'x'.repeat(16 * 1_048_576) })), /the most that can be shown/);
  const blocked = question();
  mkdirSync(at(`.codex-worker/questions/${blocked.claim}.1.json`), { recursive: true });
  await assert.rejects(write(blocked), /is a directory/);
  rmSync(at('.codex-worker/questions'), { recursive: true });
  symlinkSync(outside, at('.codex-worker/questions'));
  await assert.rejects(
    write(),
    (error) => error instanceof EnvironmentError && /symbolic link/.test(error.message),
  );
  const theirs = question();
  writeFileSync(`${outside}/${theirs.claim}.1.json`, JSON.stringify(theirs));
  assert.deepEqual(await readQuestions(realFiles, directory), []);
  await removeQuestions(realFiles, directory, theirs.claim);
  assert.equal(await removeQuestion(realFiles, directory, theirs.claim, 1), false);
  assert.deepEqual(readdirSync(outside), [`${theirs.claim}.1.json`]);
});

for (const hardLinks of [true, false]) {
  const where = hardLinks ? '' : ', also where there are no hard links';

  test(`a notice says what is asked, says something else, and goes${where}`, async (t) => {
    const { at, ls, notice } = make(t, hardLinks);
    await notice('run: ls\n');
    assert.equal(
      readFileSync(at(NOTICE), 'utf8'),
      '# codex-worker: fix.md asks for your approval\n\nrun: ls\n',
    );
    await notice('run: rm\n');
    assert.match(readFileSync(at(NOTICE), 'utf8'), /run: rm\n$/);
    await notice(undefined);
    await notice(undefined);
    assert.deepEqual([ls('.'), ls('.codex-worker/tmp')], [['.codex-worker'], []]);
  });

  test(`a file of the user’s own with that name stays, and so does one that comes just then${where}`, async (t) => {
    const { directory, at, ls, notice } = make(t, hardLinks);
    const own = 'my notes on what needs approval\n';
    writeFileSync(at(NOTICE), own);
    await notice('run: ls\n');
    await notice(undefined);
    assert.equal(await removeNotice(realFiles, directory, 'fix.md'), false);
    assert.equal(readFileSync(at(NOTICE), 'utf8'), own);
    rmSync(at(NOTICE));
    symlinkSync(at('elsewhere'), at(NOTICE));
    writeFileSync(at('elsewhere'), '# codex-worker: fix.md\n');
    await notice('run: ls\n');
    await notice(undefined);
    assert.equal(readFileSync(at('elsewhere'), 'utf8'), '# codex-worker: fix.md\n');
    assert.equal(ls('.').length, 3);
    rmSync(at(NOTICE));
    const busy = filesWith({
      fsync: async (fd) => {
        await realFiles.fsync(fd);
        writeFileSync(at(NOTICE), own);
      },
    });
    await notice('run: ls\n', busy);
    assert.equal(readFileSync(at(NOTICE), 'utf8'), own);
    assert.deepEqual(ls('.codex-worker/tmp'), []);
  });
}

test('a task’s name cannot put a line of its own into the heading of its notice', async (t) => {
  const { directory, ls, at } = make(t);
  await writeNotice(realFiles, directory, me, 'a\n# approved\u001b[2J', 'run: ls\n');
  const name = ls('.').find((one) => one.startsWith('needs-approval-')) ?? '';
  const [heading, blank] = readFileSync(at(name), 'utf8').split('\n');
  assert.equal(heading, '# codex-worker: a\\n# approved\\x1b[2J asks for your approval');
  assert.equal(blank, '');
});

test('a kill at any call of writing leaves the whole question or none, and the whole notice or the one before', async (t) => {
  for (let from = 1; ; from++) {
    const { directory, at, ls, notice } = make(t);
    const asked = question();
    await notice('before\n');
    const disk = new FaultyDisk(new Durability(), { kind: 'killed', from });
    const writing = writeQuestion(disk.files(), directory, me, asked).then(() =>
      notice('after\n', disk.files()),
    );
    await Promise.race([writing, disk.died]);
    disk.closeAll();
    if (disk.injected === 0) break;
    const [read] = await readQuestions(realFiles, directory);
    assert.deepEqual(read, read && asked, disk.hit);
    assert.match(readFileSync(at(NOTICE), 'utf8'), /^# codex-worker: .*\n\n(?:before|after)\n$/, disk.hit);
    assert.ok(ls('.codex-worker/tmp').length <= 1, disk.hit);
  }
});

test('a disk that refuses leaves no half of anything', async (t) => {
  const { directory, ls, notice } = make(t);
  const full = filesWith({ write: () => Promise.reject(errno('ENOSPC')) });
  await assert.rejects(writeQuestion(full, directory, me, question()), /ENOSPC/);
  await assert.rejects(notice('run: ls\n', full), /ENOSPC/);
  assert.deepEqual(await readQuestions(realFiles, directory), []);
  assert.deepEqual(ls('.'), ['.codex-worker']);
});

test('a stale notice goes; one beside a lock stays, and so does one that a new claim puts there just then', async (t) => {
  const { directory, at, ls, notice } = make(t);
  const remove = (isLocked: () => Promise<boolean>, dryRun = false, files = realFiles) =>
    removeStaleNotice(files, directory, me, 'fix.md', { isLocked, dryRun });
  const free = () => Promise.resolve(false);
  assert.equal(await remove(free), false);
  await notice('old\n');
  assert.equal(await remove(() => Promise.resolve(true)), false);
  assert.equal(await remove(free, true), true);
  assert.ok(ls('.').includes(NOTICE), 'a dry run removes nothing');
  const claiming = async () => {
    await notice('new\n');
    return false; // the lock was looked for before it came
  };
  assert.equal(await remove(claiming), false);
  assert.match(readFileSync(at(NOTICE), 'utf8'), /new\n$/);
  const again = filesWith({
    rename: async (from, to) => {
      if (from === at(NOTICE)) await notice('newer\n');
      await realFiles.rename(from, to);
      if (from === at(NOTICE)) await notice('newest\n');
    },
  });
  assert.equal(await remove(free, false, again), false);
  assert.match(readFileSync(at(NOTICE), 'utf8'), /newest\n$/);
  assert.equal(await remove(free), true);
  assert.deepEqual([ls('.'), ls('.codex-worker/tmp')], [['.codex-worker'], []]);
});
