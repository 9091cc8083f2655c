/** Where a night takes place: task files, a directory to work in, the real Codex, and a model under the weather of the plan. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isErrno } from '../../src/core/errors.ts';
import type { Cleanup } from '../rig/cleanup.ts';
import { makeCodexBench, type CodexBench } from '../rig/cli.ts';
import { canSandbox } from '../rig/codex-home.ts';
import { TOKENS_PER_ANSWER, type ModelServer } from '../rig/model-server.ts';
import { isAlive } from '../rig/processes.ts';
import { openWeather, type Weather } from '../rig/weather.ts';
import type { NightAnswer, NightRequest, Span } from './night.ts';
import { CHECK, effectOf, lastWordOf, taskIn, type Kill, type NightPlan } from './plan.ts';

/** How it goes, for whoever watches. */
export const SAY_EVERY_MS = 15_000;

export interface Stage {
  readonly plan: NightPlan;
  readonly bench: CodexBench;
  readonly weather: Weather;
  /** Where the agents work. */
  readonly project: string;
  /** The check of a task, to be called with its file; out of the agents' reach. */
  readonly check: string;
  /** Of Codex: writing where it works, or everything where the sandbox does not work on this machine. */
  readonly mode: 'workspace-write' | 'danger-full-access';
}

export async function setStage(cleanup: Cleanup, plan: NightPlan): Promise<Stage> {
  const weather = openWeather(plan.spells);
  const bench = await makeCodexBench(cleanup, { weather });
  const project = path.join(bench.scratch, 'project');
  const check = path.join(bench.scratch, 'check.sh');
  await mkdir(path.join(project, 'out'), { recursive: true });
  await writeFile(check, CHECK);
  for (const { name, prompt } of plan.tasks) await bench.write(`${name}.md`, prompt);
  const mode = (await canSandbox()) ? 'workspace-write' : 'danger-full-access';
  return { plan, bench, weather, project, check, mode };
}

const TOKENS = TOKENS_PER_ANSWER.input + TOKENS_PER_ANSWER.output;

/** What the disk and the server know of the night. */
export async function evidenceOf(stage: Stage) {
  const { plan, bench, weather, project } = stage;
  const effects = new Map<string, string>();
  for (const { name } of plan.tasks) {
    const text = await textOf(path.join(project, effectOf(name)));
    if (text !== undefined) effects.set(name, text);
  }
  return {
    effects,
    requests: requestsOf(bench.server),
    answers: answersOf(stage),
    tokensPerAnswer: TOKENS,
    limits: weather.seen
      .filter(({ spell }) => spell.kind === 'limit')
      .map(({ from, to }): Span => ({ from, to })),
  };
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

const requestsOf = (server: ModelServer): NightRequest[] =>
  server.requests.map(({ at, prompt, weather }) => ({
    at,
    task: taskIn(prompt) ?? prompt,
    ...(weather && { weather }),
  }));

const answersOf = ({ plan, bench }: Stage): NightAnswer[] =>
  bench.server.answers.map(({ at, prompt, kind, messages }) => {
    const task = plan.tasks.find(({ name }) => name === taskIn(prompt));
    return {
      at,
      task: task?.name ?? prompt,
      endsTurn: kind === 'finish',
      isDone: kind === 'finish' && task !== undefined && messages.includes(lastWordOf(task)),
    };
  });

/** Kills of the plan whose time has come, one at a time, in their order. */
export class Kills {
  readonly #stage: Stage;
  readonly #left: Kill[];

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#left = [...stage.plan.kills];
  }

  /** When `results` tasks have one. */
  next(results: number): Kill | undefined {
    const limit = this.#stage.weather.seen.find(({ spell }) => spell.kind === 'limit');
    const at = this.#left.findIndex((kill) =>
      kill.kind === 'progress'
        ? results >= kill.results
        : limit !== undefined && Date.now() >= limit.from + kill.afterMs,
    );
    return at < 0 ? undefined : this.#left.splice(at, 1)[0];
  }

  get missing(): readonly string[] {
    return this.#left.map((kill) =>
      kill.kind === 'progress' ? `a kill at ${kill.results} results` : 'a kill during a limit',
    );
  }
}

/** Spells that never came: there were fewer requests than the plan counts on. */
export const spellsMissing = ({ plan, weather }: Stage): string[] =>
  plan.spells
    .filter((spell) => !weather.seen.some((seen) => seen.spell === spell))
    .map(({ kind, from }) => `the weather of request ${from}: ${kind}`);

/** An agent that its owner's death ends is given so long to be gone. */
const MOMENT_MS = 3_000;

/** How many of these processes are there a moment later. */
export async function countAlive(pids: readonly number[]): Promise<number> {
  await sleep(MOMENT_MS);
  return pids.filter(isAlive).length;
}
