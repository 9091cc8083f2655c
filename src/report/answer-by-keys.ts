/**
 * `approvals --interactive`: one question after another, each shown whole, and answered by a key. What was shown and answered
 * stays on the terminal above, as a record. A yes counts only when the end of the question has been on the screen, and no key
 * counts in the first moments of a question: whoever pressed it cannot have read that.
 */
import type { Decision } from '../core/question.ts';
import type { AnswerResult, ApprovalsReport, OpenQuestion } from '../core/reports.ts';
import { unreachable } from '../core/unreachable.ts';
import { linesOf, resultText, titleOf } from './approvals.ts';
import { columnsOf, fit } from './columns.ts';
import type { Paint } from './console.ts';
import { Keys } from './keys.ts';
import type { Terminal } from './terminal.ts';

/** What the keys do, and where questions come from. */
export interface Desk {
  readonly look: () => Promise<ApprovalsReport>;
  readonly give: (asked: OpenQuestion, decision: Decision) => Promise<AnswerResult>;
  /** What became of a question that is not open any more. */
  readonly standing: (asked: OpenQuestion) => Promise<AnswerResult | undefined>;
}

const LOOK_EVERY_MS = 500;
/** Nobody reads a question, and decides, in less. */
const UNREAD_MS = 700;
const ERASE_LINE = '\r\u001b[2K';

type KeyMeaning = Decision | 'more' | 'skip' | 'quit';
const KEYS: ReadonlyMap<string, KeyMeaning> = new Map([
  ['y', 'approve'],
  ['s', 'approve-session'],
  ['n', 'deny'],
  ['c', 'stop'],
  [' ', 'more'],
  ['k', 'skip'],
  ['q', 'quit'],
]);
const WORDS: Readonly<Record<Decision, string>> = {
  approve: 'y approve',
  'approve-session': 's for this session',
  deny: 'n deny',
  stop: 'c deny and stop',
};

/** The question that is on the screen. */
interface Shown {
  readonly asked: OpenQuestion;
  /** Rows of the terminal that are not shown yet. */
  rest: readonly string[];
  /** Since when it could be read without a key being pressed, and its last page, ms. */
  since: number;
  pageSince: number;
}

export class AnswerByKeys {
  readonly #terminal: Terminal;
  readonly #paint: Paint;
  readonly #desk: Desk;
  readonly #keys = new Keys({ pressed: (key) => this.#press(key), leaving: () => this.#erase() });
  readonly #skipped = new Set<string>();
  readonly #typed: KeyMeaning[] = [];
  #wake: () => void = () => {};
  #shown: Shown | undefined;
  #waiting = 0;
  #footer = '';
  #exitCode: number | undefined;

  constructor(terminal: Terminal, paint: Paint, desk: Desk) {
    this.#terminal = terminal;
    this.#paint = paint;
    this.#desk = desk;
  }

