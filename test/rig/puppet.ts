/**
 * A Codex whose every move is the test's, so that nothing has to sleep to be in order:
 *
 *     const puppets = await makePuppets(t);
 *     const run = bench.start([], { env: puppets.env });
 *     const call = await puppets.nextCall();       // codex-worker has opened the gate: this is a running Codex
 *     await call.print({ type: 'turn.completed', usage: { input_tokens: 1, output_tokens: 1 } });
 *     call.exit(0);
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Cleanup } from './cleanup.ts';
import { fileURLToPath } from 'node:url';
import { PATIENCE_MS } from './cli.ts';

interface Hello {
  readonly pid: number;
  readonly args: readonly string[];
  readonly claim: string;
  readonly cwd: string;
  readonly prompt: string;
}

/** One start of the puppet. What is awaited has happened when it resolves. */
export interface Call extends Hello {
  /** One event, as a line of JSON; a string is printed as it is, for a command that speaks no JSON. */
  print(event: object | string): Promise<void>;
  complain(text: string): Promise<void>;
  ignore(...signals: readonly NodeJS.Signals[]): Promise<void>;
  /** Starts a process in a session of its own that would run for minutes; its pid. */
  startGrandchild(): Promise<number>;
  exit(code: number): void;
  /** What a Codex says that has done its work, and exit 0. */
  complete(answer?: string): Promise<void>;
  /** Resolves when the puppet is gone, whoever ended it. */
  readonly gone: Promise<void>;
}

export interface Puppets {
  /** For the environment of codex-worker. */
  readonly env: NodeJS.ProcessEnv;
  /** The next start, which may have happened already. */
  nextCall(withinMs?: number): Promise<Call>;
  /** Starts that no `nextCall` has asked for yet. */
  readonly waiting: number;
}

/** Make it before the bench: what `t.after` has to do ends with the first that fails, and open sockets would hang the test. */
export async function makePuppets(t: Cleanup): Promise<Puppets> {
  const directory = await mkdtemp(path.join(tmpdir(), 'codex-worker-puppets-'));
  const socketPath = path.join(directory, 'socket');
  const sockets = new Set<Socket>();
  const calls: Call[] = [];
  const takers: ((call: Call) => void)[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}); // it was killed; its 'close' tells
    void receive(socket).then((call) => {
      if (!call) return;
      const taker = takers.shift();
      if (taker) taker(call);
      else calls.push(call);
    });
  });
  server.listen(socketPath);
  await once(server, 'listening');
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await rm(directory, { recursive: true, force: true });
  });
  return {
    env: { CODEX_CMD: fileURLToPath(new URL('puppet.mjs', import.meta.url)), PUPPET_SOCKET: socketPath },
    get waiting() {
      return calls.length;
    },
    nextCall: async (withinMs = PATIENCE_MS) => {
      const already = calls.shift();
      if (already) return already;
      return new Promise((resolve, reject) => {
        const taker = (call: Call) => {
          clearTimeout(timer);
          resolve(call);
        };
        const timer = setTimeout(() => {
          takers.splice(takers.indexOf(taker), 1);
          reject(new Error(`no puppet was started in ${withinMs} ms`));
        }, withinMs);
        takers.push(taker);
      });
    },
  };
}

/** `undefined` when the puppet was killed before it could say who it is. */
async function receive(socket: Socket): Promise<Call | undefined> {
  const gone = once(socket, 'close').then(() => {});
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.done === true) return undefined;
  const hello = JSON.parse(first.value) as Hello;
  let turn: Promise<unknown> = Promise.resolve();
  const send = (command: string, rest: object): Promise<unknown> => {
    turn = turn.then(async () => {
      socket.write(`${JSON.stringify({ command, ...rest })}\n`);
      const reply = await lines.next();
      assert.ok(reply.done !== true, `the puppet ${hello.pid} was gone before it could ${command}`);
      return (JSON.parse(reply.value) as { done: unknown }).done;
    });
    return turn;
  };
  const print: Call['print'] = async (event) =>
    void (await send('print', { text: typeof event === 'string' ? event : `${JSON.stringify(event)}\n` }));
  const exit: Call['exit'] = (code) => void socket.write(`${JSON.stringify({ command: 'exit', code })}\n`);
  return {
    ...hello,
    gone,
    print,
    exit,
    complain: async (text) => void (await send('complain', { text })),
    ignore: async (...signals) => void (await send('ignore', { signals })),
    startGrandchild: async () => Number(await send('grandchild', {})),
    complete: async (answer = 'Done.') => {
      await print({ type: 'thread.started', thread_id: 'puppet' });
      await print({ type: 'item.completed', item: { id: '0', type: 'agent_message', text: answer } });
      await print({
        type: 'turn.completed',
        usage: { input_tokens: 10, cached_input_tokens: 4, output_tokens: 2 },
      });
      exit(0);
    },
  };
}
