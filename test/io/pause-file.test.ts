import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import type { Pause } from '../../src/core/pause.ts';
import { newClaimId } from '../../src/core/claim.ts';
import { realFiles } from '../../src/io/files.ts';
import {
  pausePath,
  readPause,
  removeAnyPause,
  removePause,
  replacePause,
  writePause,
} from '../../src/io/pause-file.ts';
import { thisProcess } from '../../src/io/process-identity.ts';
import { scratch } from '../rig/scratch.ts';
import { errno, filesWith, taskDirectory } from './rig.ts';

const NOW = Date.parse('2026-11-22T09:00:00.000Z');
const me = thisProcess();

function pause(more: Partial<Pause> = {}): Pause {
  const base = { id: newClaimId(), reason: 'r', since: NOW, by: 'test', pid: 1, host: 'h' };
  return { ...base, class: 'limited', until: NOW + 1_000, round: 0, ...more };
}

function make(t: TestContext, hardLinks = true) {
  const directory = taskDirectory(scratch(t), hardLinks);
  const left = () => readdirSync(`${directory.path}/.codex-worker/tmp`);
  const read = () => readPause(realFiles, directory, NOW);
  return { directory, left, read };
}

for (const hardLinks of [true, false]) {
  const where = hardLinks ? '' : ', also where there are no hard links';
  test(`a pause appears once, and the first one stands${where}`, async (t) => {
    const { directory, left, read } = make(t, hardLinks);
    const [first, second] = [pause(), pause()];
    assert.deepEqual(await read(), { kind: 'absent' });
    assert.equal(await writePause(realFiles, directory, me, first, 'first'), true);
    assert.equal(await writePause(realFiles, directory, me, second, 'first'), false);
    assert.deepEqual(await read(), { kind: 'pause', pause: first });
    assert.equal(await writePause(realFiles, directory, me, second, 'instead'), true);
    assert.deepEqual(await read(), { kind: 'pause', pause: second });
    assert.deepEqual(left(), []);
  });
}

test('only the pause that is meant is lifted', async (t) => {
  const { directory, left, read } = make(t);
  const stands = pause();
  await writePause(realFiles, directory, me, stands, 'first');
  assert.equal(await removePause(realFiles, directory, me, newClaimId(), NOW), false);
  assert.deepEqual(await read(), { kind: 'pause', pause: stands });
  assert.equal(await removePause(realFiles, directory, me, stands.id, NOW), true);
  assert.equal(await removePause(realFiles, directory, me, stands.id, NOW), false);
  assert.deepEqual([await read(), left()], [{ kind: 'absent' }, []]);
});

test('a pause that a person makes in the moment in which another is lifted stays', async (t) => {
  const { directory, left, read } = make(t);
  const [lifted, made] = [pause(), pause({ class: 'by-hand' })];
  await writePause(realFiles, directory, me, lifted, 'first');
  const files = filesWith({
    rename: async (from, to) => {
      if (from === pausePath(directory)) await writePause(realFiles, directory, me, made, 'instead');
      return realFiles.rename(from, to);
    },
  });
  assert.equal(await removePause(files, directory, me, lifted.id, NOW), false);
  const now = await read();
  assert.equal(now.kind === 'pause' && now.pause.id, made.id);
  assert.deepEqual(left(), []);
});

for (const hardLinks of [true, false])
  for (const [when, verb] of [
    ['before the old one is taken away', 'rename'],
    ['when the old one is gone', hardLinks ? 'link' : 'lstat'],
  ] as const)
    test(`a pause that a person makes while another is replaced, ${when}, stays${hardLinks ? '' : ', also where there are no hard links'}`, async (t) => {
      const { directory, left, read } = make(t, hardLinks);
      const [old, next, made] = [pause(), pause(), pause({ class: 'by-hand' })];
      await writePause(realFiles, directory, me, old, 'first');
      const path = pausePath(directory);
      let isGone = false;
      let isMade = false;
      const makeIt = async () => {
        if (isMade) return;
        isMade = true;
        await writePause(realFiles, directory, me, made, 'instead');
      };
      const files = filesWith({
        rename: async (from, to) => {
          if (from === path && verb === 'rename') await makeIt();
          await realFiles.rename(from, to);
          isGone ||= from === path;
        },
        link: async (from, to) => {
          if (to === path && verb === 'link') await makeIt();
          return realFiles.link(from, to);
        },
        lstat: async (file) => {
          if (file === path && verb === 'lstat' && isGone) await makeIt();
          return realFiles.lstat(file);
        },
      });

      assert.equal(await replacePause(files, directory, me, old.id, next, NOW), false);

      const now = await read();
      assert.equal(now.kind === 'pause' && now.pause.id, made.id);
      assert.deepEqual(left(), []);
    });

test('only the pause that is meant is replaced, and a disk that refuses the next one leaves it', async (t) => {
  const { directory, left, read } = make(t);
  const [old, next] = [pause(), pause()];
  await writePause(realFiles, directory, me, old, 'first');
  assert.equal(await replacePause(realFiles, directory, me, newClaimId(), next, NOW), false);
  let links = 0;
  const refusing = filesWith({
    link: (from, to) => (++links === 1 ? Promise.reject(errno('ENOSPC')) : realFiles.link(from, to)),
  });
  await assert.rejects(replacePause(refusing, directory, me, old.id, next, NOW), /ENOSPC/);
  assert.deepEqual([await read(), left()], [{ kind: 'pause', pause: old }, []]);
  assert.equal(await replacePause(realFiles, directory, me, old.id, next, NOW), true);
  assert.deepEqual([await read(), left()], [{ kind: 'pause', pause: next }, []]);
});

test('what is no pause, is too large or is no file is said, read with a bound, and replaced', async (t) => {
  const { directory, read } = make(t);
  const path = pausePath(directory);
  writeFileSync(`${directory.path}/elsewhere`, JSON.stringify(pause()));
  const hostile: readonly (readonly [RegExp, () => void])[] = [
    [/no pause in it/, () => writeFileSync(path, '{"class":"limited"')],
    [/no pause in it/, () => writeFileSync(path, '')],
    [/too large/, () => writeFileSync(path, ' '.repeat(5_000_000))],
    [/symbolic link/, () => symlinkSync(`${directory.path}/elsewhere`, path)],
  ];
  for (const [why, plant] of hostile) {
    plant();
    const found = await read();
    assert.equal(found.kind, 'damaged');
    assert.match(found.kind === 'damaged' ? found.why : '', why);
    await writePause(realFiles, directory, me, pause(), 'instead');
    assert.equal((await read()).kind, 'pause');
    rmSync(path);
  }
  assert.match(readFileSync(`${directory.path}/elsewhere`, 'utf8'), /"class":"limited"/);
  mkdirSync(path);
  await assert.rejects(writePause(realFiles, directory, me, pause(), 'instead'), /is a directory/);
});

test('a link in the place of the private folder leads to no pause, and nothing is removed there', async (t) => {
  const { directory } = make(t);
  const other = make(t);
  await writePause(realFiles, other.directory, me, pause(), 'first');
  rmSync(`${directory.path}/.codex-worker`, { recursive: true });
  symlinkSync(`${other.directory.path}/.codex-worker`, `${directory.path}/.codex-worker`);

  assert.deepEqual(await readPause(realFiles, directory, NOW), { kind: 'absent' });
  await assert.rejects(removeAnyPause(realFiles, directory), /symbolic link/);
  await assert.rejects(writePause(realFiles, directory, me, pause(), 'first'), /symbolic link/);
  assert.equal((await other.read()).kind, 'pause');
});
