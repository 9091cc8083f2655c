import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench } from '../bench.ts';
import { figureOf, hold, type Contestant } from '../contest.ts';
import { ours, productRun } from '../contestants.ts';
import { limitAt, type Contest, type Figure, type Findings, type Goal, type Limit } from '../goal.ts';
import { measure as measureRun, type Run } from '../measure.ts';
import { spread } from '../statistics.ts';
import { expectResults, isDone, makeTasks, type Tasks } from '../task-directory.ts';

const TERMINALS = 8;
const ONE = `1 terminal × ${TERMINALS}`;
const EIGHT = `${TERMINALS} terminals × 1`;
const limits: readonly Limit[] = [
  { what: 'lost claim attempts', atMost: 0.2, unit: 'per task' },
  { what: `wall of ${EIGHT}`, atMost: 1.25, unit: `× ${ONE}` },
];

export const terminals: Goal = {
  number: 9,
  title: '8 terminals on one directory of 10,000 tasks',
  method:
    'Eight runs that are started at the same moment, one task at a time each, beside one run with eight at a time. A lost claim attempt is a link(2) to the name of a lock that fails because another terminal was faster, or a claim that was made in vain, because another terminal had completed the task meanwhile. They are counted in a run of its own, by a preload that sees the calls of every thread.',
  limits,
  needs: ['cc'],
  measure,
};

/** Starts the command after the first argument so many times, and waits for each. */
const START_ALL =
  'n=$1; shift; while [ "$n" -gt 0 ]; do "$@" & pids="$pids $!"; n=$((n-1)); done; code=0; for pid in $pids; do wait "$pid" || code=1; done; exit "$code"';

function allTerminals(bench: Bench, tasks: Tasks): Run {
  const run = productRun(bench, tasks, []);
  return {
    ...run,
    argv: ['sh', '-c', START_ALL, 'terminals', String(TERMINALS), ...run.argv],
    check: () => expectResults(tasks, isDone),
  };
}

async function measure(bench: Bench): Promise<Findings> {
  const contests: Contest[] = [];
  const figures: Figure[] = [];
  const rows = [
    ['place', 'tasks', 'claims', 'of those in vain', 'lost to another', 'in vain or lost, per task'],
  ];
  const count = bench.size(10_000, 32);
  for (const place of bench.placesIfThereIsTime) {
    const newTasks = () => makeTasks(bench, place, count);
    const eight: Contestant = {
      name: EIGHT,
      kind: 'ours',
      prepare: () => allTerminals(bench, newTasks()),
    };
    const contest = await hold(bench, {
      title: `${count} empty tasks, ${EIGHT}`,
      place,
      reference: { ...ours(bench, newTasks, TERMINALS), name: ONE },
      contestants: [eight],
      rounds: bench.rounds(place === 'disk' ? 2 : 3),
    });
    contests.push(contest);
    bench.say(`counts claims (${place})`);
    const { won, lost } = await countClaims(bench, newTasks());
    const perTask = (won - count + lost) / count;
    rows.push([place, ...[count, won, won - count, lost].map(String), perTask.toFixed(3)]);
    figures.push(
      { limit: limitAt(limits, 0), place, value: spread([perTask]) },
      figureOf(limitAt(limits, 1), contest, EIGHT, (entry) => entry.wallRatio),
    );
  }
  return { figures, contests, tables: [{ title: 'claims of all terminals', rows }], notes: [] };
}

/** Claims of one run. Throws when there were fewer than tasks: then the preload did not see them all. */
async function countClaims(bench: Bench, tasks: Tasks): Promise<{ won: number; lost: number }> {
  const preload = fileURLToPath(new URL('../count-claims.mjs', import.meta.url));
  const trace = join(tasks.root, 'claims');
  const run = allTerminals(bench, tasks);
  const env = { ...run.env, NODE_OPTIONS: `--import=${preload}`, BENCH_CLAIMS: trace };
  await measureRun(bench, { ...run, env }, false);
  const seen = readFileSync(trace, 'utf8').split('\n');
  const count = (word: string) => seen.filter((line) => line === word).length;
  const claims = { won: count('won'), lost: count('lost') };
  if (claims.won < tasks.count) throw new Error(`${claims.won} claims were seen for ${tasks.count} tasks`);
  return claims;
}
