/**
 * Terminals that start on one directory together would go for the same task again and again, and all but one would have
 * started an agent in vain. So whoever meets another chooses at random, among four times as many as before.
 */

/** At most so far from its place is a task taken when terminals share a directory. */
const MOST_AMONG = 64;

export class ElbowRoom {
  #among = 1;

  /** The next task is one of so many that are ready: of one, while this run meets no other. */
  get among(): number {
    return this.#among;
  }

  /** The task that was chosen had been taken by another, or had not. */
  chose(hasMetAnother: boolean): void {
    this.#among = hasMetAnother ? Math.min(MOST_AMONG, this.#among * 4) : Math.max(1, this.#among - 1);
  }
}
