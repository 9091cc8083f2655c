/**
 * Questions and answers as they stand in files. A question's file is where an agent may be able to write, so anything may
 * stand in it: what is no question is `undefined` here, and of what is one nothing is taken but its own fields.
 */
import { MOST_ATTEMPTS } from './claim.ts';
import {
  DECISIONS,
  type Answer,
  type Answerer,
  type Asked,
  type Decision,
  type FileChange,
  type Question,
} from './question.ts';
import { MAX_NAME_BYTES } from './task.ts';

/** More than an agent asks in its life; it bounds what a name may hold. */
export const MOST_QUESTIONS = 999_999;

/** The last moment that a date can name, ms since 1970. */
const LAST_MOMENT = 8.64e15;

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string';
const isCount = (value: unknown, from: number, to: number): value is number =>
  Number.isSafeInteger(value) && Number(value) >= from && Number(value) <= to;
const isMoment = (value: unknown): value is number => isCount(value, 0, LAST_MOMENT);
const isClaim = (value: unknown): value is string => isText(value) && /^[0-9a-f]{32}$/.test(value);
const isTaskName = (value: unknown): value is string =>
  isText(value) && value !== '' && !/[/\0]/.test(value) && Buffer.byteLength(value) <= MAX_NAME_BYTES;
const asDecision = (value: unknown): Decision | undefined => DECISIONS.find((one) => one === value);

export function asQuestion(value: unknown): Question | undefined {
  if (!isFields(value)) return undefined;
  const { claim, n, task, attempt, workingDirectory, reason, at } = value;
  const [asked, offers] = [asAsked(value['asked']), asOffers(value['offers'])];
  if (
    !isClaim(claim) ||
    !isCount(n, 1, MOST_QUESTIONS) ||
    !isTaskName(task) ||
    !isCount(attempt, 0, MOST_ATTEMPTS) ||
    !isText(workingDirectory) ||
    !workingDirectory.startsWith('/') ||
    !(reason === undefined || isText(reason)) ||
    !isMoment(at) ||
    asked === undefined ||
    offers === undefined
  )
    return undefined;
  const why = reason === undefined ? {} : { reason };
  return { claim, n, task, attempt, asked, workingDirectory, ...why, at, offers };
}

function asAsked(value: unknown): Asked | undefined {
  if (!isFields(value)) return undefined;
  const { kind, command, changes, grantRoot } = value;
  if (kind === 'command') return isText(command) ? { kind, command } : undefined;
  if (kind !== 'file-changes' || !Array.isArray(changes)) return undefined;
  const known = changes.map(asChange).filter((change) => change !== undefined);
  if (known.length < changes.length || !(grantRoot === undefined || isText(grantRoot))) return undefined;
  return { kind, changes: known, ...(grantRoot !== undefined && { grantRoot }) };
}

function asChange(value: unknown): FileChange | undefined {
  if (!isFields(value)) return undefined;
  const { path, movedTo, diff } = value;
  const change = (['add', 'delete', 'update'] as const).find((one) => one === value['change']);
  if (!isText(path) || !isText(diff) || change === undefined || !(movedTo === undefined || isText(movedTo)))
    return undefined;
  return { path, change, ...(movedTo !== undefined && { movedTo }), diff };
}

function asOffers(value: unknown): readonly Decision[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const offers = value.map(asDecision).filter((offer) => offer !== undefined);
  const isSound = offers.length === value.length && offers.length > 0;
  return isSound && new Set(offers).size === offers.length ? offers : undefined;
}

export function asAnswer(value: unknown): Answer | undefined {
  if (!isFields(value)) return undefined;
  const { claim, n, digest, at } = value;
  const [decision, by] = [asDecision(value['decision']), asAnswerer(value['by'])];
  const how = (['person', 'timeout', 'withdrawn'] as const).find((one) => one === value['how']);
  if (
    !isClaim(claim) ||
    !isCount(n, 1, MOST_QUESTIONS) ||
    !isText(digest) ||
    !/^[0-9a-f]{64}$/.test(digest) ||
    decision === undefined ||
    how === undefined ||
    by === undefined ||
    !isMoment(at)
  )
    return undefined;
  if (how !== 'person' && decision !== 'deny' && decision !== 'stop') return undefined; // nobody's silence is a yes
  return { claim, n, digest, decision, how, by, at };
}

function asAnswerer(value: unknown): Answerer | undefined {
  if (!isFields(value)) return undefined;
  const { user, host, terminal, pid } = value;
  if (!isText(user) || !isText(host) || !(terminal === undefined || isText(terminal))) return undefined;
  if (!isCount(pid, 0, Number.MAX_SAFE_INTEGER)) return undefined;
  return { user, host, ...(terminal !== undefined && { terminal }), pid };
}
