/**
 * What a thread of Codex has spent so far, from the file in which Codex itself keeps it:
 * `$CODEX_HOME/sessions/YYYY/MM/DD/rollout-<local time>-<thread id>.jsonl`. Codex prints tokens only with `turn.completed`;
 * a turn that failed, was ended or was killed prints none, and has spent them all the same.
 *
 * What was found with 0.169 against a server that counts its answers:
 *   - right after each answer a `token_usage_record` follows with `thread_token_usage`, the total of the thread; the event
 *     `token_count` with `total_token_usage`, which earlier versions have too, follows only when the tools of that answer
 *     have run: a SIGKILL during a command leaves the record and no event.
 *   - when the context is full Codex sets the totals of the event to nothing in and nothing out; those of the record stay. So the
 *     last record counts, and the last event only where there is no record.
 *   - both, and `turn.completed`, go on counting after `resume`, from where the thread was.
 *   - 500s, cut streams and answers that never came add nothing; a cut stream repeats the event with the same numbers.
 *   - after SIGINT and SIGKILL the file has every answer that was complete. An answer that was still being sent is in no
 *     file: what it cost nobody here can know.
 *
 * The format is no promise of Codex's, and the file may be anybody's: nothing here throws for what it looks like, and
 * nothing but checked numbers comes out. `undefined` means that nothing could be learned.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { isErrno, isStorageError } from '../core/errors.ts';
import type { Usage } from '../core/outcome.ts';
import { listIfThere, lookAt, READ, type Files } from './files.ts';
import { usageFrom } from './usage.ts';

const THREAD_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Whether it can be a thread's, and so a part of a file name. */
export const isThreadId = (text: string | undefined): text is string => THREAD_ID.test(text ?? '');

/** Where a Codex with this environment keeps its sessions. */
export const codexHomeIn = (env: NodeJS.ProcessEnv): string => env['CODEX_HOME'] || join(homedir(), '.codex');

/** How much of the end is read: what follows the last count is mostly short, and a command's output is cut by Codex. */
const TAILS = [65_536, 1_048_576, 8 * 1_048_576];

/** The thread's total, of all its turns. */
export async function threadUsage(
  files: Files,
  codexHome: string,
  thread: string,
): Promise<Usage | undefined> {
  if (!isThreadId(thread)) return undefined;
  try {
    const path = await findRollout(files, codexHome, thread);
    return path === undefined ? undefined : await lastTotal(files, path);
  } catch (error) {
    if (isStorageError(error) || isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR')) return undefined;
    throw error;
  }
}

const DAY_MS = 86_400_000;

/**
 * The id begins with the time at which the thread began, and the name has the same time to the second: it can mostly be
 * told, which is worth it where a day has thousands of threads.
 */
async function findRollout(files: Files, codexHome: string, thread: string): Promise<string | undefined> {
  const began = Number.parseInt(thread.replaceAll('-', '').slice(0, 12), 16);
  if (began > Date.UTC(2200, 0)) return undefined; // not an id that has a time
  for (const ms of [0, 1_000]) {
    const at = new Date(began + ms);
    const path = `${dayDirectory(codexHome, at)}/rollout-${stamp(at)}-${thread}.jsonl`;
    if (await lookAt(files, path)) return path;
  }
  for (const ms of [0, -DAY_MS, DAY_MS]) {
    const day = dayDirectory(codexHome, new Date(began + ms)); // Codex may run with another time zone
    const name = (await listIfThere(files, day)).find((entry) => entry.endsWith(`-${thread}.jsonl`));
    if (name !== undefined) return `${day}/${name}`;
  }
  return undefined;
}

const two = (n: number) => String(n).padStart(2, '0');
const dateParts = (at: Date) => [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())] as const;
const dayDirectory = (codexHome: string, at: Date) =>
  join(codexHome, 'sessions', ...dateParts(at).map(String));
const stamp = (at: Date) =>
  `${dateParts(at).join('-')}T${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join('-')}`;

async function lastTotal(files: Files, path: string): Promise<Usage | undefined> {
  const fd = await files.open(path, READ);
  try {
    const stat = await files.fstat(fd);
    if (!stat.isFile()) return undefined;
    const size = Number(stat.size);
    let event: Usage | undefined;
    for (const tail of TAILS) {
      const from = Math.max(0, size - tail);
      const last = lastTotalsIn(await readAll(files, fd, from, Math.min(tail, size)));
      if (last.record) return last.record;
      event = last.event ?? event;
      if (from === 0) break;
    }
    return event;
  } finally {
    await files.close(fd);
  }
}

async function readAll(files: Files, fd: number, from: number, length: number): Promise<string> {
  const buffer = Buffer.alloc(length);
  let done = 0;
  for (let read = 1; read > 0 && done < length; done += read)
    read = await files.read(fd, buffer.subarray(done), from + done);
  return buffer.toString('utf8', 0, done);
}

/** The first line may be cut, and the last not yet be whole: neither is JSON then. */
function lastTotalsIn(text: string): Totals {
  let event: Usage | undefined;
  for (let end = text.length; end > 0;) {
    const start = text.lastIndexOf('\n', end - 1);
    const found = totalsIn(text.slice(start + 1, end));
    if (found.record) return found;
    event ??= found.event;
    end = start;
  }
  return { event };
}

interface Totals {
  readonly record?: Usage | undefined;
  readonly event?: Usage | undefined;
}

function totalsIn(line: string): Totals {
  if (!line.includes('"token_usage_record"') && !line.includes('"token_count"')) return {};
  let event: { type?: unknown; payload?: { type?: unknown; info?: unknown; thread_token_usage?: unknown } };
  try {
    event = JSON.parse(line) as typeof event;
  } catch {
    return {}; // a line that was cut
  }
  const { type, payload } = event;
  if (type === 'token_usage_record') return { record: totalFrom(payload?.thread_token_usage) };
  if (type !== 'event_msg' || payload?.type !== 'token_count') return {};
  const info = payload.info as { total_token_usage?: unknown } | null | undefined;
  return { event: totalFrom(info?.total_token_usage) };
}

function totalFrom(usage: unknown): Usage | undefined {
  const fields = usage as Record<string, unknown> | null | undefined;
  return usageFrom(fields?.['input_tokens'], fields?.['cached_input_tokens'], fields?.['output_tokens']);
}
