/**
 * `codex-worker approve` and `deny`: one answer to one question. An answer is bound to the words that were shown, and is given
 * once, whoever else answers at the same moment; what came too late is taken back and said.
 */
import type { AnswerOptions } from '../core/answer-requests.ts';
import { EnvironmentError, isStorageError, UsageError } from '../core/errors.ts';
import type { AnswerNote } from '../core/journal-entry.ts';
import { shellQuoted } from '../core/printable.ts';
import { digestOf, idOf, type Answer, type Decision, type Question } from '../core/question.ts';
import { describeAnswer } from '../core/question-text.ts';
import type { AnswerOutcome, AnswerResult, OpenQuestion } from '../core/reports.ts';
import type { Task } from '../core/task.ts';
import { whoHears, type Hearer } from '../engine/open-questions.ts';
import { realWorld, type World } from '../engine/world.ts';
import { answersFolder, giveAnswer, openAnswers, readAnswer, removeAnswers } from '../io/answer-file.ts';
import { thisAnswerer } from '../io/answerer.ts';
import { describeDirectory } from '../io/file-system.ts';
import { COOKIE } from '../io/sweep.ts';
import { JournalReader } from '../io/journal.ts';
import { lookAtState } from '../io/task-directory.ts';
import { questionsOf } from './approvals.ts';
import { namedTask } from './task-names.ts';

export interface AnswerRequest extends AnswerOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Whether the person means it, after having seen all of the question. */
export type ConfirmAnswer = (asked: OpenQuestion) => Promise<boolean>;

/** Throws UsageError for what is no task, and for what is not offered. */
export async function answer(request: AnswerRequest, confirm: ConfirmAnswer): Promise<AnswerOutcome> {
  const { cwd, env, decision, id, yes } = request;
  const isYes = decision.startsWith('approve');
  refuseAgents(env, isYes ? 'approve' : 'deny');
  const world = realWorld();
  const task = await namedTask(world.files, request.task, cwd);
  const { open, unheard } = await questionsOf(world, task, cwd);
  const meant = open.filter(({ question }) => id === undefined || digestOf(question).startsWith(id));
  const answers = new Answers(world, env);
  const [asked, ...others] = await unanswered(meant, answers);
  if (!asked) return { kind: 'nothing-asked', task, why: await whyNothing(world, task, open, unheard, id) };
  if (others.length > 0) return { kind: 'several', open: [asked, ...others] };
  refuseUnoffered(asked, decision);
  const before = await answers.standing(asked);
  if (before) return { kind: 'answered', asked, result: before };
  // Also where it is named: what was read before may have been forged, file and digits (a notice is a file of the task directory).
  if (isYes && !yes && !(await confirm(asked))) return { kind: 'not-confirmed' };
  return { kind: 'answered', asked, result: await answers.give(asked, decision) };
}

/** An agent that approves itself would need nobody. Throws UsageError in a process that one has started. */
export function refuseAgents(env: NodeJS.ProcessEnv, verb: string): void {
  if (env[COOKIE] === undefined) return;
  throw new UsageError(
    `${verb} is for people, and this process was started by an agent (${COOKIE} is set)`,
    'answer from a terminal of your own',
  );
}

async function whyNothing(
  world: World,
  task: Task,
  open: readonly OpenQuestion[],
  unheard: readonly Task[],
  id: string | undefined,
): Promise<string> {
  const before = id === undefined ? undefined : await answerBefore(world, task, id);
  if (before) return `asked ${id}, and that is over: ${describeAnswer(before)}`;
  if (open.length > 0) return `does not ask ${id}, or not any more`;
  if (unheard.length > 0) return 'asked, but its worker is dead: the next run goes on with it';
  const state = await lookAtState(world.files, task);
  return `asks nothing: it is ${state === 'in-progress' ? 'in progress, and waits for nobody' : state}`;
}

/** What became of a question that is open no longer, as the journal has it. */
async function answerBefore(world: World, task: Task, id: string): Promise<AnswerNote | undefined> {
  let last: AnswerNote | undefined;
  const journal = new JournalReader(world.files, { path: task.directory }, (note) => {
    if (note.task === task.name && note.digest.startsWith(id)) last = note;
  });
  await journal.read();
  return last;
}

/** Of several those that nobody has answered; of what is answered the first, so that it can be said by whom. */
async function unanswered(
  meant: readonly OpenQuestion[],
  answers: Answers,
): Promise<readonly OpenQuestion[]> {
  if (meant.length <= 1) return meant;
  const left: OpenQuestion[] = [];
  for (const asked of meant) if (!(await answers.standing(asked))) left.push(asked);
  return left.length > 0 ? left : meant.slice(0, 1);
}

const OPTION_OF: Readonly<Record<Decision, string>> = {
  approve: 'approve',
  'approve-session': 'approve --session',
  deny: 'deny',
  stop: 'deny --stop',
};

/** Codex does not offer everything for every question. Throws UsageError. */
function refuseUnoffered({ question, task }: OpenQuestion, decision: Decision): void {
  const { offers } = question;
  if (offers.includes(decision)) return;
  throw new UsageError(
    `${OPTION_OF[decision]} is not offered for question ${idOf(question)} of ${JSON.stringify(task.label)}`,
    `what is: ${offers
      .toReversed()
      .map((offer) => OPTION_OF[offer])
      .join(', ')}`,
  );
}

