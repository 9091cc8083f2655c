/** When an attempt is ended for its time or its silence, on a clock and with processes that are made up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AwakeClock } from '../../src/engine/awake-clock.ts';
import type { AttemptOrder } from '../../src/engine/order.ts';
import { startWatchdog, Watch } from '../../src/engine/watchdog.ts';
import type { GatedChild } from '../../src/io/child.ts';
import { CodexListener } from '../../src/io/codex-listener.ts';
import type { ProcessTable } from '../../src/io/process-identity.ts';
import type { RunningLog } from '../../src/io/result-log.ts';
import { eventually } from '../rig/scratch.ts';

const MINUTE = 60_000;

/** A watch whose timer is the test's: `pass` lets time go by as it does while nobody sleeps. */
function watched(limits: { timeoutMs?: number; idleTimeoutMs?: number }) {
  const state = { now: 5_000, looks: 0, worksUntil: -Infinity };
  const watch = new Watch(limits, {
    now: () => state.now,
    isWorking: () => {
      state.looks++;
      return state.now <= state.worksUntil;
    },
  });
  const begun = state.now;
  let next = begun;
  /** What it is ended for within `ms` more, and after how long in all; `undefined` while it goes on. */
  const pass = (ms: number) => {
    const until = state.now + ms;
    while (next <= until) {
      state.now = Math.max(state.now, next);
      const answer = watch.look();
      if (typeof answer !== 'number') return { why: answer, afterMs: state.now - begun };
      next = state.now + answer;
    }
    state.now = until;
    return undefined;
  };
  /** Nothing of ours runs meanwhile; the timer is late by so much. */
  const sleep = (ms: number) => void (state.now += ms);
  return { watch, state, pass, sleep };
}

test('silence ends an attempt after the idle time, to the millisecond', () => {
  assert.deepEqual(watched({ idleTimeoutMs: 15 * MINUTE }).pass(60 * MINUTE), {
    why: 'idle',
    afterMs: 15 * MINUTE,
  });
  assert.deepEqual(watched({ timeoutMs: 2_000 }).pass(MINUTE), { why: 'timed-out', afterMs: 2_000 });
  assert.deepEqual(watched({ timeoutMs: 1_234, idleTimeoutMs: 2_000 }).pass(MINUTE), {
    why: 'timed-out',
    afterMs: 1_234,
  });
});

test('whatever is heard keeps it alive, and what talks is not even looked at', () => {
  const { watch, pass, state } = watched({ idleTimeoutMs: MINUTE });
  for (let i = 0; i < 100; i++) {
    assert.equal(pass(14_000), undefined);
    watch.heard();
  }
  assert.equal(state.looks, 0);
  assert.deepEqual(pass(60 * MINUTE), { why: 'idle', afterMs: 100 * 14_000 + MINUTE });
});

test('a command that works in silence keeps it alive, and its silence counts from the end of the work', () => {
  const { pass, state } = watched({ idleTimeoutMs: 15 * MINUTE });
  state.worksUntil = state.now + 3 * 60 * MINUTE;
  assert.equal(pass(3 * 60 * MINUTE), undefined);
  const end = pass(60 * MINUTE);
  assert.equal(end?.why, 'idle');
  const late = 3 * 60 * MINUTE + 15 * MINUTE - (end?.afterMs ?? 0);
  assert.ok(late >= 0 && late <= 4 * MINUTE, `${late} ms`); // the last look at work was that much before its end
});

test('what begins to work at the last moment is seen: it is looked at once more before the end', () => {
  const { pass, state } = watched({ idleTimeoutMs: 15 * MINUTE });
  assert.equal(pass(15 * MINUTE - 1), undefined);
  state.worksUntil = state.now + 10;
  assert.equal(pass(14 * MINUTE), undefined);
});

test('the processes are looked at rarely', () => {
  const { pass, state } = watched({ idleTimeoutMs: 15 * MINUTE });
  state.worksUntil = Infinity;
  pass(10 * 60 * MINUTE);
  assert.ok(state.looks <= 10 * 60 * 2, `${state.looks} looks in ten hours`);
});

test('a work that outlasts every limit of silence does not outlast the timeout', () => {
  const { pass, state } = watched({ idleTimeoutMs: MINUTE, timeoutMs: 30 * MINUTE });
  state.worksUntil = Infinity;
  assert.deepEqual(pass(60 * MINUTE), { why: 'timed-out', afterMs: 30 * MINUTE });
});

for (const limits of [{ timeoutMs: 10 * MINUTE }, { idleTimeoutMs: 10 * MINUTE }]) {
  const name = Object.keys(limits)[0];
  test(`hours in which the machine sleeps or we are stopped do not count against ${name}`, () => {
    const { pass, sleep } = watched(limits);
    for (let i = 0; i < 8; i++) {
      assert.equal(pass(MINUTE), undefined);
      sleep(8 * 60 * MINUTE);
    }
    assert.equal(pass(MINUTE), undefined);
    assert.notEqual(pass(MINUTE), undefined, 'its time goes on all the same');
  });
}

