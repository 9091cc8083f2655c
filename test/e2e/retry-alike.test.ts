/** `retry` is not content with less than the earlier attempts had, and takes no task without the one it comes after. */
import assert from 'node:assert/strict';
import { chmod } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { makeBench, makeCodexBench } from '../rig/cli.ts';
import { makePuppets } from '../rig/puppet.ts';

const failedLog = (mode: string, verify: string) =>
  [
    'codex-worker log',
    `mode:      ${mode}`,
    `verify:    ${verify}`,
    '─'.repeat(72),
    '',
    '─'.repeat(72),
    'outcome:   failed: verify failed with code 1: no (it)',
    '',
  ].join('\n');

test('what failed its verification is not taken again without one, unless that is said', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('a.md', 'A.\n[[say Done.]]');
  await bench.write('check it.sh', '#!/bin/sh\necho no\nexit 1\n');
  await chmod(path.join(bench.tasks, 'check it.sh'), 0o755);
  const options = ['--mode', 'workspace-write', '--verify', "'./check it.sh'"];
  assert.equal((await bench.run(options)).code, 1);
  const asked = bench.server.requests.length;

  const bare = await bench.run(['retry', 'a.md']);
  assert.equal(bare.code, 2, bare.stdout);
  assert.equal(bare.stdout, '');
  assert.match(bare.stderr, /a\.md failed its check \('\.\/check it\.sh'\); this run has no --verify/);
  const command = String.raw`--verify ''\''./check it.sh'\'''`;
  assert.ok(bare.stderr.includes(`repeat the options: ${command}, or --no-verify to take it without`));
  assert.equal(bench.server.requests.length, asked);
  const again = `codex-worker retry a.md --mode workspace-write ${command}`;
  assert.ok((await bench.run(['status', '--detailed'])).stdout.includes(again));
  await bench.run(['report', '--html', '../report.html']);
  assert.match(await bench.read('../report.html'), /retry a\.md --mode workspace-write --verify /);

  const repeated = await bench.shell(again);
  assert.equal(repeated.code, 1, 'it is verified again, and fails again');
  assert.match(repeated.stdout, /^Summary: 0 completed, 1 failed/m);
  assert.doesNotMatch(repeated.stdout + repeated.stderr, /this run/);

  const without = await bench.run(['retry', 'a.md', '--no-verify']);
  assert.equal(without.code, 0, without.stdout + without.stderr);
  assert.match(without.stdout, /1 task ran with workspace-write before; this run is read-only/);
  assert.doesNotMatch(without.stdout, /failed its check/);
});

test('a run says in one line each what its failed tasks had before and it has not', async (t) => {
  const puppets = await makePuppets(t);
  const bench = await makeBench(t);
  for (const name of ['a', 'b', 'c']) {
    await bench.write(`${name}.md`, name);
    await bench.write(`failed_exec_log-${name}.md.txt`, failedLog('workspace-write', 'make check'));
  }
  const first = bench.start(['-c', '3'], { env: puppets.env });
  for (let n = 0; n < 3; n++) await (await puppets.nextCall()).complete();
  const { code, stdout } = await first.ended();
  assert.equal(code, 0, stdout);
  assert.equal(
    stdout.match(/[abc]\.md failed its check \(make check\), and 2 more failed theirs; this run has no/g)
      ?.length,
    1,
  );
  assert.equal(stdout.match(/3 tasks ran with workspace-write before; this run is read-only/g)?.length, 1);

  const quiet = await bench.run([], { env: puppets.env });
  assert.doesNotMatch(quiet.stdout, /this run (has|is)/, 'nothing has failed any more');
});

test('a retry leaves out what waits for a task that it does not take, and runs the others', async (t) => {
  const puppets = await makePuppets(t);
  const bench = await makeBench(t);
  const log = failedLog('read-only', 'x').replace('verify failed with code 1: no (it)', 'no');
  await bench.write('t4/a.md', '---\nafter: d.md\n---\na');
  await bench.write('t4/b.md', '---\nafter: a.md\n---\nb');
  await bench.write('t4/c.md', 'c');
  await bench.write('t4/d.md', 'd');
  for (const name of ['a', 'b', 'c']) await bench.write(`t4/failed_exec_log-${name}.md.txt`, log);
  const run = bench.start(['retry', 't4'], { env: puppets.env });
  const c = await puppets.nextCall();
  assert.equal(c.prompt, 'c');
  await c.complete();
  const { code, stdout } = await run.ended();
  assert.equal(code, 1, 'two were left');
  assert.match(stdout, /t4\/a\.md waits for t4\/d\.md, which is pending: codex-worker t4 takes both/);
  assert.match(stdout, /t4\/b\.md waits for t4\/a\.md, which failed: codex-worker t4 takes both/);
  assert.match(stdout, /^Summary: 1 completed, 0 failed/m);

  const nothing = await bench.run(['retry', 't4/a.md'], { env: puppets.env });
  assert.equal(nothing.code, 2);
  assert.match(nothing.stderr, /t4\/a\.md waits for t4\/d\.md, which is pending: codex-worker t4 takes both/);

  await bench.write('t4/e.md', '---\nafter: c.md\n---\ne');
  await bench.write('t4/f.md', '---\nafter: a.md\n---\nf');
  await bench.run(['report', 't4', '--html', '../page.html', '--junit', '../page.xml']);
  assert.match(await bench.read('../page.xml'), /<skipped message="waits for t4\/a\.md, which failed"\/>/);
  const page = await bench.read('../page.html');
  assert.match(page, /<p class="why">waits for t4\/a\.md, which failed<\/p>/);
  assert.match(page, /<code>codex-worker t4\/<\/code>/);
  assert.match(page, /<code>codex-worker t4\/e\.md<\/code>/, 'what it waits for is completed');
});
