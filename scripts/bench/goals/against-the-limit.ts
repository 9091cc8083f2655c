import type { Bench } from '../bench.ts';
import { figureOf, hold } from '../contest.ts';
import { limit, LIMIT, otherPeers, ours, OURS } from '../contestants.ts';
import { limitAt, type Contest, type Figure, type Findings, type Goal, type Limit } from '../goal.ts';
import { makeTasks } from '../task-directory.ts';

const CONCURRENCY = 8;
const limits: readonly Limit[] = [
  { what: 'wall', atMost: 2.5, unit: `× ${LIMIT}` },
  { what: 'CPU', atMost: 4, unit: `× ${LIMIT}` },
  { what: 'wall per task, of 10,000', atMost: 1.1, unit: '× that of 1,000' },
  { what: 'CPU per task, of 10,000', atMost: 1.1, unit: '× that of 1,000' },
];

export const againstTheLimit: Goal = {
  number: 3,
  title: 'the same beside the physical limit, and ten times as many',
  method:
    'The limit is a loop in C around posix_spawn: 8 children at a time, standard input from the task file, output into a file, no state at all. Then ten times as many tasks, beside the first number, cost per task.',
  limits,
  needs: ['cc'],
  measure,
};

async function measure(bench: Bench): Promise<Findings> {
  const count = bench.size(1_000, 24);
  const contests: Contest[] = [];
  const figures: Figure[] = [];
  for (const place of bench.places) {
    const newTasks = () => makeTasks(bench, place, count);
    const beside = await hold(bench, {
      title: `${count} empty tasks beside the limit`,
      place,
      reference: limit(bench, newTasks, CONCURRENCY),
      contestants: [ours(bench, newTasks, CONCURRENCY), ...otherPeers(bench, newTasks, CONCURRENCY)],
      rounds: bench.rounds(5),
    });
    const manyTasks = () => makeTasks(bench, place, bench.size(10_000, 48));
    const few = `${OURS}, ${count} tasks`;
    const many = `${OURS}, ${bench.size(10_000, 48)} tasks`;
    const grown = await hold(bench, {
      title: 'the cost of one task, as there are more',
      place,
      reference: { ...ours(bench, newTasks, CONCURRENCY), name: few, per: count },
      contestants: [{ ...ours(bench, manyTasks, CONCURRENCY), name: many, per: bench.size(10_000, 48) }],
      rounds: bench.rounds(3),
    });
    contests.push(beside, grown);
    figures.push(
      figureOf(limitAt(limits, 0), beside, OURS, (entry) => entry.wallRatio),
      figureOf(limitAt(limits, 1), beside, OURS, (entry) => entry.cpuRatio),
      figureOf(limitAt(limits, 2), grown, many, (entry) => entry.wallRatio),
      figureOf(limitAt(limits, 3), grown, many, (entry) => entry.cpuRatio),
    );
  }
  return { figures, contests, notes: [] };
}
