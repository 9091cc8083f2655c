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
import { isErrno } from '../../src/core/errors.ts';
import type { Cleanup } from './cleanup.ts';
import { fileURLToPath } from 'node:url';
import { PATIENCE_MS } from './cli.ts';

interface Hello {
  readonly pid: number;
  readonly args: readonly string[];
  readonly claim: string;
  readonly cwd: string;
  readonly prompt: string;
  /** Only of an app-server: what its thread was begun with, or resumed. */
  readonly thread?: ThreadParameters;
}

interface ThreadParameters {
  readonly threadId?: string;
  readonly cwd?: string;
  readonly approvalPolicy?: string;
  readonly sandbox?: string;
}

/** What an agent asks a person before it goes on. `more` is put into the request as it is. */
type Asks =
  | { readonly command: string; readonly reason?: string; readonly more?: object }
  | {
      readonly changes: readonly { readonly path: string; readonly kind: object; readonly diff: string }[];
      readonly reason?: string;
      readonly grantRoot?: string;
    };

/** One start of the puppet. What is awaited has happened when it resolves. */
export interface Call extends Hello {
  /**
   * One event of `codex exec --json`; an app-server says the same in its own words. A string is printed as it is, for a
   * command that speaks no JSON.
   */
  print(event: object | string): Promise<void>;
  /** Only as an app-server. Resolves when the question is out; `told` when it is answered, with the decision. */
  ask(question: Asks): Promise<{ readonly told: Promise<string> }>;
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
  // A puppet that is ended before it has read all resets its socket, and `once` of events would fail for that.
  const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.done === true) return undefined;
  const hello = JSON.parse(first.value) as Hello;
  /** Commands that it has not done yet, the oldest first; `undefined` is what they hear when it is gone. */
  const waiting: ((reply: Reply | undefined) => void)[] = [];
  const asking = new Map<number, (decision: string) => void>();
  void (async () => {
    try {
      for await (const line of lines) {
        const reply = JSON.parse(line) as Reply;
        if (reply.told !== undefined && reply.id !== undefined) asking.get(reply.id)?.(reply.told);
        else waiting.shift()?.(reply);
      }
    } catch (error) {
      if (!isErrno(error, 'ECONNRESET', 'EPIPE')) throw error;
    }
    for (const tell of waiting) tell(undefined);
  })();
  const send = async (command: string, rest: object): Promise<unknown> => {
    const reply = await new Promise<Reply | undefined>((resolve) => {
      waiting.push(resolve);
      socket.write(`${JSON.stringify({ command, ...rest })}\n`);
    });
    assert.ok(reply, `the puppet ${hello.pid} was gone before it could ${command}`);
    return reply.done;
  };
  const ask: Call['ask'] = async (question) => {
    const id = asking.size;
    const told = new Promise<string>((resolve) => asking.set(id, resolve));
    await send('ask', { id, ...requestOf(question) });
    return { told };
  };
  const print: Call['print'] = async (event) =>
    void (await send('print', { text: typeof event === 'string' ? event : `${JSON.stringify(event)}\n` }));
  const exit: Call['exit'] = (code) => void socket.write(`${JSON.stringify({ command: 'exit', code })}\n`);
  return {
    ...hello,
    gone,
    print,
    ask,
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

interface Reply {
  readonly done?: unknown;
  /** The answer to a question of this id. */
  readonly told?: string;
  readonly id?: number;
}

function requestOf(question: Asks): object {
  if ('command' in question) {
    const { command, reason, more } = question;
    return {
      item: { type: 'commandExecution', command },
      request: 'item/commandExecution/requestApproval',
      params: {
        kind: 'command',
        environmentId: 'local',
        ...(reason !== undefined && { reason }),
        command,
        commandActions: [{ type: 'unknown', command }],
        availableDecisions: ['accept', 'cancel'],
        ...more,
      },
    };
  }
  const { changes, reason = null, grantRoot = null } = question;
  return {
    item: { type: 'fileChange', changes },
    request: 'item/fileChange/requestApproval',
    params: { reason, grantRoot },
  };
}
