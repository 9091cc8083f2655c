/**
 * The Codex CLI as we use it: where it is, what it is started with, what it says (`codex exec --json`, one event a
 * line), and what its end means. The flags work from version 0.47 to 0.169.
 */
import { createRequire } from 'node:module';
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import which from 'which';
import { EnvironmentError } from '../core/errors.ts';
import type { AgentActivity } from '../core/event.ts';
import { classify, classifyStart, limitedUntil } from '../core/codex-words.ts';
import type { FailureClass } from '../core/failure-class.ts';
import type { EnvironmentProblem, Failure, Limit } from '../core/failure.ts';
import { NO_USAGE, type Usage } from '../core/outcome.ts';
import { headline, printable } from '../core/printable.ts';
import { tokensIn, usageSince } from '../core/spending.ts';
import { unreachable } from '../core/unreachable.ts';

/** How Codex is started. Plain data: it crosses threads. */
export interface CodexCommand {
  /** The program to execute: the native binary where it could be found. */
  readonly command: string;
  /** What the user named or PATH led to. */
  readonly launcher: string;
  /** A directory for the child's PATH, with the tools that Codex's npm package brings along. */
  readonly pathPrefix?: string;
  /** Whether this is the Codex CLI as far as its name and package tell, and not a command of the user's own. */
  readonly isCodex: boolean;
}

/** Finds Codex: `CODEX_CMD` (a path, or a name on PATH), else `codex` on PATH. Throws EnvironmentError when there is none. */
export async function findCodex(env: NodeJS.ProcessEnv, cwd: string): Promise<CodexCommand> {
  const named = env['CODEX_CMD'] || 'codex';
  const found = await which(named.includes('/') ? resolve(cwd, named) : named, {
    nothrow: true,
    ...(env['PATH'] ? { path: env['PATH'] } : {}),
  });
  if (!found) throw notFound(env['CODEX_CMD'] ? named : undefined, cwd);
  const launcher = resolve(cwd, found); // an entry of PATH may be relative, and the child starts elsewhere
  const real = realpathSync(launcher);
  const native = /[\\/]@openai[\\/]codex[\\/]bin[\\/]codex\.js$/.test(real) ? nativeBinary(real) : undefined;
  return native
    ? {
        command: native.binary,
        launcher,
        isCodex: true,
        ...(native.tools ? { pathPrefix: native.tools } : {}),
      }
    : {
        command: launcher,
        launcher,
        isCodex: /^codex(\.exe)?$/.test(launcher.slice(launcher.lastIndexOf('/') + 1)),
      };
}

function notFound(named: string | undefined, cwd: string): EnvironmentError {
  if (named === undefined) {
    return new EnvironmentError(
      'Codex was not found: there is no codex on PATH',
      'install it with "npm install -g @openai/codex", or set CODEX_CMD to its path',
    );
  }
  const why = existsSync(resolve(cwd, named)) ? 'that is not an executable file' : 'there is no such program';
  const hint = named.includes(' ')
    ? 'CODEX_CMD is one program without arguments; for more, write a script that calls it'
    : 'correct CODEX_CMD, or unset it to use the codex on PATH';
  return new EnvironmentError(`Codex was not found: CODEX_CMD is ${printable(named)}, and ${why}`, hint);
}

const TRIPLES: Readonly<Record<string, string>> = {
  'linux-x64': 'x86_64-unknown-linux-musl',
  'linux-arm64': 'aarch64-unknown-linux-musl',
  'darwin-x64': 'x86_64-apple-darwin',
  'darwin-arm64': 'aarch64-apple-darwin',
};

/**
 * The binary behind npm's launcher. The launcher is a Node process that costs 0.15 s and 43 MB a task and, when it is
 * killed, leaves the binary running. `undefined` (an unknown layout) means: use the launcher.
 */
