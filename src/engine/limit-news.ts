/**
 * What the agents of a run hear of the limits of the account, on its way to a file for `status`. Each update completes the
 * last one, and nobody needs to read it every moment: a directory's file is written every few seconds at most, and at the end.
 */
import { asRateLimits, type RateLimits } from '../core/rate-limits.ts';
import { writeRateLimits } from '../io/rate-limits-file.ts';
import type { TaskDirectory } from '../io/task-directory.ts';
import type { World } from './world.ts';

const EVERY_MS = 3_000;

interface Place {
  readonly directory: TaskDirectory;
  /** On the clock that does not go back. */
  writtenAt: number;
  isNews: boolean;
}

export class LimitNews {
  readonly #world: Pick<World, 'files' | 'now' | 'uptimeMs'>;
  readonly #places = new Map<string, Place>();
  #limits: RateLimits | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(world: Pick<World, 'files' | 'now' | 'uptimeMs'>) {
    this.#world = world;
  }

  /** `said` as the app-server of an agent in this directory has said it; what says nothing is passed over. */
  hear(directory: TaskDirectory, said: unknown): void {
    const limits = asRateLimits(said, this.#world.now().getTime(), this.#limits);
    if (!limits) return;
    this.#limits = limits;
    const place = this.#places.get(directory.path) ?? { directory, writtenAt: -Infinity, isNews: false };
    this.#places.set(directory.path, { ...place, isNews: true });
    if (this.#world.uptimeMs() - place.writtenAt >= EVERY_MS) this.#write();
  }

  /** Resolves when all that was heard is written, as far as the disk takes it. */
  async close(): Promise<void> {
    this.#write();
    await this.#writing;
  }

  #write(): void {
    const limits = this.#limits;
    for (const place of this.#places.values()) {
      if (!limits || !place.isNews) continue;
      place.isNews = false;
      place.writtenAt = this.#world.uptimeMs();
      this.#writing = this.#writing.then(() => writeRateLimits(this.#world.files, place.directory, limits));
    }
  }
}
