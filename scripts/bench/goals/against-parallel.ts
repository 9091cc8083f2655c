import type { Bench } from '../bench.ts';
import { figureOf, hold } from '../contest.ts';
import { otherPeers, ours, OURS, parallel, PARALLEL } from '../contestants.ts';
import { limitAt, type Contest, type Findings, type Goal, type Limit } from '../goal.ts';
import { makeTasks } from '../task-directory.ts';

const CONCURRENCY = 8;
const limits: readonly Limit[] = [{ what: 'wall', atMost: 0.45, unit: `× ${PARALLEL}` }];

export const againstParallel: Goal = {
  number: 2,
  title: '1,000 empty tasks with full durable state, 8 at once',
  method:
    'A task is a tiny static program that reads its standard input to the end and writes one line. We claim, watch, log, sync and publish each; GNU parallel keeps a job log and the output of each (--joblog --results). xargs, make and ninja keep no more than an output file for each.',
  limits,
  needs: ['cc', 'parallel'],
  measure,
};

async function measure(bench: Bench): Promise<Findings> {
  const count = bench.size(1_000, 24);
  const contests: Contest[] = [];
  for (const place of bench.places) {
    const newTasks = () => makeTasks(bench, place, count);
    contests.push(
      await hold(bench, {
        title: `${count} empty tasks beside ${PARALLEL}`,
        place,
        reference: parallel(bench, newTasks, CONCURRENCY),
        contestants: [ours(bench, newTasks, CONCURRENCY), ...otherPeers(bench, newTasks, CONCURRENCY)],
        rounds: bench.rounds(5),
      }),
    );
  }
  return {
    figures: contests.map((contest) =>
      figureOf(limitAt(limits, 0), contest, OURS, (entry) => entry.wallRatio),
    ),
    contests,
    notes: [],
  };
}
