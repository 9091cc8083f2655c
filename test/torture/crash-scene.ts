/**
 * A task directory, the fake Codex, and processes of codex-worker that get killed: what the rows of kills share. It
 * remembers whom it killed, says what the victim was at, and lets a calm run put everything right, which it judges.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeBench, type Bench } from '../rig/cli.ts';
import { hasOracle, makeFakeCodex, type FakeCodex } from '../rig/fake-codex.ts';
import type { JudgeOptions } from '../rig/judge.ts';
import { violation, type Violation } from '../rig/violation.ts';
import type { Round } from './row.ts';

export const needsOracle = () =>
  Promise.resolve(hasOracle ? undefined : 'it needs Linux, and flock(1) and setsid(1) of util-linux');

export const preload = (name: string) =>
  `--import ${fileURLToPath(new URL(`../rig/${name}`, import.meta.url))}`;

/** What a process was at when it was killed, from what it left. `nothing` is the only one that left no work to take up. */
type Part =
  | 'before its claim'
  | 'with its gate closed'
  | 'while its agent ran'
  | 'after its outcome'
  | 'in a settle for the dead'
  | 'between two tasks'
  | 'with nothing in hand';

export interface CrashScene {
  readonly bench: Bench;
  readonly codex: FakeCodex;
  /** For every process: the fake Codex, and the guard that this round has taken out. */
  readonly env: NodeJS.ProcessEnv;
  /** To be called when a process has been killed, before what it left can be put right. */
  wasKilled(pid: number): Promise<Part>;
  /** One calm run, and everything that is wrong after it. */
  putRight(options?: JudgeOptions & { readonly args?: readonly string[] }): Promise<Violation[]>;
}

export async function makeCrashScene(round: Round): Promise<CrashScene> {
  const bench = await makeBench(round);
  const codex = await makeFakeCodex(bench, round.backend);
  const killed = new Set<number>();
  const guard: NodeJS.ProcessEnv = round.control === undefined ? {} : { WITHOUT: round.control };
  const env = { ...codex.env, ...guard, NODE_OPTIONS: preload('without.mjs') };
  return {
    bench,
    codex,
    env,
    wasKilled: async (pid) => {
      killed.add(pid);
      const part = partOf(bench, pid, await codex.history());
      if (part === 'with nothing in hand') round.injected(`SIGKILL ${part}`);
      else round.crashed('real', `SIGKILL ${part}`);
      return part;
    },
    putRight: async ({ args = [], ...options } = {}) => {
      const before = failures(bench);
      const { code, stdout, stderr } = await bench.run(args, { env: codex.env });
      const after = failures(bench);
      const hasFailed = [...after].some(([name, log]) => before.get(name) !== log);
      const found = await codex.violations({ killed, ...options });
      if (code !== (hasFailed ? 1 : 0))
        found.push(violation('lied', `the calm run ended with ${code}: ${stdout}${stderr}`));
      return found;
    },
  };
}

/** The logs of failed tasks, but not of those whose lock is still there: the run that releases it tells of them. */
function failures({ tasks }: Bench): Map<string, string> {
  const names = readdirSync(tasks);
  return new Map(
    names
      .map((name) => [name, /^failed_exec_log-(.*)\.txt$/.exec(name)?.[1]] as const)
      .filter(([, task]) => task !== undefined && !names.includes(`.lock-${task}`))
      .map(([name]) => [name, readFileSync(path.join(tasks, name), 'utf8')]),
  );
}

interface Lock {
  readonly task: string;
  readonly claim: string;
  readonly owner: number;
  /** The group of its agent. */
  readonly group: number;
  readonly hasOutcome: boolean;
}

/** What stands in a lock file; `undefined` when it is gone or cannot be read. */
export function readLockOf(bench: Bench, task: string): Lock | undefined {
  try {
    const text = readFileSync(path.join(bench.tasks, `.lock-${task}`), 'latin1');
    const first = text.slice(0, 3_072);
    const { claim, owner, child } = JSON.parse(first.slice(0, first.lastIndexOf('}') + 1));
    return {
      task,
      claim,
      owner: owner.pid,
      group: child?.pgid,
      hasOutcome: text.slice(3_584).startsWith('{'),
    };
  } catch {
    return undefined;
  }
}

