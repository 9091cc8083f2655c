/**
 * What only shows when there is much of it: thousands of tasks in one process, an agent that never stops talking, a
 * directory with a hundred thousand names. Seen from outside: `/proc`, and a preload that counts timers.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { makeBench, type RunningCli } from '../../rig/cli.ts';
import { hasOracle, makeFakeCodex } from '../../rig/fake-codex.ts';
import { violation, type Violation } from '../../rig/violation.ts';
import type { Round, Row } from '../row.ts';

const rig = (name: string) => fileURLToPath(new URL(`../../rig/${name}`, import.meta.url));
const unavailable = async () => (hasOracle ? undefined : 'needs flock(1) and /proc');

/** What a process holds at one moment. */
interface Sample {
  readonly rssMb: number;
  readonly descriptors: number;
  readonly threads: number;
}

function sampleOf(pid: number): Sample | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
    const sample = {
      rssMb: field('VmRSS') / 1_024,
      descriptors: readdirSync(`/proc/${pid}/fd`).length,
      threads: field('Threads'),
    };
    return Number.isNaN(sample.rssMb) ? undefined : sample; // a zombie holds nothing
  } catch {
    return undefined; // it has ended
  }
}

async function watch(run: RunningCli): Promise<Sample[]> {
  const samples: Sample[] = [];
  while (!run.hasEnded) {
    const sample = sampleOf(run.pid);
    if (sample) samples.push(sample);
    await sleep(50);
  }
  return samples;
}

const median = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? 0;

/** The second quarter against the last: the first is the start, in which everything grows. */
function growth(values: readonly number[]): { before: number; after: number } {
  const quarter = values.length >> 2;
  return {
    before: median(values.slice(quarter, 2 * quarter)),
    after: median(values.slice(-quarter)),
  };
}

function judgeGrowth(
  what: string,
  values: readonly number[],
  mayGrowBy: (before: number) => number,
): Violation[] {
  const { before, after } = growth(values);
  return after - before > mayGrowBy(before)
    ? [violation('left', `${what} grew from ${before.toFixed(1)} to ${after.toFixed(1)}`)]
    : [];
}

async function longRound({ long, control, after, noted, backend }: Round): Promise<Violation[]> {
  const bench = await makeBench({ after });
  const codex = await makeFakeCodex(bench, backend);
  const tasks = long ? 5_000 : 300;
  for (let i = 0; i < tasks; i++) await codex.task(`task-${i}.md`, i % 10 === 0 ? 'fail' : '');
  const trace = path.join(bench.scratch, 'resources');
  const run = bench.start(['--concurrency', '8', '--retries', '0'], {
    env: {
      ...codex.env,
      NODE_OPTIONS: `--import ${rig('count-resources.mjs')}`,
      RESOURCES_TRACE: trace,
      ...(control === undefined ? {} : { RESOURCES_LEAK: control }),
    },
  });
  const samples = await watch(run);
  const { code, stdout, stderr } = await run.ended();
  noted('tasks', tasks);
  const threads = new Map<string, { timers: number[]; liveMb: number[] }>();
  for (const line of readFileSync(trace, 'utf8').trim().split('\n')) {
    const [id = '', timers, liveMb] = line.split(' ');
    const thread = threads.get(id) ?? { timers: [], liveMb: [] };
    threads.set(id, thread);
    thread.timers.push(Number(timers));
    thread.liveMb.push(Number(liveMb));
  }
  const of = (name: keyof Sample) => samples.map((sample) => sample[name]);
  return [
    ...(code === 1 ? [] : [violation('lied', `exit ${code}: ${stdout.slice(-500)}${stderr}`)]),
    // In a short run the process has just begun to fill the heap that it is allowed.
    ...(long ? judgeGrowth('resident memory, in MB', of('rssMb'), (before) => before * 0.1) : []),
    ...judgeGrowth('open files', of('descriptors'), () => 24),
    ...judgeGrowth('threads', of('threads'), () => 1),
    ...[...threads].flatMap(([id, { timers, liveMb }]) => [
      ...judgeGrowth(`timers of thread ${id}`, timers, () => 12),
      ...judgeGrowth(`living memory of thread ${id}, in MB`, liveMb, () => 4),
    ]),
    ...(await codex.violations()),
  ];
}

