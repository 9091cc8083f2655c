/**
 * Several made-up processes work on one task, on a real directory, and a seeded scheduler decides before each system call
 * whose turn it is, and now and then that one of them is dead. What must hold is checked outside of our own code: the
 * task never runs twice at once or after it was done, and a lock is only ever removed for the claim that it holds.
 *
 * That this finds anything is shown by taking guards of the protocol out: each loss must be found by the same schedules.
 */
import assert from 'node:assert/strict';
import { closeSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { tidy } from '../../src/engine/janitor.ts';
import { judgeTask, reap } from '../../src/engine/reaper.ts';
import { settle } from '../../src/engine/settle.ts';
import { SilenceWatch } from '../../src/engine/silence.ts';
import type { World } from '../../src/engine/world.ts';
import { lookAt, realFiles, type Files } from '../../src/io/files.ts';
import { newSeed, seeded } from '../rig/random.ts';
import { done, finish, leftovers, makeMachine, tryClaim, type Machine } from './machine.ts';

const LOCK = '.lock-fix.md';
const MOST_STEPS = 6_000;

interface Plan {
  readonly workers: number;
  readonly kills: number;
  readonly janitor?: boolean;
  readonly hardLinks?: boolean;
  /** Takes a guard out: `files` is what a process would see, `about` what it knows. */
  readonly weaken?: (
    files: Files,
    about: { readonly scratch: string; readonly pid: number },
  ) => Partial<Files>;
}

/** Ends the story of a process that is dead: whatever it waited for never comes. */
const never = () => new Promise<never>(() => {});

class Simulation {
  readonly faults: string[] = [];
  readonly #machine: Machine;
  readonly #plan: Plan;
  readonly #random: () => number;
  readonly #scratch: string;
  /** Who waits for its turn, and how to give it. */
  readonly #waiting = new Map<World, () => void>();
  readonly #dead = new Set<World>();
  readonly #running = new Set<World>();
  readonly #settling = new Map<World, string>();
  readonly #open = new Set<number>();
  #arrived: () => void = () => {};
  #workersLeft = 0;
  #bug: unknown;

  constructor(machine: Machine, plan: Plan, seed: number, scratch: string) {
    this.#machine = machine;
    this.#plan = plan;
    this.#random = seeded(seed);
    this.#scratch = scratch;
  }

  async run(): Promise<void> {
    for (let i = 0; i < this.#plan.workers; i++) await this.#start((world) => this.#work(world), true);
    if (this.#plan.janitor) await this.#start((world) => this.#keepTidy(world), false);
    let kills = this.#plan.kills;
    for (let step = 0; this.#workersLeft > 0; step++) {
      if (this.#bug) throw this.#bug;
      if (step > MOST_STEPS) {
        this.faults.push('stuck');
        break;
      }
      const worlds = [...this.#waiting.keys()];
      const world = worlds[Math.floor(this.#random() * worlds.length)];
      if (!world) throw new Error('nobody waits, and nobody is finished');
      if (kills > 0 && this.#random() < 0.02) {
        kills--;
        this.#kill(world);
        await this.#start((next) => this.#work(next), true);
      } else await this.#giveTurn(world);
    }
    for (const world of this.#waiting.keys()) this.#kill(world);
    for (const fd of this.#open) closeSync(fd);
    await this.#calmPass();
  }

  /** One process more, after everything: it must find a task that is done, or do it, and leave nothing. */
  async #calmPass(): Promise<void> {
    const world = this.#machine.boot();
    await this.#work(world, 50);
    await tidy(world, this.#machine.directory);
    await tidy(world, this.#machine.directory);
    if (!this.#machine.has(done)) this.faults.push('not done');
    this.faults.push(...leftovers(this.#machine).map((name) => `left over: ${name}`));
  }

  #kill(world: World): void {
    this.#waiting.delete(world);
    this.#dead.add(world);
    this.#running.delete(world); // its agent: whoever settles its claim has ended it before
    this.#machine.kill(world);
    this.#workersLeft--;
  }

  async #start(story: (world: World) => Promise<void>, isWorker: boolean): Promise<void> {
    const world = this.#boot();
    if (isWorker) this.#workersLeft++;
    const arrived = this.#nextArrival();
    void (async () => {
      await this.#turn(world);
      await story(world);
    })()
      .catch((error: unknown) => void (this.#bug ??= error))
      .finally(() => {
        if (isWorker) this.#workersLeft--;
        this.#arrived();
      });
    await arrived;
  }

  #boot(): World {
    const base = this.#machine.boot();
    const world: World = {
      ...base,
      files: base.files,
      sleep: (ms) => this.#turn(world).then(() => base.sleep(ms)),
    };
    const stepped = this.#stepped(world, realFiles);
    const weakened = this.#plan.weaken?.(stepped, { scratch: this.#scratch, pid: base.me.pid });
    return Object.assign(world, { files: { ...stepped, ...weakened } });
  }

  #nextArrival(): Promise<void> {
    return new Promise((resolve) => (this.#arrived = resolve));
  }

  async #giveTurn(world: World): Promise<void> {
    const go = this.#waiting.get(world);
    this.#waiting.delete(world);
    const arrived = this.#nextArrival();
    go?.();
    await arrived; // at its next step, or at its end
  }

  #turn(world: World): Promise<void> {
    if (this.#dead.has(world)) return never();
    return new Promise((resolve) => {
      this.#waiting.set(world, resolve);
      this.#arrived();
    });
  }

  /** The file system, one turn for each call. */
  #stepped(world: World, files: Files): Files {
    const step =
      <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
      async (...args: A): Promise<R> => {
        await this.#turn(world);
        return call(...args);
      };
    return {
      ...files, // reading and closing what is open, and appending to a log of one's own, are nobody else's business
      open: step(async (file: string, flags: number, mode?: number) => {
        const fd = await files.open(file, flags, mode);
        this.#open.add(fd);
        return fd;
      }),
      close: async (fd) => {
        this.#open.delete(fd);
        await files.close(fd);
      },
      write: step((fd: number, bytes: Buffer, position: number) => files.write(fd, bytes, position)),
      lstat: step((file: string) => files.lstat(file)),
      link: step((from: string, to: string) => files.link(from, to)),
      rename: step((from: string, to: string) => files.rename(from, to)),
      unlink: step(async (file: string) => {
        if (path.basename(file) === LOCK && existsSync(file)) {
          const there = /"claim":"(\w+)"/.exec(readFileSync(file, 'latin1'))?.[1];
          if (there !== this.#settling.get(world)) this.faults.push("somebody else's lock was removed");
        }
        await files.unlink(file);
      }),
      readdir: step((folder: string) => files.readdir(folder)),
      mkdir: step((folder: string) => files.mkdir(folder)),
    };
  }

  async #settle(world: World, claim: string, role: 'owner' | 'reaper') {
    this.#settling.set(world, claim);
    return settle(world, { directory: this.#machine.directory, task: 'fix.md', claim, role });
  }

  /** What a run does about one task, until it is done; or until somebody else has had it for `patience` looks. */
  async #work(world: World, patience = 300): Promise<void> {
    const { directory } = this.#machine;
    const silence = new SilenceWatch(world.uptimeMs);
    const isDone = async () => (await lookAt(world.files, `${directory.path}/${done}`)) !== undefined;
    for (let looks = 0; looks < patience; looks++) {
      const verdict = await judgeTask(world, directory, 'fix.md', { silence, isInHand: () => true });
      if (verdict.kind === 'dead') {
        this.#settling.set(world, verdict.record.claim);
        // Nothing runs that would have to be ended first.
        await reap(
          world,
          directory,
          { ...verdict, sameBoot: false },
          { orphans: 'end', mayLeave: () => false },
        );
      } else if (verdict.kind === 'free') {
        if (await isDone()) return;
        await this.#attempt(world, isDone);
      } else if (verdict.kind === 'damaged' && patience < 300) return;
      else await world.sleep(20);
    }
  }

  async #attempt(world: World, isDone: () => Promise<boolean>): Promise<void> {
    const claim = await tryClaim(world, this.#machine.directory);
    if (!claim) return;
    if (await isDone()) {
      await this.#settle(world, claim.id, 'owner'); // C7
      return claim.close();
    }
    if (this.#running.size > 0) this.faults.push('two at once');
    if (this.#machine.has(done)) this.faults.push('a run after it was done');
    this.#running.add(world);
    await world.sleep(0);
    await world.sleep(0);
    this.#running.delete(world);
    await finish(claim, 'done');
    const result = await this.#settle(world, claim.id, 'owner');
    await claim.close();
    if (result.kind === 'gone') this.faults.push('a claim of a living owner was taken');
  }

  async #keepTidy(world: World): Promise<void> {
    for (;;) await tidy(world, this.#machine.directory);
  }
}

/** What is wrong in the end, for one seed. */
async function simulate(t: TestContext, plan: Plan, seed: number): Promise<string[]> {
  const machine = makeMachine(t, plan.hardLinks === undefined ? {} : { hardLinks: plan.hardLinks });
  const scratch = mkdtempSync(path.join(tmpdir(), 'codex-worker-copies-'));
  try {
    const simulation = new Simulation(machine, plan, seed, scratch);
    await simulation.run();
    return [...new Set(simulation.faults)];
  } finally {
    rmSync(scratch, { recursive: true, force: true });
    rmSync(machine.directory.path, { recursive: true, force: true });
  }
}

/** More for a soak: SCHEDULES=5000 npm test -- interleavings. */
const SCHEDULES = Number(process.env['SCHEDULES'] ?? 150);

const PLANS: Readonly<Record<string, Plan>> = {
  'two workers, four kills': { workers: 2, kills: 4 },
  'three workers, two kills': { workers: 3, kills: 2 },
  'three workers and a janitor, three kills': { workers: 3, kills: 3, janitor: true },
  'three workers without hard links': { workers: 3, kills: 0, hardLinks: false },
};

for (const [name, plan] of Object.entries(PLANS)) {
  const seed = newSeed();
  test(`${name}: ${SCHEDULES} schedules, and nothing goes wrong (SEED=${seed})`, async (t) => {
    for (let i = 0; i < SCHEDULES; i++)
      assert.deepEqual(await simulate(t, plan, seed + i), [], `SEED=${seed + i} (as the first schedule)`);
  });
}

/** Every right is granted. */
const withoutRights: Plan['weaken'] = (files) => ({
  link: async (from, to) => {
    if (!to.includes('/.break-')) return files.link(from, to);
    await files.link(from, to).catch(() => {});
  },
});

/** With the right in hand, the lock is not read again: what it held when its owner was judged is believed. */
const withoutSecondRead: Plan['weaken'] = (files, { scratch, pid }) => {
  const copy = path.join(scratch, `lock-as-${pid}-saw-it`);
  let hasRight = false;
  return {
    link: async (from, to) => {
      await files.link(from, to);
      if (to.includes('/.break-')) hasRight = true;
    },
    open: async (file, flags, mode) => {
      if (path.basename(file) !== LOCK) return files.open(file, flags, mode);
      if (hasRight && existsSync(copy)) return files.open(copy, flags, mode);
      const fd = await files.open(file, flags, mode);
      copyFileSync(file, copy);
      return fd;
    },
    unlink: async (file) => {
      await files.unlink(file);
      if (file.includes('/.break-')) hasRight = false;
    },
  };
};

/** The right is dropped while the lock still holds its claim. */
const rightsBeforeLock: Plan['weaken'] = (files) => {
  const rights = new Set<string>();
  return {
    link: async (from, to) => {
      await files.link(from, to);
      if (to.includes('/.break-')) rights.add(to);
    },
    unlink: async (file) => {
      if (path.basename(file) === LOCK) {
        for (const right of rights) if (existsSync(right)) unlinkSync(right);
        rights.clear();
      }
      await files.unlink(file);
    },
  };
};

const CONTROLS = {
  'without rights': withoutRights,
  'without the second read': withoutSecondRead,
  'with rights dropped before the lock': rightsBeforeLock,
};

for (const [name, weaken] of Object.entries(CONTROLS)) {
  test(`${name}, a schedule in which it goes wrong is found`, async (t) => {
    const found = new Map<string, number>();
    let tried = 0;
    for (; tried < 3_000 && found.size === 0; tried++)
      for (const fault of await simulate(t, { workers: 3, kills: 3, weaken }, 1 + tried))
        found.set(fault, tried);
    t.diagnostic(`after ${tried} schedules: ${[...found.keys()].join(', ')}`);
    assert.ok(found.size > 0, `nothing found in ${tried} schedules`);
  });
}
