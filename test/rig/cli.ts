/**
 * The built command line as a user starts it: a child process in a scratch directory of the test.
 *
 *     const bench = await makeBench(t);                      // or `makeCodexBench(t)`: with the real Codex and its model
 *     await bench.write('fix.md', 'Fix it.\n[[hold door]]');
 *     const run = bench.start(['--concurrency', '2']);
 *     await bench.until('it runs', async () => (await bench.ls()).includes('in-progress-fix.md'));
 *     run.kill('SIGINT');
 *     assert.equal((await run.ended()).code, 130);
 *     assert.deepEqual(await bench.leftovers(), []);
 *
 * What it promises: whatever a test waits for has a deadline, and what fails then says what was there to be seen. When
 * the test is over every process of it is gone and its directory is removed; a process that the test itself left fails it.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isErrno } from '../../src/core/errors.ts';
import type { Cleanup } from './cleanup.ts';
import { codexLauncher, makeCodexHome, type CodexHomeOptions } from './codex-home.ts';
import { startModelServer, type ModelServer, type ModelServerOptions } from './model-server.ts';

/** Long, because the machine may be busy with other things; nothing waits for it that goes well. */
export const PATIENCE_MS = 60_000;
const LOOK_EVERY_MS = 25;
/** For what agents must not be able to write: their sandbox lets them write in /tmp. Nothing is made there unless it is used. */
const OUT_OF_REACH = '/var/tmp';
/** In the environment of everything that a bench starts, directly or not: how its processes are found again. */
const MARK = 'CODEX_WORKER_BENCH';

const cli = fileURLToPath(new URL('../../dist/src/cli.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One codex-worker process. */
export interface RunningCli {
  readonly pid: number;
  /** What it has said so far. */
  readonly stdout: string;
  readonly stderr: string;
  readonly hasEnded: boolean;
  kill(signal: NodeJS.Signals): void;
  /** Waits until stdout or stderr matches. */
  says(pattern: RegExp, withinMs?: number): Promise<void>;
  ended(withinMs?: number): Promise<Ended>;
}

interface StartOptions {
  /** The task directory by default; relative to it otherwise. */
  readonly cwd?: string;
  /** On top of the bench's environment. `undefined` removes a variable. */
  readonly env?: NodeJS.ProcessEnv;
}

export interface Bench {
  /** Everything of the test is in here. */
  readonly scratch: string;
  /** The task directory, and the current directory of what is started. */
  readonly tasks: string;
  start(args?: readonly string[], options?: StartOptions): RunningCli;
  /** `start`, then waits for the end. */
  run(args?: readonly string[], options?: StartOptions): Promise<Ended>;
  /** Any other program, in the same surroundings. */
  launch(command: string, args: readonly string[], options?: StartOptions): RunningCli;
  /** What everything here is started with, and `codex-worker` is the built one. */
  environment(extra?: NodeJS.ProcessEnv): NodeJS.ProcessEnv;
  /** Runs lines of bash in which `codex-worker` is the built one, and waits for their end. */
  shell(script: string, options?: StartOptions): Promise<Ended>;
  /** A file relative to the task directory; its directories are made. */
  write(name: string, text: string): Promise<void>;
  read(name: string): Promise<string>;
  /** Names in the task directory, or in one relative to it; sorted, and empty when it is not there. */
  ls(directory?: string): Promise<string[]>;
  /** Looks again and again until the answer is neither `undefined` nor `false`; fails with the outputs and the listing. */
  until<T>(
    what: string,
    look: () => T | Promise<T>,
    withinMs?: number,
  ): Promise<Exclude<T, undefined | false>>;
  /** Processes of this bench that are agents or what agents started: "pid: command line". Linux only; else none. */
  agents(): Promise<string[]>;
  /** The same for everything that was started in this bench, directly or not. */
  processes(): Promise<string[]>;
  /** What a finished run must not leave: locks, rights, running logs, mirrors, temporary files, agents. */
  leftovers(directory?: string): Promise<string[]>;
}

export async function makeBench(t: Cleanup, env: NodeJS.ProcessEnv = {}): Promise<Bench> {
  assert.ok(existsSync(cli), `${cli} is not there: npm run build comes before the tests of the command line`);
  const scratch = await realpath(await mkdtemp(path.join(tmpdir(), 'codex-worker-bench-')));
  const state = `${OUT_OF_REACH}/${path.basename(scratch)}`;
  const tasks = path.join(scratch, 'tasks');
  const bin = path.join(scratch, 'bin');
  await Promise.all([mkdir(tasks), mkdir(bin)]);
  await symlink(cli, path.join(bin, 'codex-worker')); // as npm installs it
  const started: RunningCli[] = [];
  const inherited = { ...withoutUsersSettings(process.env), XDG_STATE_HOME: state };
  const inTasks = (name: string) => path.resolve(tasks, name);

  const seen = async () =>
    [
      `in ${tasks}: ${(await namesIn(tasks)).join(', ') || 'nothing'}`,
      ...started.map(
        (run) =>
          `process ${run.pid} ${run.hasEnded ? 'has ended' : 'still runs'}\n${run.stdout}${run.stderr}`,
      ),
    ].join('\n');
  const until: Bench['until'] = (what, look, withinMs = PATIENCE_MS) => lookUntil(what, look, seen, withinMs);
  const agents = () => processesWith(scratch, /^CODEX_WORKER_CLAIM=/m);

  t.after(async () => {
    const stillRunning = started.filter((run) => !run.hasEnded);
    for (const run of stillRunning) run.kill('SIGKILL');
    const left = await whatStays(() => processesWith(scratch, /^/));
    for (const line of left) endIfThere(Number.parseInt(line, 10));
    await Promise.all(stillRunning.map((run) => run.ended()));
    for (const directory of [scratch, state])
      await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    assert.deepEqual(left, [], 'processes that the test left behind');
  });

  const environment: Bench['environment'] = (extra = {}) => {
    const merged: NodeJS.ProcessEnv = { ...inherited, ...env, [MARK]: scratch, ...extra };
    return { ...merged, PATH: `${bin}:${merged['PATH']}` };
  };
  const launch: Bench['launch'] = (command, args, options = {}) => {
    const run = startProcess(command, args, inTasks(options.cwd ?? '.'), environment(options.env));
    started.push(run);
    return run;
  };
  const start: Bench['start'] = (args = [], options) => launch(process.execPath, [cli, ...args], options);
  return {
    scratch,
    tasks,
    start,
    launch,
    environment,
    run: (args, options) => start(args, options).ended(),
    shell: (script, options) => launch('bash', ['-c', script], options).ended(),
    write: async (name, text) => {
      await mkdir(path.dirname(inTasks(name)), { recursive: true });
      await writeFile(inTasks(name), text);
    },
    read: (name) => readFile(inTasks(name), 'utf8'),
    ls: (directory = '.') => namesIn(inTasks(directory)),
    until,
    agents,
    processes: () => processesWith(scratch, /^/),
    leftovers: async (directory = '.') => [
      ...(await namesIn(inTasks(directory))).filter((name) =>
        /^(?:\.lock-|\.break-|\.exec_log-|in-progress-)/.test(name),
      ),
      ...(await namesIn(path.join(inTasks(directory), '.codex-worker', 'tmp'))).map((name) => `tmp/${name}`),
      ...(await agents()),
    ],
  };
}

export interface CodexBench extends Bench {
  readonly server: ModelServer;
}

/** A bench whose `codex` is the real one, as npm installs it on PATH, with the scripted model behind it. */
export async function makeCodexBench(
  t: Cleanup,
  options: ModelServerOptions & CodexHomeOptions = {},
): Promise<CodexBench> {
  const server = await startModelServer(options);
  t.after(() => server.close());
  const env: NodeJS.ProcessEnv = {};
  const bench = await makeBench(t, env);
  Object.assign(env, await makeCodexHome(path.join(bench.scratch, 'codex-home'), server.url, options), {
    PATH: `${path.dirname(codexLauncher)}:${process.env['PATH']}`,
  });
  return { ...bench, server };
}

/** Nothing that the developer has set for codex-worker or the terminal, and nothing of the test runner's. */
function withoutUsersSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const foreign = /^(?:CODEX_|OPENAI_|NODE_TEST_|NODE_OPTIONS$|NO_COLOR$|FORCE_COLOR$|CI$)/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !foreign.test(name)));
}

