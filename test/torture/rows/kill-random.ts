/**
 * Eight processes share one directory, and each is killed again and again, most often shortly after a claim of its own,
 * and started anew at once. There is always work, so that nobody idles.
 */
import { watch } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningCli } from '../../rig/cli.ts';
import type { Violation } from '../../rig/violation.ts';
import { choose, pick, type Round, type Row } from '../row.ts';
import { makeCrashScene, killWatchersOf, needsOracle, readLockOf, type CrashScene } from '../crash-scene.ts';
import { NEVER_BROKEN } from '../terminals.ts';

const PROCESSES = 8;
/** So many tasks without a result there are at least, whenever a process starts. */
const WORK = 16;
/** The first rounds are short, so that a short run has some of each row. */
const SHORT_ROUNDS = 3;
const ROUND = { short: { kills: 24, mostMs: 20_000 }, long: { kills: 150, mostMs: 90_000 } };

const LOOK_EVERY_MS = 50;
const HOLDS = ['0', '0.02', '0.05', '0.1', '0.3'];
/** With a guard out: few tasks that take long, so that somebody is beside somebody else also on a slow machine. */
const CONTROL = { processes: 4, work: 4, holds: ['1', '2'] };
const DELAYS_MS = [0, 3, 10, 30, 100];

class Crowd {
  readonly #round: Round;
  readonly #scene: CrashScene;
  readonly #claims = new Map<number, () => void>();
  #tasks = 0;
  #kills = 0;
  #isOver = false;
  /** Whether those that still run in the end are killed at once. */
  readonly #together: boolean;

  constructor(round: Round, scene: CrashScene) {
    this.#round = round;
    this.#scene = scene;
    this.#together = round.control !== undefined || round.random() < 0.25;
  }

  async run({ kills, mostMs }: { kills: number; mostMs: number }): Promise<void> {
    const { tasks } = this.#scene.bench;
    const processes = this.#round.control === undefined ? PROCESSES : CONTROL.processes;
    await this.#addWork();
    const watcher = watch(tasks, (kind, name) => {
      if (kind !== 'rename' || !name?.startsWith('.lock-')) return;
      const owner = readLockOf(this.#scene.bench, name.slice('.lock-'.length))?.owner;
      if (owner !== undefined) this.#claims.get(owner)?.();
    });
    try {
      const slots = Array.from({ length: processes }, () => this.#slot());
      const until = performance.now() + mostMs;
      while (this.#kills < kills && performance.now() < until && !(await this.#hasOverlap()))
        await Promise.race([sleep(LOOK_EVERY_MS), ...slots]);
      this.#isOver = true;
      await Promise.all(slots);
    } finally {
      this.#isOver = true;
      watcher.close();
    }
  }

  /** One process after another, until the round is over. */
  async #slot(): Promise<void> {
    const { random, control } = this.#round;
    while (!this.#isOver) {
      await this.#addWork();
      const args = [
        ...NEVER_BROKEN,
        '--no-retry-failed',
        '-r',
        '1',
        '-c',
        choose(random, ['1', '1', '2', '3']),
      ];
      const run = this.#scene.bench.start(args, { env: this.#scene.env });
      await this.#untilItsTime(run);
      if (run.hasEnded) continue;
      // Without a watcher the agent lives on, and the next owner of the task has to end it.
      const watchers =
        control !== undefined || random() < 0.25 ? killWatchersOf(this.#scene.bench, run.pid) : 0;
      run.kill('SIGKILL');
      this.#kills++;
      await this.#scene.wasKilled(run.pid);
      if (watchers > 0) this.#round.injected('SIGKILL of a watcher, then of its owner', watchers);
      await run.ended();
    }
  }

  /** Most are to die at one of their first claims, or a little later; some at any time. */
  async #untilItsTime(run: RunningCli): Promise<void> {
    const { random } = this.#round;
    const delayMs = pick(random, 1 + choose(random, DELAYS_MS));
    let claims = choose(random, [1, 1, 1, 1, 2, 3]);
    let due = random() < 0.05 ? performance.now() + pick(random, 3_000) : Number.POSITIVE_INFINITY;
    const isDue = new Promise<void>((resolve) => {
      this.#claims.set(run.pid, () => {
        if (--claims === 0) setTimeout(resolve, delayMs);
      });
    }).then(() => void (due = 0));
    while (!run.hasEnded && performance.now() < due && !(this.#isOver && this.#together))
      await Promise.race([isDue, sleep(LOOK_EVERY_MS)]);
    this.#claims.delete(run.pid);
  }

  /** What the round is to find, if anything, it has found. */
  async #hasOverlap(): Promise<boolean> {
    return (await this.#scene.codex.history()).some((line) => line.startsWith('overlap '));
  }

  async #addWork(): Promise<void> {
    const { random, control, backend } = this.#round;
    const { bench, codex } = this.#scene;
    const { work, holds } = control === undefined ? { work: WORK, holds: HOLDS } : CONTROL;
    const finished = (await bench.ls()).filter((name) => /^(?:done|failed)_exec_log-/.test(name)).length;
    while (this.#tasks - finished < work) {
      const words = [`hold=${choose(random, holds)}`];
      if (control !== undefined || random() < 0.3) words.push('grandchild');
      // Of an owner that is dead only such a server is left to be ended.
      if (backend === 'app-server' && (control !== undefined || random() < 0.25)) words.push('deaf');
      if (random() < 0.2) words.push(choose(random, ['fail', 'retry=1']));
      await codex.task(`task-${this.#tasks++}.md`, words.join(' '));
    }
  }
}

async function playRound(round: Round): Promise<Violation[]> {
  const scene = await makeCrashScene(round);
  const isShort = round.index < SHORT_ROUNDS || round.control !== undefined;
  await new Crowd(round, scene).run(isShort ? ROUND.short : ROUND.long);
  return scene.putRight({ args: [...NEVER_BROKEN, '--no-retry-failed', '-r', '1', '-c', '8'] });
}

export const killRandom: Row = {
  name: 'kill-random',
  about: 'eight processes share tasks that end well, fail and are retried; each is killed again and again',
  share: 30,
  ofExecOnly: ['early-go'],
  controls: { 'early-go': 'twice', 'nobody-lives': 'twice', blind: 'twice', 'rights-for-all': 'twice' },
  unavailable: needsOracle,
  round: playRound,
};
