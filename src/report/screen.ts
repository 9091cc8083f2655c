/**
 * A few lines of a terminal that change in place, without flicker; the door of log-update. What is shown must be harmless
 * already. Lines that leave no room are clipped at their top, so whoever shows more than `rows` chooses itself.
 */

/** The terminal that is drawn on; `write` of a `Terminal`, with the size of that stream as it is now. */
export interface ScreenOf {
  readonly write: (text: string) => void;
  readonly columns: () => number;
  readonly rows: () => number;
}

export interface Screen {
  /** Replaces what was shown; what is the same on the terminal is not written again. */
  readonly show: (text: string) => void;
  /** Removes what is shown, so that somebody else may write lines; the next `show` comes below them. */
  readonly clear: () => void;
  /** Leaves what is shown where it stands, and gives the cursor back. */
  readonly done: () => void;
}

const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';

/** Imports log-update, which takes as long as all of `status`: to be called when it is certain that a person looks on. */
export async function openScreen({ write, columns, rows }: ScreenOf): Promise<Screen> {
  const { createLogUpdate } = await import('log-update');
  const stream = {
    isTTY: true, // a frame is then shown at once, by terminals that know how
    get columns() {
      return columns();
    },
    get rows() {
      return rows();
    },
    write: (text: string) => {
      write(text);
      return true;
    },
  };
  // Its own way of hiding the cursor listens for signals, which are ours to answer, and writes to standard error.
  const update = createLogUpdate(stream as unknown as NodeJS.WriteStream, { showCursor: true });
  let isHidden = false;
  const giveCursorBack = () => {
    if (isHidden) write(SHOW_CURSOR);
    isHidden = false;
    process.off('exit', giveCursorBack);
  };
  return {
    show(text) {
      if (!isHidden) {
        write(HIDE_CURSOR);
        process.on('exit', giveCursorBack); // whatever ends the process: a shell without a cursor is a nuisance
      }
      isHidden = true;
      update(text);
    },
    clear: () => update.clear(),
    done() {
      update.done();
      giveCursorBack();
    },
  };
}
