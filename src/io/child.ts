/**
 * The child: one Codex process in a session of its own, behind a gate, and everything that it started.
 *
 * THE GATE. The child is spawned before the claim, so that its pid, start time and group are in the lock file before
 * the lock file exists; but what is spawned is a shell that waits for `GO` on descriptor 3 and exits at end of file.
 * So there is no moment at which a Codex runs that no lock file names.
 *
 * THE WATCHER. Before it becomes Codex (`exec` keeps pid, start time and group) the shell leaves a watcher in the group
 * that reads the same pipe. It ends when the owner does, however the owner ends (SIGKILL, out of memory, a dead worker
 * thread): then the watcher ends the child by the ladder, kills what escaped into sessions of its own, and itself.
 * While it lives, the group's number cannot be used again. It carries the cookie, so the sweep (sweep.ts) sees that
 * the group is ours, and ends it whole, members that have cleared their environment included.
 *
 * THE LADDER. SIGINT is the graceful stop of `codex exec`: it ends its whole command tree and the thread stays resumable.
 * SIGTERM kills it at once and leaves grandchildren. So: SIGINT, 5 s, SIGTERM, 2 s, SIGKILL of the group, then the sweep.
 * Of `codex app-server` it is the other way round. It ends by itself at the end of its input, which comes with the end of
 * its owner, and what is said to it before that comes first (`gently`).
 */
import spawn from 'cross-spawn';
import type { ChildProcess } from 'node:child_process';
import type { Duplex, Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildIdentity, ClaimId } from '../core/claim.ts';
import { errnoOf } from '../core/errors.ts';
import type { ChildExit, EndReason } from '../core/outcome.ts';
import type { ProcessTable } from './process-identity.ts';
import { COOKIE, LADDER, signalGroup, sweep } from './sweep.ts';

/** After exit, how long the output pipes may stay open before they are closed on whoever still holds them. */
const STDIO_GRACE_MS = 2_000;
/** After what it was told, how long it may take to go by itself. */
const GENTLE_MS = 2_000;
/** The same where nobody is in a hurry: what its commands have left may take a moment to end. */
const GOES_WITHIN_MS = 10_000;

/** `$0` of the gate's shell: its own complaints begin with it, and nothing that Codex says does. */
export const GATE_NAME = 'codex-worker-gate';

/**
 * `$@` is the command; the prompt never goes through the shell. The graces are the ladder's, in tenths of a second.
 * On Linux the watcher also kills the carriers of the cookie, itself excepted: it goes last, with its group. One grep for
 * all processes, as one for each costs 30 times as much; what it found is looked at again, just before it is killed.
 */
const gate = (ladder: readonly Step[]) => `
IFS= read -r go <&3 || exit 0
[ "$go" = GO ] || exit 0
( trap "" HUP INT TERM
  PATH="$PATH:/usr/bin:/bin"
  while IFS= read -r _ <&3; do :; done
  for step in ${ladder.map(({ signal, graceMs }) => `${signal.slice(3)}:${graceMs / 100}`).join(' ')}; do
    kill -0 $$ 2>/dev/null || break
    kill -"\${step%:*}" -$$ 2>/dev/null
    i=0
    while [ "$i" -lt "\${step#*:}" ] && kill -0 $$ 2>/dev/null; do sleep 0.1; i=$((i+1)); done
  done
  if read -r me _ </proc/self/stat 2>/dev/null; then
    carrier="^${COOKIE}=$${COOKIE}\\$"
    for environ in $(printf '%s\n' /proc/[0-9]*/environ | xargs grep -lzs "$carrier"); do
      pid=\${environ#/proc/}; pid=\${pid%/environ}
      [ "$pid" = "$me" ] && continue
      grep -qzs "$carrier" "$environ" && kill -KILL "$pid" 2>/dev/null
    done
  fi
  kill -KILL -$$
) </dev/null >/dev/null 2>&1 &
exec "$@" 3<&-
`;