function nativeBinary(launcher: string): { binary: string; tools?: string } | undefined {
  const platform = `${process.platform}-${process.arch}`;
  const triple = TRIPLES[platform];
  if (!triple) return undefined;
  const roots = [dirname(dirname(launcher))];
  try {
    roots.unshift(dirname(createRequire(launcher).resolve(`@openai/codex-${platform}/package.json`)));
  } catch {
    // before 0.121 the binaries were inside @openai/codex itself, and there is no platform package to resolve
  }
  for (const root of roots) {
    const vendor = join(root, 'vendor', triple);
    const binary = [join(vendor, 'bin', 'codex'), join(vendor, 'codex', 'codex')].find((path) =>
      existsSync(path),
    );
    const tools = [join(vendor, 'codex-path'), join(vendor, 'path')].find((path) => existsSync(path));
    if (binary) return { binary, ...(tools ? { tools } : {}) };
  }
  return undefined;
}

export interface CodexSettings {
  readonly mode: 'read-only' | 'workspace-write' | 'danger-full-access';
  readonly model: string;
  readonly workingDirectory: string;
  readonly codexConfig: readonly string[];
}

/**
 * The arguments of one attempt, in a thread of its own or in one that is continued. The sandbox and the directory are always
 * said, and before `resume`: Codex's defaults depend on its configuration, and a thread does not keep them.
 */
export function codexArguments(
  { mode, model, workingDirectory, codexConfig }: CodexSettings,
  thread?: string,
): string[] {
  const ours = ['-c', 'features.unbounded_connection_retries=false']; // else Codex waits for ever when the network is down
  return [
    'exec',
    '--json',
    '--skip-git-repo-check',
    '-s',
    mode,
    '-C',
    workingDirectory,
    ...(model === 'inherit' ? [] : ['-m', model]),
    ...ours,
    ...codexConfig.flatMap((setting) => ['-c', setting]),
    ...(thread === undefined ? [] : ['resume', thread]),
    '-',
  ];
}

/** What the agent did, in our words. Texts are raw: whoever shows them makes them printable. */
export type AgentEvent =
  | { readonly kind: 'command-started'; readonly command: string }
  | {
      readonly kind: 'command-ended';
      readonly command: string;
      readonly exitCode: number | undefined;
      readonly status: string;
      readonly output: string;
    }
  | {
      readonly kind: 'file-change';
      readonly changes: readonly { path: string; change: string }[];
      readonly failed: boolean;
    }
  | { readonly kind: 'message'; readonly text: string }
  | { readonly kind: 'reasoning'; readonly text: string }
  | { readonly kind: 'error'; readonly message: string }
  /** An item of a type that we do not render in its own way. */
  | { readonly kind: 'other'; readonly type: string; readonly text: string }
  /** A line that is no Codex event: a command of the user's own speaks. */
  | { readonly kind: 'output'; readonly text: string };

/** The same for the live view: one printable line. */
export function activityOf(event: AgentEvent): AgentActivity {
  switch (event.kind) {
    case 'command-started':
    case 'command-ended':
      return { kind: 'command', text: headline(event.command, 120) };
    case 'file-change':
      return { kind: 'file-change', text: headline(event.changes.map(({ path }) => path).join(', '), 120) };
    case 'message':
    case 'reasoning':
      return { kind: event.kind, text: headline(event.text, 120) };
    case 'error':
      return { kind: 'error', text: headline(event.message, 120) };
    case 'other':
      return { kind: 'other', text: headline(`${event.type} ${event.text}`, 120) };
    case 'output':
      return { kind: 'other', text: headline(event.text, 120) };
    default:
      return unreachable(event);
  }
}

type Fields = Record<string, unknown>;
const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value);
const countOf = (value: unknown): number =>
  typeof value === 'number' && Number.isFinite(value) && value > 0 ? Math.floor(value) : 0;
const MAX_WARNINGS = 20;
const MAX_OPEN = 100;
const TAIL = 8_192;

