/**
 * Ends an attempt that has had its time (`--timeout`), or of which nothing is heard and nothing seen to work for too long
 * (`--idle-timeout`). Before its tree is ended it is said what the agent was doing: afterwards nobody can tell.
 *
 * Both are counted on one clock, which leaves out the sleep of the machine and ours (awake-clock.ts), with one timer. The
 * processes are looked at only when a quarter of the idle time has gone by in silence: an agent that speaks costs nothing.
 */
import { describeDoing, type Doing } from '../core/doing.ts';
import { formatDuration } from '../core/duration.ts';
import { isStorageError } from '../core/errors.ts';
import type { MonotonicClock } from '../core/ports.ts';
import type { GatedChild } from '../io/child.ts';
import type { CodexListener } from '../io/codex-listener.ts';
import type { ProcessTable } from '../io/process-identity.ts';
import type { RunningLog } from '../io/result-log.ts';
import { whatItDoes } from '../io/what-it-does.ts';
import { WorkWatch } from '../io/work-watch.ts';
import { AwakeClock, READ_EVERY_MS } from './awake-clock.ts';
import type { AttemptOrder } from './order.ts';

type WatchEnd = 'timed-out' | 'idle';

interface Limits {
  /** ms. */
  readonly timeoutMs?: number;
  /** ms. */
  readonly idleTimeoutMs?: number;
}

interface Outlook {
  readonly now: MonotonicClock;
  /** Whether something that the agent started works; a look that is `maxAgeMs` old will do. */
  readonly isWorking: (maxAgeMs: number) => boolean;
}

/** The longest time between two looks at the processes, in ms. */
const LOOK_EVERY_MS = 30_000;
/** After a gap in time, how long what was said meanwhile may take to reach us. */
const AFTER_A_GAP_MS = 100;

/** Decides, on a clock and with eyes that are handed in. */
export class Watch {
  readonly #limits: Limits;
  readonly #outlook: Outlook;
  readonly #clock: AwakeClock;
  #aliveAt = 0;
  #lookedAt = 0;
  #isAfterGap = false;
  /** Questions that are open; while there is one, a person is waited for, and not the agent. */
  #questions = 0;
  #heldAt = 0;
  #heldMs = 0;

  constructor(limits: Limits, outlook: Outlook) {
    this.#limits = limits;
    this.#outlook = outlook;
    this.#clock = new AwakeClock(outlook.now);
  }

  /** Something came from the agent. */
  heard(): void {
    this.#aliveAt = this.#read().awakeMs;
  }

  /** The agent waits for a person from now on: no time of its passes, until as many `goOn` have come. */
  hold(): void {
    if (this.#questions++ === 0) this.#heldAt = this.#clock.read().awakeMs;
  }

  goOn(): void {
    if (--this.#questions === 0) this.#heldMs += this.#clock.read().awakeMs - this.#heldAt;
  }

  #read(): ReturnType<AwakeClock['read']> {
    const { awakeMs, slept } = this.#clock.read();
    return { slept, awakeMs: (this.#questions > 0 ? this.#heldAt : awakeMs) - this.#heldMs };
  }

  /** Why it has to end now, or in how many ms to ask again. */
  look(): WatchEnd | number {
    const { awakeMs, slept } = this.#read();
    if (this.#questions > 0) return READ_EVERY_MS;
    // What the agent said meanwhile is still in the pipe, behind this timer. Once: else a machine on its knees has no limits.
    if (slept && !this.#isAfterGap) {
      this.#isAfterGap = true;
      return AFTER_A_GAP_MS;
    }
    this.#isAfterGap = false;
    const { timeoutMs = Infinity, idleTimeoutMs = Infinity } = this.#limits;
    if (awakeMs >= timeoutMs) return 'timed-out';
    const lookEveryMs = Math.min(LOOK_EVERY_MS, idleTimeoutMs / 4);
    const isDue = awakeMs - this.#aliveAt >= idleTimeoutMs;
    if (isDue || awakeMs >= this.#nextLook(idleTimeoutMs, lookEveryMs)) {
      this.#lookedAt = awakeMs;
      if (this.#outlook.isWorking(isDue ? 0 : lookEveryMs / 10)) this.#aliveAt = awakeMs;
      else if (isDue) return 'idle';
    }
    const next = Math.min(
      timeoutMs,
      this.#aliveAt + idleTimeoutMs,
      this.#nextLook(idleTimeoutMs, lookEveryMs),
    );
    return Math.min(READ_EVERY_MS, Math.max(1, Math.ceil(next - awakeMs)));
  }

  #nextLook(idleTimeoutMs: number, lookEveryMs: number): number {
    return Math.max(this.#lookedAt + lookEveryMs, this.#aliveAt + idleTimeoutMs / 4);
  }
}

export interface Watchdog {
  readonly heard: () => void;
  /** While its agent waits for a person; see Watch. */
  readonly hold: () => void;
  readonly goOn: () => void;
  readonly stop: () => void;
  /** What the agent was doing when it was ended; `unknown` as long as it is not. */
  readonly doing: Doing;
}

/** Watches a running child until `stop`; ends it by the ladder, for `timed-out` or `idle`. */
export function startWatchdog(
  child: GatedChild,
  order: AttemptOrder,
  heard: CodexListener,
  log: RunningLog,
  table: ProcessTable,
): Watchdog {
  let doing: Doing = { kind: 'unknown' };
  let timer: NodeJS.Timeout | undefined;
  const isCodex = () => heard.spokeJson || order.codex.isCodex;
  const work = new WorkWatch(order.claim, child.identity, table);
  const watch = new Watch(order, {
    now: () => performance.now(),
    isWorking: (maxAgeMs) => work.isWorking({ maxAgeMs, isCodex: isCodex() }),
  });
  const end = (why: WatchEnd) => {
    doing = whatItDoes(heard, child.identity, table, isCodex());
    try {
      log.entry({ kind: 'other', type: 'codex-worker', text: sentence(why, order, doing) });
      void child.end(why);
    } catch (error) {
      void child.end('storage');
      if (!isStorageError(error)) throw error;
    }
  };
  const look = () => {
    const next = watch.look();
    if (typeof next === 'number') timer = setTimeout(look, next);
    else end(next);
  };
  if (order.timeoutMs !== undefined || order.idleTimeoutMs !== undefined) look();
  return {
    heard: () => watch.heard(),
    hold: () => watch.hold(),
    goOn: () => watch.goOn(),
    stop: () => clearTimeout(timer),
    get doing() {
      return doing;
    },
  };
}

function sentence(why: WatchEnd, { timeoutMs = 0, idleTimeoutMs = 0 }: Limits, doing: Doing): string {
  const said = describeDoing(doing);
  const what =
    why === 'timed-out'
      ? `its time is over (${formatDuration(timeoutMs)})`
      : `nothing happened for ${formatDuration(idleTimeoutMs)}`;
  return `${what}${said === '' ? '' : `, ${said}`}; the agent is ended`;
}
