/** Names of files: every byte, every length, and what has tripped programs before. As bytes, for a name need not be text. */
import { choose, pick } from './row.ts';

const text = (name: string) => Buffer.from(name);
const at = (byte: number, before: string, after: string) =>
  Buffer.concat([text(before), Buffer.from([byte]), text(after)]);

/** A byte that no file name can have. */
const isPossible = (name: Buffer) =>
  name.length > 0 &&
  name.length <= 255 &&
  !name.includes(0) &&
  !name.includes(0x2f) &&
  !/^\.\.?$/.test(String(name));

const SPECIAL = [
  'café.md',
  'cafe\u0301.md',
  'Å.md',
  '\u212b.md',
  'ﬁ.md',
  '\u202egpj.md',
  'x\u202e\u2066y\u2069.md',
  '\u200f\u200e.md',
  '\ufeffbom.md',
  'line\u2028separator\u2029.md',
  'two\nlines.md',
  '\nfirst.md',
  'last\n.md',
  '\n.md',
  'x.md\n',
  '\r\n.md',
  'tab\tand\vand\f.md',
  '\u001b[31mred\u001b[0m.md',
  '\u001b]0;title\u0007.md',
  '\u009b31mred.md',
  '\u0007\b\u007f.md',
  '-.md',
  '--.md',
  '-rf.md',
  '--help.md',
  '--version.md',
  '--mode=danger-full-access.md',
  '-c.md',
  '*.md',
  '?.md',
  '[a-z].md',
  '[.md',
  '].md',
  '{a,b}.md',
  '!(a).md',
  '+(a|b).md',
  '@(x).md',
  '**.md',
  '!not.md',
  '#hash.md',
  '~.md',
  '~root.md',
  '$(touch pwned).md',
  '`touch pwned`.md',
  '${HOME}.md',
  '$HOME.md',
  "it's.md",
  '"quoted".md',
  'back\\slash.md',
  '\\.md',
  'trailing\\',
  'a;b&c|d<e>f.md',
  'a b.md',
  ' leading.md',
  'trailing .md',
  'x.md ',
  'x.md.',
  'x..md',
  '...md',
  '%s%n%d.md',
  '%2e%2e%2f.md',
  'con.md',
  'nul.md',
  'a:b.md',
  '=cmd.md',
  '@file.md',
  '__proto__.md',
  'constructor.md',
  'toString',
  'hasOwnProperty.md',
  '0.md',
  '00.md',
  '1e3.md',
  '-0.md',
  'NaN',
  'undefined',
  'null.md',
  '🦊.md',
  '👩‍👩‍👧‍👦.md',
  '\u{e0041}\u{e0042}.md',
  'z\u0300\u0301\u0302\u0303\u0304.md',
  '任务.md',
  'مهمة.md',
  '.md',
  '.hidden.md',
  '..dots.md',
  '.gitignore',
  'in-progress-mine.md',
  'needs-approval-mine.md',
  'done_exec_log-mine.md',
  'done_exec_log-mine.md.txt.md',
  'failed_exec_log-mine.md',
  'in-progress-in-progress-x.md',
  'done.md',
  'in-progress.md',
  'needs-approval.md',
  'Done_exec_log-x.md',
  'exec_log-x.md',
  'lock-x.md',
  'break-x.md',
  'codex-worker.md',
  'x.lock-y.md',
  `x.md.${'0'.repeat(32)}.md`,
  `${'a'.repeat(32)}.1.md`,
] as const;

/** The same names every time: each byte at each place, each length, in bytes and in characters of several bytes. */
export function systematicNames(): Buffer[] {
  const names: Buffer[] = SPECIAL.map(text);
  for (let byte = 1; byte < 256; byte++) {
    names.push(
      at(byte, '', ''),
      at(byte, '', 'b.md'),
      at(byte, `a${byte}`, 'b.md'),
      at(byte, `c${byte}.md`, ''),
    );
    names.push(at(byte, `e${byte}`, '.md'), at(byte, `é${byte}`, 'ö.md'));
  }
  for (let length = 4; length <= 255; length++) {
    names.push(text(`${'n'.repeat(length - 3)}.md`));
    const wide = '€'.repeat(Math.floor((length - 3) / 3));
    names.push(text(`${wide}${'w'.repeat(length - 3 - 3 * Math.floor((length - 3) / 3))}.md`));
  }
  return unique(names);
}

export function randomNames(random: () => number, n: number): Buffer[] {
  const pieces = [
    ...SPECIAL,
    'a',
    'b',
    '.',
    '-',
    ' ',
    '\n',
    '\u001b',
    '\u202e',
    'é',
    '🦊',
    '\\',
    '*',
    '[',
    '{',
  ];
  const name = () => {
    const parts = Array.from({ length: 1 + pick(random, 5) }, () =>
      random() < 0.1 ? Buffer.from([1 + pick(random, 255)]) : text(choose(random, pieces)),
    );
    return Buffer.concat(random() < 0.8 ? [...parts, text('.md')] : parts);
  };
  return unique(Array.from({ length: n }, name));
}

export function unique(names: readonly Buffer[]): Buffer[] {
  return [...new Map(names.filter(isPossible).map((name) => [name.toString('latin1'), name])).values()];
}