interface OpenItem {
  readonly kind: 'command' | 'tool';
  /** Raw. */
  readonly text: string;
}

/** Reads what one Codex process says and remembers what decides about it; memory is bounded whatever it says. */
export class CodexListener {
  /** Whether it spoke Codex's JSON at all. If not, its exit code alone decides. */
  spokeJson = false;
  /** Whether a turn began. From then on a model may have its words in whatever Codex prints. */
  turnBegan = false;
  turnCompleted = false;
  /** Whether it reported a change of a file that was made. */
  hasChangedFiles = false;
  /** The last words of a turn that failed, from `turn.failed`. */
  turnFailed: string | undefined;
  threadId: string | undefined;
  usage: Usage | undefined;
  /** The last message of the agent. */
  answer = '';
  readonly warnings: string[] = [];
  /** The first output of a command that is what Codex's sandbox prints where it cannot work; the command may have printed it. */
  sandboxComplaint: string | undefined;
  /** Whether the last that it said was that it tries to reach the server again. */
  isReconnecting = false;
  #lastError = '';
  /** Commands and tool calls that began and did not end, by the id of their item. */
  readonly #open = new Map<string, OpenItem>();
  #hasItems = false;
  #stderrTail = '';
  #stderrLine = '';
  #outputTail = '';

