/** What somebody wrote, read back from how `src/core/visible.ts` shows it: who can do that has been shown all of it. */
const CONTROLS =
  'NUL SOH STX ETX EOT ENQ ACK BEL BS TAB LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US'.split(
    ' ',
  );

function characterOf(name: string): string {
  if (name === 'DEL') return '\x7f';
  if (CONTROLS.includes(name)) return String.fromCodePoint(CONTROLS.indexOf(name));
  return String.fromCodePoint(Number.parseInt(/^U\+([0-9A-F]{4,6})$/.exec(name)?.[1] ?? 'none', 16));
}

function readMark(mark: string): string {
  const blanks = /^(\d+) (space|tab)s?$/.exec(mark);
  if (blanks) return (blanks[2] === 'space' ? ' ' : '\t').repeat(Number(blanks[1]));
  const rtl = /^rtl (.+) rtl$/s.exec(mark);
  if (rtl) return rtl[1] ?? '';
  const many = /^(\S+) × (\d+)$/.exec(mark);
  if (many) return characterOf(many[1] ?? '').repeat(Number(many[2]));
  // What a character looks like is said besides: the character itself stands before it.
  return mark.includes(' ') ? '' : characterOf(mark);
}

/** Of one visible line. */
const readLine = (shown: string) =>
  shown.replaceAll(/‹([^›]*)›|⇥/g, (_, mark?: string) => (mark === undefined ? '\t' : readMark(mark)));

/** Of lines that stand behind `│`, and behind `↪` where one goes on. */
export function readBehindGutter(rows: readonly string[]): string {
  const lines: string[] = [];
  for (const row of rows) {
    const [, gutter, text = ''] = /^ {4}[\d– ]*(│|↪)(?: (.*))?$/su.exec(row) ?? [];
    if (gutter === undefined) throw new Error(`${JSON.stringify(row)} has no gutter`);
    if (gutter === '│') lines.push(text);
    else lines[lines.length - 1] += text;
  }
  return lines
    .flatMap((line) => {
      const empty = /^‹(\d+) empty lines›$/.exec(line);
      return empty ? Array.from({ length: Number(empty[1]) }, () => '') : [line];
    })
    .reduce<string[]>((text, line) => {
      const again = /^‹the same line (\d+) times more›$/.exec(line);
      return [
        ...text,
        ...(again ? Array.from({ length: Number(again[1]) }, () => text.at(-1) ?? '') : [readLine(line)]),
      ];
    }, [])
    .join('\n');
}
