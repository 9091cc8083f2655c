/**
 * What Codex says when it fails, in its own words: `turn.failed`, the `error` event, and standard error of a start that
 * failed. Never what a model, a command or a server's page says: prose about limits and logins is ordinary.
 *
 * Every row was seen with the Codex versions named, against a server that answers as the real one does
 * (test/io/codex-words.test.ts makes the newest say it again).
 */
import type { FailureClass } from './failure-class.ts';

interface Row {
  readonly class: FailureClass;
  readonly words: RegExp;
  /** What makes Codex say so, and which versions were heard. */
  readonly source: string;
}

/**
 * The first row that matches says it. What stands behind a colon may be a page of some proxy, or a server's prose, so where
 * Codex has words of its own only these count.
 */
const ROWS: readonly Row[] = [
  {
    class: 'limited',
    words: /^[^.:]*\busage limit\b/i,
    source: '429 usage_limit_reached, over HTTP and WebSocket: 0.47, 0.80, 0.120, 0.169',
  },
  {
    class: 'quota',
    words: /^Quota exceeded\b|^To use Codex\b.*\bupgrade to Plus\b/i,
    source: '429 insufficient_quota, usage_not_included: 0.47 to 0.169',
  },
  {
    class: 'auth',
    words: /^[^.:]*\bstatus:? 40[13]\b|^Not logged in|^Missing environment variable/i,
    source: '401, 403, a provider whose env_key is not set: 0.47 to 0.169',
  },
  {
    class: 'rate-limited',
    words: /^[^.:]*\bstatus:? 429\b|^rate limit (?:exceeded|reached)/i,
    source: '429 without a reason, response.failed rate_limit_exceeded: 0.47 to 0.169',
  },
  {
    class: 'context-exceeded',
    words: /^[^.:]*(?:\bran out of room\b|\bcontext window\b)/i,
    source: 'context_length_exceeded, over HTTP and in the stream: 0.80 to 0.169',
  },
  {
    class: 'transient',
    words:
      /^stream disconnected|^[^.:]*(?:\bstatus:? 5\d\d\b|\bhigh demand\b|\bat capacity\b)|^idle timeout/i,
    source: '500, 502, 503, cut streams, unknown failures in the stream: 0.47 to 0.169',
  },
  {
    class: 'network',
    words: /^Connection failed\b|\berror sending request\b|\bdns error\b/i,
    source: 'refused connection, unknown host, without unbounded_connection_retries: 0.120, 0.169',
  },
  {
    class: 'model-refused',
    words:
      /\bmodel_not_found\b|\bmodel\b.*(?:does not exist|not found|not supported|do not have access)|\bunknown model\b/i,
    source: '404 and 400 model_not_found, in the words of the server: 0.47 to 0.169',
  },
  {
    class: 'permanent',
    words: /\bmax_output_tokens\b|\binvalid[ _]prompt\b|\bcyber/i,
    source: 'response.incomplete, invalid_prompt, cyber_policy: 0.169',
  },
];

/** A turn that failed, by its last words; `unknown` when no row has them. */
export function classify(message: string): FailureClass {
  return ROWS.find(({ words }) => words.test(message))?.class ?? 'unknown';
}

const START_ROWS: readonly Row[] = [
  {
    class: 'thread-lost',
    words: /\bthread\/resume failed\b|\bno rollout found for thread\b|\balready has an active writer\b/i,
    source:
      '`resume` of a thread that is not there, is still written, or whose file a power cut has emptied: 0.169',
  },
  {
    class: 'invalid-input',
    words: /\bInput exceeds the maximum length\b|\bnot valid UTF-8\b|^No prompt provided/i,
    source: 'a prompt of more than 1,048,576 characters, or none: 0.169',
  },
  {
    class: 'auth',
    words: /^Not logged in|^Missing environment variable/i,
    source: 'the words of `login status`; of a key that is not set 0.169 says it of the turn',
  },
];

/** The same for a Codex that ended before it had begun a turn. */
export function classifyStart(message: string): FailureClass {
  return START_ROWS.find(({ words }) => words.test(message))?.class ?? 'unknown';
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const MINUTE_MS = 60_000;
const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  second: 1_000,
  m: MINUTE_MS,
  minute: MINUTE_MS,
  h: 60 * MINUTE_MS,
  hour: 60 * MINUTE_MS,
  d: 24 * 60 * MINUTE_MS,
  day: 24 * 60 * MINUTE_MS,
  week: 7 * 24 * 60 * MINUTE_MS,
};

/**
 * When a limit is lifted, ms since 1970; `undefined` when it is not said, or not in words that are known. Codex prints the time of its own time
 * zone, which is ours, without its seconds: so it is the end of that minute, as asking too early would cost a request. It may
 * lie behind `now`, when what was said is heard late.
 */
export function limitedUntil(message: string, now: Date): number | undefined {
  return clockTime(message, now) ?? timeSpan(message, now);
}

/** `try again at 9:24 AM`, `try again at Nov 25th, 2026 8:03 AM`. */
function clockTime(message: string, now: Date): number | undefined {
  const match =
    /try again at (?:([A-Za-z]{3})[a-z]* (\d{1,2})(?:st|nd|rd|th)?,? (\d{4}),? )?(\d{1,2}):(\d{2})\s*([AP]M)\b/i.exec(
      message,
    );
  if (!match) return undefined;
  const [, monthName, day, year, hour = '', minute = '', half = ''] = match;
  const hours = (Number(hour) % 12) + (half.toUpperCase() === 'PM' ? 12 : 0);
  if (Number(hour) < 1 || Number(hour) > 12 || Number(minute) > 59) return undefined;
  const at = (y: number, m: number, d: number) => new Date(y, m, d, hours, Number(minute) + 1).getTime();
  if (monthName !== undefined) {
    const month = MONTHS.indexOf(monthName.toLowerCase());
    const isDay = month >= 0 && new Date(Number(year), month, Number(day)).getMonth() === month;
    return isDay ? notOver(at(Number(year), month, Number(day)), now) : undefined;
  }
  // Without a date it is of the day on which it was said; midnight may have come since.
  const [y, m, d] = [now.getFullYear(), now.getMonth(), now.getDate()];
  const yesterday = at(y, m, d - 1);
  return now.getTime() - yesterday < LONGEST_ON_THE_WAY_MS ? yesterday : notOver(at(y, m, d), now);
}

/** A sentence of Codex is read a moment after it was said, also on a busy machine. */
const LONGEST_ON_THE_WAY_MS = 5 * MINUTE_MS;

/** The second of the two times that the clock shows when it is put back, once the first is over. */
function notOver(time: number, now: Date): number {
  const shown = (at: number) => new Date(at).toTimeString().slice(0, 5);
  const again = [30, 60].map((minutes) => time + minutes * MINUTE_MS).find((at) => shown(at) === shown(time));
  return time < now.getTime() && again !== undefined ? again : time;
}

/** `try again in 3 days 6 hours 57 minutes`, `try again in 1.2s`. */
function timeSpan(message: string, now: Date): number | undefined {
  const said = /try again in ((?:\d+(?:\.\d+)? ?[a-z]+[ ,]*)+)/i.exec(message)?.[1] ?? '';
  let ms = 0;
  for (const [, amount, word = ''] of said.matchAll(/(\d+(?:\.\d+)?) ?([a-z]+)/gi)) {
    const unit = UNIT_MS[word.toLowerCase().replace(/^(\w{2,})s$/, '$1')];
    if (unit === undefined) break;
    ms += Number(amount) * unit;
  }
  return ms > 0 ? now.getTime() + ms : undefined;
}
