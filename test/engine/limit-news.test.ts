import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LimitNews } from '../../src/engine/limit-news.ts';
import { realFiles } from '../../src/io/files.ts';
import { readRateLimits } from '../../src/io/rate-limits-file.ts';
import { filesWith, taskDirectory } from '../io/rig.ts';
import { scratch } from '../rig/scratch.ts';

const NOW = Date.UTC(2026, 10, 22);
const said = (usedPercent: number, more: object = {}) => ({
  limitId: 'codex',
  primary: { usedPercent },
  ...more,
});

test('a directory hears of it at once, then every few seconds at most, and at the end what was said last', async (t) => {
  const directory = taskDirectory(scratch(t));
  let [clock, written] = [0, 0];
  const files = filesWith({ rename: (from, to) => (written++, realFiles.rename(from, to)) });
  const news = new LimitNews({ files, now: () => new Date(NOW + clock), uptimeMs: () => clock });
  news.hear(directory, { limitId: 'codex', primary: null, secondary: null });
  await news.close();
  assert.equal(written, 0, 'it says nothing');
  news.hear(directory, said(1, { secondary: { usedPercent: 9 } }));
  for (clock = 1; clock < 3_000; clock += 100) news.hear(directory, said(2));
  clock = 3_100;
  news.hear(directory, said(3));
  clock = 3_200;
  news.hear(directory, said(4));
  await news.close();
  await news.close();
  assert.equal(written, 3);
  assert.deepEqual(await readRateLimits(realFiles, directory, NOW), {
    at: NOW + 3_200,
    id: 'codex',
    primary: { usedPercent: 4 },
    secondary: { usedPercent: 9 },
  });
});