function startProcess(
  command: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): RunningCli {
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const { pid } = child;
  assert.ok(pid !== undefined, `${command} could not be started in ${cwd}`);
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text));
  let end: Ended | undefined;
  child.once('close', (code, signal) => (end = { code, signal, ...said }));
  const seen = () => `${[command, ...args].join(' ')} said:\n${said.stdout}${said.stderr}`;
  return {
    pid,
    get stdout() {
      return said.stdout;
    },
    get stderr() {
      return said.stderr;
    },
    get hasEnded() {
      return end !== undefined;
    },
    kill: (signal) => void child.kill(signal),
    says: async (pattern, withinMs = PATIENCE_MS) => {
      const matches = () => pattern.test(said.stdout) || pattern.test(said.stderr);
      await lookUntil(`it says ${pattern}`, () => matches() || endedUnheard(end), seen, withinMs);
      assert.ok(matches(), `it ended without saying ${pattern}\n${seen()}`);
    },
    ended: (withinMs = PATIENCE_MS) => lookUntil('it ends', () => end, seen, withinMs),
  };
}

const endedUnheard = (end: Ended | undefined) => end !== undefined;

async function lookUntil<T>(
  what: string,
  look: () => T | Promise<T>,
  seen: () => string | Promise<string>,
  withinMs: number,
): Promise<Exclude<T, undefined | false>> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found as Exclude<T, undefined | false>;
    if (performance.now() > deadline)
      throw new Error(`waited ${withinMs} ms in vain until ${what}; what was there:\n${await seen()}`);
    await sleep(LOOK_EVERY_MS);
  }
}

/** What is on its way out gets a moment. */
async function whatStays(look: () => Promise<string[]>): Promise<string[]> {
  const deadline = performance.now() + 2_000;
  for (;;) {
    const found = await look();
    if (found.length === 0 || performance.now() > deadline) return found;
    await sleep(LOOK_EVERY_MS);
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    return [];
  }
}

/** "pid: command line" of the processes that carry this bench's mark and, one entry a line, match `entry`. */
async function processesWith(scratch: string, entry: RegExp): Promise<string[]> {
  const found: string[] = [];
  for (const pid of process.platform === 'linux' ? await readdir('/proc') : []) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      const entries = (await readFile(`/proc/${pid}/environ`, 'utf8')).replaceAll('\0', '\n');
      if (!entries.split('\n').includes(`${MARK}=${scratch}`) || !entry.test(entries)) continue;
      const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
      if (command !== '') found.push(`${pid}: ${command.slice(0, 120)}`); // a zombie has none
    } catch (error) {
      // It ended between the listing and the reading, or is another user's: none of ours either way.
      if (!isErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) throw error;
    }
  }
  return found;
}

function endIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error;
  }
}
