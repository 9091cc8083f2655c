/**
 * SIGKILL to every actor but the owner: the gated runner before it becomes Codex, the watcher, Codex, its commands, those
 * in sessions of their own, a worker thread in the middle of a step. Two terminals work through the directory meanwhile.
 * The attempt is failed or tried again, the thread's claim is settled by its process, and in the end everything is done.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { kill, partsWith, type PartKind } from '../../rig/processes.ts';
import type { Violation } from '../../rig/violation.ts';
import { choose, pick, type Round, type Row } from '../row.ts';
import { needsOracle, Terminals } from '../terminals.ts';

/** With the guard taken out it is enough to kill Codex together with its watcher, and to see the task run again. */
const CONTROL = {
  tasks: 6,
  places: 6,
  lastsMs: 20_000,
  kills: Infinity,
  atSteps: '',
  kinds: ['codex'],
  together: 1,
};
const PROPER = {
  tasks: 30,
  places: 6,
  lastsMs: 8_000,
  kills: 50,
  atSteps: 'part:0.012 thread:0.005',
  kinds: ['gate', 'watcher', 'codex', 'command', 'grandchild'],
  together: 0.5,
};
const NAMES: Record<PartKind, string> = {
  gate: 'SIGKILL of a gated runner',
  watcher: 'SIGKILL of a watcher',
  codex: 'SIGKILL of Codex',
  command: "SIGKILL of an agent's command",
  grandchild: "SIGKILL of an agent's command in its own session",
};

async function round(round: Round): Promise<Violation[]> {
  const { random, control } = round;
  const plan = control === undefined ? PROPER : CONTROL;
  const terminals = await Terminals.open(round);
  const { bench, codex } = terminals;
  let failing = 0;
  for (let i = 0; i < plan.tasks; i++) {
    const fails = random() < 0.06;
    if (fails) failing++;
    const hold = choose(random, ['0', '0.2', '0.5', '1']);
    const more = `${random() < 0.6 ? ' grandchild' : ''}${fails ? ' fail' : ''}`;
    await codex.task(`task-${i}.md`, `hold=${hold}${more}`);
  }
  const start = () => terminals.startAtRandomSteps(['-c', String(plan.places)], plan.atSteps);
  start();
  start();
  await bench.until('an agent is there', () => partsWith(`CODEX_WORKER_BENCH=${bench.scratch}`).length > 0);
  const deadline = performance.now() + plan.lastsMs;
  let killed = 0;
  while (performance.now() < deadline && killed < plan.kills && !(await terminals.isProven())) {
    await sleep(20 + pick(random, 50));
    if (terminals.living.length < 2) start();
    let parts = partsWith(`CODEX_WORKER_BENCH=${bench.scratch}`);
    for (let kills = 1 + pick(random, 3); kills > 0; kills--) {
      const kinds = plan.kinds.filter((kind) => parts.some((part) => part.kind === kind));
      if (kinds.length === 0) continue;
      // First the kind, then the process: there are few watchers among the commands.
      const kind = choose(random, kinds);
      const part = choose(
        random,
        parts.filter((one) => one.kind === kind),
      );
      // Codex and its watcher together: then only the owner is there to end what they leave.
      const together = kind === 'codex' && random() < plan.together;
      const victims = together
        ? parts.filter((one) => one.pgid === part.pgid && one.kind !== 'command')
        : [part];
      for (const victim of victims) {
        if (!kill(victim.pid)) continue;
        killed++;
        round.injected(NAMES[victim.kind]);
      }
      parts = parts.filter((one) => !victims.includes(one));
    }
  }
  const found = await terminals.judge({ failing });
  for (const deed of terminals.deeds())
    if (deed === 'thread') round.injected('death of a worker thread');
    else round.injected(NAMES[deed as PartKind]);
  return found;
}

export const killParts: Row = {
  name: 'kill-parts',
  about: 'SIGKILL of runner, watcher, Codex, its commands, and death of a worker thread, at random steps',
  share: 1,
  controls: { blind: 'twice' },
  unavailable: needsOracle,
  round,
};
