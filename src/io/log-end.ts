/** The end of a log, for those who do not open it: what the agent did last, and what its footer says of the thread. */
import { printableText } from '../core/printable.ts';
import { readEnd, type Files } from './files.ts';
import { isThreadId } from './rollout.ts';
import { isOwnLog, RULE } from './result-log.ts';

export interface LogEnd {
  /** Whole lines before the footer; empty where there are none. Harmless on a terminal. */
  readonly text: string;
  /** Codex's, where the footer names one. */
  readonly thread?: string;
}

/** A footer with its warnings takes some of it. */
const TAIL_BYTES = 16_384;

/**
 * At most `most` characters of it. `undefined` for what is not there, may not be read, or is no log of ours: an agent may have
 * given a log's name to something else, and a report is shown around.
 */
export async function readLogEnd(files: Files, path: string, most: number): Promise<LogEnd | undefined> {
  const end = await readEnd(files, path, TAIL_BYTES);
  if (!end || !(await isOwnLog(files, path, false))) return undefined;
  const tail = end.bytes.toString('utf8');
  const parts = tail.split(`\n${RULE}\n`);
  // Of a log that is read whole the first part is its header; the last is the footer, if it has ended.
  const footer = parts.length > (end.isWhole ? 2 : 1) ? (parts.at(-1) ?? '') : '';
  const said = parts.slice(end.isWhole ? 1 : 0, footer === '' ? undefined : -1).join('\n');
  const thread = /^thread: +(\S+)$/m.exec(footer)?.[1];
  return {
    text: lastLines(end.isWhole ? said : said.slice(said.indexOf('\n') + 1), most),
    ...(isThreadId(thread) ? { thread } : {}),
  };
}

/** Whole lines, unless the last one alone is too long. */
function lastLines(text: string, most: number): string {
  const clean = printableText(text).trim();
  if (clean.length <= most) return clean;
  const end = clean.slice(-most);
  return `…${end.slice(Math.max(0, end.indexOf('\n')))}`.toWellFormed();
}
