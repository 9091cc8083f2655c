/** The traps of piscina, each shown on piscina itself, and that our pool does not have it. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { MessageChannel } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { newClaimId } from '../../src/core/claim.ts';
import { InvariantError } from '../../src/core/errors.ts';
import type { AttemptOrder } from '../../src/engine/order.ts';
import { AttemptPool } from '../../src/engine/pool.ts';
import { realProcesses, thisProcess } from '../../src/io/process-identity.ts';
import { eventually, scratch } from '../rig/scratch.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const WORKER = fileURLToPath(new URL('pool-worker.mjs', import.meta.url));

interface Act {
  readonly act: string;
  readonly id?: number;
  readonly ms?: number;
  readonly file?: string;
}

/** Piscina as it comes, on one thread unless said otherwise. */
function plain(t: TestContext, options: ConstructorParameters<typeof Piscina>[0] = {}) {
  const pool = new Piscina({ filename: WORKER, minThreads: 1, maxThreads: 1, ...options });
  t.after(() => pool.destroy());
  const troubles: string[] = [];
  pool.on('error', (error: Error) => void troubles.push(error.message));
  const run = (order: Act, more: { signal?: AbortSignal } = {}): Promise<unknown> => {
    const { port1, port2 } = new MessageChannel();
    const news: unknown[] = [];
    port1.on('message', (message) => void news.push(message));
    const running = pool.run({ order, port: port2 }, { transferList: [port2], ...more });
    const close = () => port1.close();
    running.then(close, close);
    return Object.assign(running, { news });
  };
  return { pool, troubles, run };
}

/** Our pool, with a worker that the test tells what to do. */
function ours(t: TestContext, concurrency: number) {
  const troubles: string[] = [];
  const pool = new AttemptPool(concurrency, (message) => void troubles.push(message), WORKER);
  t.after(() => pool.close());
  const news: Record<string, unknown>[] = [];
  const run = (order: Act): Promise<unknown> =>
    pool.run(
      { ...order, claim: newClaimId() } as unknown as AttemptOrder,
      (message) => void news.push({ ...message }),
    );
  return { pool, troubles, run, news };
}

const isAlive = (pid: number) => {
  const stat = realProcesses.stat(pid);
  return typeof stat === 'object' && stat.state !== 'Z';
};

const rejection = async (promise: Promise<unknown>): Promise<Error> => {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof Error);
    return error;
  }
  return assert.fail('it did not reject');
};

