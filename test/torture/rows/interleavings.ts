/**
 * Races, found by chance: seeded schedules of made-up processes on a real directory, one system call a turn, killed in
 * between (test/torture/simulation). Each round runs all plans.
 */
import { violation, type Violation } from '../../rig/violation.ts';
import type { Round, Row } from '../row.ts';
import { randomSchedule, type Plan, type Weakened } from '../simulation/random-schedule.ts';
import { ofAll, ofTheJanitor } from '../simulation/weakened.ts';

const PLANS: Readonly<Record<string, Plan>> = {
  'two workers, four kills': { workers: 2, kills: 4 },
  'three workers, two kills': { workers: 3, kills: 2 },
  'three workers and a janitor, three kills': { workers: 3, kills: 3, janitor: true },
  'three workers without hard links': { workers: 3, kills: 0, hardLinks: false },
  'agents that fail, three kills': { workers: 3, kills: 3, failures: true },
  'an earlier failure, agents that fail, and a janitor': {
    workers: 2,
    kills: 3,
    failures: true,
    priorFailure: true,
    janitor: true,
  },
  'owner after owner dies': { workers: 2, kills: 8, failures: true },
  'resets beside workers': { workers: 2, kills: 2, failures: true, resets: 3 },
  'resets of an earlier failure, and a janitor': {
    workers: 2,
    kills: 2,
    priorFailure: true,
    resets: 3,
    janitor: true,
  },
  'owners killed by a person': { workers: 2, kills: 1, failures: true, cleans: 3 },
  'a person kills, another resets, a janitor': { workers: 2, kills: 1, cleans: 2, resets: 2, janitor: true },
};
const SCHEDULES_OF_EACH = 40;

async function round(round: Round): Promise<Violation[]> {
  const { seed, scratch, control } = round;
  const weakened: Weakened = {
    ...(control !== undefined && control in ofAll ? { all: ofAll[control as keyof typeof ofAll] } : {}),
    ...(control !== undefined && control in ofTheJanitor
      ? { janitor: ofTheJanitor[control as keyof typeof ofTheJanitor] }
      : {}),
  };
  const violations: Violation[] = [];
  for (let i = 0; i < SCHEDULES_OF_EACH; i++) {
    for (const [name, plan] of Object.entries(PLANS)) {
      if (control !== undefined && plan.hardLinks === false) continue; // the controls weaken link(2)
      const course = await randomSchedule(scratch, plan, weakened, seed + i);
      round.crashed('simulated', 'kill', course.kills);
      round.injected('reset', course.resets);
      for (const { kind, what } of course.violations)
        violations.push(violation(kind, `${what} (${name}, schedule ${i})`));
      if (control !== undefined && violations.some(({ kind }) => kind === interleavings.controls[control]))
        return violations;
    }
  }
  return violations;
}

export const interleavings: Row = {
  name: 'interleavings',
  about:
    'workers, reapers, janitor, reset and clean --kill in random schedules of their system calls, with kills',
  isMadeUp: true,
  share: 1,
  controls: {
    'no rights': 'lied',
    'no second read of the lock': 'lied',
    'right dropped before the lock': 'twice',
    'right of a living holder passes on': 'twice',
    'publishing without a look at the running log': 'lost',
    'no second look after the claim': 'twice',
    'janitor of logs ignores the temporary file': 'lost',
  },
  round,
};
