/** The keys of a run: the only door to standard input while it is on. */

/** Characters that the terminal makes signals of, while nobody asks it for single keys: for everybody in our process group. */
const SIGNALS: ReadonlyMap<string, NodeJS.Signals> = new Map([
  ['\x03', 'SIGINT'],
  ['\x1a', 'SIGTSTP'],
  ['\x1c', 'SIGQUIT'],
]);

export interface KeyListener {
  readonly pressed: (key: string) => void;
  /** Before a signal that may end this process. */
  readonly leaving: () => void;
}

export class Keys {
  readonly #listener: KeyListener;
  #isListening = false;
  readonly #read = (bytes: Buffer) => this.#hear(bytes.toString('latin1'));
  readonly #lost = () => this.stop();

  constructor(listener: KeyListener) {
    this.#listener = listener;
  }

  get isListening(): boolean {
    return this.#isListening;
  }

  /** To be called in the foreground only: a process in the background is stopped for it. */
  listen(): void {
    const { stdin } = process;
    if (this.#isListening || !stdin.isTTY) return;
    try {
      stdin.setRawMode(true);
    } catch {
      return; // the terminal is gone: no keys, and SIGHUP says the rest
    }
    this.#isListening = true;
    stdin.on('data', this.#read).on('error', this.#lost).on('end', this.#lost);
    stdin.resume();
    stdin.unref(); // who may press a key keeps no run alive
  }

  /** The terminal is as it was. */
  stop(): void {
    if (!this.#isListening) return;
    this.#isListening = false;
    const { stdin } = process;
    stdin.off('data', this.#read);
    stdin.pause();
    try {
      stdin.setRawMode(false);
    } catch {
      // it is gone
    }
  }

  #hear(text: string): void {
    for (const [character, signal] of SIGNALS) if (text.includes(character)) return this.#raise(signal);
    // Several at once are one key, held down, or something that was pasted, or typed for the shell, or an arrow.
    const [key = ''] = text;
    if (text === key.repeat(text.length)) for (const pressed of text) this.#listener.pressed(pressed);
  }

  #raise(signal: NodeJS.Signals): void {
    if (signal === 'SIGQUIT') this.#listener.leaving();
    process.kill(0, signal);
  }
}
