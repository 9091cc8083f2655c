/** A notification and everything that its target can do to it. None of it takes longer than its time, and nothing is left. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, test, type TestContext } from 'node:test';
import { newClaimId } from '../../src/core/claim.ts';
import { notifyTarget, targetLabel, type Notification } from '../../src/core/notification.ts';
import { sendNotification, type SendingLimits } from '../../src/io/notification.ts';
import { realProcesses } from '../../src/io/process-identity.ts';
import { isAlive } from '../rig/processes.ts';
import { eventually, scratch } from '../rig/scratch.ts';

const NEWS: Notification = {
  event: 'finished',
  text: 'tasks: finished with exit code 1: 2 completed, 1 failed, 0 left',
  directory: '/somewhere/tasks',
  run: 'a-run',
  at: '2026-01-31T07:30:00.000Z',
  counts: { completed: 2, failed: 1, left: 0 },
  exitCode: 1,
};
const LIMITS: SendingLimits = { answerMs: 300, backoffMs: [10, 10], commandMs: 1_000 };

interface SendOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  readonly limits?: SendingLimits;
}

function send(given: string, { env = {}, cwd = '/', signal, limits = LIMITS }: SendOptions = {}) {
  const target = notifyTarget('--notify', given);
  assert.ok(target.kind !== 'bell');
  return sendNotification(target, NEWS, {
    env: { PATH: process.env['PATH'], ...env },
    cwd,
    table: realProcesses,
    signal: signal ?? new AbortController().signal,
    limits,
  });
}

/** A server that answers as it is told; the addresses of the requests that came, and one of its own. */
async function webServer(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse, count: number) => void,
) {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => answer(request, response, requests.push(request)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { requests, url: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

describe('a webhook', () => {
  test('is posted the notification as JSON, with the credentials of its address in a header', async (t) => {
    const bodies: Promise<string>[] = [];
    const { url, requests } = await webServer(t, (request, response) => {
      bodies.push(text(request));
      response.end('ok');
    });
    assert.equal(await send(`http://ann:s%20cret@${url}/hooks/T0?a=b`), undefined);
    const [request] = requests;
    assert.equal(`${request?.method} ${request?.url}`, 'POST /hooks/T0?a=b');
    assert.equal(request?.headers['content-type'], 'application/json');
    assert.equal(request?.headers.authorization, `Basic ${Buffer.from('ann:s cret').toString('base64')}`);
    assert.deepEqual(JSON.parse((await bodies[0]) ?? ''), NEWS);
  });

  test('that fails for a moment is tried again, three times in all', async (t) => {
    const passing = await webServer(t, (_, response, count) => {
      response.statusCode = count < 3 ? 500 : 204;
      response.end();
    });
    assert.equal(await send(`http://${passing.url}`), undefined);
    assert.equal(passing.requests.length, 3);
    const lasting = await webServer(t, (_, response) => void response.writeHead(503).end());
    assert.equal(await send(`http://${lasting.url}`), 'the server answered 503');
    assert.equal(lasting.requests.length, 3);
  });

  test('that does not want it is not asked again, and one that has moved is not followed', async (t) => {
    const { url, requests } = await webServer(t, ({ url: path }, response) => {
      if (path === '/gone') response.writeHead(404).end();
      else response.writeHead(302, { location: '/' }).end();
    });
    assert.equal(await send(`http://${url}/gone`), 'the server answered 404');
    assert.equal(await send(`http://${url}/`), 'the server answered 302, that it has moved');
    assert.equal(requests.length, 2);
  });

  test('that never answers, or never ends its answer, costs its time', async (t) => {
    const silent = await webServer(t, () => {});
    assert.equal(await send(`http://${silent.url}`), 'no answer within 0.3s');
    assert.equal(silent.requests.length, 3);
    const endless = await webServer(t, (_, response) => {
      const more = setInterval(() => response.write('x'.repeat(65_536)), 1);
      response.on('close', () => clearInterval(more));
    });
    assert.equal(await send(`http://${endless.url}`), undefined);
  });

  test('that is not there, by its port or by its name, is said', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    assert.equal(await send(`http://127.0.0.1:${port}`), 'ECONNREFUSED');
    assert.match((await send('http://nowhere.invalid')) ?? '', /^(?:ENOTFOUND|EAI_AGAIN)$/);
  });

  test('that is given up is over at once', async (t) => {
    const giveUp = new AbortController();
    const { url } = await webServer(t, () => giveUp.abort());
    const limits = { ...LIMITS, answerMs: 60_000 };
    assert.equal(await send(`http://${url}`, { signal: giveUp.signal, limits }), 'it was given up');
  });

  test('is named without its path, which is often its password', () => {
    const secret = 'https://ann:pw@hooks.example/services/T0/B0/secret?x=secret';
    assert.equal(targetLabel(notifyTarget('--notify', secret)), 'https://hooks.example/…');
  });
});

describe('a command', () => {
  test('has the notification in its environment and on its standard input, in the directory of the run', async (t) => {
    const cwd = scratch(t);
    const claim = newClaimId();
    const line =
      'echo "$CODEX_WORKER_EVENT|$CODEX_WORKER_EXIT_CODE|$CODEX_WORKER_COMPLETED|$CODEX_WORKER_FAILED|$CODEX_WORKER_LEFT|$CODEX_WORKER_TEXT" > told; echo "$CODEX_WORKER_CLAIM" > cookie; cat > input';
    assert.equal(await send(line, { cwd, env: { CODEX_WORKER_CLAIM: claim } }), undefined);
    const read = (name: string) => readFileSync(join(cwd, name), 'utf8').trim();
    assert.equal(read('told'), `finished|1|2|1|0|${NEWS.text}`);
    assert.deepEqual(JSON.parse(read('input')), NEWS);
    assert.notEqual(read('cookie'), claim, 'it would be ended with the agent of that claim');
  });

  test('that does not care for its input succeeds', async () => {
    assert.equal(await send('exit 0'), undefined);
  });

  test('that fails is said with its code and its first line, without secrets and harmless on a terminal', async () => {
    const env = { SOME_TOKEN: 'abcdefghijkl0123' };
    const trouble = await send(String.raw`printf '\033[2Jno: %s\nmore\n' "$SOME_TOKEN" >&2; exit 7`, { env });
    assert.equal(trouble, 'exit code 7: no: ***');
    assert.match((await send('nothing-of-this-name')) ?? '', /^exit code 127: .*not found/);
  });

  test('that ignores every signal it can is ended after its time, with what it started', async (t) => {
    const cwd = scratch(t);
    const line = `trap '' INT TERM HUP; setsid sh -c 'trap "" INT TERM HUP; echo $$ > pid; while :; do sleep 1; done' & while :; do sleep 1; done`;
    assert.equal(await send(line, { cwd }), 'it did not end within 1.0s');
    const pid = Number(readFileSync(join(cwd, 'pid'), 'utf8'));
    assert.ok(pid > 0 && !isAlive(pid));
  });

  test('that leaves a process behind leaves none', async (t) => {
    const cwd = scratch(t);
    assert.equal(await send(`setsid sleep 600 & echo $! > pid`, { cwd }), undefined);
    const pid = Number(readFileSync(join(cwd, 'pid'), 'utf8'));
    assert.ok(pid > 0 && !isAlive(pid));
  });

  test('that prints a gigabyte is ended', async () => {
    const limits = { ...LIMITS, commandMs: 60_000 };
    assert.equal(await send('head -c 1000000000 /dev/zero', { limits }), 'it printed without end');
  });

  test('that is given up is over at once', async (t) => {
    const cwd = scratch(t);
    const giveUp = new AbortController();
    const limits = { ...LIMITS, commandMs: 60_000 };
    const sending = send('echo x > begun; exec sleep 600', { cwd, signal: giveUp.signal, limits });
    await eventually('it runs', () => {
      try {
        return readFileSync(join(cwd, 'begun'), 'utf8') === 'x\n';
      } catch {
        return false;
      }
    });
    giveUp.abort();
    assert.equal(await sending, 'it was given up');
  });

  test('in a directory that is gone is said', async () => {
    assert.equal(await send('true', { cwd: '/nowhere/at/all' }), 'ENOENT');
  });
});
