/**
 * Races, found and then made small: single units of the protocol under fast-check's scheduler, which shrinks a schedule
 * that goes wrong to the shortest it can find. The units are what a whole life (row `interleavings`) hides: a heartbeat
 * while its claim is taken away or replaced, a publication beside a reset, a claim beside the janitor.
 */
import { rmSync, unlinkSync } from 'node:fs';
import path from 'node:path';
import { mock } from 'node:test';
import {
  asyncProperty,
  check,
  scheduler as anySchedule,
  stringify,
  subarray,
  type Scheduler,
} from 'fast-check';
import { startHeartbeat } from '../../../src/engine/heartbeat.ts';
import { settle } from '../../../src/engine/settle.ts';
import { LOOK_EVERY_MS } from '../../../src/engine/silence.ts';
import type { World } from '../../../src/engine/world.ts';
import { violation, type Violation } from '../../rig/violation.ts';
import { done, finish, makeMachine, tryClaim, type Machine } from '../../engine/machine.ts';
import type { Round, Row } from '../row.ts';
import { keepTidy, reapOnce, reset, SUCCEEDED, work, type Scene } from '../simulation/lives.ts';
import { Observer } from '../simulation/observer.ts';
import { Turns, type Call } from '../simulation/turns.ts';
import { ofAll, ofTheJanitor, type Weaken } from '../simulation/weakened.ts';

/** Each system call waits until fast-check's scheduler lets it happen. */
class Scheduled extends Turns {
  readonly #scheduler: Scheduler;

  constructor(scheduler: Scheduler, observer: Observer) {
    super(observer);
    this.#scheduler = scheduler;
  }

  override turn(world: World, verb: Call['verb']): Promise<void> {
    return this.#scheduler.schedule(Promise.resolve(), `process ${world.me.pid} ${verb}`);
  }
}

interface Stage extends Scene {
  readonly machine: Machine;
  readonly scratch: string;
  readonly control: string | undefined;
  readonly injected: (fault: string) => void;
  /** A process, one turn of the scheduler for each call. */
  readonly enter: (weaken?: Weaken) => World;
  /** A process whose calls are no turns: what it does between two moments it does at once. */
  readonly enterAtOnce: () => World;
  /** A moment that the scheduler chooses. */
  readonly moment: (what: string) => Promise<void>;
}

interface Unit {
  readonly about: string;
  readonly before?: (stage: Stage) => Promise<void>;
  /** Parts that run beside one another; each run of the property takes some of them. */
  readonly parts: Readonly<Record<string, (stage: Stage) => Promise<void>>>;
}

const weakenedBy = (guard: keyof typeof ofAll, control: string | undefined) =>
  control === guard ? ofAll[guard] : undefined;

/** A claim that beats while it runs, and is settled by its owner; its lock may go meanwhile. */
async function beatingOwner(stage: Stage): Promise<void> {
  const { machine, observer, control } = stage;
  const world = stage.enter(weakenedBy('no second read of the lock', control));
  const claim = await tryClaim(world, machine.directory);
  if (!claim) return;
  observer.acts(world, claim.id);
  let isStopped = false;
  let isClosed = false;
  let timesLost = 0;
  const lock = {
    renew: async (at: string) => {
      const renewed = await claim.lock.renew(at);
      if (isStopped) observer.wrong('lied', 'a renewal goes on after the heartbeat was stopped');
      return renewed;
    },
  };
  const heartbeat = startHeartbeat(world, lock as typeof claim.lock, {
    onLost: () => {
      timesLost++;
      if (isStopped) observer.wrong('lied', 'a claim is told to be lost after the heartbeat was stopped');
    },
    onTrouble: (code) =>
      observer.wrong('lied', `the heartbeat has trouble: ${code}${isClosed ? ', closed' : ''}`),
  });
  for (let beat = 0; beat < 3; beat++) {
    await stage.moment('five seconds pass');
    mock.timers.tick(LOOK_EVERY_MS);
  }
  const stopping = heartbeat.stop();
  if (control !== 'heartbeat is not waited for') await stopping;
  isStopped = true;
  await finish(claim, 'done');
  const { directory } = machine;
  await settle(world, { directory, task: 'fix.md', claim: claim.id, role: 'owner' });
  await claim.close();
  isClosed = true;
  if (timesLost > 1) observer.wrong('lied', 'a claim was told to be lost twice');
}

/** As `rm .lock-fix.md`. */
async function person({ machine, moment, injected }: Stage): Promise<void> {
  await moment('a person removes the lock');
  if (!machine.has('.lock-fix.md')) return;
  injected('lock removed');
  unlinkSync(path.join(machine.directory.path, '.lock-fix.md'));
}

async function quickOwner(stage: Stage): Promise<void> {
  const world = stage.enter(weakenedBy('no second look after the claim', stage.control));
  await work(world, stage, 20);
}

/** All that a run does about the task, in one moment. */
async function wholeLife(stage: Stage): Promise<void> {
  await stage.moment('another run comes and goes');
  await work(stage.enterAtOnce(), stage, 5);
}

/** Settles what is dead and takes the task in one moment, and works long enough for the others to come late. */
async function successor(stage: Stage): Promise<void> {
  const { machine, observer } = stage;
  await stage.moment('a successor comes');
  const world = stage.enterAtOnce();
  await reapOnce(world, stage);
  if (machine.has(done)) return;
  const claim = await tryClaim(world, machine.directory);
  if (!claim) return;
  observer.acts(world, claim.id);
  for (let i = 0; i < 12; i++) await stage.moment('the successor works');
  await finish(claim, 'done');
  const { directory } = machine;
  await settle(world, { directory, task: 'fix.md', claim: claim.id, role: 'owner' });
  await claim.close();
}

