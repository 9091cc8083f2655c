import { readFileSync } from 'node:fs';
import type { Bench } from '../bench.ts';
import { completedDirectory, prepareNinja, type CompletedTasks } from '../completed-directory.ts';
import { figureOf, hold, type Contestant } from '../contest.ts';
import { OURS, PARALLEL, parallelSettings, parallelWords, productRun } from '../contestants.ts';
import {
  limitAt,
  type Contest,
  type Figure,
  type Findings,
  type Goal,
  type Limit,
  type Place,
} from '../goal.ts';
import { expectResults, isDone } from '../task-directory.ts';

const NINJA = 'ninja, nothing to do';
const RESUME = 'parallel --resume';
const limits: readonly Limit[] = [
  { what: 'wall', atMost: 1, unit: "× ninja's no-op" },
  { what: 'wall', atMost: 0.35, unit: `× ${RESUME}` },
];

export const COMPLETED = { full: 100_000, quick: 400 };

export const nothingToDo: Goal = {
  number: 4,
  title: 'nothing to do: 100,000 completed tasks',
  method:
    'One directory with 300,000 names: the tasks, our results, and an output of each that ninja made. We look for tasks and find them all completed; ninja compares the times of all files; GNU parallel reads a job log of 100,000 jobs. The least that anybody could do is to read the names once, in C.',
  limits,
  needs: ['cc'],
  measure,
};

/** Our run in a directory where everything is done. */
export function oursWithNothingToDo(bench: Bench, tasks: CompletedTasks): Contestant {
  const { garbage: _, ...run } = productRun(bench, tasks, []);
  return {
    name: OURS,
    kind: 'ours',
    prepare: () => ({ ...run, check: () => expectResults(tasks, isDone) }),
  };
}

async function measure(bench: Bench): Promise<Findings> {
  const contests: Contest[] = [];
  const figures: Figure[] = [];
  const notes = ['make is left out: its no-op takes minutes with so many targets.'];
  for (const place of bench.places) {
    const tasks = completedDirectory(bench, place, bench.size(COMPLETED.full, COMPLETED.quick));
    const beside = (title: string, reference: Contestant, more: readonly Contestant[] = []) =>
      hold(bench, {
        title: `${tasks.count} completed tasks beside ${title}`,
        place,
        reference,
        contestants: [oursWithNothingToDo(bench, tasks), ...more],
        rounds: bench.rounds(5),
      });
    if (bench.has('ninja')) {
      const contest = await beside('ninja', ninja(tasks, prepareNinja(bench, tasks)), [names(bench, tasks)]);
      contests.push(contest);
      figures.push(figureOf(limitAt(limits, 0), contest, OURS, (entry) => entry.wallRatio));
    } else figures.push(missing(limitAt(limits, 0), place, 'ninja is not installed'));
    if (bench.has('parallel')) {
      const contest = await beside(PARALLEL, resume(bench, tasks));
      contests.push(contest);
      figures.push(figureOf(limitAt(limits, 1), contest, OURS, (entry) => entry.wallRatio));
    } else figures.push(missing(limitAt(limits, 1), place, 'parallel is not installed'));
  }
  return { figures, contests, notes };
}

const missing = (limit: Limit, place: Place, why: string): Figure => ({
  limit,
  place,
  value: undefined,
  why,
});

const ninja = ({ directory, root }: CompletedTasks, buildFile: string): Contestant => ({
  name: NINJA,
  kind: 'peer',
  prepare: () => {
    const logBefore = readFileSync(`${root}/.ninja_log`);
    const check = () => {
      // it appends a line for each target that it makes
      if (!readFileSync(`${root}/.ninja_log`).equals(logBefore)) throw new Error('ninja had something to do');
    };
    return { argv: ['ninja', '-f', buildFile], cwd: directory, check };
  },
});

const names = ({ programs }: Bench, { directory }: CompletedTasks): Contestant => ({
  name: 'C readdir loop',
  kind: 'limit',
  prepare: () => ({ argv: [programs.list, directory], cwd: directory }),
});

const resume = ({ programs }: Bench, tasks: CompletedTasks): Contestant => ({
  name: RESUME,
  kind: 'peer',
  prepare: () => {
    const before = readFileSync(tasks.joblog);
    return {
      argv: [
        ...parallelWords({ concurrency: 8, joblog: tasks.joblog, names: tasks.names }),
        '--resume',
        `${programs.task} < {}`,
      ],
      cwd: tasks.directory,
      env: parallelSettings(tasks.root),
      check: () => {
        if (!readFileSync(tasks.joblog).equals(before)) throw new Error('parallel had something to do');
      },
    };
  },
});
