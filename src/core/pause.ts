/**
 * A pause: nobody starts an agent in a task directory. It stands in a file that every terminal sees (`io/pause-file.ts`),
 * and anything may have been written there: what is not a pause of ours is `undefined` here.
 *
 *   limited   a usage limit was met, or the server fails whoever asks. When its time has come one task of one terminal is tried, the probe; the pause
 *             stands until that says that the limit is lifted, however long its time is over
 *   by-hand   a person wants it. Nobody probes it; with a time it is over then, without one when `resume` lifts it
 */
import { headline } from './printable.ts';

interface AnyPause {
  /** 32 hexadecimal digits: a pause that is renewed is another one. */
  readonly id: string;
  /** One printable line. */
  readonly reason: string;
  /** ms since 1970, as `until`. */
  readonly since: number;
  /** Who made it, for people. */
  readonly by: string;
  readonly pid: number;
  readonly host: string;
}

export interface LimitPause extends AnyPause {
  readonly class: 'limited';
  /** When it is tried again. */
  readonly until: number;
  /** How many of the waits that grow it has had, without a time of its own. */
  readonly round: number;
}

export interface HandPause extends AnyPause {
  readonly class: 'by-hand';
  readonly until?: number;
}

export type Pause = LimitPause | HandPause;

/** The longest limits there are last a month; what says more is a mistake, or no limit. */
const LONGEST_LIMIT_MS = 32 * 86_400_000;
const MINUTE_MS = 60_000;
const LONGEST_WAIT_MS = 30 * MINUTE_MS;
const LONGEST_REASON = 300;

/**
 * When a limit is to be tried: when it says itself, or, where that helps nothing, after 1, 2, 4 … 30 minutes, of which it has
 * had `before` many. ms since 1970.
 */
export function tryLimitAt(
  said: number | undefined,
  before: number,
  now: number,
): Pick<LimitPause, 'until' | 'round'> {
  if (said !== undefined && said > now && said <= now + LONGEST_LIMIT_MS) return { until: said, round: 0 };
  const until = now + Math.min(LONGEST_WAIT_MS, MINUTE_MS * 2 ** Math.min(before, 10));
  return { until, round: Math.min(before, 10) + 1 };
}

/** Whether it holds anybody up at `now`, ms since 1970. */
export function isInForce(pause: Pause, now: number): boolean {
  return pause.class === 'limited' || pause.until === undefined || now < pause.until;
}

/** As it stands in the file: times for people to read. */
export function pauseFields({ since, until, ...pause }: Pause): object {
  const iso = (ms: number) => new Date(ms).toISOString();
  return { ...pause, since: iso(since), ...(until !== undefined && { until: iso(until) }) };
}

/** What `pauseFields` wrote; `undefined` for anything else, and for a limit that lasts longer than any does. */
export function asPause(value: unknown, now: number): Pause | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  const { id, reason, by, pid, host, round } = fields;
  const [since, until] = [moment(fields['since']), moment(fields['until'])];
  if (
    typeof id !== 'string' ||
    !/^[0-9a-f]{32}$/.test(id) ||
    typeof reason !== 'string' ||
    typeof by !== 'string' ||
    typeof host !== 'string' ||
    !isCount(pid) ||
    since === undefined
  )
    return undefined;
  const base = {
    id,
    since,
    pid,
    reason: headline(reason, LONGEST_REASON),
    by: headline(by, 60),
    host: headline(host, 60),
  };
  if (fields['class'] === 'limited')
    return until !== undefined && until <= now + LONGEST_LIMIT_MS && isCount(round)
      ? { ...base, class: 'limited', until, round }
      : undefined;
  if (fields['class'] !== 'by-hand') return undefined;
  if (until === undefined && fields['until'] !== undefined) return undefined;
  return { ...base, class: 'by-hand', ...(until !== undefined && { until }) };
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

function moment(value: unknown): number | undefined {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value)) return undefined;
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? undefined : ms;
}
