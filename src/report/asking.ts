/**
 * What agents ask, answered by the keys of their run's own terminal: which question is up, how much of it has been printed, and
 * what a key means for it. Nothing counts as read that was not on the screen, nor what came up a moment ago.
 *
 * Times are ms on one clock that does not go back.
 */
import { posix } from 'node:path';
import type { RunEvent } from '../core/event.ts';
import { questionText } from '../core/question-text.ts';
import type { Decision, Question } from '../core/question.ts';
import { markerOf, type Task } from '../core/task.ts';
import { visible } from '../core/visible.ts';

/** Nobody reads a question, and decides, in less. */
const TOO_EARLY_MS = 700;
/** So many lines of a question are printed at once; before a yes the rest is. */
const AT_ONCE = 200;
/** An answer that has not come to anything by then is asked for again. */
const ANSWERED_WITHIN_MS = 5_000;

const KEYS: ReadonlyMap<string, Decision> = new Map([
  ['y', 'approve'],
  ['s', 'approve-session'],
  ['n', 'deny'],
  ['c', 'stop'],
]);

export interface AskingPorts {
  /** Lines for the person at the keyboard, to stay on the terminal. */
  readonly print: (lines: readonly string[]) => void;
  readonly emphasize: (line: string) => string;
  readonly answer: (task: Task, question: Question, decision: Decision) => void;
  readonly columns: () => number;
  /** Wall clock, ms since 1970. */
  readonly now: () => number;
}

/** What the view shows of the question that is up. */
export interface QuestionUp {
  readonly label: string;
  readonly question: Question;
  /** How many questions wait for an answer, this one included. */
  readonly of: number;
  /** Lines of it that have not been printed yet. */
  readonly unread: number;
  /** No key counts yet. */
  readonly isFresh: boolean;
}

interface Open {
  readonly task: Task;
  readonly question: Question;
  answeredAt?: number;
}

interface Up {
  readonly open: Open;
  readonly lines: readonly string[];
  printed: number;
  since: number;
}

export class Asking {
  readonly #ports: AskingPorts;
  /** The oldest first. */
  #open: readonly Open[] = [];
  #up: Up | undefined;

  constructor(ports: AskingPorts) {
    this.#ports = ports;
  }

  note(event: RunEvent): void {
    if (event.kind === 'question')
      this.#open = [...this.#open, { task: event.task, question: event.question }];
    else if (event.kind === 'answered') this.#drop(({ question }) => isSame(question, event.question));
    else if (event.kind === 'attempt-ended') this.#drop(({ task }) => isSameTask(task, event.task));
  }

  /** To be called again and again while keys can answer: the next question comes up when none is. */
  comeUp(now: number): void {
    if (this.#up) return;
    const open = this.#unanswered(now)[0];
    if (!open) return;
    const columns = this.#ports.columns();
    const lines = questionText(open.question, this.#ports.now(), { columns });
    this.#up = { open, lines, printed: 0, since: now };
    const [first = '', ...others] = lines.slice(0, AT_ONCE);
    this.#up.printed = 1 + others.length;
    this.#ports.print([
      '',
      `❓ ${this.#ports.emphasize(first)}`,
      ...others,
      ...this.#whereTheRestIs(this.#up),
      '',
    ]);
  }

  /** Of the question that came up last, where it has not been answered. */
  up(now: number): QuestionUp | undefined {
    if (!this.#up) return undefined;
    const { open, lines, printed, since } = this.#up;
    return {
      label: open.task.label,
      question: open.question,
      of: this.#unanswered(now).length,
      unread: lines.length - printed,
      isFresh: now - since < TOO_EARLY_MS,
    };
  }

  /** Whether the key was about a question; for others there may be another meaning. */
  press(key: string, now: number): boolean {
    const decision = KEYS.get(key);
    const up = this.#up;
    if (decision === undefined || !up || !up.open.question.offers.includes(decision)) return false;
    // A key that is held down has to be let go of: nobody may answer one question after another with it.
    const isTooEarly = now - up.since < TOO_EARLY_MS;
    if (isTooEarly) up.since = now;
    else if (decision.startsWith('approve') && up.printed < up.lines.length) this.#printRest(up, now);
    else this.#answer(up.open, decision, now);
    return true;
  }

  #answer(open: Open, decision: Decision, now: number): void {
    open.answeredAt = now;
    this.#up = undefined;
    this.#ports.answer(open.task, open.question, decision);
  }

  #printRest(up: Up, now: number): void {
    this.#ports.print([...up.lines.slice(up.printed), '']);
    up.printed = up.lines.length;
    up.since = now;
  }

  #whereTheRestIs({ open: { task }, lines, printed }: Up): readonly string[] {
    if (printed === lines.length) return [];
    const file = posix.join(posix.dirname(task.label), markerOf.question(task.name));
    return ['', `… and ${lines.length - printed} more lines: all of it is in ${visible(file)}`];
  }

  #unanswered(now: number): readonly Open[] {
    return this.#open.filter(
      ({ answeredAt }) => answeredAt === undefined || now - answeredAt > ANSWERED_WITHIN_MS,
    );
  }

  #drop(isOver: (open: Open) => boolean): void {
    this.#open = this.#open.filter((open) => !isOver(open));
    if (this.#up && isOver(this.#up.open)) this.#up = undefined;
  }
}

const isSame = (a: Question, b: Question) => a.claim === b.claim && a.n === b.n;
const isSameTask = (a: Task, b: Task) => a.directory === b.directory && a.name === b.name;
