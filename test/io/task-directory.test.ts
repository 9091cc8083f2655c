import assert from 'node:assert/strict';
import { symlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { markerOf } from '../../src/core/task.ts';
import { realFiles } from '../../src/io/files.ts';
import { lookAtState } from '../../src/io/task-directory.ts';
import { scratch } from '../rig/scratch.ts';

test('looking at one task’s markers tells the same as a listing', async (t) => {
  const cwd = scratch(t);
  const task = { directory: cwd, name: 'fix.md', label: 'fix.md' };
  const look = () => lookAtState(realFiles, task);
  assert.equal(await look(), 'pending');
  writeFileSync(`${cwd}/${markerOf.failed('fix.md')}`, '');
  assert.equal(await look(), 'failed');
  symlinkSync('/nowhere', `${cwd}/${markerOf.lock('fix.md')}`);
  assert.equal(await look(), 'in-progress');
  writeFileSync(`${cwd}/${markerOf.completed('fix.md')}`, '');
  assert.equal(await look(), 'completed');
});
