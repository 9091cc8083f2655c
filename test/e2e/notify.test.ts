/** Notifications of real runs, whose Codex is `true`: what is told, and that nothing of it disturbs the run. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { spawn } from '@lydell/node-pty';
import { makeBench, type Bench } from '../rig/cli.ts';
import { makePuppets } from '../rig/puppet.ts';

async function twoTasks(t: TestContext, env: NodeJS.ProcessEnv = { CODEX_CMD: '/bin/true' }): Promise<Bench> {
  const bench = await makeBench(t, env);
  for (const name of ['a.md', 'b.md']) await bench.write(name, 'Do it.\n');
  return bench;
}

/** A server that keeps what is posted, or keeps whoever posts waiting. */
async function webhook(t: TestContext, isSilent = false) {
  const bodies: string[] = [];
  let asked = 0;
  const server = createServer((request, response) => {
    asked += 1;
    void text(request).then((body) => {
      bodies.push(body);
      if (!isSilent) response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { bodies, url: `http://127.0.0.1:${port}/hooks/secret`, asked: () => asked };
}

test('a webhook and a command are told of the end, and the process does not stay for them', async (t) => {
  const bench = await twoTasks(t);
  const { bodies, url } = await webhook(t);
  const told = join(bench.scratch, 'told');
  const began = performance.now();
  const { code, stderr } = await bench.run(['--notify', url, '--notify', `cat > '${told}'`]);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  assert.ok(performance.now() - began < 10_000);
  const [posted] = bodies.map((body) => JSON.parse(body) as Record<string, unknown>);
  assert.equal(posted?.['text'], 'tasks: finished with exit code 0: 2 completed, 0 failed, 0 left');
  assert.equal(posted?.['directory'], bench.tasks);
  assert.deepEqual(JSON.parse(readFileSync(told, 'utf8')), posted);
  assert.deepEqual(await bench.leftovers(), []);
});

test('what cannot be told changes nothing but a line on standard error', async (t) => {
  const bench = await twoTasks(t);
  const { code, stdout, stderr } = await bench.run(['--json', '--notify', 'echo broken; exit 3']);
  assert.equal(code, 0);
  assert.equal(
    stderr,
    'codex-worker: the notification "finished" did not reach echo broken; exit 3: exit code 3: broken\n',
  );
  const kinds = stdout
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { event: string }).event);
  assert.equal(kinds.at(-1), 'run-finished', 'the last line for programs is the last event');
});

test('a webhook that hangs holds up the end for a while that is said, and Ctrl-C ends that', async (t) => {
  const bench = await twoTasks(t);
  const { url, asked } = await webhook(t, true);
  const run = bench.start(['--notify', url]);
  await bench.until('it is asked', () => asked() > 0);
  await run.says(/^codex-worker: a notification is being sent, for 12s at most; Ctrl-C leaves at once$/m);
  run.kill('SIGINT');
  const { code, signal, stderr } = await run.ended(5_000);
  assert.deepEqual({ code, signal }, { code: 0, signal: null });
  assert.match(
    stderr,
    /^codex-worker: the notification "finished" did not reach http:\/\/127\.0\.0\.1:\d+\/…: it was given up$/m,
  );
  assert.ok(!stderr.includes('secret'));
});

test('a pause is told once, while what is on goes on', async (t) => {
  const puppets = await makePuppets(t);
  const bench = await twoTasks(t, puppets.env);
  const told = join(bench.scratch, 'told');
  const run = bench.start(['--notify', `echo "$CODEX_WORKER_EVENT" >> '${told}'`]);
  const call = await puppets.nextCall();
  await bench.run(['pause', '--for', '1h']);
  await bench.until('it is told', () => readIfThere(told) === 'paused\n');
  await bench.run(['pause', '--for', '2h']);
  await call.complete();
  await run.says(/✅ a\.md/);
  await bench.run(['resume']);
  await (await puppets.nextCall()).complete();
  assert.equal((await run.ended()).code, 0);
  assert.equal(readIfThere(told), 'paused\nfinished\n');
});

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

test('a bell is rung on a terminal, and nowhere else', async (t) => {
  const bench = await twoTasks(t);
  assert.ok(!(await bench.run(['a.md', '--notify', 'bell'])).stderr.includes('\u0007'));
  const shell = spawn(join(bench.scratch, 'bin', 'codex-worker'), ['--notify', 'bell'], {
    cwd: bench.tasks,
    env: { PATH: process.env['PATH'], TERM: 'xterm', CODEX_CMD: '/bin/true' },
  });
  let screen = '';
  shell.onData((shown) => void (screen += shown));
  await new Promise((resolve) => shell.onExit(resolve));
  assert.ok(
    screen.includes('\u0007\u001b]9;tasks: finished with exit code 0: 1 completed, 0 failed, 0 left\u001b\\'),
    screen,
  );
});

test('the address of a webhook in the environment is no agent’s to see', async (t) => {
  const { bodies, url } = await webhook(t);
  const bench = await makeBench(t, { CODEX_WORKER_NOTIFY: url });
  const codex = join(bench.scratch, 'codex.sh');
  await bench.write(codex, '#!/bin/sh\nenv > seen.txt\n');
  await chmod(codex, 0o755);
  await bench.write('a.md', 'Do it.\n');
  assert.equal((await bench.run([], { env: { CODEX_CMD: codex } })).code, 0);
  assert.equal(bodies.length, 1);
  assert.ok((await bench.read('seen.txt')).includes('CODEX_WORKER_CLAIM='));
  assert.ok(!(await bench.read('seen.txt')).includes('hooks'));
});
