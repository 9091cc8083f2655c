/**
 * The user's own word on whether a task is done (`--verify`): a command line, given to /bin/sh in the directory where the
 * agents work. It comes from the command line of the run and from nowhere else; which task it is about stands in its
 * environment. It is started behind the same gate as an agent and carries a claim's cookie, so whatever ends it (its
 * time, an abort, a lost claim, the death of its owner) ends all that it started.
 */
import { constants } from 'node:os';
import type { ClaimId } from '../core/claim.ts';
import { errnoOf, isErrno } from '../core/errors.ts';
import { formatDuration } from '../core/duration.ts';
import type { Verify } from '../core/options.ts';
import type { ChildExit } from '../core/outcome.ts';
import { headline, printableText } from '../core/printable.ts';
import { secretsIn } from '../core/secrets.ts';
import { GatedChild, spawnBehindGate } from '../io/child.ts';
import { closeQuietly, READ } from '../io/files.ts';
import { MAX_OUTPUT_BYTES, withoutSecrets } from './listen.ts';
import type { World } from './world.ts';

/** In the environment of the command: the absolute path of the task file. */
export const TASK_VARIABLE = 'CODEX_WORKER_TASK';

export interface VerifyRequest extends Pick<Verify, 'command' | 'timeoutMs'> {
  readonly workingDirectory: string;
  readonly env: NodeJS.ProcessEnv;
  /** What it may print in all, in bytes; as much as an agent by default. */
  readonly mostBytes?: number;
  /** Whose cookie it carries. */
  readonly claim: ClaimId;
}

export interface VerifyPorts {
  /** Takes what it prints, without secrets; what this throws ends the command, and is thrown when nothing is left of it. */
  readonly keep: (chunk: Buffer) => void;
  readonly aborted: AbortSignal;
}

type VerifyEnd =
  | { readonly kind: 'passed' }
  | { readonly kind: 'failed'; readonly code: number }
  | { readonly kind: 'not-started'; readonly why: string }
  /** It said nothing about the task: it took too long, or printed without end. */
  | { readonly kind: 'unfinished'; readonly why: string }
  | { readonly kind: 'aborted' }
  | { readonly kind: 'unkillable'; readonly pids: readonly number[] };

export interface Verified {
  readonly end: VerifyEnd;
  /** The beginning and the end of what it printed, without secrets. Raw: whoever shows it makes it printable. */
  readonly output: string;
}

/** Resolves when nothing of it runs any more. */
export async function runVerify(
  world: World,
  request: VerifyRequest,
  { keep, aborted }: VerifyPorts,
): Promise<Verified> {
  if (aborted.aborted) return { end: { kind: 'aborted' }, output: '' };
  const child = await spawnVerify(world, request);
  if (!(child instanceof GatedChild)) return { end: child, output: '' };
  const output = new Ends();
  const hear = (chunk: Buffer) => {
    output.push(chunk);
    if (output.bytes > (request.mostBytes ?? MAX_OUTPUT_BYTES)) void child.end('log-too-large');
    else keep(chunk);
  };
  const listening = listenTo(child, secretsIn(request.env), hear);
  const abort = () => void child.end('interrupted');
  aborted.addEventListener('abort', abort);
  const timer = setTimeout(() => void child.end('timed-out'), request.timeoutMs);
  if (aborted.aborted) abort();
  else child.go();
  const { exit, unkillable } = await child.finish();
  clearTimeout(timer);
  aborted.removeEventListener('abort', abort);
  const trouble = await listening;
  if (trouble) throw trouble.error;
  const text = output.text;
  const end: VerifyEnd =
    unkillable.length > 0 ? { kind: 'unkillable', pids: unkillable } : judge(exit, request, text);
  return { end, output: text };
}

/** The last line that it printed: most commands say there how it went. */
export function lastWords(output: string): string {
  const lines = printableText(output).split('\n');
  return headline(lines.findLast((line) => line.trim() !== '') ?? '', 200);
}

/** Both outputs are made one by a shell of ours, so that their lines keep their order. */
const BOTH_AS_ONE = 'exec /bin/sh -c "$1" 2>&1';

async function spawnVerify(
  { files, table }: World,
  { command, workingDirectory, env, claim }: VerifyRequest,
): Promise<GatedChild | Extract<VerifyEnd, { kind: 'not-started' }>> {
  const stdin = await files.open('/dev/null', READ);
  try {
    const args = ['-c', BOTH_AS_ONE, 'codex-worker-verify', command];
    return await spawnBehindGate({ command: '/bin/sh', args, workingDirectory, env, claim, stdin }, table);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'E2BIG', 'EAGAIN')) throw error;
    return { kind: 'not-started', why: `${errnoOf(error)} in ${workingDirectory}` };
  } finally {
    await closeQuietly(files, stdin);
  }
}

/** Resolves when the output is closed, with what went wrong on the way: by then nobody may be left to hear a rejection. */
async function listenTo(
  child: GatedChild,
  secrets: readonly string[],
  hear: (chunk: Buffer) => void,
): Promise<{ readonly error: unknown } | undefined> {
  child.stderr.resume();
  try {
    for await (const chunk of withoutSecrets(child.stdout, secrets)) hear(chunk);
  } catch (error) {
    if (isErrno(error, 'ERR_STREAM_PREMATURE_CLOSE')) return undefined; // closed by finish(), on somebody who held it after the exit
    void child.end('storage');
    return { error };
  }
  return undefined;
}

/** What a POSIX shell exits with for a command that it could not execute, or not find. */
const NOT_STARTED = new Set([126, 127]);

function judge(exit: ChildExit, request: VerifyRequest, output: string): VerifyEnd {
  const { command, timeoutMs, mostBytes = MAX_OUTPUT_BYTES } = request;
  if (exit.kind === 'ended-by-us') {
    const what = headline(command, 80);
    if (exit.why === 'timed-out')
      return { kind: 'unfinished', why: `${what} did not end within ${formatDuration(timeoutMs)}` };
    if (exit.why === 'log-too-large')
      return { kind: 'unfinished', why: `${what} printed more than ${Math.ceil(mostBytes / 1_048_576)} MiB` };
    return { kind: 'aborted' };
  }
  const code = exit.kind === 'exited' ? exit.code : codeOf(exit.signal);
  if (code === 0) return { kind: 'passed' };
  if (!NOT_STARTED.has(code)) return { kind: 'failed', code };
  return { kind: 'not-started', why: lastWords(output) || `the shell exited with code ${code}` };
}

/** As a shell says it of a command that was killed. */
const codeOf = (signal: string) => 128 + (constants.signals[signal as NodeJS.Signals] ?? 0);

/** Of each end so many bytes are kept in memory: together a little less than the log shows of a command. */
const KEPT = 8_000;

class Ends {
  bytes = 0;
  #first = Buffer.alloc(0);
  #last = Buffer.alloc(0);

  push(chunk: Buffer): void {
    this.bytes += chunk.length;
    const room = KEPT - this.#first.length;
    if (room > 0) this.#first = Buffer.concat([this.#first, chunk.subarray(0, room)]);
    this.#last = Buffer.concat([this.#last, chunk.subarray(room)]).subarray(-KEPT);
  }

  get text(): string {
    const left = this.bytes - this.#first.length - this.#last.length;
    const gap = Buffer.from(left > 0 ? `\n… ${left} bytes left out …\n` : '');
    return Buffer.concat([this.#first, gap, this.#last]).toString('utf8');
  }
}