test('what came during a sleep is heard before anything is decided', () => {
  const { watch, pass, sleep, state } = watched({ idleTimeoutMs: 4_000 });
  assert.equal(pass(3_500), undefined);
  sleep(MINUTE);
  assert.equal(pass(0), undefined); // the timer that was due comes first …
  state.now += 10;
  watch.heard(); // … then what lay in the pipe
  assert.equal(pass(3_900), undefined);
  assert.equal(pass(200)?.why, 'idle');
});

test('a machine that is late with every timer still comes to an end', () => {
  const { watch, state } = watched({ timeoutMs: MINUTE });
  for (let steps = 0; typeof watch.look() === 'number'; steps++) {
    assert.ok(steps < 100, 'it goes on for ever');
    state.now += 5_000;
  }
});

test('the clock counts what passes, and of a long step only as much as a short one', () => {
  let now = 100;
  const clock = new AwakeClock(() => now);
  now += 900;
  assert.deepEqual(clock.read(), { awakeMs: 900, slept: false });
  now += 3_600_000;
  assert.deepEqual(clock.read(), { awakeMs: 2_900, slept: true });
  now += 1;
  assert.deepEqual(clock.read(), { awakeMs: 2_901, slept: false });
});

/** A watchdog at a child of which it sees that it sleeps; in order, what is logged and why the child is ended. */
function startedAt(order: object, log: () => void = () => {}) {
  const did: string[] = [];
  const identity = { pid: 9, pgid: 9, start: '9' };
  const child = { identity, end: (why: string) => Promise.resolve(void did.push(why)) };
  const stat = { ...identity, state: 'S', ppid: 1, cpuMs: 0, kernel: false };
  const entry = ({ text }: { text: string }) => {
    log();
    did.push(text);
  };
  const watchdog = startWatchdog(
    child as unknown as GatedChild,
    { claim: 'x', codex: { isCodex: false }, ...order } as unknown as AttemptOrder,
    new CodexListener(),
    { entry } as unknown as RunningLog,
    { list: () => [stat], environment: () => undefined } as unknown as ProcessTable,
  );
  return { did, watchdog };
}

test('it is said first, and then the child is ended', async (t) => {
  const { did, watchdog } = startedAt({ idleTimeoutMs: 50 });
  t.after(watchdog.stop);
  await eventually('the child is ended', () => did.length >= 2);
  assert.deepEqual(did, ['nothing happened for 0.1s; the agent is ended', 'idle']);
});

test('on a disk that refuses the log the child is ended all the same, for that', async (t) => {
  const { did, watchdog } = startedAt({ timeoutMs: 50 }, () => {
    throw Object.assign(new Error('full'), { code: 'ENOSPC' });
  });
  t.after(watchdog.stop);
  await eventually('the child is ended', () => did.length >= 1);
  assert.deepEqual(did, ['storage']);
});

test('once it is stopped it ends nothing, and without a limit it never does', async () => {
  const stopped = startedAt({ timeoutMs: 50 });
  stopped.watchdog.stop();
  const unlimited = startedAt({});
  const control = startedAt({ timeoutMs: 100 });
  await eventually('the control is ended', () => control.did.length === 2);
  assert.deepEqual([stopped.did, unlimited.did], [[], []]);
});

test('while a person is waited for no time of an attempt passes, neither its own nor its idle time', () => {
  const { watch, pass } = watched({ idleTimeoutMs: MINUTE, timeoutMs: 10 * MINUTE });
  assert.equal(pass(30_000), undefined);
  watch.hold();
  watch.hold(); // two questions
  assert.equal(pass(60 * MINUTE), undefined);
  watch.goOn();
  assert.equal(pass(60 * MINUTE), undefined);
  watch.goOn();
  assert.equal(pass(29_000), undefined);
  assert.equal(pass(2_000)?.why, 'idle');
  const other = watched({ timeoutMs: 10 * MINUTE });
  other.pass(9 * MINUTE);
  other.watch.hold();
  other.pass(60 * MINUTE);
  other.watch.goOn();
  assert.equal(other.pass(59_000), undefined);
  assert.equal(other.pass(2_000)?.why, 'timed-out');
});

test('what an agent says while a person is waited for keeps it alive no longer than what it says otherwise', () => {
  const { watch, pass } = watched({ idleTimeoutMs: MINUTE });
  watch.hold();
  assert.equal(pass(60 * MINUTE), undefined);
  watch.heard();
  watch.goOn();
  assert.equal(pass(58_000), undefined);
  assert.equal(pass(4_000)?.why, 'idle');
});
