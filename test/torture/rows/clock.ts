/**
 * Clocks that lie: wall clocks that jump by ten years, uptimes that stand still, go back, or are eight hours on because
 * the machine slept. None of them may take a task from an owner that lives, nor keep one that is dead for ever.
 *
 * Made up: two hosts in a time of their own, in which each sleeps, stalls and wakes. Real: the CLI with a false clock.
 */
import { judgeTask, type Verdict } from '../../../src/engine/reaper.ts';
import { startHeartbeat } from '../../../src/engine/heartbeat.ts';
import { SilenceWatch, type Silence } from '../../../src/engine/silence.ts';
import type { World } from '../../../src/engine/world.ts';
import { readLock, type HeldLock } from '../../../src/io/lock-file.ts';
import { makeClaim, makeMachine } from '../../engine/machine.ts';
import { violation, type Violation } from '../../rig/violation.ts';
import { falseWitness, makeCliScene, missing } from '../cli-scene.ts';
import { choose, pick, type Round, type Row } from '../row.ts';

const STORIES_A_ROUND = 40;
const TAKEOVER_MS = 60_000;
const HOURS = 3_600_000;
const YEARS = 365.25 * 24 * HOURS;
const THERE = { name: 'there', machine: 'machine-9', boot: 'boot-9' };

