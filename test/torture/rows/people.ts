/**
 * People, while terminals work: reset, clean in all its forms, status; logs, mirrors, results and the private folder
 * removed by hand; task files edited, deleted, renamed, emptied, replaced by a link to a file outside, a pipe, a
 * directory. Whatever they do, everything is done in the end that is there to be done, and a link is never followed.
 *
 * `rm .lock-T` takes the ground from under the protocol, as documented: two agents may overlap until the owner notices.
 * So it is done in rounds of its own, in which overlaps are excused and everything else is not.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Violation } from '../../rig/violation.ts';
import { choose, pick, type Round, type Row } from '../row.ts';
import { COMMANDS, Hands, wrongStatus, type Command, type Deed } from '../hands.ts';
import { needsOracle, Terminals } from '../terminals.ts';

const TASKS = 10;
const TERMINALS = 2;
const LASTS_MS = 4_000;

interface Plan {
  readonly deeds: readonly Deed[];
  readonly commands: readonly Command[];
  /** A command is a process that starts; a deed costs nothing. */
  readonly commandChance: number;
}

const ON_TASKS: readonly Deed[] = [
  ...(['edit', 'edit', 'edit', 'delete', 'rename', 'empty', 'link', 'pipe', 'directory'] as const),
  ...(['restore', 'restore', 'restore'] as const),
  // What root may not read there is not.
  ...(process.getuid?.() === 0 ? [] : (['unreadable'] as const)),
];
const HARMLESS: readonly Deed[] = [...ON_TASKS, 'rm result', 'rm result', 'rm mirror', 'kill -9'];
const PLANS: readonly Plan[] = [
  { deeds: HARMLESS, commands: COMMANDS, commandChance: 0.15 },
  { deeds: [...HARMLESS, 'rm private', 'rm private', 'rm private'], commands: COMMANDS, commandChance: 0.15 },
  { deeds: [...HARMLESS, 'rm lock', 'rm lock', 'rm lock'], commands: COMMANDS, commandChance: 0.15 },
];
const CONTROLS: Readonly<Record<string, Plan>> = {
  'no-follow': { deeds: ['link'], commands: ['status'], commandChance: 0 },
  janitor: { deeds: ['edit', 'kill -9'], commands: ['clean'], commandChance: 0.02 },
};

async function round(round: Round): Promise<Violation[]> {
  const { random, control, index } = round;
  const terminals = await Terminals.open(round);
  const plan =
    (control === undefined ? PLANS[index % PLANS.length] : CONTROLS[control]) ?? choose(random, PLANS);
  const hands = await Hands.make(terminals);
  for (let i = 0; i < TASKS; i++) await hands.writeTask(`task-${i}.md`);
  const work = () => terminals.start(['-c', String(2 + pick(random, 2))]);
  for (let i = 0; i < TERMINALS; i++) work();
  const workers = () => terminals.living.filter((run) => !hands.commands.has(run));
  // On a busy machine a terminal takes its time to start, and nothing would happen to one that works.
  await terminals.bench.until('an agent works', async () => (await terminals.starts()) > 0);
  const deadline = performance.now() + LASTS_MS;
  while (performance.now() < deadline) {
    await sleep(10 + pick(random, 70));
    if (workers().length < TERMINALS) work();
    if (random() < plan.commandChance && hands.runningCommands < 2)
      await hands.command(choose(random, plan.commands));
    else await hands.deed(choose(random, plan.deeds));
  }
  const removesLocks = plan.deeds.includes('rm lock');
  const found = await terminals.judge({
    first: () => hands.restoreAll(),
    absent: hands.absent,
    removed: hands.removedClaims,
    wasReset: true,
    meddled: removesLocks || plan.deeds.includes('rm private'),
    excuse: ({ kind, what }) =>
      removesLocks &&
      (/^(?:overlap|start-after-done) /.test(what) ||
        (kind === 'double' && what.startsWith('a second result'))),
  });
  for (const run of terminals.running) {
    const end = await run.ended();
    if (end.signal === 'SIGKILL')
      round.crashed('real', 'SIGKILL of a terminal, by hand, clean --kill or reset --kill');
  }
  for (const [command, run] of hands.statuses) found.push(...wrongStatus(command, await run.ended()));
  found.push(...(await hands.wrongOutside()));
  return found;
}

export const people: Row = {
  name: 'people',
  about: 'reset, clean, status, rm and edits of everything by hand while terminals work',
  share: 1,
  systematic: PLANS.length,
  controls: { 'no-follow': 'lied', janitor: 'left' },
  unavailable: needsOracle,
  round,
};