describe('piscina', { concurrency: true }, () => {
  test('its signal ends the thread and leaves the child; an abort of ours is a message, and the child ends first', async (t) => {
    const control = plain(t);
    const abortion = new AbortController();
    const running = control.run({ act: 'own a child' }, { signal: abortion.signal }) as Promise<unknown> & {
      news: { pid: number }[];
    };
    const { pid: left } = await eventually('the child’s pid', () => running.news[0]);
    abortion.abort();
    assert.equal((await rejection(running)).name, 'AbortError');
    await sleep(300);
    assert.ok(isAlive(left), 'the child ended with the thread');
    process.kill(left, 'SIGKILL');

    const { pool, run, news } = ours(t, 1);
    const outcome = run({ act: 'own a child' });
    const { pid } = (await eventually('the child’s pid', () => news[0])) as { pid: number };
    pool.abort();
    assert.equal(await outcome, 'ended its child');
    assert.ok(!isAlive(pid));
  });

  test('its queue is not first in, first out; ours has a place for every attempt, and none waits', async (t) => {
    const control = plain(t);
    const begins = (await Promise.all(
      Array.from({ length: 8 }, () => control.run({ act: 'say when it begins', ms: 5 })),
    )) as number[];
    assert.notDeepEqual(
      begins,
      begins.toSorted((a, b) => a - b),
      'piscina keeps the order now',
    );

    for (const concurrency of [1, 2, 3, 8, 17]) {
      const { pool, run, news } = ours(t, concurrency);
      const outcomes = Array.from({ length: concurrency }, (_, id) => run({ act: 'wait for the abort', id }));
      await eventually(`${concurrency} attempts at once`, () => news.length === concurrency);
      pool.abort();
      assert.deepEqual(
        await Promise.all(outcomes),
        Array.from({ length: concurrency }, () => 'aborted'),
      );
    }
  });

  test('its threads stand still between two tasks; in ours a timer fires when its time has come', async (t) => {
    const directory = scratch(t);
    const control = plain(t);
    await control.run({ act: 'leave a timer behind', ms: 50, file: `${directory}/control` });
    await sleep(700);
    assert.ok(!existsSync(`${directory}/control`), 'piscina lets timers run between tasks now');
    await control.run({ act: 'say when it begins', ms: 100 });
    assert.ok(existsSync(`${directory}/control`), 'the timer was not there at all');

    const { run } = ours(t, 1);
    await run({ act: 'leave a timer behind', ms: 50, file: `${directory}/ours` });
    await eventually('the timer', () => existsSync(`${directory}/ours`));
  });

  test('its close ends what still runs after a timeout; ours waits longer than the 30 s it would have', async (t) => {
    const control = plain(t, { closeTimeout: 300 });
    const cut = rejection(control.run({ act: 'say when it begins', ms: 5_000 }));
    await sleep(200);
    await control.pool.close();
    assert.match((await cut).message, /terminat/i);
    assert.ok(control.troubles.some((message) => /timed out/.test(message)));

    const { pool, run, troubles } = ours(t, 1);
    let ended = false;
    const long = run({ act: 'say when it begins', ms: 31_000 }).then(() => (ended = true));
    await sleep(500);
    await pool.close();
    await long;
    assert.ok(ended);
    assert.deepEqual(troubles, []);
  });

  test('it starts threads again after it was closed; ours refuses', async (t) => {
    const control = plain(t);
    await control.pool.close();
    assert.equal(
      typeof (await control.run({ act: 'say when it begins', ms: 1 })),
      'number',
      'piscina refuses now',
    );

    const { pool, run } = ours(t, 1);
    await run({ act: 'say when it begins', ms: 1 });
    const closing = pool.close();
    await assert.rejects(run({ act: 'say when it begins', ms: 1 }), InvariantError);
    await closing;
    await assert.rejects(run({ act: 'say when it begins', ms: 1 }), InvariantError);
  });

  test('an error loses its code on the way; an outcome arrives whole', async (t) => {
    const error = await rejection(plain(t).run({ act: 'throw a system error' }));
    assert.equal(error.message, 'no such file');
    assert.ok(!('code' in error) && !('path' in error), 'piscina keeps the fields of an error now');

    assert.deepEqual(await ours(t, 1).run({ act: 'return a failure' }), {
      kind: 'failed',
      failure: { kind: 'exited-nonzero', code: 3, message: 'no', class: 'unknown' },
      warnings: [],
    });
  });

  test('an error that nobody catches ends every attempt on its thread, and the pool goes on', async (t) => {
    const control = plain(t, { concurrentTasksPerWorker: 2 });
    const both = [
      { act: 'throw later', ms: 300 },
      { act: 'say when it begins', ms: 5_000 },
    ];
    const lost = await Promise.all(both.map((order) => rejection(control.run(order))));
    assert.deepEqual(
      lost.map(({ message }) => message),
      ['late boom', 'late boom'],
    );

    const { run, news, pool } = ours(t, 2);
    assert.equal((await rejection(run({ act: 'throw later', ms: 100 }))).message, 'late boom');
    const outcomes = [run({ act: 'wait for the abort', id: 1 }), run({ act: 'wait for the abort', id: 2 })];
    await eventually('two attempts', () => news.length === 2);
    pool.abort();
    assert.deepEqual(await Promise.all(outcomes), ['aborted', 'aborted']);
  });

  test('an idle thread that dies ends a process that does not listen; ours is told of it and goes on', async (t) => {
    const script = `
      import { Piscina } from 'piscina';
      const pool = new Piscina({ filename: ${JSON.stringify(WORKER)}, maxThreads: 1, minThreads: 1, atomics: 'disabled' });
      await pool.run({ order: { act: 'throw when it is idle', ms: 50 } });
      setTimeout(() => { console.log('survived'); process.exit(0); }, 3000);
    `;
    const control = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    assert.notEqual(control.status, 0);
    assert.match(control.stderr, /idle boom/);
    assert.doesNotMatch(control.stdout, /survived/);

    const { run, troubles } = ours(t, 1);
    assert.equal(await run({ act: 'throw when it is idle', ms: 50 }), 'returned');
    await eventually('the trouble', () => troubles.length > 0);
    assert.deepEqual(troubles, ['a worker thread failed: idle boom']);
    assert.equal(typeof (await run({ act: 'say when it begins', ms: 1 })), 'number');
  });
});

