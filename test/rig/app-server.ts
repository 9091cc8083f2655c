/**
 * One turn of the real `codex app-server`, told as the messages that it sent: JSON objects, one a line. What the
 * program makes of them is another matter; here they are read by nobody else.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { nativeCodex } from './codex-home.ts';

/** Of a notification, a question (which has an id, that may be 0), or the answer to what was sent. */
export interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params: Record<string, unknown>;
  readonly result?: { readonly thread?: { readonly id?: string } };
  readonly error?: unknown;
}

export interface TurnOptions {
  /** Added to ours: what `makeCodexHome` returned. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly directory: string;
  readonly mode: string;
  readonly model: string;
  /** Says what is decided, at once or later: `accept`, `decline`, `cancel`, … */
  readonly decide: (question: Message) => string | Promise<string>;
  readonly withinMs?: number;
}

/** Everything up to the end of the turn; rejects with it when that does not come in time. */
export async function takeTurn(prompt: string, options: TurnOptions): Promise<readonly Message[]> {
  const { environment, directory, mode, model, decide, withinMs = 30_000 } = options;
  const child = spawn(nativeCodex(), ['app-server'], {
    env: { ...process.env, ...environment },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const closed = once(child, 'close');
  // Without this a server that died would end the test by its pipe, and not with what it said.
  child.stdin.on('error', () => {});
  const messages: Message[] = [];
  const send = (message: object) => child.stdin.write(`${JSON.stringify(message)}\n`);
  const late = setTimeout(() => child.kill('SIGKILL'), withinMs);

  const clientInfo = { name: 'rig', title: 'Test rig', version: '0' };
  send({ id: 1, method: 'initialize', params: { clientInfo, capabilities: null } });
  for await (const line of createInterface({ input: child.stdout })) {
    const message = readMessage(line);
    messages.push(message);
    if (message.error !== undefined || message.method === 'turn/completed') break;
    if (message.method !== undefined && message.id !== undefined) {
      // Not awaited: other questions may come meanwhile.
      void Promise.resolve(decide(message)).then((decision) =>
        send({ id: message.id, result: { decision } }),
      );
    } else if (message.id === 1) {
      send({ method: 'initialized' });
      const settings = { cwd: directory, sandbox: mode, model, approvalPolicy: 'on-request' };
      send({ id: 2, method: 'thread/start', params: settings });
    } else if (message.id === 2) {
      const input = [{ type: 'text', text: prompt, text_elements: [] }];
      send({ id: 3, method: 'turn/start', params: { threadId: message.result?.thread?.id, input } });
    }
  }
  child.stdin.end();
  child.stdout.resume(); // it closes when all that it said is taken
  await closed;
  clearTimeout(late);
  if (messages.at(-1)?.method !== 'turn/completed')
    throw new Error(`the turn did not end: ${JSON.stringify(messages.slice(-5))}`);
  return messages;
}

/** The one place where what Codex writes is believed to have the shape that its generated types promise. */
function readMessage(line: string): Message {
  const { params = {}, ...rest } = JSON.parse(line) as Partial<Message>;
  return { ...rest, params };
}
