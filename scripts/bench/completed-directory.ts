/** A directory in which everything is done: each task with our result and with the output that ninja made of it. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { plainEnvironment, type Bench } from './bench.ts';
import { ninjaFile } from './contestants.ts';
import type { Place } from './goal.ts';
import { makeTasks, taskName, type Tasks } from './task-directory.ts';

export interface CompletedTasks extends Tasks {
  /** For GNU parallel: a log of jobs that are all done. */
  readonly joblog: string;
  readonly ninjaFile: string;
}

const known = new Map<string, CompletedTasks>();
/** What ninja wrote when it made everything, once: the commands and the names in it are the same everywhere. */
let ninjaLog: string | undefined;

/** Three names for each of `count` tasks. Made once for each place: nothing that runs in it changes it. */
export function completedDirectory(bench: Bench, place: Place, count: number): CompletedTasks {
  const key = `${place} ${count}`;
  const made = known.get(key) ?? makeCompleted(bench, place, count);
  known.set(key, made);
  return made;
}

function makeCompleted(bench: Bench, place: Place, count: number): CompletedTasks {
  bench.say(`makes a directory of ${count} completed tasks (${place})`);
  const tasks = makeTasks(bench, place, count);
  const { root, directory } = tasks;
  for (let i = 1; i <= count; i++)
    writeFileSync(join(directory, `done_exec_log-${taskName(i)}.txt`), resultText(i, directory));
  const buildFile = ninjaFile(bench, tasks);
  if (bench.has('ninja')) {
    if (ninjaLog === undefined || !existsSync(ninjaLog)) {
      bench.say(`lets ninja make its ${count} targets, once`);
      execFileSync('ninja', ['-f', buildFile], { cwd: directory, env: plainEnvironment(), stdio: 'ignore' });
      ninjaLog = join(root, '.ninja_log');
    } else {
      for (let i = 1; i <= count; i++) writeFileSync(join(directory, `${taskName(i)}.log`), 'done\n');
      copyFileSync(ninjaLog, join(root, '.ninja_log'));
    }
  } else for (let i = 1; i <= count; i++) writeFileSync(join(directory, `${taskName(i)}.log`), 'done\n');
  return { ...tasks, joblog: makeJoblog(bench, tasks), ninjaFile: buildFile };
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
