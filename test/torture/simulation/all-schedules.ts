/**
 * All schedules of a few processes, not some: depth first, each schedule run again from the start up to where it
 * differs, and left where it comes to a place in which another has been (fingerprint.ts). One system call is one step.
 *
 * Without `preemptions` that is every interleaving of the cast's system calls; with it, every one in which a process
 * that could go on is interrupted at most so often.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { World } from '../../../src/engine/world.ts';
import type { Violation } from '../../rig/violation.ts';
import { makeMachine, type Machine } from '../../engine/machine.ts';
import { Fingerprint } from './fingerprint.ts';
import { keepTidy, SUCCEEDED, work, type Scene } from './lives.ts';
import { Observer } from './observer.ts';
import { syncFiles, Turns, type Call } from './turns.ts';
import type { Weaken } from './weakened.ts';

export interface Part {
  readonly name: string;
  readonly story: (world: World, scene: Scene) => Promise<void>;
  readonly weaken?: Weaken | undefined;
}

export interface Play {
  /** What stands in the directory when the curtain rises. */
  readonly prepare: (machine: Machine, observer: Observer) => Promise<void>;
  readonly cast: readonly Part[];
  /** The first of the cast dies when it has made so many steps. */
  readonly dies?: number | undefined;
  /** So many of the others die, each anywhere. */
  readonly deaths?: number | undefined;
  readonly preemptions?: number | undefined;
  /** Only the schedules whose first difference from the first one is at a step of this slice: all slices are all of them. */
  readonly slice?: { readonly index: number; readonly of: number } | undefined;
}

export interface Explored {
  readonly schedules: number;
  readonly places: number;
  /** In schedules that went on to the calm pass. */
  readonly kills: number;
  /** The most steps that the first of the cast made. */
  readonly steps: number;
  readonly violations: readonly Violation[];
}

interface Choice {
  readonly who: number;
  readonly dies: boolean;
}

class Performance {
  readonly observer: Observer;
  readonly machine: Machine;
  readonly #play: Play;
  readonly #scratch: string;
  readonly #fingerprint: Fingerprint;
  readonly #turns: Turns;
  readonly #worlds: World[] = [];
  readonly #steps: number[] = [];
  /** What had changed when it began to look, the last time: it sleeps until something has that it has not seen. */
  readonly #lookedAt = new Map<World, number>();
  #last: number | undefined;
  #preemptions = 0;
  #deaths = 0;
  kills = 0;

  constructor(play: Play, scratch: string) {
    this.#play = play;
    this.#scratch = scratch;
    this.machine = makeMachine({ after: () => {} });
    this.observer = new Observer(this.machine.directory.path);
    this.#fingerprint = new Fingerprint(this.machine.directory.path);
    this.#turns = new Turns(this.observer, this.#fingerprint);
  }

  get steps(): number {
    return this.#steps[0] ?? 0;
  }

