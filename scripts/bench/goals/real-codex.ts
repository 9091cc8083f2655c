import { join } from 'node:path';
import { findCodex } from '../../../src/io/codex-command.ts';
import { makeCodexHome, codexLauncher } from '../../../test/rig/codex-home.ts';
import { startModelServer } from '../../../test/rig/model-server.ts';
import type { Bench } from '../bench.ts';
import { figureOf, hold, type Contestant } from '../contest.ts';
import { ours, OURS, parallel, PARALLEL } from '../contestants.ts';
import { limitAt, type Findings, type Goal, type Limit } from '../goal.ts';
import type { Run } from '../measure.ts';
import { SAMPLE_EVERY_MS } from '../process-memory.ts';
import { expectResults, isPeersLog, makeTasks, type Tasks } from '../task-directory.ts';

const CONCURRENCY = 4;
const limits: readonly Limit[] = [
  { what: 'wall', atMost: 0.75, unit: `× ${PARALLEL}` },
  { what: 'CPU of all processes', atMost: 0.75, unit: `× ${PARALLEL}` },
  { what: 'peak memory of all processes', atMost: 0.75, unit: `× ${PARALLEL}` },
];

export const realCodex: Goal = {
  number: 1,
  title: '200 tasks with the real Codex, 4 at once',
  method:
    'The real Codex CLI with a model server on loopback that answers each task with one message at once, so that what is measured is everything but the model. Beside it GNU parallel with --joblog and --results, which runs the same `codex exec` by the launcher that npm installs. Each run has a fresh CODEX_HOME. The model server is no part of the figures; it takes its share of the cores from both. Memory is measured in rounds of its own, because looking at it takes time.',
  limits,
  needs: ['cc', 'parallel'],
  measure,
};

const ALONE = 'Codex alone, by xargs';

/** What nobody can undercut: the native Codex itself, started by a loop that keeps nothing but its output. */
function alone(newTasks: () => Tasks, codex: string): Contestant {
  return {
    name: ALONE,
    kind: 'limit',
    prepare: () => {
      const tasks = newTasks();
      const script = `exec ${codex} < "$0" > "$0.log" 2> "$0.err"`;
      return {
        argv: ['xargs', '-a', tasks.names, '-P', String(CONCURRENCY), '-n', '1', 'sh', '-c', script],
        cwd: tasks.directory,
        check: () => expectResults(tasks, isPeersLog),
        garbage: tasks.root,
      };
    },
  };
}

async function measure(bench: Bench): Promise<Findings> {
  await using server = await startModelServer();
  const count = bench.size(200, 4);
  const prompt = (i: number) => `This is task ${i} of the bench.\n\n[[say Task ${i} is done.]]\n`;
  const newTasks = () => makeTasks(bench, bench.mainPlace, count, prompt);
  const homes: Record<string, string>[] = [];
  /** A home is made beforehand for each run, because a contestant prepares without waiting. */
  const fillHomes = async (runs: number) => {
    for (let i = 0; i < runs; i++)
      homes.push(await makeCodexHome(join(bench.newDirectory(bench.mainPlace), 'codex'), server.url));
  };
  const atHome = (run: Run): Run => ({ ...run, env: { ...run.env, ...homes.pop() } });
  const args = 'exec --json --skip-git-repo-check -s read-only -m o4-mini -';
  const codex = `${codexLauncher} ${args}`;
  const { command } = await findCodex({ CODEX_CMD: codexLauncher }, process.cwd());
  const reference = parallel(bench, newTasks, CONCURRENCY, () => codex);
  const contestant = ours(bench, newTasks, CONCURRENCY);
  const withHome = (one: Contestant, env: NodeJS.ProcessEnv = {}): Contestant => ({
    ...one,
    prepare: () => {
      const run = one.prepare();
      return atHome({ ...run, env: { ...run.env, ...env } });
    },
  });
  const rules = {
    place: bench.mainPlace,
    reference: withHome(reference),
    contestants: [
      withHome(contestant, { CODEX_CMD: codexLauncher }),
      withHome(alone(newTasks, `${command} ${args}`)),
    ],
  };
  const rounds = bench.rounds(3);
  await fillHomes(8 * rounds); // two contests; beside each contestant runs the reference
  const timed = await hold(bench, { ...rules, title: `${count} tasks with the real Codex`, rounds });
  const title = `${count} tasks with the real Codex, memory of all processes`;
  const sampled = await hold(bench, { ...rules, title, rounds, about: 'memory', sampleMemory: true });
  return {
    figures: [
      figureOf(limitAt(limits, 0), timed, OURS, (entry) => entry.wallRatio),
      figureOf(limitAt(limits, 1), timed, OURS, (entry) => entry.cpuRatio),
      figureOf(limitAt(limits, 2), sampled, OURS, (entry) => entry.peakRatio),
    ],
    contests: [timed, sampled],
    notes: [
      `Memory of all processes: the sum of their proportional set sizes (/proc/PID/smaps_rollup), sampled every ${SAMPLE_EVERY_MS} ms; a page that several share counts once.`,
    ],
  };
}
