/** `codex-worker --dry-run`: what a run would do, in the order in which one terminal would do it. */
import { chooseBackend } from '../core/backend.ts';
import type { RunEvent, RunSummary } from '../core/event.ts';
import type { RunOptions } from '../core/options.ts';
import { NO_USAGE } from '../core/outcome.ts';
import type { Task, TaskState } from '../core/task.ts';
import { lookFirst } from '../engine/first-look.ts';
import { orderedBy, readOwnSettings } from '../engine/own-settings.ts';
import { READY, Standings } from '../engine/standings.ts';
import { planTasks, type TaskPlan } from '../engine/task-plan.ts';
import type { World } from '../engine/world.ts';
import { appServerArguments, codexArguments } from '../io/codex-arguments.ts';
import { findCodex } from '../io/codex-command.ts';
import { versionOf } from '../io/codex-tool.ts';
import type { Discovery } from '../io/discovery.ts';
import type { Files } from '../io/files.ts';
import { readPrompt } from '../io/prompt.ts';

interface DryRunRequest {
  readonly options: RunOptions;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly canAnswer: boolean;
}

/** Resolves with the exit code. */
export async function dryRun(
  world: World,
  { options, env, cwd, canAnswer }: DryRunRequest,
  discovery: Discovery,
  emit: (event: RunEvent) => void,
): Promise<number> {
  const { tasks, refused, listings } = discovery;
  const plan = await planTasks(world.files, discovery, options);
  const startedAt = world.uptimeMs();
  const codex = await findCodex(env, cwd);
  const version = await versionOf(codex, env, options);
  const how = chooseBackend(options, { version, canAnswer });
  const { states, counts, priors } = await lookFirst(world.files, tasks, options, listings);
  const would = [...states.keys()].filter((task) => {
    const state = states.get(task);
    return state === 'pending' || priors.get(task)?.state === state;
  });
  emit({
    kind: 'run-started',
    run: '',
    options,
    codex: codex.launcher,
    how,
    total: tasks.length,
    states: counts,
    refused,
  });
  let unfit = refused.length;
  for (const task of inOrder(would, plan, states)) {
    const outcome = await whatItWouldBe(world.files, task, options);
    if (outcome.kind === 'would') {
      const { settings, own = {} } = outcome.order;
      const args = how.backend === 'exec' ? codexArguments(settings) : appServerArguments(settings);
      const command = [codex.launcher, ...args];
      emit({ kind: 'dry-run', task, command, promptBytes: outcome.promptBytes, settings: own });
    } else {
      unfit++;
      emit({ kind: 'attempt-ended', task, outcome });
    }
  }
  const exitCode = unfit > 0 ? 1 : 0;
  const leftAlone = (state: TaskState) =>
    counts[state] - would.filter((task) => states.get(task) === state).length;
  const summary: RunSummary = {
    alreadyCompleted: leftAlone('completed'),
    completed: 0,
    failed: 0,
    givenBack: 0,
    leftFailed: leftAlone('failed'),
    inProgressElsewhere: counts['in-progress'],
    finishedElsewhere: 0,
    held: 0,
    pending: counts.pending,
    waiting: 0,
    refused: unfit,
    unfit: unfit - refused.length,
    retries: 0,
    reaped: 0,
    warnings: 0,
    durationMs: world.uptimeMs() - startedAt,
    pausedMs: 0,
    usage: NO_USAGE,
  };
  emit({ kind: 'run-finished', summary, exitCode });
  return exitCode;
}

/** As one terminal would take them, if each were completed. */
function inOrder(tasks: readonly Task[], plan: TaskPlan, open: ReadonlyMap<Task, TaskState>): Task[] {
  const standings = new Standings(plan);
  standings.begin((task) => !open.has(task));
  for (const task of tasks) standings.move(task, READY);
  const order: Task[] = [];
  for (let task = standings.nextReady(); task; task = standings.nextReady()) {
    order.push(task);
    standings.move(task, { kind: 'over', how: 'completed' });
  }
  return [...order, ...standings.in('waiting')];
}

async function whatItWouldBe(files: Files, task: Task, options: RunOptions) {
  const prompt = await readPrompt(files, task);
  if (prompt.kind === 'gone') return { kind: 'skipped', reason: 'task-gone' } as const;
  if (prompt.kind === 'refused') return prompt;
  const own = await readOwnSettings(files, task, options);
  if (own.kind === 'refused') return own;
  return { kind: 'would', promptBytes: prompt.bytes.length, order: orderedBy(own, options) } as const;
}
