/**
 * The judge of a simulation. It shares no code with the program: it sees each system call as it happens, is told when
 * an agent starts and ends, and reads the directory when all is over.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { World } from '../../../src/engine/world.ts';
import { violation, type Violation, type ViolationKind } from '../../rig/violation.ts';
import type { Call, Watcher } from './turns.ts';

const LOCK = '.lock-fix.md';
const RESULTS = ['done_exec_log-fix.md.txt', 'failed_exec_log-fix.md.txt'];
const CLAIM = /[0-9a-f]{32}/;

export class Observer implements Watcher {
  readonly #directory: string;
  readonly #found = new Map<string, Violation>();
  /** The claim that a process works for: its own, or the one of a dead owner that it settles. */
  readonly #acting = new Map<World, string>();
  readonly #agents = new Map<World, string>();
  readonly #started = new Set<string>();
  readonly #published = new Map<string, string>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  get violations(): Violation[] {
    return [...this.#found.values()];
  }

  wrong(kind: ViolationKind, what: string): void {
    this.#found.set(`${kind} ${what}`, violation(kind, what));
  }

  acts(world: World, claim: string): void {
    this.#acting.set(world, claim);
  }

  /** An agent starts: C9. */
  agentStarts(world: World, claim: string): void {
    if (this.#agents.size > 0) this.wrong('twice', 'two agents at once');
    if (existsSync(this.#at(RESULTS[0] ?? ''))) this.wrong('twice', 'an agent after it was done');
    this.#agents.set(world, claim);
    this.#started.add(claim);
  }

  /** It ended, or its owner died: whoever settles the claim of a dead owner has ended its agent before. */
  agentEnds(world: World): void {
    this.#agents.delete(world);
  }

  /** A living owner says that its result is published. */
  saysPublished(claim: string, state: 'done' | 'failed'): void {
    if (this.#published.get(claim) !== state) this.wrong('lied', `said ${state}, and nothing was published`);
  }

  readonly before = ({ world, verb, args }: Call): void => {
    const [from, to] = args.map((arg) => (typeof arg === 'string' ? path.basename(arg) : ''));
    if (verb === 'link' && to === LOCK) this.#acting.set(world, CLAIM.exec(from ?? '')?.[0] ?? '');
    if (verb === 'unlink' && from === LOCK) {
      const there = this.#claimInLock();
      if (there !== undefined && there !== this.#acting.get(world))
        this.wrong('lied', "somebody else's lock was removed");
    }
    if (verb === 'rename' && to !== undefined && RESULTS.includes(to) && existsSync(this.#at(to)))
      this.wrong('lost', `${to} was overwritten`);
    if (verb === 'rename' && from !== undefined && RESULTS.includes(from) && existsSync(this.#at(from))) {
      const of = claimOfLog(readFileSync(this.#at(from), 'utf8'));
      if (of === this.#acting.get(world))
        this.wrong('lost', `${from} was put aside by a process that settles the claim that made it`);
    }
  };

  readonly after = ({ verb, args }: Call, _result: unknown, error: unknown): void => {
    if (verb !== 'rename' || error !== undefined) return;
    const [from, to] = args.map((arg) => path.basename(String(arg)));
    const claim = from?.startsWith('.exec_log-') ? CLAIM.exec(from)?.[0] : undefined;
    if (claim !== undefined && to !== undefined && RESULTS.includes(to))
      this.#published.set(claim, to.startsWith('done_') ? 'done' : 'failed');
  };

  /** After the calm pass: the task is completed, with one result, and every log of an agent is somewhere, once. */
  judge(): void {
    const names = readdirSync(this.#directory);
    for (const name of names)
      if (/^(?:\.lock-|\.break-|\.exec_log-|in-progress-)/.test(name))
        this.wrong('left', `left over: ${name.replace(CLAIM, 'X')}`);
    const results = RESULTS.filter((name) => names.includes(name));
    if (results.length > 1) this.wrong('double', 'two results');
    if (results[0] !== RESULTS[0])
      this.wrong('lost', `not done after a calm pass: ${results.join() || 'no result'}`);
    if (this.#text('fix.md') !== 'Fix it.\n') this.wrong('lost', 'the task file is not what it was');
    const ended = '.codex-worker/ended';
    const kept = existsSync(this.#at(ended))
      ? readdirSync(this.#at(ended)).map((name) => `${ended}/${name}`)
      : [];
    const logs = new Map<string, number>();
    for (const name of [...results, ...kept]) {
      const text = this.#text(name);
      const claim = claimOfLog(text);
      if (claim !== undefined) logs.set(claim, (logs.get(claim) ?? 0) + 1);
      const workedUnder = [...text.matchAll(/worked under ([0-9a-f]{32})/g)].map((match) => match[1]);
      if (workedUnder.some((by) => by !== claim))
        this.wrong('double', 'a log holds the output of two claims');
    }
    for (const claim of this.#started) {
      const times = logs.get(claim) ?? 0;
      if (times === 0) this.wrong('lost', 'the log of an attempt is nowhere');
      if (times > 1) this.wrong('double', 'the log of an attempt is there twice');
    }
    const temporary = '.codex-worker/tmp';
    for (const name of existsSync(this.#at(temporary)) ? readdirSync(this.#at(temporary)) : [])
      if (!name.startsWith('proc.')) this.wrong('left', 'left over: a temporary file');
  }

  #claimInLock(): string | undefined {
    return existsSync(this.#at(LOCK)) ? /"claim":"(\w+)"/.exec(this.#text(LOCK))?.[1] : undefined;
  }

  #text(name: string): string {
    return existsSync(this.#at(name)) ? readFileSync(this.#at(name), 'latin1') : '';
  }

  #at(name: string): string {
    return path.join(this.#directory, name);
  }
}

function claimOfLog(text: string): string | undefined {
  return /^claim: +([0-9a-f]{32})$/m.exec(text)?.[1];
}
