import assert from 'node:assert/strict';
import { test } from 'node:test';
import { threadIn } from '../../src/io/app-server.ts';
import { begun, params, play } from './app-server-talk.ts';

const inThread = { threadId: 'a-thread', turnId: 'a-turn' };
const item = (of: object) => ({ ...inThread, item: of });
const COMMAND = {
  method: 'item/commandExecution/requestApproval',
  id: 0,
  params: { ...inThread, itemId: 'i', kind: 'command', command: 'rm -rf x', cwd: '/project/sub' },
};

test('a turn is begun in a thread of its own, told all that a thread does not keep', () => {
  const played = begun();
  const { said } = played;
  assert.deepEqual(
    said.map(({ method }) => method),
    ['initialize', 'initialized', 'thread/start', 'turn/start'],
  );
  assert.deepEqual(params(played, 2), {
    cwd: '/project',
    sandbox: 'workspace-write',
    approvalPolicy: 'on-request',
    model: 'a-model',
  });
  assert.deepEqual(params(played, 3)['input'], [{ type: 'text', text: 'Fix it.\n', text_elements: [] }]);
});

test('a thread is continued; in another one than was asked for nothing is said', () => {
  const { said, heard, hungUp, tells } = play({ thread: 'that-one' });
  tells({ id: 1, result: {} });
  assert.deepEqual(said[2], {
    id: 2,
    method: 'thread/resume',
    params: {
      threadId: 'that-one',
      cwd: '/project',
      sandbox: 'workspace-write',
      approvalPolicy: 'on-request',
      model: 'a-model',
    },
  });
  tells({ id: 2, result: { thread: { id: 'another' } } });
  assert.equal(heard.threadId, 'another');
  assert.equal(hungUp(), true);
  assert.equal(said.length, 3);
});

test('a turn is heard as exec would have told it, and its end ends the conversation', () => {
  const { heard, tells, hungUp } = begun();
  assert.deepEqual(
    tells({ method: 'item/completed', params: item({ type: 'agentMessage', id: 'm', text: 'Looking.' }) }),
    [{ kind: 'message', text: 'Looking.' }],
  );
  const command = { type: 'commandExecution', id: 'c', command: 'ls', status: 'inProgress' };
  assert.deepEqual(tells({ method: 'item/started', params: item(command) }), [
    { kind: 'command-started', command: 'ls' },
  ]);
  assert.equal(heard.openItem?.text, 'ls');
  const ended = { ...command, status: 'failed', exitCode: 2, aggregatedOutput: 'no\n' };
  assert.deepEqual(tells({ method: 'item/completed', params: item(ended) }), [
    { kind: 'command-ended', command: 'ls', exitCode: 2, status: 'failed', output: 'no\n' },
  ]);
  const patch = {
    type: 'fileChange',
    id: 'f',
    status: 'completed',
    changes: [{ path: '/project/a', kind: { type: 'add' }, diff: 'a\n' }],
  };
  assert.deepEqual(tells({ method: 'item/completed', params: item(patch) }), [
    { kind: 'file-change', changes: [{ path: '/project/a', change: 'add' }], failed: false },
  ]);
  const total = { totalTokens: 15, inputTokens: 10, cachedInputTokens: 4, outputTokens: 5 };
  tells({ method: 'thread/tokenUsage/updated', params: { ...inThread, tokenUsage: { total } } });
  assert.deepEqual(heard.usage, { input: 10, cached: 4, output: 5 });
  assert.equal(hungUp(), false);
  tells({ method: 'turn/completed', params: { ...inThread, turn: { id: 'a-turn', status: 'completed' } } });
  assert.equal(heard.turnCompleted, true);
  assert.equal(hungUp(), true);
});

test('a turn that fails says of which type its failure is', () => {
  const { heard, tells, hungUp } = begun();
  const error = { message: 'slow down', codexErrorInfo: 'rateLimitExceeded' };
  tells({ method: 'turn/completed', params: { ...inThread, turn: { status: 'failed', error } } });
  assert.equal(heard.turnFailed, 'slow down');
  assert.equal(heard.errorInfo, 'rateLimitExceeded');
  assert.equal(heard.turnCompleted, false);
  assert.equal(hungUp(), true);
});

