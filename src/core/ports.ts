/** What the outside world does for us, as types: io implements them, and a test passes in one that fails. */

/** Runs on while the machine sleeps, never goes backwards; ms. No wall clock is ever compared (NTP, DST, other hosts). */
export type MonotonicClock = () => number;

export type Sleep = (ms: number) => Promise<void>;
