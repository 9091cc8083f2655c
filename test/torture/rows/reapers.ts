/**
 * Races, found by going through all schedules: processes that meet at one dead claim, each stopped at each of its steps.
 * A round explores one play, or one slice of a large one; `systematic` rounds are all of them.
 *
 *   two processes     every interleaving of their system calls
 *   deaths            every interleaving of two reapers of which one or both die, anywhere; and of three the first of which
 *                     dies at each of its steps and another anywhere, each going on until it ends, waits or dies
 *   three processes   every interleaving in which a process that can go on is interrupted at most twice
 */
import type { OutcomeRecord } from '../../../src/core/claim.ts';
import type { Violation } from '../../rig/violation.ts';
import { failed, makeClaim, type Machine } from '../../engine/machine.ts';
import type { Round, Row } from '../row.ts';
import { exploreAll, type Part, type Play } from '../simulation/all-schedules.ts';
import { keepTidy, reapOnce, reset, work } from '../simulation/lives.ts';
import type { Observer } from '../simulation/observer.ts';
import { failedLog } from '../simulation/random-schedule.ts';
import { syncFiles } from '../simulation/turns.ts';
import { ofAll, ofTheJanitor } from '../simulation/weakened.ts';

/** A claim whose owner died: before it recorded an outcome, or after. */
const deadClaim =
  (outcome?: OutcomeRecord['outcome']) =>
  async (machine: Machine, observer: Observer): Promise<void> => {
    const owner = machine.boot(syncFiles);
    if (outcome === 'failed') machine.write(failed, failedLog());
    const claim = await makeClaim(owner, machine, outcome ? { outcome } : {});
    observer.agentStarts(owner, claim.id);
    observer.agentEnds(owner);
    await claim.close();
    machine.kill(owner);
  };

const reaper: Part = { name: 'reaper', story: reapOnce };
const other: Part = { name: 'other reaper', story: reapOnce };
const third: Part = { name: 'third reaper', story: reapOnce };
const worker: Part = { name: 'worker', story: (world, scene) => work(world, scene) };
const janitor: Part = { name: 'janitor', story: (world, scene) => keepTidy(world, scene, 1) };
const resetter: Part = { name: 'reset', story: async (world, scene) => void (await reset(world, scene)) };

const OUTCOMES = [undefined, 'done', 'failed'] as const;
/** A reaper that nobody keeps waiting makes fewer. */
const MOST_STEPS = 26;
const SLICES = 16;

const sliced = (play: Play, of: number) =>
  Array.from({ length: of }, (_, index): Play => ({ ...play, slice: { index, of } }));

const TRIPLES = [
  [other, third],
  [other, worker],
  [other, janitor],
  [other, resetter],
  [worker, janitor],
  [worker, resetter],
].map((rest) => [reaper, ...rest]);

/** The small plays first, for a run that has not the time for all. */
const CHUNKS: readonly Play[] = [
  ...OUTCOMES.map(deadClaim).flatMap((prepare) => [
    ...[other, janitor, resetter].map((second) => ({ prepare, cast: [reaper, second] })),
    ...sliced({ prepare, cast: [reaper, worker] }, 2),
    ...sliced({ prepare, cast: [reaper, other], deaths: 2 }, 3),
    ...TRIPLES.map((cast) => ({ prepare, cast, preemptions: 1 })),
  ]),
  ...OUTCOMES.map(deadClaim).flatMap((prepare) =>
    Array.from({ length: MOST_STEPS }, (_, dies) => ({
      prepare,
      cast: [reaper, other, third],
      dies,
      deaths: 1,
      preemptions: 0,
    })),
  ),
  ...OUTCOMES.map(deadClaim).flatMap((prepare) =>
    TRIPLES.flatMap((cast) => sliced({ prepare, cast, preemptions: 2 }, SLICES)),
  ),
];

function weakened(part: Part, guard: keyof typeof ofAll): Part {
  return { ...part, weaken: ofAll[guard] };
}

/** Only one of the two has lost the guard, so that what is found is the race and not that it trips over itself. */
function beside(...cast: readonly Part[]): Play {
  return { prepare: deadClaim(), cast, preemptions: 2 };
}

const LOCKS_FIRST = 'janitor reads the lock before it lists the rights';
const CONTROLS: Readonly<Record<string, Play>> = {
  'no rights': beside(weakened(reaper, 'no rights'), worker),
  'no second read of the lock': beside(weakened(reaper, 'no second read of the lock'), worker),
  'right dropped before the lock': beside(weakened(reaper, 'right dropped before the lock'), worker),
  'right of a living holder passes on': beside(
    reaper,
    weakened(worker, 'right of a living holder passes on'),
  ),
  'publishing without a look at the running log': {
    prepare: deadClaim('failed'),
    cast: [reaper, weakened(other, 'publishing without a look at the running log')],
    deaths: 1,
  },
  [LOCKS_FIRST]: beside(reaper, worker, { ...janitor, weaken: ofTheJanitor[LOCKS_FIRST] }),
};

async function round(round: Round): Promise<Violation[]> {
  const { index, scratch, control } = round;
  const play = control === undefined ? CHUNKS[index % CHUNKS.length] : CONTROLS[control];
  if (!play) throw new Error(`no play for ${control ?? index}`);
  const { kills, violations } = await exploreAll(scratch, play);
  round.crashed('simulated', 'kill', kills);
  return [...violations];
}

export const reapers: Row = {
  name: 'reapers',
  about:
    'all schedules of the system calls of two or three processes at one dead claim, with deaths at every step',
  isMadeUp: true,
  share: 1,
  systematic: CHUNKS.length,
  controls: {
    'no rights': 'lied',
    'no second read of the lock': 'lied',
    'right dropped before the lock': 'lied',
    'right of a living holder passes on': 'lied',
    'publishing without a look at the running log': 'lost',
    'janitor reads the lock before it lists the rights': 'lied',
  },
  round,
};
