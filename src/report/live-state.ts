/** What there is to see of a run: its events, folded. */
import type { AgentActivity, RunEvent } from '../core/event.ts';
import { addUsage, NO_USAGE, type Outcome, type Usage } from '../core/outcome.ts';
import { printable } from '../core/printable.ts';
import { eta, pace } from '../core/spending.ts';
import type { Task } from '../core/task.ts';
import { unreachable } from '../core/unreachable.ts';

/** One attempt that is on. Times are on the clock of whoever tells them, ms. */
export interface RunningAttempt {
  /** Printable, as `activity`. */
  readonly name: string;
  readonly attempt: number;
  readonly startedAt: number;
  activity: AgentActivity | undefined;
  /** How many answers it waits for; without one it does nothing. */
  waitsFor: number;
  /** How many things its agent has told, and when the last of them. */
  turns: number;
  toldAt: number;
}

/** Why nothing begins, or less than was asked for. */
export type Hold =
  | { readonly kind: 'paused'; readonly byHand: boolean; readonly until: number | undefined }
  | { readonly kind: 'probing'; readonly name: string }
  | { readonly kind: 'draining' }
  | { readonly kind: 'aborting' };

export class LiveState {
  readonly running = new Map<string, RunningAttempt>();
  startedAt = 0;
  workingDirectory = '';
  total = 0;
  completed = 0;
  failed = 0;
  /** Of those that others have, as the run last saw it. */
  elsewhere = 0;
  completedElsewhere = 0;
  failedElsewhere = 0;
  /** What may be on at once, and what was asked for. */
  level = 1;
  concurrency = 1;
  usage: Usage = NO_USAGE;
  #pause: Hold | undefined;
  #end: Hold | undefined;
  #completedHere = 0;
  /** Ascending. */
  readonly #durations: number[] = [];

  /** Whatever the event changes is there at once; `now` on any clock that does not go back, ms. */
  note(event: RunEvent, now: number): void {
    switch (event.kind) {
      case 'run-started':
        return this.#start(event, now);
      case 'tasks-added':
        this.total += event.tasks.length;
        this.completed += event.states.completed;
        return;
      case 'tasks-gone':
        this.total -= event.tasks.length;
        return;
      case 'attempt-started': {
        const { task, attempt } = event;
        const name = printable(task.label);
        this.running.set(keyOf(task), {
          name,
          attempt,
          startedAt: now,
          activity: undefined,
          waitsFor: 0,
          turns: 0,
          toldAt: now,
        });
        return;
      }
      case 'attempt-activity': {
        const attempt = this.running.get(keyOf(event.task));
        if (!attempt) return;
        attempt.activity = { kind: event.activity.kind, text: printable(event.activity.text) };
        attempt.turns += 1;
        attempt.toldAt = now;
        return;
      }
      case 'attempt-ended':
        this.running.delete(keyOf(event.task));
        return this.#ended(event.outcome);
      case 'made-pending':
        this.failed -= 1;
        return;
      case 'elsewhere':
        this.elsewhere = event.inProgress;
        this.completedElsewhere = event.completed;
        this.failedElsewhere = event.failed;
        return;
      case 'level':
        this.level = event.level;
        this.concurrency = event.of;
        return;
      case 'paused': {
        const { class: kind, until } = event.pause;
        const end = until === undefined ? undefined : now + (until - event.now);
        this.#pause = { kind: 'paused', byHand: kind === 'by-hand', until: end };
        return;
      }
      case 'probing':
        this.#pause = { kind: 'probing', name: printable(event.task.label) };
        return;
      case 'resumed':
        this.#pause = undefined;
        return;
      case 'draining':
      case 'dispatch-ended':
      case 'stopped':
        this.#end ??= { kind: 'draining' };
        return;
      case 'aborting':
        this.#end = { kind: 'aborting' };
        return;
      case 'reaped':
        if (event.result.kind === 'rolled-forward') this[event.result.state] += 1;
        return;
      case 'question':
      case 'answered': {
        const attempt = this.running.get(keyOf(event.task));
        if (!attempt) return;
        attempt.waitsFor = Math.max(0, attempt.waitsFor + (event.kind === 'question' ? 1 : -1));
        attempt.toldAt = now;
        return;
      }
      case 'waiting-for-others':
      case 'notice':
      case 'retry-scheduled':
      case 'held':
      case 'left-waiting':
      case 'dry-run':
      case 'run-finished':
        return;
      default:
        return unreachable(event);
    }
  }

  get hold(): Hold | undefined {
    return this.#end ?? this.#pause;
  }

  /** Completed and failed, by whomever. */
  get finished(): number {
    const { completed, failed, completedElsewhere, failedElsewhere } = this;
    return Math.min(this.total, completed + failed + completedElsewhere + failedElsewhere);
  }

  /** Attempts that wait for an answer; they are running, and work at nothing. */
  get waiting(): number {
    return [...this.running.values()].filter(({ waitsFor }) => waitsFor > 0).length;
  }

  /** Not begun, as far as this run knows. */
  get pending(): number {
    return Math.max(0, this.total - this.finished - this.running.size - this.elsewhere);
  }

  /** Until all is done when it goes on like this, ms; `undefined` before anything is known of that, and while it does not go on. */
  etaMs(now: number): number | undefined {
    if (this.hold || this.waiting > 0) return undefined; // nobody knows how long a person takes
    const median = this.#durations[Math.floor(this.#durations.length / 2)];
    const running = [...this.running.values()].map(({ startedAt }) => now - startedAt);
    return eta(median, this.pending, this.level + this.elsewhere, running);
  }

  /** Tokens in an hour, as the summary will have it; `undefined` before that is known. */
  tokensPerHour(now: number): number | undefined {
    return pace(this.usage, this.#completedHere, now - this.startedAt).tokensPerHour;
  }

  #start({ total, states, options }: Extract<RunEvent, { kind: 'run-started' }>, now: number): void {
    this.startedAt = now;
    this.workingDirectory = printable(options.workingDirectory);
    this.total = total;
    this.completed = options.rerunCompleted ? 0 : states.completed;
    this.failed = options.retryFailed ? 0 : states.failed;
    this.elsewhere = states['in-progress'];
    this.level = this.concurrency = options.concurrency;
  }

  #ended(outcome: Outcome): void {
    if ('usage' in outcome) this.usage = addUsage(this.usage, outcome.usage);
    if (outcome.kind === 'succeeded') {
      this.completed += 1;
      this.#completedHere += 1;
      const { durationMs } = outcome;
      const place = this.#durations.findIndex((other) => other > durationMs);
      this.#durations.splice(place < 0 ? this.#durations.length : place, 0, durationMs);
    } else if (outcome.kind === 'failed' && !outcome.willRetry) this.failed += 1;
    else if (outcome.kind === 'refused' || (outcome.kind === 'skipped' && outcome.reason === 'task-gone'))
      this.total -= 1; // no task any more
  }
}

const keyOf = ({ directory, name }: Task) => `${directory}/${name}`;
