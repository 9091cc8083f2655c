/**
 * The power fails under the real program, on real file systems: whatever the kernel had not written is gone. What the run
 * had said to be done by then must be there after the next mount, complete, and a calm run does the rest.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { makeBench, type Bench, type RunningCli } from '../../rig/cli.ts';
import { hasOracle, makeFakeCodex, type FakeCodex } from '../../rig/fake-codex.ts';
import { mountLoopDisk, whyNoLoopDisk, type LoopDisk, type LoopFileSystem } from '../../rig/loop-disk.ts';
import { violation, type Violation } from '../../rig/violation.ts';
import { pick, type Round, type Row } from '../row.ts';

const NO_FSYNC = fileURLToPath(new URL('../../rig/no-fsync.mjs', import.meta.url));
const NO_SYNC_AT_ALL = 'no file and no directory is ever synced';
const TASKS = 16;
const CUTS = 4;
const ARGS = ['--json', '--concurrency', '4'];
const MIB = 2 ** 20;

class PowerCuts {
  readonly violations: Violation[] = [];
  readonly #round: Round;
  readonly #bench: Bench;
  readonly #codex: FakeCodex;
  readonly #disk: LoopDisk;
  /** The tasks that were said to be done, with their logs where there was time to read them. */
  readonly #said = new Map<string, Buffer | undefined>();
  /** How long the history was when a task had been said to be done: none of its agents may start later. */
  readonly #historyThen = new Map<string, number>();
  #run: RunningCli | undefined;

  constructor(round: Round, bench: Bench, codex: FakeCodex, disk: LoopDisk) {
    this.#round = round;
    this.#bench = bench;
    this.#codex = codex;
    this.#disk = disk;
  }

  async run(): Promise<void> {
    const { random } = this.#round;
    for (let task = 1; task <= TASKS; task++)
      await this.#codex.task(`task-${task}.md`, `hold=0.0${pick(random, 6)}`);
    await this.#disk.sync();
    for (let cut = 0; cut < CUTS && this.violations.length === 0; cut++) await this.#cutOnce();
    if (this.violations.length > 0) return;
    const { code, stdout, stderr } = await this.#bench.run(ARGS, { env: this.#env() });
    if (code !== 0) this.#found('lied', `the calm run ended with ${code}: ${stdout.slice(-2_000)}${stderr}`);
    // Logs of attempts that had not ended when the power failed may be gone with it.
    this.violations.push(...(await this.#codex.violations({ meddled: true })));
    await this.#judgeSaid('after the calm run');
  }

  #env(): NodeJS.ProcessEnv {
    const isControl = this.#round.control === NO_SYNC_AT_ALL;
    return { ...this.#codex.env, ...(isControl ? { NODE_OPTIONS: `--import ${NO_FSYNC}` } : {}) };
  }

  async #cutOnce(): Promise<void> {
    const { random } = this.#round;
    const run = this.#bench.start(ARGS, { env: this.#env() });
    this.#run = run;
    const before = this.#said.size;
    const enough = before + pick(random, 6);
    await this.#bench.until('it has done some', async () => {
      await this.#hear(run);
      return this.#said.size >= enough || run.hasEnded;
    });
    await sleep(random() * 100);
    await this.#hear(run);
    if (this.#disk.worksOn) {
      run.kill('SIGSTOP'); // what is written and said from now on would be of a time after the cut
      await this.#disk.cutPower();
    } else {
      await this.#disk.cutPower();
      await sleep(random() * 50); // everything fails now, and nothing may be said to be done that is not
    }
    await this.end();
    await this.#hear(run);
    this.#round.crashed('real', 'power cut');
    await this.#disk.powerOn();
    await this.#judgeSaid('after the power was back');
    const { length } = await this.#codex.history();
    for (const task of this.#said.keys())
      if (!this.#historyThen.has(task)) this.#historyThen.set(task, length);
  }

  /** Kills everything that is on the disk. */
  async end(): Promise<void> {
    if (this.#run?.hasEnded === false) this.#run.kill('SIGKILL');
    await this.#run?.ended();
    await this.#bench.until('the agents are gone', async () => {
      const agents = await this.#bench.agents();
      for (const agent of agents) {
        try {
          process.kill(Number.parseInt(agent, 10), 'SIGKILL');
        } catch {
          // it has just ended
        }
      }
      return agents.length === 0;
    });
  }

  /** Reads what the run has said, and what it has said it of. */
  async #hear(run: RunningCli): Promise<void> {
    for (const line of run.stdout.split('\n').slice(0, -1)) {
      const event = JSON.parse(line) as { event: string; name?: string; outcome?: string };
      if (event.event !== 'attempt-ended' || event.outcome !== 'succeeded' || event.name === undefined)
        continue;
      if (this.#said.get(event.name) === undefined)
        this.#said.set(event.name, await this.#log(event.name).catch(() => undefined));
    }
  }

  #log(task: string): Promise<Buffer> {
    return readFile(path.join(this.#bench.tasks, `done_exec_log-${task}.txt`));
  }

  async #judgeSaid(when: string): Promise<void> {
    const past = await this.#codex.history();
    for (const [task, then] of this.#said) {
      const now = await this.#log(task).catch(() => undefined);
      const isWhole = now !== undefined && /\noutcome: +completed\n[^]*\n$/.test(now.toString());
      if (!now) this.#found('lost', `${task} was said to be done, and has no result ${when}`);
      else if (!isWhole || (then && !now.equals(then)))
        this.#found('lost', `the result of ${task}, which was said to be done, is another one ${when}`);
      const starts = past.slice(this.#historyThen.get(task) ?? past.length);
      if (starts.some((line) => line.startsWith(`start ${task} `)))
        this.#found('twice', `${task} was said to be done, and was done again`);
      this.#said.set(task, now);
    }
  }

  #found(kind: Violation['kind'], what: string): void {
    this.violations.push(violation(kind, what));
  }
}

function powerLoop(fileSystem: LoopFileSystem): Row {
  return {
    name: `power-loop-${fileSystem.name}`,
    about: `the power fails under the real program, on a real ${fileSystem.name}`,
    share: 1,
    controls: { [NO_SYNC_AT_ALL]: 'lost' },
    unavailable: async () =>
      hasOracle ? whyNoLoopDisk(fileSystem) : 'the fake Codex needs flock(1), of util-linux',
    round: async (round) => {
      const bench = await makeBench(round);
      const codex = await makeFakeCodex(bench, round.backend);
      const disk = await mountLoopDisk(round, fileSystem, bench.scratch, bench.tasks);
      const cuts = new PowerCuts(round, bench, codex, disk);
      round.after(() => cuts.end());
      await cuts.run();
      return cuts.violations;
    },
  };
}

export const powerLoops: readonly Row[] = [
  powerLoop({ name: 'ext4', bytes: 48 * MIB, canShutDown: true }),
  powerLoop({ name: 'xfs', bytes: 320 * MIB, canShutDown: true }),
  powerLoop({ name: 'btrfs', bytes: 120 * MIB, canShutDown: false }),
];
