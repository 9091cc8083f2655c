/**
 * Pids and groups that are used again. Made up: process tables in which the child's group holds innocent processes,
 * lookalikes of the cookie, zombies and processes that cannot be looked at; every signal is caught and judged. Real: in
 * a pid namespace, where the kernel can be told which pid comes next.
 */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { endOrphans, survivors } from '../../../src/io/sweep.ts';
import { identityToken, isTokenOfTheDead, type ProcessStat } from '../../../src/io/process-identity.ts';
import { HOST } from '../../engine/machine.ts';
import { violation, type Violation } from '../../rig/violation.ts';
import { falseWitness, makeCliScene, missing, NAMESPACES } from '../cli-scene.ts';
import { choose, pick, type Round, type Row } from '../row.ts';

const SCRIPT = fileURLToPath(new URL('../../rig/pid-reuse.sh', import.meta.url));
const SCENES_A_ROUND = 200;
/** Above the largest pid that Linux gives: should a signal get through, it reaches nobody. */
const NO_SUCH_PID = 5_000_000;

interface Process extends ProcessStat {
  environment: string | undefined;
  readonly isCarrier: boolean;
  state: string;
}

interface Scene {
  readonly claim: string;
  readonly child: { pid: number; pgid: number; start: string };
  readonly processes: Process[];
  readonly signalled: Set<number>;
}

/** Environments, and whether whoever has one carries the cookie of the claim: it does only with exactly that entry. */
const environments = (claim: string): readonly (readonly [string | undefined, boolean])[] => {
  const entries = (...list: string[]) => list.map((entry) => `${entry}\0`).join('');
  return [
    [entries('A=1', `CODEX_WORKER_CLAIM=${claim}`, 'B=2'), true],
    [`CODEX_WORKER_CLAIM=${claim}`, true],
    [entries(`CODEX_WORKER_CLAIM=${claim}0`), false],
    [entries(`XCODEX_WORKER_CLAIM=${claim}`), false],
    [entries(`A=CODEX_WORKER_CLAIM=${claim}`), false],
    [entries(`CODEX_WORKER_CLAIM=${claim.slice(1)}`), false],
    [entries(`CODEX_WORKER_CLAIM=${randomBytes(16).toString('hex')}`), false],
    [entries('HOME=/'), false],
    [undefined, false],
  ];
};

function makeScene({ random }: Round, n: number): Scene {
  const claim = randomBytes(16).toString('hex');
  const first = NO_SUCH_PID + n * 1_000;
  const child = { pid: first, pgid: first, start: '1000' };
  const processes: Process[] = [];
  for (let i = 0; i < 4 + pick(random, 8); i++) {
    const known = environments(claim);
    // Half of the scenes have no carrier at all: there the group is nobody's business.
    const [environment, isCarrier] = choose(
      random,
      n % 2 === 0 ? known : known.filter(([, carries]) => !carries),
    );
    // The first one is the heir of the child's pid, or the child itself, which leads its group.
    const isChild = i === 0 && random() < 0.5;
    processes.push({
      pid: first + i,
      start: isChild ? child.start : String(1_001 + i),
      state: choose(random, ['S', 'R', 'D', 'T', 'S', 'R', 'Z', 'X']),
      pgid: isChild || random() < 0.5 ? child.pgid : first + 500 + pick(random, 3),
      ppid: 1,
      cpuMs: 0,
      kernel: random() < 0.05,
      environment,
      isCarrier,
    });
  }
  return { claim, child, processes, signalled: new Set() };
}

const lives = ({ state, kernel }: Process) => !/^[ZX]/.test(state) && !kernel;

/** Who may be signalled: the carriers; and with one of them in the group, the group. They all must be gone afterwards. */
function isFairGame({ processes, child }: Scene): Set<number> {
  const carriers = processes.filter((one) => lives(one) && one.isCarrier);
  const isOurs = carriers.some(({ pgid }) => pgid === child.pgid);
  const group = isOurs ? processes.filter((one) => lives(one) && one.pgid === child.pgid) : [];
  return new Set([...carriers, ...group].map(({ pid }) => pid));
}

const tableOf = ({ processes }: Scene) => ({
  stat: (pid: number) => processes.find((one) => one.pid === pid) ?? ('gone' as const),
  list: () => processes,
  pids: () => processes.map(({ pid }) => pid),
  hasOpen: () => undefined,
  environment: (pid: number) => processes.find((one) => one.pid === pid)?.environment,
});

/** Signals go nowhere while `work` runs, but to the processes that are made up. */
async function catchingSignals(scenes: readonly Scene[], work: () => Promise<void>): Promise<string[]> {
  const real = process.kill.bind(process);
  const strays: string[] = [];
  process.kill = (pid: number, signal?: string | number) => {
    const target = Math.abs(pid);
    const scene = scenes[Math.floor((target - NO_SUCH_PID) / 1_000)];
    if (!scene) {
      strays.push(`${signal} to ${pid}`);
      return true;
    }
    for (const one of scene.processes) {
      if (pid < 0 ? one.pgid !== target : one.pid !== target) continue;
      if (/^[ZX]/.test(one.state)) continue; // nothing happens to it
      scene.signalled.add(one.pid);
      one.state = 'Z';
    }
    return true;
  };
  try {
    await work();
  } finally {
    process.kill = real;
  }
  return strays;
}

