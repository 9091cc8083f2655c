/**
 * The scripted model's mind: from what a request says has happened so far to the next thing to do.
 *
 * It remembers nothing. Codex sends the whole conversation every time, so the number of tool outputs since the
 * prompt says how far the script has got; a request that Codex repeats after an error gets the same answer, and
 * a conversation that was cut by a signal and resumed goes on where it was. (Cut amid calls that were made together,
 * it takes those with an output for the first of them.)
 */
import { unreachable } from '../../src/core/unreachable.ts';
import type { BrokenAnswer, Directive, SingleCall, Used } from './directives.ts';

/** What one request of Codex says. `outputs` are those of the tools called since the prompt. */
export interface Conversation {
  readonly id: string;
  readonly model: string;
  /** The task, as the user message that carries it says, without white space around it. */
  readonly prompt: string;
  readonly outputs: readonly string[];
  /** What else the user says: around the directives of the prompt, and in messages after it, such as "go on". */
  readonly told: readonly string[];
  readonly tools: readonly string[];
}

/** A call of one of Codex's own tools, as an output item of the Responses API. */
type ToolCall =
  | { readonly type: 'function_call'; readonly name: string; readonly arguments: string }
  | { readonly type: 'custom_tool_call'; readonly name: string; readonly input: string };

export type Pause = Extract<Directive, { kind: 'sleep' | 'hold' }>;

/** What to do about one request: wait, then either fail, or say something and perhaps call tools. */
export interface Step {
  readonly pauses: readonly Pause[];
  readonly messages: readonly string[];
  /** What the script has said of the account's limit up to here. */
  readonly used: readonly Used[];
  /** `calls` has one call, or several at once. */
  readonly act:
    | { readonly kind: 'call'; readonly calls: readonly ToolCall[] }
    | { readonly kind: 'finish' }
    | BrokenAnswer;
}

/** `mayFail(times)` says whether this request is one of the first `times` with its prompt. */
export function nextStep(
  script: readonly Directive[],
  { outputs, told, tools }: Pick<Conversation, 'outputs' | 'told' | 'tools'>,
  mayFail: (times: number) => boolean,
): Step {
  const left = [...outputs];
  const heard = [...told];
  let pauses: Pause[] = [];
  let messages: string[] = [];
  const used: Used[] = [];
  /** The tool was called in an earlier request: what came before it is said and done. */
  const past = (output: string) => {
    [pauses, messages] = [[], []];
    return output;
  };
  const now = (act: Step['act']): Step => ({
    pauses,
    messages: act.kind === 'finish' && messages.length === 0 ? ['Done.'] : messages,
    used,
    act,
  });
  const call = (...calls: ToolCall[]) => now({ kind: 'call', calls });

  for (const directive of script) {
    switch (directive.kind) {
      case 'say':
        messages.push(directive.text);
        break;
      case 'sleep':
      case 'hold':
        pauses.push(directive);
        break;
      case 'told': {
        const at = heard.findIndex((message) => message.includes(directive.text));
        if (at < 0) return now({ kind: 'finish' });
        heard.splice(0, at + 1); // the next one waits for another message
        [pauses, messages] = [[], []];
        break;
      }
      case 'fail-times':
        if (mayFail(directive.times)) return now(directive.failure);
        break;
      case 'http':
      case 'fails-inside':
      case 'incomplete':
      case 'nothing':
      case 'cut':
      case 'stall':
      case 'hang':
        return now(directive);
      case 'used':
        used.push(directive);
        break;
      case 'write':
      case 'patch':
      case 'run':
      case 'escalate':
      case 'call':
      case 'together': {
        const calls = directive.kind === 'together' ? directive.calls : [directive];
        const answers = left.splice(0, calls.length);
        if (answers.length < calls.length)
          return call(...calls.slice(answers.length).map((one) => toolCall(one, tools)));
        for (const [n, one] of calls.entries()) {
          if (one.kind === 'call') continue; // what it leaves running is meant to be
          // Codex hands back a command that takes longer than its patience as a session, to be asked again.
          for (let session = sessionIn(answers[n]); session !== undefined; session = sessionIn(answers[n])) {
            const output = left.shift();
            if (output === undefined) return call(poll(session));
            answers[n] = output;
          }
        }
        pauses = [];
        messages = calls.flatMap((one, n) => (isEdit(one) ? refusals(answers[n] ?? '') : []));
        break;
      }
      case 'replace': {
        const content = left.shift();
        if (content === undefined) return call(shell(showing(directive.path), tools));
        const patch = replacement(directive, past(content));
        if (patch === undefined) {
          messages.push(`I could not find ${JSON.stringify(directive.before)} in ${directive.path}.`);
          break;
        }
        const output = left.shift();
        if (output === undefined) return call(applyPatch(patch, tools));
        messages = refusals(past(output));
        break;
      }
      default:
        return unreachable(directive);
    }
  }
  return now({ kind: 'finish' });
}

function toolCall(call: SingleCall, tools: readonly string[]): ToolCall {
  switch (call.kind) {
    case 'write':
      return applyPatch(addition(call), tools);
    case 'patch':
      return applyPatch(call.writes.map(addition).join(''), tools);
    case 'run':
      return shell(call.command, tools);
    case 'escalate':
      return shell(call.command, tools, {
        sandbox_permissions: 'require_escalated',
        justification: call.reason,
      });
    case 'call':
      return { type: 'function_call', name: call.tool, arguments: JSON.stringify(call.input) };
    default:
      return unreachable(call);
  }
}

const refusals = (output: string) =>
  output.includes('Success.') ? [] : [`The edit was refused: ${output.trim().split('\n').at(-1) ?? ''}`];

const isEdit = ({ kind }: SingleCall) => kind === 'write' || kind === 'patch';

