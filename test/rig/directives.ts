/**
 * What the scripted model is told to do. A prompt carries it as lines of its own, carried out in order:
 *
 *     [[say Looking into it.]]                 a message, together with the next step
 *     [[write src/a.js: export const a = 1;]]  a new file, or new content for an old one; `\n` is a line end
 *     [[replace src/a.js "a = 1" "a = 2"]]     reads the file, then patches the lines that hold the text (JSON strings)
 *     [[run npm test]]                         a shell command, waited for however long it takes
 *     [[sleep 500]]                            ms of thought before the next answer
 *     [[hold NAME]]                            waits until the test calls `server.release('NAME')`
 *     [[status 500]]                           an HTTP error; a reason picks the body: see `model-server.ts`
 *     [[status 429 usage_limit 3600]]          … and seconds until the limit is lifted
 *     [[fail-times 2 500]]                     that error for the first 2 requests with this prompt, whoever sends them
 *     [[fail-times 2 cut]]                     … or that break
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

export type Directive =
  | { readonly kind: 'say'; readonly text: string }
  | { readonly kind: 'write'; readonly path: string; readonly content: string }
  | { readonly kind: 'replace'; readonly path: string; readonly before: string; readonly after: string }
  | { readonly kind: 'run'; readonly command: string }
  | { readonly kind: 'sleep'; readonly ms: number }
  | { readonly kind: 'hold'; readonly gate: string }
  | { readonly kind: 'told'; readonly text: string }
  | { readonly kind: 'fail-times'; readonly times: number; readonly failure: BrokenAnswer }
  | BrokenAnswer;

/** The directives in a prompt, in order; lines that are none are what a person would read. Throws on a misspelt one. */
export function parseDirectives(prompt: string): Directive[] {
  return [...prompt.matchAll(/^[ \t]*\[\[(.+)\]\][ \t]*\r?$/gm)].map((match) =>
    parseDirective(match[1] ?? ''),
  );
}

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
