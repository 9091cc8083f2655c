/**
 * The front matter of a task file: what the task says for itself, before its prompt.
 *
 *     ---
 *     mode: workspace-write
 *     after: setup.md
 *     ---
 *     The prompt.
 *
 * It is there when the first line is `---`, after a byte order mark if there is one, and reaches to the next such line;
 * blanks behind the dashes, which nobody sees, change nothing. A file that begins with such a line and has no second one
 * begins with a horizontal rule, unless what follows looks like a setting: a task that asks for limits never runs without.
 */
const MAX_FRONT_MATTER_BYTES = 16_384;

export type TaskText =
  /** `matter` is what stands between the two lines, from line 2 on; without front matter all is prompt. */
  | { readonly kind: 'parts'; readonly matter?: string; readonly prompt: Buffer }
  | { readonly kind: 'wrong'; readonly at: string; readonly why: string };

const BYTE_ORDER_MARK = Buffer.from('\ufeff');
const FENCE = /^---[ \t]*\r?$/;
const SETTING = /^["']?[\w-]+["']?[ \t]*:(?:\s|$)/;

/** How many bytes of a file show whether it may begin with front matter. */
export const PEEK_BYTES = BYTE_ORDER_MARK.length + 4;

/** Whether a file that begins so may begin with front matter; hardly any other does. */
export function mayHaveFrontMatter(beginning: Buffer): boolean {
  return /^---(?:\s|$)/.test(lineAt(beginning, startOf(beginning)).text);
}

/** What a task file consists of; `bytes` are UTF-8. */
export function partsOf(bytes: Buffer): TaskText {
  const first = lineAt(bytes, startOf(bytes));
  if (!FENCE.test(first.text)) return { kind: 'parts', prompt: bytes };
  for (let at = first.next; at < bytes.length;) {
    const line = lineAt(bytes, at);
    if (FENCE.test(line.text)) return between(bytes, first.next, at, line.next);
    at = line.next;
  }
  if (!SETTING.test(lineAt(bytes, first.next).text)) return { kind: 'parts', prompt: bytes };
  const why = 'the front matter that begins here has no end; a second line --- is missing';
  return { kind: 'wrong', at: '1:1', why };
}

function between(bytes: Buffer, from: number, to: number, rest: number): TaskText {
  if (to - from <= MAX_FRONT_MATTER_BYTES)
    return { kind: 'parts', matter: bytes.toString('utf8', from, to), prompt: bytes.subarray(rest) };
  return { kind: 'wrong', at: '1:1', why: `it has more than ${MAX_FRONT_MATTER_BYTES} bytes` };
}

/** The end of the sentence "<label> was refused: it …". */
export function wrongMatter(complaint: string): string {
  return `has front matter that is wrong: ${complaint}`;
}

/** The same, for a line that has named the task already: `3:1: there is no setting "prioritty"`. */
export function refusalOf(label: string, why: string): string {
  const beginning = wrongMatter(`${label}:`);
  return why.startsWith(beginning) ? why.slice(beginning.length) : `it ${why}`;
}

function startOf(bytes: Buffer): number {
  const isMarked = bytes.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
  return isMarked ? BYTE_ORDER_MARK.length : 0;
}

/** Of a line that may be a megabyte long this much tells what it is not. */
const SHOWN = 256;

/** One character for each byte; a line that is cut is told from one that is not. */
function lineAt(bytes: Buffer, from: number): { readonly text: string; readonly next: number } {
  const feed = bytes.indexOf(0x0a, from);
  const end = feed < 0 ? bytes.length : feed;
  const text = bytes.toString('latin1', from, Math.min(end, from + SHOWN));
  return { text: end - from > SHOWN ? `${text}…` : text, next: feed < 0 ? end : feed + 1 };
}
