import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { startHeartbeat } from '../../src/engine/heartbeat.ts';
import { LOOK_EVERY_MS } from '../../src/engine/silence.ts';
import { realWorld } from '../../src/engine/world.ts';
import type { HeldLock } from '../../src/io/lock-file.ts';

/** A heartbeat whose clock the test moves and whose renewals end as the test says. */
function beating(t: TestContext, renew: (nth: number) => Promise<'held' | 'lost'>, fenceAfterMs?: number) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let now = 0;
  const seen = { renewals: 0, lost: 0, troubles: [] as string[] };
  const lock = { renew: () => renew(++seen.renewals) } as unknown as HeldLock;
  const heartbeat = startHeartbeat(
    { ...realWorld(), uptimeMs: () => now },
    lock,
    { onLost: () => void seen.lost++, onTrouble: (code) => void seen.troubles.push(code) },
    fenceAfterMs,
  );
  const pass = async (beats: number) => {
    for (let i = 0; i < beats; i++) {
      now += LOOK_EVERY_MS;
      t.mock.timers.tick(LOOK_EVERY_MS);
      await turn();
    }
  };
  return { heartbeat, seen, pass };
}

const failing = (code: string) => Promise.reject(Object.assign(new Error('no'), { code }));

test('a claim is renewed every five seconds until the heartbeat is stopped', async (t) => {
  const { heartbeat, seen, pass } = beating(t, () => Promise.resolve('held'));
  await pass(3);
  assert.equal(seen.renewals, 3);
  await heartbeat.stop();
  await pass(3);
  assert.deepEqual(seen, { renewals: 3, lost: 0, troubles: [] });
});

test('a lost claim is told once, and not renewed again', async (t) => {
  const { heartbeat, seen, pass } = beating(t, (nth) => Promise.resolve(nth < 3 ? 'held' : 'lost'));
  await pass(10);
  assert.deepEqual(seen, { renewals: 3, lost: 1, troubles: [] });
  await heartbeat.stop();
  assert.equal(seen.lost, 1);
});

test('trouble is told once for each kind, loses nothing, and is never thrown', async (t) => {
  const { heartbeat, seen, pass } = beating(t, (nth) => (nth % 2 ? failing('EIO') : failing('ENOSPC')));
  await pass(10);
  assert.deepEqual(seen, { renewals: 10, lost: 0, troubles: ['EIO', 'ENOSPC'] });
  await heartbeat.stop();
});

test('a disk that hangs does not pile up renewals, and stopping waits for the one under way', async (t) => {
  let release: (held: 'held') => void = () => {};
  const { heartbeat, seen, pass } = beating(t, () => new Promise((resolve) => void (release = resolve)));
  await pass(5);
  assert.equal(seen.renewals, 1);
  let stopped = false;
  const stopping = heartbeat.stop().then(() => (stopped = true));
  await turn();
  assert.equal(stopped, false);
  release('held');
  await stopping;
  assert.equal(seen.lost, 0);
});

test('a claim that is lost while the heartbeat is being stopped is not told any more', async (t) => {
  let release: (held: 'lost') => void = () => {};
  const { heartbeat, seen, pass } = beating(t, () => new Promise((resolve) => void (release = resolve)));
  await pass(1);
  const stopping = heartbeat.stop();
  release('lost');
  await stopping;
  assert.equal(seen.lost, 0);
});

test('with a takeover allowed, a claim that could not be renewed for long enough counts as lost', async (t) => {
  const { seen, pass } = beating(t, (nth) => (nth === 2 ? Promise.resolve('held') : failing('EIO')), 30_000);
  await pass(8); // renewed at 10 s; 30 s of silence are over at 40 s
  assert.equal(seen.lost, 0);
  await pass(1);
  assert.equal(seen.lost, 1);
  await pass(5);
  assert.deepEqual([seen.lost, seen.renewals], [1, 9]);
});

test('without a takeover no silence of ours makes a claim lost', async (t) => {
  const { heartbeat, seen, pass } = beating(t, () => failing('EIO'));
  await pass(1_000);
  assert.equal(seen.lost, 0);
  await heartbeat.stop();
});
