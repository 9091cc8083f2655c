/**
 * The same night by GNU parallel, as a careful person would script it. It is given what can be given in some lines of shell:
 *
 *   as many agents at once, and as many tries at a task, as codex-worker has, and the real Codex as npm installs it
 *   the same check after each agent, and a look whether a file was changed
 *   in a later try, what the check said, at the end of the prompt
 *   a time limit for each agent, so that one that hangs does not hang for ever
 *   a log of jobs; after a kill, and twice more when it ends with failures, the same again with --resume-failed
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isErrno } from '../../src/core/errors.ts';
import type { RunningCli } from '../rig/cli.ts';
import type { NightTask } from './plan.ts';
import type { Scored } from './score.ts';
import { countAlive, evidenceOf, Kills, SAY_EVERY_MS, type Stage } from './stage.ts';

/** Many times what a task takes, because a limit on the whole of it must not end one that works. */
const TASK_LIMIT_S = 30;
const LOOK_EVERY_MS = 200;
const RESTART_AFTER_MS = 2_000;
/** Until it is tried again what failed: long enough for a limit to be lifted. */
const REST_MS = 60_000;
const ROUNDS = 3;

const CODES = { codexFailed: 11, changedNothing: 12, checkFailed: 13 } as const;

function script({ project, check, mode, bench }: Stage, logs: string): string {
  return `task=$1
log=${logs}/$(basename "$task" .md)
{
  cat "$task"
  if [ -s "$log.check" ]; then printf 'The check of an earlier attempt said:\\n'; cat "$log.check"; fi
} | timeout --kill-after=5 ${TASK_LIMIT_S} codex exec --json --skip-git-repo-check -m o4-mini -s ${mode} -C ${project} - \\
  > "$log.jsonl" 2> "$log.stderr" || exit ${CODES.codexFailed}
grep -q '"type":"file_change"' "$log.jsonl" || exit ${CODES.changedNothing}
cd ${project} && sh ${check} ${bench.tasks}/"$task" > "$log.check" 2>&1 || exit ${CODES.checkFailed}
`;
}

export async function runParallel(
  stage: Stage,
  withinMs: number,
  say: (line: string) => void,
): Promise<Scored> {
  const { plan, bench } = stage;
  const logs = path.join(bench.scratch, 'logs');
  const joblog = path.join(bench.scratch, 'joblog');
  const one = path.join(bench.scratch, 'one.sh');
  await mkdir(logs);
  await writeFile(one, script(stage, logs));
  const startedAt = performance.now();
  const kills = new Kills(stage);
  const watches: Promise<number>[] = [];
  const names = plan.tasks.map(({ name }) => `${name}.md`);
  const open = (isFirst: boolean) =>
    bench.launch(
      'parallel',
      [
        ['--jobs', String(plan.agents), '--retries', String(plan.attempts), '--joblog', joblog],
        isFirst ? [] : ['--resume-failed'],
        ['bash', one, '{}', ':::', ...names],
      ].flat(),
    );
  const isLate = () => performance.now() - startedAt > withinMs;

  let run: RunningCli = open(true);
  let killed = 0;
  let sayAt = startedAt + SAY_EVERY_MS;
  for (let round = 1; ;) {
    await sleep(LOOK_EVERY_MS);
    const codes = await exitCodes(joblog);
    if (performance.now() >= sayAt) {
      say(`${codes.size} of ${names.length} have a result`);
      sayAt = performance.now() + SAY_EVERY_MS;
    }
    if (isLate()) {
      say('it comes to no end');
      run.kill('SIGKILL');
      break;
    }
    if (run.hasEnded) {
      const failed = names.length - [...codes.values()].filter((code) => code === 0).length;
      say(`parallel has ended: ${names.length - failed} tasks done, ${failed} not`);
      if (failed === 0 || round === ROUNDS) break;
      round += 1;
      await sleep(REST_MS);
      run = open(false);
    } else if (kills.next(codes.size)) {
      const agents = await agentsOf(stage);
      run.kill('SIGKILL');
      killed += 1;
      watches.push(countAlive(agents));
      say(`parallel was killed at ${codes.size} results, with ${agents.length} agents at work`);
      await sleep(RESTART_AFTER_MS);
      run = open(false);
    }
  }
  const wallMs = performance.now() - startedAt;
  const orphans = (await Promise.all(watches)).reduce((sum, n) => sum + n, 0);
  const left = await bench.processes();
  for (const line of left) end(Number.parseInt(line, 10));
  const codes = await exitCodes(joblog);
  const lastWords = new Map<string, string>();
  for (const { name } of plan.tasks) lastWords.set(name, await textOf(path.join(logs, `${name}.jsonl`)));
  const codeOf = (name: string) => codes.get(names.indexOf(`${name}.md`) + 1);
  return {
    tasks: plan.tasks,
    ...(await evidenceOf(stage)),
    reported: new Map(
      plan.tasks.flatMap(({ name }) => {
        const code = codeOf(name);
        return code === undefined ? [] : [[name, code === 0 ? 'done' : 'failed'] as const];
      }),
    ),
    isTrueReason: (task) => isTrueReason(task, codeOf(task.name), lastWords.get(task.name) ?? ''),
    wallMs,
    kills: killed,
    orphans,
    left: left.length,
  };
}

function isTrueReason({ kind }: NightTask, code: number | undefined, lastWords: string): boolean {
  if (kind === 'idle') return code === CODES.changedNothing;
  if (kind === 'hopeless') return code === CODES.checkFailed;
  return kind === 'refused' && code === CODES.codexFailed && /invalid prompt/i.test(lastWords);
}

/** By the number of the job, from 1: the last that the log of jobs says of it. */
async function exitCodes(joblog: string): Promise<Map<number, number>> {
  const [, ...lines] = (await textOf(joblog)).split('\n');
  return new Map(
    lines
      .map((line) => line.split('\t'))
      .filter((fields) => fields.length > 6)
      .map((fields) => [Number(fields[0]), Number(fields[6])]),
  );
}

async function agentsOf({ bench }: Stage): Promise<number[]> {
  return (await bench.processes())
    .filter((line) => /^\d+: \S+\/vendor\/\S+\/codex exec\b/.test(line)) // not npm's launcher
    .map((line) => Number.parseInt(line, 10));
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error;
  }
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    return '';
  }
}
