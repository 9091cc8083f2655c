/**
 * Races, found by going through all schedules: processes that meet at one dead claim, each stopped at each of its steps.
 * A round explores one play, or one slice of a large one; `systematic` rounds are all of them.
 *
 *   two processes     every interleaving of their system calls
 *   a death           every interleaving of two reapers, one of which dies anywhere; and of three, the first of which dies
 *                     at each of its steps, in which a process that can go on is interrupted at most once
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
/** No reaper makes more steps than that; a round in which one does says so. */
const MOST_STEPS = 26;
const SLICES = 8;

const sliced = (play: Play, of: number) =>
  Array.from({ length: of }, (_, index): Play => ({ ...play, slice: { index, of } }));

const CHUNKS: readonly Play[] = OUTCOMES.flatMap((outcome) => {
  const prepare = deadClaim(outcome);
  const pairs = [other, janitor, resetter, worker].map((second) => ({ prepare, cast: [reaper, second] }));
  const triples = [
    [other, third],
    [other, worker],
    [other, janitor],
    [other, resetter],
    [worker, janitor],
    [worker, resetter],
  ].map((rest) => ({ prepare, cast: [reaper, ...rest], preemptions: 2 }));
  const chain = (dies: number) => ({
    prepare,
    cast: [reaper, other, third],
    dies,
    deaths: 1,
    preemptions: 1,
  });
  return [
    ...pairs.flatMap((play) => sliced(play, 2)),
    ...sliced({ prepare, cast: [reaper, other], deaths: 1 }, 3),
    ...Array.from({ length: MOST_STEPS }, (_, dies) => chain(dies)),
    ...triples.flatMap((play) => sliced(play, SLICES)),
  ];
});

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
  const { kills, steps, violations } = await exploreAll(scratch, play);
  round.crashed('simulated', 'kill', kills);
  if (steps > MOST_STEPS && play.cast[0] === reaper && control === undefined)
    throw new Error(`a reaper made ${steps} steps: raise MOST_STEPS`);
  return [...violations];
}

export const reapers: Row = {
  name: 'reapers',
  about:
    'all schedules of the system calls of two or three processes at one dead claim, with deaths at every step',
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