export interface ChildRequest {
  readonly command: string;
  readonly args: readonly string[];
  readonly workingDirectory: string;
  readonly env: NodeJS.ProcessEnv;
  readonly claim: ClaimId;
  /** Open for reading: the prompt. Without one there is a conversation (`input`). */
  readonly stdin?: number;
}

type Step = (typeof LADDER)[number];
/** SIGINT would end a server without its commands. */
const ladderFor = ({ stdin }: ChildRequest): readonly Step[] =>
  stdin === undefined ? LADDER.filter(({ signal }) => signal !== 'SIGINT') : LADDER;

/** Spawns the gate. Throws the errno of spawn(2): EAGAIN, ENOMEM, or ENOENT when the working directory is gone. */
export async function spawnBehindGate(request: ChildRequest, table: ProcessTable): Promise<GatedChild> {
  const ladder = ladderFor(request);
  const child = spawn('/bin/sh', ['-c', gate(ladder), GATE_NAME, request.command, ...request.args], {
    cwd: request.workingDirectory,
    env: { ...request.env, [COOKIE]: request.claim },
    detached: true, // setsid: Ctrl-C does not reach it, and it leads a group of its own
    stdio: [request.stdin ?? 'pipe', 'pipe', 'pipe', 'pipe'],
  });
  const { pid } = child;
  if (pid === undefined) {
    throw await new Promise<Error>((resolve) => child.once('error', resolve));
  }
  const stat = table.stat(pid);
  return new GatedChild(
    child,
    { pid, pgid: pid, start: typeof stat === 'object' ? stat.start : 'unknown' },
    request.claim,
    table,
    ladder,
  );
}

export class GatedChild {
  readonly identity: ChildIdentity;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** What it reads; `undefined` where that is a file. */
  readonly input: Writable | undefined;
  /** What is said to it before any signal: resolves when it has been, whatever comes of it. */
  gently: (() => Promise<void>) | undefined;
  readonly #ladder: readonly Step[];
  readonly #child: ChildProcess;
  readonly #claim: ClaimId;
  readonly #table: ProcessTable;
  readonly #gate: Duplex;
  readonly #exited: Promise<void>;
  readonly #closed: Promise<void>;
  #endedBy: EndReason | undefined;
  #ending: Promise<void> | undefined;

  constructor(
    child: ChildProcess,
    identity: ChildIdentity,
    claim: ClaimId,
    table: ProcessTable,
    ladder: readonly Step[] = LADDER,
  ) {
    this.#child = child;
    this.#ladder = ladder;
    this.input = child.stdin ?? undefined;
    this.input?.on('error', () => {}); // EPIPE, as below
    this.identity = identity;
    this.#claim = claim;
    this.#table = table;
    const [, stdout, stderr, gate] = child.stdio;
    this.stdout = stdout as Readable;
    this.stderr = stderr as Readable;
    this.#gate = gate as Duplex;
    this.#gate.on('error', () => {}); // EPIPE: the reader is gone, and its exit tells the rest
    this.#exited = new Promise((resolve) => child.once('exit', () => resolve()));
    this.#closed = new Promise((resolve) => child.once('close', () => resolve()));
  }

  /** Opens the gate: only now can Codex run. */
  go(): void {
    this.#gate.write('GO\n');
  }

  /** Ends a child whose gate was never opened. */
  async abandon(): Promise<void> {
    this.#gate.destroy();
    this.input?.destroy();
    this.stdout.resume();
    this.stderr.resume();
    await this.#closed;
  }

  /** Ends the child by the ladder. The first reason stays; a second call only waits for the same end. */
  end(why: EndReason): Promise<void> {
    this.#endedBy ??= why;
    this.#ending ??= this.#climbDown();
    return this.#ending;
  }

