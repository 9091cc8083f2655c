/** What Codex says: `codex exec --json`, one event a line, and its standard error. */
import type { Usage } from '../core/outcome.ts';
import { headline, printableText } from '../core/printable.ts';
import type { Asked } from '../core/question.ts';
import type { RateLimits } from '../core/rate-limits.ts';
import { tokensIn, usageSince } from '../core/spending.ts';
import type { AgentEvent } from './agent-event.ts';

type Fields = Record<string, unknown>;
const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value);
const countOf = (value: unknown): number =>
  typeof value === 'number' && Number.isFinite(value) && value > 0 ? Math.floor(value) : 0;
/** What Codex says on stderr and goes on after, however it ends. */
const NO_REASON = /^(?:warning:|Reading (?:prompt|additional input) from stdin)/i;
/** What Codex says of an answer that we have given it; `rejected by user approval settings` is its own decision. */
const BY_A_PERSON = /rejected by user(?! approval)/;
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
  /** What app-server calls the last error, in its own type; exec has none. */
  errorInfo: unknown;
  /** Of the account, as app-server says them. */
  limits: RateLimits | undefined;
  /** Why app-server would not begin the turn. */
  startFailed: string | undefined;
  threadId: string | undefined;
  usage: Usage | undefined;
  #isDenied = false;
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
    return event ? this.event(event) : this.output(text);
  }

  /** A line that is no event. */
  output(text: string): AgentEvent[] {
    this.#outputTail = (this.#outputTail + text + '\n').slice(-TAIL);
    return [{ kind: 'output', text }];
  }

  /** So much so far, in the whole thread: app-server says it after each answer of the model. */
  spent(usage: Readonly<Fields>): void {
    this.usage = usageOf(usage);
  }

  /** One event in the words of `codex exec --json`; app-server's are put into them (`app-server-words.ts`). */
  event(event: Readonly<Fields>): AgentEvent[] {
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
      const refused = /tools::router: error=(.*)$/.exec(printableText(line))?.[1]; // app-server colours it
      if (refused && !(this.#isDenied && BY_A_PERSON.test(refused))) this.warn(refused);
    }
  }

  /** What was asked was denied. In the words for what Codex may say of it as well: one thing is one warning. */
  denied(asked: Asked): void {
    this.#isDenied = true;
    if (asked.kind === 'command') this.warn(declined(asked.command));
    else this.warn(unapplied(asked.changes));
  }

  /** What Codex said last when something went wrong: for the failure line. */
  get complaint(): string {
    if (this.turnFailed) return this.turnFailed;
    if (this.startFailed !== undefined) return this.startFailed;
    const lines = this.#stderrTail
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !NO_REASON.test(line));
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
        if (status === 'declined') this.warn(declined(command));
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
        if (failed) this.warn(unapplied(named));
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

const declined = (command: string) => `declined: ${command}`;
const unapplied = (changes: readonly { readonly path: string }[]) =>
  `a change was not applied: ${changes.map(({ path }) => path).join(', ')}`;

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