  async begin(): Promise<void> {
    await this.#play.prepare(this.machine, this.observer);
    this.#fingerprint.begin();
    for (const part of this.#play.cast) await this.#enter(part);
  }

  async #enter({ story, weaken }: Part): Promise<World> {
    const base = this.machine.boot();
    const world: World = {
      ...base,
      table: {
        ...base.table,
        stat: (pid) => {
          const stat = base.table.stat(pid);
          this.#fingerprint.asked(world, typeof stat === 'object' ? 'alive' : stat);
          return stat;
        },
      },
      sleep: async (ms) => {
        if (ms > 0) this.#fingerprint.waits(world);
        await this.#turns.turn(world, ms > 0 ? 'sleep' : 'work');
        if (ms > 0) this.#lookedAt.set(world, this.#fingerprint.changes);
      },
    };
    const { path: directory } = this.machine.directory;
    const files = this.#turns.files(
      world,
      {
        ...syncFiles,
        readdir: async (folder) => this.#fingerprint.inOrder(await syncFiles.readdir(folder)),
      },
      (call) => isSeenByOthers(call, directory),
    );
    Object.assign(world, {
      files: { ...files, ...weaken?.(files, { scratch: this.#scratch, pid: base.me.pid }) },
    });
    this.#worlds.push(world);
    this.#steps.push(0);
    const scene = { directory: this.machine.directory, observer: this.observer, agentEnd: () => SUCCEEDED };
    await this.#turns.start(world, () => story(world, scene));
    return world;
  }

  /** What can happen next; the first goes on with whoever went last. */
  choices(): Choice[] {
    const { dies, deaths = 0, preemptions } = this.#play;
    const able = [...this.#worlds.keys()].filter((who) => this.#canGoOn(who));
    const goesOn = this.#last !== undefined && able.includes(this.#last);
    const mayInterrupt = !goesOn || preemptions === undefined || this.#preemptions < preemptions;
    const next = able.filter((who) => who === this.#last || mayInterrupt);
    next.sort((a, b) => Number(b === this.#last) - Number(a === this.#last));
    const choices = next.map((who) => ({ who, dies: who === 0 && this.#steps[0] === dies }));
    if (this.#deaths < deaths)
      for (const [who, world] of this.#worlds.entries())
        if (!(who === 0 && dies !== undefined) && this.#turns.next(world)) choices.push({ who, dies: true });
    return choices;
  }

  #canGoOn(who: number): boolean {
    const world = this.#worlds[who];
    if (!world || this.#turns.next(world) === undefined) return false;
    return this.#turns.next(world) !== 'sleep' || this.#lookedAt.get(world) !== this.#fingerprint.changes;
  }

  async take({ who, dies }: Choice): Promise<void> {
    const world = this.#worlds[who];
    if (!world) throw new Error('no such process');
    if (dies) {
      this.kills++;
      if (!(who === 0 && this.#play.dies !== undefined)) this.#deaths++;
      this.#fingerprint.changes++;
      this.#turns.kill(world);
      this.machine.kill(world);
      this.observer.agentEnds(world);
      return;
    }
    if (this.#last !== undefined && this.#last !== who && this.#canGoOn(this.#last)) this.#preemptions++;
    this.#last = who;
    this.#steps[who] = (this.#steps[who] ?? 0) + 1;
    this.#fingerprint.asked(world, 'a step');
    await this.#turns.give(world);
  }

  place(): string {
    const living = this.#worlds.filter((world) => this.#turns.next(world) !== undefined);
    const awake = this.#worlds.map((_, who) => this.#canGoOn(who));
    const budget = this.#play.preemptions === undefined ? '' : `${this.#last} ${this.#preemptions}`;
    const fate = this.#play.dies === undefined ? '' : this.#steps[0];
    return this.#fingerprint.of(living, `${awake.join()} ${this.#deaths} ${budget} ${fate}`);
  }

  /** Nobody can go on: one process more puts everything right, and is judged with them. */
  async finish(): Promise<void> {
    if (this.#turns.waiting.length > 0) this.observer.wrong('hung', 'those who are left wait for nobody');
    this.close();
    for (const world of this.#worlds) this.machine.kill(world);
    const calm = await this.#enter({
      name: 'calm',
      story: async (world, scene) => {
        await work(world, scene, 20);
        await keepTidy(world, scene, 1);
      },
    });
    while (this.#turns.next(calm)) await this.#turns.give(calm);
    this.observer.judge();
  }

  close(): void {
    this.#turns.end();
  }
}

/**
 * The rest is done together with the step before it. Reading what is open and writing it are no steps of their own,
 * because in these plays nobody reads what another may still write: locks and rights are complete when they appear.
 */
function isSeenByOthers({ verb, args }: Call, directory: string): boolean {
  if (verb === 'read' || verb === 'write') return false;
  const file = String(args[0]);
  return (verb === 'readdir' || file !== directory) && !file.includes('/.codex-worker/tmp/new-');
}

/** Ends with the first schedule in which something is wrong. */
export async function exploreAll(under: string, play: Play): Promise<Explored> {
  const scratch = mkdtempSync(path.join(under, 'copies-'));
  const places = new Set<string>();
  const pending: Choice[][] = [[]];
  const sum = { schedules: 0, kills: 0, steps: 0 };
  let violations: readonly Violation[] = [];
  for (let way = pending.pop(); way && violations.length === 0; way = pending.pop()) {
    const performance = new Performance(play, scratch);
    try {
      await performance.begin();
      for (const choice of way) await performance.take(choice);
      for (;;) {
        const place = performance.place();
        if (places.has(place)) break;
        places.add(place);
        const [first, ...rest] = performance.choices();
        const isFirst = sum.schedules === 0;
        if (!isFirst || !play.slice || way.length % play.slice.of === play.slice.index)
          for (const other of rest) pending.push([...way, other]);
        if (!first) {
          await performance.finish();
          sum.kills += performance.kills;
          break;
        }
        way.push(first);
        await performance.take(first);
      }
    } catch (error) {
      performance.observer.wrong('lied', `a process ended with ${String(error)}`);
    } finally {
      performance.close();
    }
    sum.schedules++;
    sum.steps = Math.max(sum.steps, performance.steps);
    const found = performance.observer.violations;
    const schedule = describe(way, play);
    violations = found.map(({ kind, what }) => ({ kind, what: `${what}; ${schedule}` }));
    if (found.length === 0) rmSync(performance.machine.directory.path, { recursive: true });
  }
  rmSync(scratch, { recursive: true });
  return { ...sum, places: places.size, violations };
}

/** `reaper 5, other 3, reaper dies`. */
function describe(way: readonly Choice[], { cast }: Play): string {
  const runs: { who: number; dies: boolean; steps: number }[] = [];
  for (const { who, dies } of way) {
    const last = runs.at(-1);
    if (last && last.who === who && !last.dies && !dies) last.steps++;
    else runs.push({ who, dies, steps: 1 });
  }
  return runs.map(({ who, dies, steps }) => `${cast[who]?.name} ${dies ? 'dies' : steps}`).join(', ');
}
