/** One line of a journal: as it is written, and what it is taken for when it is read. Whoever could write the file could write anything into it. */
import { LONGEST_IN_NOTE } from '../core/answer-note.ts';
import { isClaimId, MOST_ATTEMPTS } from '../core/claim.ts';
import {
  ATTEMPT_ENDS,
  type AnswerNote,
  type JournalEntry,
  type JournalNote,
  type PauseNote,
} from '../core/journal-entry.ts';
import { asAnswer } from '../core/question-fields.ts';
import { isThreadId } from './rollout.ts';
import { isCount, usageFrom } from './usage.ts';

/** What was asked takes 2,000 characters, each an escape of six; names and all the rest are shorter. */
export const MAX_LINE = 16_384;

type Fields = Readonly<Record<string, unknown>>;

/** ASCII only: whatever the name of a task, a terminal may show it. */
export function lineOf({ at, ...fields }: JournalEntry | JournalNote): string {
  const text = JSON.stringify({ v: 1, at: new Date(at).toISOString(), ...fields }).replace(
    /[\u007f-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `\n${text}\n`;
}

/** `undefined` for what is torn, out of bounds, or none of ours. */
export function lineIn(line: string): JournalEntry | JournalNote | undefined {
  if (!line.startsWith('{')) return undefined;
  let value: Fields;
  try {
    value = JSON.parse(line) as Fields;
  } catch {
    return undefined; // torn
  }
  switch (value['kind']) {
    case undefined:
      return entryIn(value);
    case 'answer':
      return answerIn(value);
    default:
      return pauseIn(value);
  }
}

const LONGEST_MS = 365 * 86_400_000;
/** The year 2200, ms since 1970. */
const LATEST = 7_258_118_400_000;

const isText = (text: unknown, longest = Infinity): text is string =>
  typeof text === 'string' && text.length <= longest;

function pauseIn({ v, at: moment, kind, id, reason, until: end, ...value }: Fields): PauseNote | undefined {
  const [at, until] = [Date.parse(String(moment)), typeof end === 'number' ? end : undefined];
  if (v !== 1 || Number.isNaN(at) || typeof id !== 'string' || !/^[0-9a-f]{32}$/.test(id)) return undefined;
  if (kind === 'resumed') return { kind, at, id };
  const isLimited = value['class'] === 'limited';
  if (kind !== 'paused' || typeof reason !== 'string' || (!isLimited && value['class'] !== 'by-hand'))
    return undefined;
  return {
    kind,
    at,
    id,
    class: isLimited ? 'limited' : 'by-hand',
    reason,
    ...(isCount(until, LATEST) ? { until } : {}),
  };
}

function answerIn(value: Fields): AnswerNote | undefined {
  const { v, at, task, attempt, asked, text, askedAt } = value;
  const answer = asAnswer({ ...value, at: isText(at) ? Date.parse(at) : undefined });
  const isWhole = isText(asked, LONGEST_IN_NOTE.asked) && isText(text, LONGEST_IN_NOTE.text);
  if (v !== 1 || !answer || !isWhole || !isText(task)) return undefined;
  if (!isCount(attempt, MOST_ATTEMPTS) || !isCount(askedAt, LATEST)) return undefined;
  const { user, host, terminal = '' } = answer.by;
  if ([user, host, terminal].some((name) => name.length > LONGEST_IN_NOTE.name)) return undefined;
  return { kind: 'answer', ...answer, task, attempt, asked, text, askedAt };
}

function entryIn(value: Fields): JournalEntry | undefined {
  const { at, run, by, task, attempt, claim, thread, outcome, why, durationMs } = value;
  const time = isText(at) ? Date.parse(at) : Number.NaN;
  const counts = value['usage'] as Fields | null | undefined;
  const usage = usageFrom(counts?.['input'], counts?.['cached'], counts?.['output']);
  const end = ATTEMPT_ENDS.find((word) => word === outcome);
  const isEntry = value['v'] === 1 && isText(run) && isText(by) && isText(task) && isText(claim);
  if (!isEntry || !isClaimId(claim) || !usage || !end || Number.isNaN(time)) return undefined;
  if (!isCount(attempt, MOST_ATTEMPTS) || !isCount(durationMs, LONGEST_MS)) return undefined;
  return {
    at: time,
    run,
    by,
    task,
    attempt,
    claim,
    outcome: end,
    usage,
    durationMs,
    ...(isText(thread) && isThreadId(thread) ? { thread } : {}),
    ...(isText(why) ? { why } : {}),
  };
}
