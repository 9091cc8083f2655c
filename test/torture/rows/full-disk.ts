/**
 * A file system that is really full: out of blocks, out of inodes, or a process that is really out of descriptors. A run
 * begins on it, or it fills up while the agents work; then there is room again, and the next run completes everything.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeBench, type Bench } from '../../rig/cli.ts';
import { hasOracle, makeFakeCodex } from '../../rig/fake-codex.ts';
import { violation, type Violation } from '../../rig/violation.ts';
import { choose, pick, type Round, type Row } from '../row.ts';

const TASKS = ['one.md', 'two.md', 'three.md', 'four.md'];

/** Long enough for a run that gives up by itself. */
const PATIENCE_MS = 2_000;

function mount(at: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k,nr_inodes=120', 'codex-worker-test', at], {
    stdio: 'pipe',
  });
}

/** Leaves `room` bytes, or inodes. Returns how to make room again. */
function fill(tasks: string, what: 'blocks' | 'inodes', room: number): () => void {
  const filling = `${tasks}/.filling`;
  mkdirSync(filling, { recursive: true });
  const isFull = (step: () => void) => {
    try {
      step();
      return false;
    } catch {
      return true;
    }
  };
  const files: string[] = [];
  if (what === 'blocks') {
    const page = Buffer.alloc(4_096, 'x');
    for (let i = 0; ; i++) {
      const file = `${filling}/${i}`;
      files.push(file);
      if (isFull(() => writeFileSync(file, page))) break;
    }
  } else
    for (let i = 0; !isFull(() => closeSync(openSync(`${filling}/${i}`, 'wx'))); i++)
      files.push(`${filling}/${i}`);
  for (const file of files.splice(files.length - room)) rmSync(file, { force: true });
  return () => rmSync(filling, { recursive: true, force: true });
}

function judge(
  what: string,
  { code, stdout, stderr }: Awaited<ReturnType<Bench['run']>>,
  done: boolean,
): Violation[] {
  const said = `${stdout}${stderr}`;
  if (code === 0 && done) return [];
  if (code === 3 && /ENOSPC|EMFILE|no space|open files|storage/.test(said) && !/a bug/.test(said)) return [];
  return [violation('lied', `${what}, and it ended with ${code}: ${said}`)];
}

const isDone = async (bench: Bench) => {
  const names = await bench.ls();
  return TASKS.every((task) => names.includes(`done_exec_log-${task}.txt`));
};

async function outOfDescriptors(round: Round, bench: Bench, env: NodeJS.ProcessEnv): Promise<Violation[]> {
  const limit = 30 + pick(round.random, 120);
  const ended = await bench.shell(`ulimit -n ${limit}; exec codex-worker --concurrency 2`, { env });
  round.injected('out of descriptors');
  return judge(`at most ${limit} open files`, ended, await isDone(bench));
}

async function outOfRoom(
  round: Round,
  bench: Bench,
  env: NodeJS.ProcessEnv,
  what: 'blocks' | 'inodes',
): Promise<Violation[]> {
  const room = round.control === undefined ? pick(round.random, what === 'blocks' ? 12 : 16) : 0;
  const isFirst = round.control !== undefined || round.random() < 0.5;
  const fillNow = () => fill(bench.tasks, what, room);
  let makeRoom = isFirst ? fillNow() : undefined;
  const run = bench.start(['--concurrency', '2'], { env });
  if (!makeRoom) {
    await bench.until(
      'an agent works',
      async () => run.hasEnded || (await bench.ls()).some((name) => name.startsWith('in-progress-')),
    );
    makeRoom = fillNow();
  }
  // A run that cannot settle a claim waits for a minute that somebody makes room; here that comes sooner.
  const timer = setTimeout(makeRoom, PATIENCE_MS);
  const ended = await run.ended();
  clearTimeout(timer);
  round.injected(`out of ${what}`);
  const found = judge(`${room} ${what} were free`, ended, await isDone(bench));
  makeRoom();
  return found;
}

export const fullDisk: Row = {
  name: 'full-disk',
  about:
    'a tmpfs that is really out of blocks or inodes, before or during a run; a process out of descriptors',
  share: 1,
  controls: { 'no run when there is room again': 'lost' },
  unavailable: async () => {
    if (!hasOracle) return 'it needs flock(1) of util-linux';
    const at = mkdtempSync(path.join(tmpdir(), 'codex-worker-mount-'));
    try {
      mount(at);
      execFileSync('umount', [at]);
      return undefined;
    } catch {
      return 'it may not mount a tmpfs (it needs root)';
    } finally {
      rmdirSync(at);
    }
  },
  round: async (round) => {
    const bench = await makeBench(round);
    mount(bench.tasks);
    round.after(() => execFileSync('umount', ['-l', bench.tasks]));
    const codex = await makeFakeCodex(bench, round.backend);
    for (const task of TASKS) await codex.task(task, choose(round.random, ['', 'hold=0.1', 'hold=0.3']));
    if (round.control !== undefined)
      return [...(await outOfRoom(round, bench, codex.env, 'inodes')), ...(await codex.violations())];
    const violations = [
      ...(await outOfRoom(round, bench, codex.env, 'blocks')),
      ...(await outOfRoom(round, bench, codex.env, 'inodes')),
      ...(await outOfDescriptors(round, bench, codex.env)),
    ];
    const calm = await bench.run([], { env: codex.env });
    if (calm.code !== 0)
      violations.push(
        violation('lied', `the calm run ended with ${calm.code}: ${calm.stdout}${calm.stderr}`),
      );
    return [...violations, ...(await codex.violations())];
  },
};
