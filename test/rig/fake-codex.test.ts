/** The fakes as `codex app-server`: what crash tests rely on, without anything of ours between. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import type { Bench } from './cli.ts';
import { hasOracle, makeFakeCodex, type FakeCodex } from './fake-codex.ts';
import { makePuppets } from './puppet.ts';
import { scratch } from './scratch.ts';

const CLAIM = 'c'.repeat(32);
const skip = hasOracle ? false : 'needs flock(1)';

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly turn?: { readonly status: string }; readonly command?: string };
}

/** A server that has been told of one turn; `next` is its next message of this method. */
function startTurn(t: TestContext, command: string, prompt: string, env: NodeJS.ProcessEnv) {
  const child = spawn(command, ['-c', 'a=b', 'app-server'], {
    env: { ...process.env, ...env, CODEX_WORKER_CLAIM: CLAIM },
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  });
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) =>
    child.once('exit', (code, signal) => resolve(code ?? signal)),
  );
  t.after(() => {
    try {
      process.kill(-(child.pid ?? Number.NaN), 'SIGKILL');
    } catch {
      // all of it has ended
    }
  });
  const send = (message: object) => child.stdin.write(`${JSON.stringify(message)}\n`);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (method: string): Promise<Message> => {
    for (;;) {
      const line = await lines.next();
      assert.ok(line.done !== true, `it ended without ${method}`);
      const message = JSON.parse(line.value) as Message;
      if (message.method === method) return message;
    }
  };
  send({ id: 1, method: 'initialize', params: { clientInfo: { name: 'test', version: '0' } } });
  send({ method: 'initialized' });
  send({ id: 2, method: 'thread/start', params: { cwd: '/', approvalPolicy: 'on-request' } });
  const input = [{ type: 'text', text: prompt, text_elements: [] }];
  send({ id: 3, method: 'turn/start', params: { threadId: 't', input } });
  return { child, ended, send, next };
}

/** A directory for the fake, and for each task a server that works on it. */
async function makeScene(t: TestContext) {
  const directory = scratch(t);
  const codex: FakeCodex = await makeFakeCodex({ scratch: directory, tasks: directory } as Bench);
  const start = (words: string) =>
    startTurn(t, codex.env['CODEX_CMD'] ?? '', `fix.md ${words}\nand "more"\n`, codex.env);
  const history = async () => (await codex.history()).map((line) => line.replace(CLAIM, 'X'));
  return { start, history };
}

test('the fake works as an app-server, and ends when its input does', { skip }, async (t) => {
  const { start, history } = await makeScene(t);
  const { child, next, ended } = start('hold=0.1');
  assert.equal((await next('turn/completed')).params?.turn?.status, 'completed');
  child.stdin.end();
  assert.equal(await ended, 0);
  assert.deepEqual(await history(), ['start fix.md X', 'end fix.md X']);
});

for (const how of ['end of input', 'SIGTERM', 'turn/interrupt'])
  test(`the fake stops in the middle of its work: ${how}`, { skip }, async (t) => {
    const { start, history } = await makeScene(t);
    const { child, next, send, ended } = start('hold=30');
    await next('turn/started');
    if (how === 'SIGTERM') child.kill(how);
    else if (how === 'turn/interrupt') {
      send({ id: 4, method: how, params: { threadId: 't', turnId: 'turn' } });
      assert.equal((await next('turn/completed')).params?.turn?.status, 'interrupted');
    }
    if (how !== 'SIGTERM') child.stdin.end();
    assert.equal(await ended, 0);
    assert.deepEqual(await history(), ['start fix.md X']);
  });

test('a deaf fake goes on to the end of its work', { skip }, async (t) => {
  const { start, history } = await makeScene(t);
  const { child, next, send, ended } = start('hold=0.3 deaf');
  await next('turn/started');
  send({ id: 4, method: 'turn/interrupt', params: { threadId: 't', turnId: 'turn' } });
  child.stdin.end();
  assert.equal(await ended, 0);
  assert.deepEqual(await history(), ['start fix.md X', 'end fix.md X']);
});

test(
  'the fake writes down what it asked, what it was told, and an answer that nobody asked for',
  { skip },
  async (t) => {
    const { start, history } = await makeScene(t);
    const { child, next, send, ended } = start('ask=one ask=two,three fail');
    const request = 'item/commandExecution/requestApproval';
    assert.equal((await next(request)).params?.command, "/bin/bash -lc 'one'");
    send({ id: 0, result: { decision: 'accept' } });
    await next(request);
    assert.equal((await next(request)).id, 2);
    send({ id: 2, result: { decision: 'decline' } });
    send({ id: 2, result: { decision: 'accept' } });
    send({ id: 1, error: { code: -32601, message: 'no' } });
    assert.equal((await next('turn/completed')).params?.turn?.status, 'failed');
    child.stdin.end();
    await ended;
    assert.deepEqual(await history(), [
      'start fix.md X',
      'asked fix.md X one',
      'told fix.md X accept one',
      'asked fix.md X two',
      'asked fix.md X three',
      'told fix.md X decline three',
      'told-unasked fix.md X 2 accept',
      'told fix.md X refused two',
      'end fix.md X',
    ]);
  },
);

test('an answer that was on its way when another ended the turn is no fault', { skip }, async (t) => {
  const { start, history } = await makeScene(t);
  const { child, next, send, ended } = start('ask=one,two');
  const request = 'item/commandExecution/requestApproval';
  await next(request);
  await next(request);
  send({ id: 0, result: { decision: 'cancel' } });
  send({ id: 1, result: { decision: 'accept' } });
  assert.equal((await next('turn/completed')).params?.turn?.status, 'interrupted');
  child.stdin.end();
  await ended;
  assert.deepEqual((await history()).slice(3), ['told fix.md X cancel one']);
});

test('a puppet asks as an app-server, and its test hears the answer', async (t) => {
  const puppets = await makePuppets(t);
  const { child, next, send, ended } = startTurn(t, puppets.env['CODEX_CMD'] ?? '', 'Fix it.', {
    ...puppets.env,
  });
  const call = await puppets.nextCall();
  assert.deepEqual([call.prompt, call.claim, call.thread?.approvalPolicy], ['Fix it.', CLAIM, 'on-request']);
  const command = await call.ask({ command: 'rm -rf build', reason: 'It is old.' });
  const change = await call.ask({ changes: [{ path: '/etc/x', kind: { type: 'add' }, diff: 'x\n' }] });
  assert.equal((await next('item/commandExecution/requestApproval')).params?.command, 'rm -rf build');
  assert.equal((await next('item/fileChange/requestApproval')).id, 1);
  send({ id: 1, result: { decision: 'decline' } });
  send({ id: 0, result: { decision: 'acceptForSession' } });
  assert.deepEqual([await command.told, await change.told], ['acceptForSession', 'decline']);
  await call.print({ type: 'turn.completed', usage: { input_tokens: 1, output_tokens: 1 } });
  assert.equal((await next('turn/completed')).params?.turn?.status, 'completed');
  child.stdin.end();
  assert.equal(await ended, 0);
});
