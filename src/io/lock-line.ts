/**
 * One line of a lock file or a break right: JSON, space padding, 8 hex digits of its CRC-32, newline; and the shapes that
 * such lines have. A line is data from outside: what is torn, made up or of another version is `undefined` here.
 */
import { crc32 } from 'node:zlib';
import {
  MOST_ATTEMPTS,
  type ChildIdentity,
  type ClaimRecord,
  type HeartbeatRecord,
  type Host,
  type OutcomeRecord,
  type ProcessIdentity,
  type ProcessStart,
} from '../core/claim.ts';
import { InvariantError } from '../core/errors.ts';
import { MAX_NAME_BYTES } from '../core/task.ts';

/** Throws InvariantError when `value` does not fit. */
export function encodeLine(value: unknown, length: number): Buffer {
  const json = Buffer.from(JSON.stringify(value));
  const room = length - 9;
  if (json.length > room)
    throw new InvariantError(`${json.length} bytes do not fit into a lock file line of ${room}`);
  const crc = crc32(json).toString(16).padStart(8, '0');
  return Buffer.concat([json, Buffer.alloc(room - json.length, ' '), Buffer.from(`${crc}\n`)]);
}

/** The value of a line; `undefined` when it is blank, torn or otherwise not what `encodeLine` writes. */
export function decodeLine(line: Buffer): unknown {
  if (line.length < 10 || line.at(-1) !== 0x0a) return undefined;
  let end = line.length - 9;
  while (end > 0 && line[end - 1] === 0x20) end--;
  const json = line.subarray(0, end);
  if (crc32(json).toString(16).padStart(8, '0') !== line.subarray(-9, -1).toString('latin1'))
    return undefined;
  try {
    return JSON.parse(json.toString('utf8'));
  } catch {
    return undefined; // blank: the CRC of nothing is right, and nothing is not JSON
  }
}

type Fields = Record<string, unknown>;
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown, longest = 512): value is string =>
  typeof value === 'string' && value.length <= longest;
const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
const isProcess = (value: unknown): value is ProcessStart =>
  isFields(value) && isCount(value['pid']) && value['pid'] > 0 && isText(value['start']);
/** A child is signalled, and so is its group: its pid is never 1, and it leads its own group. */
const isChild = (value: unknown): value is ChildIdentity =>
  isProcess(value) && value.pid > 1 && 'pgid' in value && value.pgid === value.pid;
const isHost = (value: unknown): value is Host =>
  isFields(value) &&
  ['name', 'machine', 'boot', 'pidns'].every((key) => isText(value[key])) &&
  isCount(value['uid']);

export function asClaimRecord(value: unknown): ClaimRecord | undefined {
  const sound =
    isFields(value) &&
    value['v'] === 1 &&
    (value['kind'] === 'run' || value['kind'] === 'reset') &&
    isText(value['task']) &&
    // Its other markers would have names that no file system takes, and settling it would end the run.
    Buffer.byteLength(value['task']) <= MAX_NAME_BYTES &&
    isText(value['claim']) &&
    /^[0-9a-f]{32}$/.test(value['claim']) &&
    isCount(value['attempt']) &&
    value['attempt'] <= MOST_ATTEMPTS &&
    isText(value['run']) &&
    isText(value['at']) &&
    isHost(value['host']) &&
    isProcess(value['owner']) &&
    (value['child'] === undefined || isChild(value['child']));
  return sound ? (value as unknown as ClaimRecord) : undefined;
}

export function asHeartbeat(value: unknown): HeartbeatRecord | undefined {
  return isFields(value) && isCount(value['pid']) && isCount(value['seq']) && isText(value['at'])
    ? (value as unknown as HeartbeatRecord)
    : undefined;
}

export function asOutcome(value: unknown): OutcomeRecord | undefined {
  const sound =
    isFields(value) &&
    ['done', 'failed', 'retry', 'interrupted'].includes(String(value['outcome'])) &&
    isCount(value['bytes']) &&
    isText(value['sha256']) &&
    (value['reason'] === undefined || isText(value['reason']));
  return sound ? (value as unknown as OutcomeRecord) : undefined;
}

/** Who holds a break right, from its line. */
export function asHolder(value: unknown): ProcessIdentity | undefined {
  if (!isFields(value) || value['v'] !== 1 || !isProcess(value) || !('host' in value) || !isHost(value.host))
    return undefined;
  return { host: value.host, pid: value.pid, start: value.start };
}
