/**
 * SIGSTOP to terminals at random steps, while the others work and judge: to an owner, to a reaper, to one that holds a
 * break right. Each is continued after a random span, now and then a longer one than the heartbeat's. A stopped owner
 * keeps its task, however long it is silent; so where nobody is killed, each task is started exactly once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { kill, stateOf } from '../../rig/processes.ts';
import { violation, type Violation } from '../../rig/violation.ts';
import { choose, pick, type Round, type Row } from '../row.ts';
import { needsOracle, Terminals } from '../terminals.ts';

const TASKS = 14;
const HOLDS = ['0', '0.1', '0.2', '0.4'];
/** With the guard taken out: agents that work longer, and stops that last until somebody idle has looked. */
const CONTROL = { holds: ['1', '2'], spanMs: 1_500 };
const LASTS_MS = 5_000;
const TERMINALS = 3;
/** Longer than the 5 s after which a heartbeat is due; in one round of so many. */
const LONG_MS = 6_000;
const LONG_IN = 6;

async function round(round: Round): Promise<Violation[]> {
  const { random, control } = round;
  const terminals = await Terminals.open(round);
  const { codex } = terminals;
  const kills = control === undefined && round.index % 2 === 1;
  for (let i = 0; i < TASKS; i++) {
    const hold = choose(random, control === undefined ? HOLDS : CONTROL.holds);
    await codex.task(`task-${i}.md`, `hold=${hold}${random() < 0.3 ? ' grandchild' : ''}`);
  }
  const start = () => terminals.startAtRandomSteps(['-c', String(1 + pick(random, 3))], 'stop:0.08');
  for (let i = 0; i < TERMINALS; i++) start();
  const continueAt = new Map<number, number>();
  let longOnes = round.index % LONG_IN === LONG_IN - 1 ? 1 : 0;
  let killed = 0;
  let judged = false;
  const span = () => {
    if (!isOn()) return 0;
    if (control !== undefined) return CONTROL.spanMs;
    if (longOnes > 0 && longOnes--) return LONG_MS;
    const luck = random();
    return luck < 0.05
      ? 1_000 + pick(random, 2_000)
      : luck < 0.25
        ? 150 + pick(random, 350)
        : 20 + pick(random, 130);
  };
  await terminals.bench.until('an agent works', async () => {
    for (const run of terminals.living) if (stateOf(run.pid) === 'T') kill(run.pid, 'SIGCONT');
    return (await terminals.starts()) > 0;
  });
  const startedAt = performance.now();
  const isOn = (): boolean => performance.now() < startedAt + LASTS_MS;
  while (terminals.living.length > 0) {
    await sleep(10);
    for (const run of terminals.living) {
      const now = performance.now();
      const isStopped = stateOf(run.pid) === 'T';
      const until = continueAt.get(run.pid);
      if (!isStopped) {
        // Most stops come from the steps themselves; these come from outside, while an agent works.
        if (isOn() && random() < 0.01) kill(run.pid, 'SIGSTOP');
      } else if (until === undefined) continueAt.set(run.pid, now + span());
      else if (until <= now) {
        continueAt.delete(run.pid);
        round.injected('SIGSTOP of a terminal, SIGCONT later');
        kill(run.pid, 'SIGCONT');
      } else if (kills && isOn() && killed < TERMINALS && random() < 0.01) {
        // Killed where it stood still: there is something to reap, and somebody may be stopped while he does.
        continueAt.delete(run.pid);
        run.kill('SIGKILL');
        killed++;
        round.crashed('real', 'SIGKILL of a stopped terminal');
      }
    }
    if (isOn() && terminals.living.length < TERMINALS && !(await isOver(terminals))) start();
    if (!judged && performance.now() > startedAt + LASTS_MS / 4 && continueAt.size > 0) {
      judged = true;
      terminals.start(['clean']);
    }
  }
  const found = await terminals.judge();
  if (killed === 0) found.push(...startedOnce(await codex.history()));
  return found;
}

const isOver = async ({ bench }: Terminals) =>
  (await bench.ls()).filter((name) => name.startsWith('done_exec_log-')).length === TASKS;

function startedOnce(history: readonly string[]): Violation[] {
  const starts = new Map<string, number>();
  for (const [word, task = ''] of history.map((line) => line.split(' ')))
    if (word === 'start') starts.set(task, (starts.get(task) ?? 0) + 1);
  return [...starts]
    .filter(([, n]) => n !== 1)
    .map(([task, n]) => violation('twice', `${task} was started ${n} times, and no owner had died`));
}

export const stopContinue: Row = {
  name: 'stop-continue',
  about:
    'SIGSTOP and SIGCONT of owners, reapers and holders of rights at random steps while others work and judge',
  share: 1,
  controls: { 'stopped-lives': 'twice' },
  unavailable: needsOracle,
  round,
};
