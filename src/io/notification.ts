/**
 * One notification on its way to one target. Whatever the target does, this resolves within its time, nothing is thrown,
 * and nothing that was started for it is left: a command runs behind the same gate as an agent, with a cookie of its own,
 * so that its whole tree is found, and ends with us if we die.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { newClaimId } from '../core/claim.ts';
import { formatDuration } from '../core/duration.ts';
import { errnoOf } from '../core/errors.ts';
import type { Notification, NotifyTarget } from '../core/notification.ts';
import { headline } from '../core/printable.ts';
import { SecretFilter, secretsIn } from '../core/secrets.ts';
import { spawnBehindGate, type GatedChild } from './child.ts';
import { closeQuietly, READ, realFiles } from './files.ts';
import type { ProcessTable } from './process-identity.ts';
import { signalGroup } from './sweep.ts';

export interface SendingLimits {
  /** Of one try to reach a server. */
  readonly answerMs: number;
  /** The waits between tries: one try more than waits. */
  readonly backoffMs: readonly number[];
  readonly commandMs: number;
}

const SENDING_LIMITS: SendingLimits = {
  answerMs: 10_000,
  backoffMs: [1_000, 3_000],
  commandMs: 30_000,
};

export interface SendingPorts {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly table: ProcessTable;
  /** Gives it up. */
  readonly signal: AbortSignal;
  readonly limits?: SendingLimits;
}

/** Why it did not arrive, in a few printable words; `undefined` when it did. */
export async function sendNotification(
  target: Exclude<NotifyTarget, { kind: 'bell' }>,
  notification: Notification,
  ports: SendingPorts,
): Promise<string | undefined> {
  try {
    return target.kind === 'webhook'
      ? await post(target, JSON.stringify(notification), ports)
      : await command(target.command, notification, ports);
  } catch (error) {
    return headline(errnoOf(error), 100);
  }
}

interface Trouble {
  readonly why: string;
  /** The next try may do better. */
  readonly mayPass: boolean;
}

async function post(
  target: Extract<NotifyTarget, { kind: 'webhook' }>,
  body: string,
  { signal, limits = SENDING_LIMITS }: SendingPorts,
): Promise<string | undefined> {
  for (const wait of [...limits.backoffMs, undefined]) {
    const trouble = await tryToPost(target, body, signal, limits.answerMs);
    if (!trouble) return undefined;
    if (!trouble.mayPass || wait === undefined || signal.aborted) return trouble.why;
    await sleep(wait, undefined, { signal }).catch(() => {}); // the next try sees that it is given up
  }
  return undefined;
}

async function tryToPost(
  { url, authorization }: Extract<NotifyTarget, { kind: 'webhook' }>,
  body: string,
  signal: AbortSignal,
  answerMs: number,
): Promise<Trouble | undefined> {
  const tooLate = AbortSignal.timeout(answerMs);
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(authorization !== undefined && { authorization }) },
      body,
      redirect: 'manual', // a redirected POST arrives as a GET, and who knows where
      signal: AbortSignal.any([signal, tooLate]),
    });
    await response.body?.cancel(); // which may have no end
    if (response.ok) return undefined;
    const { status } = response;
    const isRedirect = status >= 300 && status < 400;
    return {
      why: `the server answered ${status}${isRedirect ? ', that it has moved' : ''}`,
      mayPass: status >= 500 || status === 429,
    };
  } catch (error) {
    if (signal.aborted) return { why: 'it was given up', mayPass: false };
    if (tooLate.aborted) return { why: `no answer within ${formatDuration(answerMs)}`, mayPass: true };
    const { cause } = error as { cause?: unknown };
    return { why: headline(errnoOf(cause ?? error), 100), mayPass: true };
  }
}

/** The command reads it from its standard input; both its outputs are one, of which only the first line may matter. */
const WITH_NOTIFICATION = `printf '%s\\n' "$CODEX_WORKER_NOTIFICATION" | /bin/sh -c "$1" 2>&1`;
const MOST_OUTPUT = 1_048_576;

async function command(
  line: string,
  notification: Notification,
  { env, cwd, table, signal, limits = SENDING_LIMITS }: SendingPorts,
): Promise<string | undefined> {
  if (signal.aborted) return 'it was given up';
  const stdin = await realFiles.open('/dev/null', READ);
  let child: GatedChild;
  try {
    child = await spawnBehindGate(
      {
        command: '/bin/sh',
        args: ['-c', WITH_NOTIFICATION, 'codex-worker-notify', line],
        workingDirectory: cwd,
        env: { ...env, ...variablesOf(notification) },
        claim: newClaimId(), // of no task: nobody takes the command for an agent
        stdin,
      },
      table,
    );
  } finally {
    await closeQuietly(realFiles, stdin);
  }
  let why: string | undefined;
  const end = (reason: string) => {
    why ??= reason;
    signalGroup(child.identity.pgid, 'SIGKILL');
  };
  const output = listen(child, () => end('it printed without end'));
  const giveUp = () => end('it was given up');
  signal.addEventListener('abort', giveUp);
  const timer = setTimeout(
    () => end(`it did not end within ${formatDuration(limits.commandMs)}`),
    limits.commandMs,
  );
  child.go();
  const { exit } = await child.finish();
  clearTimeout(timer);
  signal.removeEventListener('abort', giveUp);
  if (why !== undefined) return why;
  if (exit.kind === 'exited' && exit.code === 0) return undefined;
  const how = exit.kind === 'exited' ? `exit code ${exit.code}` : `it was ended by ${exit.signal}`;
  return [how, firstLine(output.text, env)].filter((part) => part !== '').join(': ');
}

function listen(child: GatedChild, onTooMuch: () => void): { readonly text: string } {
  const heard = { text: '', bytes: 0 };
  child.stderr.resume();
  child.stdout
    .on('error', () => {})
    .on('data', (chunk: Buffer) => {
      heard.bytes += chunk.length;
      if (heard.text.length < 4_096) heard.text += chunk.toString('utf8');
      if (heard.bytes > MOST_OUTPUT) onTooMuch();
    });
  return heard;
}

function firstLine(text: string, env: NodeJS.ProcessEnv): string {
  const filter = new SecretFilter(secretsIn(env));
  const clean = Buffer.concat([filter.push(Buffer.from(text)), filter.end()]);
  return headline(clean.toString('utf8'), 200);
}

function variablesOf(notification: Notification): NodeJS.ProcessEnv {
  const { event, text, directory, counts, exitCode } = notification;
  return {
    CODEX_WORKER_NOTIFICATION: JSON.stringify(notification),
    CODEX_WORKER_EVENT: event,
    CODEX_WORKER_TEXT: text,
    CODEX_WORKER_DIRECTORY: directory,
    CODEX_WORKER_COMPLETED: String(counts.completed),
    CODEX_WORKER_FAILED: String(counts.failed),
    CODEX_WORKER_LEFT: String(counts.left),
    CODEX_WORKER_EXIT_CODE: exitCode === undefined ? '' : String(exitCode),
  };
}