  /** Until `q`, or a Ctrl-C; the exit code. */
  async run(): Promise<number> {
    const cleanups = [
      on('SIGINT', () => this.#end(130)),
      on('SIGTSTP', () => this.#stop()),
      on('SIGCONT', () => this.#goOn()),
      this.#terminal.onResize(() => this.#showAgain()),
    ];
    this.#keys.listen();
    try {
      while (this.#exitCode === undefined) {
        await this.#look();
        await this.#serve();
        if (!this.#keys.isListening) this.#end(1); // its terminal is gone
        if (this.#exitCode === undefined && this.#typed.length === 0) await this.#rest();
      }
      return this.#exitCode;
    } finally {
      this.#erase();
      this.#keys.stop();
      for (const cleanup of cleanups) cleanup();
    }
  }

  /** What is on the screen goes when it is not open any more; what has waited longest comes. */
  async #look(): Promise<void> {
    const { open } = await this.#desk.look();
    const shown = this.#shown;
    if (shown && !open.some(({ question }) => keyOf(question) === keyOf(shown.asked.question))) {
      const result = await this.#desk.standing(shown.asked);
      this.#conclude(result ?? { kind: 'late', why: 'over' });
    }
    const others = open.filter(({ question }) => !this.#skipped.has(keyOf(question)));
    this.#waiting = others.length - (this.#shown ? 1 : 0);
    const [next] = others;
    if (!this.#shown && next) this.#show(next);
    this.#showFooter();
  }

  #show(asked: OpenQuestion): void {
    const { columns } = this.#terminal;
    const view = { paint: this.#paint, now: new Date(), columns: columns(), byKey: true as const };
    const rows = [
      '',
      titleOf(asked, this.#paint),
      '',
      ...linesOf(asked, view).flatMap((line) => wrapped(line, columns())),
      '',
    ];
    this.#typed.length = 0; // what was pressed before was not about this one
    const since = performance.now();
    this.#shown = { asked, rest: rows, since, pageSince: since };
    this.#turnPage();
  }

  #turnPage(): void {
    const shown = this.#shown;
    if (!shown || shown.rest.length === 0) return;
    const room = Math.max(1, this.#terminal.rows() - 2);
    this.#print(shown.rest.slice(0, room).join('\n'));
    shown.rest = shown.rest.slice(room);
    shown.pageSince = performance.now();
    this.#showFooter();
  }

  #press(key: string): void {
    const meaning = KEYS.get(key);
    if (meaning === 'quit') this.#end(0);
    const shown = this.#shown;
    if (meaning === undefined || !shown) return;
    const now = performance.now();
    const [isNew, isNewPage] = [now - shown.since < UNREAD_MS, now - shown.pageSince < UNREAD_MS];
    // A key that is held down has to be let go of: else it would answer one question after another.
    if (isNew) shown.since = now;
    if (isNew) return;
    const isYes = meaning === 'approve' || meaning === 'approve-session';
    if (isYes && (shown.rest.length > 0 || isNewPage)) return;
    if (meaning === 'more') return this.#turnPage();
    this.#typed.push(meaning);
    this.#wake();
  }

  /** One decision for one question: what was pressed with it was meant for it as well. */
  async #serve(): Promise<void> {
    const [meaning] = this.#typed.splice(0);
    const shown = this.#shown;
    if (meaning === undefined || !shown || this.#exitCode !== undefined) return;
    switch (meaning) {
      case 'skip':
        this.#skipped.add(keyOf(shown.asked.question));
        this.#shown = undefined;
        this.#print(this.#paint.dim('skipped'));
        return this.#look();
      case 'approve':
      case 'approve-session':
      case 'deny':
      case 'stop':
        if (!shown.asked.question.offers.includes(meaning)) return;
        this.#conclude(await this.#desk.give(shown.asked, meaning));
        return this.#look();
      case 'more':
      case 'quit':
        return;
      default:
        return unreachable(meaning);
    }
  }

  #conclude(result: AnswerResult): void {
    const shown = this.#shown;
    if (!shown) return;
    this.#shown = undefined;
    this.#skipped.add(keyOf(shown.asked.question)); // its owner takes a moment to remove it
    this.#print(resultText(shown.asked, result, this.#paint));
  }

  #print(text: string): void {
    this.#erase();
    this.#terminal.err(`${text}\n`);
  }

  #showFooter(): void {
    const text = fit(this.#footerText(), this.#terminal.columns() - 1);
    if (text === this.#footer || this.#exitCode !== undefined) return;
    this.#terminal.err(`${ERASE_LINE}${this.#paint.dim(text)}`);
    this.#footer = text;
  }

  #footerText(): string {
    const shown = this.#shown;
    if (!shown) return this.#idleText();
    const isWhole = shown.rest.length === 0;
    const offers = (['approve', 'approve-session', 'deny', 'stop'] as const).filter(
      (decision) =>
        shown.asked.question.offers.includes(decision) && (isWhole || !decision.startsWith('approve')),
    );
    const more = isWhole ? [] : [`space: ${shown.rest.length} more lines`];
    const others = this.#waiting > 0 ? ` (${this.#waiting} more)` : '';
    return [...more, ...offers.map((offer) => WORDS[offer]), 'k skip', 'q quit'].join(' · ') + others;
  }

  #idleText(): string {
    return 'Nothing else is asked; waiting for questions · q quit';
  }

  #erase(): void {
    if (this.#footer !== '') this.#terminal.err(ERASE_LINE);
    this.#footer = '';
  }

  /** On a terminal of another size its pages are others. */
  #showAgain(): void {
    const { asked } = this.#shown ?? {};
    if (asked) this.#show(asked);
    else this.#footer = '';
  }

  #end(exitCode: number): void {
    this.#exitCode ??= exitCode;
    this.#wake();
  }

  /** As if nobody had listened for the signal; the terminal is the shell's until it lets us go on. */
  #stop(): void {
    this.#erase();
    this.#keys.stop();
    const [listener] = process.listeners('SIGTSTP');
    process.removeAllListeners('SIGTSTP');
    process.kill(process.pid, 'SIGTSTP'); // here it stands still
    if (listener) process.on('SIGTSTP', listener);
    setTimeout(() => this.#goOn(), STOPPED_BY_MS).unref();
  }

  #goOn(): void {
    if (this.#keys.isListening || this.#exitCode !== undefined) return;
    this.#keys.listen();
    this.#showAgain(); // whatever was typed meanwhile was for the shell
    this.#showFooter();
  }

  #rest(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, LOOK_EVERY_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** A process that no shell looks after cannot be stopped: after so long it is clear that nobody did. */
const STOPPED_BY_MS = 200;

const keyOf = ({ claim, n }: OpenQuestion['question']) => `${claim}.${n}`;

/** The rows that a terminal of so many columns takes for a line. */
function wrapped(line: string, columns: number): string[] {
  if (columnsOf(line) <= columns) return [line];
  const rows: string[] = [];
  let [row, used] = ['', 0];
  for (const char of line) {
    const width = columnsOf(char);
    if (used + width > columns || row.length > 4 * columns) {
      rows.push(row);
      [row, used] = ['', 0];
    }
    row += char;
    used += width;
  }
  return [...rows, row];
}

function on(name: string, listener: () => void): () => void {
  process.on(name, listener);
  return () => void process.off(name, listener);
}
