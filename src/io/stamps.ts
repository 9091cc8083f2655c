/**
 * Whether directories may hold other names, and files another text, than when they were read: told by their time stamps,
 * one lstat each. Notifications of the system are not asked: they are lost on network file systems, in containers and
 * when many come at once.
 *
 * A change within one tick of the file system's clock leaves the stamp as it is. So what was read is read once more, after
 * a time that is longer than any tick, before the stamp is believed; no clock of ours is compared with that one.
 *
 * CALLING SEQUENCE: while `mayHaveChanged` says yes: read, then `wasRead` with the stamps from before the reading.
 */
import type { MonotonicClock } from '../core/ports.ts';
import { lookAt, type BigIntStats, type Files } from './files.ts';

/** The coarsest clock of a file system is FAT's, of two seconds. */
const LONGEST_TICK_MS = 2_000;

export class Stamps {
  readonly #files: Files;
  readonly #uptimeMs: MonotonicClock;
  #stamps: ReadonlyMap<string, string> | undefined;
  #sinceMs = Number.NEGATIVE_INFINITY;
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor({ files, uptimeMs }: { readonly files: Files; readonly uptimeMs: MonotonicClock }) {
    this.#files = files;
    this.#uptimeMs = uptimeMs;
  }

  async mayHaveChanged(): Promise<boolean> {
    if (!this.#stamps) return true;
    const settledAtMs = this.#sinceMs + LONGEST_TICK_MS;
    if (this.#readAtMs < settledAtMs && this.#uptimeMs() >= settledAtMs) return true;
    for (const [path, stamp] of this.#stamps)
      if (stampOf(await lookAt(this.#files, path)) !== stamp) return true;
    return false;
  }

  /** `beganAtMs` is when the reading began, on the uptime clock; `stamps` are of everything that a change is to be seen in. */
  wasRead(beganAtMs: number, stamps: ReadonlyMap<string, string>): void {
    const before = this.#stamps;
    const isAsBefore =
      before?.size === stamps.size && [...stamps].every(([path, stamp]) => before.get(path) === stamp);
    if (!isAsBefore) this.#sinceMs = beganAtMs;
    this.#stamps = stamps;
    this.#readAtMs = beganAtMs;
  }
}

/** Of a directory, when a name last came or went; of a file, which one it is, and when it was last written. */
export function stampOf(stat: BigIntStats | undefined): string {
  if (!stat) return 'absent';
  return stat.isDirectory() ? String(stat.mtimeNs) : `${stat.ino} ${stat.mtimeNs} ${stat.size}`;
}
