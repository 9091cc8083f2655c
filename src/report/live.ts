/**
 * The live view of a run on a terminal, from its first event to its last: when it is drawn, what is printed above it, and who
 * has the keyboard. What it shows is in `live-view.ts`.
 *
 * At most ten frames a second, and none in which nothing has changed, except one a second for the clocks in it. In the
 * background (`&`, or Ctrl-Z and `bg`) nothing is drawn, and its lines are plain ones.
 */
import type { Controls } from '../core/controls.ts';
import type { RunEvent } from '../core/event.ts';
import { Asking } from './asking.ts';
import type { Paint } from './console.ts';
import { isInForeground } from './foreground.ts';
import { Keys } from './keys.ts';
import { openScreen, type Screen } from './screen.ts';
import { LiveState } from './live-state.ts';
import type { Frame } from './live-view.ts';
import type { Terminal } from './terminal.ts';

const FRAME_MS = 100;
const TICK_MS = 1_000;
/** While a question is too fresh to be answered, it is looked at so often. */
const FRESH_MS = 250;
/** What draws takes 40 ms to load: first the agents are started. */
const LOAD_AFTER_MS = 50;
/** A process that no shell looks after cannot be stopped: after so long it is clear that nobody did. */
const STOPPED_BY_MS = 200;

interface LineAbove {
  readonly to: 'out' | 'err';
  readonly text: string;
}

interface Drawing {
  readonly screen: Screen;
  readonly lines: (state: LiveState, frame: Frame) => string[];
}

export class Live {
  readonly #terminal: Terminal;
  readonly #paint: Paint;
  readonly #state = new LiveState();
  readonly #keys = new Keys({ pressed: (key) => this.#press(key), leaving: () => this.close() });
  readonly #above: LineAbove[] = [];
  readonly #cleanups: (() => void)[] = [];
  #drawing: Drawing | undefined;
  #controls: Controls | undefined;
  #isHidden = false;
  readonly #asking: Asking;
  #isHelpShown = false;
  #isClosed = false;
  #frame: NodeJS.Timeout | undefined;
  #drawnAt = Number.NEGATIVE_INFINITY;

