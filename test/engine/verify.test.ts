/** What the end of a command that verifies means, with real ones. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { newClaimId } from '../../src/core/claim.ts';
import { lastWords, runVerify, type VerifyPorts, type VerifyRequest } from '../../src/engine/verify.ts';
import { realWorld } from '../../src/engine/world.ts';
import { partsWith } from '../rig/processes.ts';
import { COOKIE } from '../../src/io/sweep.ts';
import { scratch } from '../rig/scratch.ts';
import { errno } from '../io/rig.ts';

async function verify(t: TestContext, command: string, more: Partial<VerifyRequest & VerifyPorts> = {}) {
  const request = {
    command,
    timeoutMs: 30_000,
    workingDirectory: scratch(t),
    env: process.env,
    claim: newClaimId(),
    ...more,
  };
  const kept: Buffer[] = [];
  const ports = {
    keep: (chunk: Buffer) => void kept.push(chunk),
    aborted: new AbortController().signal,
    ...more,
  };
  const left = () => (process.platform === 'linux' ? partsWith(`${COOKIE}=${request.claim}`) : []);
  try {
    const verified = await runVerify(realWorld(), request, ports);
    return { ...verified, kept: Buffer.concat(kept).toString() };
  } finally {
    assert.deepEqual(left(), [], 'something of it still runs');
  }
}

test('a command has succeeded when its code is 0, and has failed with any other', async (t) => {
  assert.deepEqual((await verify(t, 'true')).end, { kind: 'passed' });
  assert.deepEqual((await verify(t, 'exit 3')).end, { kind: 'failed', code: 3 });
  assert.deepEqual((await verify(t, 'kill -SEGV $$')).end, { kind: 'failed', code: 139 });
});

test('what cannot be found or executed was not started', async (t) => {
  const workingDirectory = scratch(t);
  writeFileSync(`${workingDirectory}/plain`, 'text', { mode: 0o644 });
  for (const [command, why] of [
    ['no-such-command', /no-such-command.*not found/],
    ['./plain', /plain.*[Pp]ermission denied/],
    ['exit 127', /^the shell exited with code 127$/],
  ] as const) {
    const { end } = await verify(t, command, { workingDirectory });
    assert.ok(end.kind === 'not-started', JSON.stringify(end));
    assert.match(end.why, why);
  }
  const { end } = await verify(t, 'true', { workingDirectory: `${workingDirectory}/gone` });
  assert.ok(end.kind === 'not-started' && end.why.startsWith('ENOENT in '), JSON.stringify(end));
});

test('both of its outputs are one, in their order, and its input is empty', async (t) => {
  const { output, kept } = await verify(t, 'cat; echo 1; echo 2 >&2; echo 3; exit 1');
  assert.equal(output, '1\n2\n3\n');
  assert.equal(kept, output);
  assert.equal(lastWords(`${output}\n \n`), '3');
});

test('of much output all is kept, and the beginning and the end are shown', async (t) => {
  const { output, kept } = await verify(t, 'echo first; seq 1 100000; echo last');
  assert.ok(output.length < 16_384, `${output.length}`);
  assert.match(output, /^first\n1\n2\n[\s\S]*\n… \d+ bytes left out …\n[\s\S]*\n100000\nlast\n$/);
  assert.equal(kept.length, 'first\n'.length + 588_895 + 'last\n'.length);
});

test('one that takes too long or prints without end tells nothing about the task', async (t) => {
  const slow = await verify(t, 'sleep 600', { timeoutMs: 200 });
  assert.deepEqual(slow.end, { kind: 'unfinished', why: 'sleep 600 did not end within 0.2s' });
  const loud = await verify(t, 'yes', { mostBytes: 1_048_576 });
  assert.deepEqual(loud.end, { kind: 'unfinished', why: 'yes printed more than 1 MiB' });
  assert.ok(loud.kept.length <= 1_048_576);
});

test('one that ignores signals is killed', async (t) => {
  const { end } = await verify(t, `trap '' INT TERM; while :; do sleep 0.1; done`, { timeoutMs: 100 });
  assert.equal(end.kind, 'unfinished');
});

test('a run that is aborted ends it, and begins none', async (t) => {
  const abortion = new AbortController();
  setTimeout(() => abortion.abort(), 200);
  assert.deepEqual((await verify(t, 'sleep 600', { aborted: abortion.signal })).end, { kind: 'aborted' });
  const { end, kept } = await verify(t, 'echo begun', { aborted: abortion.signal });
  assert.deepEqual([end.kind, kept], ['aborted', '']);
});

test('a disk that refuses its output ends it, and is said when nothing of it runs any more', async (t) => {
  const keep = () => {
    throw errno('ENOSPC');
  };
  await assert.rejects(verify(t, 'echo x; sleep 600', { keep }), { code: 'ENOSPC' });
});

test('what it leaves behind is ended, also where that holds its output', async (t) => {
  const { end, output } = await verify(t, 'setsid sleep 600 & echo done');
  assert.deepEqual([end.kind, output], ['passed', 'done\n']);
});
