import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { test, type TestContext } from 'node:test';
import { crc32 } from 'node:zlib';
import { isClaimId, newClaimId, type OutcomeRecord } from '../../src/core/claim.ts';
import { InvariantError } from '../../src/core/errors.ts';
import { MAX_NAME_BYTES } from '../../src/core/task.ts';
import { realFiles, type Files } from '../../src/io/files.ts';
import { claimIdIn, LockDraft, readLock, recordOutcomeFor } from '../../src/io/lock-file.ts';
import { readRight, removeIdentityFile, takeRight, writeIdentityFile } from '../../src/io/break-right.ts';
import { decodeLine, encodeLine } from '../../src/io/lock-line.ts';
import { identityToken, thisProcess } from '../../src/io/process-identity.ts';
import { scratch } from '../rig/scratch.ts';
import { claimRecord, errno, filesWith, makeClaim, taskDirectory } from './rig.ts';

const TASK = 'fix.md';
const SHA = createHash('sha256').update('log').digest('hex');
const outcome = (reason?: string): OutcomeRecord => ({
  outcome: 'failed',
  code: 1,
  signal: null,
  bytes: 123_456,
  sha256: SHA,
  at: '2026-01-02T03:04:05.678Z',
  ...(reason === undefined ? {} : { reason }),
});

/** A directory with a lock file that has all its three lines, and nobody who holds it. */
async function lockFile(t: TestContext) {
  const directory = taskDirectory(scratch(t));
  const record = claimRecord(TASK);
  const lock = await makeClaim(directory, record);
  await lock.renew('2026-01-02T03:04:06.000Z');
  await lock.recordOutcome(outcome('why not'));
  await lock.close();
  return {
    directory,
    record,
    path: `${directory.path}/.lock-${TASK}`,
    read: () => readLock(realFiles, directory, TASK),
  };
}

/** readLock from a file that is not on a disk, for many variants of one content. */
function readerOf(content: () => Buffer): Files {
  const shown = statSync('.', { bigint: true });
  const stat = Object.assign(Object.create(Object.getPrototypeOf(shown) as object) as typeof shown, shown, {
    isFile: () => true,
  });
  return filesWith({
    open: () => Promise.resolve(99),
    close: () => Promise.resolve(),
    fstat: () => Promise.resolve(stat),
    read: (_fd, buffer, position) => Promise.resolve(content().copy(buffer, 0, position)),
  });
}

test('a lock file has three lines at fixed offsets, each with the checksum of its JSON', async (t) => {
  const { path, record } = await lockFile(t);
  const bytes = readFileSync(path);
  assert.equal(bytes.length, 4_096);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const lines = [
    [0, 3_072, record],
    [3_072, 512, { pid: record.owner.pid, seq: 1, at: '2026-01-02T03:04:06.000Z' }],
    [3_584, 512, outcome('why not')],
  ] as const;
  for (const [offset, length, value] of lines) {
    const line = bytes.toString('utf8', offset, offset + length);
    const json = line.slice(0, -9).trimEnd();
    assert.deepEqual(JSON.parse(json), value);
    assert.equal(line.slice(-9), `${crc32(json).toString(16).padStart(8, '0')}\n`);
  }
});

test('a claim is read back as it was made, with its heartbeat and its outcome', async (t) => {
  const { record, read } = await lockFile(t);
  const lock = await read();
  assert.equal(lock.kind, 'claim');
  assert.deepEqual(lock.record, record);
  assert.deepEqual(lock.heartbeat, { pid: record.owner.pid, seq: 1, at: '2026-01-02T03:04:06.000Z' });
  assert.deepEqual(lock.outcome, outcome('why not'));
  assert.equal(claimIdIn(lock), record.claim);
});

test('a new claim has its first heartbeat and no outcome', async (t) => {
  const directory = taskDirectory(scratch(t));
  await (await makeClaim(directory, claimRecord(TASK))).close();
  const lock = await readLock(realFiles, directory, TASK);
  assert.equal(lock.kind, 'claim');
  assert.equal(lock.heartbeat?.seq, 0);
  assert.equal(lock.outcome, undefined);
});

