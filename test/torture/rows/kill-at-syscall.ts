/**
 * SIGKILL at the entry of each system call of a process, which a preload cannot see: strace attaches to its threads
 * before it touches the directory, or just before its claim, and kills it at its k-th call of a name. Which calls there
 * are is learned from a calm process first. The file system calls all go through one thread, so that k means the same
 * each time; children are not traced.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { violation, type Violation } from '../../rig/violation.ts';
import { choose, type Round, type Row } from '../row.ts';
import {
  AGENT_WORKED,
  makeCrashScene,
  needsOracle,
  OUTCOME_RECORDED,
  preload,
  PUBLISHED,
  runUntil,
  stepOf,
  watchersAreDone,
  type CrashScene,
} from '../crash-scene.ts';

interface Moment {
  readonly name: string;
  /** What was killed before, as in kill-at-step. */
  readonly wreck?: RegExp;
  /** Where strace attaches: the first open or mkdir of such a path. */
  readonly holdAt: RegExp;
}

const ITS_START = /^\/\.codex-worker(?:$|\/)/;
const ITS_CLAIM = /^\/\.codex-worker\/tmp\/[0-9a-f]{32}\./;
const MOMENTS: readonly Moment[] = [
  { name: 'an owner, from its claim on', holdAt: ITS_CLAIM },
  { name: 'an owner, from its start on', holdAt: ITS_START },
  { name: 'a reaper, the agent worked', wreck: AGENT_WORKED, holdAt: ITS_START },
  { name: 'a reaper, outcome recorded', wreck: OUTCOME_RECORDED, holdAt: ITS_START },
  { name: 'a reaper, published', wreck: PUBLISHED, holdAt: ITS_START },
];

