import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import fse from 'fs-extra';
import { inTurns, listDirectory, readSmall, realFiles } from '../../src/io/files.ts';
import { scratch } from '../rig/scratch.ts';
import { errno } from './rig.ts';

/** More than what is read at once, with one of each kind among it. */
function large(t: TestContext) {
  const path = scratch(t);
  const names = Array.from({ length: 2_500 }, (_, i) => `task-${i}.md`);
  for (const name of [...names, 'ü.md', '\ufffd.md']) writeFileSync(`${path}/${name}`, '');
  writeFileSync(Buffer.concat([Buffer.from(`${path}/caf`), Buffer.from([0xe9])]), '');
  mkdirSync(`${path}/deep`);
  symlinkSync('nowhere', `${path}/lïnk`);
  return { path, names: [...names, 'ü.md', '\ufffd.md', 'deep', 'lïnk'] };
}

async function assertListed({ path, names }: ReturnType<typeof large>) {
  const listed = await listDirectory(realFiles, path);
  assert.deepEqual(listed.names.toSorted(), names.toSorted());
  assert.deepEqual(Object.fromEntries(listed.odd), { deep: 'directory', lïnk: 'other' });
  assert.deepEqual([...listed.notUtf8], [['caf\ufffd', 'file']]);
}

test('a directory is listed whole, whatever its size, with what is no regular file in it', (t) =>
  assertListed(large(t)));

test('a directory that is not there, or is none, is an error of its own', async (t) => {
  const path = scratch(t);
  writeFileSync(`${path}/file`, '');
  await assert.rejects(realFiles.readdir(`${path}/nowhere`), { code: 'ENOENT' });
  await assert.rejects(realFiles.readdir(`${path}/file`), { code: 'ENOTDIR' });
});

test('while there are no descriptors, a listing waits for one', async (t) => {
  const directory = large(t);
  const opendir = t.mock.method(fse, 'opendir', () => Promise.reject(errno('EMFILE')));
  await assertListed(directory);
  assert.equal(opendir.mock.callCount(), 1);
});

test('where a directory does not say what its entries are, each is looked at, and one that is gone again is none', async (t) => {
  const directory = large(t);
  // What Node does there: it looks at each by a name that it has decoded wrongly, and gives up at the first that is not there.
  t.mock.method(fse, 'opendir', () =>
    Promise.resolve({
      read: () => Promise.reject(Object.assign(errno('ENOENT'), { syscall: 'lstat' })),
      close: () => Promise.resolve(),
    }),
  );
  const readdir = fse.readdir as unknown as (path: string, encoding: 'latin1') => Promise<string[]>;
  const read = t.mock.method(fse, 'readdir', async (path: string) => [
    ...(await readdir(path, 'latin1')),
    'gone.md',
  ]);
  await assertListed(directory);
  assert.equal(read.mock.callCount(), 1);
});

test('a long loop lets others have their turn, and takes each item once, in order', async () => {
  const items = Array.from({ length: 20_000 }, (_, i) => i);
  const taken: number[] = [];
  const done = inTurns(items, (item) => void taken.push(item));
  const first = await new Promise<number>((resolve) => setImmediate(() => resolve(taken.length)));
  await done;
  assert.deepEqual(taken, items);
  assert.ok(first > 0 && first < items.length, `${first} were taken in the first turn`);
});

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
