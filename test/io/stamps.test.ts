import assert from 'node:assert/strict';
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { lookAt, realFiles } from '../../src/io/files.ts';
import { Stamps, stampOf } from '../../src/io/stamps.ts';
import { scratch } from '../rig/scratch.ts';

/** Stamps of one directory, read just now; `read` reads it again. */
async function makeStamps(t: TestContext) {
  const directory = join(scratch(t), 'tasks');
  mkdirSync(directory);
  const clock = { now: 100_000 };
  const stamps = new Stamps({ files: realFiles, uptimeMs: () => clock.now });
  assert.equal(await stamps.mayHaveChanged(), true, 'before anything was read');
  const read = async () =>
    stamps.wasRead(clock.now, new Map([[directory, stampOf(await lookAt(realFiles, directory))]]));
  await read();
  return { directory, clock, stamps, read };
}

/** What a change within one tick of the file system's clock leaves: another name, and the same stamp. */
function writeUnseen(directory: string, name: string): void {
  const then = new Date('2026-01-01T00:00:00Z');
  writeFileSync(join(directory, name), '');
  utimesSync(directory, then, then);
}

test('a directory is read again once a name has come, and then only when another does', async (t) => {
  const { directory, clock, stamps, read } = await makeStamps(t);
  assert.equal(await stamps.mayHaveChanged(), false);
  writeFileSync(join(directory, 'a.md'), '');
  assert.equal(await stamps.mayHaveChanged(), true);
  await read();
  assert.equal(await stamps.mayHaveChanged(), false);
  clock.now += 2_000;
  assert.equal(await stamps.mayHaveChanged(), true, 'once more, when its stamp has settled');
  await read();
  clock.now += 3_600_000;
  assert.equal(await stamps.mayHaveChanged(), false, 'and never again by itself');
});

test('what came in the same tick as the reading is seen two seconds later', async (t) => {
  const { directory, clock, stamps, read } = await makeStamps(t);
  writeUnseen(directory, 'a.md');
  await read();
  writeUnseen(directory, 'b.md');
  assert.equal(await stamps.mayHaveChanged(), false, 'the stamp does not tell');
  clock.now += 1_999;
  assert.equal(await stamps.mayHaveChanged(), false);
  clock.now += 1;
  assert.equal(await stamps.mayHaveChanged(), true);
});

test('a file tells that it was written, a directory that it is gone', async (t) => {
  const { directory, clock, stamps } = await makeStamps(t);
  const file = join(directory, 'a.md');
  const stamp = async (path: string) => [path, stampOf(await lookAt(realFiles, path))] as const;
  stamps.wasRead(clock.now, new Map([await stamp(file)]));
  assert.equal(await stamps.mayHaveChanged(), false, 'it is not there, as before');
  writeFileSync(file, 'x');
  assert.equal(await stamps.mayHaveChanged(), true);
  stamps.wasRead(clock.now, new Map([await stamp(file)]));
  writeFileSync(file, 'xy');
  assert.equal(await stamps.mayHaveChanged(), true);
});
