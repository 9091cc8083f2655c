import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { newClaimId } from '../../src/core/claim.ts';
import { markerOf } from '../../src/core/task.ts';
import { changesSince } from '../../src/io/changed-files.ts';
import { realFiles } from '../../src/io/files.ts';
import { scratch } from '../rig/scratch.ts';
import { errno, filesWith } from './rig.ts';

/** A directory with files that are older than `since`. */
async function makePlace(t: TestContext) {
  const top = scratch(t);
  const at = (name: string) => join(top, name);
  for (const name of [
    'src/deep',
    '.git',
    'node_modules/x',
    '.codex-worker/raw',
    'tasks/.codex-worker',
    'home',
  ])
    mkdirSync(at(name), { recursive: true });
  for (const name of ['a.txt', 'src/b.txt', 'src/deep/c.txt', 'tasks/t.md']) writeFileSync(at(name), '');
  await sleep(30); // the kernel's clock for files goes in steps of some milliseconds
  const since = Date.now();
  await sleep(30);
  const changes = (most?: number) =>
    changesSince(realFiles, top, since, { except: [at('home')], ...(most === undefined ? {} : { most }) });
  return { top, at, since, changes };
}

test('a directory in which nothing was done has no changes', async (t) => {
  const { changes } = await makePlace(t);
  assert.equal(await changes(), 'none');
});

for (const [what, change] of [
  ['is new', (at) => writeFileSync(at('src/deep/new.txt'), '')],
  ['was written', (at) => writeFileSync(at('a.txt'), 'x')],
  [
    'was written and given an old date',
    (at) => {
      writeFileSync(at('src/b.txt'), 'x');
      utimesSync(at('src/b.txt'), 1, 1);
    },
  ],
  ['was renamed', (at) => renameSync(at('a.txt'), at('z.txt'))],
  ['was removed below the top', (at) => rmSync(at('src/deep/c.txt'))],
  ['is a new link', (at) => symlinkSync('nowhere', at('link'))],
] as [string, (at: (name: string) => string) => void][])
  test(`a file that ${what} is a change`, async (t) => {
    const { at, changes } = await makePlace(t);
    change(at);
    assert.equal(await changes(), 'some');
  });

test('what is no work of an agent is no change', async (t) => {
  const { at, changes } = await makePlace(t);
  for (const name of [
    '.git/index',
    'node_modules/x/y.js',
    '.codex-worker/raw/x.jsonl',
    'home/session.jsonl',
    ...['a.txt', 't.md'].flatMap((task) => [
      markerOf.lock(task),
      markerOf.mirror(task),
      markerOf.completed(task),
      markerOf.failed(task),
      markerOf.runningLog(task, newClaimId()),
    ]),
    `tasks/${markerOf.lock('t.md')}`,
    `tasks/${markerOf.completed('t.md')}`,
  ])
    writeFileSync(at(name), '');
  mkdirSync(at('.codex')); // as Codex's sandbox does
  assert.equal(await changes(), 'none');
});

test('a link to a directory is not followed, and one that goes round is no trap', async (t) => {
  const { at } = await makePlace(t);
  const outside = scratch(t);
  symlinkSync(outside, at('outside'));
  symlinkSync('..', at('src/round'));
  await sleep(30);
  const since = Date.now();
  await sleep(30);
  writeFileSync(join(outside, 'new.txt'), '');
  assert.equal(await changesSince(realFiles, at('.'), since), 'none');
});

test('it stops at the first change, and does not look for ever', async (t) => {
  const { at, changes } = await makePlace(t);
  assert.equal(await changes(3), 'unknown');
  writeFileSync(at('a.txt'), 'x');
  assert.equal(await changes(20), 'some');
});

test('a directory that may not be read is passed over, and a disk that fails is not', async (t) => {
  const { top, since } = await makePlace(t);
  const failing = (code: string) =>
    filesWith({
      readdir: (path) => (path.endsWith('/src') ? Promise.reject(errno(code)) : realFiles.readdir(path)),
    });
  assert.equal(await changesSince(failing('EACCES'), top, since), 'none');
  await assert.rejects(changesSince(failing('EIO'), top, since), { code: 'EIO' });
});

test('what cannot be looked at is passed over, and the rest is looked at all the same', async (t) => {
  const { top, at, since } = await makePlace(t);
  const failing = (code: string) =>
    filesWith({
      readdir: (path) => (path.endsWith('/deep') ? Promise.reject(errno(code)) : realFiles.readdir(path)),
      lstat: (path) =>
        /\/(?:deep|b\.txt)$/.test(path) ? Promise.reject(errno(code)) : realFiles.lstat(path),
    });
  // Of another user, who lets names be read and nothing else; and deeper than a path can be long.
  for (const code of ['EACCES', 'EPERM', 'ENAMETOOLONG'])
    assert.equal(await changesSince(failing(code), top, since), 'none');
  await assert.rejects(changesSince(failing('EIO'), top, since), { code: 'EIO' });
  writeFileSync(at('a.txt'), 'x');
  assert.equal(await changesSince(failing('EACCES'), top, since), 'some');
});
