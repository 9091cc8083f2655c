/** The only door to standard output and standard error. */
import { once } from 'node:events';
import { closeSync, fstatSync, writeSync } from 'node:fs';
import { EnvironmentError, errnoOf, isErrno } from '../core/errors.ts';
import { isInForeground } from './foreground.ts';

export interface Terminal {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** As `out`, for much: resolves when there is room for more. False when the reader is gone. */
  readonly pour: (piece: string | Uint8Array) => Promise<boolean>;
  readonly outIsTerminal: boolean;
  readonly outColours: boolean;
  readonly errColours: boolean;
  /** A person can watch standard error change. */
  readonly live: boolean;
  /** A person can be asked. */
  readonly canAsk: boolean;
  readonly columns: () => number;
  readonly rows: () => number;
  /** Where standard output ends: on the same screen, in a pipe that may lead there (`| tee log`), or somewhere else. */
  readonly outTo: () => 'screen' | 'pipe' | 'elsewhere';
  /** Calls `listener` whenever the size has changed, until what it returns is called. */
  readonly onResize: (listener: () => void) => () => void;
  /** A person can watch standard output change. */
  readonly outLive: boolean;
  readonly outSize: () => { readonly columns: number; readonly rows: number };
  /** Whether the reader of standard output is gone. */
  readonly outIsLost: () => boolean;
}

export function openTerminal(env: NodeJS.ProcessEnv): Terminal {
  if (process.platform === 'linux' && process.listenerCount('exit', leaveOthersTheirModes) === 0)
    process.on('exit', leaveOthersTheirModes); // elsewhere it takes a process to know where we are
  surviveLostReader(process.stdout);
  surviveLostReader(process.stderr);
  return {
    out: (text) => write(process.stdout, text),
    err: (text) => write(process.stderr, text),
    pour: (piece) => pour(process.stdout, piece),
    outIsTerminal: process.stdout.isTTY,
    outColours: wantsColours(env, process.stdout.isTTY),
    errColours: wantsColours(env, process.stderr.isTTY),
    live: process.stderr.isTTY && !env['CI'] && env['TERM'] !== 'dumb',
    canAsk: process.stdin.isTTY && process.stderr.isTTY,
    columns: () => process.stderr.columns || 80, // 0 where nobody has said
    rows: () => process.stderr.rows || 24,
    outTo,
    onResize: (listener) => {
      process.stderr.on('resize', listener);
      return () => void process.stderr.off('resize', listener);
    },
    outLive: process.stdout.isTTY && env['TERM'] !== 'dumb',
    outSize: () => ({ columns: process.stdout.columns ?? 80, rows: process.stdout.rows ?? 24 }),
    outIsLost: () => lost.has(process.stdout),
  };
}

function outTo(): ReturnType<Terminal['outTo']> {
  if (process.stdout.isTTY) return 'screen';
  const stat = fstatSync(1);
  return stat.isFIFO() || stat.isSocket() ? 'pipe' : 'elsewhere';
}

/**
 * A short text to standard output without the stream for it, whose making takes longer than all the rest of `--help`. Throws
 * EnvironmentError when it cannot be written whole.
 */
export function outAtOnce(text: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length;) {
    try {
      done += writeSync(1, bytes, done);
    } catch (error) {
      if (isErrno(error, 'EPIPE', 'EIO')) return; // its reader has seen enough
      if (!isErrno(error, 'EAGAIN'))
        throw new EnvironmentError(
          `standard output is incomplete: ${errnoOf(error)}`,
          'look at where it is written to',
          { cause: error },
        );
      process.stdout.write(bytes.subarray(done)); // a pipe that is full, and that somebody else has made not to wait
      return;
    }
  }
}

/** https://no-color.org and https://force-color.org: set and not empty decides; otherwise a terminal gets colours. */
export function wantsColours(env: NodeJS.ProcessEnv, isTerminal: boolean | undefined): boolean {
  if (env['NO_COLOR']) return false;
  if (env['FORCE_COLOR']) return env['FORCE_COLOR'] !== '0' && env['FORCE_COLOR'] !== 'false';
  return isTerminal === true && env['TERM'] !== 'dumb'; // isTTY is undefined where there is none, whatever its type says
}

/**
 * As it ends, Node gives a terminal the modes back that it had when Node began (ResetStdio in its src/node.cc), also from the
 * background, where somebody else works with it: a shell would be left without echo. What is closed it passes over.
 */
function leaveOthersTheirModes(): void {
  const terminals = [process.stdin, process.stdout, process.stderr].filter(({ isTTY }) => isTTY);
  if (terminals.length > 0 && !isInForeground()) for (const { fd } of terminals) closeSync(fd);
}

/** Streams whose reader is gone. Node revives its own streams after an error, so `destroyed` does not tell. */
const lost = new Set<NodeJS.WriteStream>();

/**
 * `codex-worker | head` ends our reader, and closing a terminal window ends both streams: neither may end a night's work.
 * Without a listener Node would throw the error of the stream from nowhere.
 */
function surviveLostReader(stream: NodeJS.WriteStream): void {
  stream.on('error', (error) => {
    if (lost.has(stream)) return;
    lost.add(stream);
    // A full disk under `> file` is no reader that has seen enough: whoever looks at the file must not take it for whole.
    if (stream !== process.stdout || isErrno(error, 'EPIPE', 'EIO')) return;
    write(process.stderr, `codex-worker: standard output is incomplete: ${errnoOf(error)}\n`);
    process.once('exit', () => (process.exitCode ||= 3)); // a script must not take half a document for whole
  });
}

function write(stream: NodeJS.WriteStream, text: string): void {
  if (!lost.has(stream)) stream.write(text);
}

async function pour(stream: NodeJS.WriteStream, piece: string | Uint8Array): Promise<boolean> {
  if (piece.length > 0 && !lost.has(stream) && !stream.write(piece))
    await once(stream, 'drain').catch(() => {}); // an error ends the wait as well, and is heard above
  return !lost.has(stream);
}
