/**
 * What happens on a simulated disk while nobody knows that the power will fail: made-up processes on one task, going
 * through the program's own steps. Each notes on the disk what it has promised, at the moment when it has.
 */
import type { ClaimId, Host } from '../../src/core/claim.ts';
import { markerOf, type Task } from '../../src/core/task.ts';
import { resetTask } from '../../src/engine/by-hand.ts';
import { conclude, type AttemptEnd, type Running } from '../../src/engine/conclude.ts';
import { tidy } from '../../src/engine/janitor.ts';
import { judgeTask, reap } from '../../src/engine/reaper.ts';
import { LOOK_EVERY_MS, SilenceWatch } from '../../src/engine/silence.ts';
import type { World } from '../../src/engine/world.ts';
import { removeIdentityFile, takeRight, writeIdentityFile } from '../../src/io/break-right.ts';
import { CodexListener } from '../../src/io/codex-listener.ts';
import { readHistory } from '../../src/io/earlier-attempts.ts';
import { makePrivateDirectory } from '../../src/io/file-system.ts';
import { CREATE, lookAt, type Files } from '../../src/io/files.ts';
import { readLock } from '../../src/io/lock-file.ts';
import { readPrompt } from '../../src/io/prompt.ts';
import type { TaskDirectory } from '../../src/io/task-directory.ts';
import { HOST, tryClaim } from '../engine/machine.ts';
import { SimDisk } from '../rig/sim-disk.ts';

export const AT = '/tasks';
export const PROMPT = 'Fix it.\n';
export const TASK: Task = { directory: AT, name: 'fix.md', label: 'fix.md' };
export const DONE = markerOf.completed(TASK.name);
export const FAILED = markerOf.failed(TASK.name);
const directory: TaskDirectory = { path: AT, id: '1:2', hardLinks: true, network: false };

export type Note =
  /** The agent of a claim was let go. */
  | { readonly kind: 'ran'; readonly claim: ClaimId }
  /** F3 has returned: the attempt is not repeated. */
  | { readonly kind: 'recorded'; readonly claim: ClaimId; readonly outcome: 'done' | 'failed' }
  /** The outcome was reported: this is the log, byte for byte. */
  | {
      readonly kind: 'said';
      readonly what: 'completed' | 'failed' | 'put aside';
      readonly claim: ClaimId;
      readonly log: Buffer;
    }
  | { readonly kind: 'reset-begun' | 'reset' }
  /** Something that must not have been: a claim that cannot be settled, a lock that cannot be read. */
  | { readonly kind: 'stuck'; readonly why: string };

export type Disk = SimDisk<Note>;
/** What a process sees of the files of a disk; a control takes something away. */
export type View = (disk: Disk) => Files;

/** Processes on one disk, since one boot. */
export class Uptime {
  readonly disk: Disk;
  readonly #view: View;
  readonly #host: Host;
  readonly #alive = new Set<number>();
  #now = 1_000_000;
  #pid: number;

  constructor(disk: Disk, view: View, boot: number, firstPid = 1_000) {
    this.disk = disk;
    this.#view = view;
    this.#host = { ...HOST, boot: `boot-${boot}` };
    this.#pid = firstPid;
  }

