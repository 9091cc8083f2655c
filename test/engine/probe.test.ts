/** Who may try whether a limit is lifted; and, with files that lie, what happens without each guard. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { newClaimId } from '../../src/core/claim.ts';
import type { LimitPause } from '../../src/core/pause.ts';
import { tidy } from '../../src/engine/janitor.ts';
import { obtainProbe } from '../../src/engine/probe.ts';
import { SilenceWatch } from '../../src/engine/silence.ts';
import type { World } from '../../src/engine/world.ts';
import { writePause } from '../../src/io/pause-file.ts';
import { releaseProbe } from '../../src/io/probe-file.ts';
import { makeMachine, type Machine } from './machine.ts';

const ID = 'ab'.repeat(16);

function terminal(machine: Machine, world = machine.boot()) {
  const silence = new SilenceWatch(world.uptimeMs);
  return {
    world,
    obtain: () => obtainProbe(world, machine.directory, ID, silence),
    release: (n: number) => releaseProbe(world.files, machine.directory, ID, n),
  };
}

const probes = (machine: Machine) =>
  machine.ls('.codex-worker/tmp').filter((name) => name.startsWith('prob'));

/** Looks for so long as one that waits does, a look every two seconds. */
async function waitFor(machine: Machine, obtain: () => Promise<number | undefined>, ms: number) {
  for (const end = machine.now + ms; machine.now < end; machine.now += 2_000) {
    const n = await obtain();
    if (n !== undefined) return n;
  }
  return undefined;
}

for (const hardLinks of [true, false]) {
  const where = hardLinks ? '' : ', also where there are no hard links';
  test(`one terminal has the probe until it leaves it${where}`, async (t) => {
    const machine = makeMachine(t, { hardLinks });
    const [one, other] = [terminal(machine), terminal(machine)];
    assert.equal(await one.obtain(), 1);
    assert.equal(await other.obtain(), undefined);
    await one.release(1);
    assert.equal(await other.obtain(), 1);
    assert.deepEqual(probes(machine), [`probe.${ID}.1`]);
  });
}

test('one that lives and never comes to an end is waited for half an hour', async (t) => {
  const machine = makeMachine(t);
  assert.equal(await terminal(machine).obtain(), 1);
  const other = terminal(machine);
  assert.equal(await waitFor(machine, other.obtain, 29 * 60_000), undefined);
  assert.equal(await waitFor(machine, other.obtain, 3 * 60_000), 2);
});

/** How many of several terminals obtain it when all ask at the same moment, after a holder has died. */
async function rush(t: TestContext, boot: (machine: Machine) => World): Promise<number> {
  const machine = makeMachine(t);
  const dead = terminal(machine);
  await dead.obtain();
  machine.kill(dead.world);
  const terminals = Array.from({ length: 8 }, () => terminal(machine, boot(machine)));
  const obtained = await Promise.all(terminals.map(({ obtain }) => obtain()));
  return obtained.filter((n) => n !== undefined).length;
}

test('of terminals that ask at the same moment at most one obtains it', async (t) => {
  for (let i = 0; i < 20; i++) {
    const winners = await rush(t, (machine) => machine.boot());
    assert.ok(winners <= 1, `${winners} obtained it`);
  }
});

test('where a link that is there may be made again, several do', async (t) => {
  const winners = await rush(t, (machine) => machine.boot({ link: () => Promise.resolve() }));
  assert.ok(winners > 1, `${winners} obtained it`);
});

test('two that obtained it under different numbers see each other, and neither keeps both', async (t) => {
  const machine = makeMachine(t);
  const dead = terminal(machine);
  await dead.obtain();
  const late = terminal(
    machine,
    machine.boot({
      // It has looked, and before it takes number 2 the dead one's name is removed and another takes number 1.
      link: async (from, to) => {
        await dead.release(1);
        assert.equal(await quick.obtain(), 1);
        return world.files.link(from, to);
      },
    }),
  );
  const { world } = dead;
  machine.kill(dead.world);
  const quick = terminal(machine);

  assert.equal(await late.obtain(), undefined);
  assert.deepEqual(probes(machine), [`probe.${ID}.1`]);
});

test('the janitor removes probes of pauses that are over, and no others', async (t) => {
  const machine = makeMachine(t);
  const { world, obtain } = terminal(machine);
  const pause: LimitPause = {
    id: ID,
    class: 'limited',
    reason: '',
    since: 0,
    until: 1,
    round: 0,
    by: '',
    pid: 1,
    host: '',
  };
  await writePause(world.files, machine.directory, world.me, pause, 'first');
  await obtain();
  machine.write(`.codex-worker/tmp/probe.${newClaimId()}.1`, '');

  await tidy(world, machine.directory);
  assert.deepEqual(probes(machine), [`probe.${ID}.1`]);

  await writePause(world.files, machine.directory, world.me, { ...pause, id: newClaimId() }, 'instead');
  await tidy(world, machine.directory);
  assert.deepEqual(probes(machine), []);
});

test('a number that somebody made up, however high, keeps nobody from trying for ever', async (t) => {
  for (const made of ['999999', '1000000', '9999999', '999999999', '0', '07', '9'.repeat(40)]) {
    const machine = makeMachine(t);
    machine.write(`.codex-worker/tmp/probe.${ID}.${made}`, 'of nobody');
    machine.write(`.codex-worker/tmp/probe.${ID}.${BigInt(made) + 1n}`, 'of nobody');
    const [one, other] = [terminal(machine), terminal(machine)];
    assert.equal(await waitFor(machine, one.obtain, 60_000), made === '0' ? 2 : 1, made);
    assert.equal(await other.obtain(), undefined, 'one has it');
    machine.kill(one.world);
    assert.notEqual(await waitFor(machine, other.obtain, 60_000), undefined, made);
  }
});
