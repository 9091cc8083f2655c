/**
 * How long something has not changed, by our own looks alone. No wall clock is compared: not between hosts, and not on
 * one machine, where NTP, DST and a set clock move it.
 */
import type { MonotonicClock } from '../core/ports.ts';

/** Heartbeats come this often; looks that count are at least as far apart (less a tolerance for timers). */
export const LOOK_EVERY_MS = 5_000;
const LOOK_TOLERANCE_MS = 500;
/** A longer gap between two looks means that *we* slept: whatever we did not see may have happened. */
const LONGEST_GAP_MS = 15_000;
export const LEAST_LOOKS = 6;
/** An owner from an earlier boot of this machine is dead once it has been silent this long (cloned machines share ids). */
export const EARLIER_BOOT_SILENCE_MS = 30_000;
/** On a network file system a change is seen late. */
export const NETWORK_SILENCE_MS = 120_000;

interface Watch {
  beat: string;
  firstAt: number;
  lastAt: number;
  countedAt: number;
  looks: number;
  heard: boolean;
}

export interface Silence {
  readonly silentForMs: number;
  readonly looks: number;
  /** Whether it was seen to change since we began to look. */
  readonly heard: boolean;
}

export class SilenceWatch {
  readonly #uptimeMs: MonotonicClock;
  readonly #watches = new Map<string, Watch>();

  constructor(uptimeMs: MonotonicClock) {
    this.#uptimeMs = uptimeMs;
  }

  /** One look at `key`, which shows `beat`; how long it has shown that, in ms, and over how many looks. */
  look(key: string, beat: string): Silence {
    const now = this.#uptimeMs();
    const watch = this.#watches.get(key);
    if (!watch || watch.beat !== beat || now - watch.lastAt > LONGEST_GAP_MS || now < watch.lastAt) {
      const heard = watch !== undefined && watch.beat !== beat;
      this.#watches.set(key, { beat, firstAt: now, lastAt: now, countedAt: now, looks: 1, heard });
      return { silentForMs: 0, looks: 1, heard };
    }
    watch.lastAt = now;
    if (now - watch.countedAt >= LOOK_EVERY_MS - LOOK_TOLERANCE_MS) {
      watch.countedAt = now;
      watch.looks++;
    }
    return { silentForMs: now - watch.firstAt, looks: watch.looks, heard: watch.heard };
  }

  /** Whether `key` has shown `beat` for `ms` over enough looks; this is a look itself. */
  isSilent(key: string, beat: string, ms: number): boolean {
    const { silentForMs, looks } = this.look(key, beat);
    return silentForMs >= ms && looks >= LEAST_LOOKS;
  }
}
