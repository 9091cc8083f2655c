/** A terminal as a picture: what an emulator shows, with its colours, as an SVG that stands alone. */
import type { IBufferCell, Terminal } from '@xterm/headless';

const CELL = { width: 8.4, height: 19 } as const;
const MARGIN = 18;
/** Below the three dots that say that this is a window. */
const TOP = 44;
const FONT =
  "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace";
const [PAPER, INK] = ['#0d1117', '#d1d7e0'];
/** The sixteen colours, the bright ones last. */
const PALETTE = (
  '#484f58 #ff7b72 #3fb950 #e3b341 #58a6ff #bc8cff #39c5cf #d1d7e0 ' +
  '#6e7681 #ffa198 #56d364 #e3b341 #79c0ff #d2a8ff #56d4dd #f0f6fc'
).split(' ');

interface Run {
  readonly column: number;
  readonly style: string;
  text: string;
  columns: number;
}

/** `prompt` stands above it, as what was typed. */
export function screenshot(terminal: Terminal, prompt: string): string {
  const { active } = terminal.buffer;
  const rows: (readonly Run[])[] = [
    [{ column: 0, style: 'font-weight="bold"', text: prompt, columns: prompt.length }],
  ];
  for (let y = active.baseY; y < active.length; y++) rows.push(runsOf(terminal, y));
  while (rows.at(-1)?.length === 0) rows.pop();
  const width = Math.ceil(terminal.cols * CELL.width + 2 * MARGIN);
  const height = Math.ceil(rows.length * CELL.height + TOP + MARGIN - 4);
  const dots = ['#ff5f57', '#febc2e', '#28c840'].map(
    (fill, i) => `<circle cx="${MARGIN + 6 + i * 20}" cy="22" r="6" fill="${fill}"/>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<rect width="100%" height="100%" rx="10" fill="${PAPER}"/>`,
    ...dots,
    `<g font-family="${FONT}" font-size="14" fill="${INK}" xml:space="preserve">`,
    ...rows.flatMap((runs, row) => runs.map((run) => textOf(run, row))),
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

/** Cells of one style that follow each other; whatever is no plain character has a place of its own, and so a certain one. */
function runsOf(terminal: Terminal, y: number): Run[] {
  const runs: Run[] = [];
  const line = terminal.buffer.active.getLine(y);
  for (let column = 0; column < terminal.cols; column++) {
    const cell = line?.getCell(column);
    const text = cell?.getChars() ?? '';
    if (!cell || text === '' || cell.getWidth() === 0) continue;
    const style = styleOf(cell);
    const last = runs.at(-1);
    const follows = last && last.style === style && last.column + last.columns === column;
    if (follows && cell.getWidth() === 1 && isLike(last.text, text)) {
      last.text += text;
      last.columns += 1;
    } else if (text !== ' ') runs.push({ column, style, text, columns: cell.getWidth() });
  }
  return runs.map((run) => ({
    ...run,
    text: run.text.trimEnd(),
    columns: run.columns - (run.text.length - run.text.trimEnd().length),
  }));
}

/** Fonts differ in how wide a line of a box is: such characters stand among their like. */
function isLike(before: string, text: string): boolean {
  const isPlain = /^[ -~]+$/;
  return (isPlain.test(before) && isPlain.test(text)) || before.endsWith(text);
}

function styleOf(cell: IBufferCell): string {
  const fill = cell.isFgDefault() ? undefined : PALETTE[cell.getFgColor()];
  return [
    fill && `fill="${fill}"`,
    cell.isBold() && 'font-weight="bold"',
    cell.isDim() && 'fill-opacity="0.6"',
  ]
    .filter(Boolean)
    .join(' ');
}

function textOf({ column, style, text, columns }: Run, row: number): string {
  const x = (MARGIN + column * CELL.width).toFixed(1);
  const y = TOP + row * CELL.height + 14;
  const length = (columns * CELL.width).toFixed(1);
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x}" y="${y}" textLength="${length}" lengthAdjust="spacingAndGlyphs" ${style}>${escaped}</text>`;
}