  /** It was told to go; if it does not, it is ended by the ladder, and for no other reason. */
  dismiss(graceMs = GOES_WITHIN_MS): void {
    this.#ending ??= this.#unlessGone(graceMs);
  }

  async #unlessGone(graceMs: number): Promise<void> {
    if (await this.#exitsWithin(graceMs)) return;
    this.gently = undefined; // all was said
    await this.#climbDown();
  }

  get endedBy(): EndReason | undefined {
    return this.#endedBy;
  }

  async #climbDown(): Promise<void> {
    if (this.gently && !this.#hasExited()) {
      await this.gently();
      if (await this.#exitsWithin(GENTLE_MS)) return;
    }
    for (const { signal, graceMs } of this.#ladder) {
      if (this.#hasExited()) return;
      signalGroup(this.identity.pgid, signal);
      if (await this.#exitsWithin(graceMs)) return;
    }
    signalGroup(this.identity.pgid, 'SIGKILL');
    await this.#exited;
  }

  #hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async #exitsWithin(ms: number): Promise<boolean> {
    const patience = new AbortController();
    const late = sleep(ms, undefined, { signal: patience.signal }).then(
      () => false,
      () => true,
    );
    const exited = await Promise.race([this.#exited.then(() => true), late]);
    patience.abort();
    return exited;
  }

  /**
   * Waits for the end of the child, ends whatever it left behind, then waits until its output is closed. Resolves with
   * how it ended and the pids that could not be ended (processes in uninterruptible sleep).
   */
  async finish(): Promise<{ exit: ChildExit; unkillable: readonly number[] }> {
    await this.#exited;
    const unkillable = await sweep(this.#claim, this.identity, this.#table);
    this.#gate.destroy(); // not before the watcher is dead: it would begin its own ladder
    const patience = setTimeout(() => {
      this.stdout.destroy();
      this.stderr.destroy();
    }, STDIO_GRACE_MS);
    await this.#closed;
    clearTimeout(patience);
    return { exit: this.#exit(), unkillable };
  }

  #exit(): ChildExit {
    const { exitCode: code, signalCode: signal } = this.#child;
    if (this.#endedBy) return { kind: 'ended-by-us', why: this.#endedBy, code, signal };
    if (signal) return { kind: 'signalled', signal };
    return { kind: 'exited', code: code ?? 0 };
  }
}

export interface ToolResult {
  /** `null` when it was ended by a signal or never started. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Why it could not be started, or ETIMEDOUT. */
  readonly errno?: string;
}

/** Runs a short program to its end, without a shell and without input; at most 64 KiB of each output are kept. */
export function runTool(
  command: string,
  args: readonly string[],
  options: { readonly timeoutMs: number; readonly env?: NodeJS.ProcessEnv; readonly cwd?: string },
): Promise<ToolResult> {
  return new Promise((resolve) => {
    let child: ChildProcess;
    try {
      child = spawn(command, [...args], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: options.env,
        cwd: options.cwd,
      });
    } catch (error) {
      return resolve({ code: null, stdout: '', stderr: '', errno: errnoOf(error) }); // E2BIG, ENOMEM: Node throws these at once
    }
    const kept = { stdout: '', stderr: '' };
    const keep = (name: 'stdout' | 'stderr') => (chunk: string) =>
      void (kept[name] = (kept[name] + chunk).slice(0, 65_536));
    child.stdout?.setEncoding('utf8').on('data', keep('stdout'));
    child.stderr?.setEncoding('utf8').on('data', keep('stderr'));
    let errno: string | undefined;
    const timer = setTimeout(() => {
      errno = 'ETIMEDOUT';
      child.kill('SIGKILL');
      child.stdout?.destroy(); // a grandchild may hold them open
      child.stderr?.destroy();
    }, options.timeoutMs);
    child.once('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      resolve({ code: null, ...kept, errno: error.code ?? error.message });
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, ...kept, ...(errno ? { errno } : {}) });
    });
  });
}