  /** One line of stdout; the events in it, usually one. */
  line(text: string): AgentEvent[] {
    if (text.trim() === '') return [];
    const event = parseEvent(text);
    if (!event) {
      this.#outputTail = (this.#outputTail + text + '\n').slice(-TAIL);
      return [{ kind: 'output', text }];
    }
    this.spokeJson = true;
    this.isReconnecting = event['type'] === 'error' && /^Reconnecting\b/.test(textOf(event['message']));
    switch (event['type']) {
      case 'thread.started':
        this.threadId = textOf(event['thread_id']);
        return [];
      case 'turn.started':
        this.turnBegan = true;
        return [];
      case 'turn.completed':
        this.turnCompleted = true;
        if (event['usage'] !== undefined) this.usage = usageOf(fieldsOf(event['usage']));
        return [];
      case 'turn.failed':
        this.turnFailed = textOf(fieldsOf(event['error'])['message']);
        return [{ kind: 'error', message: this.turnFailed }];
      case 'error':
        this.#lastError = textOf(event['message']);
        return [{ kind: 'error', message: this.#lastError }];
      case 'item.started':
        return this.#started(fieldsOf(event['item']));
      case 'item.updated':
        return [];
      case 'item.completed':
        return this.#completed(fieldsOf(event['item']));
      default:
        return [{ kind: 'other', type: textOf(event['type']), text: '' }];
    }
  }

  /** A chunk of stderr. Codex reports there, and only there, what it refused by itself. */
  stderr(text: string): void {
    this.#stderrTail = (this.#stderrTail + text).slice(-TAIL);
    const lines = (this.#stderrLine + text).split('\n');
    this.#stderrLine = (lines.pop() ?? '').slice(0, TAIL); // a chunk ends anywhere, a warning does not
    for (const line of lines) {
      const refused = /tools::router: error=(.*)$/.exec(line)?.[1];
      if (refused) this.warn(refused);
    }
  }

  /** What Codex said last when something went wrong: for the failure line. */
  get complaint(): string {
    if (this.turnFailed) return this.turnFailed;
    const lines = this.#stderrTail
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
    const said = lines.findLast((line) => /^error\b/i.test(line));
    return (
      (said?.replace(/^error:\s*/i, '') ?? this.#lastError) ||
      (lines.at(-1) ?? this.#outputTail.trim().split('\n').at(-1) ?? '')
    );
  }

  /**
   * A turn that was completed without anything in it. Codex reports no error then, and the task is not done. What it says was
   * spent is of the whole thread: `before` is what that had spent when it was continued.
   */
  didNothing(before: Usage): boolean {
    const isFree = this.usage !== undefined && tokensIn(usageSince(this.usage, before)) === 0;
    return this.turnCompleted && isFree && !this.#hasItems;
  }

  /** What it is in the middle of, as far as it said: the command or tool call that began last and did not end. */
  get openItem(): OpenItem | undefined {
    return [...this.#open.values()].at(-1);
  }

  get stderrTail(): string {
    return this.#stderrTail;
  }

  /** Something that the log and the summary are to say of this attempt; once. */
  warn(text: string): void {
    const warning = headline(text);
    if (this.warnings.length < MAX_WARNINGS && !this.warnings.includes(warning)) this.warnings.push(warning);
  }

  #started(item: Fields): AgentEvent[] {
    const isFull = this.#open.size >= MAX_OPEN;
    if (item['type'] === 'mcp_tool_call' && !isFull)
      this.#open.set(textOf(item['id']), {
        kind: 'tool',
        text: `${textOf(item['server'])}.${textOf(item['tool'])}`,
      });
    if (item['type'] !== 'command_execution') return [];
    const command = textOf(item['command']);
    if (!isFull) this.#open.set(textOf(item['id']), { kind: 'command', text: command });
    return [{ kind: 'command-started', command }];
  }

  #completed(item: Fields): AgentEvent[] {
    this.#open.delete(textOf(item['id']));
    this.#hasItems ||= item['type'] !== 'error';
    switch (item['type']) {
      case 'agent_message':
        this.answer = textOf(item['text']);
        return [{ kind: 'message', text: this.answer }];
      case 'reasoning':
        return [{ kind: 'reasoning', text: textOf(item['text']) }];
      case 'command_execution': {
        const [command, output, status] = [
          textOf(item['command']),
          textOf(item['aggregated_output']),
          textOf(item['status']),
        ];
        const exitCode = typeof item['exit_code'] === 'number' ? item['exit_code'] : undefined;
        if (status === 'declined') this.warn(`declined: ${command}`);
        if (isSandboxComplaint(output)) this.sandboxComplaint ??= output;
        else if (exitCode !== 0 && output.includes('Read-only file system'))
          this.warn(`the sandbox refused a write: ${command}`);
        return [{ kind: 'command-ended', command, exitCode, status, output }];
      }
      case 'file_change': {
        const changes = (Array.isArray(item['changes']) ? item['changes'] : []).map(fieldsOf);
        const failed = item['status'] === 'failed' || item['status'] === 'declined';
        const named = changes.map((change) => ({
          path: textOf(change['path']),
          change: textOf(change['kind']) || 'update',
        }));
        this.hasChangedFiles ||= !failed && named.length > 0;
        if (failed) this.warn(`a change was not applied: ${named.map(({ path }) => path).join(', ')}`);
        return [{ kind: 'file-change', changes: named, failed }];
      }
      case 'error':
        return [{ kind: 'error', message: textOf(item['message']) }];
      default:
        return [
          {
            kind: 'other',
            type: textOf(item['type']),
            text: headline(textOf(item['text'] ?? item['query'] ?? item['tool'] ?? ''), 200),
          },
        ];
    }
  }
}

/** Whether a text begins as Codex's sandbox does where the machine does not let it work. */
export const isSandboxComplaint = (text: string): boolean =>
  /^\s*(?:bwrap: |error running landlock|thread '[^']*'.* panicked at linux-sandbox\b)/i.test(text);

function parseEvent(text: string): Fields | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const value = fieldsOf(JSON.parse(text));
    return typeof value['type'] === 'string' ? value : undefined;
  } catch {
    return undefined; // a line that only looks like JSON is output
  }
}

function usageOf(usage: Fields): Usage {
  return {
    input: countOf(usage['input_tokens']),
    cached: countOf(usage['cached_input_tokens']),
    output: countOf(usage['output_tokens']),
  };
}

