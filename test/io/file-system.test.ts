import assert from 'node:assert/strict';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { test } from 'node:test';
import { EnvironmentError, UsageError } from '../../src/core/errors.ts';
import { realFiles, type BigIntStats, type Files } from '../../src/io/files.ts';
import { checkFileSystem, createPrivate, openTaskDirectory } from '../../src/io/file-system.ts';
import { scratch } from '../rig/scratch.ts';
import { errno, filesWith } from './rig.ts';

const altered = (stat: BigIntStats, more: Partial<BigIntStats>): BigIntStats =>
  Object.assign(Object.create(Object.getPrototypeOf(stat) as object) as BigIntStats, stat, more);

test('a directory on a file system that keeps the rules is opened, and nothing but its private folder is made', async (t) => {
  const path = scratch(t);
  const directory = await openTaskDirectory(realFiles, path);
  assert.equal(directory.path, path);
  assert.equal(directory.hardLinks, true);
  assert.match(directory.id, /^\d+:\d+$/);
  assert.deepEqual(readdirSync(path), ['.codex-worker']);
  assert.deepEqual(readdirSync(`${path}/.codex-worker`), ['.gitignore', 'tmp']);
  assert.deepEqual(readdirSync(`${path}/.codex-worker/tmp`), []);
  assert.deepEqual(await openTaskDirectory(realFiles, path), directory);
});

/** One broken rule each, and the sentence that names it. */
const BROKEN: readonly [string, RegExp, (real: Files) => Partial<Files>][] = [
  [
    'an exclusive create that succeeds twice',
    /a second exclusive create of one name succeeds/,
    (real) => {
      const opened = new Set<string>();
      return {
        open: (path, flags, mode) => {
          if (opened.has(path)) return Promise.resolve(openSync('/dev/null', 'r'));
          opened.add(path);
          return real.open(path, flags, mode);
        },
      };
    },
  ],
  [
    'a hard link that is a copy',
    /a hard link is not the same file/,
    (real) => ({ link: async (_, to) => real.close(await real.open(to, 0o302)) }),
  ],
  [
    'a link count that stays one',
    /a hard link is not the same file/,
    (real) => ({ lstat: async (path) => altered(await real.lstat(path), { nlink: 1n }) }),
  ],
  [
    'a hard link that replaces a name',
    /a hard link replaces a name that exists/,
    (real) => ({
      link: async (from, to) => {
        if (existsSync(to)) await real.unlink(to);
        await real.link(from, to);
      },
    }),
  ],
  ['a hard link that says it is made and is not', /ENOENT/, () => ({ link: () => Promise.resolve() })],
  [
    'another errno than EEXIST for a name that exists',
    /a hard link replaces a name that exists \(EIO instead of EEXIST\)/,
    (real) => ({ link: (from, to) => (existsSync(to) ? Promise.reject(errno('EIO')) : real.link(from, to)) }),
  ],
  [
    'a rename of nothing that succeeds',
    /renaming a missing file does not fail/,
    (real) => ({ rename: (from, to) => (existsSync(from) ? real.rename(from, to) : Promise.resolve()) }),
  ],
  [
    'a rename that makes another file',
    /a rename changes the file/,
    (real) => {
      let renamed = false;
      return {
        rename: async (from, to) => {
          await real.rename(from, to);
          renamed = true;
        },
        open: (path, flags, mode) => {
          renamed = false; // another round
          return real.open(path, flags, mode);
        },
        fstat: async (fd) => altered(await real.fstat(fd), renamed ? { ino: 1n } : {}),
      };
    },
  ],
  [
    'an open file that cannot be unlinked',
    /EBUSY/,
    (real) => {
      const refused = new Set<string>();
      return {
        unlink: (path) => {
          if (refused.has(path) || !path.includes('/test-c-')) return real.unlink(path);
          refused.add(path);
          return Promise.reject(errno('EBUSY'));
        },
      };
    },
  ],
  [
    'an unlinked file that cannot be written',
    /ESTALE/,
    () => ({ write: () => Promise.reject(errno('ESTALE')) }),
  ],
  [
    'a directory that cannot be synchronised',
    /EINVAL/,
    () => ({ fsync: () => Promise.reject(errno('EINVAL')) }),
  ],
];

