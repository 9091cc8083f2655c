/**
 * A row of the torture table: one family of faults, made to happen again and again, and judged after each time.
 *
 * A ROUND makes a scene of its own in `scratch`, injects its faults, lets one calm pass put everything right, and
 * returns what is wrong: an empty list, always, or the program has a bug. Everything random in it comes from
 * `random`, so that a round that found something can be run again by its seed (`--only row --seed N`).
 *
 * A CONTROL is the same round with one guard of the program taken out. It must find something within a minute, or in
 * eight rounds where these take longer: a row that would not notice the loss of the guard proves nothing about it.
 */
import type { Violation, ViolationKind } from '../rig/violation.ts';

/** How the agents of a round are spoken to: by `codex exec --json`, or by `codex app-server`. */
export const BACKENDS = ['exec', 'app-server'] as const;
export type Backend = (typeof BACKENDS)[number];

/** What a round did; sums of it are the table. */
export interface Tally {
  /** Processes of codex-worker that were killed while they worked, and what they left was taken up by another. */
  crashRestarts: number;
  /** The same with processes that are made up, in one process, on a real or a simulated file system. */
  simulatedCrashRestarts: number;
  /** Injected faults by name, those kills included. */
  readonly faults: Record<string, number>;
  /** What else says how much was done: tasks, names, megabytes. */
  readonly notes: Record<string, number>;
}

/** Shaped so that it can stand in for a `TestContext` where the rig only wants to clean up. */
export interface Round {
  readonly seed: number;
  /** 0, 1, 2, … in the order of the run: a row that goes through every step takes it modulo the number of steps. */
  readonly index: number;
  readonly random: () => number;
  /** The run has half an hour or more, and sizes may be those that are promised; else those that fit into a check. */
  readonly long: boolean;
  readonly backend: Backend;
  /** An empty directory, removed after the round unless it found something. On tmpfs where there is one. */
  readonly scratch: string;
  /** The guard that is taken out; `undefined` in a round that must find nothing. */
  readonly control: string | undefined;
  /** `n` faults of this name were injected (the kills of `crashed` are counted there already). */
  readonly injected: (fault: string, n?: number) => void;
  /** `n` of something that is no fault, for the table: tasks that were run, crash images that were looked at. */
  readonly noted: (what: string, n: number) => void;
  readonly crashed: (kind: 'real' | 'simulated', fault: string, n?: number) => void;
  /** Called when the round is over, the latest first, whatever came of it. */
  readonly after: (cleanUp: () => unknown) => void;
}

export interface Row {
  readonly name: string;
  /** One line for the table in docs/reliability.md and for `--list`. */
  readonly about: string;
  /** All its processes are made up: there is no agent in it. */
  readonly isMadeUp?: true;
  /** Its part of the time, relative to the others'. */
  readonly share: number;
  /** So many rounds go through everything that it does systematically; the table says how far a run has come. */
  readonly systematic?: number;
  /** Guards that can be taken out, and what the harness must then find. */
  readonly controls: Readonly<Record<string, ViolationKind>>;
  /** Of these, those that do not show with an app-server: it does nothing before it is told its turn, gate or not. */
  readonly ofExecOnly?: readonly string[];
  /** Why this machine cannot run it, as a sentence; `undefined` when it can. It is named in the table, never silently left out. */
  readonly unavailable?: () => Promise<string | undefined>;
  /** Ends within `patienceMs` (default 300 s), or it is counted as hung. */
  readonly patienceMs?: number;
  readonly round: (round: Round) => Promise<Violation[]>;
}

/** An integer in [0, n). */
export const pick = (random: () => number, n: number) => Math.floor(random() * n);

export const choose = <T>(random: () => number, from: readonly T[]): T => {
  const chosen = from[pick(random, from.length)];
  if (chosen === undefined) throw new Error('nothing to choose from');
  return chosen;
};
