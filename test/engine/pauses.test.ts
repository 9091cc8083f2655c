/** Terminals that meet a limit on one directory, with a clock that the test moves. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { test, type TestContext } from 'node:test';
import { EnvironmentError } from '../../src/core/errors.ts';
import type { RunEvent } from '../../src/core/event.ts';
import { NO_USAGE, type Outcome, type ReturnReason } from '../../src/core/outcome.ts';
import type { HandPause } from '../../src/core/pause.ts';
import type { Task } from '../../src/core/task.ts';
import { Pauses } from '../../src/engine/pauses.ts';
import type { World } from '../../src/engine/world.ts';
import { accountsIn } from '../../src/io/accounts.ts';
import type { Files } from '../../src/io/files.ts';
import { JournalReader } from '../../src/io/journal.ts';
import { readPause, writePause } from '../../src/io/pause-file.ts';
import { errno, makeMachine, type Machine } from './machine.ts';
import { succeeded } from '../report/rig.ts';

const MINUTE = 60_000;
/** Longer than the jitter before a probe. */
const A_BIT = 10_000;

const task = (name: string): Task => ({ directory: '/tasks', name, label: name });
const FIX = task('fix.md');

const returned = (reason: ReturnReason): Outcome => ({
  kind: 'returned',
  attempt: 1,
  durationMs: 1,
  usage: NO_USAGE,
  reason,
});
const limited = (until?: number): Outcome =>
  returned({
    kind: 'limited',
    limit: { class: 'limited', message: 'the limit', ...(until !== undefined && { until }) },
  });
const SUCCESS = succeeded();

interface Terminal {
  readonly world: World;
  readonly pauses: Pauses;
  readonly said: RunEvent['kind'][];
  readonly woken: number;
  /** What the run's loop does before it starts something: the answer of `admits`. */
  turn(isAnyReady?: boolean): Promise<Pauses['admits']>;
}

async function open(
  t: TestContext,
  machine: Machine,
  files: Partial<Files> = {},
  more: readonly Machine[] = [],
): Promise<Terminal> {
  const booted = { ...machine.boot(files), now: () => new Date(machine.now) };
  const world: World = { ...booted, accounts: accountsIn(booted.files, {}) };
  const said: RunEvent['kind'][] = [];
  const pauses = new Pauses(world, {
    directories: new Map([machine, ...more].map(({ directory }) => [directory.path, directory])),
    by: 'test',
    emit: ({ kind }) => void said.push(kind),
  });
  const counts = { woken: 0 };
  await pauses.begin({ wake: () => void counts.woken++, resumed: () => {} });
  t.after(() => pauses.close());
  return {
    world,
    pauses,
    said,
    get woken() {
      return counts.woken;
    },
    turn: async (isAnyReady = true) => {
      await pauses.look();
      await pauses.prepare(isAnyReady);
      return pauses.admits;
    },
  };
}

async function pauseOf(machine: Machine, { world }: Terminal) {
  const read = await readPause(world.files, machine.directory, machine.now);
  assert.ok(read.kind === 'pause' && read.pause.class === 'limited', read.kind);
  return { round: read.pause.round, inMs: read.pause.until - machine.now, id: read.pause.id };
}

const probes = (machine: Machine) =>
  machine.ls('.codex-worker/tmp').filter((name) => name.startsWith('prob'));

test('nothing begins from the moment in which a limit is met, in no terminal', async (t) => {
  const machine = makeMachine(t);
  const [one, other] = [await open(t, machine), await open(t, machine)];
  assert.deepEqual([await one.turn(), await other.turn()], ['all', 'all']);

  const met = one.pauses.ended(FIX, limited(machine.now + 20 * MINUTE));
  assert.equal(one.pauses.admits, 'none', 'before anything is written');
  await met;

  assert.deepEqual([await one.turn(), await other.turn()], ['none', 'none']);
  assert.deepEqual([one.said, other.said], [['paused'], ['paused']]);
  assert.deepEqual(await pauseOf(machine, one).then(({ round, inMs }) => ({ round, inMs })), {
    round: 0,
    inMs: 20 * MINUTE,
  });
});

test('the journal has each pause, of whoever made it, and when it was lifted', async (t) => {
  const machine = makeMachine(t);
  const [one, other] = [await open(t, machine), await open(t, machine)];
  const begun = machine.now;
  await Promise.all([one, other].map(({ pauses }) => pauses.ended(FIX, limited(begun + 20 * MINUTE))));
  const { id } = await pauseOf(machine, one);
  machine.now += 20 * MINUTE + A_BIT;
  assert.equal(await one.turn(), 'probe');
  one.pauses.began(FIX);
  const lifted = machine.now;
  await one.pauses.ended(FIX, SUCCESS);

  const journal = new JournalReader(one.world.files, machine.directory);
  assert.deepEqual(
    [await journal.read(), journal.pauses],
    [
      [],
      [
        { kind: 'paused', at: begun, id, class: 'limited', reason: 'the limit', until: begun + 20 * MINUTE },
        { kind: 'resumed', at: lifted, id },
      ],
    ],
  );
});

