/** Whose answer counts, and until when: the name of an answer is taken once, as long as anybody could give one. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { makeBench } from '../rig/cli.ts';
import { makePuppets } from '../rig/puppet.ts';

/** A run whose agent asks, and where answers to it are kept. */
async function makeScene(t: TestContext, ...args: string[]) {
  const puppets = await makePuppets(t);
  const bench = await makeBench(t);
  await bench.write('fix.md', 'Fix it.\n');
  const run = bench.start(['--backend', 'app-server', '--approvals', 'queue', ...args], { env: puppets.env });
  const call = await puppets.nextCall();
  const { told } = await call.ask({ command: 'make install' });
  const folder = path.join(bench.environment()['XDG_STATE_HOME'] ?? '', 'codex-worker', 'answers');
  await bench.until('it asks', async () => (await bench.ls('.codex-worker/questions')).length > 0);
  return { bench, run, call, told, folder };
}

test('nobody can answer a question of a task that is being verified; when it is done its answers are gone', async (t) => {
  const verify = 'touch ../verifying; while [ ! -e ../go ]; do sleep 0.05; done';
  const { bench, run, call, told, folder } = await makeScene(t, '--verify', verify);
  assert.equal((await bench.run(['deny', 'fix.md'])).code, 0);
  assert.equal(await told, 'decline');
  await call.complete();
  await bench.until('it is verified', async () => (await bench.ls('..')).includes('verifying'));
  // A slow second answer would find its name free, and be said to count.
  assert.deepEqual(await bench.ls(folder), [`${call.claim}.1`]);
  await bench.write('../go', '');
  const { code, stdout, stderr } = await run.ended();
  assert.equal(code, 0, stdout + stderr);
  assert.deepEqual(await bench.ls(folder), []);
});

test('where an answer should be and none is, the question is declined in its time, and nobody waits for ever', async (t) => {
  const { bench, run, call, told, folder } = await makeScene(t, '--approval-timeout', '1s');
  writeFileSync(path.join(folder, `${call.claim}.1`), '');
  assert.equal(await told, 'decline');
  await call.complete();
  const { code, stdout, stderr } = await run.ended();
  assert.equal(code, 0, stdout + stderr);
  assert.deepEqual(await bench.ls('.codex-worker/questions'), []);
  assert.deepEqual(await bench.leftovers(), []);
});
