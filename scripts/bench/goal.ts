/**
 * What a goal is, what measuring it gives, and what is said about each figure. The list, the tables and the pictures
 * are all made from these.
 */
import type { Bench } from './bench.ts';
import type { Spread } from './statistics.ts';

/** What a figure may be at most. */
export interface Limit {
  /** What is measured: "wall of 1,000 tasks, concurrency 8". */
  readonly what: string;
  readonly atMost: number;
  /** "× GNU parallel" for a ratio, else "ms", "MB", "per task". */
  readonly unit: string;
}

/** Programs without which a goal, or a part of it, cannot be measured. */
export type Need = 'cc' | 'parallel' | 'xargs' | 'make' | 'ninja' | 'strace';

export interface Goal {
  readonly number: number;
  readonly title: string;
  /** What is run, and beside what; a paragraph. */
  readonly method: string;
  readonly limits: readonly Limit[];
  readonly needs: readonly Need[];
  measure(bench: Bench): Promise<Findings>;
}

/** A directory is on tmpfs, where fsync is free, or on the disk; most limits are meant for tmpfs. */
export type Place = 'tmpfs' | 'disk';
export type Kind = 'ours' | 'peer' | 'limit';

/** One figure beside its limit. */
export interface Figure {
  readonly limit: Limit;
  readonly place: Place | undefined;
  /** `undefined`: not measured, and `why` says why. */
  readonly value: Spread | undefined;
  readonly why?: string;
}

/** What one contestant cost, of all its rounds; ratios are pair by pair to the contest's reference. */
export interface Entry {
  readonly name: string;
  readonly kind: Kind;
  readonly rounds: number;
  readonly wallMs: number;
  /** Of all its processes. */
  readonly cpuMs: number | undefined;
  /** MB (10^6 bytes); what it is of is said by the contest. */
  readonly peakMb: number | undefined;
  readonly wallRatio: Spread;
  readonly cpuRatio: Spread | undefined;
  readonly peakRatio: Spread | undefined;
}

/** Contestants that ran in turn beside one reference, which is the first entry. */
export interface Contest {
  readonly title: string;
  readonly place: Place | undefined;
  /** Which of the columns and charts say something. */
  readonly about: 'time' | 'memory';
  readonly entries: readonly Entry[];
}

export interface Findings {
  readonly figures: readonly Figure[];
  readonly contests: readonly Contest[];
  /** Other tables: a head and its rows. */
  readonly tables?: readonly { readonly title: string; readonly rows: readonly (readonly string[])[] }[];
  /** Whatever a reader must know to read the figures: what was left out, how something was sampled. */
  readonly notes: readonly string[];
}

export type Verdict = 'met' | 'not met' | 'not judged' | 'not measured' | 'for comparison';

/** Limits are meant for tmpfs; small sizes are judged by nobody. */
export function verdict({ value, limit, place }: Figure, quick: boolean): Verdict {
  if (value === undefined) return 'not measured';
  if (quick) return 'not judged';
  if (place === 'disk') return 'for comparison';
  return value.median <= limit.atMost ? 'met' : 'not met';
}

/** The findings of a goal for which something is missing. */
export function leftOut(limits: readonly Limit[], why: string): Findings {
  return {
    figures: limits.map((limit) => ({ limit, place: undefined, value: undefined, why })),
    contests: [],
    notes: [],
  };
}

/** The limit that `limits` holds at `index`; a goal refers to its own limits by their order. */
export function limitAt(limits: readonly Limit[], index: number): Limit {
  const limit = limits[index];
  if (limit === undefined) throw new RangeError(`there is no limit ${index}`);
  return limit;
}
