/**
 * The worker thread: the only file that knows piscina. One thread supervises all children; it is never ended
 * while an attempt runs in it, because its `finally` blocks would not run and its child would live on:
 *
 * - piscina's own `signal` terminates the thread (and makes a task own it exclusively): it is never passed. Aborting is
 *   a message on the attempt's port, and the attempt ends itself.
 * - `close()` terminates the threads after a timeout: the pool is closed when it is idle.
 * - after `close()` a late `run()` would start threads again: refused here.
 * - piscina's queue is not first in, first out: it is never used. There are as many places as attempts at once.
 * - its default `atomics` stops a thread's event loop between tasks, heartbeats and all: disabled.
 * - a thrown error loses its class and fields on the way here: attempts return outcomes, and whatever `run` rejects
 *   with means that the thread is gone. Its children's gates closed with it; their watchers end them.
 */
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { ClaimId } from '../core/claim.ts';
import { EnvironmentError, InvariantError } from '../core/errors.ts';
import type { Outcome } from '../core/outcome.ts';
import type { AttemptNews, AttemptOrder, Message } from './order.ts';

/** From TypeScript sources (tsx), compiled file by file, or from the program, where this is a file right in src. */
const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
const top = /\/engine\/pool\.[jt]s$/.test(import.meta.url) ? '../..' : '..';
const WORKER = fileURLToPath(new URL(`${top}/workers/attempt${extension}`, import.meta.url));

/**
 * Every child is forked from this process, and a fork costs more the more memory there is. So garbage is collected early
 * instead of when 50 MB of it lie about. V8 reads these two whenever it decides; not all flags may be set so late.
 */
function keepMemorySmall(): void {
  for (const flag of ['--semi-space-growth-factor=1', '--optimize-for-size']) setFlagsFromString(flag);
}

export class AttemptPool {
  readonly #pool: Piscina;
  readonly #ports = new Map<ClaimId, MessagePort>();
  #closing = false;

  /**
   * Room for as many as `concurrency` attempts at once, all on one thread, which costs nothing while they are fewer: an attempt mostly waits. A second thread would wait as well,
   * as the forks of one process do not run side by side; it costs 10 MB and a fifth more CPU time.
   */
  constructor(concurrency: number, onTrouble: (message: string) => void, filename = WORKER) {
    keepMemorySmall();
    this.#pool = new Piscina({
      filename,
      minThreads: 1,
      maxThreads: 1,
      concurrentTasksPerWorker: concurrency,
      atomics: 'disabled',
      idleTimeout: 60_000,
      closeTimeout: 2_147_483_647,
    });
    // A thread without a task that dies is an 'error' event, which would end the process if nobody listened.
    this.#pool.on('error', (error: unknown) => {
      if (!this.#closing)
        onTrouble(`a worker thread failed: ${error instanceof Error ? error.message : String(error)}`);
    });
  }

  /**
   * Resolves when a thread has loaded the worker. Throws EnvironmentError when it could not: piscina would start threads
   * for ever, and no task that was handed to it would end.
   */
  static async open(
    concurrency: number,
    onTrouble: (message: string) => void,
    filename = WORKER,
  ): Promise<AttemptPool> {
    const pool = new AttemptPool(concurrency, onTrouble, filename);
    try {
      await pool.#pool.run(undefined, { name: 'loaded' });
    } catch (error) {
      pool.#closing = true;
      await pool.#pool.destroy();
      const why = error instanceof Error ? error.message : String(error);
      throw new EnvironmentError(`codex-worker is not installed whole: ${why}`, 'install it again', {
        cause: error,
      });
    }
    return pool;
  }

  /** Runs one attempt. Rejects only when its thread died: then the claim is the caller's to sweep and settle. */
  async run(order: AttemptOrder, onNews: (news: AttemptNews) => void): Promise<Outcome> {
    if (this.#closing) throw new InvariantError('an attempt was dispatched to a pool that is closing');
    const { port1: here, port2: there } = new MessageChannel();
    here.on('message', onNews);
    this.#ports.set(order.claim, here);
    try {
      return (await this.#pool.run({ order, port: there }, { transferList: [there] })) as Outcome;
    } finally {
      this.#ports.delete(order.claim);
      here.close();
    }
  }

  /** Asks every attempt that runs to end itself and give its task back; their `run` promises tell when. */
  abort(): void {
    for (const port of this.#ports.values()) port.postMessage({ kind: 'abort' } satisfies Message);
  }

  /** There is a place again for an attempt that had left its own. */
  givePlace(claim: ClaimId): void {
    this.#ports.get(claim)?.postMessage({ kind: 'place' } satisfies Message);
  }

  /** To be called when no attempt runs. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#pool.close();
  }
}
