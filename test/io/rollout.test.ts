import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { realFiles } from '../../src/io/files.ts';
import { threadUsage } from '../../src/io/rollout.ts';
import { scratch } from '../rig/scratch.ts';
import { errno, filesWith } from './rig.ts';

/** Of 2026-11-22 20:18:47 UTC. */
const THREAD = '01a204e9-4aa6-71b1-ae10-b9271cfb6aae';
const counts = (n: number) => ({ input_tokens: n, cached_input_tokens: n / 2, output_tokens: n / 10 });
const usage = (n: number) => ({ input: n, cached: n / 2, output: n / 10 });
const record = (n: number) =>
  JSON.stringify({ type: 'token_usage_record', payload: { thread_token_usage: counts(n) } });
const event = (total_token_usage: unknown) =>
  JSON.stringify({ type: 'event_msg', payload: { type: 'token_count', info: { total_token_usage } } });

/** `pathOf` says where on which day Codex has put it; `at` is local. */
function write(t: TestContext, text: string, { day = 0, name = '' } = {}): { home: string; path: string } {
  const home = scratch(t);
  const at = new Date(Date.UTC(2026, 10, 22 + day, 20, 18, 47));
  const two = (n: number) => String(n).padStart(2, '0');
  const date = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())];
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join('-');
  const path = join(
    home,
    'sessions',
    ...date.map(String),
    name || `rollout-${date.join('-')}T${time}-${THREAD}.jsonl`,
  );
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return { home, path };
}

const total = (home: string, thread = THREAD) => threadUsage(realFiles, home, thread);

test('the last record is the total, and the last event where there is no record', async (t) => {
  const { home } = write(t, `${record(100)}\n${event(counts(100))}\n${record(200)}\n{"type":"other"}\n`);
  assert.deepEqual(await total(home), usage(200));
  assert.deepEqual(await total(write(t, `${event(counts(100))}\n${event(counts(300))}\n`).home), usage(300));
});

test('an event that was set to nothing because the context is full does not hide the record before it', async (t) => {
  const { home } = write(t, `${record(100)}\n${event(counts(100))}\n${event(counts(0))}\n`);
  assert.deepEqual(await total(home), usage(100));
});

test('what came after the last count may be long, and its last line not whole yet', async (t) => {
  const { home } = write(t, `${record(100)}\n{"x":"${'y'.repeat(3_000_000)}"}\n${record(200).slice(0, 60)}`);
  assert.deepEqual(await total(home), usage(100));
});

test('a file whose name has another second, or lies at another day, is found by its thread', async (t) => {
  assert.deepEqual(
    await total(write(t, record(100), { name: `rollout-x-${THREAD}.jsonl` }).home),
    usage(100),
  );
  assert.deepEqual(await total(write(t, record(100), { day: 1 }).home), usage(100));
  assert.deepEqual(await total(write(t, record(100), { day: -1 }).home), usage(100));
});

test('a format that has changed, odd numbers and texts that only quote a count say nothing', async (t) => {
  const quoted = JSON.stringify({ type: 'response_item', payload: { text: record(100) } });
  for (const text of [
    '',
    '\n\n',
    'x'.repeat(100_000),
    quoted,
    event(null),
    event(undefined),
    '{"type":"event_msg","payload":{"type":"token_count","info":null}}',
    '{"type":"token_usage_record"}',
    '{"type":"token_usage_record","payload":7}',
    event({ input_tokens: -5, output_tokens: 1 }),
    event({ input_tokens: 1e30, output_tokens: 1 }),
    event({ input_tokens: 'many', output_tokens: 1 }),
  ])
    assert.equal(await total(write(t, text).home), undefined, text.slice(0, 100));
});

test('no other id than a UUID is looked for', async (t) => {
  const { home, path } = write(t, record(100));
  const noLooks = filesWith({ lstat: () => assert.fail('it looked') });
  for (const id of ['', '..', '../../etc/passwd', THREAD.toUpperCase(), `${THREAD}/..`, `${THREAD}\n`])
    assert.equal(await threadUsage(noLooks, dirname(path), id), undefined, id);
  assert.equal(await total(home, 'ffffffff-ffff-7fff-bfff-ffffffffffff'), undefined);
});

test('a link, a pipe or a disk that fails in its place says nothing, and nobody waits', async (t) => {
  const { home, path } = write(t, record(100));
  writeFileSync(join(home, 'elsewhere'), record(100));
  for (const put of [
    () => symlinkSync(join(home, 'elsewhere'), path),
    () => execFileSync('mkfifo', [path]),
    () => mkdirSync(path),
  ]) {
    rmSync(path, { recursive: true });
    put();
    assert.equal(await total(home), undefined);
  }
  rmSync(path, { recursive: true });
  writeFileSync(path, record(100));
  assert.deepEqual(await total(home), usage(100));
  const failing = filesWith({ read: () => Promise.reject(errno('EIO')) });
  assert.equal(await threadUsage(failing, home, THREAD), undefined);
});
