/**
 * How much of what an account may use is used: as Codex's app-server says it, to the second. It is for people, and for the
 * time at which a limit that was met is lifted; nobody is held up by a percentage.
 */
import { headline } from './printable.ts';

export interface RateLimitWindow {
  /** Of what may be used in the window; 100 and more is all of it. */
  readonly usedPercent: number;
  readonly windowMinutes?: number;
  /** When it begins anew, ms since 1970. */
  readonly resetsAt?: number;
}

export interface RateLimits {
  /** When it was said, ms since 1970. */
  readonly at: number;
  /** Which limit it is, where an account has several. */
  readonly id?: string;
  readonly primary?: RateLimitWindow;
  readonly secondary?: RateLimitWindow;
  readonly plan?: string;
}

type Fields = Readonly<Record<string, unknown>>;

const DAY_MS = 86_400_000;
const LONGEST_WINDOW_MINUTES = 366 * 1_440;
const LONGEST_WORD = 40;

/**
 * The app-server's `rateLimits`, heard at `now` (ms since 1970); `undefined` for what says nothing of a window. An update
 * leaves out what has not changed: that is taken from `before`, if that is of the same limit.
 */
export function asRateLimits(value: unknown, now: number, before?: RateLimits): RateLimits | undefined {
  const { limitId, primary, secondary, planType } = fieldsOf(value);
  const id = wordIn(limitId);
  const known = before && before.id === id ? before : undefined;
  const first = windowSaid(primary, now) ?? known?.primary;
  const second = windowSaid(secondary, now) ?? known?.secondary;
  const plan = wordIn(planType) ?? known?.plan;
  if (!first && !second) return undefined;
  return {
    at: now,
    ...(id !== undefined && { id }),
    ...(first && { primary: first }),
    ...(second && { secondary: second }),
    ...(plan !== undefined && { plan }),
  };
}

/** When a limit that was met is lifted, ms since 1970: when no window is used up any more. `undefined` when none is, or nobody says. */
export function resetOf({ primary, secondary }: RateLimits): number | undefined {
  const resets = [primary, secondary].flatMap((window) =>
    window && window.usedPercent >= 100 && window.resetsAt !== undefined ? [window.resetsAt] : [],
  );
  return resets.length === 0 ? undefined : Math.max(...resets);
}

/** What is still true of it at `now`: no window that has begun anew, and nothing after a day. `undefined` when that is nothing. */
export function stillTrue(limits: RateLimits, now: number): RateLimits | undefined {
  const { primary, secondary, ...rest } = limits;
  const isOn = (window: RateLimitWindow | undefined) =>
    window !== undefined && (window.resetsAt === undefined || window.resetsAt > now);
  if (Math.abs(now - limits.at) > DAY_MS || (!isOn(primary) && !isOn(secondary))) return undefined;
  return {
    ...rest,
    ...(primary && isOn(primary) && { primary }),
    ...(secondary && isOn(secondary) && { secondary }),
  };
}

/** As it stands in the file and in JSON: times for people to read. */
export function rateLimitFields({ at, primary, secondary, ...rest }: RateLimits) {
  const iso = (ms: number) => new Date(ms).toISOString();
  const window = ({ resetsAt, ...fields }: RateLimitWindow) => ({
    ...fields,
    ...(resetsAt !== undefined && { resetsAt: iso(resetsAt) }),
  });
  return {
    at: iso(at),
    ...(primary && { primary: window(primary) }),
    ...(secondary && { secondary: window(secondary) }),
    ...rest,
  };
}

/** What `rateLimitFields` wrote; `undefined` for anything else. */
export function rateLimitsIn(value: unknown, now: number): RateLimits | undefined {
  const { at: said, id, primary, secondary, plan } = fieldsOf(value);
  const at = momentIn(said);
  if (at === undefined) return undefined;
  const window = (fields: unknown) => {
    const { usedPercent, windowMinutes, resetsAt } = fieldsOf(fields);
    return windowOf(usedPercent, windowMinutes, momentIn(resetsAt), now);
  };
  const [first, second, name, planName] = [window(primary), window(secondary), wordIn(id), wordIn(plan)];
  if (!first && !second) return undefined;
  return {
    at,
    ...(name !== undefined && { id: name }),
    ...(first && { primary: first }),
    ...(second && { secondary: second }),
    ...(planName !== undefined && { plan: planName }),
  };
}

function windowSaid(value: unknown, now: number): RateLimitWindow | undefined {
  const { usedPercent, windowDurationMins, resetsAt } = fieldsOf(value);
  const seconds = typeof resetsAt === 'number' ? resetsAt : Number.NaN;
  return windowOf(usedPercent, windowDurationMins, seconds * 1_000, now);
}

/** A time that is further away than any window is long was made up, or is none. */
function windowOf(
  usedPercent: unknown,
  windowMinutes: unknown,
  resetsAt: number | undefined,
  now: number,
): RateLimitWindow | undefined {
  if (typeof usedPercent !== 'number' || !(usedPercent >= 0 && usedPercent <= 1_000)) return undefined;
  const isLong = Number.isSafeInteger(windowMinutes) && Number(windowMinutes) > 0;
  const isSoon = resetsAt !== undefined && Math.abs(resetsAt - now) <= LONGEST_WINDOW_MINUTES * 60_000;
  return {
    usedPercent,
    ...(isLong &&
      Number(windowMinutes) <= LONGEST_WINDOW_MINUTES && { windowMinutes: Number(windowMinutes) }),
    ...(isSoon && { resetsAt }),
  };
}

const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null ? (value as Fields) : {};

function wordIn(value: unknown): string | undefined {
  const word = typeof value === 'string' ? headline(value, LONGEST_WORD) : '';
  return word === '' ? undefined : word;
}

function momentIn(value: unknown): number | undefined {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value)) return undefined;
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? undefined : ms;
}
