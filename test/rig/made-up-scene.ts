/**
 * A task directory, the made-up processes that live and die on it, and the judgement of what they left. A life is what
 * `commands/run.ts` does on one directory, with the real engine and a disk of its own; it ends by itself, with an error
 * that has an exit code, or killed.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { RunEvent } from '../../src/core/event.ts';
import type { RunOptions } from '../../src/core/options.ts';
import { Marks, stateOf, type Task } from '../../src/core/task.ts';
import { runAttempt } from '../../src/engine/attempt.ts';
import { breakLock, resetTask } from '../../src/engine/by-hand.ts';
import { Ceilings } from '../../src/engine/ceilings.ts';
import { Coordinator } from '../../src/engine/coordinator.ts';
import { Ledger } from '../../src/engine/ledger.ts';
import { tidy } from '../../src/engine/janitor.ts';
import { Pauses } from '../../src/engine/pauses.ts';
import { judgeTask, reap } from '../../src/engine/reaper.ts';
import { SilenceWatch } from '../../src/engine/silence.ts';
import type { World } from '../../src/engine/world.ts';
import { removeIdentityFile } from '../../src/io/break-right.ts';
import { openTaskDirectory } from '../../src/io/file-system.ts';
import type { Files } from '../../src/io/files.ts';
import type { TaskDirectory } from '../../src/io/task-directory.ts';
import { exitCodeOf } from '../../src/report/errors.ts';
import { Durability, FaultyDisk, type Fault } from './faulty-disk.ts';
import { MadeUpMachine } from './made-up-machine.ts';
import { violation, type Violation } from './violation.ts';

/** What a life does before it works: nothing, `reset`, or (again) what is completed already. */
export type Deed = 'run' | 'reset' | 'rerun' | 'force';

export interface SceneOptions {
  readonly hardLinks?: boolean;
  /** Takes a guard out: what the process makes of what the disk says. */
  readonly weaken?: (files: Files) => Files;
}

export interface Life {
  readonly end: 'returned' | 'threw' | 'killed' | 'hung';
  readonly code: number | undefined;
  /** Faults that happened in it. */
  readonly injected: number;
  /** The call that they happened to. */
  readonly hit: string;
  /** Tasks that it said are held, with the reason. */
  readonly held: ReadonlyMap<string, string>;
}

const PATIENCE_MS = 15_000;

export class Scene {
  readonly found: Violation[] = [];
  readonly machine: MadeUpMachine;
  readonly #path: string;
  readonly #options: SceneOptions;
  readonly #durability = new Durability();
  readonly #tasks = new Map<string, string>();
  readonly #kept: string[] = [];
  /** A result was set aside on purpose: a start after it was done is no fault. */
  #mayRunAgain = false;

  constructor(path: string, options: SceneOptions = {}) {
    this.#path = path;
    this.#options = options;
    this.machine = new MadeUpMachine(path);
    mkdirSync(path);
  }

  /** Words as for the made-up Codex. */
  task(name: string, words = ''): void {
    this.#tasks.set(name, `${name} ${words}\n`);
    this.write(name, `${name} ${words}\n`);
  }

  write(name: string, text: string): void {
    writeFileSync(`${this.#path}/${name}`, text);
  }

  /** A log of earlier, which must still be somewhere at the end. */
  earlier(name: string, text: string): void {
    this.#kept.push(text);
    this.write(name, text);
  }

  ls(folder = '.'): string[] {
    try {
      return readdirSync(`${this.#path}/${folder}`).sort();
    } catch {
      return [];
    }
  }

  read(name: string): string {
    return readFileSync(`${this.#path}/${name}`, 'utf8');
  }

