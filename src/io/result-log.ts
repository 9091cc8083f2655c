/**
 * The log of one attempt, for people: a header, what the agent did, a footer. It is `.exec_log-T.X` while it runs (and
 * `in-progress-T` by a second name), and becomes the result by being renamed; so it is complete before it is published.
 *
 * Lines are appended as they happen, without a buffer: `tail -f` follows the agent, and memory does not grow. Nothing
 * that a model or a command printed reaches the file with its control sequences intact.
 */
import { createHash } from 'node:crypto';
import type { ClaimId } from '../core/claim.ts';
import { formatDuration } from '../core/duration.ts';
import type { NextAttempt } from '../core/failure-class.ts';
import type { Check, Usage } from '../core/outcome.ts';
import { headline, printable, printableText } from '../core/printable.ts';
import { describeAnswer } from '../core/question-text.ts';
import { digestOf, idOf, type Answer, type Question } from '../core/question.ts';
import { markerOf } from '../core/task.ts';
import { unreachable } from '../core/unreachable.ts';
import type { AgentEvent } from './agent-event.ts';
import {
  amend,
  AMEND_END,
  closeQuietly,
  CREATE_APPEND,
  readEnd,
  readSmall,
  removeIfThere,
  type Files,
} from './files.ts';
import { isThreadId } from './rollout.ts';
import type { TaskDirectory } from './task-directory.ts';

const MAGIC = 'codex-worker log';
export const RULE = '─'.repeat(72);
/** A line that somebody else printed and that could be taken for a rule of ours. */
const FALSE_RULE = new RegExp(`^${RULE}$`, 'gm');
/** A line that somebody else printed and that could be taken for an answer of a person. */
const FALSE_ANSWER = /^\?(?= )/gm;
/** What is read of a log to find its header. */
const HEADER_BYTES = 2_048;
/** Of one command's output the log shows this many characters; all of it is in the raw events. */
const OUTPUT_SHOWN = 16_384;

export interface LogHeader {
  readonly attempt: number;
  readonly claim: ClaimId;
  readonly promptSha256: string;
  /** Codex's thread, where the attempt continues one. */
  readonly continues?: string;
  /** When the work began that it goes on with, or it itself; ms since 1970. */
  readonly begun?: number;
}

export class RunningLog {
  readonly path: string;
  readonly #files: Files;
  readonly #fd: number;
  readonly #hash = createHash('sha256');
  #bytes = 0;
  #open = true;
  #spoke: AgentEvent['kind'] | undefined;

  private constructor(files: Files, path: string, fd: number) {
    this.#files = files;
    this.path = path;
    this.#fd = fd;
  }

