import assert from 'node:assert/strict';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { realFiles } from '../../src/io/files.ts';
import { readRateLimits, writeRateLimits } from '../../src/io/rate-limits-file.ts';
import { scratch } from '../rig/scratch.ts';
import { errno, filesWith, taskDirectory } from './rig.ts';

const NOW = Date.UTC(2026, 10, 22);
const LIMITS = {
  at: NOW,
  id: 'codex',
  primary: { usedPercent: 42, windowMinutes: 300, resetsAt: NOW + 5_000 },
};

test('what is written is read, the newest in the place of the last, and nothing is left beside it', async (t) => {
  const directory = taskDirectory(scratch(t));
  const folder = join(directory.path, '.codex-worker');
  assert.equal(await readRateLimits(realFiles, directory, NOW), undefined);
  await writeRateLimits(realFiles, directory, LIMITS);
  assert.deepEqual(await readRateLimits(realFiles, directory, NOW), LIMITS);
  const next = { ...LIMITS, at: NOW + 1, primary: { usedPercent: 43 } };
  await writeRateLimits(realFiles, directory, next);
  assert.deepEqual(await readRateLimits(realFiles, directory, NOW), next);
  assert.equal(statSync(join(folder, 'rate-limits.json')).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(join(folder, 'tmp')), []);
});

test('what somebody else put there is nothing: a link, a folder, a file that is too long or no JSON', async (t) => {
  const directory = taskDirectory(scratch(t));
  await writeRateLimits(realFiles, directory, LIMITS);
  const path = join(directory.path, '.codex-worker', 'rate-limits.json');
  const text = readFileSync(path, 'utf8');
  for (const spoilt of ['', '{', 'null', '[]', `${text}${' '.repeat(2_048)}`]) {
    writeFileSync(path, spoilt);
    assert.equal(await readRateLimits(realFiles, directory, NOW), undefined, spoilt);
  }
  renameSync(path, join(directory.path, 'elsewhere.json'));
  writeFileSync(join(directory.path, 'elsewhere.json'), text);
  symlinkSync('../elsewhere.json', path);
  assert.equal(await readRateLimits(realFiles, directory, NOW), undefined);
  rmSync(path);
  mkdirSync(path);
  assert.equal(await readRateLimits(realFiles, directory, NOW), undefined);
  await writeRateLimits(realFiles, directory, LIMITS);
  assert.deepEqual(readdirSync(join(directory.path, '.codex-worker', 'tmp')), []);
});

test('a folder that became a link is neither read nor written through, and a disk that fails is no failure', async (t) => {
  const directory = taskDirectory(scratch(t));
  await writeRateLimits(realFiles, directory, LIMITS);
  const folder = join(directory.path, '.codex-worker');
  renameSync(folder, join(directory.path, 'elsewhere'));
  symlinkSync('elsewhere', folder);
  assert.equal(await readRateLimits(realFiles, directory, NOW), undefined);
  await writeRateLimits(realFiles, directory, { ...LIMITS, primary: { usedPercent: 99 } });
  assert.match(
    readFileSync(join(directory.path, 'elsewhere', 'rate-limits.json'), 'utf8'),
    /"usedPercent":42/,
  );
  rmSync(folder);
  const full = filesWith({ write: () => Promise.reject(errno('ENOSPC')) });
  await writeRateLimits(full, directory, LIMITS);
  assert.deepEqual(readdirSync(join(folder, 'tmp')), []);
  const broken = filesWith({ rename: () => Promise.reject(new Error('a bug')) });
  await assert.rejects(writeRateLimits(broken, directory, LIMITS), /a bug/);
});
