/** A worker that does what the order of a pool test says. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const aborted = (port) =>
  new Promise((resolve) => {
    port.on('message', (message) => message.kind === 'abort' && resolve('aborted'));
  });

const ACTS = {
  /** Tells that it began, and ends when it is aborted. */
  'wait for the abort': async ({ id }, port) => {
    const end = aborted(port);
    port.postMessage({ began: id });
    return end;
  },
  /** Owns a child, and ends it when it is aborted. */
  'own a child': async (_, port) => {
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    const exited = once(child, 'exit');
    const end = aborted(port);
    port.postMessage({ pid: child.pid });
    await end;
    child.kill('SIGKILL');
    await exited;
    return 'ended its child';
  },
  'say when it begins': async ({ ms }) => {
    const at = performance.timeOrigin + performance.now();
    await sleep(ms);
    return at;
  },
  'leave a timer behind': ({ ms, file }) => {
    setTimeout(() => writeFileSync(file, ''), ms);
    return 'returned';
  },
  'throw later': async ({ ms }) => {
    setTimeout(() => {
      throw new Error('late boom');
    }, ms);
    await sleep(10_000);
  },
  'throw when it is idle': ({ ms }) => {
    setTimeout(() => {
      throw new Error('idle boom');
    }, ms);
    return 'returned';
  },
  'throw a system error': () => {
    throw Object.assign(new Error('no such file'), { code: 'ENOENT', path: '/x' });
  },
  'return a failure': () => ({
    kind: 'failed',
    failure: { kind: 'exited-nonzero', code: 3, message: 'no', class: 'unknown' },
    warnings: [],
  }),
};

export default async function work({ order, port }) {
  try {
    return await ACTS[order.act](order, port);
  } finally {
    port?.close();
  }
}
