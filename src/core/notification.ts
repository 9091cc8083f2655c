/** What a run tells somebody who does not look at it, and who is told. No word of a task file is in it. */
import { UsageError } from './errors.ts';
import { headline } from './printable.ts';

export interface Notification {
  /** `stopped`: nothing else is started, and what is on goes on; `finished` comes after it. `question`: an agent waits for a person. */
  readonly event: 'paused' | 'stopped' | 'finished' | 'question';
  /** One printable line. */
  readonly text: string;
  /** Absolute. */
  readonly directory: string;
  readonly run: string;
  /** ISO 8601. */
  readonly at: string;
  /** Of this run; `left` are the tasks that it has not come to an end with. */
  readonly counts: { readonly completed: number; readonly failed: number; readonly left: number };
  /** Of what is finished. */
  readonly exitCode?: number;
  /** How many questions of agents wait for an answer. */
  readonly waiting?: number;
  /** When a pause ends, or its limit is tried; ISO 8601. */
  readonly until?: string;
}

/** Who is told, where not everybody is. */
export type Audience = 'bell' | 'others';

export type NotifyTarget =
  | { readonly kind: 'bell' }
  | { readonly kind: 'command'; readonly command: string }
  | {
      readonly kind: 'webhook';
      /** Without the credentials that may have stood in it. */
      readonly url: string;
      readonly authorization?: string;
    };

/** `bell`, an address, or a command for the shell. Throws UsageError, which does not repeat an address: it may be a secret. */
export function notifyTarget(where: string, value: string): NotifyTarget {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(value)?.[1]?.toLowerCase();
  const allowed = 'allowed is an http(s) address, a command, or bell';
  if (value.trim() === '' || value.includes('\0'))
    throw new UsageError(`${where}: got ${JSON.stringify(value)}; ${allowed}`, `for example ${where} bell`);
  if (scheme === undefined) return value === 'bell' ? { kind: 'bell' } : { kind: 'command', command: value };
  const url = ['http', 'https'].includes(scheme) && URL.canParse(value) ? new URL(value) : undefined;
  if (!url)
    throw new UsageError(`${where}: this is no address of a web server; ${allowed}`, 'look at how it begins');
  const { username, password } = url;
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  url.username = url.password = '';
  return {
    kind: 'webhook',
    url: url.href,
    ...(credentials !== ':' && {
      authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
    }),
  };
}

/** For a message: of an address only where it is, because the path of a webhook is its password. */
export function targetLabel(target: NotifyTarget): string {
  if (target.kind === 'webhook') return `${new URL(target.url).origin}/…`;
  return target.kind === 'bell' ? 'bell' : headline(target.command, 60);
}

/** For agents and checks: the address of a webhook is its password, and none of their business. */
export function withoutTargets(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { CODEX_WORKER_NOTIFY: _, ...others } = env;
  return others;
}