test('what another agent in the same server does is not the end of ours', () => {
  const { heard, tells, hungUp } = begun();
  const elsewhere = { threadId: 'another', turn: { status: 'completed' } };
  tells({ method: 'turn/completed', params: elsewhere });
  tells({
    method: 'thread/tokenUsage/updated',
    params: { ...elsewhere, tokenUsage: { total: { inputTokens: 9 } } },
  });
  assert.equal(heard.turnCompleted, false);
  assert.equal(heard.usage, undefined);
  assert.equal(hungUp(), false);
});

test('a command that needs approval is asked for once, and told the decision', () => {
  const { asked, said, tells, server } = begun();
  tells({ ...COMMAND, params: { ...COMMAND.params, reason: 'I must.' } });
  assert.deepEqual(asked, [
    {
      id: 0, // the first of its requests, and no reason to doubt it
      asked: { kind: 'command', command: 'rm -rf x' },
      workingDirectory: '/project/sub',
      reason: 'I must.',
    },
  ]);
  server.decide(0, 'approve');
  server.decide(0, 'deny');
  assert.deepEqual(said.slice(4), [{ id: 0, result: { decision: 'accept' } }]);
});

test('each decision has its word', () => {
  for (const [decision, word] of [
    ['approve', 'accept'],
    ['approve-session', 'acceptForSession'],
    ['deny', 'decline'],
    ['stop', 'cancel'],
  ] as const) {
    const { said, tells, server } = begun();
    tells(COMMAND);
    server.decide(0, decision);
    assert.deepEqual(said.at(-1), { id: 0, result: { decision: word } });
  }
});

test('a patch is asked for with the changes that were announced before', () => {
  const { asked, tells } = begun();
  const changes = [
    { path: '/etc/a', kind: { type: 'update', move_path: '/etc/b' }, diff: '@@ -1 +1 @@\n-a\n+b\n' },
  ];
  tells({
    method: 'item/started',
    params: item({ type: 'fileChange', id: 'f', changes, status: 'inProgress' }),
  });
  tells({
    method: 'item/fileChange/requestApproval',
    id: 7,
    params: { ...inThread, itemId: 'f', reason: null, grantRoot: '/etc' },
  });
  assert.deepEqual(asked[0]?.asked, {
    kind: 'file-changes',
    changes: [{ path: '/etc/a', change: 'update', movedTo: '/etc/b', diff: '@@ -1 +1 @@\n-a\n+b\n' }],
    grantRoot: '/etc',
  });
});

test('a server that says what is asked only where it announces the item is understood too', () => {
  const { asked, tells } = begun();
  const command = { type: 'commandExecution', id: 'i', command: 'rm -rf x', cwd: '/project/sub' };
  tells({ method: 'item/started', params: item(command) });
  tells({ method: COMMAND.method, id: 0, params: { ...inThread, itemId: 'i', reason: null } });
  assert.deepEqual(asked, [
    { id: 0, asked: { kind: 'command', command: 'rm -rf x' }, workingDirectory: '/project/sub' },
  ]);
});

test('half a character does not make a line that nobody answers', () => {
  const played = begun({ thread: 'half \ud800' });
  assert.equal(params(played, 2)['threadId'], 'half \ufffd');
});

test('a server that says nothing is not waited for', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { heard, hungUp } = play();
  t.mock.timers.tick(120_000);
  assert.match(heard.startFailed ?? '', /said nothing for 120 s/);
  assert.equal(hungUp(), true);
  const spoke = begun();
  t.mock.timers.tick(120_000);
  assert.equal(spoke.heard.startFailed, undefined);
});

test('what nobody could see, or nobody here knows, is refused at once', () => {
  for (const request of [
    { method: 'item/fileChange/requestApproval', params: { ...inThread, itemId: 'never announced' } },
    { method: COMMAND.method, params: { ...COMMAND.params, command: null } },
    { method: COMMAND.method, params: { ...COMMAND.params, kind: 'stdin' } },
    { method: COMMAND.method, params: { ...COMMAND.params, networkApprovalContext: { host: 'x' } } },
    { method: COMMAND.method, params: { ...COMMAND.params, additionalPermissions: { network: true } } },
    { method: 'item/tool/requestUserInput', params: inThread },
    { method: 'mcpServer/elicitation/request', params: inThread },
    { method: 'of/the/future', params: {} },
  ]) {
    const { asked, said, tells, heard } = begun();
    tells({ id: 3, ...request });
    assert.deepEqual(asked, []);
    const { id, error } = said.at(-1) as { id: number; error: { code: number } };
    assert.deepEqual([id, error.code], [3, -32_601]);
    assert.match(heard.warnings.join(), /nobody here can answer/);
  }
});