test('a limit that is met while the pause stands changes nothing', async (t) => {
  const machine = makeMachine(t);
  const [one, other] = [await open(t, machine), await open(t, machine)];
  await one.pauses.ended(FIX, limited(machine.now + 20 * MINUTE));
  const { id } = await pauseOf(machine, one);

  await Promise.all([
    one.pauses.ended(FIX, limited()),
    other.pauses.ended(FIX, limited(machine.now + 90 * MINUTE)),
  ]);

  assert.equal((await pauseOf(machine, one)).id, id);
  assert.deepEqual(other.said, ['paused']);
});

test("when its time has come one terminal tries one task, and the model's first word ends the pause for all", async (t) => {
  const machine = makeMachine(t);
  const [one, other] = [await open(t, machine), await open(t, machine)];
  await one.pauses.ended(FIX, limited(machine.now + 5 * MINUTE));
  machine.now += 5 * MINUTE - 1;
  assert.equal(await one.turn(), 'none');
  machine.now += A_BIT;

  assert.equal(await other.turn(), 'probe');
  assert.equal(await one.turn(), 'none');
  other.pauses.began(FIX);
  assert.equal(await other.turn(), 'none', 'one task, and no second');
  other.pauses.answered(task('an-older-one.md'));
  assert.equal(await other.turn(), 'none');

  other.pauses.answered(FIX);
  await other.pauses.ended(FIX, SUCCESS);

  assert.deepEqual([await one.turn(), await other.turn()], ['all', 'all']);
  assert.deepEqual(one.said, ['paused', 'resumed']);
  assert.deepEqual(other.said, ['paused', 'probing', 'resumed']);
  assert.deepEqual(probes(machine), []);
  assert.ok(!machine.has('.codex-worker/pause.json'));
  assert.equal(one.pauses.pausedMs, 5 * MINUTE - 1 + A_BIT);
});

test('a probe that meets the limit again makes another pause, and without a time the waits grow', async (t) => {
  const machine = makeMachine(t);
  const one = await open(t, machine);
  await one.pauses.ended(FIX, limited());
  const waits: number[] = [];
  for (let i = 0; i < 8; i++) {
    const { inMs, round } = await pauseOf(machine, one);
    assert.equal(round, i + 1);
    waits.push(inMs / MINUTE);
    machine.now += inMs + A_BIT;
    assert.equal(await one.turn(), 'probe');
    one.pauses.began(FIX);
    await one.pauses.ended(FIX, limited(machine.now - 1)); // a time that has passed is none
  }
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
  assert.deepEqual(probes(machine), []);
});

test('a limit that had a time, and has none when it is tried, waits as long as a new one', async (t) => {
  const machine = makeMachine(t);
  const one = await open(t, machine);
  await one.pauses.ended(FIX, limited());
  for (const [said, minutes] of [
    [20, 20],
    [undefined, 1],
    [undefined, 2],
    [7, 7],
    [undefined, 1],
  ] as const) {
    machine.now += (await pauseOf(machine, one)).inMs + A_BIT;
    assert.equal(await one.turn(), 'probe');
    one.pauses.began(FIX);
    await one.pauses.ended(FIX, limited(said === undefined ? said : machine.now + said * MINUTE));
    assert.equal((await pauseOf(machine, one)).inMs, minutes * MINUTE);
  }
});

for (const until of [undefined, 3 * MINUTE] as const)
  test(`a pause by hand that is made in the moment in which a limit is written stands, ${until === undefined ? 'for ever' : 'until its time'}`, async (t) => {
    const machine = makeMachine(t);
    const byHand = (id: string, more: { readonly until?: number } = {}) => {
      const base = { id: id.repeat(32), class: 'by-hand', reason: '', since: 0, by: '', pid: 1, host: '' };
      return { ...base, ...more } as const satisfies object as HandPause;
    };
    const person = machine.boot();
    let meanwhile: HandPause | undefined;
    const write = async () => {
      const pause = meanwhile;
      meanwhile = undefined;
      if (pause) await writePause(person.files, machine.directory, person.me, pause, 'instead');
    };
    const isIt = (path: string) => path.endsWith('/pause.json');
    const one = await open(t, machine, {
      rename: async (from, to) => {
        if (isIt(from) || isIt(to)) await write();
        return person.files.rename(from, to);
      },
    });
    const stands = async (id: string) => {
      assert.equal(meanwhile, undefined, 'it came to be written');
      const read = await readPause(person.files, machine.directory, machine.now);
      assert.equal(read.kind === 'pause' && read.pause.id, id.repeat(32));
    };

    await one.pauses.ended(FIX, limited());
    machine.now += MINUTE + A_BIT;
    await one.turn();
    one.pauses.began(FIX);
    meanwhile = byHand('b', until === undefined ? {} : { until: machine.now + until });
    await one.pauses.ended(FIX, limited(machine.now + MINUTE)); // a renewal
    await stands('b');

    const over = byHand('c', { until: machine.now - 1 });
    await writePause(person.files, machine.directory, person.me, over, 'instead');
    meanwhile = byHand('d');
    await one.pauses.ended(FIX, limited()); // in the place of one that is over
    await stands('d');
  });

