/**
 * How many attempts of this run may be on at once: the level. It is the concurrency that was asked for, unless the server
 * says that it is too much.
 *
 *   too many requests (429)  → half of it; attempts that were on already when it was halved do not halve it again
 *   a success                → one more, up to what was asked for
 *   a person asks for more   → as many, unless the server had said that it is too much: then that is what it may grow to
 *   a pause is over          → one, and one more with each attempt that the model answers, about a second apart
 *
 * An attempt that waits for a person leaves its place to another, and takes one again before any new attempt does.
 */
import type { Outcome } from '../core/outcome.ts';

/** Between two starts while the level grows back after a pause: half of it is certain, as much again is drawn on top. */
const APART_MS = 500;
/** After a pause the terminals begin within so long, each at a moment of its own. */
const RETURN_WITHIN_MS = 3_000;

/** One attempt's place. */
export interface Place {
  readonly epoch: number;
  isAnswered: boolean;
}

export type LevelChange = 'rate-limited' | 'grown' | 'asked';

export class Level {
  readonly #onChange: (level: number, why: LevelChange) => void;
  readonly #places = new Set<Place>();
  readonly #maxWaiting: number;
  /** Those that wait for a person, and have no place. */
  readonly #waiting = new Set<Place>();
  #asked: number;
  #level: number;
  /** Counts how often the level was lowered: what began before says nothing about the level since. */
  #epoch = 0;
  #isReturning = false;
  #nextAt = Number.NEGATIVE_INFINITY;

  constructor(asked: number, onChange: (level: number, why: LevelChange) => void, maxWaiting = 0) {
    this.#maxWaiting = maxWaiting;
    this.#asked = asked;
    this.#level = asked;
    this.#onChange = onChange;
  }

  /** Whether another attempt may begin; `now` on the uptime clock, ms. */
  hasRoom(now: number): boolean {
    if (this.#places.size >= this.#asked) return false;
    if (!this.#isReturning) return this.#places.size < this.#level;
    // Those that were on when the pause came met no limit: they do not count.
    const since = [...this.#places].filter(({ epoch }) => epoch === this.#epoch).length;
    return now >= this.#nextAt && since < this.#level;
  }

  /** Whether one may begin whatever the level is. */
  get hasPlace(): boolean {
    return this.#places.size < this.#asked;
  }

  get asked(): number {
    return this.#asked;
  }

  /** From now on as many at once; what is on goes on. */
  ask(asked: number): void {
    const isFull = this.#level === this.#asked;
    this.#asked = asked;
    this.#level = isFull ? asked : Math.min(asked, this.#level);
    this.#onChange(this.#level, 'asked');
  }

  /** Until another start may be allowed by nothing but time, ms; `undefined` when time is not what it waits for. */
  waitMs(now: number): number | undefined {
    return this.#isReturning && this.#nextAt > now ? this.#nextAt - now : undefined;
  }

  /** `random` is in [0, 1). */
  begin(now: number, random: number): Place {
    const place = { epoch: this.#epoch, isAnswered: false };
    this.#places.add(place);
    if (this.#isReturning) this.#nextAt = now + APART_MS * (1 + 2 * random);
    return place;
  }

  /** It waits for a person: false where too many do already, and it keeps its place. */
  leave(place: Place): boolean {
    if (this.#waiting.size >= this.#maxWaiting || !this.#places.delete(place)) return false;
    this.#waiting.add(place);
    return true;
  }

  /** Whether it has a place again, or has never left it. */
  takeAgain(place: Place): boolean {
    if (!this.#waiting.has(place)) return true;
    if (this.#places.size >= this.#asked) return false;
    this.#waiting.delete(place);
    this.#places.add(place);
    return true;
  }

  /** The model has said something. */
  answered(place: Place): void {
    if (place.isAnswered) return;
    place.isAnswered = true;
    if (this.#isReturning && place.epoch === this.#epoch) this.#grow();
  }

  /** Without an outcome it was not begun. */
  end(place: Place, outcome?: Outcome): void {
    this.#places.delete(place);
    this.#waiting.delete(place);
    if (outcome?.kind === 'returned' && outcome.reason.kind === 'limited') {
      const isTooMany = outcome.reason.limit.class === 'rate-limited';
      if (isTooMany && place.epoch === this.#epoch) this.#halve();
    } else if (outcome?.kind === 'succeeded') {
      if (this.#isReturning)
        this.answered(place); // a command that says nothing before its end
      else this.#grow();
    }
  }

  /** A pause is over. */
  restart(now: number, random: number): void {
    this.#epoch++;
    this.#level = 1;
    this.#isReturning = true;
    this.#nextAt = now + RETURN_WITHIN_MS * random;
  }

  #halve(): void {
    this.#epoch++;
    this.#isReturning = false;
    this.#set(Math.max(1, Math.floor(this.#level / 2)), 'rate-limited');
  }

  #grow(): void {
    const level = Math.min(this.#asked, this.#level + 1);
    if (level === this.#asked) this.#isReturning = false;
    this.#set(level, 'grown');
  }

  #set(level: number, why: LevelChange): void {
    if (level === this.#level) return;
    this.#level = level;
    this.#onChange(level, why);
  }
}
