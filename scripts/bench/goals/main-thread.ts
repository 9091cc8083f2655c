import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync, closeSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { plainEnvironment, type Bench } from '../bench.ts';
import { productRun } from '../contestants.ts';
import { measure as run } from '../measure.ts';
import { limitAt, type Figure, type Findings, type Goal, type Limit } from '../goal.ts';
import { readStamps } from '../stamps.ts';
import { spread } from '../statistics.ts';
import { isDone, makeTasks } from '../task-directory.ts';
import { delaysBetween, percentile, type Delay } from '../delays.ts';

const CHILDREN = 32;
const PATIENCE_MS = 120_000;
/** By then a Node process that does nothing has started. */
const SETTLE_MS = 1_000;
const PRELOAD = fileURLToPath(new URL('../note-delays.mjs', import.meta.url));
const limits: readonly Limit[] = [
  { what: 'p99, 32 tasks', atMost: 10, unit: 'ms' },
  { what: 'max, 32 tasks', atMost: 30, unit: 'ms' },
  { what: 'p99, 100,000 tasks found', atMost: 10, unit: 'ms' },
  { what: 'max, 100,000 tasks found', atMost: 30, unit: 'ms' },
];

export const mainThread: Goal = {
  number: 7,
  title: 'how long the main thread is blocked while 32 children start and print',
  method:
    'A timer of 1 ms in the main thread notes how late each of its ticks is, from the moment the first running log appears to the last word of the last child. Each child prints a line every 10 ms for a second. What is shown is the time between two ticks, with nothing subtracted: 1 ms is the best there is, and where there are fewer cores than children that print, it holds waiting for a core as well: the last row of the table shows how much of it, by a Node process that does nothing beside the same children of a loop in C. With 100,000 tasks found, the run is told to stop when 32 children have started.',
  limits,
  needs: ['cc'],
  measure,
};

async function measure(bench: Bench): Promise<Findings> {
  const figures: Figure[] = [];
  const rows: string[][] = [['tasks found', 'place', 'run', 'ticks', 'median ms', 'p99 ms', 'max ms']];
  for (const place of bench.placesIfThereIsTime) {
    for (const [i, count] of [CHILDREN, bench.size(100_000, 300)].entries()) {
      const runs: { p99: number; max: number }[] = [];
      const rounds = bench.rounds(3);
      for (let round = 1; round <= rounds; round++) {
        bench.say(`main thread with ${count} tasks (${place}): round ${round} of ${rounds}`);
        const delays = (await watchOneRun(bench, place, count)).map(({ ms }) => ms);
        const worst = { p99: percentile(delays, 0.99), max: Math.max(...delays) };
        runs.push(worst);
        const cells = [percentile(delays, 0.5), worst.p99, worst.max].map((ms) => ms.toFixed(1));
        rows.push([count.toLocaleString('en'), place, String(round), String(delays.length), ...cells]);
      }
      figures.push(
        { limit: limitAt(limits, 2 * i), place, value: spread(runs.map(({ p99 }) => p99)) },
        { limit: limitAt(limits, 2 * i + 1), place, value: spread(runs.map(({ max }) => max)) },
      );
    }
  }
  const idle = (await watchAnIdleProcess(bench)).map(({ ms }) => ms);
  const cells = [percentile(idle, 0.5), percentile(idle, 0.99), Math.max(...idle)].map((ms) => ms.toFixed(1));
  rows.push(['idle Node, children of the C loop', bench.mainPlace, '1', String(idle.length), ...cells]);
  return { figures, contests: [], tables: [{ title: 'time between two ticks of 1 ms', rows }], notes: [] };
}

/** Ticks of the main thread while the children of one run started and printed. */
async function watchOneRun(bench: Bench, place: 'tmpfs' | 'disk', count: number): Promise<Delay[]> {
  const tasks = makeTasks(bench, place, count);
  const [trace, stamps, errors] = ['trace', 'stamps', 'errors'].map((name) => join(tasks.root, name));
  if (trace === undefined || stamps === undefined || errors === undefined) throw new Error('no names');
  const { argv, env, cwd } = productRun(bench, tasks, ['--concurrency', String(CHILDREN)]);
  const [node = '', ...args] = argv;
  const stderr = openSync(errors, 'w');
  const child = spawn(node, args, {
    cwd,
    env: {
      ...plainEnvironment(),
      ...env,
      NODE_OPTIONS: `--import=${PRELOAD}`,
      BENCH_DELAYS: trace,
      BENCH_STAMPS: stamps,
      BENCH_SPEAK_MS: String(bench.size(1_000, 300)),
    },
    stdio: ['ignore', 'ignore', stderr],
  });
  closeSync(stderr);
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const deadline = performance.now() + PATIENCE_MS;
  const stampsNow = () => readStamps(existsSync(stamps) ? readFileSync(stamps, 'utf8') : '');
  while (stampsNow().starts.length < CHILDREN && child.exitCode === null && performance.now() < deadline)
    await sleep(20);
  if (count > CHILDREN) child.kill('SIGINT'); // those that run finish, no new ones start
  const [code] = await ended;
  const { starts, ends } = stampsNow();
  const expected = count > CHILDREN ? 130 : 0;
  const last = ends.at(-1);
  if (code !== expected || starts.length < CHILDREN || last === undefined)
    throw new Error(
      `the run ended with ${code}, ${starts.length} children:\n${readFileSync(errors, 'utf8')}`,
    );
  const window = { from: firstLogAt(tasks.directory), to: Number(last) / 1e6 };
  const delays = delaysBetween(readFileSync(trace, 'utf8'), window);
  if (delays.length === 0) throw new Error('the main thread left no ticks');
  bench.discard(tasks.root, place);
  return delays;
}

/** The machine's own share: the ticks of a Node process that does nothing, beside the same children of the C loop. */
async function watchAnIdleProcess(bench: Bench): Promise<Delay[]> {
  const tasks = makeTasks(bench, bench.mainPlace, CHILDREN);
  const trace = join(tasks.root, 'trace');
  const stamps = join(tasks.root, 'stamps');
  const untilClosed = "process.stdin.on('data', () => {}).on('end', () => process.exit())";
  const idle = spawn(process.execPath, ['-e', untilClosed], {
    env: { ...plainEnvironment(), NODE_OPTIONS: `--import=${PRELOAD}`, BENCH_DELAYS: trace },
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const ended = once(idle, 'exit');
  await once(idle, 'spawn');
  await sleep(SETTLE_MS);
  const speak = String(bench.size(1_000, 300));
  await run(
    bench,
    {
      argv: [bench.programs.limit, String(CHILDREN), bench.programs.task],
      cwd: tasks.directory,
      stdin: tasks.names,
      env: { BENCH_STAMPS: stamps, BENCH_SPEAK_MS: speak },
    },
    false,
  );
  idle.stdin.end();
  await ended;
  const { starts, ends } = readStamps(readFileSync(stamps, 'utf8'));
  const window = { from: Number(starts[0]) / 1e6, to: Number(ends.at(-1)) / 1e6 };
  const delays = delaysBetween(readFileSync(trace, 'utf8'), window);
  if (delays.length === 0) throw new Error('the idle process left no ticks');
  return delays;
}

/** When the first running log was made, which is before its child was started: the result is the same file. Epoch ms. */
function firstLogAt(directory: string): number {
  const births = readdirSync(directory)
    .filter(isDone)
    .map((name) => statSync(join(directory, name)).birthtimeMs);
  return Math.min(...births);
}
