/** `logs -f` beside real agents: through retries, deaths and the publishing of the result. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBench, makeCodexBench } from '../rig/cli.ts';
import { makePuppets } from '../rig/puppet.ts';

test('who follows a task sees the agent work, fail, begin again and complete, to the last byte of the result', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write(
    'shaky.md',
    'Shaky.\n[[say Looking.]]\n[[run echo worked]]\n[[fail-times 1 503 server_is_overloaded]]\n[[hold door]]\n[[say There.]]',
  );
  const follow = bench.start(['logs', '-f', 'shaky']);
  await follow.says(/^shaky\.md has no result yet: waiting for its next attempt$/m);
  const run = bench.start(['--retries', '1']);
  await follow.says(/^outcome: +failed, will be tried again: /m);
  await follow.says(/^attempt: +2$/m);
  const raw = bench.start(['logs', '--raw', '-f', 'shaky.md', '--attempt', '2']);
  await raw.says(/"thread\.started"/);
  assert.equal(follow.hasEnded || raw.hasEnded, false);
  bench.server.release('door');

  assert.equal((await run.ended()).code, 0);
  const [{ code, stdout }, rawEnd] = [await follow.ended(), await raw.ended()];
  const [first] = await bench.ls('.codex-worker/ended');
  const [result, earlier] = [
    await bench.read('done_exec_log-shaky.md.txt'),
    await bench.read(`.codex-worker/ended/${first}`),
  ];
  assert.equal(code, 0);
  assert.equal(stdout, `${earlier}\n${result}`);
  const events = (await bench.ls('.codex-worker/raw')).find((name) => /\.2\..*\.jsonl$/.test(name));
  assert.deepEqual([rawEnd.code, rawEnd.stdout], [0, await bench.read(`.codex-worker/raw/${events}`)]);
  assert.equal((await bench.run(['logs', 'shaky'])).stdout, result);
  assert.equal((await bench.run(['logs', 'shaky', '--attempt', '1'])).stdout, earlier);
});

test('who follows a task whose worker is killed is told, and goes on with the worker that takes it over', async (t) => {
  const puppets = await makePuppets(t);
  const bench = await makeBench(t, puppets.env);
  await bench.write('fix.md', 'Fix it.');
  const first = bench.start();
  const call = await puppets.nextCall();
  const follow = bench.start(['logs', '-f', 'fix']);
  await call.print({ type: 'item.completed', item: { id: '0', type: 'agent_message', text: 'Half-way.' } });
  await follow.says(/^Half-way\.$/m);

  first.kill('SIGKILL');
  await follow.says(/^fix\.md has lost its worker, which is dead: the next run goes on with it$/m);
  await call.gone;
  const second = bench.start();
  await (await puppets.nextCall()).complete('All done.');

  assert.equal((await second.ended()).code, 0);
  const { code, stdout } = await follow.ended();
  assert.equal(code, 0);
  assert.match(stdout, /^Half-way\.\n\ncodex-worker log\n[^]*^All done\.\n[^]*^outcome: +completed$/m);
});

test('the end of one who follows says how the task ended, and Ctrl-C ends him without a word', async (t) => {
  const puppets = await makePuppets(t);
  const bench = await makeBench(t, puppets.env);
  await bench.write('bad.md', 'Fail.');
  const run = bench.start();
  const call = await puppets.nextCall();
  const [follow, other] = [bench.start(['logs', '-f', 'bad']), bench.start(['logs', '-f', 'bad'])];
  await Promise.all([follow, other].map((one) => one.says(/^task: +bad\.md$/m)));

  other.kill('SIGINT');
  const { code, signal, stderr } = await other.ended();
  assert.deepEqual([code, signal, stderr], [null, 'SIGINT', ''], 'which a shell calls 130');
  await call.print({ type: 'turn.failed', error: { message: 'No.' } });
  call.exit(1);

  assert.equal((await run.ended()).code, 1);
  const failed = await follow.ended();
  assert.equal(failed.code, 1);
  assert.match(failed.stdout, /^outcome: +failed: No\.$/m);
  assert.equal((await bench.run(['logs', '-f', 'bad'])).code, 1);
  assert.equal((await bench.run(['logs', 'bad'])).code, 0);
});

test('a reader that has seen enough ends who follows', async (t) => {
  const puppets = await makePuppets(t);
  const bench = await makeBench(t, puppets.env);
  await bench.write('-f.md', 'Fix it.');
  const run = bench.start(['./-f.md']);
  const call = await puppets.nextCall();
  const follow = bench.shell('set -o pipefail; codex-worker logs -f -- -f.md | head -n 1');
  await bench.until('it is followed', async () =>
    (await bench.processes()).some((line) => /logs -f/.test(line)),
  );
  let hasEnded = false;
  void follow.then(() => (hasEnded = true));
  await bench.until('it ends', async () => {
    await call.print({ type: 'item.completed', item: { id: '0', type: 'agent_message', text: 'More.' } });
    return hasEnded;
  });
  const { code, stdout, stderr } = await follow;
  assert.deepEqual([code, stdout, stderr], [0, 'codex-worker log\n', '']);
  await call.complete();
  await run.ended();
});