/** An order for a task that is not there: the real worker reads its file first. */
function orderForNothing(directory: string): AttemptOrder {
  return {
    claim: newClaimId(),
    run: 'a-run',
    task: { directory, name: 'gone.md', label: 'gone.md' },
    directory: { path: directory, id: '1:2', hardLinks: true, network: false },
    codex: { command: '/nowhere', launcher: '/nowhere', isCodex: false },
    codexVersion: 'none',
    backend: 'exec',
    policy: 'never',
    settings: { mode: 'read-only', model: 'inherit', workingDirectory: directory, codexConfig: [] },
    retries: 0,
    by: 'a test',
  };
}

test('the real worker runs from its TypeScript source', async (t) => {
  const pool = new AttemptPool(2, assert.fail);
  t.after(() => pool.close());
  const order = orderForNothing(scratch(t));
  assert.deepEqual(await pool.run(order, () => assert.fail('there is no news')), {
    kind: 'skipped',
    reason: 'task-gone',
  });
});

test('the real worker runs compiled, without tsx, and the closed pool does not keep the process', async (t) => {
  const directory = scratch(t);
  const tsc = `${ROOT}/node_modules/typescript/bin/tsc`;
  execFileSync(process.execPath, [tsc, '-p', `${ROOT}/tsconfig.build.json`, '--outDir', `${directory}/dist`]);
  symlinkSync(`${ROOT}/node_modules`, `${directory}/node_modules`);
  writeFileSync(`${directory}/package.json`, '{"type":"module"}');
  writeFileSync(
    `${directory}/main.js`,
    `import { AttemptPool } from './dist/src/engine/pool.js';
     const pool = new AttemptPool(2, (message) => { throw new Error(message); });
     const outcome = await pool.run(${JSON.stringify(orderForNothing(directory))}, () => {});
     await pool.close();
     console.log(JSON.stringify(outcome));`,
  );
  const { status, stdout, stderr } = spawnSync(process.execPath, [`${directory}/main.js`], {
    encoding: 'utf8',
    timeout: 20_000,
    env: { PATH: process.env['PATH'] },
  });
  assert.equal(stderr, '');
  assert.equal(stdout, '{"kind":"skipped","reason":"task-gone"}\n');
  assert.equal(status, 0);
  assert.ok(!readFileSync(`${directory}/dist/src/engine/pool.js`, 'utf8').includes('.ts`'));
});

test('a worker thread is the same process as the main thread', async (t) => {
  const { run, news, pool } = ours(t, 1);
  const outcome = run({ act: 'own a child' });
  const { pid } = (await eventually('the child’s pid', () => news[0])) as { pid: number };
  const parent = Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]);
  assert.equal(parent, thisProcess().pid);
  pool.abort();
  await outcome;
});

test('a worker that cannot be loaded is an error at once; piscina alone would start threads for ever', async () => {
  const missing = fileURLToPath(new URL('no-such-worker.mjs', import.meta.url));
  await assert.rejects(AttemptPool.open(1, assert.fail, missing), {
    name: 'EnvironmentError',
    message: /^codex-worker is not installed whole: /,
  });
});