test('the claim on the longest name with the widest characters fits', async (t) => {
  const directory = taskDirectory(scratch(t));
  const names = [
    '\u0001'.repeat(MAX_NAME_BYTES),
    '任'.repeat(70),
    '"'.repeat(MAX_NAME_BYTES),
    '🙂'.repeat(53),
  ];
  for (const name of names) {
    const record = claimRecord(name);
    await (await makeClaim(directory, record)).close();
    const lock = await readLock(realFiles, directory, name);
    assert.deepEqual(lock.kind === 'claim' && lock.record, record);
  }
});

test('a lock file that was cut off at any byte is damaged, and one that grew is too', async (t) => {
  const { path, directory } = await lockFile(t);
  const whole = readFileSync(path);
  let content = whole;
  const files = readerOf(() => content);
  assert.equal((await readLock(files, directory, TASK)).kind, 'claim');
  for (let length = 0; length < whole.length; length++) {
    content = whole.subarray(0, length);
    assert.equal((await readLock(files, directory, TASK)).kind, 'damaged', `cut off at ${length}`);
  }
  content = Buffer.concat([whole, Buffer.from('\n')]);
  assert.equal((await readLock(files, directory, TASK)).kind, 'damaged');
  truncateSync(path, 4_095);
  assert.equal((await readLock(realFiles, directory, TASK)).kind, 'damaged');
});

test('a lock file with any single bit of its first line flipped is damaged, never another claim', async (t) => {
  const { path, directory } = await lockFile(t);
  const content = readFileSync(path);
  const files = readerOf(() => content);
  const misread: string[] = [];
  for (let bit = 0; bit < 3_072 * 8; bit++) {
    const at = bit >> 3;
    const flip = 1 << (bit & 7);
    content.writeUInt8(content.readUInt8(at) ^ flip, at);
    if ((await readLock(files, directory, TASK)).kind !== 'damaged')
      misread.push(`byte ${at}, bit ${bit & 7}`);
    content.writeUInt8(content.readUInt8(at) ^ flip, at);
  }
  assert.deepEqual(misread, []);
  assert.equal((await readLock(files, directory, TASK)).kind, 'claim');
});

test('a heartbeat or an outcome that is torn is none, and the claim stays what it is', async (t) => {
  const { path, directory, record } = await lockFile(t);
  const whole = readFileSync(path);
  const before = Buffer.concat([whole.subarray(0, 3_072), Buffer.alloc(1_023, ' '), Buffer.from('\n')]);
  before[3_583] = 0x0a;
  let content = whole;
  const files = readerOf(() => content);
  for (let written = 3_072; written < 4_096; written++) {
    content = Buffer.concat([whole.subarray(0, written), before.subarray(written)]); // what a power cut may leave
    const lock = await readLock(files, directory, TASK);
    assert.deepEqual(lock.kind === 'claim' && lock.record, record);
    const same = (from: number, to: number) => content.subarray(from, to).equals(whole.subarray(from, to));
    assert.equal(
      lock.kind === 'claim' && lock.heartbeat !== undefined,
      same(3_072, 3_584),
      `torn at ${written}`,
    );
    assert.equal(
      lock.kind === 'claim' && lock.outcome !== undefined,
      same(3_584, 4_096),
      `torn at ${written}`,
    );
  }
  content = Buffer.from(whole);
  for (let bit = 3_072 * 8; bit < 4_096 * 8; bit++) {
    const at = bit >> 3;
    content.writeUInt8(content.readUInt8(at) ^ (1 << (bit & 7)), at);
    const lock = await readLock(files, directory, TASK);
    assert.deepEqual(
      lock.kind === 'claim' && [lock.heartbeat === undefined, lock.outcome === undefined],
      at < 3_584 ? [true, false] : [false, true],
      `bit ${bit}`,
    );
    content.writeUInt8(whole.readUInt8(at), at);
  }
});

