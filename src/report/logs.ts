/** What `logs` prints: the log, and on standard error what there is to say meanwhile. */
import { printable, printableText } from '../core/printable.ts';
import type { LogPiece } from '../core/reports.ts';
import type { Terminal } from './terminal.ts';

export interface LogsView {
  /** As it is, where no terminal would act on it. */
  readonly raw: boolean;
  /** Each log begins with the name of its task. */
  readonly headings: boolean;
}

/** Resolves with the exit code. A reader that has seen enough ends it. */
export async function showLogs(
  pieces: AsyncGenerator<LogPiece, number>,
  { raw, headings }: LogsView,
  { pour, err, outIsTerminal }: Pick<Terminal, 'pour' | 'err' | 'outIsTerminal'>,
): Promise<number> {
  const clean = raw && !outIsTerminal ? undefined : new PrintableLines();
  const flush = () => pour(clean?.end() ?? '');
  for (let isFirst = true; ;) {
    const next = await pieces.next();
    if (next.done === true) {
      await flush();
      return next.value;
    }
    const piece = next.value;
    if (piece.kind === 'note') err(`${printable(piece.message)}\n`);
    else if (!(await (piece.kind === 'log' ? flush() : pour(clean?.push(piece.bytes) ?? piece.bytes)))) {
      await pieces.return(0);
      return 0;
    }
    if (piece.kind !== 'log') continue;
    if (!raw) await pour((isFirst ? '' : '\n') + (headings ? headingOf(piece) : ''));
    isFirst = false;
  }
}

const headingOf = ({ task, attempt, how }: Extract<LogPiece, { kind: 'log' }>) =>
  `==> ${printable(task.label)}, attempt ${attempt}, ${how} <==\n`;

/** A line that does not end is printed in parts: it must not fill the memory. */
const LONGEST = 65_536;

/** Bytes of a log as text that is harmless on a terminal, a line at a time, however they are cut. */
class PrintableLines {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #rest = '';

  push(bytes: Uint8Array): string {
    return this.#take(this.#rest + this.#decoder.decode(bytes, { stream: true }));
  }

  /** What was held back, as there comes no more. */
  end(): string {
    const text = this.#rest + this.#decoder.decode();
    this.#rest = '';
    return text === '' ? '' : `${printableText(text)}\n`;
  }

  #take(text: string): string {
    const isLong = text.length - text.lastIndexOf('\n') > LONGEST;
    const cut = isLong ? text.length : text.lastIndexOf('\n') + 1;
    this.#rest = text.slice(cut);
    return printableText(text.slice(0, cut));
  }
}
