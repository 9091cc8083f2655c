/** Who runs the tasks of a directory: our program, its peers, and the physical limit. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLI, type Bench } from './bench.ts';
import type { Contestant } from './contest.ts';
import type { Run } from './measure.ts';
import { expectResults, isDone, isPeersLog, type Tasks } from './task-directory.ts';

type NewTasks = () => Tasks;

/** A run of the product in the directory of the tasks, whose Codex is the smallest child there is. */
export function productRun(
  bench: Bench,
  { root, directory }: Pick<Tasks, 'root' | 'directory'>,
  args: readonly string[],
): Run {
  return {
    argv: [process.execPath, CLI, ...args],
    cwd: directory,
    env: { CODEX_CMD: bench.programs.task },
    garbage: root,
  };
}

export const OURS = 'codex-worker';

export function ours(bench: Bench, newTasks: NewTasks, concurrency: number): Contestant {
  return {
    name: OURS,
    kind: 'ours',
    prepare: () => {
      const tasks = newTasks();
      return {
        ...productRun(bench, tasks, ['--concurrency', String(concurrency)]),
        check: () => expectResults(tasks, isDone),
      };
    },
  };
}

export const LIMIT = 'C posix_spawn loop';

export function limit(bench: Bench, newTasks: NewTasks, concurrency: number): Contestant {
  return {
    name: LIMIT,
    kind: 'limit',
    prepare: () => {
      const tasks = newTasks();
      return {
        argv: [bench.programs.limit, String(concurrency), bench.programs.task],
        cwd: tasks.directory,
        stdin: tasks.names,
        check: () => expectResults(tasks, isPeersLog),
        garbage: tasks.root,
      };
    },
  };
}

export const PARALLEL = 'GNU parallel';

/** What keeps GNU parallel from asking for a citation and from writing into the user's home. */
export const parallelSettings = (root: string) => ({ PARALLEL_HOME: join(root, 'parallel') });

interface ParallelFiles {
  readonly concurrency: number;
  readonly joblog: string;
  /** The arguments, one a line. */
  readonly names: string;
}

export function parallelWords({ concurrency, joblog, names }: ParallelFiles): string[] {
  const jobs = String(concurrency);
  return ['parallel', '--will-cite', '--jobs', jobs, '--joblog', joblog, '--arg-file', names];
}

/** `--joblog --results`: the state and the logs that it can keep. */
export function parallel(
  bench: Bench,
  newTasks: NewTasks,
  concurrency: number,
  command: (bench: Bench) => string = ({ programs }) => programs.task,
): Contestant {
  return {
    name: PARALLEL,
    kind: 'peer',
    prepare: () => {
      const { root, directory, names, count } = newTasks();
      const joblog = join(root, 'joblog');
      return {
        argv: [
          ...parallelWords({ concurrency, joblog, names }),
          '--results',
          join(root, 'results'),
          `${command(bench)} < {}`,
        ],
        cwd: directory,
        env: parallelSettings(root),
        check: () => expectJobs(joblog, count),
        garbage: root,
      };
    },
  };
}

/** Throws unless the job log tells of `count` jobs that ended with 0. */
function expectJobs(joblog: string, count: number): void {
  const done = readFileSync(joblog, 'utf8')
    .split('\n')
    .filter((line) => /^\d+\t.*\t0\t0\t/.test(line)).length;
  if (done !== count) throw new Error(`the job log of parallel tells of ${done} of ${count} jobs`);
}

/** xargs, make and ninja, those that are installed: each task through a shell that redirects, no state but the logs. */
export function otherPeers(bench: Bench, newTasks: NewTasks, concurrency: number): Contestant[] {
  const peer = (name: string, argvOf: (tasks: Tasks) => string[]): Contestant => ({
    name,
    kind: 'peer',
    prepare: () => {
      const tasks = newTasks();
      return {
        argv: argvOf(tasks),
        cwd: tasks.directory,
        check: () => expectResults(tasks, isPeersLog),
        garbage: tasks.root,
      };
    },
  });
  const places = String(concurrency);
  const { task } = bench.programs;
  const known = {
    xargs: peer('xargs -P', ({ names }) => [
      'xargs',
      '-a',
      names,
      '-P',
      places,
      '-n',
      '1',
      'sh',
      '-c',
      `exec ${task} < "$0" > "$0.log"`,
    ]),
    make: peer('make -j', (tasks) => ['make', '-s', '-j', places, '-f', makefile(bench, tasks)]),
    ninja: peer('ninja', (tasks) => ['ninja', '-j', places, '-f', ninjaFile(bench, tasks)]),
  };
  return (['xargs', 'make', 'ninja'] as const).filter((name) => bench.has(name)).map((name) => known[name]);
}

const linesOf = (path: string) => readFileSync(path, 'utf8').split('\n').filter(Boolean);

function makefile({ programs }: Bench, { root, names }: Tasks): string {
  const path = join(root, 'Makefile');
  const logs = linesOf(names).map((name) => `${name}.log`);
  writeFileSync(path, `LOGS = ${logs.join(' ')}\nall: $(LOGS)\n%.log: %\n\t${programs.task} < $< > $@\n`);
  return path;
}

/** Writes a build file that makes NAME.log of each task; `builddir`, with ninja's own state, is beside the tasks. */
export function ninjaFile({ programs }: Bench, { root, names }: Pick<Tasks, 'root' | 'names'>): string {
  const path = join(root, 'build.ninja');
  const builds = linesOf(names).map((name) => `build ${name}.log: run ${name}\n`);
  writeFileSync(
    path,
    `builddir = ..\nrule run\n  command = ${programs.task} < $in > $out\n${builds.join('')}`,
  );
  return path;
}
