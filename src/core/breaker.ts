/**
 * When a run had better hand out no more tasks because of those that failed: three in a row that failed alike did so for a
 * reason that is not theirs, and so would all the others; or, where the user says how many may fail, so many. Trouble at
 * the server passes: then it is an outage, to be waited for.
 */
import type { DispatchEnd } from './event.ts';
import { describeFailure, type Failure } from './failure.ts';
import type { FailureClass } from './failure-class.ts';
import type { MaxFailures } from './options.ts';
import { withoutParticulars } from './reason.ts';
import { unreachable } from './unreachable.ts';

/** Two may fail alike by chance; each more would cost a task. */
const ALIKE_IN_A_ROW = 3;

export interface Trip<T> {
  /** Said once: the first time that dispatch is to end. */
  readonly end?: DispatchEnd;
  /** What the server says, while it fails whoever asks. */
  readonly outage?: string;
  /** What did not fail by itself, and is to be as if it had never been tried. */
  readonly caught: readonly T[];
}

/** Is told how each task of a run ended, in that order; a task that will be tried again has not ended. */
export class Breaker<T> {
  readonly #maxFailures: MaxFailures | undefined;
  /** The number of tasks of the run. */
  tasks: number;
  #failed = 0;
  #row: T[] = [];
  /** What those of the row have in common. */
  #signature: string | undefined;
  #isOpen = false;
  /** Those in a row that had no retries left when the server failed them. */
  #cutOff: T[] = [];
  #isOut = false;

  constructor(maxFailures: MaxFailures | undefined, tasks: number) {
    this.#maxFailures = maxFailures;
    this.tasks = tasks;
  }

  get #mostFailed(): number | undefined {
    const most = this.#maxFailures;
    if (!most) return undefined;
    return 'count' in most ? most.count : Math.max(1, Math.ceil((this.tasks * most.percent) / 100));
  }

  succeeded(): void {
    this.#serverAnswered();
    if (this.#isOpen) return; // the row is known; what else comes of it is caught
    this.#row = [];
    this.#signature = undefined;
  }

  failed(task: T, failure: Failure): Trip<T> {
    this.#failed += 1;
    if (isServersFault(failure)) {
      const trip = this.#inOutage(task, failure);
      if (trip) return trip;
    } else this.#serverAnswered();
    return this.#mostFailed === undefined ? this.#inRow(task, failure) : this.#counted(this.#mostFailed);
  }

  #serverAnswered(): void {
    this.#cutOff = [];
    this.#isOut = false;
  }

  /** Until the server answers again, whatever it fails is caught. */
  #inOutage(task: T, failure: Failure): Trip<T> | undefined {
    this.#cutOff.push(task);
    if (!this.#isOut && this.#cutOff.length < ALIKE_IN_A_ROW) return undefined;
    this.#isOut = true;
    const caught = this.#cutOff.splice(0);
    this.#failed -= caught.length;
    [this.#row, this.#signature] = [[], undefined];
    return { outage: describeFailure(failure), caught };
  }

  #counted(most: number): Trip<T> {
    if (this.#isOpen || this.#failed < most) return { caught: [] };
    this.#isOpen = true;
    const message = `${this.#failed} ${this.#failed === 1 ? 'task has' : 'tasks have'} failed, as many as --max-failures allows`;
    return { end: { kind: 'failures', message, hint: WHEN_COUNTED }, caught: [] };
  }

  #inRow(task: T, failure: Failure): Trip<T> {
    const signature = signatureOf(failure);
    if (signature === undefined) return { caught: [] };
    if (this.#isOpen) return { caught: signature === this.#signature ? [task] : [] };
    this.#row = signature === this.#signature ? [...this.#row, task] : [task];
    this.#signature = signature;
    if (this.#row.length < ALIKE_IN_A_ROW) return { caught: [] };
    this.#isOpen = true;
    const message = `${ALIKE_IN_A_ROW} tasks in a row failed alike: ${describeFailure(failure).replace(/\.$/, '')}`;
    return { end: { kind: 'failures', message, hint: WHEN_ALIKE }, caught: this.#row };
  }
}

const WHEN_COUNTED =
  'see why they failed, then start the same command again for the rest; without --no-retry-failed it takes those that failed once more';
const WHEN_ALIKE =
  'they are made pending again; put right what they have in common, then start the same command again (--max-failures 100% goes on whatever fails)';

/** As far as Codex tells, the task had no part in it. */
const isServersFault = (failure: Failure) =>
  failure.kind === 'turn-failed' && (failure.class === 'transient' || failure.class === 'network');

/** What failures of the same cause have in common; `undefined` for one whose cause is its own task. */
export function signatureOf(failure: Failure): string | undefined {
  switch (failure.kind) {
    case 'turn-failed':
    case 'exited-nonzero':
      if (OWN_CLASSES.has(failure.class)) return undefined;
      return [
        failure.kind,
        failure.class,
        'code' in failure ? failure.code : '',
        withoutParticulars(failure.message).toLowerCase(),
      ].join(' ');
    case 'signalled':
      return `${failure.kind} ${failure.signal}`;
    case 'unexpected':
      return `${failure.kind} ${withoutParticulars(failure.message).toLowerCase()}`;
    case 'no-terminal-event':
      return failure.kind;
    case 'timed-out':
    case 'idle':
    case 'over-budget':
    case 'log-too-large':
    case 'owner-died':
    case 'verify-failed': // about the work on this task; and the last line of a test run is often the same for every cause
    case 'changed-nothing':
    case 'stopped':
    case 'worker-crashed': // it is tried again, and the third crash ends the run as a bug
      return undefined;
    default:
      return unreachable(failure);
  }
}

/** A prompt or a thread that is too long says nothing of the others. */
const OWN_CLASSES: ReadonlySet<FailureClass> = new Set(['context-exceeded', 'invalid-input']);
