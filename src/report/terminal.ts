/** The only door to standard output and standard error. */

export interface Terminal {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly outColours: boolean;
  readonly errColours: boolean;
  /** A person can watch standard error change. */
  readonly live: boolean;
  /** A person can be asked. */
  readonly canAsk: boolean;
  readonly columns: () => number;
}

export function openTerminal(env: NodeJS.ProcessEnv): Terminal {
  surviveLostReader(process.stdout);
  surviveLostReader(process.stderr);
  return {
    out: (text) => write(process.stdout, text),
    err: (text) => write(process.stderr, text),
    outColours: wantsColours(env, process.stdout.isTTY),
    errColours: wantsColours(env, process.stderr.isTTY),
    live: process.stderr.isTTY && !env['CI'] && env['TERM'] !== 'dumb',
    canAsk: process.stdin.isTTY && process.stderr.isTTY,
    columns: () => process.stderr.columns ?? 80,
  };
}

/** https://no-color.org and https://force-color.org: set and not empty decides; otherwise a terminal gets colours. */
export function wantsColours(env: NodeJS.ProcessEnv, isTerminal: boolean): boolean {
  if (env['NO_COLOR']) return false;
  if (env['FORCE_COLOR']) return env['FORCE_COLOR'] !== '0' && env['FORCE_COLOR'] !== 'false';
  return isTerminal && env['TERM'] !== 'dumb';
}

/**
 * `codex-worker | head` ends our reader, and closing a terminal window ends both streams: neither may end a night's work.
 * Without a listener Node would throw the error of the stream from nowhere.
 */
function surviveLostReader(stream: NodeJS.WriteStream): void {
  if (stream.listenerCount('error') === 0) stream.on('error', () => {});
}

function write(stream: NodeJS.WriteStream, text: string): void {
  if (!stream.destroyed && !stream.errored) stream.write(text);
}
