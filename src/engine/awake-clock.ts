/**
 * How long an attempt has been watched. What passes while the machine sleeps, or while we are stopped (SIGSTOP, a debugger,
 * a frozen container), is not the agent's: it could not work then, or we could not hear it. No clock of the kernel leaves
 * out both, so time is counted in small steps, and a step that took too long counts as one of the usual length.
 */
import type { MonotonicClock } from '../core/ports.ts';

/** Whoever counts reads at least this often, in ms. */
export const READ_EVERY_MS = 1_000;
/** What one step counts at most: well above a timer that is late on a busy machine, far below any sleep. */
const LONGEST_STEP_MS = 2 * READ_EVERY_MS;

export class AwakeClock {
  readonly #now: MonotonicClock;
  #last: number;
  #awakeMs = 0;

  constructor(now: MonotonicClock) {
    this.#now = now;
    this.#last = now();
  }

  /** ms awake since this clock was made; `slept` says that more time than that went by since the last reading. */
  read(): { readonly awakeMs: number; readonly slept: boolean } {
    const now = this.#now();
    const step = now - this.#last;
    this.#last = now;
    this.#awakeMs += Math.min(step, LONGEST_STEP_MS);
    return { awakeMs: this.#awakeMs, slept: step > LONGEST_STEP_MS };
  }
}