  process(): World {
    const pid = ++this.#pid;
    this.#alive.add(pid);
    const statOf = (which: number) =>
      this.#alive.has(which)
        ? { pid: which, start: String(which), state: 'S', pgid: which, ppid: 1, cpuMs: 0, kernel: false }
        : 'gone';
    return {
      files: this.#view(this.disk),
      table: {
        stat: statOf,
        list: () => [],
        pids: () => [],
        hasOpen: () => undefined,
        environment: () => undefined,
      },
      me: { host: this.#host, pid, start: String(pid) },
      uptimeMs: () => this.#now,
      // Each sleep is long enough to count as a look: this machine is slow, and the rounds are fast.
      sleep: async (ms) => void (this.#now += Math.max(ms, LOOK_EVERY_MS)),
      now: () => new Date(0),
      random: () => 0.5,
    };
  }

  kill({ me }: World): void {
    this.#alive.delete(me.pid);
  }

  get lastPid(): number {
    return this.#pid;
  }

  note(note: Note): void {
    this.disk.note(note);
  }

  log(name: string): Buffer {
    return this.disk.content(`${AT}/${name}`) ?? Buffer.from(`${name} is not there`);
  }
}

/** A directory with a task in it, as a first run finds it; with `failed`, an earlier run has left that log. */
export async function makeDisk(failed?: string): Promise<Disk> {
  const disk = new SimDisk<Note>();
  const { files } = disk;
  await files.mkdir(AT);
  const texts = { [TASK.name]: PROMPT, ...(failed === undefined ? {} : { [FAILED]: failed }) };
  for (const [name, text] of Object.entries(texts))
    await files.write(await files.open(`${AT}/${name}`, CREATE), Buffer.from(text), 0);
  return disk.settled();
}

type Ending = 'done' | 'failed' | 'retry' | 'interrupted';

const ENDS: Readonly<Record<Ending, AttemptEnd>> = {
  done: { kind: 'succeeded' },
  failed: { kind: 'failed', failure: { kind: 'log-too-large', bytes: 1 } },
  retry: {
    kind: 'failed',
    failure: { kind: 'exited-nonzero', code: 1, message: 'try again', class: 'unknown' },
  },
  interrupted: { kind: 'interrupted' },
};

/** One attempt, from its claim to what is said of it. Only the agent is made up. `false` when the task was taken. */
async function attempt(uptime: Uptime, world: World, ending: Ending): Promise<boolean> {
  const { files } = world;
  await makePrivateDirectory(files, directory);
  const prompt = await readPrompt(files, TASK);
  const history = await readHistory(files, directory, TASK.name);
  if (prompt.kind !== 'read') throw new Error('the prompt cannot be read');
  const claim = await tryClaim(world, directory, { attempt: history.nextAttempt });
  if (!claim) return false;
  const { id, lock, log } = claim;
  uptime.note({ kind: 'ran', claim: id });
  for (let beat = 0; beat < 2; beat++) {
    await lock.renew(new Date(beat).toISOString());
    log.entry({ kind: 'reasoning', text: `thought ${beat} of ${id}\n`.repeat(20) });
  }
  const heard = new CodexListener();
  heard.spokeJson = true;
  const running = {
    world,
    order: { claim: id, task: TASK, directory, retries: ending === 'retry' ? 9 : 0 },
    ports: { tell: () => {}, aborted: new AbortController().signal, env: {} },
    history,
    startedAt: world.uptimeMs(),
    source: prompt.source,
    lock,
    log,
  } as unknown as Running; // `conclude` asks for nothing else of it
  const outcome = await conclude(running, heard, ENDS[ending]);
  if (outcome.kind === 'succeeded')
    uptime.note({ kind: 'said', what: 'completed', claim: id, log: uptime.log(DONE) });
  else if (outcome.kind === 'failed' && !outcome.willRetry)
    uptime.note({ kind: 'said', what: 'failed', claim: id, log: uptime.log(FAILED) });
  else if (
    outcome.kind === 'failed' ||
    (outcome.kind === 'returned' && outcome.reason.kind === 'interrupted')
  )
    uptime.note({ kind: 'said', what: 'put aside', claim: id, log: putAside(uptime, id) });
  else uptime.note({ kind: 'stuck', why: `an attempt ended with ${JSON.stringify(outcome)}` });
  await claim.close();
  return true;
}

function putAside(uptime: Uptime, claim: ClaimId): Buffer {
  const name = uptime.disk.names(`${AT}/.codex-worker/ended`).find((entry) => entry.includes(claim));
  return uptime.log(`.codex-worker/ended/${name}`);
}

/** A whole run: it puts right what it finds, does the task if that is to be done, and leaves. */
export async function wholeRun(uptime: Uptime): Promise<void> {
  const world = uptime.process();
  const { files } = world;
  const silence = new SilenceWatch(world.uptimeMs);
  await tidy(world, directory);
  for (let looks = 0; ; looks++) {
    const verdict = await judgeTask(world, directory, TASK.name, { silence, isInHand: () => true });
    if (verdict.kind === 'free') {
      if (await lookAt(files, `${AT}/${DONE}`)) break;
      await attempt(uptime, world, 'done');
    } else if (verdict.kind === 'dead') {
      const { claim } = verdict.record;
      const result = await reap(world, directory, verdict, { orphans: 'end', mayLeave: () => false });
      if (result.kind === 'rolled-forward') {
        const log = uptime.log(result.state === 'completed' ? DONE : FAILED);
        uptime.note({ kind: 'said', what: result.state, claim, log });
      } else if (result.kind !== 'given-back' && result.kind !== 'gone') {
        uptime.note({ kind: 'stuck', why: JSON.stringify(result) });
        break;
      }
    } else if (verdict.kind === 'undecided' && looks < 20) await world.sleep(LOOK_EVERY_MS);
    else {
      uptime.note({ kind: 'stuck', why: JSON.stringify(verdict) });
      break;
    }
  }
  await tidy(world, directory);
  await removeIdentityFile(files, directory, world.me);
  uptime.kill(world);
}

async function reset(uptime: Uptime): Promise<void> {
  const world = uptime.process();
  uptime.note({ kind: 'reset-begun' });
  const result = await resetTask(world, directory, TASK, 'a-run', 'codex-worker 1.0.0');
  uptime.note(result === 'reset' ? { kind: 'reset' } : { kind: 'stuck', why: `reset: ${result}` });
  uptime.kill(world);
}

/** A process that lives as long as what it does, and then lies dead where it stopped. */
async function oneAttempt(uptime: Uptime, ending: Ending): Promise<void> {
  const world = uptime.process();
  await attempt(uptime, world, ending);
  uptime.kill(world);
}

/** Takes the next right to the claim of a dead owner, and dies before it has done anything with it. */
async function dieWithRight(uptime: Uptime): Promise<void> {
  const world = uptime.process();
  const lock = await readLock(world.files, directory, TASK.name);
  if (lock.kind === 'claim') {
    const { claim } = lock.record;
    const rights = uptime.disk.names(AT).filter((name) => name.startsWith(`.break-${claim}`));
    await writeIdentityFile(world.files, directory, world.me);
    await takeRight(world.files, directory, claim, rights.length + 1, world.me);
  }
  uptime.kill(world);
}

export interface Scene {
  readonly name: string;
  readonly earlierFailure?: string;
  readonly play: (uptime: Uptime, dieAnywhere: DieAnywhere) => Promise<Uptime>;
}

/** Plays a part of a scene, and goes on from a moment of it at which all its processes were killed. */
export type DieAnywhere = (uptime: Uptime, part: (uptime: Uptime) => Promise<void>) => Promise<Uptime>;

export const EARLIER = 'codex-worker log\nan earlier failure\n';
const played = (play: (uptime: Uptime) => Promise<void>) => async (uptime: Uptime) => {
  await play(uptime);
  return uptime;
};

export const SCENES: readonly Scene[] = [
  { name: 'a task is done', play: played((uptime) => oneAttempt(uptime, 'done')) },
  {
    name: 'a task fails after an earlier failure, and is done later',
    earlierFailure: EARLIER,
    play: played(async (uptime) => {
      await oneAttempt(uptime, 'failed');
      await oneAttempt(uptime, 'done');
    }),
  },
  {
    name: 'a task is tried again, interrupted, and done',
    play: played(async (uptime) => {
      for (const ending of ['retry', 'interrupted', 'done'] as const) await oneAttempt(uptime, ending);
    }),
  },
  {
    name: 'a task that is done is reset, and done again',
    play: played(async (uptime) => {
      await oneAttempt(uptime, 'done');
      await reset(uptime);
      await oneAttempt(uptime, 'done');
    }),
  },
  {
    name: 'a run is killed, and the next one puts that right',
    earlierFailure: EARLIER,
    play: async (uptime, dieAnywhere) =>
      played(wholeRun)(await dieAnywhere(uptime, (doomed) => oneAttempt(doomed, 'done'))),
  },
  {
    name: 'a run, who puts that right, and who puts that right are killed',
    play: async (uptime, dieAnywhere) => {
      const wreck = await dieAnywhere(uptime, (doomed) => oneAttempt(doomed, 'failed'));
      return played(wholeRun)(await dieAnywhere(wreck, wholeRun));
    },
  },
  {
    name: 'two hold the right and die, and the third settles the claim',
    play: async (uptime, dieAnywhere) => {
      const wreck = await dieAnywhere(uptime, (doomed) => oneAttempt(doomed, 'done'));
      await dieWithRight(wreck);
      await dieWithRight(wreck);
      return played(wholeRun)(wreck);
    },
  },
  {
    name: 'the owners of a task die three times',
    play: async (uptime, dieAnywhere) => {
      let wreck = uptime;
      for (let death = 0; death < 3; death++) wreck = await dieAnywhere(wreck, wholeRun);
      return played(wholeRun)(wreck);
    },
  },
];
