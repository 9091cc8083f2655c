/**
 * What a task, a file name or a model says is never printed raw: a terminal executes control sequences, and
 * bidirectional controls make a line read differently from what it is (the "Trojan Source" attack, CVE-2021-42574).
 */
/**
 * Colours and other CSI sequences, and OSC sequences (titles, links). Each part ends where the next may begin, so the time
 * is linear in the text; Node's own stripVTControlCharacters takes quadratic time on hostile text.
 */
const SEQUENCES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\))/g;
const UNSAFE =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;
const UNSAFE_IN_LINE = /[\n\t]/g;

const escape = (char: string) => {
  const code = char.codePointAt(0) ?? 0;
  return code < 0x100
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`;
};

/** Text of several lines, harmless on a terminal: colour sequences removed, other controls shown as `\x07`; `\n` and `\t` stay. */
export function printableText(text: string): string {
  return text.replace(/\r\n?/g, '\n').replace(SEQUENCES, '').replace(UNSAFE, escape).toWellFormed();
}

/** One line, harmless on a terminal: as `printableText`, with line ends and tabs shown too. For names and messages. */
export function printable(text: string): string {
  const name = (char: string) => (char === '\n' ? '\\n' : '\\t');
  return text.replace(UNSAFE, escape).replace(UNSAFE_IN_LINE, name).toWellFormed();
}

/** The first line that says something, at most `length` characters: for a message inside a sentence. */
export function headline(text: string, length = 300): string {
  const line =
    printableText(text)
      .split('\n')
      .map((part) => part.trim())
      .find((part) => part !== '') ?? '';
  return line.length > length ? `${line.slice(0, length - 1)}…`.toWellFormed() : line;
}

/** An argument as it would be typed in a POSIX shell; what `show` would change is not typed as it is. */
export function shellQuoted(argument: string, show = printable): string {
  if (/^[\w@%+=:,./-]+$/.test(argument)) return argument;
  if (show(argument) === argument) return `'${argument.replaceAll("'", `'\\''`)}'`;
  const escaped = Array.from(argument, (character) =>
    show(character) === character
      ? character.replace(/['\\]/, '\\$&')
      : [...Buffer.from(character)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(''),
  );
  return `$'${escaped.join('')}'`;
}

/** As `shellQuoted`, for a path: one that begins with a dash is no option. */
export function shellPath(path: string): string {
  return shellQuoted(path.startsWith('-') ? `./${path}` : path);
}
