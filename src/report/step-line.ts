/** How far `clean` or `reset` is: one line on a terminal, that comes after a second and goes at the end. */
import type { TidyStep } from '../core/reports.ts';
import { fit } from './columns.ts';

/** What is over before is not worth a line. */
const FIRST_MS = 1_000;
const FRAME_MS = 200;
const CLEAR_LINE = '\r\x1b[2K';

const WORDS: Readonly<Record<TidyStep['doing'], string>> = {
  looking: 'tasks looked at',
  resetting: 'tasks reset',
  judging: 'locks looked at',
};

export class StepLine {
  readonly #terminal: StepTerminal;
  #step: TidyStep | undefined;
  #timer: NodeJS.Timeout | undefined;
  #shown = '';

  constructor(terminal: StepTerminal) {
    this.#terminal = terminal;
  }

  /** To be called before each step; nothing is written by it. */
  readonly step = (step: TidyStep): void => {
    this.#step = step;
    if (this.#terminal.live) this.#timer ??= setTimeout(() => this.#draw(), FIRST_MS);
  };

  /** Before anything else is written; the next step begins anew. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#shown !== '') this.#terminal.err(CLEAR_LINE);
    this.#shown = '';
  }

  #draw(): void {
    const { doing, done, of } = this.#step ?? { doing: 'looking', done: 0, of: 0 };
    const line = fit(`${done}/${of} ${WORDS[doing]}`, this.#terminal.columns());
    if (line !== this.#shown) this.#terminal.err(CLEAR_LINE + line);
    this.#shown = line;
    this.#timer = setTimeout(() => this.#draw(), FRAME_MS);
  }
}

interface StepTerminal {
  readonly err: (text: string) => void;
  readonly columns: () => number;
  readonly live: boolean;
}
