/**
 * The questions of one attempt, from the moment that its agent asks to the answer that it is told. They are files, so that
 * they can be read and answered in any terminal; whose answer counts is decided once, by the name of a file (io/answer-file.ts).
 *
 * While one is open, the clocks of the attempt stand still and its place is free for another. A question that is no longer
 * needed, since the attempt ends, is answered by us: from then on nobody else can, and nobody thinks that he had.
 */
import { setMaxListeners } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isStorageError } from '../core/errors.ts';
import { answerNote } from '../core/answer-note.ts';
import { DECISIONS, digestOf, type Answer, type Question } from '../core/question.ts';
import { questionText } from '../core/question-text.ts';
import { giveAnswer, openAnswers, readAnswer } from '../io/answer-file.ts';
import { thisAnswerer } from '../io/answerer.ts';
import type { AppServer, RequestId, ServerQuestion } from '../io/app-server.ts';
import type { CodexListener } from '../io/codex-listener.ts';
import { isWritten, removeQuestion, writeNotice, writeQuestion } from '../io/question-file.ts';
import { AwakeClock } from './awake-clock.ts';
import type { Running } from './conclude.ts';
import type { Watchdog } from './watchdog.ts';

/** Between two looks for an answer, ms. */
const LOOK_EVERY_MS = 250;
/** After so many it is looked whether the question is still there. */
const LOOKS_BETWEEN_FILES = 8;
/** At the name of an answer that is taken by none. */
const MOST_LOOKS_IN_VAIN = 8;
/** More than anybody reads; what cannot be read cannot be approved. */
const MOST_CHARACTERS = 1_048_576;
/** At once; with each of them the notice grows that is written anew for each. */
const MOST_OPEN = 100;

interface Open {
  readonly question: Question;
  readonly digest: string;
  readonly clock: AwakeClock;
  /** Codex no longer needs an answer. */
  isNeeded: boolean;
}

/** Of each question somebody listens: Node takes more than ten for a leak, and would say so on the terminal. */
function wakeAll(): AbortController {
  const wake = new AbortController();
  setMaxListeners(0, wake.signal);
  return wake;
}

export class Questions {
  /** Whose answer ended the turn. */
  stoppedBy: Answer | undefined;
  readonly #running: Running;
  readonly #heard: CodexListener;
  readonly #server: Pick<AppServer, 'decide'>;
  readonly #watchdog: Pick<Watchdog, 'hold' | 'goOn'>;
  readonly #open = new Map<RequestId, Open>();
  readonly #attended = new Set<Promise<void>>();
  #count = 0;
  #hasPlace = true;
  /** It has asked for a place, for all answers that wait for one. */
  #taking: Promise<void> | undefined;
  /** One at a time: of two, the older could be written last. And one that has not begun yet is for all who want one. */
  #noticed: Promise<void> = Promise.resolve();
  #nextNotice: Promise<void> | undefined;
  readonly #over = new AbortController();
  #wake = wakeAll();
  #failure: unknown;

  constructor(
    running: Running,
    heard: CodexListener,
    server: Pick<AppServer, 'decide'>,
    watchdog: Pick<Watchdog, 'hold' | 'goOn'>,
  ) {
    this.#running = running;
    this.#heard = heard;
    this.#server = server;
    this.#watchdog = watchdog;
  }

  /** Its agent asks, and goes on when there is an answer. */
  ask(asked: ServerQuestion): void {
    const { order, world, history } = this.#running;
    const { id, ...what } = asked;
    const question: Question = {
      claim: order.claim,
      n: ++this.#count,
      task: order.task.name,
      attempt: history.nextAttempt,
      ...what,
      at: world.now().getTime(),
      offers: DECISIONS,
    };
    const isTooMuch = this.#open.size >= MOST_OPEN || JSON.stringify(question).length > MOST_CHARACTERS;
    if (isTooMuch || !order.answers) {
      this.#heard.warn('declined: its agent asked for more than anybody could read');
      return this.#server.decide(id, 'deny');
    }
    const open = {
      question,
      digest: digestOf(question),
      clock: new AwakeClock(() => performance.now()),
      isNeeded: true,
    };
    this.#open.set(id, open);
    this.#watchdog.hold();
    const attended = this.#attend(id, open)
      .catch((error: unknown) => {
        this.#failure ??= error;
        void this.#running.child.end('storage');
      })
      .finally(() => {
        this.#open.delete(id);
        this.#watchdog.goOn();
        this.#attended.delete(attended);
      });
    this.#attended.add(attended);
  }

  /** Codex has withdrawn it, or we have answered. */
  settled(id: RequestId): void {
    const open = this.#open.get(id);
    if (!open) return;
    open.isNeeded = false;
    this.#look();
  }

