/**
 * Eight processes on one directory, of which one is killed again and again and started anew. The fake Codex holds a lock
 * of the kernel for each task while anything of it lives; it, not our own code, says whether two ever ran at once.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeBench, type RunningCli } from '../rig/cli.ts';
import { assertNoViolations, hasOracle, makeFakeCodex } from '../rig/fake-codex.ts';
import { newSeed, seeded } from '../rig/random.ts';

const PROCESSES = 8;
const TASKS = 60;
const KILLS = 40;
const seed = newSeed();

test(
  `${PROCESSES} processes share ${TASKS} tasks through ${KILLS} kills: none lost, none twice, none at once (SEED=${seed})`,
  { skip: hasOracle ? false : 'needs flock(1)' },
  async (t) => {
    const random = seeded(seed);
    const pick = (below: number) => Math.floor(random() * below);
    const bench = await makeBench(t);
    const codex = await makeFakeCodex(bench);
    for (let i = 0; i < TASKS; i++) {
      const hold = ['0', '0.1', '0.3', '0.6'][pick(4)];
      await codex.task(`task-${i}.md`, `hold=${hold}${random() < 0.3 ? ' grandchild' : ''}`);
    }
    const start = () => bench.start(['--concurrency', String(1 + pick(3))], { env: codex.env });
    const running: RunningCli[] = Array.from({ length: PROCESSES }, start);
    const isOver = async () => {
      const names = await bench.ls();
      return names.filter((name) => name.startsWith('done_exec_log-')).length === TASKS;
    };
    let kills = 0;
    while (kills < KILLS && !(await isOver())) {
      await sleep(100 + pick(300));
      const i = pick(PROCESSES);
      const run = running[i];
      if (run && !run.hasEnded) {
        run.kill('SIGKILL');
        await run.ended();
        kills++;
      }
      running[i] = start();
    }
    for (const run of running) await run.ended();
    const last = await bench.run([], { env: codex.env });
    const starts = (await codex.history()).filter((line) => line.startsWith('start ')).length;
    t.diagnostic(`${kills} kills; ${starts} starts of ${TASKS} tasks`);
    assertNoViolations(await codex.violations(), `SEED=${seed}`);
    assert.equal(last.code, 0, `SEED=${seed}\n${last.stdout}${last.stderr}`);
    assert.ok(kills > KILLS / 4, `only ${kills} kills`);
  },
);
