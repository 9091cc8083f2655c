/**
 * What the scripted model is told to do. A prompt carries it as lines of its own, carried out in order:
 *
 *     [[say Looking into it.]]                 a message, together with the next step
 *     [[write src/a.js: export const a = 1;]]  a new file, or new content for an old one; `\n` is a line end
 *     [[replace src/a.js "a = 1" "a = 2"]]     reads the file, then patches the lines that hold the text (JSON strings)
 *     [[run npm test]]                         a shell command, waited for however long it takes
 *     [[escalate npm i | May I?]]              a shell command that asks to run outside the sandbox, and why
 *     [[call NAME {"a": 1}]]                   any tool of Codex, with these arguments (JSON)
 *     [[patch]]                                the `write` lines from here to `[[end]]` are one patch of several files
 *     [[together]]                             what calls a tool (but for `replace`) from here to its `[[end]]` does so in one answer
 *     [[sleep 500]]                            ms of thought before the next answer
 *     [[hold NAME]]                            waits until the test calls `server.release('NAME')`
 *     [[status 500]]                           an HTTP error; a reason picks the body: see `model-server.ts`
 *     [[status 429 usage_limit 3600]]          … and seconds until the limit is lifted
 *     [[fail-times 2 500]]                     that error for the first 2 requests with this prompt, whoever sends them
 *     [[fail-times 2 cut]]                     … or that break
 *     [[used 42 3600]]                         42 % of the account's limit is used, for 3600 s more: what the headers
 *                                              of all answers say from here on, whoever gets them
 *     [[told tests fail]]                      ends the turn; what follows waits for a message of the user with these words
 *     [[fails-inside code What it says.]]      an answer that begins, and ends in `response.failed`
 *     [[incomplete max_output_tokens]]         … in `response.incomplete`
 *     [[nothing]]                              an answer without a word, and without a token on the bill
 *     [[cut]]                                  the connection breaks in the middle of the answer
 *     [[stall]]                                the answer begins, and never goes on
 *     [[hang]]                                 no answer, ever
 *
 * `status` and all from `fails-inside` on end the script: nothing after them is reached.
 */
export interface HttpFailure {
  readonly kind: 'http';
  readonly status: number;
  readonly reason?: string;
  /** Until the limit is lifted. */
  readonly seconds?: number;
}

/** An answer that is none. */
export type BrokenAnswer =
  | HttpFailure
  | { readonly kind: 'fails-inside'; readonly code: string; readonly message: string }
  | { readonly kind: 'incomplete'; readonly reason: string }
  | { readonly kind: 'nothing' | 'cut' | 'stall' | 'hang' };

interface Write {
  readonly kind: 'write';
  readonly path: string;
  readonly content: string;
}

/** What is done by one call of one tool. */
export type SingleCall =
  | Write
  | { readonly kind: 'patch'; readonly writes: readonly Write[] }
  | { readonly kind: 'run'; readonly command: string }
  | { readonly kind: 'escalate'; readonly command: string; readonly reason: string }
  | { readonly kind: 'call'; readonly tool: string; readonly input: object };

/** How much of the account's limit is used, and for how long it counts. */
export interface Used {
  readonly kind: 'used';
  readonly percent: number;
  readonly seconds: number;
}

export type Directive =
  | SingleCall
  | Used
  | { readonly kind: 'together'; readonly calls: readonly SingleCall[] }
  | { readonly kind: 'say'; readonly text: string }
  | { readonly kind: 'replace'; readonly path: string; readonly before: string; readonly after: string }
  | { readonly kind: 'sleep'; readonly ms: number }
  | { readonly kind: 'hold'; readonly gate: string }
  | { readonly kind: 'told'; readonly text: string }
  | { readonly kind: 'fail-times'; readonly times: number; readonly failure: BrokenAnswer }
  | BrokenAnswer;

/** The directives in a prompt, in order; lines that are none are what a person would read. Throws on a misspelt one. */
export function parseDirectives(prompt: string): Directive[] {
  const lines = [...prompt.matchAll(/^[ \t]*\[\[(.+)\]\][ \t]*\r?$/gm)].map(
    (match) => match[1]?.trim() ?? '',
  );
  const directives: Directive[] = [];
  for (let line = lines.shift(); line !== undefined; line = lines.shift())
    directives.push(parseLine(line, lines));
  return directives;
}

/** `after` are the lines that follow: a block takes its own away from them. */
function parseLine(line: string, after: string[]): Directive {
  if (line === 'together') return { kind: 'together', calls: parseBlock(line, after, isSingleCall) };
  if (line === 'patch') return { kind: 'patch', writes: parseBlock(line, after, isWrite) };
  return parseDirective(line);
}

