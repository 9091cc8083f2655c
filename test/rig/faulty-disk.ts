/**
 * The disk as one made-up process sees it, with one fault in it, after the manner of SQLite's I/O error loops: the Nth
 * call fails, for every N there is. Beside that it keeps account of what a crash of the machine would leave: which logs
 * were appended to and not synced, whose fsync failed (the kernel may have dropped the pages: they are never clean
 * again), and which names were given and not made durable.
 */
import { closeSync, fstatSync, lstatSync } from 'node:fs';
import path from 'node:path';
import { realFiles, type Files } from '../../src/io/files.ts';

export const ERRNOS = [
  'ENOSPC',
  'EIO',
  'EACCES',
  'EMFILE',
  'ENOMEM',
  'EDQUOT',
  'EROFS',
  'EINTR',
  'ESTALE',
] as const;

type Verb = keyof Files;

/** `from` counts the calls that the fault can happen to, from 1: those of one verb, or all. */
export type Fault = { readonly only?: Verb } &
  /** That many calls in a row do nothing and fail. */
  (
    | { readonly kind: 'fails'; readonly errno: string; readonly from: number; readonly calls: number }
    /** A call that changes a name does it, and reports a failure: the reply was lost. */
    | { readonly kind: 'had-happened'; readonly errno: string; readonly from: number }
    /** A write puts down one half, and fails. */
    | { readonly kind: 'short'; readonly errno: string; readonly from: number }
    /** The process is killed just before the call. */
    | { readonly kind: 'killed'; readonly from: number }
  );

const NAMING: ReadonlySet<Verb> = new Set(['link', 'rename', 'unlink', 'mkdir']);
const WRITING: ReadonlySet<Verb> = new Set(['write', 'appendSync']);

/** What a directory's processes have made durable; shared by the disks of all of them. */
export class Durability {
  readonly #dirty = new Set<bigint>();
  readonly #poisoned = new Set<bigint>();
  readonly #unsynced = new Map<string, bigint>();

  appended(fd: number): void {
    this.#dirty.add(fstatSync(fd, { bigint: true }).ino);
  }

