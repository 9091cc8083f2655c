import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from '../bench.ts';
import { productRun } from '../contestants.ts';
import { limitAt, type Findings, type Goal, type Limit } from '../goal.ts';
import { countNameCalls, TRACED } from '../name-calls.ts';
import { measure as measureRun } from '../measure.ts';
import { expectResults, isDone, makeTasks } from '../task-directory.ts';

const limits: readonly Limit[] = [
  { what: 'calls that create or delete a file or a name', atMost: 13, unit: 'per task' },
];

export const inodeCalls: Goal = {
  number: 10,
  title: 'system calls that create or delete a file or a name',
  method:
    'strace counts the successful ones of our process and of everything it starts, in two runs with different numbers of tasks; the difference, divided by the tasks there are more, is what one task costs. An open that may create counts as one that does. The limit is the least that the protocol allows: the lock file, the log, the prompt and the file of raw output are created (4), the lock, the mirror and the break right are names that are linked (3), the result is renamed (1), and the names of lock, right, mirror, prompt and the first name of the lock are removed (5).',
  limits,
  needs: ['cc', 'strace'],
  measure,
};

async function measure(bench: Bench): Promise<Findings> {
  const [few, many] = [bench.size(20, 3), bench.size(120, 13)];
  bench.say(`strace with ${few} and with ${many} tasks`);
  const before = await callsOf(bench, few);
  const after = await callsOf(bench, many);
  const rows = [...new Set([...before.keys(), ...after.keys()])]
    .sort()
    .map((what) => ({ what, n: ((after.get(what) ?? 0) - (before.get(what) ?? 0)) / (many - few) }))
    .filter(({ n }) => n !== 0);
  // to a tenth: what one run does once more than the other is a hundredth, and belongs to no task
  const total = Math.round(rows.reduce((sum, { n }) => sum + n, 0) * 10) / 10;
  return {
    figures: [
      {
        limit: limitAt(limits, 0),
        place: bench.mainPlace,
        value: { median: total, min: total, max: total },
      },
    ],
    contests: [],
    tables: [
      {
        title: 'per task: T is the task, X its claim, H a hash, ID a process',
        rows: [
          ['call', 'name', 'per task'],
          ...rows.map(({ what, n }) => [...what.split('\t'), Number(n.toFixed(2)).toString()]),
        ],
      },
    ],
    notes: [],
  };
}

async function callsOf(bench: Bench, count: number): Promise<Map<string, number>> {
  const tasks = makeTasks(bench, bench.mainPlace, count);
  const trace = join(tasks.root, 'trace');
  const run = productRun(bench, tasks, ['--concurrency', '4']);
  const strace = ['strace', '-f', '-qq', '-s', '4096', '-o', trace, '-e', `trace=${TRACED}`];
  await measureRun(
    bench,
    { ...run, argv: [...strace, ...run.argv], check: () => expectResults(tasks, isDone) },
    false,
  );
  return countNameCalls(readFileSync(trace, 'utf8'), tasks.directory);
}