/** An owner that recorded its outcome and died. */
async function deadOwner({ machine, enterAtOnce, observer }: Stage): Promise<void> {
  const world = enterAtOnce();
  const claim = await tryClaim(world, machine.directory, { outcome: 'done' });
  machine.kill(world);
  if (!claim) return;
  observer.acts(world, claim.id);
  await claim.close();
}

/** An owner that died while its agent ran. */
async function lostOwner({ machine, enterAtOnce }: Stage): Promise<void> {
  const world = enterAtOnce();
  const claim = await tryClaim(world, machine.directory);
  machine.kill(world);
  await claim?.close();
}

const reaping = async (stage: Stage) =>
  reapOnce(stage.enter(weakenedBy('no second read of the lock', stage.control)), stage);
const resetting = async (stage: Stage) => void (await reset(stage.enter(), stage));
const tidying = async (stage: Stage) => {
  const guard = 'janitor of logs ignores the temporary file';
  await keepTidy(stage.enter(stage.control === guard ? ofTheJanitor[guard] : undefined), stage, 6);
};

const UNITS: readonly Unit[] = [
  {
    about: 'a heartbeat, while its claim is settled, removed or replaced',
    parts: { owner: beatingOwner, person, successor },
  },
  {
    about: 'a publication beside resets and other runs',
    parts: { owner: quickOwner, other: wholeLife, reset: resetting, later: wholeLife },
  },
  {
    about: 'a claim beside the janitor',
    parts: { owner: quickOwner, janitor: tidying, other: wholeLife },
  },
  {
    about: 'reapers of a claim without an outcome, and the next claim',
    before: lostOwner,
    parts: { reaper: reaping, successor, other: reaping },
  },
  {
    about: 'reapers of a claim to be published, a reset, and the janitor',
    before: deadOwner,
    parts: { reaper: reaping, reset: resetting, janitor: tidying, other: reaping },
  },
];

class Wrong extends Error {
  readonly violations: readonly Violation[];

  constructor(violations: readonly Violation[]) {
    super(violations.map(({ kind, what }) => `${kind}: ${what}`).join('; '));
    this.violations = violations;
  }
}

/** One schedule of one unit, and a calm pass. Throws what was wrong. */
async function perform(
  { before, parts }: Unit,
  names: readonly string[],
  scheduler: Scheduler,
  round: Round,
) {
  const { scratch, control } = round;
  const machine = makeMachine({ after: () => {} });
  const observer = new Observer(machine.directory.path);
  const turns = new Scheduled(scheduler, observer);
  const enter = (weaken?: Weaken, isTurn?: () => boolean): World => {
    const base = machine.boot();
    const world: World = {
      ...base,
      sleep: async (ms) => {
        if (!isTurn) await turns.turn(world, ms > 0 ? 'sleep' : 'work');
        await base.sleep(ms);
      },
    };
    const files = turns.files(world, undefined, isTurn);
    return Object.assign(world, { files: { ...files, ...weaken?.(files, { scratch, pid: base.me.pid }) } });
  };
  const stage: Stage = {
    machine,
    directory: machine.directory,
    observer,
    scratch,
    control,
    injected: (fault) => round.injected(fault),
    agentEnd: () => SUCCEEDED,
    enter: (weaken) => enter(weaken),
    enterAtOnce: () => enter(undefined, () => false),
    moment: (what) => scheduler.schedule(Promise.resolve(), what),
  };
  mock.timers.enable({ apis: ['setInterval'] });
  try {
    await before?.(stage);
    const stories = names.map(async (name) => parts[name]?.(stage));
    await scheduler.waitFor(Promise.all(stories));
    await scheduler.waitIdle();
    for (const { pid } of machine.table.list()) machine.kill({ me: { pid } } as World);
    const calm = enter(undefined, () => false);
    await keepTidy(calm, stage, 1);
    await work(calm, stage, 20);
    await keepTidy(calm, stage, 1);
    observer.judge();
  } finally {
    mock.timers.reset();
    turns.end();
    rmSync(machine.directory.path, { recursive: true });
  }
  const wrong = observer.violations.filter((found) => !isExpected(found, names));
  if (wrong.length > 0) throw new Wrong(wrong);
}

/** A person who removes the lock of a task that runs may get a second run of it (documented). */
function isExpected({ kind, what }: Violation, names: readonly string[]): boolean {
  return names.includes('person') && kind === 'twice' && what !== 'an agent after it was done';
}

const RUNS_OF_EACH = 40;

async function round(round: Round): Promise<Violation[]> {
  const found: Violation[] = [];
  for (const unit of UNITS) {
    const names = Object.keys(unit.parts);
    const property = asyncProperty(
      anySchedule(),
      subarray(names, { minLength: 2 }),
      async (scheduler, chosen) => {
        await perform(unit, chosen, scheduler, round);
      },
    );
    const details = await check(property, { seed: round.seed, numRuns: RUNS_OF_EACH });
    if (!details.failed) continue;
    const error = details.errorInstance;
    const schedule = `${unit.about}: ${stringify(details.counterexample)}`;
    if (error instanceof Wrong)
      for (const { kind, what } of error.violations) found.push(violation(kind, `${what}; ${schedule}`));
    else found.push(violation('lied', `${String(error)}; ${schedule}`));
  }
  return found;
}

export const schedules: Row = {
  name: 'schedules',
  about:
    'heartbeat, publish, claim and reap beside what they meet, under a scheduler that shrinks what it finds',
  isMadeUp: true,
  share: 0.5,
  controls: {
    'heartbeat is not waited for': 'lied',
    'no second read of the lock': 'lied',
    'no second look after the claim': 'twice',
    'janitor of logs ignores the temporary file': 'lost',
  },
  round,
};
