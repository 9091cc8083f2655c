import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLI, type Bench } from '../bench.ts';
import { figureOf, hold, type Contestant } from '../contest.ts';
import { productRun } from '../contestants.ts';
import { limitAt, type Findings, type Goal, type Limit } from '../goal.ts';
import { readStamps } from '../stamps.ts';
import { expectResults, isDone, makeTasks } from '../task-directory.ts';

const EMPTY = 'an empty Node start';
const FIRST = 'run, up to the first child';
const limits: readonly Limit[] = [
  { what: '--help', atMost: 1.25, unit: `× ${EMPTY}` },
  { what: '--version', atMost: 1.25, unit: `× ${EMPTY}` },
  { what: FIRST, atMost: 1.6, unit: `× ${EMPTY}` },
];

export const startUp: Goal = {
  number: 6,
  title: 'start-up',
  method:
    'Beside `node empty.js`, from before it is spawned to its end. For a run, in a directory with one pending task: from before it is spawned to the first thing that the child does; the rest of that run is not counted.',
  limits,
  needs: ['cc'],
  measure,
};

async function measure(bench: Bench): Promise<Findings> {
  const cwd = bench.newDirectory(bench.mainPlace);
  const empty = join(cwd, 'empty.js');
  writeFileSync(empty, '');
  const node = (name: string, kind: 'ours' | 'limit', ...args: string[]): Contestant => ({
    name,
    kind,
    prepare: () => ({ argv: [process.execPath, ...args], cwd }),
  });
  const contest = await hold(bench, {
    title: 'start-up',
    place: undefined,
    reference: node(EMPTY, 'limit', empty),
    contestants: [
      node('--help', 'ours', CLI, '--help'),
      node('--version', 'ours', CLI, '--version'),
      firstChild(bench),
    ],
    rounds: bench.rounds(15),
  });
  return {
    figures: limits.map((limit, i) =>
      figureOf(limitAt(limits, i), contest, limit.what, (entry) => entry.wallRatio),
    ),
    contests: [contest],
    notes: [],
  };
}

const firstChild = (bench: Bench): Contestant => ({
  name: FIRST,
  kind: 'ours',
  prepare: () => {
    const tasks = makeTasks(bench, bench.mainPlace, 1);
    const stamps = join(tasks.root, 'stamps');
    const run = productRun(bench, tasks, []);
    return {
      ...run,
      env: { ...run.env, BENCH_STAMPS: stamps },
      check: (cost) => {
        expectResults(tasks, isDone);
        const [first] = readStamps(readFileSync(stamps, 'utf8')).starts;
        if (first === undefined) throw new Error('the child left no stamp');
        return {
          ...cost,
          wallMs: Number(first - cost.startedAtNs) / 1e6,
          cpuMs: undefined,
          peakMb: undefined,
        };
      },
    };
  },
});
