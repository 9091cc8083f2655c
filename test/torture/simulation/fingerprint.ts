/**
 * When two schedules have led to the same place. What a process does next depends on what its calls have answered so
 * far, and on the directory; so where both are the same, what can follow is the same, and one of the two is enough.
 *
 * Claim ids, inodes and temporary names are new each time: they are known here by who made them, and as his how manieth.
 */
import { createHash } from 'node:crypto';
import { constants, fstatSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { BigIntStats, Entries } from '../../../src/io/files.ts';
import type { World } from '../../../src/engine/world.ts';
import type { Call, Watcher } from './turns.ts';

const FOLDERS = ['', '.codex-worker', '.codex-worker/tmp', '.codex-worker/ended'];
const digest = (text: string) => createHash('sha1').update(text).digest('base64');

/** What one process has been answered. A round of waiting that was answered as the one before leaves no trace. */
class Memory {
  made = 0;
  #past = '';
  #lastRound = '';
  #round = '';

  add(text: string): void {
    this.#round += `${text}\n`;
  }

  waits(): void {
    if (this.#round !== this.#lastRound) this.#past = digest(this.#past + this.#round);
    this.#lastRound = this.#round;
    this.#round = '';
  }

  get text(): string {
    return digest(this.#past + this.#round);
  }
}

export class Fingerprint implements Watcher {
  /** Counts what has changed in the directory: who waits need not look again before something has. */
  changes = 0;
  readonly #directory: string;
  readonly #memories = new Map<World, Memory>();
  readonly #names = new Map<string, string>();
  readonly #inodes = new Map<bigint, string>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** What is there now was made by nobody of the cast. */
  begin(): void {
    let files = 0;
    for (const name of this.#list()) this.#inodes.set(this.#stat(name).ino, `file-${files++}`);
    for (const name of this.#list()) this.#learn(name, () => `claim-${this.#names.size}`);
  }

  readonly before = ({ world, verb, args }: Call): void => {
    if (verb === 'open' && isCreate(args))
      this.#learn(String(args[0]), () => `claim-${world.me.pid}-${this.#memory(world).made}`);
  };

  readonly after = ({ world, verb, args }: Call, result: unknown, error: unknown): void => {
    const memory = this.#memory(world);
    if (error === undefined) {
      if (['link', 'rename', 'unlink', 'mkdir', 'write'].includes(verb)) this.changes++;
      if (verb === 'open' && isCreate(args)) {
        this.changes++;
        this.#inodes.set(fstatSync(Number(result), { bigint: true }).ino, `${world.me.pid}-${memory.made++}`);
      }
    }
    const given = args
      .filter((arg) => typeof arg === 'string')
      .map((arg) => path.relative(this.#directory, arg));
    const answer =
      error === undefined ? this.#answer(verb, args, result) : String((error as { code?: unknown }).code);
    memory.add(`${verb} ${this.#plain(given.join(' '))}: ${answer}`);
  };

  /** The process table answers without a turn, and what it says counts as well. */
  asked(world: World, answer: string): void {
    this.#memory(world).add(answer);
  }

  waits(world: World): void {
    this.#memory(world).waits();
  }

  /** `others` is what else decides what can follow. */
  of(living: readonly World[], others: string): string {
    const files = this.#list().map((name) => {
      const stat = this.#stat(name);
      const content = stat.isFile() ? this.#plain(readFileSync(this.#at(name), 'latin1')) : '';
      return `${this.#plain(name)} ${this.#inodes.get(stat.ino)} ${content}`;
    });
    const memories = living.map((world) => `${world.me.pid} ${this.#memory(world).text}`);
    return digest([...files.sort(), ...memories, others].join('\n'));
  }

  /** A listing in an order that does not depend on what is new each time. */
  inOrder({ names, odd }: Entries): Entries {
    const keyed = names.map((name) => ({ name, key: this.#plain(name) }));
    return { names: keyed.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ name }) => name), odd };
  }

  #answer(verb: Call['verb'], args: readonly unknown[], result: unknown): string {
    if (verb === 'lstat') {
      const { ino, size, mode } = result as BigIntStats;
      return `${this.#inodes.get(ino)} ${size} ${mode}`;
    }
    if (verb === 'readdir') return (result as Entries).names.map((name) => this.#plain(name)).join(' ');
    if (verb !== 'read') return 'ok';
    return this.#plain((args[1] as Buffer).toString('latin1', 0, Number(result)));
  }

  #memory(world: World): Memory {
    const memory = this.#memories.get(world) ?? new Memory();
    this.#memories.set(world, memory);
    return memory;
  }

  #learn(text: string, name: () => string): void {
    for (const [id] of text.matchAll(/\b[0-9a-f]{32}\b/g))
      if (!this.#names.has(id)) this.#names.set(id, name());
  }

  #plain(text: string): string {
    // Of a line of a lock file or a right, without its padding and its checksum.
    const isLines = text.length === 4_096 || text.length === 2_048;
    const words = isLines
      ? text
          .split('\n')
          .map((line) => line.slice(0, -9).trimEnd())
          .join('\n')
      : text;
    return words
      .replaceAll(/\b[0-9a-f]{64}\b/g, 'sha256')
      .replaceAll(/\b[0-9a-f]{32}\b/g, (id) => this.#names.get(id) ?? 'unknown')
      .replaceAll(/\bnew-[0-9a-f]{16}\b/g, 'new');
  }

  #list(): string[] {
    return FOLDERS.flatMap((folder) => {
      try {
        return readdirSync(this.#at(folder)).map((name) => path.join(folder, name));
      } catch {
        return []; // not made yet
      }
    }).sort();
  }

  #stat(name: string): BigIntStats {
    return lstatSync(this.#at(name), { bigint: true });
  }

  #at(name: string): string {
    return path.join(this.#directory, name);
  }
}

const isCreate = (args: readonly unknown[]) => (Number(args[1]) & constants.O_CREAT) !== 0;