  synced(fd: number, file: string): void {
    this.#dirty.delete(fstatSync(fd, { bigint: true }).ino);
    for (const name of this.#unsynced.keys()) if (path.dirname(name) === file) this.#unsynced.delete(name);
  }

  syncFailed(fd: number): void {
    const { ino } = fstatSync(fd, { bigint: true });
    if (this.#dirty.has(ino)) this.#poisoned.add(ino);
  }

  named(file: string): void {
    this.#unsynced.set(file, lstatSync(file, { bigint: true }).ino);
  }

  /** Why a power cut could cost this result; `undefined` when it could not. */
  whyNot(file: string): string | undefined {
    const { ino } = lstatSync(file, { bigint: true });
    if (this.#poisoned.has(ino)) return 'the fsync of its log failed';
    if (this.#dirty.has(ino)) return 'its log was not synced after the last append';
    if (this.#unsynced.get(file) === ino) return 'its directory was not synced after the rename';
    return undefined;
  }
}

const never = () => new Promise<never>(() => {});

export class FaultyDisk {
  /** Faults that happened. */
  injected = 0;
  /** The first call that a fault happened to, for messages. */
  hit = 'no call';
  /** Resolves when the process is killed. */
  readonly died: Promise<void>;
  readonly #fault: Fault | undefined;
  readonly #durability: Durability;
  readonly #hardLinks: boolean;
  readonly #open = new Map<number, string>();
  #calls = 0;
  #dead = false;
  #die: () => void = () => {};

  constructor(durability: Durability, fault: Fault | undefined, hardLinks = true) {
    this.#durability = durability;
    this.#fault = fault;
    this.#hardLinks = hardLinks;
    this.died = new Promise((resolve) => (this.#die = resolve));
  }

  /** Descriptors that the process has not closed. */
  get open(): string[] {
    return [...this.#open.values()];
  }

  /** What the kernel does when a process has ended. */
  closeAll(): void {
    for (const fd of this.#open.keys()) closeSync(fd);
    this.#open.clear();
  }

  /** What becomes of this call. */
  #next(verb: Verb, what: string): Fault['kind'] | undefined {
    const fault = this.#fault;
    if (!fault) return undefined;
    if (fault.only !== undefined && fault.only !== verb) return undefined;
    if (fault.kind === 'had-happened' && !NAMING.has(verb)) return undefined;
    if (fault.kind === 'short' && !WRITING.has(verb)) return undefined;
    const n = ++this.#calls;
    const calls = fault.kind === 'fails' ? fault.calls : 1;
    if (n < fault.from || n >= fault.from + calls) return undefined;
    if (this.injected++ === 0) this.hit = `${verb} ${path.basename(what)}`;
    return fault.kind;
  }

  #error(verb: Verb, what: string): Error {
    const code = this.#fault && 'errno' in this.#fault ? this.#fault.errno : 'EIO';
    return Object.assign(new Error(`${code}: made up, ${verb} '${what}'`), { code, syscall: verb });
  }

  async #call<T>(verb: Verb, what: string, call: () => Promise<T>): Promise<T> {
    if (this.#dead) return never();
    const fault = this.#next(verb, what);
    if (fault === undefined) return call();
    if (fault === 'killed') {
      this.#dead = true;
      this.#die();
      return never();
    }
    if (fault === 'had-happened') await call();
    throw this.#error(verb, what);
  }

  files(): Files {
    const name = (fd: number) => this.#open.get(fd) ?? `descriptor ${fd}`;
    const half = (bytes: Buffer) => bytes.subarray(0, Math.floor(bytes.length / 2));
    return {
      open: (file, flags, mode) =>
        this.#call('open', file, async () => {
          const fd = await realFiles.open(file, flags, mode);
          this.#open.set(fd, file);
          return fd;
        }),
      // A close that fails has closed: Linux says so, and never gives the descriptor back.
      close: async (fd) => {
        if (this.#dead) return never();
        const what = name(fd);
        if (!this.#open.delete(fd)) throw new TypeError(`closed twice: ${what}`);
        await realFiles.close(fd);
        return this.#call('close', what, async () => {});
      },
      read: (fd, buffer, position) =>
        this.#call('read', name(fd), () => realFiles.read(fd, buffer, position)),
      write: (fd, bytes, position) =>
        this.#call('write', name(fd), () => realFiles.write(fd, bytes, position)).catch(
          async (error: unknown) => {
            if (this.#fault?.kind === 'short') await realFiles.write(fd, half(bytes), position);
            throw error;
          },
        ),
      appendSync: (fd, bytes) => {
        const fault = this.#dead ? 'killed' : this.#next('appendSync', name(fd));
        if (fault === 'killed') {
          this.#dead = true;
          this.#die();
        }
        if (fault === undefined || fault === 'short') {
          realFiles.appendSync(fd, fault === 'short' ? half(bytes) : bytes);
          this.#durability.appended(fd);
        }
        if (fault) throw this.#error('appendSync', name(fd));
      },
      fsync: async (fd) => {
        try {
          await this.#call('fsync', name(fd), () => realFiles.fsync(fd));
          this.#durability.synced(fd, name(fd));
        } catch (error) {
          this.#durability.syncFailed(fd);
          throw error;
        }
      },
      fstat: (fd) => this.#call('fstat', name(fd), () => realFiles.fstat(fd)),
      lstat: (file) => this.#call('lstat', file, () => realFiles.lstat(file)),
      realpath: (file) => this.#call('realpath', file, () => realFiles.realpath(file)),
      link: (from, to) =>
        this.#call('link', to, () => {
          if (this.#hardLinks) return realFiles.link(from, to);
          throw Object.assign(new Error('EPERM: no hard links here'), { code: 'EPERM' });
        }),
      rename: (from, to) =>
        this.#call('rename', to, async () => {
          await realFiles.rename(from, to);
          this.#durability.named(to);
        }),
      unlink: (file) => this.#call('unlink', file, () => realFiles.unlink(file)),
      mkdir: (file) => this.#call('mkdir', file, () => realFiles.mkdir(file)),
      readdir: (file) => this.#call('readdir', file, () => realFiles.readdir(file)),
    };
  }
}
