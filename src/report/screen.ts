/**
 * A few lines at the foot of a terminal that change in place; the door of log-update. What is shown must be harmless already.
 * Lines that leave no room are clipped at their top, so whoever shows more than `rows` chooses itself.
 *
 * - A frame is one write, in a synchronised update (DEC 2026): a terminal that knows it shows all of it or nothing.
 * - While it is written the terminal does not wrap (DECAWM): where it takes a character for wider than we do, a line is cut off at
 *   its edge, and no line is one too many.
 * - log-update does not move up what stands below a line that is left out: when the number of lines changes it begins anew.
 * - A terminal that has become narrower has wrapped the lines of the last frame: their rows are counted as they are now.
 */

/** The terminal that is drawn on; `write` of a `Terminal`, with the size of that stream as it is now. */
export interface ScreenOf {
  readonly write: (text: string) => void;
  readonly columns: () => number;
  readonly rows: () => number;
}

export interface Screen {
  /**
   * Replaces what was shown; what is the same on the terminal is not written again. What `print` writes meanwhile, to the same
   * terminal by whatever way, stands above it; it ends with a line end.
   */
  readonly show: (text: string, print?: () => void) => void;
  /** Removes what is shown, so that somebody else may write lines; the next `show` comes below them. */
  readonly clear: () => void;
  /** Leaves what is shown where it stands, and gives the cursor back. */
  readonly done: () => void;
}

const [BEGIN, END] = ['\u001b[?2026h', '\u001b[?2026l'];
const [WRAP_NO_LINES, WRAP_LINES] = ['\u001b[?7l', '\u001b[?7h'];
const [HIDE_CURSOR, SHOW_CURSOR] = ['\u001b[?25l', '\u001b[?25h'];
const ERASE_BELOW = '\u001b[J';
const up = (rows: number) => `\r\u001b[${rows}A`;

/** Imports log-update, which takes as long as all of `status`: to be called when it is certain that a person looks on. */
export async function openScreen(terminal: ScreenOf): Promise<Screen> {
  const [{ createLogUpdate }, { rowsOf }] = await Promise.all([import('log-update'), import('./widths.ts')]);
  const { write, columns, rows } = terminal;
  let patch = '';
  const stream = {
    isTTY: false, // a frame may be several writes of its own, and is marked as one here
    get columns() {
      return columns();
    },
    get rows() {
      return rows();
    },
    write: (text: string) => {
      patch += text;
      return true;
    },
  };
  // Its own way of hiding the cursor listens for signals, which are ours to answer, and writes to standard error.
  const update = createLogUpdate(stream as unknown as NodeJS.WriteStream, { showCursor: true });
  const patched = () => {
    const text = patch;
    patch = '';
    return text;
  };

  let drawn: readonly string[] = [];
  let drawnColumns = 0;
  const erased = (): string => {
    if (drawn.length === 0) return '';
    const height = drawn.reduce((sum, line) => sum + rowsOf(line, columns()), 0);
    drawn = [];
    update.done(); // it forgets what it has drawn
    return up(height) + ERASE_BELOW;
  };

  let isHidden = false;
  const cursorHidden = () => {
    if (isHidden) return '';
    isHidden = true;
    process.on('exit', giveCursorBack); // whatever ends the process: a shell without a cursor is a nuisance
    return HIDE_CURSOR;
  };
  const giveCursorBack = () => {
    if (isHidden) write(SHOW_CURSOR);
    isHidden = false;
    process.off('exit', giveCursorBack);
  };

  return {
    show(text, print) {
      const lines = text.split('\n').slice(-Math.max(1, rows() - 1));
      const isAnew = print !== undefined || lines.length !== drawn.length || columns() !== drawnColumns;
      let frame = isAnew ? erased() : '';
      if (print) {
        write(BEGIN + frame);
        frame = '';
        print();
      }
      drawn = lines;
      drawnColumns = columns();
      update(lines.join('\n'));
      frame += patched();
      if (frame !== '' || print) write(BEGIN + cursorHidden() + WRAP_NO_LINES + frame + WRAP_LINES + END);
    },
    clear() {
      const text = erased();
      if (text !== '') write(text);
    },
    done() {
      drawn = [];
      update.done();
      giveCursorBack();
    },
  };
}
