/**
 * Several made-up processes work on one task, and a seeded scheduler decides before each system call whose turn it is,
 * and now and then that one of them is dead and another takes its place.
 *
 * Every other schedule gives each turn to anyone. The rest let the same process go on until it sleeps or, now and then,
 * is put behind all others: most races need one process that stands still while another lives a whole life.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { newClaimId } from '../../../src/core/claim.ts';
import type { World } from '../../../src/engine/world.ts';
import { pick } from '../row.ts';
import { seeded } from '../../rig/random.ts';
import type { Violation } from '../../rig/violation.ts';
import { failed, makeMachine, type Machine } from '../../engine/machine.ts';
import {
  FAILED,
  FAILED_FOR_NOW,
  keepTidy,
  killAndReap,
  reset,
  SUCCEEDED,
  work,
  type Scene,
} from './lives.ts';
import { Observer } from './observer.ts';
import { Turns } from './turns.ts';
import type { Weaken } from './weakened.ts';

const MOST_STEPS = 12_000;
const KILL_ONE_STEP_IN = 40;
const HOLD_ONE_STEP_IN = 30;
const JANITOR_PASSES = 40;

export interface Plan {
  readonly workers: number;
  readonly kills: number;
  readonly janitor?: boolean;
  readonly hardLinks?: boolean;
  /** Agents fail, for good or so that they are tried again, as often as they succeed. */
  readonly failures?: boolean;
  /** A result of an earlier run, that the workers supersede. */
  readonly priorFailure?: boolean;
  readonly resets?: number;
  /** As `clean --kill`: so many owners are killed by a process that settles their claim. */
  readonly cleans?: number;
}

export interface Weakened {
  readonly all?: Weaken;
  readonly janitor?: Weaken;
}

export interface Course {
  readonly violations: readonly Violation[];
  readonly kills: number;
  readonly resets: number;
  readonly steps: number;
}

type Role = 'worker' | 'janitor' | 'other' | 'calm';

class RandomSchedule {
  readonly #machine: Machine;
  readonly #observer: Observer;
  readonly #turns: Turns;
  readonly #plan: Plan;
  readonly #weakened: Weakened;
  readonly #random: () => number;
  readonly #scratch: string;
  readonly #workers = new Set<World>();
  readonly #worlds: World[] = [];
  /** Killed by another process in the middle of its turn; their places are taken when that is over. */
  readonly #vacant: World[] = [];
  readonly #inBursts: boolean;
  readonly #ranks = new Map<World, number>();
  #lowestRank = 0;
  #kills = 0;
  #resets = 0;
  #steps = 0;

  constructor(machine: Machine, plan: Plan, weakened: Weakened, seed: number, scratch: string) {
    this.#machine = machine;
    this.#plan = plan;
    this.#weakened = weakened;
    this.#random = seeded(seed);
    this.#scratch = scratch;
    this.#inBursts = seed % 2 === 0;
    this.#observer = new Observer(machine.directory.path);
    this.#turns = new Turns(this.#observer);
  }

