/**
 * A machine whose processes are made up, their Codex children included, on a real directory: everything of the engine
 * runs as it does in a worker, in one process of ours and in a few milliseconds. What a made-up Codex saw is in
 * `history`, and whether two of them ever worked on one task in `overlaps`: that is judged without our own code.
 *
 * Three doors of Node lead to it, opened by `openDoors` for as long as a round lasts: `child_process.spawn` (which
 * cross-spawn calls), `process.kill`, and timers of seconds, which come at once and move the machine's clock instead.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import childProcess, { type ChildProcess, type SpawnOptions } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { existsSync, readSync } from 'node:fs';
import { Duplex, PassThrough } from 'node:stream';
import type { ProcessIdentity } from '../../src/core/claim.ts';
import type { World } from '../../src/engine/world.ts';
import type { Files } from '../../src/io/files.ts';
import { thisProcess, type ProcessStat, type ProcessTable } from '../../src/io/process-identity.ts';
import type { Cleanup } from './cleanup.ts';

/** Above what Linux gives to anybody. */
const FIRST_PID = 10_000_000;
const MACHINE = 'MADE_UP_MACHINE';

const machines = new Map<string, MadeUpMachine>();
const current = new AsyncLocalStorage<{ machine: MadeUpMachine; pid: number }>();
let nextPid = FIRST_PID;

