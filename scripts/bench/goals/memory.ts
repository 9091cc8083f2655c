import type { Bench } from '../bench.ts';
import { figureOf, hold } from '../contest.ts';
import { ours } from '../contestants.ts';
import { limitAt, type Findings, type Goal, type Limit } from '../goal.ts';
import { spread } from '../statistics.ts';
import { makeTasks } from '../task-directory.ts';

const limits: readonly Limit[] = [
  { what: 'peak memory, concurrency 32', atMost: 110, unit: 'MB' },
  { what: 'peak memory, concurrency 256', atMost: 1.5, unit: '× that at concurrency 32' },
];
const FEW = 'concurrency 32';
const MANY = 'concurrency 256';

export const memory: Goal = {
  number: 8,
  title: 'peak memory of our process, 10,000 tasks',
  method:
    'The largest resident set of our process, as the kernel kept it (wait4). MB are 10^6 bytes. Its children are tiny; those of real tasks are Codex processes and are counted by goal 1.',
  limits,
  needs: ['cc'],
  measure,
};

async function measure(bench: Bench): Promise<Findings> {
  const count = bench.size(10_000, 48);
  const newTasks = () => makeTasks(bench, bench.mainPlace, count);
  const contest = await hold(bench, {
    title: `${count} empty tasks, largest resident set`,
    place: bench.mainPlace,
    reference: { ...ours(bench, newTasks, 32), name: FEW },
    contestants: [{ ...ours(bench, newTasks, 256), name: MANY }],
    rounds: bench.rounds(3),
    about: 'memory',
  });
  const figures = [
    figureOf(limitAt(limits, 0), contest, FEW, ({ peakMb }) =>
      peakMb === undefined ? undefined : spread([peakMb]),
    ),
    figureOf(limitAt(limits, 1), contest, MANY, (entry) => entry.peakRatio),
  ];
  return { figures, contests: [contest], notes: [] };
}