test('what Codex no longer needs an answer to is settled, and not answered any more', () => {
  const { settled, said, tells, server } = begun();
  tells(COMMAND);
  tells({ ...COMMAND, id: 1 });
  tells({ method: 'serverRequest/resolved', params: { threadId: 'a-thread', requestId: 1 } });
  assert.deepEqual(settled, [1]);
  tells({ method: 'turn/completed', params: { ...inThread, turn: { status: 'interrupted' } } });
  assert.deepEqual(settled, [1, 0]);
  const before = said.length;
  server.decide(0, 'approve');
  server.decide(1, 'approve');
  assert.equal(said.length, before);
});

test('a server that will not begin says why, and nothing more is said', () => {
  for (const id of [1, 2, 3]) {
    const { tells, heard, hungUp } = play();
    for (let before = 1; before < id; before++)
      tells({ id: before, result: before === 2 ? { thread: { id: 'a-thread' } } : {} });
    tells({ id, error: { code: -32_600, message: `no ${id}` } });
    assert.equal(heard.startFailed, `no ${id}`);
    assert.equal(hungUp(), true);
  }
});

test('a turn is ended before its server is: interrupted, its commands ended, then the end of the input', async () => {
  const { server, said, tells, hungUp } = begun();
  const ended = server.end(60_000);
  assert.deepEqual(
    said.slice(4).map(({ method }) => method),
    ['turn/interrupt', 'thread/backgroundTerminals/clean'],
  );
  assert.equal(hungUp(), false);
  tells({ id: 4, result: {} });
  tells({ id: 5, error: { code: -32_601, message: 'what is that?' } }); // an old one knows no such thing
  await ended;
  assert.equal(hungUp(), true);
});

test('a server that does not answer is not waited for', async () => {
  const { server, hungUp } = begun();
  await server.end(1);
  assert.equal(hungUp(), true);
});

test('whatever is printed, it is no event unless it is one', () => {
  const { server, heard } = begun();
  for (const line of ['', 'hello', '{', '[]', '{"type":"turn.completed"}', '{"id":null}'])
    for (const event of server.line(line)) assert.equal(event.kind, 'output');
  assert.equal(heard.turnCompleted, false);
});

test('the thread that a line says was begun is found in it', () => {
  const line = JSON.stringify({ method: 'thread/started', params: { thread: { id: 'a-thread' } } });
  assert.equal(threadIn(line), 'a-thread');
  assert.equal(threadIn('{"method":"thread/started"}'), undefined);
  assert.equal(threadIn('thread/started'), undefined);
});

test('what is asked after the end of the turn, or twice under one id, is put to nobody', () => {
  const { tells, asked, said } = begun();
  const ask = (id: number) =>
    tells({
      id,
      method: 'item/commandExecution/requestApproval',
      params: { threadId: 'a-thread', itemId: 'an-item', command: 'make', cwd: '/project' },
    });
  ask(0);
  ask(0);
  assert.equal(asked.length, 1);
  tells({ method: 'turn/completed', params: { threadId: 'a-thread', turn: { status: 'completed' } } });
  const before = said.length;
  ask(1);
  assert.deepEqual([asked.length, said.length], [1, before]);
});

test('a thread whose agent may write where it must not is not begun', () => {
  for (const root of ['/answers', '/other']) {
    const { tells, said, hungUp } = play();
    tells({ id: 1, result: {} });
    const sandbox = { type: 'workspaceWrite', writableRoots: ['/work', root] };
    tells({ id: 2, result: { thread: { id: 'a-thread' }, sandbox } });
    const isBegun = said.some(({ method }) => method === 'turn/start');
    assert.deepEqual([isBegun, hungUp()], root === '/other' ? [true, false] : [false, true]);
  }
});
