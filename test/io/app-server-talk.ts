/** A conversation with an app-server that a test plays, line by line. */
import assert from 'node:assert/strict';
import type { Policy } from '../../src/core/backend.ts';
import { AppServer, type RequestId, type ServerQuestion } from '../../src/io/app-server.ts';
import { CodexListener } from '../../src/io/codex-listener.ts';

export interface Played {
  readonly server: AppServer;
  readonly heard: CodexListener;
  /** All that was said to it. */
  readonly said: Record<string, unknown>[];
  readonly asked: ServerQuestion[];
  readonly settled: RequestId[];
  readonly limits: unknown[];
  /** Whether its input was closed. */
  readonly hungUp: () => boolean;
  readonly tells: (message: object) => ReturnType<AppServer['line']>;
}

export function play(request: { thread?: string | undefined; policy?: Policy } = {}): Played {
  const heard = new CodexListener();
  const [said, asked, settled, limits]: [
    Record<string, unknown>[],
    ServerQuestion[],
    RequestId[],
    unknown[],
  ] = [[], [], [], []];
  let isOver = false;
  const server = new AppServer(
    {
      settings: { mode: 'workspace-write', model: 'a-model', workingDirectory: '/project', codexConfig: [] },
      policy: 'on-request',
      message: 'Fix it.\n',
      version: '1.0.0',
      ...request,
    },
    heard,
    {
      send: (line) => void said.push(JSON.parse(line) as Record<string, unknown>),
      hangUp: () => void (isOver = true),
      ask: (question) => void asked.push(question),
      settled: (id) => void settled.push(id),
      mayWriteIn: (roots) => !roots.includes('/answers'),
      limits: (one) => void limits.push(one),
    },
  );
  server.begin();
  const tells = (message: object) => server.line(JSON.stringify(message));
  return { server, heard, said, asked, settled, limits, hungUp: () => isOver, tells };
}

/** As `play`, and its turn has begun: in the thread `request.thread`, or else in `a-thread`. */
export function begun(request: Parameters<typeof play>[0] = {}): Played {
  const played = play(request);
  const { tells } = played;
  const thread = request.thread ?? 'a-thread';
  tells({ id: 1, result: { userAgent: 'codex' } });
  tells({ id: 2, result: { thread: { id: thread } } });
  tells({ id: 3, result: { turn: { id: 'a-turn', status: 'inProgress' } } });
  tells({ method: 'turn/started', params: { threadId: thread, turn: { id: 'a-turn' } } });
  return played;
}

/** The parameters of the n-th thing that was said. */
export function params({ said }: Played, n: number): Record<string, unknown> {
  const message = said[n];
  assert.ok(message);
  return message['params'] as Record<string, unknown>;
}

/** All that is ever said in a turn that is ended by us. */
export function talk(request: Parameters<typeof play>[0]): Record<string, unknown>[] {
  const { server, said, tells } = begun(request);
  void server.end(10_000);
  const last = said.at(-1);
  tells({ id: last?.['id'], result: {} });
  return said;
}
