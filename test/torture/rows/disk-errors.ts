/**
 * The command line itself on a disk that refuses: a call in the task directory fails, in whichever thread it is made,
 * and those after it for a while. Its exit code must be true: 0 only when everything is done, 3 with the name of the
 * error when the disk was the reason, and never that of a bug. A calm run then completes everything. Every other
 * round the file system has no hard links.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeBench, type Bench } from '../../rig/cli.ts';
import { hasOracle, makeFakeCodex, type FakeCodex } from '../../rig/fake-codex.ts';
import { ERRNOS } from '../../rig/faulty-disk.ts';
import { violation, type Violation } from '../../rig/violation.ts';
import { choose, pick, type Round, type Row } from '../row.ts';

const PRELOAD = fileURLToPath(new URL('../../rig/fail-at-step.mjs', import.meta.url));
const TASKS = ['one.md', 'two.md', 'three.md'];
/** More calls than a run with these tasks makes before its last one begins. */
const CALLS = 330;
const FAULTS_PER_ROUND = 3;

/** Everything that a run says about itself while the disk fails it. */
async function judgeRun(
  bench: Bench,
  { code, stdout, stderr }: { code: number | null; stdout: string; stderr: string },
  errno: string,
): Promise<Violation[]> {
  const said = `${stdout}${stderr}`;
  const lied = (what: string) => [violation('lied', `${what}:\n${said}`)];
  const listing = new Set(await bench.ls());
  const isDone = TASKS.every((task) => listing.has(`done_exec_log-${task}.txt`));
  if (/this is a bug|a bug in codex-worker|a worker thread of codex-worker crashed/.test(said))
    return lied('it takes the disk for a bug of its own');
  if (code === 0) return isDone ? [] : lied('it ended with 0, and not everything is done');
  // A task that was refused because it may not be read, or held by what could not be read.
  if (code === 1) return isDone ? lied('it ended with 1, and everything is done') : [];
  if (code !== 2 && code !== 3) return lied(`it ended with ${code}`);
  return said.includes(errno) || /storage|disk|file system|cannot write/.test(said)
    ? []
    : lied(`it ended with ${code} and names neither the disk nor ${errno}`);
}

async function failOnce(round: Round, bench: Bench, codex: FakeCodex, links: string): Promise<Violation[]> {
  const errno = choose(round.random, ERRNOS);
  const isHappened = round.random() < 0.2;
  const trace = path.join(bench.scratch, `trace-${pick(round.random, 1e9)}`);
  const ended = await bench.run(['--concurrency', '2'], {
    env: {
      ...codex.env,
      NODE_OPTIONS: `--import ${PRELOAD}`,
      FAIL_IN: bench.tasks,
      FAIL_TRACE: trace,
      FAIL_LINKS: links,
      FAIL_AT: String(1 + pick(round.random, isHappened ? 60 : CALLS)),
      FAIL_CALLS: String(choose(round.random, [1, 1, 3, 10, 40])),
      FAIL_ERRNO: errno,
      ...(isHappened ? { FAIL_HAPPENED: 'yes' } : {}),
      ...(round.control === undefined ? {} : { FAIL_GUARD: 'deaf', FAIL_AT: '1', FAIL_CALLS: '200' }),
    },
  });
  const failed = (await readFile(trace, 'utf8')).split('\n').filter((line) => line !== '');
  if (failed.length > 0) round.injected(errno, failed.length);
  return (await judgeRun(bench, ended, errno)).map(({ kind, what }) => ({
    kind,
    what: `${what}\nafter ${errno} at ${failed[0] ?? 'no call'}`,
  }));
}

export const diskErrors: Row = {
  name: 'disk-errors',
  about:
    'the real command line: calls in the task directory fail in all its threads; with and without hard links',
  share: 1,
  controls: { 'no error reaches the program': 'lost' },
  unavailable: async () => (hasOracle ? undefined : 'it needs flock(1) of util-linux'),
  round: async (round) => {
    const bench = await makeBench(round);
    const codex = await makeFakeCodex(bench, round.backend);
    for (const task of TASKS) await codex.task(task);
    const links = round.index % 2 === 0 ? 'yes' : 'no';
    const violations: Violation[] = [];
    for (let i = 0; i < FAULTS_PER_ROUND; i++)
      violations.push(...(await failOnce(round, bench, codex, links)));
    const env =
      links === 'yes'
        ? codex.env
        : { ...codex.env, NODE_OPTIONS: `--import ${PRELOAD}`, FAIL_IN: bench.tasks, FAIL_LINKS: 'no' };
    const calm = await bench.run([], { env });
    if (calm.code !== 0)
      violations.push(
        violation('lied', `the calm run ended with ${calm.code}: ${calm.stdout}${calm.stderr}`),
      );
    return [...violations, ...(await codex.violations())];
  },
};