  async run(): Promise<Course> {
    try {
      await this.#begin();
      await this.#goOn();
      this.#turns.end();
      for (const world of this.#worlds) this.#machine.kill(world);
      await this.#calmPass();
    } catch (error) {
      this.#observer.wrong('lied', `a process ended with ${String(error)}`);
    } finally {
      this.#turns.end();
    }
    const violations = this.#observer.violations;
    return { violations, kills: this.#kills, resets: this.#resets, steps: this.#steps };
  }

  async #begin(): Promise<void> {
    const { workers, janitor, priorFailure, resets = 0, cleans = 0 } = this.#plan;
    if (priorFailure) this.#machine.write(failed, failedLog());
    for (let i = 0; i < workers; i++) await this.#startWorker();
    if (janitor) await this.#start('janitor', (world, scene) => keepTidy(world, scene, JANITOR_PASSES));
    if (resets > 0) await this.#start('other', (world, scene) => this.#resetTimes(world, scene, resets));
    if (cleans > 0) await this.#start('other', (world, scene) => this.#cleanTimes(world, scene, cleans));
  }

  /** Until the workers have ended; who is not a worker is killed in the middle of what it does then. */
  async #goOn(): Promise<void> {
    const isOver = () => !this.#turns.waiting.some((world) => this.#workers.has(world));
    for (let left = this.#plan.kills; !isOver(); this.#steps++) {
      if (this.#steps > MOST_STEPS)
        return this.#observer.wrong('hung', `the workers have not ended after ${MOST_STEPS} steps`);
      const world = this.#whoseTurn();
      if (left > 0 && this.#workers.has(world) && pick(this.#random, KILL_ONE_STEP_IN) === 0) {
        left--;
        this.#kill(world);
      } else await this.#turns.give(world);
      while (this.#vacant.pop()) await this.#startWorker();
    }
  }

  #whoseTurn(): World {
    const waiting = this.#turns.waiting;
    let next = waiting[pick(this.#random, waiting.length)];
    if (!next) throw new Error('nobody waits, and not all workers have ended');
    if (!this.#inBursts) return next;
    for (const world of waiting) if (this.#rankOf(world) > this.#rankOf(next)) next = world;
    const isHeld = this.#turns.next(next) === 'sleep' || pick(this.#random, HOLD_ONE_STEP_IN) === 0;
    if (isHeld) this.#ranks.set(next, --this.#lowestRank);
    return next;
  }

  #rankOf(world: World): number {
    const rank = this.#ranks.get(world) ?? this.#random();
    this.#ranks.set(world, rank);
    return rank;
  }

  /** One process more, after everything, whom nobody disturbs and from whom no guard is taken. */
  async #calmPass(): Promise<void> {
    const world = await this.#start('calm', async (calm, scene) => {
      await keepTidy(calm, scene, 1);
      await work(calm, { ...scene, agentEnd: () => SUCCEEDED }, 50);
      await keepTidy(calm, scene, 1);
    });
    while (this.#turns.next(world) !== undefined) await this.#turns.give(world);
    this.#observer.judge();
  }

  #scene(): Scene {
    const { directory } = this.#machine;
    const ends = this.#plan.failures ? [SUCCEEDED, FAILED, FAILED_FOR_NOW, FAILED_FOR_NOW] : [SUCCEEDED];
    const agentEnd = () => ends[pick(this.#random, ends.length)] ?? SUCCEEDED;
    return { directory, observer: this.#observer, agentEnd };
  }

  #startWorker(): Promise<World> {
    return this.#start('worker', (world, scene) => work(world, scene));
  }

  async #start(role: Role, story: (world: World, scene: Scene) => Promise<void>): Promise<World> {
    const world = this.#boot(role);
    this.#worlds.push(world);
    if (role === 'worker') this.#workers.add(world);
    await this.#turns.start(world, () => story(world, this.#scene()));
    return world;
  }

  #boot(role: Role): World {
    const base = this.#machine.boot();
    const sleep = async (ms: number) => {
      await this.#turns.turn(world, ms === 0 ? 'work' : 'sleep');
      await base.sleep(ms);
    };
    const world = { ...base, sleep };
    const files = this.#turns.files(world);
    const { all, janitor } = this.#weakened;
    const weaken = role === 'janitor' ? janitor : role === 'calm' ? undefined : all;
    return Object.assign(world, {
      files: { ...files, ...weaken?.(files, { scratch: this.#scratch, pid: base.me.pid }) },
    });
  }

  #kill(world: World): void {
    this.#kills++;
    this.#turns.kill(world);
    this.#machine.kill(world);
    this.#observer.agentEnds(world);
    this.#vacant.push(world);
  }

  async #resetTimes(world: World, scene: Scene, times: number): Promise<void> {
    for (let left = times, looks = 0; left > 0 && looks < 50; looks++) {
      if (await reset(world, scene)) {
        left--;
        this.#resets++;
      }
      for (let i = pick(this.#random, 20); i > 0; i--) await world.sleep(20);
    }
  }

  async #cleanTimes(world: World, scene: Scene, times: number): Promise<void> {
    const kill = (pid: number) => {
      const owner = this.#turns.waiting.find(({ me }) => me.pid === pid && pid !== world.me.pid);
      if (owner && this.#workers.has(owner)) this.#kill(owner);
      return owner !== undefined && this.#workers.has(owner);
    };
    for (let left = times, looks = 0; left > 0 && looks < 50; looks++) {
      if (await killAndReap(world, scene, kill)) left--;
      for (let i = pick(this.#random, 20); i > 0; i--) await world.sleep(20);
    }
  }
}

export function failedLog(): string {
  const fields = [`attempt:   1`, `claim:     ${newClaimId()}`, `prompt:    ${'a'.repeat(64)} (sha256)`];
  return `codex-worker log\n${fields.join('\n')}\n`;
}

/** One schedule, in a directory of its own, which stays when something was wrong. */
export async function randomSchedule(
  under: string,
  plan: Plan,
  weakened: Weakened,
  seed: number,
): Promise<Course> {
  const scratch = mkdtempSync(path.join(under, 'copies-'));
  const { hardLinks = true } = plan;
  const machine = makeMachine({ after: () => {} }, { hardLinks });
  const course = await new RandomSchedule(machine, plan, weakened, seed, scratch).run();
  rmSync(scratch, { recursive: true });
  if (course.violations.length === 0) rmSync(machine.directory.path, { recursive: true });
  return course;
}
