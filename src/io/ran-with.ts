/** How an attempt was run, as the header of its log says it: so that who takes its task again can do it alike. */
import { printable } from '../core/printable.ts';
import type { RanWith } from '../core/reports.ts';
import { AGENT_MODES } from '../core/options.ts';
import { readSmall, type Files } from './files.ts';
import { isOwnLog, RULE } from './result-log.ts';

/** A header with the longest path and the longest command is shorter. */
const HEADER_BYTES = 16_384;
const LONGEST_COMMAND_BYTES = 1_000;

/** Whether a command can stand in a header and be read from there as it is. */
export const isSayable = (command: string): boolean =>
  printable(command) === command &&
  command.trim() === command &&
  Buffer.byteLength(command) <= LONGEST_COMMAND_BYTES;

/** `undefined` for what is not there, may not be read, or is no log of ours. */
export async function readRanWith(files: Files, path: string): Promise<RanWith | undefined> {
  const file = await readSmall(files, path, HEADER_BYTES);
  if (file.kind !== 'read' || !(await isOwnLog(files, path, false))) return undefined;
  const text = file.bytes.toString('utf8');
  const head = text.slice(0, Math.max(0, text.indexOf(`\n${RULE}\n`))) + '\n';
  const mode = AGENT_MODES.find((word) => word === /^mode: +(\S+)$/m.exec(head)?.[1]);
  const verify = /^verify: +(.+)$/m.exec(head)?.[1];
  return { ...(mode && { mode }), ...(verify !== undefined && isSayable(verify) && { verify }) };
}
