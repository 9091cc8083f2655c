import assert from 'node:assert/strict';
import { readFileSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { leaveNote, noteId, readNote, type Ceiling } from '../../src/io/ceiling-note.ts';
import { realFiles } from '../../src/io/files.ts';
import { scratch } from '../rig/scratch.ts';
import { errno, filesWith, taskDirectory } from './rig.ts';

const CEILING: Ceiling = { of: 'tokens', limit: 500, spent: 600 };

test('a note is read as it was left, and each is another one, even where it says the same', async (t) => {
  const directory = taskDirectory(scratch(t));
  assert.equal(await noteId(realFiles, directory), undefined);
  await leaveNote(realFiles, directory, CEILING);
  const id = await noteId(realFiles, directory);
  assert.deepEqual(await readNote(realFiles, directory), CEILING);
  assert.equal(await noteId(realFiles, directory), id);
  await leaveNote(realFiles, directory, CEILING);
  assert.notEqual(await noteId(realFiles, directory), id);
});

test('a folder that became a link is neither read nor written through, and a disk that fails is no failure', async (t) => {
  const directory = taskDirectory(scratch(t));
  await leaveNote(realFiles, directory, CEILING);
  const folder = join(directory.path, '.codex-worker');
  renameSync(folder, join(directory.path, 'elsewhere'));
  symlinkSync('elsewhere', folder);
  assert.equal(await readNote(realFiles, directory), undefined);
  await leaveNote(realFiles, directory, { ...CEILING, spent: 700 });
  assert.match(readFileSync(join(directory.path, 'elsewhere', 'ceiling.json'), 'utf8'), /600/);
  const failing = filesWith({ lstat: () => Promise.reject(errno('EIO')) });
  assert.equal(await noteId(failing, directory), undefined);
});
