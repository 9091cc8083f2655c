import type { Bench } from '../bench.ts';
import { completedDirectory } from '../completed-directory.ts';
import { figureOf, hold } from '../contest.ts';
import { productRun } from '../contestants.ts';
import { limitAt, type Contest, type Findings, type Goal, type Limit } from '../goal.ts';
import { COMPLETED, oursWithNothingToDo } from './nothing-to-do.ts';

const STATUS = 'codex-worker status';
const limits: readonly Limit[] = [
  { what: 'wall of status', atMost: 1.2, unit: '× a run with nothing to do' },
];

export const status: Goal = {
  number: 5,
  title: 'status of 100,000 completed tasks',
  method: 'The same directory, beside our own run that finds nothing to do in it.',
  limits,
  needs: ['cc'],
  measure,
};

async function measure(bench: Bench): Promise<Findings> {
  const contests: Contest[] = [];
  for (const place of bench.places) {
    const tasks = completedDirectory(bench, place, bench.size(COMPLETED.full, COMPLETED.quick));
    const { garbage: _, ...run } = productRun(bench, tasks, ['status']);
    contests.push(
      await hold(bench, {
        title: `status of ${tasks.count} completed tasks`,
        place,
        reference: oursWithNothingToDo(bench, tasks),
        contestants: [{ name: STATUS, kind: 'ours', prepare: () => run }],
        rounds: bench.rounds(5),
      }),
    );
  }
  return {
    figures: contests.map((contest) =>
      figureOf(limitAt(limits, 0), contest, STATUS, (entry) => entry.wallRatio),
    ),
    contests,
    notes: [],
  };
}
