/**
 * Reads what a child prints, to the last byte, but for secrets (core/secrets.ts): raw into a file out of sight, and line
 * by line to the listener. Memory does not grow with the output: a line of any length is read on, and one that is too
 * long is left out of the log.
 *
 * Lines are split at `\n` only. Node's readline also splits at U+2028 and U+2029 (from version 24), which Codex prints raw.
 */
import { pipeline } from 'node:stream/promises';
import split from 'split2';
import { isErrno, isStorageError } from '../core/errors.ts';
import { SecretFilter } from '../core/secrets.ts';
import type { AgentEvent } from '../io/agent-event.ts';
import type { GatedChild } from '../io/child.ts';
import type { CodexListener } from '../io/codex-listener.ts';
import type { Files } from '../io/files.ts';

/** Longest line that is looked at. Codex cuts the output of a command far below this. */
const MAX_LINE = 4 * 1_048_576;
const SPLIT_OPTIONS = { maxLength: MAX_LINE, skipOverflow: true };
const TOO_LONG: AgentEvent = {
  kind: 'other',
  type: 'codex-worker',
  text: `a line of more than ${MAX_LINE / 1_048_576} MiB is left out here; the raw events have it`,
};
/** What one attempt may print in all. */
export const MAX_OUTPUT_BYTES = 1_073_741_824;

/**
 * Resolves when both outputs are closed. A disk that refuses the log ends the child; it does not throw. `raw.stderr` is
 * asked for its file when there is something to keep: most agents say nothing there. `onChunk` hears of all that comes,
 * also of what is held back as it may be the beginning of a secret.
 */
export async function listen(
  files: Files,
  child: GatedChild,
  heard: Pick<CodexListener, 'line' | 'stderr'>,
  raw: { readonly stdout: number; readonly stderr: () => Promise<number> },
  onEvent: (event: AgentEvent) => void,
  onChunk: () => void,
  secrets: readonly string[],
): Promise<void> {
  let total = 0;
  /** Whether a chunk is still to be kept and looked at. */
  const isWithinLimit = (chunk: Buffer): boolean => {
    total += chunk.length;
    if (total > MAX_OUTPUT_BYTES) void child.end('log-too-large');
    return child.endedBy !== 'log-too-large';
  };
  let lineBytes = 0;
  const stdout = pipeline(
    child.stdout,
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of withoutSecrets(noticed(chunks, onChunk), secrets)) {
        if (!isWithinLimit(chunk)) continue;
        files.appendSync(raw.stdout, chunk);
        const before = lineBytes;
        const lastEnd = chunk.lastIndexOf('\n');
        lineBytes = lastEnd < 0 ? lineBytes + chunk.length : chunk.length - lastEnd - 1;
        if (before <= MAX_LINE && lineBytes > MAX_LINE) onEvent(TOO_LONG);
        yield chunk;
      }
    },
    // What was read of a line that is too long comes out of split2 all the same when the stream ends in it.
    split(/\r?\n/, (line) => (line.length > MAX_LINE ? undefined : line), SPLIT_OPTIONS),
    async (lines: AsyncIterable<string>) => {
      for await (const line of lines) for (const event of heard.line(line)) onEvent(event);
    },
  );
  const decoder = new TextDecoder();
  const stderr = pipeline(child.stderr, async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of withoutSecrets(noticed(chunks, onChunk), secrets)) {
      if (!isWithinLimit(chunk)) continue;
      files.appendSync(await raw.stderr(), chunk);
      heard.stderr(decoder.decode(chunk, { stream: true }));
    }
  });
  const unlessClosed = async (reading: Promise<void>) => {
    try {
      await reading;
    } catch (error) {
      if (isErrno(error, 'ERR_STREAM_PREMATURE_CLOSE')) return; // closed by finish(), on somebody who held it after the exit
      void child.end('storage'); // nobody reads it any more: it must not go on working unseen
      if (!isStorageError(error)) throw error;
    }
  };
  await Promise.all([unlessClosed(stdout), unlessClosed(stderr)]);
}

async function* noticed(chunks: AsyncIterable<Buffer>, onChunk: () => void): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    onChunk();
    yield chunk;
  }
}

/** The same bytes, but for what must not be kept or shown. */
export async function* withoutSecrets(
  chunks: AsyncIterable<Buffer>,
  secrets: readonly string[],
): AsyncGenerator<Buffer> {
  const filter = new SecretFilter(secrets);
  try {
    for await (const chunk of chunks) {
      const clean = filter.push(chunk);
      if (clean.length > 0) yield clean;
    }
  } finally {
    // Also of an output that is closed on whoever holds it: what was waited for will not come.
    const rest = filter.end();
    if (rest.length > 0) yield rest;
  }
}