test('what is sound JSON with a sound checksum, and no claim of ours, is damaged', async (t) => {
  const { path, directory, record } = await lockFile(t);
  const whole = readFileSync(path);
  let content = whole;
  const files = readerOf(() => content);
  const { child: _, ...childless } = record;
  const foreign: readonly unknown[] = [
    null,
    0,
    'claim',
    [],
    [record],
    {},
    { ...record, v: 2 },
    { ...record, kind: 'other' },

    { ...record, claim: 'x'.repeat(32) },
    { ...record, claim: record.claim.toUpperCase() },

    { ...record, claim: `x${record.claim.slice(1)}` },
    { ...record, attempt: -1 },
    { ...record, attempt: 1.5 },

    { ...record, owner: { pid: 0, start: '1' } },
    { ...record, owner: { pid: 1.5, start: '1' } },

    { ...record, owner: { pid: '1', start: '1' } },
    { ...record, owner: { pid: 1 } },
    { ...record, owner: null },

    { ...record, host: { ...record.host, uid: -1 } },
    { ...record, host: { ...record.host, boot: 1 } },
    { ...record, task: 'other.md' },
    // These would be signalled, and so would their groups.
    ...[0, 1, -1].map((pid) => ({ ...record, child: { pid, start: '1', pgid: pid } })),
    { ...record, child: { pid: 4_194_000, start: '1', pgid: 1 } },
    { ...record, child: { pid: 4_194_000, start: '1' } },
    { ...record, child: null },
  ];
  for (const value of foreign) {
    content = Buffer.concat([encodeLine(value, 3_072), whole.subarray(3_072)]);
    assert.equal((await readLock(files, directory, TASK)).kind, 'damaged', JSON.stringify(value));
  }
  content = Buffer.concat([encodeLine(childless, 3_072), whole.subarray(3_072)]);
  assert.equal((await readLock(files, directory, TASK)).kind, 'claim', 'a reset has no child');
});

/** Fails when the promise takes longer than anything that does not block takes. */
async function promptly<T>(promise: Promise<T>): Promise<T> {
  const patience = new AbortController();
  const late = new Promise<never>((_, reject) => {
    const timer = setTimeout(() => reject(new Error('it blocked')), 2_000);
    patience.signal.addEventListener('abort', () => clearTimeout(timer));
  });
  return Promise.race([promise, late]).finally(() => patience.abort());
}

test('whatever else stands where the lock file should be is damaged, and reading it never blocks', async (t) => {
  const directory = taskDirectory(scratch(t));
  const path = `${directory.path}/.lock-${TASK}`;
  const target = `${directory.path}/target`;
  await (await makeClaim(directory, claimRecord(TASK))).close();
  renameSync(path, target);
  const server = createServer();
  t.after(() => {
    server.close();
  });
  const makers: readonly [string, () => void | Promise<void>][] = [
    ['a symbolic link to a sound lock file', () => symlinkSync(target, path)],
    ['a symbolic link to nothing', () => symlinkSync('/nowhere', path)],
    ['a named pipe', () => void execFileSync('mkfifo', [path])],
    ['a directory', () => mkdirSync(path)],
    ['a socket', () => new Promise<void>((resolve) => void server.listen(path, resolve))],
    ['an empty file', () => writeFileSync(path, '')],
    ['text', () => writeFileSync(path, '811\n')],
    ['a file of 10 GB', () => (writeFileSync(path, ''), truncateSync(path, 10_000_000_000))],
    ['zeros of the right size', () => writeFileSync(path, Buffer.alloc(4_096))],
    ['blanks of the right size', () => writeFileSync(path, Buffer.alloc(4_096, ' '))],
  ];
  for (const [what, make] of makers) {
    await make();
    const lock = await promptly(readLock(realFiles, directory, TASK));
    assert.equal(lock.kind, 'damaged', what);
    assert.ok(lock.why.startsWith('it'), what);
    assert.ok(isClaimId(lock.pseudoId) && lock.pseudoId.startsWith('x'), what);
    assert.equal(
      claimIdIn(await readLock(realFiles, directory, TASK)),
      lock.pseudoId,
      `${what}: its name changed`,
    );
    await assert.rejects(promptly(makeClaim(directory, claimRecord(TASK))), /is taken/, what);
    execFileSync('rm', ['-rf', path]);
  }
  assert.deepEqual(await readLock(realFiles, directory, TASK), { kind: 'absent' });
});