test('a probe that says nothing about the limit waits for the next time; one that was not begun tries another task', async (t) => {
  const machine = makeMachine(t);
  const one = await open(t, machine);
  await one.pauses.ended(FIX, limited());
  machine.now += MINUTE + A_BIT;
  await one.turn();
  one.pauses.began(FIX);
  await one.pauses.ended(FIX, { kind: 'skipped', reason: 'already-claimed' });
  assert.equal(await one.turn(), 'probe');
  one.pauses.began(FIX);
  await one.pauses.ended(FIX);
  assert.equal(await one.turn(), 'probe');
  one.pauses.began(FIX);
  const problem = { kind: 'unreachable', message: 'no network' } as const;
  await one.pauses.ended(FIX, returned({ kind: 'environment', problem }));
  assert.equal(await one.turn(), 'none');
  assert.equal((await pauseOf(machine, one)).round, 2);
});

test('a task that was not begun leaves no right to try another one where a person has paused meanwhile', async (t) => {
  const machine = makeMachine(t);
  const one = await open(t, machine);
  await one.pauses.ended(FIX, limited());
  machine.now += MINUTE + A_BIT;
  await one.turn();
  one.pauses.began(FIX);
  const byHand = {
    id: 'b'.repeat(32),
    class: 'by-hand',
    reason: '',
    since: 0,
    by: '',
    pid: 1,
    host: '',
  } as const;
  await writePause(one.world.files, machine.directory, one.world.me, byHand, 'instead');
  await one.pauses.look();

  await one.pauses.ended(FIX, { kind: 'skipped', reason: 'already-claimed' });

  assert.equal(one.pauses.admits, 'none');
  assert.equal(await one.turn(), 'none');
  assert.deepEqual(probes(machine), []);
});

test('nor where another directory of the run is paused until later, and the next pause can be tried beside an old one', async (t) => {
  const [a, b] = [makeMachine(t), makeMachine(t)];
  const both = await open(t, a, {}, [b]);
  const [one, other] = [await open(t, a), await open(t, b)];
  await one.pauses.ended(FIX, limited());
  a.now += MINUTE + A_BIT;
  assert.equal(await both.turn(), 'probe');
  both.pauses.began(FIX);
  b.now = a.now;
  await other.pauses.ended(FIX, limited(b.now + 60 * MINUTE));
  await both.pauses.look();
  await both.pauses.ended(FIX);
  assert.equal(both.pauses.admits, 'none');
  assert.equal(await both.turn(), 'none');
  assert.equal(await one.turn(), 'probe', 'it is left to those who may');

  one.pauses.began(FIX); // and says nothing for long
  await one.world.files.unlink(`${a.directory.path}/.codex-worker/pause.json`);
  assert.equal(await one.turn(), 'all');
  await one.pauses.ended(task('older.md'), limited());
  a.now += MINUTE + A_BIT;
  assert.equal(await one.turn(), 'probe');
});

test('a terminal with nothing to try leaves the probe to another, and so does one that ends', async (t) => {
  const machine = makeMachine(t);
  const [one, two, three] = [await open(t, machine), await open(t, machine), await open(t, machine)];
  await one.pauses.ended(FIX, limited());
  machine.now += MINUTE + A_BIT;
  assert.equal(await one.turn(false), 'none');
  assert.equal(await one.turn(), 'probe');
  assert.equal(await one.turn(false), 'none');
  assert.equal(await two.turn(), 'probe');
  await two.pauses.close();
  assert.equal(await three.turn(), 'probe');
  machine.kill(three.world);
  assert.equal(await one.turn(), 'probe', 'a dead one has not even to leave it');
});

test('when a person resumes while it is being tried, and it is limited still, that is a new pause', async (t) => {
  const machine = makeMachine(t);
  const one = await open(t, machine);
  await one.pauses.ended(FIX, limited());
  machine.now += MINUTE + A_BIT;
  await one.turn();
  one.pauses.began(FIX);
  await one.world.files.unlink(`${machine.directory.path}/.codex-worker/pause.json`);
  assert.equal(await one.turn(), 'all');

  await one.pauses.ended(FIX, limited());

  assert.equal(await one.turn(), 'none');
  assert.equal((await pauseOf(machine, one)).round, 1);
});