export type Judgement =
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'failed'; readonly failure: Failure }
  | { readonly kind: 'limited'; readonly limit: Limit }
  | { readonly kind: 'environment'; readonly problem: EnvironmentProblem };

/** What the end of a child that we did not end ourselves means; `model` and `codex` are for the sentence about it. */
export function judgeExit(
  exit:
    | { readonly kind: 'exited'; readonly code: number }
    | { readonly kind: 'signalled'; readonly signal: string },
  heard: CodexListener,
  {
    model,
    codex,
    now,
    spentBefore = NO_USAGE,
  }: {
    readonly model: string;
    readonly codex: CodexCommand;
    readonly now: Date;
    /** In the thread, where it is continued. */
    readonly spentBefore?: Usage | undefined;
  },
): Judgement {
  if (exit.kind === 'signalled') return failed({ kind: 'signalled', signal: exit.signal });
  const { code } = exit;
  if (code === 0 && heard.didNothing(spentBefore))
    return { kind: 'limited', limit: { class: 'limited', message: DID_NOTHING } };
  if (code === 0 && (heard.turnCompleted || !heard.spokeJson)) return { kind: 'succeeded' };
  if (code === 0 && heard.turnFailed === undefined) return failed({ kind: 'no-terminal-event' });
  const message = headline(heard.complaint, 400);
  const hasSpoken = heard.spokeJson || codex.isCodex; // else it is a command of the user's own: its prose means nothing
  if (!heard.spokeJson && heard.stderrTail.startsWith(GATE_NAME))
    return stopped({
      kind: 'codex-not-started',
      command: codex.command,
      errno: message.replace(/^.*?: (?:\d+: )?(?:exec: )?/, ''),
    });
  const isUsage = /^error: /m.test(heard.stderrTail) && /Usage: codex/.test(heard.stderrTail);
  if (!heard.spokeJson && hasSpoken && code === 2 && isUsage)
    return stopped({ kind: 'bad-invocation', message });
  if (heard.turnFailed !== undefined)
    return judgeClass(classify(message), message, { model, now }, (kind) => ({
      kind: 'turn-failed',
      message,
      class: kind,
    }));
  const ofStart = hasSpoken && !heard.turnBegan ? classifyStart(message) : 'unknown';
  return judgeClass(ofStart, message, { model, now }, (kind) => ({
    kind: 'exited-nonzero',
    code,
    message,
    class: kind,
  }));
}

const DID_NOTHING = 'Codex completed a turn without a word and without a token, as it does at a limit';

const failed = (failure: Failure): Judgement => ({ kind: 'failed', failure });
const stopped = (problem: EnvironmentProblem): Judgement => ({ kind: 'environment', problem });

/** What is wrong with the machine or the account rather than with the task stops the run; a limit pauses it. */
function judgeClass(
  of: FailureClass,
  message: string,
  { model, now }: { readonly model: string; readonly now: Date },
  asFailure: (of: FailureClass) => Failure,
): Judgement {
  switch (of) {
    case 'limited':
    case 'rate-limited': {
      const until = limitedUntil(message, now);
      return {
        kind: 'limited',
        limit: { class: of, message, ...(until === undefined ? {} : { until }) },
      };
    }
    case 'auth':
      return stopped({ kind: 'not-logged-in', message });
    case 'quota':
    case 'sandbox-unusable':
      return stopped({ kind: of, message });
    case 'model-refused':
      return stopped({ kind: of, model, message });
    case 'transient':
    case 'network':
    case 'context-exceeded':
    case 'invalid-input':
    case 'thread-lost':
    case 'permanent':
    case 'unknown':
      return failed(asFailure(of));
    default:
      return unreachable(of);
  }
}

/** `$0` of the gate's shell: its own complaints begin with it, and nothing that Codex says does. */
export const GATE_NAME = 'codex-worker-gate';