async function madeUp(round: Round): Promise<Violation[]> {
  const scenes = Array.from({ length: SCENES_A_ROUND }, (_, n) => makeScene(round, n));
  const expected = scenes.map(isFairGame);
  const found: Violation[] = [];
  const strays = await catchingSignals(scenes, async () => {
    await Promise.all(
      scenes.map(async (scene, n) => {
        const what = JSON.stringify({ ...scene, signalled: [...scene.signalled] });
        const fair = expected[n] ?? new Set();
        const seen = survivors(scene.claim, scene.child, tableOf(scene));
        if (seen.length !== fair.size || !seen.every((pid) => fair.has(pid)))
          found.push(violation('lied', `survivors are ${seen.join()}, not ${[...fair].join()}: ${what}`));
        const left = await endOrphans(scene.claim, scene.child, tableOf(scene));
        if (left.length > 0) found.push(violation('left', `${left.join()}: ${what}`));
        // A kernel thread in a group of ours is made up too far: the kernel has none, so it does not count.
        const innocent = scene.processes.filter(
          ({ pid, kernel }) => scene.signalled.has(pid) && !fair.has(pid) && !kernel,
        );
        if (innocent.length > 0)
          found.push(
            violation('lied', `innocent ${innocent.map(({ pid }) => pid).join()} signalled: ${what}`),
          );
        const spared = [...fair].filter((pid) => !scene.signalled.has(pid));
        if (spared.length > 0) found.push(violation('left', `${spared.join()} spared: ${what}`));
      }),
    );
  });
  for (const stray of strays) found.push(violation('lied', `a stray signal: ${stray}`));
  round.injected('group or pid used again, made up', SCENES_A_ROUND);
  return found;
}

/** Names of temporary files whose maker's pid is somebody else's now. */
function tokens(round: Round): Violation[] {
  const me = { host: HOST, pid: 7, start: '70' };
  const maker = { host: HOST, pid: 811, start: '254778' };
  const stat = (more: object): ProcessStat => ({
    pid: 811,
    start: '254778',
    state: 'S',
    pgid: 811,
    ppid: 1,
    cpuMs: 0,
    kernel: false,
    ...more,
  });
  const table = [
    [stat({}), false],
    [stat({ state: 'T' }), false],
    [stat({ state: 'D' }), false],
    [stat({ start: '254779' }), true],
    [stat({ state: 'Z' }), true],
    [stat({ state: 'X' }), true],
    ['gone', true],
    ['unknown', false],
  ] as const;
  round.injected('pid of a temporary file used again, made up', table.length);
  return table
    .filter(([seen, isDead]) => {
      const processes = {
        stat: () => seen,
        list: () => [],
        pids: () => [],
        hasOpen: () => undefined,
        environment: () => undefined,
      };
      return isTokenOfTheDead(identityToken(maker), me, processes) !== isDead;
    })
    .map(([seen]) => violation('lied', `a temporary file whose maker is ${JSON.stringify(seen)}`));
}

async function real(round: Round): Promise<Violation[]> {
  const { control } = round;
  const { bench, codex, shell } = await makeCliScene(round);
  await codex.task('a.md', 'until=over');
  const how = control === undefined && round.index % 3 === 2 ? 'zombie' : 'reused';
  const forged = control === 'a group is killed without proof' ? falseWitness({})['NODE_OPTIONS'] : '';
  const env = control === 'a pid alone names a process' ? falseWitness({ ONE_START: '1' }) : {};
  const { stdout, stderr, code } = await shell(`${NAMESPACES.pid} bash ${SCRIPT} ${how} "${forged}"`, env);
  const said = stdout + stderr;
  if (code === 99) return []; // the kernel did not give the pid: no fault was injected
  const found = await codex.violations();
  if ((await bench.ls()).includes('.lock-a.md'))
    found.push(violation('hung', `an innocent process is taken for the owner: ${said}`));
  for (const [dead] of stdout.matchAll(/^dead \d+$/gm))
    found.push(violation('lied', `an innocent is ${dead}: ${said}`));
  if (!/^code 0$/m.test(stdout) || !/^alive$/m.test(stdout)) found.push(violation('lied', said));
  round.crashed(
    'real',
    how === 'zombie' ? 'owner killed, and still a zombie' : "owner's pid and child's group used again",
  );
  return found;
}

export const pidReuse: Row = {
  name: 'pid-reuse',
  about:
    'the pid of a dead owner and the group of its child belong to innocent processes; zombies; lookalikes',
  share: 1,
  controls: { 'a pid alone names a process': 'hung', 'a group is killed without proof': 'lied' },
  unavailable: () => Promise.resolve(missing('pid')),
  round: async (round) =>
    round.control === undefined
      ? [...(await madeUp(round)), ...tokens(round), ...(await real(round))]
      : real(round),
};
