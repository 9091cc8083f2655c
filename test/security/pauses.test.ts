/** Pauses and probes that an agent has written: data, which at worst makes a run wait and say why. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asPause, pauseFields, type Pause } from '../../src/core/pause.ts';
import { obtainProbe } from '../../src/engine/probe.ts';
import { SilenceWatch } from '../../src/engine/silence.ts';
import { makeMachine, type Machine } from '../engine/machine.ts';

const ID = 'ab'.repeat(16);
const NOW = Date.parse('2026-11-22T09:00:00.000Z');
const LIMIT: Pause = {
  id: ID,
  class: 'limited',
  reason: '',
  since: NOW,
  until: NOW + 60_000,
  round: 0,
  by: 'codex-worker 1.0.0',
  pid: 17,
  host: 'mill',
};

function open(machine: Machine) {
  const world = machine.boot();
  const silence = new SilenceWatch(world.uptimeMs);
  return { world, obtain: () => obtainProbe(world, machine.directory, ID, silence) };
}

/** Looks for so long as one that waits does, a look every two seconds. */
async function waitFor(machine: Machine, obtain: () => Promise<number | undefined>, ms: number) {
  for (const end = machine.now + ms; machine.now < end; machine.now += 2_000) {
    const n = await obtain();
    if (n !== undefined) return n;
  }
  return undefined;
}

test('what is no pause of ours pauses nobody', () => {
  const good = pauseFields(LIMIT);
  const bad: unknown[] = [
    undefined,
    null,
    [],
    'pause',
    {},
    { ...good, id: '../../etc/passwd' },
    { ...good, id: 'A'.repeat(32) },
    { ...good, class: 'for-ever' },
    { ...good, reason: 7 },
    { ...good, pid: -1 },
    { ...good, pid: '17' },
    { ...good, host: undefined },
    { ...good, since: NOW },
    { ...good, until: undefined },
    { ...good, until: '9999-01-01T00:00:00.000Z' },
    { ...good, until: '2026-11-99T09:00:00.000Z' },
    { ...good, round: 0.5 },
    { ...good, round: -1 },
    { ...good, class: 'by-hand', until: 'never' },
  ];
  for (const value of bad) assert.equal(asPause(value, NOW), undefined, JSON.stringify(value));
  assert.ok(asPause(good, NOW), 'the one that they were all made of');
});

test('a probe whose holder is dead, or that names nobody, passes on', async (t) => {
  const machine = makeMachine(t);
  const [one, two] = [open(machine), open(machine)];
  assert.equal(await one.obtain(), 1);
  machine.kill(one.world);
  assert.equal(await two.obtain(), 2);
  machine.kill(two.world);
  machine.write(`.codex-worker/tmp/probe.${ID}.3`, 'nobody');
  const three = open(machine);
  assert.equal(await waitFor(machine, three.obtain, 20_000), undefined);
  assert.equal(await waitFor(machine, three.obtain, 20_000), 4);
});