  /**
   * The attempt ends: what is open is withdrawn. Resolves when nothing of it is left to be seen. The answers stay until the
   * claim is released, so that nobody else can give one meanwhile.
   */
  async close(): Promise<void> {
    this.#over.abort();
    this.#look();
    while (this.#attended.size > 0) await Promise.all(this.#attended);
    if (this.#failure !== undefined && !isStorageError(this.#failure)) throw this.#failure;
  }

  async #attend(id: RequestId, open: Open): Promise<void> {
    const { world, order, ports, log } = this.#running;
    const { question, digest } = open;
    await writeQuestion(world.files, order.directory, world.me, question);
    await this.#notice();
    log.entry({ kind: 'question', question, lines: this.#text(question, {}) });
    ports.tell({ kind: 'question', question, digest });
    this.#leavePlace();
    const answer = await this.#answerTo(open);
    log.entry({ kind: 'answered', question, answer });
    ports.tell({ kind: 'answered', question, answer });
    await world.accounts?.append(order.directory, answerNote(question, answer));
    await removeQuestion(world.files, order.directory, order.claim, question.n);
    this.#open.delete(id);
    await this.#notice();
    if (!open.isNeeded || this.#isOver) return;
    if (answer.decision === 'stop') this.stoppedBy = answer;
    if (answer.decision === 'deny') this.#heard.denied(question.asked);
    // While it waits for a person with something else, what it may run already is no reason to keep others waiting.
    if (this.#open.size === 0) await this.#takePlace();
    this.#server.decide(id, answer.decision);
  }

  /** Somebody's, sooner or later; at last our own. */
  async #answerTo(open: Open): Promise<Answer> {
    const { world, order } = this.#running;
    const { claim, answers } = order;
    const folder = answers?.folder ?? '';
    let waitedMs = 0;
    let looksInVain = 0;
    for (let looks = 1; ; looks++) {
      const answer = await readAnswer(world.files, folder, claim, open.question.n);
      if (answer) return this.#asMeant(open, answer);
      waitedMs = open.clock.read().awakeMs;
      const isLate = answers?.timeoutMs !== undefined && waitedMs >= answers.timeoutMs;
      if (!open.isNeeded || this.#isOver || isLate) {
        const how = isLate && open.isNeeded && !this.#isOver ? 'timeout' : 'withdrawn';
        const own = this.#ownAnswer(open, how);
        await openAnswers(world.files, folder); // somebody may have removed it
        const given = await giveAnswer(world.files, folder, own);
        if (given.kind === 'given') return own;
        if (given.by) return this.#asMeant(open, given.by); // somebody was faster
        // Where there are no hard links he may be at it just now; or he died of it, or the name is taken by what is no answer.
        if (++looksInVain > MOST_LOOKS_IN_VAIN) return own;
        await sleep(LOOK_EVERY_MS);
        continue;
      }
      if (looks % LOOKS_BETWEEN_FILES === 0) await this.#writeAgain(open.question);
      await sleep(LOOK_EVERY_MS, undefined, { signal: this.#wake.signal }).catch(() => {});
    }
  }

  /** `.codex-worker` may be removed at any time; a question that nobody can find would wait for ever. */
  async #writeAgain(question: Question): Promise<void> {
    const { world, order } = this.#running;
    if (!(await isWritten(world.files, order.directory, question)))
      await writeQuestion(world.files, order.directory, world.me, question);
  }

  /** Who saw other words has not answered this question. */
  #asMeant({ digest }: Open, answer: Answer): Answer {
    if (answer.digest === digest) return answer;
    this.#heard.warn(
      'declined: the question that was answered is not the one that was asked; its file was changed',
    );
    return { ...answer, decision: 'deny' };
  }

  #ownAnswer({ question, digest }: Open, how: 'timeout' | 'withdrawn'): Answer {
    const { world, order } = this.#running;
    return {
      claim: order.claim,
      n: question.n,
      digest,
      decision: 'deny',
      how,
      by: thisAnswerer(world.me),
      at: world.now().getTime(),
    };
  }

  #notice(): Promise<void> {
    if (this.#nextNotice) return this.#nextNotice;
    const written = this.#noticed.then(() => {
      this.#nextNotice = undefined;
      return this.#writeNotice();
    });
    this.#nextNotice = written;
    this.#noticed = written.catch(() => {}); // heard by whoever waits for it
    return written;
  }

  async #writeNotice(): Promise<void> {
    const { world, order } = this.#running;
    const { directory, task } = order;
    const open = [...this.#open.values()].map(({ question }) => question);
    // Whoever finds it may be anywhere.
    const howToAnswer = { path: path.join(task.directory, task.name) };
    const text = open.map((question) => this.#text(question, howToAnswer).join('\n'));
    await writeNotice(
      world.files,
      directory,
      world.me,
      task.name,
      text.length > 0 ? `${text.join('\n\n')}\n` : undefined,
    );
  }

  #text(question: Question, howToAnswer: { readonly path?: string }): string[] {
    return questionText(question, this.#running.world.now().getTime(), howToAnswer);
  }

  #leavePlace(): void {
    if (!this.#hasPlace) return; // or it waits for one just now
    this.#hasPlace = false;
    this.#running.ports.tell({ kind: 'place', is: 'left' });
  }

  /** Resolves when it may go on; or when the attempt ends, and it does not matter any more. */
  async #takePlace(): Promise<void> {
    if (this.#hasPlace) return;
    this.#taking ??= Promise.resolve(this.#running.ports.takePlace?.(this.#over.signal));
    await this.#taking;
    this.#taking = undefined;
    this.#hasPlace = true;
  }

  get #isOver(): boolean {
    return this.#over.signal.aborted;
  }

  #look(): void {
    this.#wake.abort();
    if (!this.#isOver) this.#wake = wakeAll();
  }
}
