/** What of a run is worth telling somebody who does not look at it: its end, a pause, a stop, a question. */
import { basename } from 'node:path';
import type { RunEvent } from '../core/event.ts';
import { describeProblem } from '../core/failure.ts';
import type { Audience, Notification } from '../core/notification.ts';
import { headline, printable, shellPath } from '../core/printable.ts';
import { unreachable } from '../core/unreachable.ts';
import { describePause, plural } from './wording.ts';

/** Rings the bell, and gives those terminals the text that can show it on the desktop (OSC 9); others ignore it. */
export const bellOf = (text: string) => `\u0007\u001b]9;${printable(text)}\u001b\\`;

/** Who is not at the terminal is told of questions so often at most: ten agents ask a hundred of them. */
const QUESTIONS_EVERY_MS = 60_000;

export interface NotifierPorts {
  /** To everybody where it is not said to whom. */
  readonly send: (notification: Notification, to?: Audience) => void;
  readonly now: () => Date;
  /** Keeps no process alive. */
  readonly later: (ms: number, then: () => void) => void;
}

export class Notifier {
  readonly #directory: string;
  readonly #send: NotifierPorts['send'];
  readonly #now: () => Date;
  readonly #later: NotifierPorts['later'];
  #run: string | undefined;
  #counts = { completed: 0, failed: 0, left: 0 };
  /** A pause that is renewed is told once. */
  #isPaused = false;
  /** Questions that nobody has answered. */
  #waiting = 0;
  /** The directory of the last task that asked: a command that is told has to work where it is read. */
  #askedIn = '';
  #toldOfQuestionsAt = Number.NEGATIVE_INFINITY;
  #isToBeTold = false;

  constructor(directory: string, { send, now, later }: NotifierPorts) {
    this.#directory = directory;
    this.#send = send;
    this.#now = now;
    this.#later = later;
  }

  note(event: RunEvent): void {
    switch (event.kind) {
      case 'run-started':
        return this.#started(event);
      case 'attempt-ended':
        return this.#ended(event);
      case 'made-pending':
        return this.#count(0, -1);
      case 'paused': {
        if (this.#isPaused) return;
        this.#isPaused = true;
        const { until } = event.pause;
        return this.#tell('paused', `paused ${describePause(event.pause, event.now)}`, {
          ...(until !== undefined && { until: new Date(until).toISOString() }),
        });
      }
      case 'resumed':
        this.#isPaused = false;
        return;
      case 'stopped':
        return this.#tell('stopped', `stopped: ${describeProblem(event.problem).message}`);
      case 'dispatch-ended':
        // The end of its time was asked for, and is no news.
        if (event.why.kind !== 'time-up')
          this.#tell('stopped', `no more tasks are started: ${event.why.message}`);
        return;
      case 'run-finished': {
        const { completed, failed, pending, unfit, inProgressElsewhere } = event.summary;
        this.#counts = { completed, failed, left: pending + unfit + inProgressElsewhere };
        const sum = `${completed} completed, ${failed} failed, ${this.#counts.left} left`;
        const { exitCode } = event;
        return this.#tell('finished', `finished with exit code ${exitCode}: ${sum}`, { exitCode });
      }
      case 'question':
        this.#askedIn = event.task.directory;
        return this.#asked();
      case 'answered':
        this.#waiting = Math.max(0, this.#waiting - 1);
        return;
      case 'notice':
      case 'attempt-started':
      case 'tasks-added':
      case 'tasks-gone':
      case 'waiting-for-others':
      case 'attempt-activity':
      case 'retry-scheduled':
      case 'reaped':
      case 'held':
      case 'left-waiting':
      case 'draining':
      case 'aborting':
      case 'probing':
      case 'level':
      case 'elsewhere':
      case 'dry-run':
        return;
      default:
        return unreachable(event);
    }
  }

  /** For a run that an error ends: it finishes without having said so. */
  abandon(error: unknown, exitCode: number): void {
    const why = error instanceof Error ? error.message : String(error);
    if (this.#run !== undefined)
      this.#tell('finished', `ended with exit code ${exitCode}: ${why}`, { exitCode });
  }

  #started({ run, options, total, states }: Extract<RunEvent, { kind: 'run-started' }>): void {
    if (options.dryRun) return;
    this.#run = run;
    const isOver =
      (options.rerunCompleted ? 0 : states.completed) + (options.retryFailed ? 0 : states.failed);
    this.#counts.left = total - isOver;
  }

  #ended({ outcome }: Extract<RunEvent, { kind: 'attempt-ended' }>): void {
    if (outcome.kind === 'succeeded') this.#count(1, 0);
    else if (outcome.kind === 'failed' && !outcome.willRetry) this.#count(0, 1);
  }

  #count(completed: number, failed: number): void {
    const { completed: done, failed: lost, left } = this.#counts;
    this.#counts = { completed: done + completed, failed: lost + failed, left: left - completed - failed };
  }

  /** The bell rings for each; the others hear of the first, and a minute later of those that still wait. */
  #asked(): void {
    this.#waiting += 1;
    this.#tellOfQuestions('bell');
    if (this.#isToBeTold) return;
    const wait = this.#toldOfQuestionsAt + QUESTIONS_EVERY_MS - this.#now().getTime();
    if (wait <= 0) return this.#tellOthersOfQuestions();
    this.#isToBeTold = true;
    this.#later(wait, () => {
      this.#isToBeTold = false;
      if (this.#waiting > 0) this.#tellOthersOfQuestions();
    });
  }

  #tellOthersOfQuestions(): void {
    this.#toldOfQuestionsAt = this.#now().getTime();
    this.#tellOfQuestions('others');
  }

  /** No word of what is asked: it is an agent's. */
  #tellOfQuestions(to: Audience): void {
    const waiting = this.#waiting;
    const text = `${plural(waiting, 'question')} of agents ${waiting === 1 ? 'waits' : 'wait'} for an answer: codex-worker approvals ${shellPath(this.#askedIn)}`;
    this.#tell('question', text, { waiting }, to);
  }

  #tell(
    event: Notification['event'],
    text: string,
    more: Pick<Notification, 'exitCode' | 'until' | 'waiting'> = {},
    to?: Audience,
  ): void {
    if (this.#run === undefined) return; // of a dry run there is nothing to tell
    const notification = {
      event,
      text: headline(`${basename(this.#directory)}: ${printable(text)}`),
      directory: this.#directory,
      run: this.#run,
      at: this.#now().toISOString(),
      counts: this.#counts,
      ...more,
    };
    this.#send(notification, to);
  }
}