/** More than one attempt may print (1 GiB) in the long round: it is cut there, said, and nothing grows. */
async function loudRound({ long, control, after, noted, backend }: Round): Promise<Violation[]> {
  process.env['TMPDIR'] = '/tmp'; // not on tmpfs: a gigabyte of log is memory there
  const bench = await makeBench({ after });
  await bench.write('loud.md', 'Talk.\n');
  const megabytes = long ? 2_048 : 64;
  const run = bench.start(['--retries', '0'], {
    env: {
      CODEX_CMD: rig('loud-codex.sh'),
      CODEX_WORKER_BACKEND: backend,
      LOUD_MB: String(megabytes),
      NODE_OPTIONS: `--import ${rig('count-resources.mjs')}`,
      RESOURCES_TRACE: '/dev/null',
      ...(control === undefined ? {} : { RESOURCES_LEAK: control }),
    },
  });
  const samples = await watch(run);
  const { code, stdout, stderr } = await run.ended(10 * 60_000);
  noted('MB printed', megabytes);
  const result = `${long ? 'failed' : 'done'}_exec_log-loud.md.txt`;
  const isThere = (await bench.ls()).includes(result);
  const { size } = isThere ? await stat(path.join(bench.tasks, result)) : { size: 0 };
  const peak = Math.max(...samples.map(({ rssMb }) => rssMb));
  return [
    ...(code === (long ? 1 : 0) ? [] : [violation('lied', `exit ${code}: ${stdout}${stderr}`)]),
    ...(isThere ? [] : [violation('lost', `no ${result}, but ${(await bench.ls()).join()}`)]),
    ...(size >= Math.min(megabytes, 1_000) * 0.9 * 1_048_576
      ? []
      : [violation('lost', `the log has only ${size} bytes`)]),
    ...(peak < 256 ? [] : [violation('left', `${peak.toFixed(0)} MB of memory at most`)]),
    ...(await bench.leftovers()).map((name) => violation('left', name)),
  ];
}

/** Nearly all of them are completed; what is left is done beside them, and the counts are true. */
async function manyRound({ long, control, after, noted, backend }: Round): Promise<Violation[]> {
  const bench = await makeBench({ after });
  const codex = await makeFakeCodex(bench, backend);
  const total = long ? 100_000 : 4_000;
  const open = 20;
  await mkdir(bench.tasks, { recursive: true });
  for (let i = open; i < total; i++) {
    await writeFile(path.join(bench.tasks, `many-${i}.md`), 'x\n');
    if (!(control === 'a result that is gone' && i === total - 1))
      await writeFile(path.join(bench.tasks, `done_exec_log-many-${i}.md.txt`), 'codex-worker log\n');
  }
  for (let i = 0; i < open; i++) await codex.task(`open-${i}.md`);
  const run = bench.start(['--concurrency', '8', ...(control === undefined ? [] : ['--dry-run'])], {
    env: codex.env,
  });
  const { code, stdout, stderr } = await run.ended(10 * 60_000);
  noted('names', 2 * total - open);
  const status = await bench.start(['status', '--json']).ended(5 * 60_000);
  const counts = JSON.parse(status.stdout) as { total?: number; counts?: Record<string, number> };
  return [
    ...(code === 0 ? [] : [violation('lied', `exit ${code}: ${stdout.slice(-500)}${stderr}`)]),
    ...(counts.counts?.['completed'] === total
      ? []
      : [violation('lied', `status counts ${JSON.stringify(counts).slice(0, 300)} of ${total}`)]),
    ...(control === undefined ? await codex.violations() : []),
  ];
}

export const longRun: Row = {
  name: 'long-run',
  about:
    'thousands of tasks in one process (5,000 in a long run): memory, open files, threads and timers stay flat',
  share: 1,
  controls: { descriptors: 'left', memory: 'left', timers: 'left' },
  unavailable,
  patienceMs: 20 * 60_000,
  round: longRound,
};

export const bigOutput: Row = {
  name: 'big-output',
  about: 'an agent that prints 2 GB (64 MB in a short run): cut at 1 GiB, said, and memory stays flat',
  share: 0.5,
  controls: { memory: 'left' },
  unavailable,
  patienceMs: 15 * 60_000,
  round: loudRound,
};

export const manyTasks: Row = {
  name: 'many-tasks',
  about: 'a directory with 100,000 tasks (4,000 in a short run): all counted, what is open is done',
  share: 0.5,
  controls: { 'a result that is gone': 'lied' },
  unavailable,
  patienceMs: 20 * 60_000,
  round: manyRound,
};