test('a pause by hand stands before a limit, is never tried, and is over at its time', async (t) => {
  const machine = makeMachine(t);
  const one = await open(t, machine);
  const base = { reason: '', since: machine.now, by: '', pid: 1, host: '' };
  const byHand = {
    ...base,
    id: 'b'.repeat(32),
    class: 'by-hand',
    until: machine.now + 90 * MINUTE,
  } as const;
  await writePause(one.world.files, machine.directory, one.world.me, byHand, 'first');
  assert.equal(await one.turn(), 'none');
  await one.pauses.ended(FIX, limited(machine.now + MINUTE));
  machine.now += 90 * MINUTE - 1;
  assert.equal(await one.turn(), 'none');
  machine.now += 1;
  assert.equal(await one.turn(), 'all');
  assert.deepEqual(one.said, ['paused', 'resumed']);
  await one.pauses.ended(FIX, limited());
  assert.equal(await one.turn(), 'none', "what is over is in nobody's way");
});

test('a file that is no pause is said once, and holds nobody up', async (t) => {
  const machine = makeMachine(t);
  machine.write('.codex-worker/pause.json', '{"class":"by-hand"}');
  const one = await open(t, machine);
  assert.deepEqual([await one.turn(), await one.turn()], ['all', 'all']);
  assert.deepEqual(one.said, ['notice']);
  await one.pauses.ended(FIX, limited());
  assert.equal(await one.turn(), 'none');
});

test('a look at a directory in which nothing has changed is one call', async (t) => {
  const machine = makeMachine(t);
  const calls: string[] = [];
  const one = await open(t, machine);
  await one.pauses.ended(FIX, limited());
  const counted = await open(t, machine, {
    lstat: (path) => (calls.push('lstat'), one.world.files.lstat(path)),
    open: (path, flags) => (calls.push('open'), one.world.files.open(path, flags)),
  });
  calls.length = 0;
  await counted.pauses.look();
  assert.deepEqual(calls, ['lstat']);
});

test('a pause that cannot be written ends the run, instead of trying the limit for ever', async (t) => {
  const machine = makeMachine(t);
  const one = await open(t, machine, { link: () => Promise.reject(errno('ENOSPC')) });
  await assert.rejects(one.pauses.ended(FIX, limited()), EnvironmentError);
});

test('a directory that is removed meanwhile keeps no other from being paused and resumed', async (t) => {
  const [a, b] = [makeMachine(t), makeMachine(t)].sort((x, y) =>
    x.directory.path < y.directory.path ? -1 : 1,
  );
  assert.ok(a && b);
  const both = await open(t, a, {}, [b]);
  await rm(a.directory.path, { recursive: true });
  await both.pauses.ended(FIX, limited());
  assert.ok(b.has('.codex-worker/pause.json'));
  assert.equal(await both.turn(), 'none');
  a.now += MINUTE + A_BIT;
  assert.equal(await both.turn(), 'probe');
  both.pauses.began(FIX);
  await both.pauses.ended(FIX, SUCCESS);
  assert.equal(await both.turn(), 'all');
});

test('whoever removes the folder of temporary files keeps nobody from lifting a pause', async (t) => {
  const machine = makeMachine(t);
  const one = await open(t, machine);
  await one.pauses.ended(FIX, limited());
  machine.now += MINUTE + A_BIT;
  await one.turn();
  one.pauses.began(FIX);
  await rm(`${machine.directory.path}/.codex-worker/tmp`, { recursive: true });
  await one.pauses.ended(FIX, SUCCESS);
  assert.equal(await one.turn(), 'all');
});

test('a limit pauses every directory of the run, and is tried with the probes of all or not at all', async (t) => {
  const [a, b] = [makeMachine(t), makeMachine(t)];
  const both = await open(t, a, {}, [b]);
  const one = await open(t, a);
  await both.pauses.ended(FIX, limited());
  assert.ok(a.has('.codex-worker/pause.json') && b.has('.codex-worker/pause.json'));
  a.now += MINUTE + A_BIT;

  assert.equal(await one.turn(), 'probe');
  assert.equal(await both.turn(), 'none');
  assert.deepEqual(probes(b), [], 'it keeps none that it cannot use');

  one.pauses.began(FIX);
  await one.pauses.ended(FIX, SUCCESS);
  assert.equal(await both.turn(), 'probe', 'its other directory is paused still');
  both.pauses.began(FIX);
  await both.pauses.ended(FIX, SUCCESS);
  assert.equal(await both.turn(), 'all');
  assert.deepEqual([probes(a), probes(b)], [[], []]);
});
