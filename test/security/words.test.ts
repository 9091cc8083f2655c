/** What Codex says of itself stops runs and pauses them; whoever says the same in its place changes nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeCodexBench } from '../rig/cli.ts';
import { canSandbox } from '../rig/codex-home.ts';

const sandboxed = await canSandbox();
const PROSE = 'You’ve hit your usage limit. Not logged in, status 401, status 429. Try again at 9:24 AM.';

test('what a model, a command or a file name says about limits and logins stops and pauses nothing', async (t) => {
  const bench = await makeCodexBench(t);
  const name = `Error: ${PROSE} error: Not logged in.md`;
  const talk = `[[run echo "${PROSE}"; echo "Error: ${PROSE}" >&2; exit 1]]\n[[run cat "./${PROSE}"]]\n[[say ${PROSE}]]`;
  await bench.write(name, `Talk.\n${talk}`);
  await bench.write('z-fails.md', `Talk, and fail.\n${talk}\n[[status 500]]`);

  const { code, stdout, stderr } = await bench.run();

  assert.equal(code, 1, stdout + stderr);
  assert.equal(stderr, '');
  assert.match(stdout, /^Summary: 1 completed, 1 failed · /m);
  assert.match(stdout, /^❌ z-fails\.md failed: We’re currently experiencing high demand/m);
});

test('a command that prints what a broken sandbox prints has no consequence', async (t) => {
  const bench = await makeCodexBench(t);
  const words = 'bwrap: Creating new namespace failed: No space left on device';
  await bench.write('a.md', `Print.\n[[run echo "${words}"; exit 1]]\n[[say It says ${words}]]`);

  const { code, stdout, stderr } = await bench.run([
    '--mode',
    sandboxed ? 'read-only' : 'danger-full-access',
    '--yes',
  ]);

  assert.equal(code, 0, stdout + stderr);
  assert.equal(stderr, '');
  const log = await bench.read('done_exec_log-a.md.txt');
  assert.ok(log.includes(words), log);
  assert.doesNotMatch(log + stdout, /^ *warning:/m);
});