function locksIn(bench: Bench): Lock[] {
  return readdirSync(bench.tasks)
    .filter((name) => name.startsWith('.lock-'))
    .map((name) => readLockOf(bench, name.slice('.lock-'.length)))
    .filter((lock) => lock !== undefined);
}

/** Kills the watchers of a process's agents, just before the process itself is killed. Returns how many there were. */
export function killWatchersOf(bench: Bench, owner: number): number {
  const groups = locksIn(bench).filter((lock) => lock.owner === owner);
  let killed = 0;
  for (const pid of groups.length > 0 ? readdirSync('/proc') : []) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      const group = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]);
      if (Number(pid) === group || !groups.some((lock) => lock.group === group)) continue;
      if (!readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('codex-worker-gate')) continue;
      process.kill(Number(pid), 'SIGKILL');
      killed++;
    } catch {
      // not a process, or no longer
    }
  }
  return killed;
}

function partOf(bench: Bench, pid: number, history: readonly string[]): Part {
  const names = readdirSync(bench.tasks);
  const textOf = (name: string) => {
    try {
      return readFileSync(path.join(bench.tasks, name), 'latin1');
    } catch {
      return '';
    }
  };
  const locks = locksIn(bench);
  const rights = names.filter((name) => name.startsWith('.break-') && textOf(name).includes(`"pid":${pid},`));
  const others = locks.filter(({ owner }) => owner !== pid);
  if (rights.some((name) => others.some(({ claim }) => name.includes(claim))))
    return 'in a settle for the dead';
  const own = locks.filter(({ owner }) => owner === pid);
  if (own.some(({ hasOutcome }) => hasOutcome)) return 'after its outcome';
  if (own.some(({ task, claim }) => history.includes(`start ${task} ${claim}`))) return 'while its agent ran';
  if (own.length > 0) return 'with its gate closed';
  const folder = path.join(bench.tasks, '.codex-worker', 'tmp');
  const temporary = (existsSync(folder) ? readdirSync(folder) : []).filter((name) =>
    name.includes(`.${pid}.`),
  );
  if (temporary.some((name) => /^[0-9a-f]{32}\./.test(name))) return 'before its claim';
  return temporary.length > 0 ? 'between two tasks' : 'with nothing in hand';
}

/** Lines of the trace before which a process is killed to make a wreck. */
export const AGENT_WORKED = /^writeSync .*\.jsonl$/;
export const OUTCOME_RECORDED = /^rename \.exec_log-/;
export const PUBLISHED = /^unlink \.lock-/;

type Aim = { readonly at: number } | { readonly before: RegExp } | 'nowhere';

/** Runs it with kill-at-step.mjs until it is killed, or ends. Returns the steps that it took. */
export async function runUntil(scene: CrashScene, args: readonly string[], aim: Aim) {
  const { bench, env } = scene;
  const trace = path.join(bench.scratch, 'trace');
  const run = bench.start(args, {
    env: {
      ...env,
      NODE_OPTIONS: `${preload('kill-at-step.mjs')} ${env['NODE_OPTIONS']}`,
      KILL_IN: bench.tasks,
      KILL_TRACE: trace,
      ...(aim === 'nowhere'
        ? {}
        : 'at' in aim
          ? { KILL_AT: String(aim.at) }
          : { KILL_BEFORE: aim.before.source }),
    },
  });
  const { signal } = await run.ended();
  const isKilled = signal === 'SIGKILL';
  const steps = (await readFile(trace, 'utf8')).trimEnd().split('\n').length;
  await rm(trace);
  if (isKilled) await scene.wasKilled(run.pid);
  return { isKilled, steps };
}

export async function watchersAreDone({ bench }: CrashScene): Promise<void> {
  await bench.until('the watchers have ended the orphans', async () => (await bench.agents()).length === 0);
}

/** Consecutive rounds take steps far from one another, and each step once before any twice. */
export function stepOf(turn: number, steps: number): number {
  let stride = Math.ceil(steps * 0.618);
  const divides = (a: number, b: number): number => (b === 0 ? a : divides(b, a % b));
  while (divides(steps, stride) !== 1) stride++;
  return 1 + ((turn * stride) % steps);
}
