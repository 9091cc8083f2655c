/**
 * A worker thread that dies takes its attempts along, and the children with them: the watcher sees to that. The next look
 * finds our own claim and settles it.
 */
import { NO_USAGE, type Outcome } from '../core/outcome.ts';
import type { Task } from '../core/task.ts';

/** A task that this happens to so often has found a bug of ours. */
const MOST_CRASHES = 3;

export class Crashes {
  readonly #count = new Map<Task, number>();

  /** The outcome of an attempt whose thread is gone; it is not to be retried when there were too many. */
  outcomeOf(task: Task, error: unknown): Extract<Outcome, { kind: 'failed' }> {
    const crashes = (this.#count.get(task) ?? 0) + 1;
    this.#count.set(task, crashes);
    const message = error instanceof Error ? error.message : String(error);
    return {
      kind: 'failed',
      attempt: crashes,
      durationMs: 0,
      usage: NO_USAGE,
      warnings: [],
      failure: { kind: 'worker-crashed', message },
      willRetry: crashes < MOST_CRASHES,
    };
  }
}
