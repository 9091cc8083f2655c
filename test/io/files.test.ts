import assert from 'node:assert/strict';
import { appendFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { readSmall, realFiles } from '../../src/io/files.ts';
import { scratch } from '../rig/scratch.ts';

for (const [limit, length] of [
  [4, 4],
  [10, 10],
  [11, 11],
  [12, 12],
  [100, 30],
] as const)
  test(`of a file of 10 bytes that grows to 30 while it is read, ${length} are read with a limit of ${limit}`, async (t) => {
    const path = `${scratch(t)}/log`;
    writeFileSync(path, '0123456789');
    let reads = 0;
    const growing: typeof realFiles = {
      ...realFiles,
      read: (...args) => {
        if (reads++ === 0) appendFileSync(path, '01234567890123456789');
        return realFiles.read(...args);
      },
    };
    const file = await readSmall(growing, path, limit);
    assert.ok(file.kind === 'read');
    assert.equal(file.bytes.toString(), '012345678901234567890123456789'.slice(0, length));
  });