for (const [what, says, breakRule] of BROKEN)
  test(`a file system is refused for ${what}, and nothing of the test is left on it`, async (t) => {
    const path = scratch(t);
    const files = filesWith(breakRule(realFiles));
    await assert.rejects(openTaskDirectory(files, path), (error) => {
      assert.ok(error instanceof EnvironmentError);
      assert.match(error.message, /cannot be trusted with claims: /);
      assert.match(error.message, says);
      assert.equal(error.hint, 'keep the task files on a local disk');
      return true;
    });
    assert.deepEqual(readdirSync(`${path}/.codex-worker/tmp`), []);
    const { problem } = await checkFileSystem(filesWith(breakRule(realFiles)), path);
    assert.match(problem ?? 'none', says);
  });

test('a file system without hard links is used without them', async (t) => {
  const path = scratch(t);
  for (const code of ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']) {
    const files = filesWith({ link: () => Promise.reject(errno(code)) });
    assert.equal((await openTaskDirectory(files, path)).hardLinks, false, code);
    const { problem, hardLinks } = await checkFileSystem(files, path);
    assert.deepEqual({ problem, hardLinks }, { problem: undefined, hardLinks: false });
  }
  assert.deepEqual(readdirSync(`${path}/.codex-worker/tmp`), []);
});

test('the doctor’s look leaves no private folder where there was none, and keeps one that was there', async (t) => {
  const path = scratch(t);
  const { problem, hardLinks, network, type } = await checkFileSystem(realFiles, path);
  assert.deepEqual({ problem, hardLinks, network }, { problem: undefined, hardLinks: true, network: false });
  assert.match(type, /^0x[0-9a-f]+$/);
  assert.deepEqual(readdirSync(path), []);
  mkdirSync(`${path}/.codex-worker`);
  writeFileSync(`${path}/.codex-worker/kept`, '');
  await checkFileSystem(realFiles, path);
  assert.ok(existsSync(`${path}/.codex-worker/kept`));
});

test('a private folder that is no directory is refused, and nothing is made behind a symbolic link', async (t) => {
  const path = scratch(t);
  const elsewhere = scratch(t);
  symlinkSync(elsewhere, `${path}/.codex-worker`);
  await assert.rejects(openTaskDirectory(realFiles, path), {
    name: 'EnvironmentError',
    message: `${path}/.codex-worker is a symbolic link, not a directory`,
  });
  assert.deepEqual(readdirSync(elsewhere), []);
  const other = scratch(t);
  closeSync(openSync(`${other}/.codex-worker`, 'w'));
  await assert.rejects(
    openTaskDirectory(realFiles, other),
    /\.codex-worker is a regular file, not a directory/,
  );
});

test('a link to nothing in the place of a directory is an error, and not waited for', async (t) => {
  const path = `${scratch(t)}/tasks`;
  mkdirSync(path);
  const directory = await openTaskDirectory(realFiles, path);
  rmSync(path, { recursive: true });
  symlinkSync('nowhere', path);
  await assert.rejects(createPrivate(realFiles, directory, 'tmp', 'x'), {
    name: 'EnvironmentError',
    message: `${path} leads to nowhere now: somebody put a symbolic link in its place`,
  });
});

test('a private folder on another file system is refused: a link cannot reach it', async (t) => {
  const path = scratch(t);
  const files = filesWith({
    lstat: async (name) =>
      altered(await realFiles.lstat(name), name.endsWith('.codex-worker') ? { dev: 99n } : {}),
  });
  await assert.rejects(openTaskDirectory(files, path), /is on another file system than its directory/);
});

test('a directory that may not be written is the user’s to change', async (t) => {
  const path = scratch(t);
  for (const code of ['EACCES', 'EPERM', 'EROFS'])
    await assert.rejects(
      openTaskDirectory(filesWith({ mkdir: () => Promise.reject(errno(code)) }), path),
      (error) => {
        assert.ok(error instanceof UsageError);
        assert.equal(error.message, `cannot write to ${path}: ${code}`);
        return true;
      },
    );
});
