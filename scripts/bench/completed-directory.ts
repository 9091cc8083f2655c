/** A directory in which everything is done: each task with our result and with an output of its own, as ninja makes them. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { plainEnvironment, type Bench } from './bench.ts';
import { ninjaFile } from './contestants.ts';
import type { Place } from './goal.ts';
import { makeTasks, taskName, type Tasks } from './task-directory.ts';

export interface CompletedTasks extends Tasks {
  /** For GNU parallel: a log of jobs that are all done. */
  readonly joblog: string;
}

const known = new Map<string, CompletedTasks>();
/** Where ninja wrote what it made, once: the commands and the names in it are the same everywhere. */
let ninjaLog: string | undefined;

/** Three names for each of `count` tasks. Made once for each place: nothing that runs in it changes it. */
export function completedDirectory(bench: Bench, place: Place, count: number): CompletedTasks {
  const made = known.get(place) ?? makeCompleted(bench, place, count);
  known.set(place, made);
  return made;
}

function makeCompleted(bench: Bench, place: Place, count: number): CompletedTasks {
  bench.say(`makes a directory of ${count} completed tasks (${place})`);
  const tasks = makeTasks(bench, place, count);
  for (let i = 1; i <= count; i++) {
    const name = taskName(i);
    writeFileSync(join(tasks.directory, `done_exec_log-${name}.txt`), resultText(i, tasks.directory));
    writeFileSync(join(tasks.directory, `${name}.log`), 'done\n');
  }
  return { ...tasks, joblog: makeJoblog(bench, tasks) };
}

/** Lets ninja make its targets, which takes minutes, or tells it that it did so elsewhere; returns its build file. */
export function prepareNinja(bench: Bench, tasks: CompletedTasks): string {
  const { root, directory, count } = tasks;
  const buildFile = ninjaFile(bench, tasks);
  if (ninjaLog === undefined) {
    bench.say(`lets ninja make its ${count} targets, once`);
    execFileSync('ninja', ['-f', buildFile], { cwd: directory, env: plainEnvironment(), stdio: 'ignore' });
    ninjaLog = join(root, '.ninja_log');
  } else copyFileSync(ninjaLog, join(root, '.ninja_log'));
  return buildFile;
}

/** Such a log as a run with a child of no words leaves. */
function resultText(i: number, directory: string): string {
  const rule = '─'.repeat(72);
  const hash = createHash('sha256').update(String(i)).digest('hex');
  return `codex-worker log
task:      ${taskName(i)}
attempt:   1
claim:     ${hash.slice(0, 32)}
prompt:    ${hash} (sha256, 48 bytes)
model:     o4-mini
mode:      read-only
cd:        ${directory}
codex:     codex-cli 0.169.0
started:   2026-01-01T00:00:00.000Z
by:        codex-worker 1.0.0, pid 4711 on bench
${rule}
done

${rule}
outcome:   completed
duration:  0.1s
`;
}

function makeJoblog({ programs }: Bench, { root, count }: Tasks): string {
  const path = join(root, 'joblog');
  const lines = Array.from(
    { length: count },
    (_, i) => `${i + 1}\t:\t1767225600.000\t     0.001\t0\t5\t0\t0\t${programs.task} < ${taskName(i + 1)}\n`,
  );
  writeFileSync(
    path,
    `Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n${lines.join('')}`,
  );
  return path;
}