test('a lock file that may not be read is damaged; an error of the disk is thrown', async (t) => {
  const { directory } = await lockFile(t);
  for (const code of ['EACCES', 'EPERM'])
    assert.equal(
      (await readLock(filesWith({ open: () => Promise.reject(errno(code)) }), directory, TASK)).kind,
      'damaged',
    );
  for (const code of ['EIO', 'EMFILE'])
    await assert.rejects(readLock(filesWith({ open: () => Promise.reject(errno(code)) }), directory, TASK), {
      code,
    });
  await assert.rejects(readLock(filesWith({ read: () => Promise.reject(errno('EIO')) }), directory, TASK), {
    code: 'EIO',
  });
});

test('a damaged lock file gets another name as soon as anything about it changes', async (t) => {
  const { path, read } = await lockFile(t);
  const seen = new Set<string | undefined>();
  for (const content of ['', 'a', 'b', 'aa']) {
    writeFileSync(path, content);
    seen.add(claimIdIn(await read()));
  }
  unlinkSync(path);
  writeFileSync(path, 'aa');
  seen.add(claimIdIn(await read()));
  assert.equal(seen.size, 5);
  assert.equal(claimIdIn({ kind: 'absent' }), undefined);
});

test('a reason of any length and any characters fits, cut between characters', async (t) => {
  const directory = taskDirectory(scratch(t));
  const lock = await makeClaim(directory, claimRecord(TASK));
  const reasons = [
    'x'.repeat(10_000),
    '🙂'.repeat(2_000),
    '\u0001'.repeat(400),
    '"\\'.repeat(400),
    `a${'任'.repeat(5_000)}`,
  ];
  for (const reason of reasons) {
    await lock.recordOutcome(outcome(reason));
    const read = await readLock(realFiles, directory, TASK);
    const kept = read.kind === 'claim' ? (read.outcome?.reason ?? '') : '';
    assert.ok(kept.length > 20, `only ${kept.length} characters are left`);
    assert.ok(kept.isWellFormed());
    assert.ok(reason.startsWith(kept.replace(/\ufffd$/, '')));
  }
  const started = performance.now();
  await lock.recordOutcome(outcome('x'.repeat(50_000_000)));
  assert.ok(performance.now() - started < 2_000, 'a huge reason is cut at once');
  await lock.close();
});

test('an empty reason is none', async (t) => {
  const directory = taskDirectory(scratch(t));
  const lock = await makeClaim(directory, claimRecord(TASK));
  await lock.recordOutcome(outcome(''));
  await lock.close();
  const read = await readLock(realFiles, directory, TASK);
  assert.deepEqual(read.kind === 'claim' && read.outcome, outcome());
});

test('a line that is too long for its place is a bug, not a torn line', () => {
  assert.throws(() => encodeLine({ text: 'x'.repeat(512) }, 512), InvariantError);
  const exact = { t: 'x'.repeat(512 - 9 - 8) };
  assert.deepEqual(decodeLine(encodeLine(exact, 512)), exact);
  assert.throws(() => encodeLine({ t: `${exact.t}x` }, 512), InvariantError);
});

test('of many that claim one task at once, one gets it', async (t) => {
  for (const hardLinks of [true, false]) {
    const directory = taskDirectory(scratch(t), hardLinks);
    const drafts = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const record = claimRecord(TASK);
        const draft = await LockDraft.create(realFiles, directory, record.claim, thisProcess());
        const lock = await draft.claim(record);
        if (!lock) await draft.abandon();
        return lock;
      }),
    );
    const held = drafts.filter((lock) => lock !== undefined);
    assert.equal(held.length, 1);
    const read = await readLock(realFiles, directory, TASK);
    assert.equal(claimIdIn(read), held[0]?.record.claim);
    await held[0]?.close();
    assert.deepEqual(readdirSync(`${directory.path}/.codex-worker/tmp`), [], 'a draft was left');
  }
});

test('a link that succeeded and said that it failed is a claim all the same', async (t) => {
  const directory = taskDirectory(scratch(t));
  for (const code of ['EEXIST', 'EIO']) {
    const files = filesWith({
      link: async (from, to) => {
        await realFiles.link(from, to);
        throw errno(code);
      },
    });
    const record = claimRecord(`${code}.md`);
    const lock = await makeClaim(directory, record, files);
    assert.equal(await lock.isMine(), true);
    await lock.close();
  }
});

