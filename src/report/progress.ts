/** The live line on standard error: how far the run is and what one of its agents is doing right now. */
import { formatDuration } from '../core/duration.ts';
import type { RunEvent } from '../core/event.ts';
import { printable } from '../core/printable.ts';
import type { Task } from '../core/task.ts';
import { unreachable } from '../core/unreachable.ts';
import { columnsOf, fit } from './columns.ts';

/** At most ten frames a second: more is not seen, and costs over a slow connection. */
const FRAME_MS = 100;
const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const CLEAR_LINE = '\r\x1b[2K';

export interface ProgressState {
  readonly finished: number;
  readonly total: number;
  readonly running: number;
  readonly failed: number;
  /** `fix-auth.md: npm test`, already printable. */
  readonly activity: string;
  readonly elapsedMs: number;
}

/** Without its spinner, in at most `columns` columns: the numbers and the time stay, the activity gives way. */
export function progressLine(state: ProgressState, columns: number): string {
  const head = [`${state.finished}/${state.total}`, `${state.running} running`];
  if (state.failed > 0) head.push(`${state.failed} failed`);
  const tail = formatDuration(state.elapsedMs);
  const fixed = [...head, tail].join(' · ');
  const room = columns - columnsOf(fixed) - columnsOf(' · ');
  if (state.activity === '' || room < 8) return fit(fixed, columns);
  return [...head, fit(state.activity, room), tail].join(' · ');
}

export class Progress {
  readonly #err: (text: string) => void;
  readonly #columns: () => number;
  readonly #now: () => number;
  readonly #running = new Map<string, { readonly task: Task; text: string }>();
  #timer: NodeJS.Timeout | undefined;
  #startedAt = 0;
  #total = 0;
  #finished = 0;
  #failed = 0;
  #latest: string | undefined;
  #frame = 0;
  #shown = false;
  /** What stands in the place of an activity while nothing may be started. */
  #pause: ((now: number) => string) | undefined;

  constructor(terminal: { err: (text: string) => void; columns: () => number }, now: () => number) {
    this.#err = terminal.err;
    this.#columns = terminal.columns;
    this.#now = now;
  }

  note(event: RunEvent): void {
    switch (event.kind) {
      case 'run-started':
        return this.#start(event);
      case 'attempt-started':
        this.#running.set(keyOf(event.task), { task: event.task, text: '' });
        this.#latest = keyOf(event.task);
        return;
      case 'attempt-activity': {
        const attempt = this.#running.get(keyOf(event.task));
        if (!attempt) return;
        attempt.text = event.activity.text;
        this.#latest = keyOf(event.task);
        return;
      }
      case 'attempt-ended':
        return this.#ended(event);
      case 'made-pending':
        this.#failed -= 1;
        this.#finished -= 1;
        return;
      case 'run-finished':
      case 'stopped':
        return this.close();
      case 'notice':
      case 'retry-scheduled':
      case 'reaped':
      case 'held':
      case 'left-waiting':
      case 'draining':
      case 'aborting':
      case 'dispatch-ended':
      case 'level':
      case 'dry-run':
        return;
      case 'paused': {
        const end = this.#now() + ((event.pause.until ?? Number.NaN) - event.now);
        this.#pause = (now) => (end > now ? `paused for ${formatDuration(end - now)}` : 'paused');
        return;
      }
      case 'probing':
        this.#pause = () => `trying ${printable(event.task.label)}`;
        return;
      case 'resumed':
        this.#pause = undefined;
        return;
      default:
        return unreachable(event);
    }
  }

  /** Makes room for a line of somebody else's; the next frame brings the progress back. */
  clear(): void {
    if (!this.#shown) return;
    this.#shown = false;
    this.#err(CLEAR_LINE);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.clear();
  }

  #start({ total, states, options }: Extract<RunEvent, { kind: 'run-started' }>): void {
    if (options.mode === 'dry-run') return;
    this.#startedAt = this.#now();
    this.#total = total;
    this.#finished =
      (options.rerunCompleted ? 0 : states.completed) + (options.retryFailed ? 0 : states.failed);
    // The progress of a run never keeps the run alive.
    this.#timer ??= setInterval(() => this.#draw(), FRAME_MS).unref();
  }

  #ended({ task, outcome }: Extract<RunEvent, { kind: 'attempt-ended' }>): void {
    this.#running.delete(keyOf(task));
    if (outcome.kind === 'failed' && outcome.willRetry) return;
    if (outcome.kind === 'failed') this.#failed += 1;
    if (outcome.kind === 'failed' || outcome.kind === 'succeeded') this.#finished += 1;
  }

  #draw(): void {
    this.#frame = (this.#frame + 1) % SPINNER.length;
    const line = progressLine(
      {
        finished: Math.min(this.#finished, this.#total),
        total: this.#total,
        running: this.#running.size,
        failed: this.#failed,
        activity: this.#activity(),
        elapsedMs: this.#now() - this.#startedAt,
      },
      // The spinner, a blank, and the last column, where some terminals would wrap.
      this.#columns() - 3,
    );
    this.#shown = true;
    this.#err(`${CLEAR_LINE}${SPINNER[this.#frame]} ${line}`);
  }

  #activity(): string {
    if (this.#pause) return this.#pause(this.#now());
    const attempt = this.#running.get(this.#latest ?? '') ?? [...this.#running.values()].at(-1);
    if (!attempt) return '';
    const name = printable(attempt.task.label);
    return attempt.text === '' ? name : `${name}: ${printable(attempt.text)}`;
  }
}

const keyOf = (task: Task) => `${task.directory}/${task.name}`;
