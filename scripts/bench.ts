/**
 * `npm run bench`: our program beside its peers and the physical limit, a table for each goal, each figure beside the
 * limit that was set for it. `--help` has the options. No figure makes it fail: only something that breaks does.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseBenchArguments, USAGE, UsageError, type BenchRequest } from './bench/arguments.ts';
import { Bench } from './bench/bench.ts';
import { leftOut, verdict, type Goal } from './bench/goal.ts';
import { goals } from './bench/goals.ts';
import { describeMachine, loadPerCore } from './bench/machine.ts';
import { endEverything } from './bench/measure.ts';
import { chartsOf, drawGoal } from './bench/picture.ts';
import { PACKAGE_OF } from './bench/programs.ts';
import { listGoals, renderGoal, renderMethod, type Result } from './bench/report.ts';
import { commit } from './commit.ts';

const BUSY = 0.3;

function usageError(message: string): never {
  console.error(`bench: ${message}\n\n${USAGE}`);
  process.exit(2);
}

function parse(): BenchRequest {
  const numbers = goals.map(({ number }) => number);
  try {
    return parseBenchArguments(process.argv.slice(2), numbers);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return usageError(error.message);
  }
}

/** What stands above the tables: nobody can read a figure without it. */
function describe(bench: Bench): string[] {
  const date = new Date().toISOString().slice(0, 16).replace('T', ' ');
  const places = bench.places.map((place) => bench.describePlace(place)).join(' · ');
  const lines = [
    `${date} UTC, commit ${commit()}, ${bench.quick ? 'quick: small sizes, nothing is judged; ' : ''}${describeMachine()}.`,
    `Task directories: ${places}.`,
  ];
  if (bench.missing.length > 0) {
    const missing = bench.missing.map((need) => `${need} (Debian package: ${PACKAGE_OF[need]})`);
    lines.push(`Missing here: ${missing.join(', ')}.`);
  }
  if (!bench.places.includes('tmpfs'))
    lines.push('There is no tmpfs that is large enough: the figures are of the disk only.');
  if (loadPerCore() > BUSY)
    lines.push(
      `The machine was busy with something else (load ${loadPerCore().toFixed(1)} per core): trust CPU times and ratios only.`,
    );
  return lines;
}

async function measureGoal(bench: Bench, goal: Goal): Promise<Result> {
  const missing = goal.needs.filter((need) => !bench.has(need));
  if (missing.length > 0)
    return { goal, findings: leftOut(goal.limits, `${missing.join(' and ')} not installed`) };
  try {
    return { goal, findings: await goal.measure(bench) };
  } catch (error) {
    return { goal, broke: reasonOf(error) };
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${reasonOf(error.cause)}`;
}

function writeReport(directory: string, head: readonly string[], results: readonly Result[], quick: boolean) {
  mkdirSync(directory, { recursive: true });
  for (const { goal, findings } of results)
    if (findings)
      writeFileSync(join(directory, `goal-${goal.number}.svg`), drawGoal(goal, chartsOf(findings)));
  const sections = results.map((result) => {
    const [title = '', ...rest] = renderGoal(result, quick).split('\n\n');
    return [title, ...(result.findings ? [renderMethod(result.goal)] : []), ...rest].join('\n\n');
  });
  const note =
    'Written by `npm run bench -- --report`; what it means is in [performance.md](../performance.md).';
  writeFileSync(
    join(directory, 'results.md'),
    `${['# Measured', note, ...head, ...sections].join('\n\n')}\n`,
  );
}

async function run(request: Extract<BenchRequest, { kind: 'measure' }>): Promise<void> {
  if (process.platform !== 'linux') {
    console.error('bench: it needs Linux: what a run costs is counted with its system calls and /proc');
    process.exit(2);
  }
  const bench = new Bench(request);
  process.once('exit', () => bench.close());
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)
    process.once(signal, () => {
      endEverything();
      process.exit(code);
    });
  const head = describe(bench);
  console.log(head.join('\n\n'));
  const results: Result[] = [];
  for (const goal of goals) {
    if (request.only.length > 0 && !request.only.includes(goal.number)) continue;
    bench.say(`goal ${goal.number}: ${goal.title}`);
    const result = await measureGoal(bench, goal);
    results.push(result);
    console.log(`\n${renderGoal(result, request.quick)}`);
  }
  if (request.report !== undefined) writeReport(request.report, head, results, request.quick);
  const verdicts = results.flatMap(({ findings }) =>
    (findings?.figures ?? []).map((figure) => verdict(figure, request.quick)),
  );
  const count = (word: string) => verdicts.filter((one) => one === word).length;
  const broken = results.filter(({ broke }) => broke !== undefined).map(({ goal }) => goal.number);
  bench.say(
    `${count('met')} limits met, ${count('not met')} not met, ${count('not judged')} not judged, ${count('not measured')} not measured, in ${bench.elapsedSeconds.toFixed(0)} s`,
  );
  if (broken.length > 0) bench.say(`broken: goals ${broken.join(', ')}`);
  process.exitCode = broken.length > 0 ? 1 : 0;
}

const request = parse();
if (request.kind === 'help') console.log(USAGE);
else if (request.kind === 'list') console.log(listGoals(goals));
else await run(request);