function parseBlock<Part extends Directive>(
  name: string,
  lines: string[],
  belongs: (directive: Directive) => directive is Part,
): Part[] {
  const parts: Part[] = [];
  for (let line = lines.shift(); line !== 'end'; line = lines.shift()) {
    if (line === undefined) throw new Error(`the scripted model misses the [[end]] of [[${name}]]`);
    const part = parseLine(line, lines);
    if (!belongs(part)) throw new Error(`the scripted model has no [[${line}]] inside [[${name}]]`);
    parts.push(part);
  }
  return parts;
}

const isWrite = (directive: Directive): directive is Write => directive.kind === 'write';

const isSingleCall = (directive: Directive): directive is SingleCall =>
  ['write', 'patch', 'run', 'escalate', 'call'].includes(directive.kind);

function parseDirective(text: string): Directive {
  const [, word = '', rest = ''] = /^(\S+)\s*(.*)$/.exec(text.trim()) ?? [];
  const misspelt = () => new Error(`the scripted model does not understand [[${text}]]`);
  switch (word) {
    case 'say':
    case 'run':
    case 'hold':
    case 'told':
      if (rest === '') throw misspelt();
      if (word === 'told') return { kind: 'told', text: rest };
      if (word === 'say') return { kind: 'say', text: unescape(rest) };
      if (word === 'run') return { kind: 'run', command: rest };
      return { kind: 'hold', gate: rest };
    case 'write': {
      const [, path, content] = /^([^:\s]+): ?(.*)$/.exec(rest) ?? [];
      if (path === undefined || content === undefined) throw misspelt();
      return { kind: 'write', path, content: `${unescape(content)}\n` };
    }
    case 'replace': {
      const [, path, before, after] = /^(\S+) ("(?:[^"\\]|\\.)+") ("(?:[^"\\]|\\.)*")$/.exec(rest) ?? [];
      if (path === undefined || before === undefined || after === undefined) throw misspelt();
      return { kind: 'replace', path, before: String(JSON.parse(before)), after: String(JSON.parse(after)) };
    }
    case 'escalate': {
      const [, command, reason] = /^(.+?) \| (.+)$/.exec(rest) ?? [];
      if (command === undefined || reason === undefined) throw misspelt();
      return { kind: 'escalate', command, reason };
    }
    case 'call': {
      const [, tool, input = ''] = /^(\S+) (\{.*\})$/.exec(rest) ?? [];
      if (tool === undefined) throw misspelt();
      const value: unknown = JSON.parse(input);
      return typeof value === 'object' && value !== null
        ? { kind: 'call', tool, input: value }
        : throws(misspelt());
    }
    case 'used': {
      const [, percent, seconds] = /^(\d+) (\d+)$/.exec(rest) ?? [];
      if (percent === undefined) throw misspelt();
      return { kind: 'used', percent: Number(percent), seconds: Number(seconds) };
    }
    case 'sleep':
      if (!/^\d+$/.test(rest)) throw misspelt();
      return { kind: 'sleep', ms: Number(rest) };
    case 'fail-times': {
      const [, times, failure = ''] = /^(\d+) (.+)$/.exec(rest) ?? [];
      return {
        kind: 'fail-times',
        times: Number(times),
        failure: parseBroken(failure) ?? parseBroken(`status ${failure}`) ?? throws(misspelt()),
      };
    }
    default:
      return parseBroken(text.trim()) ?? throws(misspelt());
  }
}

function parseBroken(text: string): BrokenAnswer | undefined {
  const [, word = '', rest = ''] = /^(\S+)\s*(.*)$/.exec(text) ?? [];
  switch (word) {
    case 'status': {
      const [, status, reason, seconds] = /^(\d{3})(?: ([a-z_]+))?(?: (\d+))?$/.exec(rest) ?? [];
      if (status === undefined) return undefined;
      return {
        kind: 'http',
        status: Number(status),
        ...(reason !== undefined && { reason }),
        ...(seconds !== undefined && { seconds: Number(seconds) }),
      };
    }
    case 'fails-inside': {
      const [, code, message] = /^(\S+) (.+)$/.exec(rest) ?? [];
      return code === undefined || message === undefined ? undefined : { kind: word, code, message };
    }
    case 'incomplete':
      return rest === '' ? undefined : { kind: word, reason: rest };
    case 'nothing':
    case 'cut':
    case 'stall':
    case 'hang':
      return { kind: word };
    default:
      return undefined;
  }
}

function throws(error: Error): never {
  throw error;
}

const unescape = (text: string) => text.replaceAll('\\n', '\n');