const sessionIn = (output = '') => /^Process running with session ID (\d+)$/m.exec(output)?.[1];

const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

/** No login shell: what a user's profile prints is not what the command said. */
function shell(command: string, tools: readonly string[], more: object = {}): ToolCall {
  const call = (name: string, input: object): ToolCall => ({
    type: 'function_call',
    name,
    arguments: JSON.stringify({ ...input, ...more }),
  });
  if (tools.includes('exec_command'))
    return call('exec_command', { cmd: command, login: false, yield_time_ms: 30_000 });
  if (tools.includes('shell_command')) return call('shell_command', { command, login: false });
  return call('shell', { command: ['bash', '-c', command] });
}

const poll = (session: string): ToolCall => ({
  type: 'function_call',
  name: 'write_stdin',
  arguments: JSON.stringify({ session_id: Number(session), chars: '', yield_time_ms: 300_000 }),
});

/**
 * Codex offers `apply_patch` as a tool to the models it knows. For the others it recognises the same patch as a
 * shell command and applies it itself, with the same file change in its events.
 */
function applyPatch(hunks: string, tools: readonly string[]): ToolCall {
  const patch = `*** Begin Patch\n${hunks}*** End Patch\n`;
  if (tools.includes('apply_patch')) return { type: 'custom_tool_call', name: 'apply_patch', input: patch };
  return shell(`apply_patch <<'EOF'\n${patch}EOF`, tools);
}

const linesOf = (text: string) => text.replace(/\n$/, '').split('\n');

const prefixed = (prefix: string, lines: readonly string[]) =>
  lines.map((line) => `${prefix}${line}\n`).join('');

const addition = ({ path, content }: Extract<Directive, { kind: 'write' }>) =>
  `*** Add File: ${path}\n${prefixed('+', linesOf(content))}`;

/** What a profile of the machine prints into every command (pyenv does) stands outside these lines. */
const BEGIN = '--- begin ---';
const END = '--- end ---';
const showing = (path: string) => `echo '${BEGIN}'; cat ${quote(path)}; echo '${END}'`;

/** A patch of the lines that hold the text, with up to three lines around them to find the place. */
function replacement(
  { path, before, after }: Extract<Directive, { kind: 'replace' }>,
  output: string,
): string | undefined {
  const begin = output.indexOf(`${BEGIN}\n`);
  const content = output.slice(begin + BEGIN.length + 1, output.lastIndexOf(END));
  const at = content.indexOf(before);
  if (begin < 0 || at < 0) return undefined;
  const start = at === 0 ? 0 : content.lastIndexOf('\n', at - 1) + 1;
  const newline = content.indexOf('\n', at + before.length);
  const end = newline < 0 ? content.length : newline + 1;
  const changed = content.slice(start, end).replace(before, () => after);
  const part = (prefix: string, text: string, from?: number, to?: number) =>
    text === '' ? '' : prefixed(prefix, linesOf(text).slice(from, to));
  return (
    `*** Update File: ${path}\n@@\n` +
    part(' ', content.slice(0, start), -3) +
    part('-', content.slice(start, end)) +
    part('+', changed) +
    part(' ', content.slice(end), 0, 3)
  );
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

const wordOf = (value: unknown): string => (typeof value === 'string' ? value : '');

const textOf = (content: unknown): string =>
  typeof content === 'string'
    ? content
    : listOf(content)
        .map((part) => (isRecord(part) && typeof part.text === 'string' ? part.text : ''))
        .join('');

/** User messages that Codex adds itself: surroundings, instructions found in the repository, notes on interruptions. */
const CONTEXT =
  /^\s*(?:<(?:environment_context|user_instructions|turn_aborted|permissions instructions|skills?_)|# AGENTS\.md)/;

/** How an interrupted thread is told its task again: the model goes on with it, and does not begin anew. */
const ONCE_MORE = /^Your last turn in this thread was interrupted[^]*?once more:\n\n/;

/**
 * Reads the body of a request; `undefined` when it is not one. `isTask` tells a prompt with a script from a message
 * like "go on", with which a resumed conversation ends: the last such prompt is what the model works on.
 */
export function readConversation(
  body: unknown,
  isTask: (prompt: string) => boolean,
): Conversation | undefined {
  if (!isRecord(body) || !Array.isArray(body.input)) return undefined;
  const items = listOf(body.input).filter(isRecord);
  const prompts = items
    .map((item, index) => ({ item, index }))
    .filter(({ item }) => item.type === 'message' && item.role === 'user')
    .map(({ item, index }) => ({ index, text: textOf(item.content).replace(ONCE_MORE, '') }))
    .filter(({ text }) => !CONTEXT.test(text));
  const last = prompts.findLast(({ text }) => isTask(text.trim())) ?? prompts.at(-1);
  const prompt = prompts.find(({ text }) => text.trim() === last?.text.trim());
  return {
    id: wordOf(body.prompt_cache_key),
    model: wordOf(body.model),
    prompt: prompt?.text.trim() ?? '',
    outputs: items
      .slice((prompt?.index ?? 0) + 1)
      .filter((item) => item.type === 'function_call_output' || item.type === 'custom_tool_call_output')
      .map((item) => textOf(item.output))
      // The call that was open when a signal came: it is made again.
      .filter((output) => !/^(?:Wall time: .*\n)?aborted/.test(output)),
    told: prompts
      .filter(({ index }) => index >= (prompt?.index ?? 0))
      .map(({ text }) => text.replaceAll(/^[ \t]*\[\[.+\]\][ \t]*\r?$/gm, '')),
    tools: listOf(body.tools)
      .filter(isRecord)
      .map((tool) => wordOf(tool.name) || wordOf(tool.type)),
  };
}
