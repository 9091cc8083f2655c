/**
 * A directory that several terminals work through with the fake Codex, for rows in which the actors are killed, stopped
 * or disturbed: what starts them, what waits for them, and the judgement after one calm pass.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { makeBench, type Bench, type RunningCli } from '../rig/cli.ts';
import { hasOracle, makeFakeCodex, type FakeCodex } from '../rig/fake-codex.ts';
import type { JudgeOptions } from '../rig/judge.ts';
import { violation, type Violation } from '../rig/violation.ts';
import type { Round } from './row.ts';

const rig = (name: string) => fileURLToPath(new URL(`../rig/${name}`, import.meta.url));
const preloads = (...names: readonly string[]) => names.map((name) => `--import ${rig(name)}`).join(' ');

export const needsOracle = () =>
  Promise.resolve(hasOracle ? undefined : 'it needs Linux, and flock(1) and setsid(1) of util-linux');

/** What an agent may take to be ended when it does not obey: the ladder, and room for a busy machine. */
const QUIET_WITHIN_MS = 20_000;
/** Where a guard is taken out it is not worth waiting for what never ends. */
const QUIET_WITHIN_MS_OF_A_CONTROL = 1_000;
const END_WITHIN_MS = 60_000;

export interface JudgeTerminals extends JudgeOptions {
  /** Violations that this round asked for; everything else counts. */
  readonly excuse?: (found: Violation) => boolean;
  /** Tasks that fail whatever is done. */
  readonly failing?: number;
  /** More arguments of the calm pass. */
  readonly calm?: readonly string[];
  /** Done before the calm pass, by hand. */
  readonly first?: () => Promise<Violation[]>;
}

/** Here agents are killed, and tasks fail because they are told to: that three in a row did means nothing. */
export const NEVER_BROKEN = ['--max-failures', '100%'];

export class Terminals {
  readonly round: Round;
  readonly bench: Bench;
  readonly codex: FakeCodex;
  readonly running: RunningCli[] = [];
  readonly #env: NodeJS.ProcessEnv;
  readonly #mayExit = new Map<RunningCli, readonly number[]>();
  #started = 0;

  private constructor(round: Round, bench: Bench, codex: FakeCodex, env: NodeJS.ProcessEnv) {
    this.round = round;
    this.bench = bench;
    this.codex = codex;
    this.#env = env;
  }

  /** A control names a guard of without.mjs: it is out of everything that is started, the calm pass included. */
  static async open(round: Round): Promise<Terminals> {
    const bench = await makeBench(round);
    const codex = await makeFakeCodex(bench, round.backend);
    const { control } = round;
    const guard = control === undefined ? {} : { NODE_OPTIONS: preloads('without.mjs'), WITHOUT: control };
    return new Terminals(round, bench, codex, { ...codex.env, ...guard });
  }

  /** `mayExit`: what is no lie for it to end with. */
  start(
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
    mayExit: readonly number[] = [0, 1],
  ): RunningCli {
    const options = [this.#env['NODE_OPTIONS'], env['NODE_OPTIONS']].filter(Boolean).join(' ');
    const isRun = args[0] === undefined || args[0].startsWith('-');
    const run = this.bench.start([...args, ...(isRun ? NEVER_BROKEN : [])], {
      env: { ...this.#env, ...env, ...(options === '' ? {} : { NODE_OPTIONS: options }) },
    });
    this.running.push(run);
    this.#mayExit.set(run, mayExit);
    return run;
  }

  /** A terminal in which something happens at random steps; `log` of `deeds` is what did. */
  startAtRandomSteps(args: readonly string[], chances: string): RunningCli {
    return this.start(args, {
      NODE_OPTIONS: preloads('at-random-steps.mjs'),
      AT_RANDOM: chances,
      AT_RANDOM_IN: this.bench.tasks,
      AT_RANDOM_LOG: this.#deeds,
      AT_RANDOM_SEED: String(this.round.seed + this.#started++ * 104_729),
    });
  }

  get #deeds(): string {
    return path.join(this.bench.scratch, 'deeds');
  }

  /** What happened at random steps so far, by name. */
  deeds(): string[] {
    if (!existsSync(this.#deeds)) return [];
    return readFileSync(this.#deeds, 'utf8').split('\n').filter(Boolean);
  }

  /** How many agents have started so far. */
  async starts(): Promise<number> {
    return (await this.codex.history()).filter((line) => line.startsWith('start ')).length;
  }

  /** Whether a guard is taken out, and the fake has seen two at once: there is nothing more to wait for. */
  async isProven(): Promise<boolean> {
    return (
      this.round.control !== undefined &&
      (await this.codex.history()).some((line) => !/^(?:start|end|asked|told) /.test(line))
    );
  }

  get living(): RunningCli[] {
    return this.running.filter((run) => !run.hasEnded);
  }

  /**
   * Waits for the terminals, lets one calm pass put everything right, and says what is wrong then. A task that three
   * owners died on is failed, as documented; the next run takes it, so that pass is followed by another.
   */
  async judge({
    excuse = () => false,
    failing = 0,
    calm: more = [],
    first,
    ...options
  }: JudgeTerminals = {}): Promise<Violation[]> {
    if (await this.isProven()) return this.codex.violations();
    const found: Violation[] = [];
    for (const run of this.running) {
      const end = await run.ended(END_WITHIN_MS).catch((error: unknown) => void found.push(hung(error)));
      if (end && end.code !== null && !this.#mayExit.get(run)?.includes(end.code))
        found.push(violation('lied', `a terminal ended with ${end.code}:\n${end.stdout}${end.stderr}`));
    }
    if (found.some(({ kind }) => kind === 'hung')) return found;
    if (first) found.push(...(await first()));
    const calm = async () => this.bench.run(['-c', '8', ...NEVER_BROKEN, ...more], { env: this.#env });
    let last = await calm();
    if (await this.#sawThreeDeaths()) last = await calm();
    await this.#quiet();
    const expected = failing > 0 ? 1 : 0;
    if (last.code !== expected)
      found.push(violation('lied', `the calm pass ended with ${last.code}:\n${last.stdout}${last.stderr}`));
    found.push(...(await this.codex.violations(options)));
    return found.filter((one) => !excuse(one));
  }

  async #sawThreeDeaths(): Promise<boolean> {
    for (const name of await this.bench.ls())
      if (name.startsWith('failed_') && /the worker died 3 times/.test(await this.bench.read(name)))
        return true;
    return false;
  }

  /** A watcher whose owner is dead may be in the middle of its ladder. */
  async #quiet(): Promise<void> {
    const deadline =
      performance.now() + (this.round.control === undefined ? QUIET_WITHIN_MS : QUIET_WITHIN_MS_OF_A_CONTROL);
    while (performance.now() < deadline && (await this.bench.agents()).length > 0) await sleep(50);
  }
}

const hung = (error: unknown) => violation('hung', error instanceof Error ? error.message : String(error));
