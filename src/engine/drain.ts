/**
 * What OS signals mean to a run. They reach the main thread only; the children are in sessions of their own, so that a
 * Ctrl-C in the terminal does not reach them before we have decided.
 *
 *   first SIGINT                      drain: dispatch no more, let what runs finish
 *   second SIGINT, SIGTERM, SIGHUP    abort: end what runs, give its tasks back
 *   a SIGINT after that               leave at once; that is the crash path, and safe
 *
 * SIGTERM and SIGHUP often come twice (a terminal that closes sends one, and its shell another): once aborting, they
 * change nothing.
 */
export type DrainState = 'running' | 'draining' | 'aborting';

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
type HandledSignal = keyof typeof EXIT_CODES;

export interface DrainEvents {
  readonly onDrain: () => void;
  readonly onAbort: (signal: string) => void;
}

export class Drain {
  state: DrainState = 'running';
  /** 130, 143 or 129 once a signal has come. */
  exitCode: number | undefined;
  readonly #events: DrainEvents;
  readonly #handlers: { readonly signal: HandledSignal; readonly handler: () => void }[];

  constructor(events: DrainEvents) {
    this.#events = events;
    this.#handlers = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((signal) => ({
      signal,
      handler: () => this.#receive(signal),
    }));
    for (const { signal, handler } of this.#handlers) process.on(signal, handler);
  }

  /** Stops listening: the signals have their default effect again. */
  [Symbol.dispose](): void {
    for (const { signal, handler } of this.#handlers) process.off(signal, handler);
  }

  /** What the first SIGINT does; once draining it changes nothing. */
  begin(): void {
    if (this.state === 'running') this.#receive('SIGINT');
  }

  #receive(signal: HandledSignal): void {
    if (this.state === 'aborting') {
      if (signal === 'SIGINT') process.exit(EXIT_CODES[signal]);
      return;
    }
    this.exitCode = EXIT_CODES[signal];
    if (signal === 'SIGINT' && this.state === 'running') {
      this.state = 'draining';
      this.#events.onDrain();
    } else {
      this.state = 'aborting';
      this.#events.onAbort(signal);
    }
  }
}