/** Looks that go on counting after whatever gap, by whatever clock. */
class Credulous extends SilenceWatch {
  readonly #uptimeMs: () => number;
  #beat = '';
  #from = 0;
  #looks = 0;
  constructor(uptimeMs: () => number) {
    super(uptimeMs);
    this.#uptimeMs = uptimeMs;
  }
  override look(_: string, beat: string): Silence {
    if (beat !== this.#beat) [this.#beat, this.#from, this.#looks] = [beat, this.#uptimeMs(), 0];
    return { silentForMs: this.#uptimeMs() - this.#from, looks: ++this.#looks, heard: false };
  }
}

/** What happens between two looks: to true time, to the uptime that I see, to the wall clocks; and whether the owner beats. */
const STEPS: readonly (readonly [
  string,
  { time: number; uptime?: number; asleep?: boolean; wall?: number },
])[] = [
  ['five seconds', { time: 5_000 }],
  ['five seconds', { time: 5_000 }],
  ['five seconds', { time: 5_000 }],
  ['a look at once', { time: 50 }],
  ['I stall', { time: 14_000 }],
  ['both machines sleep', { time: 8 * HOURS, asleep: true }],
  ['I sleep alone', { time: 8 * HOURS }],
  ['the uptime stands still', { time: 5_000, uptime: 0 }],
  ['the uptime goes back', { time: 5_000, uptime: -10_000 }],
  ['the uptime goes back very far', { time: 5_000, uptime: -YEARS }],
  ['the uptime jumps', { time: 5_000, uptime: 8 * HOURS }],
  ['wall clock ten years on', { time: 5_000, wall: 10 * YEARS }],
  ['wall clock ten years back', { time: 5_000, wall: -10 * YEARS }],
  ['wall clock a second back', { time: 5_000, wall: -1_000 }],
];

type Step = (typeof STEPS)[number];
/** The owner's disk hangs, and then both machines sleep: the longest silence of somebody who lives. */
const SLOW_THEN_ASLEEP: readonly Step[] = [
  ...[5_000, 50, 5_000, 50, 5_000].map((time): Step => ['the owner hangs', { time, asleep: true }]),
  ['both machines sleep', { time: 8 * HOURS, asleep: true }],
];

async function story(round: Round): Promise<Violation[]> {
  const { random, control } = round;
  const machine = makeMachine(round);
  const isElsewhere = random() < 0.6;
  const isEarlierBoot = isElsewhere && random() < 0.3;
  const owner = machine.boot({}, isEarlierBoot ? { boot: 'boot-1' } : isElsewhere ? THERE : {});
  const claim = await makeClaim(owner, machine);
  let wall = Date.UTC(2026, 0, 2);
  const me: World = { ...machine.boot(), now: () => new Date(wall) };
  const silence =
    control === 'silence is counted across gaps' ? new Credulous(me.uptimeMs) : new SilenceWatch(me.uptimeMs);
  const look = async (): Promise<Verdict['kind']> => {
    if (control === 'the age of a heartbeat is taken by the wall clock') {
      const lock = await readLock(me.files, machine.directory, 'fix.md');
      const at = lock.kind === 'claim' ? Date.parse(lock.heartbeat?.at ?? '') : wall;
      return me.now().getTime() - at > 30_000 ? 'dead' : 'alive';
    }
    const options = { silence, isInHand: () => false, takeoverAfterMs: TAKEOVER_MS };
    return (await judgeTask(me, machine.directory, 'fix.md', options)).kind;
  };
  const told: string[] = [];
  let beatAt = 0;
  let time = 0;
  const isFrozen = random() < 0.3;
  const beat = () => claim.lock.renew(new Date(isFrozen ? 0 : wall).toISOString());
  const found: Violation[] = [];
  const next: Step[] = [];
  for (let i = 0; i < 60 && found.length === 0; i++) {
    if (next.length === 0) next.push(...(random() < 0.1 ? SLOW_THEN_ASLEEP : [choose(random, STEPS)]));
    const [what, step] = next.shift() ?? choose(random, STEPS);
    told.push(what);
    time += step.time;
    machine.now += step.uptime ?? step.time;
    wall += step.wall ?? step.time;
    // Who was awake has beaten meanwhile; who has just woken beats within the next five seconds, not yet.
    if (!step.asleep && time - beatAt >= 5_000) {
      await beat();
      beatAt = time;
    }
    if (what !== 'five seconds' && what !== 'a look at once') round.injected('clock that lies, made up');
    if ((await look()) === 'dead')
      found.push(
        violation(
          'twice',
          `a living owner is judged dead: ${isElsewhere ? 'elsewhere' : 'here'}: ${told.join(', ')}`,
        ),
      );
  }
  // Now it dies. By a clock that is right again this is known, here at once, elsewhere after the silence.
  machine.kill(owner);
  let verdict = await look();
  for (let waited = 0; waited < TAKEOVER_MS + 30_000 && verdict !== 'dead'; waited += 5_000) {
    machine.now += 5_000;
    wall += 5_000;
    verdict = await look();
  }
  if (verdict !== 'dead')
    found.push(violation('hung', `a dead owner is ${verdict} for ever: ${told.join(', ')}`));
  await claim.close();
  return found;
}

/** The heartbeat of an owner that fences itself, its timer driven by hand. */
async function heartbeats(round: Round): Promise<Violation[]> {
  const { random } = round;
  const { setInterval: real } = globalThis;
  let tick: () => void = () => {};
  globalThis.setInterval = (beat: () => void) => {
    tick = beat;
    return real(() => {}, 2 ** 30).unref();
  };
  const found: Violation[] = [];
  try {
    const machine = makeMachine(round);
    const owner = machine.boot();
    const claim = await makeClaim(owner, machine);
    let wall = 0;
    let fails = false;
    let renewals = 0;
    let lost = 0;
    let renewing: Promise<unknown> = Promise.resolve();
    const lock = {
      renew: (at: string) => {
        renewals++;
        const renewed = fails ? Promise.reject(new Error('the disk')) : claim.lock.renew(at);
        renewing = renewed.catch(() => {});
        return renewed;
      },
    } as unknown as HeldLock;
    const heartbeat = startHeartbeat(
      { ...owner, now: () => new Date(wall) },
      lock,
      { onLost: () => void lost++, onTrouble: () => {} },
      TAKEOVER_MS / 2,
    );
    const beat = async () => {
      tick();
      await renewing;
      await new Promise((resolve) => setImmediate(resolve));
    };
    for (let i = 0; i < 30; i++) {
      const [, step] = choose(random, STEPS);
      machine.now += step.uptime ?? step.time;
      wall += step.wall ?? step.time;
      await beat();
      round.injected('clock that lies to a heartbeat');
    }
    if (lost > 0)
      found.push(violation('lost', 'an owner that renews its claim gives it up because of a clock'));
    if (renewals !== 30) found.push(violation('hung', `${renewals} renewals in 30 beats`));
    fails = true;
    for (let i = 0; i < 8; i++) {
      machine.now += 5_000;
      await beat();
    }
    if (lost !== 1)
      found.push(violation('twice', 'an owner that cannot renew its claim does not fence itself'));
    await heartbeat.stop();
    await claim.close();
  } finally {
    globalThis.setInterval = real;
  }
  return found;
}

const lyingClock = (random: () => number) => falseWitness({ CLOCK: String(pick(random, 2 ** 31)) });

/** Two terminals with clocks that contradict one another; one is killed; the attempt that hangs is timed out all the same. */
async function real(round: Round): Promise<Violation[]> {
  const { random } = round;
  const { bench, codex, start, started, calm } = await makeCliScene(round);
  for (const name of ['a.md', 'b.md', 'c.md']) await codex.task(name, 'hold=0.2');
  const one = start(['-c', '2'], { ...lyingClock(random), ...falseWitness({ SLEPT: '800' }) });
  await started(1);
  const two = start(['-c', '2', '--takeover-after', '60'], lyingClock(random));
  const found: Violation[] = [];
  if (random() < 0.5) {
    one.kill('SIGKILL');
    round.crashed('real', 'terminal with a false clock killed');
  }
  for (const run of [one, two]) {
    const { code, signal, stdout, stderr } = await run.ended();
    if (code !== 0 && signal === null) found.push(violation('lied', `${code}: ${stdout}${stderr}`));
  }
  round.injected('terminal with a false clock', 2);
  found.push(...(await calm()));
  await bench.write('../late/late.md', 'late until=never\n');
  const late = await bench.run(['--timeout', '1s'], {
    cwd: '../late',
    env: { ...codex.env, ...lyingClock(random), ...falseWitness({ SLEPT: '500' }) },
  });
  const log = await bench.read('../late/failed_exec_log-late.md.txt').catch(() => '');
  if (late.code !== 1 || !/^outcome: +failed: .*1(?:\.0)? ?s/m.test(log))
    found.push(
      violation('hung', `a timeout under a false clock: ${late.code}: ${late.stdout}${late.stderr}${log}`),
    );
  round.injected('timeout under a false clock');
  return found;
}

export const clock: Row = {
  name: 'clock',
  about:
    'wall clocks that jump ten years, uptimes that jump, stop and go back, machines that sleep, while owners live',
  share: 1,
  controls: {
    'silence is counted across gaps': 'twice',
    'the age of a heartbeat is taken by the wall clock': 'twice',
  },
  unavailable: () => Promise.resolve(missing()),
  round: async (round) => {
    const found: Violation[] = [];
    for (let i = 0; i < STORIES_A_ROUND; i++) found.push(...(await story(round)));
    if (round.control !== undefined) return found;
    return [...found, ...(await heartbeats(round)), ...(await real(round))];
  },
};
