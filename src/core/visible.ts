/**
 * Text of somebody who may want to deceive its reader, shown so that everything that is in it can be seen. Nothing is taken out, as
 * `printableText` does, and nothing is cut: what cannot be seen is named between `‹` and `›`, which stand for themselves nowhere.
 *
 *   ‹ESC› ‹CR› ‹U+202E›    controls, what turns the direction of a line, what takes no room, blanks that are no space
 *   ‹U+200B × 2000›        many of one of them
 *   ⇥   ‹2000 spaces›      a tab; so many blanks that what follows could be pushed out of sight; blanks at the end of a line
 *   сopy‹U+0441 c›         the word before it has this character, which looks like that one
 *   ‹rtl שלום rtl›         a word that is read from the right; alone, it does not change the order of what stands around it
 *
 * So two texts that differ are never shown alike, and what is shown can be read back (`test/rig/read-back.ts` does).
 */
import { asciiTwin, lookAlikesIn } from './look-alikes.ts';

/** Controls, format characters, halves, private and unassigned ones, other line ends and blanks, what is drawn as nothing, our marks. */
const HIDDEN =
  '\\p{Cc}\\p{Cf}\\p{Cs}\\p{Co}\\p{Cn}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}\\u00a0\\u1680\\u2000-\\u200a\\u202f\\u205f\\u3000\\u2800\\ufffc\\u{1d159}‹›⇥';
/** The blocks that Unicode keeps for scripts that are written from the right, whether a character is assigned or not. */
const FROM_THE_RIGHT =
  '\\u0590-\\u08ff\\ufb1d-\\ufdff\\ufe70-\\ufeff\\u{10800}-\\u{10fff}\\u{1e800}-\\u{1efff}';
/** Marks of a word are few: what is longer is judged and marked in pieces, or the mark would be far from what it is about. */
const PIECE = new RegExp(
  [
    '(?<blanks>[ \\t]{16,}| +$)',
    '(?<tab>\\t)',
    `(?<hidden>[${HIDDEN}])\\k<hidden>*`,
    `(?<rtl>(?:(?=[${FROM_THE_RIGHT}])\\p{L}){1,16})`,
    `(?<odd>[${FROM_THE_RIGHT}])`,
    `(?<word>(?:(?![${HIDDEN}${FROM_THE_RIGHT}])[\\p{L}\\p{N}\\p{M}_]){1,64})`,
    '.',
  ].join('|'),
  'gsu',
);

const C0 =
  'NUL SOH STX ETX EOT ENQ ACK BEL BS TAB LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US';
const CONTROL_NAMES = new Map([...C0.split(' ').entries(), [0x7f, 'DEL'] as const]);

/** `ESC`, `U+202E`. */
function nameOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return CONTROL_NAMES.get(code) ?? `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}

const counted = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`;

/** One line in which everything is seen: a line end is `‹LF›`. */
export function visible(text: string): string {
  if (/^[!-~]*(?: {1,15}[!-~]+)*$/.test(text)) return text;
  return text.replaceAll(PIECE, (piece: string, ...rest: unknown[]) => {
    const { blanks, tab, hidden, rtl, odd, word } = rest.at(-1) as Readonly<
      Record<string, string | undefined>
    >;
    if (blanks !== undefined) return blanks.replaceAll(/ +|\t+/g, blanksNamed);
    if (tab !== undefined) return '⇥';
    if (hidden !== undefined) return named(hidden, piece.length / hidden.length);
    if (rtl !== undefined) return `‹rtl ${rtl} rtl›`;
    if (odd !== undefined) return named(odd, 1);
    return word === undefined ? piece + marked([piece]) : visibleWord(word);
  });
}

const blanksNamed = (run: string) => `‹${counted(run.length, run.startsWith(' ') ? 'space' : 'tab')}›`;

function named(character: string, times: number): string {
  const one = `‹${nameOf(character)}›`;
  return times < 4 ? one.repeat(times) : `‹${nameOf(character)} × ${times}›`;
}

const marked = (characters: readonly string[]) =>
  characters
    .map((character) => ({ character, twin: asciiTwin(character) }))
    .map(({ character, twin }) => (twin === undefined ? '' : `‹${nameOf(character)} ${twin}›`))
    .join('');

/** Marks that stand on a letter of ASCII (`e` and an accent), pile up, or could have been written as one character, are named. */
function visibleWord(word: string): string {
  if (/^\w+$/.test(word)) return word;
  let [shown, before, marks] = ['', '', 0];
  for (const character of word) {
    const isMark = /\p{M}/u.test(character);
    marks = isMark ? marks + 1 : 0;
    const together = before + character;
    const isOdd =
      character.normalize('NFC') !== character ||
      together.normalize('NFC') !== together ||
      (isMark && (marks > 2 || !/[^\u0000-\u007f]$/u.test(before)));
    shown += isOdd ? named(character, 1) : character;
    before = isOdd ? '' : isMark ? together : character;
  }
  return shown + marked(lookAlikesIn(word));
}

const OWN_MARKS = /[‹›⇥×│↪]/;

/** How many columns it takes at most: only ASCII and our own marks are sure to take one. */
function columnsAtMost(text: string): number {
  let columns = 0;
  for (const character of text)
    columns += (character.codePointAt(0) ?? 0) < 0x1100 || OWN_MARKS.test(character) ? 1 : 2;
  return columns;
}

/** What belongs together in a visible line: what is named, and single characters with what stands on them. */
const partsOf = (shown: string) => shown.match(/‹[^›]*›|.\p{M}*/gsu) ?? [];

/** A visible line in rows of at most so many columns; none of it is left out. An empty line is an empty row. */
export function folded(shown: string, columns: number): readonly string[] {
  if (shown.length <= columns && /^[ -~]*$/.test(shown)) return [shown];
  const rows: string[] = [];
  let [row, used] = ['', 0];
  for (const part of partsOf(shown)) {
    const width = columnsAtMost(part);
    if (row !== '' && used + width > columns) {
      rows.push(row);
      [row, used] = ['', 0];
    }
    row += part;
    used += width;
  }
  return [...rows, row];
}

/** A visible line in so many columns at most; what is left out at its end is shown as `…`, which nothing else is shown as. */
export function cut(shown: string, columns: number): string {
  if (columnsAtMost(shown) <= columns) return shown;
  const [row = ''] = folded(shown, Math.max(1, columns - 2));
  return `${row}…`;
}

/** A line of a text, or many that are alike. */
export interface VisibleLine {
  /** From 1. */
  readonly first: number;
  readonly last: number;
  readonly text: string;
}

/** Its lines, each visible; one that is repeated is shown once, and how often. */
export function visibleLines(text: string): readonly VisibleLine[] {
  const lines = text.split('\n');
  const shown: VisibleLine[] = [];
  for (let at = 0; at < lines.length;) {
    const line = lines[at] ?? '';
    let end = at + 1;
    while (lines[end] === line) end += 1;
    const times = end - at;
    if (times < 4) {
      for (; at < end; at++) shown.push({ first: at + 1, last: at + 1, text: visible(line) });
      continue;
    }
    if (line !== '') shown.push({ first: at + 1, last: at + 1, text: visible(line) });
    const said = line === '' ? `‹${times} empty lines›` : `‹the same line ${times - 1} times more›`;
    shown.push({ first: line === '' ? at + 1 : at + 2, last: end, text: said });
    at = end;
  }
  return shown;
}