export class MadeUpMachine {
  /** `start|end TASK CLAIM`, in the order in which it happened. */
  readonly history: string[] = [];
  readonly overlaps: string[] = [];
  readonly table: ProcessTable = {
    stat: (pid) => this.#processes.get(pid)?.stat ?? 'gone',
    list: () => [...this.#processes.values()].map(({ stat }) => stat),
    pids: () => [...this.#processes.keys()],
    hasOpen: () => undefined,
    environment: (pid) => this.#processes.get(pid)?.environment,
  };
  now = 1_000_000;
  readonly #tasks: string;
  readonly #name = String(nextPid++);
  readonly #processes = new Map<number, { stat: ProcessStat; environment: string; codex?: MadeUpCodex }>();
  readonly #beats = new Map<object, () => void>();

  constructor(tasks: string) {
    this.#tasks = tasks;
    machines.set(this.#name, this);
  }

  /** A new process of codex-worker; `files` is what it sees of the disk. */
  boot(files: Files): World {
    const pid = nextPid++;
    const me: ProcessIdentity = { host: thisProcess().host, pid, start: String(pid) };
    this.#processes.set(pid, { stat: statOf(pid), environment: '' });
    return {
      files,
      table: this.table,
      me,
      uptimeMs: () => this.now,
      sleep: (ms) => {
        if (!this.isAlive(pid)) return new Promise<never>(() => {});
        this.now += ms;
        return new Promise((resolve) => setImmediate(resolve));
      },
      now: () => new Date(0),
      random: () => 0.5,
    };
  }

  /** Runs what a process does; its children and its timers are this machine's. */
  inside<T>({ me }: World, work: () => Promise<T>): Promise<T> {
    return current.run({ machine: this, pid: me.pid }, work);
  }

  /** For the environment of what its processes spawn. */
  get env(): NodeJS.ProcessEnv {
    return { [MACHINE]: this.#name };
  }

  isAlive(pid: number): boolean {
    return this.#processes.has(pid);
  }

  /** Ends a process, and its children: their watchers see to that. */
  kill({ me }: World): void {
    this.#processes.delete(me.pid);
    for (const { codex } of this.#processes.values())
      if (codex?.owner === me.pid) codex.exit(null, 'SIGKILL');
  }

  /** Children that live. */
  get children(): MadeUpCodex[] {
    return [...this.#processes.values()].flatMap(({ codex }) => codex ?? []);
  }

  spawn(options: SpawnOptions, owner: number): MadeUpCodex {
    const codex = new MadeUpCodex(this, nextPid++, owner, options, this.#tasks);
    this.#processes.set(codex.pid, {
      stat: statOf(codex.pid),
      environment: Object.entries(options.env ?? {})
        .map(([name, value]) => `${name}=${value}\0`)
        .join(''),
      codex,
    });
    return codex;
  }

  remove(codex: MadeUpCodex): void {
    this.#processes.delete(codex.pid);
  }

  /** Whether there was anybody to be ended. */
  signal(pid: number, signal: NodeJS.Signals): boolean {
    const codex = this.#processes.get(Math.abs(pid))?.codex;
    codex?.exit(null, signal);
    return codex !== undefined;
  }

  /** Five seconds pass: every claim is renewed. */
  beat(): void {
    this.now += 5_000;
    for (const beat of this.#beats.values()) beat();
  }

  every(beat: () => void): object {
    const timer = {};
    this.#beats.set(timer, beat);
    return timer;
  }

  /** Whether the timer was one of its own. */
  clear(timer: unknown): boolean {
    return this.#beats.delete(timer as object);
  }

  close(): void {
    machines.delete(this.#name);
  }
}

const statOf = (pid: number): ProcessStat => ({
  pid,
  start: String(pid),
  state: 'S',
  pgid: pid,
  ppid: 1,
  cpuMs: 0,
  kernel: false,
});

/** Works by itself as soon as its gate is opened: the first line of its prompt is the task's name, then words: `fail`. */
export class MadeUpCodex extends EventEmitter {
  readonly pid: number;
  readonly owner: number;
  readonly stdio: unknown[];
  exitCode: number | null = null;
  signalCode: NodeJS.Signals | null = null;
  readonly #machine: MadeUpMachine;
  readonly #tasks: string;
  readonly #claim: string;
  readonly #prompt: string;
  readonly #stdout = new PassThrough();
  readonly #stderr = new PassThrough();
  #works = false;

  constructor(machine: MadeUpMachine, pid: number, owner: number, options: SpawnOptions, tasks: string) {
    super();
    this.pid = pid;
    this.owner = owner;
    this.#machine = machine;
    this.#tasks = tasks;
    this.#claim = options.env?.['CODEX_WORKER_CLAIM'] ?? '';
    const bytes = Buffer.alloc(4_096);
    const [stdin] = options.stdio as [number];
    this.#prompt = bytes.toString('utf8', 0, readSync(stdin, bytes, 0, bytes.length, 0));
    const gate = new Duplex({
      read: () => {},
      write: (chunk: Buffer, _, done) => {
        done();
        if (String(chunk) === 'GO\n') void this.#work();
      },
      destroy: (error, done) => {
        done(error);
        if (!this.#works) this.exit(0, null);
      },
    });
    this.stdio = [null, this.#stdout, this.#stderr, gate];
    void Promise.all([closed(this.#stdout), closed(this.#stderr)]).then(() => this.emit('close'));
  }

  get #isOver(): boolean {
    return this.exitCode !== null || this.signalCode !== null;
  }

  get task(): string {
    return this.#prompt.split(/\s/)[0] ?? '';
  }

  get isWorking(): boolean {
    return this.#works && !this.#isOver;
  }

  async #work(): Promise<void> {
    const { task } = this;
    const say = (event: object) => void this.#stdout.write(`${JSON.stringify(event)}\n`);
    if (this.#isOver) return;
    if (this.#machine.children.some((other) => other.task === task && other.isWorking))
      this.#machine.overlaps.push(`overlap ${task} ${this.#claim}`);
    this.#works = true;
    if (existsSync(`${this.#tasks}/done_exec_log-${task}.txt`))
      this.#machine.overlaps.push(`start-after-done ${task} ${this.#claim}`);
    this.#machine.history.push(`start ${task} ${this.#claim}`);
    say({ type: 'thread.started', thread_id: 't' });
    this.#stderr.write('a word aside\n');
    await aMoment();
    this.#machine.beat();
    await aMoment();
    if (this.#isOver) return;
    const text = `worked under ${this.#claim}`;
    say({ type: 'item.completed', item: { id: '0', type: 'agent_message', text } });
    await aMoment();
    if (this.#isOver) return;
    this.#machine.history.push(`end ${task} ${this.#claim}`);
    const failed = / fail\b/.test(this.#prompt);
    if (failed) say({ type: 'turn.failed', error: { message: 'the context window is full' } });
    else say({ type: 'turn.completed', usage: { input_tokens: 10, output_tokens: 2 } });
    this.exit(failed ? 1 : 0, null);
  }

  exit(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#isOver) return;
    this.exitCode = code;
    this.signalCode = signal;
    this.#machine.remove(this);
    this.#stdout.end();
    this.#stderr.end();
    this.emit('exit', code, signal);
  }
}

const aMoment = () => new Promise<void>((resolve) => setImmediate(resolve));
const closed = (stream: PassThrough) => new Promise<void>((resolve) => stream.once('close', () => resolve()));

/** What is longer than this is waited for by the machine's clock; the graces of the ladder are shorter, or not met. */
const A_WHILE_MS = 2_500;

export function openDoors(t: Cleanup): void {
  const real = {
    spawn: childProcess.spawn,
    kill: process.kill.bind(process),
    setTimeout: globalThis.setTimeout,
    setInterval: globalThis.setInterval,
    clearInterval: globalThis.clearInterval,
  };
  childProcess.spawn = ((command: string, args: readonly string[], options: SpawnOptions): ChildProcess => {
    const machine = machines.get(options.env?.[MACHINE] ?? '');
    if (!machine) return real.spawn(command, args, options);
    return machine.spawn(options, current.getStore()?.pid ?? 0) as unknown as ChildProcess;
  }) as typeof childProcess.spawn;
  process.kill = (pid: number, signal: NodeJS.Signals) => {
    if (Math.abs(pid) < FIRST_PID) return real.kill(pid, signal);
    for (const machine of machines.values()) if (machine.signal(pid, signal)) return true;
    throw Object.assign(new Error('kill ESRCH'), { code: 'ESRCH' });
  };
  globalThis.setTimeout = ((work: () => void, ms?: number) => {
    const store = current.getStore();
    if (!store) return real.setTimeout(work, ms);
    const isLong = ms !== undefined && ms >= A_WHILE_MS;
    return real.setTimeout(
      () => {
        // What is over has no timers: a loop that waits for the next look would go on for as long as the lane lives.
        if (!store.machine.isAlive(store.pid)) return;
        if (isLong) store.machine.now += ms;
        work();
      },
      isLong ? 1 : ms,
    );
  }) as typeof setTimeout;
  globalThis.setInterval = ((work: () => void, ms?: number) =>
    current.getStore()?.machine.every(work) ?? real.setInterval(work, ms)) as typeof setInterval;
  globalThis.clearInterval = ((timer: NodeJS.Timeout) => {
    if (!current.getStore()?.machine.clear(timer)) real.clearInterval(timer);
  }) as typeof clearInterval;
  t.after(() => {
    childProcess.spawn = real.spawn;
    process.kill = real.kill;
    Object.assign(globalThis, {
      setTimeout: real.setTimeout,
      setInterval: real.setInterval,
      clearInterval: real.clearInterval,
    });
  });
}
