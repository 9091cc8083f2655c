/**
 * An owner and the watchers of its agents are killed together, so that the agents live on, unwatched: some with a
 * command in a session of its own, some that ignore SIGINT and SIGTERM, some stopped. At once another terminal starts.
 * It must end the orphans before it starts their tasks, or with --orphans wait: wait for them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningCli } from '../../rig/cli.ts';
import { isAlive, kill, partsWith, type Part } from '../../rig/processes.ts';
import { violation, type Violation } from '../../rig/violation.ts';
import { choose, pick, type Round, type Row } from '../row.ts';
import { needsOracle, Terminals } from '../terminals.ts';

/** The third owner that dies on a task fails it, as documented: test/crash/orphans.test.ts has that story. */
const GENERATIONS = 2;
const TERMINALS = 2;
const TASKS_EACH = 3;
/** An orphan that does not obey costs 7 s of patience: in one round of so many. */
const STUBBORN_IN = 6;
/** A terminal that waits looks again every 5 s. */
const WAIT_IN = 5;

async function round(round: Round): Promise<Violation[]> {
  const { random, control } = round;
  const terminals = await Terminals.open(round);
  const { bench, codex } = terminals;
  const tasks = TERMINALS * TASKS_EACH;
  const isStubborn = control === undefined && round.index % STUBBORN_IN === STUBBORN_IN - 1;
  for (let i = 0; i < tasks; i++) {
    const words = [
      `hang=${GENERATIONS}`,
      random() < 0.6 ? 'grandchild' : '',
      isStubborn && i === 0 ? 'stubborn' : '',
      // Its input ends with its owner: only a server that does not notice is an orphan at all.
      round.backend === 'app-server' ? 'deaf' : '',
    ];
    await codex.task(`task-${i}.md`, words.join(' '));
  }
  const parts = () => partsWith(`CODEX_WORKER_BENCH=${bench.scratch}`);
  const start = (more: readonly string[] = []) =>
    Array.from({ length: TERMINALS }, () => terminals.start(['-c', String(TASKS_EACH), ...more]));
  let owners = start();
  for (let generation = 1; generation <= GENERATIONS; generation++) {
    await bench.until(
      `${tasks * generation} agents have started`,
      async () => (await terminals.starts()) >= tasks * generation,
    );
    if (await terminals.isProven()) break;
    await sleep(pick(random, 100));
    const unwatched = leaveOrphans(round, owners, parts(), isStubborn);
    const waits = generation === 1 && round.index % WAIT_IN === WAIT_IN - 1;
    owners = start(waits ? ['--orphans', 'wait'] : []);
    if (!waits) continue;
    await Promise.all(owners.map((owner) => owner.says(/still works/)));
    const ended = unwatched.filter(({ pid }) => !isAlive(pid));
    if (ended.length > 0)
      return [violation('lied', `--orphans wait has ended ${ended.map(({ kind }) => kind).join()}`)];
    // Again and again: one may have been starting a command when it was looked at.
    const groups = new Set(unwatched.map(({ pgid }) => pgid));
    await bench.until('the orphans are gone', () => {
      const left = parts().filter(({ kind, pgid }) => kind === 'grandchild' || groups.has(pgid));
      for (const { pid } of left) kill(pid);
      return left.length === 0;
    });
  }
  return terminals.judge();
}

/** SIGKILL to the owners and to watchers, in a random order and without a pause; returns who lives on with nobody near. */
function leaveOrphans(
  round: Round,
  owners: readonly RunningCli[],
  parts: readonly Part[],
  isStubborn: boolean,
): Part[] {
  const { random } = round;
  const agents = parts.filter(({ kind }) => kind === 'codex');
  // A watcher that is left alive races with the reaper for its agent.
  const watchers = parts.filter(({ kind }) => kind === 'watcher' && random() < 0.85);
  const stopped = isStubborn ? choose(random, agents) : undefined;
  if (stopped && kill(stopped.pid, 'SIGSTOP')) round.injected('SIGSTOP of an orphan');
  const victims = [...owners, ...watchers].sort(() => random() - 0.5);
  for (const { pid } of victims) kill(pid);
  round.crashed('real', 'SIGKILL of an owner that leaves agents', owners.length);
  round.injected('SIGKILL of a watcher together with its owner', watchers.length);
  round.injected('agent left as an orphan', agents.length);
  const groups = new Set(watchers.map(({ pgid }) => pgid));
  return parts.filter(({ kind, pgid }) => kind !== 'watcher' && groups.has(pgid));
}

export const orphans: Row = {
  name: 'orphans',
  about: 'owner and watchers are killed together, their agents live on, and another terminal starts at once',
  share: 1,
  controls: { blind: 'twice' },
  unavailable: needsOracle,
  round,
};