test('a claim that could not be written leaves nothing, and no descriptor open', async (t) => {
  const directory = taskDirectory(scratch(t));
  const open = new Set<number>();
  for (const verb of ['write', 'fsync', 'link'] as const) {
    const files = filesWith({
      [verb]: () => Promise.reject(errno('ENOSPC')),
      open: async (...args: Parameters<Files['open']>) => {
        const fd = await realFiles.open(...args);
        open.add(fd);
        return fd;
      },
      close: async (fd: number) => {
        open.delete(fd);
        await realFiles.close(fd);
      },
    });
    await assert.rejects(makeClaim(directory, claimRecord(TASK), files), { code: 'ENOSPC' }, verb);
    assert.deepEqual(readdirSync(directory.path), ['.codex-worker'], verb);
    assert.deepEqual(readdirSync(`${directory.path}/.codex-worker/tmp`), [], verb);
    assert.equal(open.size, 0, verb);
  }
});

test('a holder learns that its claim is lost when the name is gone or leads to another file', async (t) => {
  const directory = taskDirectory(scratch(t));
  const path = `${directory.path}/.lock-${TASK}`;
  const lock = await makeClaim(directory, claimRecord(TASK));
  assert.equal(await lock.renew('now'), 'held');
  linkSync(path, `${directory.path}/second-name`);
  unlinkSync(path);
  assert.equal(await lock.renew('now'), 'lost');
  const successor = await makeClaim(directory, claimRecord(TASK));
  assert.equal(await lock.isMine(), false);
  assert.equal(await lock.renew('now'), 'lost');
  assert.equal(await successor.isMine(), true);
  const read = await readLock(realFiles, directory, TASK);
  assert.equal(
    read.kind === 'claim' && read.heartbeat?.seq,
    0,
    'the late owner wrote into its successor’s file',
  );
  await lock.close();
  await lock.close();
  await successor.close();
});

test('each renewal is seen as a change, and one that fails is thrown', async (t) => {
  const directory = taskDirectory(scratch(t));
  const lock = await makeClaim(directory, claimRecord(TASK));
  const beats = new Set<string>();
  for (let i = 0; i < 5; i++) {
    await lock.renew('the same time');
    const read = await readLock(realFiles, directory, TASK);
    beats.add(read.kind === 'claim' ? read.beat : '');
  }
  assert.equal(beats.size, 5);
  await lock.close();
  const failing = await makeClaim(directory, claimRecord('other.md'), {
    ...realFiles,
    write: (fd, bytes, at) => (at > 0 ? Promise.reject(errno('EIO')) : realFiles.write(fd, bytes, at)),
  });
  await assert.rejects(failing.renew('now'), { code: 'EIO' });
  await failing.close();
});

test('an outcome is recorded for a dead owner in the file that holds its claim, and in no other', async (t) => {
  const { directory, path, read, record } = await lockFile(t);
  const recordFor = (who = record) => recordOutcomeFor(realFiles, directory, who, outcome('its worker died'));
  assert.equal(await recordFor(), true);
  const lock = await read();
  assert.equal(lock.kind === 'claim' && lock.outcome?.reason, 'its worker died');

  const before = readFileSync(path);
  assert.equal(await recordFor(claimRecord(TASK)), false, 'another claim');
  assert.deepEqual(readFileSync(path), before);
  const elsewhere = `${directory.path}/elsewhere`;
  renameSync(path, elsewhere);
  assert.equal(await recordFor(), false, 'nothing');
  symlinkSync(elsewhere, path);
  assert.equal(await recordFor(), false, 'a symbolic link');
  assert.deepEqual(readFileSync(elsewhere), before);
  for (const [what, precious] of [
    ['a file of the same size', Buffer.alloc(4_096, 'precious')],
    ['a longer file that begins like the lock', Buffer.concat([before, Buffer.from('precious')])],
  ] as const) {
    unlinkSync(path);
    writeFileSync(`${directory.path}/precious`, precious);
    linkSync(`${directory.path}/precious`, path);
    assert.equal(await recordFor(), false, `a hard link to ${what}`);
    assert.deepEqual(readFileSync(`${directory.path}/precious`), precious, what);
  }
});

