/** What an agent is doing, from its words and its sockets: real ones, of a process of the test. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { CodexListener } from '../../src/io/codex-listener.ts';
import { realProcesses } from '../../src/io/process-identity.ts';
import { parseProcNetTcp, whatItDoes } from '../../src/io/what-it-does.ts';
import { eventually } from '../rig/scratch.ts';

const linux = { skip: process.platform === 'linux' ? false : 'reads /proc' };

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0000000000000000 100 0 0 10 0
   1: 0100007F:C35A 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000000000000000 20 4 30 10 -1
  10: 0100007F:C35C 0100007F:1F90 08 00000000:00000001 00:00000000 00000000  1000        0 4712 1 0000000000000000 20 4 30 10 -1
 100: 0F02000A:9C40 08080808:01BB 02 00000001:00000000 01:00000064 00000002  1000        0 4713 2 0000000000000000 200 0 0 1 7
`;
const TABLE6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:C35A 00000000000000000000000001000000:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 4714 1 0000000000000000 20 4 30 10 -1
`;

test('of the kernel’s table of sockets the states that tell something are read', () => {
  assert.deepEqual(parseProcNetTcp(TABLE), [
    { state: 'ESTABLISHED', inode: '4711' },
    { state: 'CLOSE_WAIT', inode: '4712' },
    { state: 'SYN_SENT', inode: '4713' },
  ]);
  assert.deepEqual(parseProcNetTcp(TABLE6), [{ state: 'ESTABLISHED', inode: '4714' }]);
  for (const text of ['', '\n', 'x', '0: a b 01', '0: a b 01 c d e f g x\n'])
    assert.deepEqual(parseProcNetTcp(text), [], JSON.stringify(text));
});

const said = (...events: object[]) => {
  const heard = new CodexListener();
  for (const event of events) heard.line(JSON.stringify(event));
  return heard;
};
const command = (type: string, id: string, line: string) => ({
  type,
  item: {
    id,
    type: 'command_execution',
    command: line,
    status: type === 'item.started' ? 'in_progress' : '',
  },
});
const RECONNECTING = { type: 'error', message: 'Reconnecting... 2/5' };
const NOBODY = { pid: 2 ** 30, pgid: 2 ** 30, start: '1' };
const doing = (heard: CodexListener) => whatItDoes(heard, NOBODY, realProcesses, false);

test('a command that began and did not end is named, in one printable line', () => {
  const started = command('item.started', 'a', 'npm test\u001b]0;x\u0007\nrm -r x');
  assert.deepEqual(doing(said(started)), { kind: 'in-command', command: 'npm test' });
  assert.deepEqual(doing(said(started, command('item.completed', 'a', 'npm test'))), { kind: 'unknown' });
  const second = command('item.started', 'b', 'make');
  assert.deepEqual(doing(said(started, second)), { kind: 'in-command', command: 'make' });
  assert.deepEqual(doing(said(started, second, command('item.completed', 'b', 'make'))), {
    kind: 'in-command',
    command: 'npm test',
  });
  assert.deepEqual(doing(said(started, RECONNECTING)), { kind: 'in-command', command: 'npm test' });
});

test('so is a tool of an MCP server', () => {
  const call = { id: 'a', type: 'mcp_tool_call', server: 'db', tool: 'query' };
  assert.deepEqual(doing(said({ type: 'item.started', item: call })), { kind: 'in-tool', tool: 'db.query' });
  assert.deepEqual(
    doing(said({ type: 'item.started', item: call }, { type: 'item.completed', item: call })),
    { kind: 'unknown' },
  );
});

test('who said last that it reconnects waits for the network; not who said it once', () => {
  assert.deepEqual(doing(said(RECONNECTING)), { kind: 'waiting-for-network' });
  const message = { type: 'item.completed', item: { id: 'm', type: 'agent_message', text: 'There.' } };
  assert.deepEqual(doing(said(RECONNECTING, message)), { kind: 'unknown' });
});

test('memory does not grow with commands that never end', () => {
  const many = Array.from({ length: 1_000 }, (_, n) => command('item.started', String(n), `command ${n}`));
  assert.match(JSON.stringify(doing(said(...many))), /"command \d+"/);
});

/** A process that connects to a server of the test, and does nothing else. */
async function connected(t: TestContext) {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const code = `const s = require('node:net').connect({ port: ${port}, host: '127.0.0.1', allowHalfOpen: true }); s.on('error', () => {}); setInterval(() => {}, 1e6);`;
  const child = spawn(process.execPath, ['-e', code], { stdio: 'ignore', detached: true });
  const { pid = 0 } = child;
  const sockets: Socket[] = [];
  t.after(() => {
    child.kill('SIGKILL');
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const [socket] = (await once(server, 'connection')) as [Socket];
  sockets.push(socket);
  const look = (isCodex = true) =>
    whatItDoes(new CodexListener(), { pid, pgid: pid, start: '1' }, realProcesses, isCodex);
  return { socket, look };
}

test(
  'an open connection means that it waits for the model; one that the server has closed, at that',
  linux,
  async (t) => {
    const { socket, look } = await connected(t);
    await eventually('it is connected', () => look().kind === 'waiting-for-model');
    assert.deepEqual(look(false), { kind: 'unknown' }, 'of a program of the user’s own nothing is known');
    socket.end();
    await eventually('the end of the stream has arrived', () => look().kind === 'connection-closed');
    socket.destroy();
  },
);

test('no connection at all means that it waits for the network', linux, (t) => {
  const child = spawn('sleep', ['60'], { stdio: 'ignore', detached: true });
  t.after(() => child.kill('SIGKILL'));
  const { pid = 0 } = child;
  assert.deepEqual(whatItDoes(said(), { pid, pgid: pid, start: '1' }, realProcesses, true), {
    kind: 'waiting-for-network',
  });
});

test('of a process that is gone nothing is said', () => {
  assert.deepEqual(
    whatItDoes(
      said(),
      NOBODY,
      { ...realProcesses, list: () => [{ ...NOBODY, state: 'S', ppid: 1, cpuMs: 0, kernel: false }] },
      true,
    ),
    { kind: 'unknown' },
  );
});