/** For whoever answers by keys; as `Answers`. Throws EnvironmentError where there is no place for answers. */
export function openAnswering(env: NodeJS.ProcessEnv, world = realWorld()) {
  const answers = new Answers(world, env);
  return {
    standing: (asked: OpenQuestion) => answers.standing(asked),
    give: (asked: OpenQuestion, decision: Decision) => answers.give(asked, decision),
  };
}

/** Gives answers from this terminal. */
class Answers {
  readonly #world: World;
  readonly #folder: string;

  /** Throws EnvironmentError where there is no place for them. */
  constructor(world: World, env: NodeJS.ProcessEnv) {
    this.#world = world;
    this.#folder = answersFolder(env);
  }

  /** What stands in the way of an answer; `undefined` when it can be given. Throws as `give` does. */
  async standing({
    task,
    question,
  }: OpenQuestion): Promise<Exclude<AnswerResult, { kind: 'given' }> | undefined> {
    const directory = await describeDirectory(this.#world.files, task.directory);
    const hearer = await whoHears(this.#world, directory, question);
    if (hearer.kind !== 'listens') return { kind: 'late', why: hearer.kind === 'dead' ? 'dead' : 'over' };
    this.#refuseOtherEars(hearer);
    const { claim, n } = question;
    const by = await readAnswer(this.#world.files, this.#folder, claim, n);
    return by && { kind: 'taken', by, path: this.#pathOf(question) };
  }

  /**
   * Looks again after it was given: an attempt that ended in between hears nothing, and its answer is taken back. Throws
   * UsageError where the run that asks would not find the answer, EnvironmentError where it cannot be kept.
   */
  async give(asked: OpenQuestion, decision: Decision): Promise<AnswerResult> {
    try {
      return await this.#tryToGive(asked, decision);
    } catch (error) {
      if (!isStorageError(error)) throw error;
      throw new EnvironmentError(`it could not be answered: ${error.message}`, undefined, { cause: error });
    }
  }

  async #tryToGive(asked: OpenQuestion, decision: Decision): Promise<AnswerResult> {
    const { files, me, now } = this.#world;
    const { task, question } = asked;
    const before = await this.standing(asked);
    if (before) return before;
    await openAnswers(files, this.#folder);
    const { claim, n } = question;
    const answer = {
      claim,
      n,
      digest: digestOf(question),
      decision,
      how: 'person' as const,
      by: thisAnswerer(me),
      at: now().getTime(),
    };
    const given = await giveAnswer(files, this.#folder, answer);
    if (given.kind === 'taken') return { ...given, path: this.#pathOf(question) };
    const directory = await describeDirectory(files, task.directory);
    const after = await whoHears(this.#world, directory, question);
    if (after.kind === 'listens') return { kind: 'given', answer, ...this.#elsewhere(after) };
    // It may have been heard, and the attempt be over for it, before we looked again.
    if (await this.#wasHeard(task, answer)) return { kind: 'given', answer };
    await removeAnswers(files, this.#folder, claim, n);
    return { kind: 'late', why: after.kind === 'dead' ? 'dead' : 'over' };
  }

  /** Whoever hears an answer writes it down before the agent is told. */
  async #wasHeard({ directory }: Task, { claim, n, digest, at, by }: Answer): Promise<boolean> {
    let isHeard = false;
    const journal = new JournalReader(this.#world.files, { path: directory }, (note) => {
      const isOurs = note.digest === digest && note.at === at && note.by.pid === by.pid;
      isHeard ||= note.claim === claim && note.n === n && isOurs;
    });
    await journal.read();
    return isHeard;
  }

  #pathOf({ claim, n }: Question): string {
    return `${this.#folder}/${claim}.${n}`;
  }

  #elsewhere({ owner }: Hearer): { readonly elsewhere?: string } {
    const { host } = this.#world.me;
    return owner && owner.host.machine !== host.machine ? { elsewhere: owner.host.name } : {};
  }

  /** An answer that the run cannot find would be taken for one. What cannot be known here is left to the person. */
  #refuseOtherEars({ owner }: Hearer): void {
    const { me, table } = this.#world;
    if (!owner) return;
    if (owner.host.uid !== me.host.uid)
      throw new UsageError(
        `the run that asks belongs to another user (uid ${owner.host.uid}), who has to answer`,
        'answers are kept where nobody else can write',
      );
    const isHere = owner.host.boot === me.host.boot && owner.host.pidns === me.host.pidns;
    const environment = isHere ? table.environment(owner.pid) : undefined;
    const theirs = environment === undefined ? undefined : folderIn(environment);
    if (theirs === undefined || theirs === this.#folder) return;
    const state = theirs.slice(0, -'/codex-worker/answers'.length);
    throw new UsageError(
      `the run that asks looks for answers in ${theirs}, and not in ${this.#folder}`,
      `XDG_STATE_HOME=${shellQuoted(state)} codex-worker …`,
    );
  }
}

/** Where a process with this environment, entries ended by NUL, looks for answers. */
function folderIn(environment: string): string | undefined {
  const entries = environment.split('\0').map((entry) => [entry.split('=')[0] ?? '', entry] as const);
  const valueOf = (name: string) => entries.find(([key]) => key === name)?.[1].slice(name.length + 1);
  const [home, state] = [valueOf('HOME'), valueOf('XDG_STATE_HOME')];
  try {
    return answersFolder({
      ...(home !== undefined && { HOME: home }),
      ...(state !== undefined && { XDG_STATE_HOME: state }),
    });
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    return undefined;
  }
}