test('a break right appears complete, is got by one, and says who holds it', async (t) => {
  const me = thisProcess();
  const claim = newClaimId();
  for (const hardLinks of [true, false]) {
    const directory = taskDirectory(scratch(t), hardLinks);
    await writeIdentityFile(realFiles, directory, me);
    assert.deepEqual(await readRight(realFiles, directory, claim, 1), { kind: 'absent' });
    await takeRight(realFiles, directory, claim, 1, me);
    await assert.rejects(takeRight(realFiles, directory, claim, 1, me), { code: 'EEXIST' });
    await takeRight(realFiles, directory, claim, 2, me);
    for (const n of [1, 2])
      assert.deepEqual(await readRight(realFiles, directory, claim, n), { kind: 'holder', holder: me });
    assert.deepEqual(await readRight(realFiles, directory, newClaimId(), 1), { kind: 'absent' });
    const own = `${directory.path}/.codex-worker/tmp/proc.${identityToken(me)}`;
    assert.ok(existsSync(own));
    await removeIdentityFile(realFiles, directory, me);
    await removeIdentityFile(realFiles, directory, me);
    assert.ok(!existsSync(own));
    assert.equal((await readRight(realFiles, directory, claim, 1)).kind, 'holder');
    if (hardLinks) await assert.rejects(takeRight(realFiles, directory, claim, 3, me), { code: 'ENOENT' });
  }
});

test('what a break right says is durable before the right has its name', async (t) => {
  for (const hardLinks of [true, false]) {
    const directory = taskDirectory(scratch(t), hardLinks);
    const calls: string[] = [];
    const noting = filesWith({
      write: (fd, bytes, at) => {
        calls.push('write');
        return realFiles.write(fd, bytes, at);
      },
      fsync: (fd) => {
        calls.push('fsync');
        return realFiles.fsync(fd);
      },
      rename: (from, to) => {
        calls.push('rename');
        return realFiles.rename(from, to);
      },
    });
    await writeIdentityFile(noting, directory, thisProcess());
    assert.deepEqual(calls, ['write', 'fsync', 'rename']);
    calls.length = 0;
    await takeRight(noting, directory, newClaimId(), 1, thisProcess());
    assert.deepEqual(calls, hardLinks ? [] : ['write', 'fsync']);
  }
});

test('a break right that is not what was written is damaged, whatever it is', async (t) => {
  const directory = taskDirectory(scratch(t));
  const me = thisProcess();
  const claim = newClaimId();
  await writeIdentityFile(realFiles, directory, me);
  await takeRight(realFiles, directory, claim, 1, me);
  const path = `${directory.path}/.break-${claim}.1`;
  const whole = readFileSync(path);
  unlinkSync(path);
  let content = whole;
  const files = readerOf(() => content);
  for (let length = 0; length < whole.length; length++) {
    content = whole.subarray(0, length);
    assert.equal((await readRight(files, directory, claim, 1)).kind, 'damaged', `cut off at ${length}`);
  }
  content = Buffer.from(whole);
  for (let bit = 0; bit < whole.length * 8; bit++) {
    content.writeUInt8(whole.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    assert.equal((await readRight(files, directory, claim, 1)).kind, 'damaged', `bit ${bit}`);
    content.writeUInt8(whole.readUInt8(bit >> 3), bit >> 3);
  }
  execFileSync('mkfifo', [path]);
  assert.equal((await promptly(readRight(realFiles, directory, claim, 1))).kind, 'damaged');
  unlinkSync(path);
  mkdirSync(path);
  assert.equal((await readRight(realFiles, directory, claim, 1)).kind, 'damaged');
});

test('without hard links, a lock that could not be filled is taken back, but never one that took its name', async (t) => {
  const directory = taskDirectory(scratch(t), false);
  const path = `${directory.path}/.lock-${TASK}`;
  const claimWith = (write: Files['write']) => makeClaim(directory, claimRecord(TASK), filesWith({ write }));
  await assert.rejects(
    claimWith(() => Promise.reject(errno('ENOSPC'))),
    { code: 'ENOSPC' },
  );
  assert.equal(existsSync(path), false);
  await assert.rejects(
    claimWith(() => {
      unlinkSync(path); // a person forced it, and somebody else has claimed the task
      writeFileSync(path, 'another lock');
      return Promise.reject(errno('ENOSPC'));
    }),
    { code: 'ENOSPC' },
  );
  assert.equal(readFileSync(path, 'utf8'), 'another lock');
});
