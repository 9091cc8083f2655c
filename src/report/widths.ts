/** How wide text is on a terminal, to the column, and text that is cut to a width. The only file that knows string-width. */
import { stripVTControlCharacters } from 'node:util';
import stringWidth from 'string-width';

const GRAPHEMES = new Intl.Segmenter();

/** What may be of either width, such as `…`, takes one column, as in nearly every terminal. */
export const columnsOf = remembering((text) => stringWidth(text));

/** `text` in at most `columns` columns; what is cut off at its end is shown as `…`. */
export const fit = remembering((text, columns = 0) => {
  if (columnsOf(text) <= columns) return text;
  return columns < 1 ? '' : `${take(graphemesOf(text), columns - 1).join('')}…`;
});

/** As `fit`, cut off at its beginning: of a path the end says more. */
export const fitEnd = remembering((text, columns = 0) => {
  if (columnsOf(text) <= columns) return text;
  if (columns < 1) return '';
  const kept = take(graphemesOf(text).toReversed(), columns - 1);
  return `…${kept.toReversed().join('')}`;
});

export function padEnd(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - columnsOf(text)));
}

/** How many rows a terminal of so many columns takes for a line: what is two columns wide has no place in the last one. */
export function rowsOf(line: string, columns: number): number {
  if (columnsOf(line) <= columns) return 1;
  let [rows, used] = [1, 0];
  for (const grapheme of graphemesOf(stripVTControlCharacters(line))) {
    const width = columnsOf(grapheme);
    if (used + width > columns) [rows, used] = [rows + 1, 0];
    used += width;
  }
  return rows;
}

/** What a reader takes for one character: it is shown whole, or not at all. */
const graphemesOf = (text: string) => Array.from(GRAPHEMES.segment(text), ({ segment }) => segment);

/** The first of them, as many as have room. */
function take(graphemes: readonly string[], columns: number): readonly string[] {
  let used = 0;
  const end = graphemes.findIndex((grapheme) => (used += columnsOf(grapheme)) > columns);
  return end < 0 ? graphemes : graphemes.slice(0, end);
}

/** Frame after frame the texts are the same, and to look for the graphemes of one takes 0.1 ms. */
function remembering<T>(
  measure: (text: string, columns?: number) => T,
): (text: string, columns?: number) => T {
  const known = new Map<string, T>();
  return (text, columns) => {
    const key = `${columns} ${text}`;
    const value = known.get(key) ?? measure(text, columns);
    if (known.size > 2_000) known.clear();
    known.set(key, value);
    return value;
  };
}
