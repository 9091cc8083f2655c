/**
 * Made-up processes that take turns: each stops before each of its system calls, until whoever searches for races gives
 * it its turn, and is dead from one step to the next when it is killed. They work on a real directory; the calls are
 * the synchronous ones, because a trip through Node's thread pool costs more than all else that a turn does.
 */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import type { World } from '../../../src/engine/world.ts';
import { entriesOf, realFiles, type Files } from '../../../src/io/files.ts';

export const syncFiles: Files = {
  open: async (path, flags, mode = 0o600) => openSync(path, flags, mode),
  close: async (fd) => closeSync(fd),
  read: async (fd, buffer, position) => readSync(fd, buffer, 0, buffer.length, position),
  write: async (fd, bytes, position) => {
    for (let done = 0; done < bytes.length;)
      done += writeSync(fd, bytes, done, bytes.length - done, position + done);
  },
  appendSync: (fd, bytes) => realFiles.appendSync(fd, bytes),
  fsync: async (fd) => fsyncSync(fd),
  fstat: async (fd) => fstatSync(fd, { bigint: true }),
  lstat: async (path) => lstatSync(path, { bigint: true }),
  realpath: async (path) => realpathSync.native(path),
  link: async (existing, path) => linkSync(existing, path),
  rename: async (from, to) => renameSync(from, to),
  unlink: async (path) => unlinkSync(path),
  mkdir: async (path) => mkdirSync(path, { mode: 0o700 }),
  readdir: async (path) => entriesOf(readdirSync(path, { encoding: 'latin1', withFileTypes: true })),
};

/** One system call that was a turn of `world`: told right before it happens, and after it. */
export interface Call {
  readonly world: World;
  /** `sleep` waits for somebody else; `work` is what an agent does meanwhile. */
  readonly verb: keyof Files | 'sleep' | 'work';
  readonly args: readonly unknown[];
}

export interface Watcher {
  readonly before?: (call: Call) => void;
  readonly after?: (call: Call, result: unknown, error: unknown) => void;
}

interface Waiting {
  readonly go: () => void;
  readonly verb: Call['verb'];
}

export class Turns {
  /** What a story threw: a bug of the program or of the story. */
  bug: unknown;
  readonly #watchers: readonly Watcher[];
  readonly #waiting = new Map<World, Waiting>();
  readonly #dead = new Set<World>();
  readonly #open = new Set<number>();
  #arrived: () => void = () => {};

  constructor(...watchers: Watcher[]) {
    this.#watchers = watchers;
  }

  /** Who waits for its turn. */
  get waiting(): World[] {
    return [...this.#waiting.keys()];
  }

  /** What it does when it gets its turn; `undefined` for one that has ended, one way or another. */
  next(world: World): Call['verb'] | undefined {
    return this.#waiting.get(world)?.verb;
  }

  /** Starts a story; back when it stands before its first step. */
  async start(world: World, story: () => Promise<void>): Promise<void> {
    const arrived = this.#nextArrival();
    void (async () => {
      await this.turn(world, 'work');
      await story();
    })()
      .catch((error: unknown) => void (this.bug ??= error))
      .finally(() => this.#arrived());
    await arrived;
  }

  /** Lets it do one step; back when it stands before the next, or has ended. */
  async give(world: World): Promise<void> {
    const waiting = this.#waiting.get(world);
    if (!waiting) throw new Error('it does not wait for a turn');
    this.#waiting.delete(world);
    const arrived = this.#nextArrival();
    waiting.go();
    await arrived;
    if (this.bug) throw this.bug;
  }

  /** Whatever it waited for never comes. */
  kill(world: World): void {
    this.#waiting.delete(world);
    this.#dead.add(world);
  }

  /** Kills all that are left, and closes what they had open. */
  end(): void {
    for (const world of this.waiting) this.kill(world);
    for (const fd of this.#open) closeSync(fd);
    this.#open.clear();
  }

  turn(world: World, verb: Call['verb']): Promise<void> {
    if (this.#dead.has(world)) return new Promise(() => {});
    return new Promise((go) => {
      this.#waiting.set(world, { go, verb });
      this.#arrived();
    });
  }

  #nextArrival(): Promise<void> {
    return new Promise((resolve) => (this.#arrived = resolve));
  }

  /**
   * The file system, one turn for each call. Closing and syncing, appending to a log of one's own, the status of what
   * is open, and the rest of a file after its first bytes are nobody else's business; nor is what is not `isTurn`.
   */
  files(world: World, files: Files = syncFiles, isTurn: (call: Call) => boolean = () => true): Files {
    const step =
      <A extends unknown[], R>(verb: keyof Files, call: (...args: A) => Promise<R>) =>
      async (...args: A): Promise<R> => {
        const told = { world, verb, args };
        if (isTurn(told)) await this.turn(world, verb);
        for (const { before } of this.#watchers) before?.(told);
        try {
          const result = await call(...args);
          for (const { after } of this.#watchers) after?.(told, result, undefined);
          return result;
        } catch (error) {
          for (const { after } of this.#watchers) after?.(told, undefined, error);
          throw error;
        }
      };
    const read = step('read', (fd: number, buffer: Buffer, position: number) =>
      files.read(fd, buffer, position),
    );
    return {
      ...files,
      open: step('open', async (path: string, flags: number, mode?: number) => {
        const fd = await files.open(path, flags, mode);
        this.#open.add(fd);
        return fd;
      }),
      close: async (fd) => {
        this.#open.delete(fd);
        await files.close(fd);
      },
      read: (fd, buffer, position) =>
        position === 0 ? read(fd, buffer, position) : files.read(fd, buffer, position),
      write: step('write', (fd: number, bytes: Buffer, position: number) => files.write(fd, bytes, position)),
      lstat: step('lstat', (path: string) => files.lstat(path)),
      link: step('link', (from: string, to: string) => files.link(from, to)),
      rename: step('rename', (from: string, to: string) => files.rename(from, to)),
      unlink: step('unlink', (path: string) => files.unlink(path)),
      readdir: step('readdir', (path: string) => files.readdir(path)),
      mkdir: step('mkdir', (path: string) => files.mkdir(path)),
    };
  }
}
