import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LEAST_LOOKS, LOOK_EVERY_MS, SilenceWatch } from '../../src/engine/silence.ts';

/** A watch with a clock that only the test moves. */
function watched() {
  let now = 1_000_000;
  const watch = new SilenceWatch(() => now);
  const after = (ms: number, beat = 'a', key = 'k') => {
    now += ms;
    return watch.look(key, beat);
  };
  return { watch, after, wait: (ms: number) => void (now += ms) };
}

test('silence is counted from the first look, and over looks that are far enough apart', () => {
  const { after } = watched();
  assert.deepEqual(after(0), { silentForMs: 0, looks: 1, heard: false });
  assert.deepEqual(after(LOOK_EVERY_MS), { silentForMs: 5_000, looks: 2, heard: false });
  assert.deepEqual(after(100), { silentForMs: 5_100, looks: 2, heard: false });
  assert.deepEqual(after(100), { silentForMs: 5_200, looks: 2, heard: false });
  assert.deepEqual(after(LOOK_EVERY_MS - 200), { silentForMs: 10_000, looks: 3, heard: false });
});

test('a timer that is a little early still makes a look that counts', () => {
  const { after } = watched();
  after(0);
  assert.equal(after(LOOK_EVERY_MS - 400).looks, 2);
  assert.equal(after(LOOK_EVERY_MS - 600).looks, 2);
});

test('a change begins the count again, and is remembered as a sign of life', () => {
  const { after } = watched();
  after(0, 'a');
  after(5_000, 'a');
  assert.deepEqual(after(5_000, 'b'), { silentForMs: 0, looks: 1, heard: true });
  assert.deepEqual(after(5_000, 'b'), { silentForMs: 5_000, looks: 2, heard: true });
});

test('a gap between our own looks begins the count again: what we did not see may have happened', () => {
  const { after } = watched();
  after(0);
  after(5_000);
  assert.equal(after(15_000).looks, 3, 'a gap of 15 s is still a look');
  assert.deepEqual(after(15_001), { silentForMs: 0, looks: 1, heard: false });
});

test('a clock that goes back proves nothing, and begins the count again', () => {
  const { after } = watched();
  after(0);
  after(10_000);
  assert.deepEqual(after(-1), { silentForMs: 0, looks: 1, heard: false });
});

test('each owner is watched by itself', () => {
  const { after } = watched();
  after(0, 'a', 'one');
  after(5_000, 'x', 'two');
  assert.equal(after(5_000, 'a', 'one').silentForMs, 10_000);
  assert.equal(after(0, 'y', 'two').silentForMs, 0);
});

test('an owner is silent only after the time and the looks', () => {
  const { watch, wait } = watched();
  const look = (ms: number) => {
    wait(ms);
    return watch.isSilent('k', 'a', 20_000);
  };
  assert.equal(look(0), false);
  for (let looks = 2; looks < LEAST_LOOKS; looks++) assert.equal(look(5_000), false, `${looks} looks`);
  assert.equal(look(5_000), true);

  const hasty = watched();
  for (let i = 0; i < 1_000; i++) {
    hasty.wait(10);
    assert.equal(hasty.watch.isSilent('k', 'a', 9_000), false, 'many looks in a short time');
  }
});