  /** C2. The claim id in the name is the fence: a late owner can only ever publish its own log. */
  static async create(
    files: Files,
    directory: TaskDirectory,
    task: string,
    claim: ClaimId,
  ): Promise<RunningLog> {
    const path = `${directory.path}/${markerOf.runningLog(task, claim)}`;
    return new RunningLog(files, path, await files.open(path, CREATE_APPEND));
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Of everything appended so far, in hexadecimal. */
  get sha256(): string {
    return this.#hash.copy().digest('hex');
  }

  header(fields: Readonly<Record<string, string>>): void {
    const lines = Object.entries(fields).map(
      ([name, value]) => `${`${name}:`.padEnd(10)} ${printable(value)}`,
    );
    this.#append(`${MAGIC}\n${lines.join('\n')}\n${RULE}\n`);
  }

  /** Throws what the file system throws: a log that cannot be written ends the attempt. */
  entry(event: AgentEvent): void {
    const isAnswer = event.kind === 'question' || event.kind === 'answered';
    const rendered = render(event).replace(FALSE_RULE, RULE.slice(1));
    const text = isAnswer ? rendered : rendered.replace(FALSE_ANSWER, ' ?');
    if (text === '') return;
    const gap = this.#spoke !== undefined && this.#spoke !== event.kind ? '\n' : '';
    this.#spoke = event.kind;
    this.#append(`${gap}${text}\n`);
  }

  footer(footer: LogFooter): void {
    this.#append(footerText(footer));
  }

  sync(): Promise<void> {
    return this.#files.fsync(this.#fd);
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await closeQuietly(this.#files, this.#fd);
  }

  /** For a claim that was never made. */
  async discard(): Promise<void> {
    await this.close();
    await removeIfThere(this.#files, this.path);
  }

  #append(text: string): void {
    const bytes = Buffer.from(text);
    this.#files.appendSync(this.#fd, bytes);
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
  }
}

/** The outcome of an attempt that was to continue a thread, and could not. */
export const THREAD_LOST = 'given back: the thread that was to be continued is lost';

export interface LogFooter {
  readonly outcome: string;
  readonly durationMs: number;
  readonly usage: Usage | undefined;
  readonly warnings: readonly string[];
  readonly checks?: readonly Check[];
  /** Codex's own name for the conversation: `codex resume` takes it. */
  readonly thread: string | undefined;
  /** How the task goes on, when this was not its last attempt. */
  readonly next: NextStep | undefined;
}

/** What one attempt leaves to the next, on whatever terminal that is. */
export interface NextStep {
  readonly in: Exclude<NextAttempt, 'never'>;
  /** ms since 1970. */
  readonly notBefore?: number;
  /** Where it was not Codex that failed: what the thread is told when it goes on. */
  readonly because?: Shortfall;
  /** When the work on the task began, ms since 1970, where its changes count. */
  readonly begun?: number;
}

/** Why a task is not done although Codex has completed its turn, or why it could not complete it. */
const SHORTFALLS = ['verify-failed', 'changed-nothing', 'unverified', 'interrupted'] as const;
type Shortfall = (typeof SHORTFALLS)[number];

function footerText({ outcome, durationMs, usage, warnings, checks = [], thread, next }: LogFooter): string {
  const lines = [
    ...warnings.map((warning) => `warning:   ${printable(warning)}`),
    `outcome:   ${printable(outcome)}`,
    ...checks.map((check) => `checked:   ${check.kind === 'verify' ? headline(check.command) : check.kind}`),
    `duration:  ${formatDuration(durationMs)}`,
    ...(usage ? [`tokens:    ${usage.input} in (${usage.cached} cached), ${usage.output} out`] : []),
    ...(thread === undefined ? [] : [`thread:    ${printable(thread)}`]),
    ...(next ? [`next:      ${nextText(next)}`] : []),
    ...(next?.because === undefined ? [] : [`because:   ${next.because}`]),
    ...(next?.begun === undefined ? [] : [`begun:     ${new Date(next.begun).toISOString()}`]),
  ];
  return `\n${RULE}\n${lines.join('\n')}\n`;
}

const nextText = ({ in: where, notBefore }: NextStep) =>
  where.replace('-', ' ') +
  (notBefore === undefined ? '' : `, not before ${new Date(notBefore).toISOString()}`);

/** Appends the footer for an owner that died. False for what is not the log of that claim: it is left as it is. */
export function appendLastWords(
  files: Files,
  path: string,
  claim: ClaimId,
  reason: string,
): Promise<boolean> {
  const footer = `\n${RULE}\noutcome:   failed: ${printable(reason)}\n`;
  return amend(
    files,
    path,
    AMEND_END,
    HEADER_BYTES,
    (bytes) => headerIn(bytes)?.claim === claim,
    async (fd) => files.appendSync(fd, Buffer.from(footer)),
  );
}

const indent = (text: string) => text.replace(/^(?=.)/gm, '  ');

function shorten(text: string): string {
  if (text.length <= OUTPUT_SHOWN) return text;
  const half = OUTPUT_SHOWN / 2;
  return `${text.slice(0, half)}\n… ${text.length - OUTPUT_SHOWN} characters left out, see the raw events …\n${text.slice(-half)}`;
}

const moment = (ms: number) => new Date(ms).toISOString();

/** Who, when, and after how long: the log is kept, and may be all that is left. */
function answered(question: Question, answer: Answer): string {
  const waited = formatDuration(Math.max(0, answer.at - question.at));
  const isOfThese = answer.digest === digestOf(question);
  return (
    `? ${idOf(question)} ${printable(describeAnswer(answer))}, ${moment(answer.at)} (after ${waited})` +
    (isOfThese ? '' : '; it was given to other words than were asked, and is a no')
  );
}

/** One event as text for people; empty for what a person does not need. */
function render(event: AgentEvent): string {
  const clean = (text: string) => printableText(text).trimEnd();
  switch (event.kind) {
    case 'command-started':
      return `$ ${clean(event.command)}`;
    case 'command-ended': {
      const output = clean(shorten(event.output));
      const end = event.status === 'declined' ? 'declined' : `exit ${event.exitCode ?? 'unknown'}`;
      return `${output === '' ? '' : `${indent(output)}\n`}  (${end}: ${printable(event.command).slice(0, 100)})`;
    }
    case 'file-change':
      return event.changes
        .map(
          ({ path, change }) => `± ${printable(change)} ${printable(path)}${event.failed ? ' (failed)' : ''}`,
        )
        .join('\n');
    case 'message':
      return clean(event.text);
    case 'reasoning':
      return indent(clean(event.text)).replaceAll(/^ {2}/gm, '· ');
    case 'error':
      return `! ${clean(event.message)}`;
    case 'question':
      return `? asks for approval (${idOf(event.question)}, ${moment(event.question.at)})\n${indent(clean(event.lines.join('\n')))}`;
    case 'answered':
      return answered(event.question, event.answer);
    case 'other':
      return `· ${printable(event.type)}${event.text === '' ? '' : `: ${printable(event.text)}`}`;
    case 'output':
      return clean(event.text);
    default:
      return unreachable(event);
  }
}

/** The header of a published or running log; `undefined` for a file that is absent or was not written by codex-worker. */
export async function readLogHeader(files: Files, path: string): Promise<LogHeader | undefined> {
  const file = await readSmall(files, path, HEADER_BYTES);
  return file.kind === 'read' ? headerIn(file.bytes) : undefined;
}

function headerIn(bytes: Buffer): LogHeader | undefined {
  const text = bytes.toString('utf8');
  if (!text.startsWith(`${MAGIC}\n`)) return undefined;
  const head = text.slice(0, text.indexOf(RULE));
  const attempt = /^attempt: +(\d{1,9})$/m.exec(head)?.[1];
  const claim = /^claim: +([0-9a-f]{32})$/m.exec(head)?.[1];
  const promptSha256 = /^prompt: +([0-9a-f]{64})\b/m.exec(head)?.[1];
  if (!attempt || !claim || !promptSha256) return undefined;
  const continues = /^continues: +(\S+)$/m.exec(head)?.[1];
  const begun = Date.parse(/^begun: +(\S+)$/m.exec(head)?.[1] ?? /^started: +(\S+)$/m.exec(head)?.[1] ?? '');
  return {
    attempt: Number(attempt),
    claim,
    promptSha256,
    ...(isThreadId(continues) ? { continues } : {}),
    ...(Number.isNaN(begun) ? {} : { begun }),
  };
}

/**
 * Whether a file is a log of ours, or the one-line stand-in for a mirror where hard links cannot be had; or, unless the
 * caller knows better (`mayBeBlank`), one that begins blank, which is what a power cut leaves of either when it takes
 * the data and not the name.
 */
export async function isOwnLog(files: Files, path: string, mayBeBlank = true): Promise<boolean> {
  const file = await readSmall(files, path, MAGIC.length + 1);
  if (file.kind !== 'read') return false;
  const isBlank = file.bytes.every((byte) => byte === 0);
  return file.bytes.toString('latin1') === `${MAGIC}\n` || (mayBeBlank && isBlank);
}

/** The text of a mirror on a file system without hard links. */
export const mirrorStandIn = (log: string) => `${MAGIC}\nThe running log is ${log}\n`;

/** The last `outcome:` line of a log; `undefined` when there is none, or the file is not there or not readable. */
export async function readLogOutcome(files: Files, path: string): Promise<string | undefined> {
  return fieldIn(await readLastFooter(files, path), 'outcome');
}

/** Why a task failed, as its log says it; `undefined` where it does not, or is none of ours. */
export async function readReason(files: Files, path: string): Promise<string | undefined> {
  return (await readLogOutcome(files, path))?.replace(/^failed: /, '') || undefined;
}

/** What is known of a completed task beyond Codex's word, as its log says it (`verified`); `undefined` when that is nothing. */
export async function readChecked(files: Files, path: string): Promise<string | undefined> {
  return /^completed, (verified|with changes)$/.exec((await readLogOutcome(files, path)) ?? '')?.[1];
}

/** What an attempt left to the next; `undefined` when its log says nothing of that, or is not there or not readable. */
export async function readNextStep(
  files: Files,
  path: string,
): Promise<(NextStep & { readonly thread?: string }) | undefined> {
  const footer = await readLastFooter(files, path);
  const [, where, date] =
    /^(same thread|fresh thread)(?:, not before (\S+))?$/.exec(fieldIn(footer, 'next') ?? '') ?? [];
  if (where === undefined) return undefined;
  const notBefore = Date.parse(date ?? '');
  const begun = Date.parse(fieldIn(footer, 'begun') ?? '');
  const because = SHORTFALLS.find((word) => word === fieldIn(footer, 'because'));
  const thread = fieldIn(footer, 'thread');
  return {
    in: where === 'same thread' ? 'same-thread' : 'fresh-thread',
    ...(Number.isNaN(notBefore) ? {} : { notBefore }),
    ...(Number.isNaN(begun) ? {} : { begun }),
    ...(because ? { because } : {}),
    ...(isThreadId(thread) ? { thread } : {}),
  };
}

const fieldIn = (footer: string | undefined, name: string): string | undefined =>
  new RegExp(`^${name}: +(.*)$`, 'm').exec(footer ?? '')?.[1];

async function readLastFooter(files: Files, path: string): Promise<string | undefined> {
  const TAIL_BYTES = 32_768; // a footer with all its warnings, in any script, is shorter
  const end = await readEnd(files, path, TAIL_BYTES);
  if (!end) return undefined;
  const tail = end.bytes.toString('utf8');
  const footer = tail.lastIndexOf(`\n${RULE}\n`);
  const isHeaders = end.isWhole && footer === tail.indexOf(`\n${RULE}\n`);
  return footer < 0 || isHeaders ? undefined : tail.slice(footer);
}