/** A control is aimed at the gap that it opens. */
const AIMS: Readonly<Record<string, RegExp>> = {
  'lock-in-place': /^pwrite64\(\d+<[^>]*\/\.lock-/,
  'early-release': /^rename\(.*done_exec_log-/,
};

const TRACED = '%file,%desc,%process,kill,tgkill';
/** Calls that change what others can see, and those that make, wake and end processes. */
const CHANGING =
  /^(?:openat\(.*O_CREAT|p?write|fsync|link|rename|unlink|mkdir|clone|v?fork|kill|pipe2|socketpair|exit)/;
const CHAIN = 3;
/** How hold-for-tracer.mjs ends then. */
const NEVER_TRACED = 'SIGABRT';
const TASK = 'fix.md';

/** The k-th call of this name, in whichever thread comes to it first. */
interface Point {
  readonly call: string;
  readonly k: number;
  readonly line: string;
}

/** Runs it with strace on its threads from `holdAt` on. Returns whether it was killed. */
async function runTraced(scene: CrashScene, holdAt: RegExp, strace: readonly string[]): Promise<boolean> {
  const { bench, env } = scene;
  const held = path.join(bench.scratch, 'held');
  await rm(held, { force: true });
  const run = bench.start(['-r', '5'], {
    env: {
      ...env,
      UV_THREADPOOL_SIZE: '1',
      NODE_OPTIONS: `${preload('hold-for-tracer.mjs')} ${env['NODE_OPTIONS']}`,
      HOLD_IN: bench.tasks,
      HOLD_AT: holdAt.source,
      HOLD_FILE: held,
    },
  });
  const threads = await bench.until('it is held for the tracer', async () =>
    run.hasEnded ? '' : readFile(held, 'utf8').catch(() => undefined),
  );
  if (threads !== '') {
    const which = threads.split('\n').flatMap((thread) => ['-p', thread]);
    const tracer = spawn('strace', ['-qq', ...strace, ...which], { stdio: 'ignore' });
    await once(tracer, 'exit');
  }
  const { signal } = await run.ended();
  if (signal === NEVER_TRACED) throw new Error('strace has not attached to a process that waited for it');
  if (signal === 'SIGKILL') await scene.wasKilled(run.pid);
  return signal === 'SIGKILL';
}

/** For each moment and guard; learned once in each lane. */
const learned = new Map<string, readonly Point[]>();

async function pointsOf(round: Round, moment: Moment): Promise<readonly Point[]> {
  const key = `${moment.name} without ${round.control}`;
  const known = learned.get(key);
  if (known) return known;
  const scene = await makeScene(round, moment);
  const log = path.join(scene.bench.scratch, 'strace');
  await runTraced(scene, moment.holdAt, ['-y', '-o', log, '-e', `trace=${TRACED}`]);
  const points = parse(await readFile(log, 'utf8'));
  learned.set(key, points);
  return points;
}

function parse(log: string): Point[] {
  const counts = new Map<string, number>();
  const points = new Map<string, Point>();
  for (const [, thread, line, call] of log.matchAll(/^(\d+) +(([a-z]\w*)\(.*)$/gm)) {
    if (thread === undefined || line === undefined || call === undefined) continue;
    const k = (counts.get(`${thread} ${call}`) ?? 0) + 1;
    counts.set(`${thread} ${call}`, k);
    if (!points.has(`${call} ${k}`)) points.set(`${call} ${k}`, { call, k, line });
  }
  return [...points.values()];
}

async function makeScene(round: Round, { name, wreck }: Moment): Promise<CrashScene> {
  const scene = await makeCrashScene(round);
  await scene.codex.task(TASK, 'hold=0.02 grandchild');
  if (wreck) {
    const { isKilled } = await runUntil(scene, [], { before: wreck });
    if (!isKilled) throw new Error(`${name}: no step matches ${wreck}`);
    await watchersAreDone(scene);
  }
  return scene;
}

async function playRound(round: Round): Promise<Violation[]> {
  const { random, index, control } = round;
  const moment = MOMENTS[control === undefined ? index % MOMENTS.length : 0];
  if (!moment) throw new Error('there are no moments');
  const points = await pointsOf(round, moment);
  const changing = points.filter(({ line }) => CHANGING.test(line));
  const turn = Math.floor(index / MOMENTS.length);
  const aim = AIMS[control ?? ''];
  // Three rounds of four go through the calls that change something, the fourth takes any.
  const first = aim
    ? points.find(({ line }) => aim.test(line))
    : turn % 4 === 3
      ? choose(random, points)
      : changing[stepOf(turn, changing.length) - 1];
  if (!first) return [violation('lied', `${moment.name}: strace saw no call to be killed at`)];
  const scene = await makeScene(round, moment);
  let isKilled = true;
  for (let link = 0; link < CHAIN && isKilled; link++) {
    const { call, k } = link === 0 ? first : choose(random, changing);
    const holdAt = link === 0 ? moment.holdAt : choose(random, [ITS_START, ITS_CLAIM]);
    const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:signal=KILL:when=${k}`];
    isKilled = await runTraced(scene, holdAt, ['-o', '/dev/null', ...inject]);
  }
  const context = `[${moment.name}, killed at ${first.call} ${first.k}: ${first.line.slice(0, 160)}] `;
  return (await scene.putRight()).map(({ kind, what }) => violation(kind, context + what));
}

async function unavailable(): Promise<string | undefined> {
  const missing = await needsOracle();
  if (missing !== undefined) return missing;
  const victim = spawn('sleep', ['60'], { stdio: 'ignore' });
  try {
    const inject = ['-e', 'trace=kill', '-e', 'inject=kill:signal=KILL:when=1'];
    const tracer = spawn('strace', ['-qq', '-o', '/dev/null', ...inject, '-p', String(victim.pid)], {
      stdio: 'ignore',
    });
    const failed = await Promise.race([
      once(tracer, 'error').then(() => true),
      once(tracer, 'exit').then(() => true),
      isTraced(victim.pid ?? 0).then((traced) => !traced),
    ]);
    return failed ? 'it needs strace 5 or newer, and the right to attach it to other processes' : undefined;
  } finally {
    victim.kill('SIGKILL');
  }
}

async function isTraced(pid: number): Promise<boolean> {
  for (const until = performance.now() + 5_000; performance.now() < until;) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    if (/^TracerPid:\s[1-9]/m.test(status)) return true;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return false;
}

export const killAtSyscall: Row = {
  name: 'kill-at-syscall',
  about: 'SIGKILL at the entry of each system call of an owner and of reapers, by strace',
  share: 3,
  systematic: 150 * MOMENTS.length,
  controls: { 'lock-in-place': 'lost', 'early-release': 'double' },
  unavailable,
  round: playRound,
};