  /** One process, from its start to its end. */
  async live(fault?: Fault, deed: Deed = 'run'): Promise<Life> {
    const { hardLinks = true, weaken = (files: Files) => files } = this.#options;
    const disk = new FaultyDisk(this.#durability, fault, hardLinks);
    const world = this.machine.boot(weaken(disk.files()));
    const held = new Map<string, string>();
    if (deed === 'reset' || deed === 'rerun') this.#mayRunAgain = true;
    const story = this.machine
      .inside(world, () => this.#story(world, deed, (event) => this.#hear(event, held)))
      .then(
        (code) => ({ end: 'returned' as const, code }),
        (error: unknown) => ({ end: 'threw' as const, code: exitCodeOf(error), error }),
      );
    let timer: NodeJS.Timeout | undefined;
    const hung = new Promise<{ end: 'hung' }>((resolve) => {
      timer = setTimeout(() => resolve({ end: 'hung' }), PATIENCE_MS);
    });
    const ending = await Promise.race([story, disk.died.then(() => ({ end: 'killed' as const })), hung]);
    clearTimeout(timer);
    const context = `${deed}, ${fault ? `${JSON.stringify(fault)} at ${disk.hit}` : 'no fault'}`;
    this.#judgeEnd(ending, disk, world, context);
    this.machine.kill(world);
    disk.closeAll();
    const code = 'code' in ending ? ending.code : undefined;
    return { end: ending.end, code, injected: disk.injected, hit: disk.hit, held };
  }

  async #story(world: World, deed: Deed, emit: (event: RunEvent) => void): Promise<number> {
    const directory = await openTaskDirectory(world.files, this.#path);
    const tasks: Task[] = [...this.#tasks.keys()].map((name) => ({
      directory: this.#path,
      name,
      label: name,
    }));
    await tidy(world, directory);
    if (deed === 'reset')
      for (const task of tasks) await resetTask(world, directory, task, 'a-run', 'codex-worker');
    if (deed === 'force') for (const task of tasks) await force(world, directory, task.name);
    const ledger = new Ledger(world, []);
    const coordinator = new Coordinator(world, {
      ledger,
      ceilings: await Ceilings.begin(world, { since: 0 }, ledger, []),
      run: 'a-run',
      options: { ...OPTIONS, workingDirectory: this.#path, rerunCompleted: deed === 'rerun' },
      codex: { command: 'codex', launcher: 'codex', isCodex: true },
      codexVersion: 'made up',
      how: { backend: 'exec', policy: 'never' },
      by: 'codex-worker',
      tasks,
      refused: [],
      strays: [],
      directories: new Map([[this.#path, directory]]),
      emit,
      pauses: new Pauses(world, { directories: new Map(), by: 'codex-worker', emit }), // nobody pauses here
      drainState: () => 'running',
      attempt: (order, tell) =>
        runAttempt(world, order, { tell, aborted: new AbortController().signal, env: this.machine.env }),
    });
    const { summary, problem } = await coordinator.run();
    await tidy(world, directory);
    await removeIdentityFile(world.files, directory, world.me);
    if (problem) return 3;
    return summary.failed + summary.refused + summary.givenBack + summary.held > 0 ? 1 : 0;
  }

  /** What is said must be so, and must survive a power cut from then on. */
  #hear(event: RunEvent, held: Map<string, string>): void {
    if (event.kind === 'held') held.set(event.task.name, event.why);
    const broken =
      event.kind === 'notice' ? /^(\S+) is completed, but its lock/.exec(event.message)?.[1] : undefined;
    if (broken !== undefined) held.set(broken, 'completed'); // which is no reason for another exit code
    if (event.kind === 'reaped' && event.result.kind === 'rolled-forward')
      this.#mustBeDurable(event.task, event.result.state === 'completed' ? 'done' : 'failed');
    if (event.kind !== 'attempt-ended') return;
    const { task, outcome } = event;
    if (outcome.kind === 'succeeded') this.#mustBeDurable(task, 'done');
    // That a task may not be read is true when the disk says so.
    if (outcome.kind === 'refused' && outcome.why !== 'may not be read')
      this.found.push(violation('lied', `${task.name} was refused: it ${outcome.why}`));
    if (outcome.kind !== 'failed') return;
    const { failure } = outcome;
    if (failure.kind === 'unexpected' || failure.kind === 'worker-crashed')
      this.found.push(violation('lied', `a bug: ${failure.message}`));
    else if (!outcome.willRetry) this.#mustBeDurable(task, 'failed');
  }

  #mustBeDurable({ name }: Task, word: 'done' | 'failed'): void {
    const result = `${word}_exec_log-${name}.txt`;
    if (!this.ls().includes(result)) {
      this.found.push(violation('lied', `${name} was said to be ${word}, and there is no ${result}`));
      return;
    }
    const why = this.#durability.whyNot(`${this.#path}/${result}`);
    if (why !== undefined) this.found.push(violation('lost', `${name} was said to be ${word}, but ${why}`));
  }

  #judgeEnd(
    ending: { end: Life['end']; code?: number; error?: unknown },
    disk: FaultyDisk,
    world: World,
    context: string,
  ): void {
    const add = (kind: Violation['kind'], what: string) =>
      void this.found.push(violation(kind, `${what} (${context})`));
    if (ending.end === 'hung') add('hung', 'the process does not end');
    if (ending.end === 'killed' || ending.end === 'hung') return;
    if (ending.code === 70)
      add('lied', `a bug: ${ending.error instanceof Error ? ending.error.stack : String(ending.error)}`);
    if (ending.end === 'threw' && disk.injected === 0) add('lied', `${String(ending.error)} without a fault`);
    if (ending.code === 3 && disk.injected === 0) add('lied', 'it says that the disk failed');
    if (ending.code === 0 && !this.#names().every((name) => this.ls().includes(`done_exec_log-${name}.txt`)))
      add('lied', 'it ended with 0, and not everything is done');
    for (const codex of this.machine.children)
      if (codex.owner === world.me.pid) add('left', `an agent of ${codex.task}`);
    for (const file of disk.open) add('left', `a descriptor of ${file}`);
  }

  #names(): string[] {
    return [...this.#tasks.keys()];
  }

  /** Everything that is wrong with what is there after a calm life. */
  judge(): Violation[] {
    const found = [...this.found, ...this.machine.overlaps.flatMap((line) => this.#judgeOverlap(line))];
    const names = this.ls();
    const ended = this.ls('.codex-worker/ended');
    const logs = [
      ...names.filter((name) => /^(?:done|failed)_exec_log-/.test(name)),
      ...ended.map((name) => `.codex-worker/ended/${name}`),
    ].map((name) => ({ name, text: this.read(name) }));
    for (const [task, text] of this.#tasks) {
      if (this.read(task) !== text) found.push(violation('lost', `the file of ${task} was touched`));
      found.push(...this.#judgeTask(task, / fail\b/.test(text) ? 'failed' : 'done'));
    }
    for (const line of this.machine.history) {
      const [word, task, claim = ''] = line.split(' ');
      if (word === 'start' && !logs.some(({ name, text }) => name.includes(claim) || text.includes(claim)))
        found.push(violation('lost', `the log of ${task}'s attempt ${claim}`));
    }
    for (const text of this.#kept)
      if (logs.filter((log) => log.text === text).length !== 1)
        found.push(violation('lost', `a log of earlier: ${text}`));
    for (const name of ended)
      if (/\.(?:duplicate|lost)\.txt$/.test(name)) found.push(violation('double', `ended/${name}`));
    for (const name of names)
      if (/^(?:\.lock-|\.break-|\.exec_log-|in-progress-)/.test(name)) found.push(violation('left', name));
    for (const name of this.ls('.codex-worker/tmp')) found.push(violation('left', `tmp/${name}`));
    return found;
  }

  #judgeOverlap(line: string): Violation[] {
    return this.#mayRunAgain && line.startsWith('start-after-done') ? [] : [violation('twice', line)];
  }

  #judgeTask(task: string, word: 'done' | 'failed'): Violation[] {
    const names = new Set(this.ls());
    const result = `${word}_exec_log-${task}.txt`;
    const other = `${word === 'done' ? 'failed' : 'done'}_exec_log-${task}.txt`;
    if (!names.has(result))
      return [violation('lost', `${task} is ${stateOf(task, Marks.of(names))} in the end, and not ${word}`)];
    const found: Violation[] = [];
    if (names.has(other)) found.push(violation('double', `${task} has ${other} too`));
    const log = this.read(result);
    const claims = [...log.matchAll(/^claim: +([0-9a-f]{32})$/gm)].map((match) => match[1]);
    const workers = [...log.matchAll(/^worked under (.*)$/gm)].map((match) => match[1]);
    if (claims.length !== 1 || workers.length !== 1 || claims[0] !== workers[0])
      found.push(
        violation('double', `${result} is of claims ${claims.join()} and work of ${workers.join()}`),
      );
    if (!this.machine.history.includes(`end ${task} ${claims[0]}`))
      found.push(violation('lied', `${result} is of ${claims[0]}, which never ended`));
    if (!/^outcome: +(?:completed|failed)/m.test(log))
      found.push(violation('lost', `${result} is not complete`));
    const why = this.#durability.whyNot(`${this.#path}/${result}`);
    if (why !== undefined) found.push(violation('lost', `${result}: ${why}`));
    return found;
  }

  close(): void {
    this.machine.close();
  }
}

/** `clean --force`. */
async function force(world: World, directory: TaskDirectory, task: string): Promise<void> {
  const verdict = await judgeTask(world, directory, task, {
    silence: new SilenceWatch(world.uptimeMs),
    isInHand: () => false,
  });
  if (verdict.kind === 'free') return;
  if (verdict.kind === 'dead')
    await reap(world, directory, verdict, {
      orphans: 'end',
      mayLeave: () => false,
      trustElsewhereIsDead: true,
    });
  else await breakLock(world, directory, task);
}

const OPTIONS: RunOptions = {
  patterns: ['*.md'],
  model: 'a-model',
  mode: 'read-only',
  concurrency: 1,
  retries: 0,
  approval: 'never',
  backend: 'exec',
  approvals: 'auto',
  maxWaiting: 16,
  workingDirectory: '/',
  retryFailed: true,
  rerunCompleted: false,
  rerunChanged: false,
  codexConfig: [],
  orphans: 'end',
  expectChanges: false,
  wait: false,
  watch: false,
  budget: { since: 0 },
  given: [],
  trustTasks: false,
  dryRun: false,
  verifyTimeoutMs: 600_000,
};