  constructor(terminal: Terminal, paint: Paint) {
    this.#terminal = terminal;
    this.#paint = paint;
    this.#asking = new Asking({
      print: (lines) => this.print('err', `${lines.join('\n')}\n`),
      emphasize: paint.bold,
      answer: (task, question, decision) => this.#controls?.answer?.(task, question, decision),
      columns: () => terminal.columns(),
      now: Date.now,
    });
  }

  /** Whether what agents ask is shown here, and answered by keys. */
  get isAsked(): boolean {
    return this.#isShown && this.#keys.isListening && this.#controls?.answer !== undefined;
  }

  note(event: RunEvent): void {
    this.#state.note(event, performance.now());
    this.#asking.note(event);
    if (event.kind === 'run-started' && !event.options.dryRun) this.#begin();
    if (event.kind === 'run-finished') this.close();
    this.#change();
  }

  /** Whoever has the keyboard may use them from now on. */
  take(controls: Controls): void {
    this.#controls = controls;
  }

  /** A line, or several, for people. */
  print(to: LineAbove['to'], text: string): void {
    const outTo = to === 'err' ? 'screen' : this.#terminal.outTo();
    if (!this.#isShown || outTo === 'elsewhere') return this.#terminal[to](text);
    if (outTo === 'screen') this.#above.push({ to, text });
    else {
      this.#drawing?.screen.clear(); // the next frame gives whoever reads the pipe the time to show it
      this.#drawnAt = performance.now();
      this.#terminal[to](text);
    }
    this.#change();
  }

  /** The terminal is as if there had been nothing but lines. */
  close(): void {
    if (this.#isClosed) return;
    this.#hide();
    this.#isClosed = true;
    for (const cleanup of this.#cleanups.splice(0)) cleanup();
  }

  get #isShown(): boolean {
    return this.#drawing !== undefined && !this.#isHidden && !this.#isClosed;
  }

  #begin(): void {
    const load = setTimeout(() => void this.#load().catch(() => this.close()), LOAD_AFTER_MS).unref();
    const tick = setInterval(() => this.#tick(), TICK_MS).unref(); // no view keeps a run alive
    this.#cleanups.push(
      () => clearTimeout(load),
      () => clearInterval(tick),
      this.#terminal.onResize(() => this.#change()),
      on('exit', () => this.close()),
      on('uncaughtExceptionMonitor', () => this.close()), // before it is printed
      on('SIGCONT', () => this.#show()),
      on('SIGTSTP', () => this.#stop()),
    );
  }

  /** Where its files are gone (the program was replaced meanwhile) there is no view, and a run all the same. */
  async #load(): Promise<void> {
    const { err: write, columns, rows } = this.#terminal;
    const [screen, { liveView }] = await Promise.all([
      openScreen({ write, columns, rows }),
      import('./live-view.ts'),
    ]);
    if (this.#isClosed) return;
    this.#drawing = { screen, lines: liveView };
    this.#isHidden = true;
    this.#show();
  }

  /** Where the terminal is ours. */
  #show(): void {
    if (this.#isClosed || !this.#drawing || !isInForeground()) return;
    this.#isHidden = false;
    // What a pipe leads to may be a pager, which reads the same keyboard.
    if (this.#controls && this.#terminal.outTo() !== 'pipe') this.#keys.listen();
    this.#change();
  }

  #hide(): void {
    clearTimeout(this.#frame);
    this.#frame = undefined;
    this.#keys.stop();
    if (this.#isShown) {
      this.#drawing?.screen.clear();
      this.#drawing?.screen.done();
    }
    this.#isHidden = true;
    this.#printAbove();
  }

  #printAbove(): void {
    for (const { to, text } of this.#above.splice(0)) this.#terminal[to](text);
  }

  /** As if nobody had listened for the signal; and again when the shell lets us go on. */
  #stop(): void {
    this.#hide();
    const [listener] = process.listeners('SIGTSTP');
    process.removeAllListeners('SIGTSTP');
    process.kill(process.pid, 'SIGTSTP'); // here it stands still
    if (listener) process.on('SIGTSTP', listener);
    setTimeout(() => this.#show(), STOPPED_BY_MS).unref();
  }

  #tick(): void {
    // `fg` tells nobody who was not stopped; only on Linux it costs nothing to look.
    if (this.#isHidden && process.platform === 'linux') this.#show();
    this.#change();
  }

  #change(): void {
    if (!this.#isShown || this.#frame) return;
    const wait = Math.max(0, this.#drawnAt + FRAME_MS - performance.now());
    this.#frame = setTimeout(() => this.#draw(), wait).unref();
  }

  #draw(): void {
    this.#frame = undefined;
    if (!this.#isShown || !this.#drawing) return;
    this.#drawnAt = performance.now();
    if (this.isAsked) this.#asking.comeUp(this.#drawnAt);
    const up = this.isAsked ? this.#asking.up(this.#drawnAt) : undefined;
    const frame: Frame = {
      columns: this.#terminal.columns(),
      rows: this.#terminal.rows(),
      now: this.#drawnAt,
      paint: this.#paint,
      keys: !this.#keys.isListening ? 'none' : this.#isHelpShown ? 'shown' : 'known',
      up,
    };
    if (up?.isFresh) setTimeout(() => this.#change(), FRESH_MS).unref(); // its keys count soon, and look so
    const { screen, lines } = this.#drawing;
    screen.show(
      lines(this.#state, frame).join('\n'),
      this.#above.length > 0 ? () => this.#printAbove() : undefined,
    );
  }

  #press(key: string): void {
    if (!this.#controls) return;
    if (this.isAsked && this.#asking.press(key, performance.now())) return this.#change();
    const { drain, changeConcurrency, togglePause } = this.#controls;
    if (key === 'p') togglePause();
    else if (key === 'q') drain();
    else if (key === '+') changeConcurrency(1);
    else if (key === '-') changeConcurrency(-1);
    else if (key === '?') this.#isHelpShown = !this.#isHelpShown;
    this.#change();
  }
}

function on(name: string, listener: () => void): () => void {
  process.on(name, listener);
  return () => void process.off(name, listener);
}
