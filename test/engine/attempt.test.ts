/** An attempt on a disk that fails it: nothing is published, nothing is left, and no task is failed for it. */
import assert from 'node:assert/strict';
import { chmodSync, readdirSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { newClaimId } from '../../src/core/claim.ts';
import { runAttempt } from '../../src/engine/attempt.ts';
import type { AttemptOrder } from '../../src/engine/order.ts';
import { realWorld } from '../../src/engine/world.ts';
import { realFiles, type Files } from '../../src/io/files.ts';
import { errno, filesWith, taskDirectory } from '../io/rig.ts';
import { scratch } from '../rig/scratch.ts';

function attemptWith(t: TestContext, files: Files, more: Partial<AttemptOrder> = {}) {
  const path = scratch(t);
  const command = `${scratch(t)}/agent`;
  writeFileSync(command, '#!/bin/sh\ncat\n');
  chmodSync(command, 0o755);
  writeFileSync(`${path}/fix.md`, 'Fix it.\n');
  const order: AttemptOrder = {
    claim: newClaimId(),
    run: 'a-run',
    task: { directory: path, name: 'fix.md', label: 'fix.md' },
    directory: taskDirectory(path),
    codex: { command, launcher: command, isCodex: false },
    codexVersion: 'agent',
    settings: { mode: 'read-only', model: 'a-model', workingDirectory: path, codexConfig: [] },
    retries: 0,
    by: 'a test',
    ...more,
  };
  const ports = { tell: () => {}, aborted: new AbortController().signal, env: process.env };
  return {
    outcome: runAttempt({ ...realWorld(), files }, order, ports),
    markers: () => readdirSync(path).filter((name) => name !== 'fix.md' && name !== '.codex-worker'),
    ended: () => readdirSync(`${path}/.codex-worker/ended`).map((name) => name.split('.').at(-2)),
  };
}

test('an attempt on a sound disk is published', async (t) => {
  const { outcome, markers } = attemptWith(t, realFiles);
  assert.equal((await outcome).kind, 'succeeded');
  assert.deepEqual(markers(), ['done_exec_log-fix.md.txt']);
});

/** By their order: the lock at C4, the log at F2, the outcome at F3. */
for (const [nth, what] of [
  [2, 'log'],
  [3, 'outcome'],
] as const) {
  test(`an fsync of the ${what} that fails gives the task back, and its log is put aside`, async (t) => {
    let syncs = 0;
    const files = filesWith({
      fsync: (fd) => (++syncs === nth ? Promise.reject(errno('EIO')) : realFiles.fsync(fd)),
    });
    const { outcome, markers, ended } = attemptWith(t, files);
    const end = await outcome;
    assert.ok(end.kind === 'returned' && end.reason.kind === 'environment', JSON.stringify(end));
    assert.equal(end.reason.problem.kind, 'storage');
    assert.deepEqual(markers(), []);
    assert.deepEqual(ended(), ['interrupted']);
  });
}

test('a log that cannot be written ends the agent and gives the task back', async (t) => {
  let appends = 0;
  const files = filesWith({
    appendSync: (fd, bytes) => {
      if (++appends > 1) throw errno('ENOSPC');
      realFiles.appendSync(fd, bytes);
    },
  });
  const { outcome, markers, ended } = attemptWith(t, files);
  const end = await outcome;
  assert.ok(end.kind === 'returned' && end.reason.kind === 'environment', JSON.stringify(end));
  assert.deepEqual(markers(), []);
  assert.deepEqual(ended(), ['interrupted']);
});

/** Fails one call of a verb, on a path or a descriptor of it that matches. */
function failingOnce(verb: 'close' | 'mkdir', pattern: RegExp, code: string): Files {
  const paths = new Map<number, string>();
  let isOver = false;
  const fails = (path: string) => {
    if (isOver || !pattern.test(path)) return false;
    isOver = true;
    return true;
  };
  return filesWith({
    open: async (path, flags, mode) => {
      const fd = await realFiles.open(path, flags, mode);
      paths.set(fd, path);
      return fd;
    },
    ...(verb === 'mkdir'
      ? { mkdir: (path) => (fails(path) ? Promise.reject(errno(code)) : realFiles.mkdir(path)) }
      : {
          close: async (fd) => {
            await realFiles.close(fd);
            if (fails(paths.get(fd) ?? '')) throw errno(code);
          },
        }),
  });
}

for (const [what, pattern] of [
  ['the prompt, once the child is there', /\/prompt-/],
  ['the log, once it is published', /\/\.exec_log-/],
  ['the raw events', /\.jsonl$/],
] as const) {
  test(`a close of ${what} that fails costs nothing`, async (t) => {
    const { outcome, markers } = attemptWith(t, failingOnce('close', pattern, 'EIO'));
    assert.equal((await outcome).kind, 'succeeded');
    assert.deepEqual(markers(), ['done_exec_log-fix.md.txt']);
  });
}

test('a folder of ours that somebody has mounted something on (EXDEV) is the disk’s failure too', async (t) => {
  const { outcome, markers } = attemptWith(t, filesWith({ link: () => Promise.reject(errno('EXDEV')) }));
  const end = await outcome;
  assert.ok(end.kind === 'returned' && end.reason.kind === 'environment', JSON.stringify(end));
  assert.deepEqual(markers(), []);
});

for (const code of ['EACCES', 'EINTR']) {
  test(`a folder that cannot be made (${code}) is the disk's failure, not a bug, and fails no task`, async (t) => {
    const { outcome, markers } = attemptWith(t, failingOnce('mkdir', /\/raw$/, code));
    const end = await outcome;
    assert.ok(end.kind === 'returned' && end.reason.kind === 'environment', JSON.stringify(end));
    assert.equal(end.reason.problem.kind, 'storage');
    assert.deepEqual(markers(), []);
  });
}

for (const verb of ['open', 'appendSync'] as const) {
  test(`a disk that refuses what the command of --verify prints (${verb}) gives the task back, and fails it not`, async (t) => {
    let fdOfIt: number | undefined;
    const files = filesWith({
      open: async (path, flags, mode) => {
        const isIt = path.endsWith('.verify');
        if (isIt && verb === 'open') throw errno('EIO');
        const fd = await realFiles.open(path, flags, mode);
        if (isIt) fdOfIt = fd;
        return fd;
      },
      appendSync: (fd, bytes) => {
        if (fd === fdOfIt) throw errno('ENOSPC');
        realFiles.appendSync(fd, bytes);
      },
    });
    const verify = { command: 'echo it is done; sleep 600', timeoutMs: 60_000 };
    const { outcome, markers, ended } = attemptWith(t, files, { verify });
    const end = await outcome;
    assert.ok(end.kind === 'returned' && end.reason.kind === 'environment', JSON.stringify(end));
    assert.equal(end.reason.problem.kind, 'storage');
    assert.deepEqual(markers(), []);
    assert.deepEqual(ended(), ['interrupted']);
  });
}
