/**
 * Order and time of one run: look at what others have → review what came → ceilings → pauses → dispatch → fold in each outcome,
 * until nothing is left that this run may take.
 *
 * The set of tasks is fixed when the run begins, unless it is to stay for new ones; what may change is their states, and
 * others change them too. So the directory is looked at again whenever there is nothing to dispatch, and every few seconds
 * while there is something to wait for, and a state is never remembered when it can be read.
 */
import { Breaker } from '../core/breaker.ts';
import type { ClaimId } from '../core/claim.ts';
import { EnvironmentError, isStorageError } from '../core/errors.ts';
import type { AgentActivity, DispatchEnd, RunEvent, RunSummary } from '../core/event.ts';
import type { EnvironmentProblem, Failure } from '../core/failure.ts';
import type { Outcome } from '../core/outcome.ts';
import { markerOf, type Task } from '../core/task.ts';
import { unreachable } from '../core/unreachable.ts';
import { resetTask } from './by-hand.ts';
import type { Ceilings } from './ceilings.ts';
import { Crashes } from './crashes.ts';
import type { DrainState } from './drain.ts';
import { ElbowRoom } from './elbow-room.ts';
import type { Heard } from './heard.ts';
import { Intake, type TasksOfRun } from './intake.ts';
import { Level, type Place } from './level.ts';
import type { LimitNews } from './limit-news.ts';
import { makeOrder, settingsFor, type OrderTerms } from './make-order.ts';
import type { AttemptNews, AttemptOrder, PriorResult } from './order.ts';
import { OthersNews } from './others-news.ts';
import { directoryOf, Others } from './others.ts';
import type { Pauses } from './pauses.ts';
import type { Ledger } from './ledger.ts';
import { LOOK_EVERY_MS } from './silence.ts';
import { standingAfter, whyInVain } from './standing-after.ts';
import { ELSEWHERE, READY, Standings } from './standings.ts';
import { summarise, Tally } from './summary.ts';
import type { World } from './world.ts';

export interface CoordinatorDeps extends TasksOfRun, OrderTerms {
  /** Locks in the run's directories that belong to none of its tasks. */
  readonly strays: readonly Task[];
  readonly pauses: Pauses;
  readonly emit: (event: RunEvent) => void;
  readonly attempt: (order: AttemptOrder, onNews: (news: AttemptNews) => void) => Promise<Outcome>;
  readonly drainState: () => DrainState;
  readonly ceilings: Pick<Ceilings, 'look' | 'reached' | 'budgetOf' | 'left'>;
  readonly ledger: Pick<Ledger, 'look' | 'all' | 'ours'>;
  readonly heard?: Pick<Heard, 'countCompleted'>;
  /** There is a place again for an attempt that waited for a person. */
  readonly givePlace?: (claim: ClaimId) => void;
  readonly limitNews?: Pick<LimitNews, 'hear'>;
}

export class Coordinator {
  readonly #world: World;
  readonly #deps: CoordinatorDeps;
  readonly #intake: Intake;
  readonly #others: Others;
  readonly #othersNews: OthersNews;
  readonly #level: Level;
  /** Of all tasks but those that were completed when the run began, and stay so. */
  readonly #standings: Standings;
  /** Results that were there when the run began, and that it may therefore supersede. */
  readonly #priors = new Map<Task, PriorResult>();
  /** Claims that a living worker thread of this process works on. */
  readonly #inHand = new Set<ClaimId>();
  readonly #attempts = new Set<Promise<void>>();
  /** How many questions of an attempt are open; those that have none are not in it. */
  readonly #questions = new Map<ClaimId, number>();
  /** Attempts that have their answer, and no place to go on. */
  readonly #wantPlace = new Map<ClaimId, Place>();
  readonly #reapings = new Set<Promise<void>>();
  readonly #crashes = new Crashes();
  /** Attempts of this run that failed and were put back. */
  readonly #retried = new Map<Task, number>();
  readonly #breaker: Breaker<{ readonly task: Task; readonly claim: ClaimId }>;
  readonly #elbowRoom = new ElbowRoom();
  readonly #tally = new Tally();
  readonly #startedAt: number;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #problem: EnvironmentProblem | undefined;
  #ended: DispatchEnd | undefined;
  #bug: unknown;
  #wake: () => void = () => {};

  constructor(world: World, deps: CoordinatorDeps) {
    this.#world = world;
    const emit = (event: RunEvent) => {
      this.#tally.note(event);
      deps.emit(event);
    };
    this.#deps = { ...deps, emit };
    this.#standings = new Standings(deps.plan);
    this.#others = new Others(world, {
      options: deps.options,
      directories: deps.directories,
      strays: deps.strays,
      emit: deps.emit,
      standings: this.#standings,
      priors: this.#priors,
      isInHand: (claim) => this.#inHand.has(claim),
      track: (reaping) => this.#track(this.#reapings, reaping),
      mayLeave: () => this.#isStopping(),
    });
    this.#othersNews = new OthersNews({ ...deps, standings: this.#standings });
    this.#intake = new Intake(world, {
      ...deps,
      standings: this.#standings,
      priors: this.#priors,
      others: this.#others,
      tally: this.#tally,
      wasReset: (task) => void this.#retried.delete(task),
      hasGrown: (tasks) => void (this.#breaker.tasks = tasks),
    });
    this.#breaker = new Breaker(deps.options.maxFailures, deps.tasks.length);
    this.#level = new Level(
      deps.options.concurrency,
      (level, why) => deps.emit({ kind: 'level', level, of: this.#level.asked, why }),
      deps.options.maxWaiting,
    );
    this.#startedAt = world.uptimeMs();
  }

  /** Works until nothing is left that it may take, or it is told to stop, and all its attempts have ended. */
  async run(): Promise<{
    summary: RunSummary;
    problem: EnvironmentProblem | undefined;
    ended: DispatchEnd | undefined;
  }> {
    const { pauses } = this.#deps;
    await this.#begin();
    await pauses.begin({
      wake: () => this.#wake(),
      resumed: () => this.#level.restart(this.#world.uptimeMs(), this.#world.random()),
    });
    await this.#unlessBroken(() => this.#dispatchAll());
    const leave = () => this.#unlessBroken(() => pauses.prepare(false)); // it begins nothing more: others may
    await leave();
    while (this.#attempts.size + this.#reapings.size > 0) {
      await Promise.race([...this.#attempts, ...this.#reapings]);
      await leave();
    }
    await this.#unlessBroken(() => pauses.close());
    if (this.#bug !== undefined) throw this.#bug;
    for (const [on, tasks] of this.#standings.waitingInVain()) {
      const why = whyInVain(this.#standings.of(on));
      if (why === 'given-back' && this.#isStopping()) continue; // as all that was on, and nobody need be told for each
      this.#deps.emit({ kind: 'left-waiting', on, why, tasks });
    }
    return { summary: await this.#summary(), problem: this.#problem, ended: this.#ended };
  }

  async #dispatchAll(): Promise<void> {
    while (!this.#isStopping()) {
      await this.#look();
      await this.#intake.review();
      await this.#deps.ceilings.look();
      await this.#deps.pauses.prepare(this.#mayTry());
      this.#dispatch();
      if (this.#isStopping() || !this.#stays()) break;
      if (!this.#hasWork()) this.#othersNews.tellWait();
      await this.#change();
    }
  }

  /** What is thrown is thrown at the end of the run: what runs is finished, and heard of. */
  async #unlessBroken(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#bug ??= error;
    }
  }

  /** Something happened outside (a signal): look at it now. */
  wake(): void {
    this.#wake();
  }

  /** What runs is finished, and nothing else begins; the first reason stays. */
  endDispatch(why: DispatchEnd): void {
    if (this.#isStopping()) return;
    this.#ended = why;
    this.#deps.emit({ kind: 'dispatch-ended', why, running: this.#standings.count('running') });
    this.#wake();
  }

  get running(): number {
    return this.#attempts.size;
  }

  /** How many of them wait for an answer of a person. */
  get asking(): number {
    return this.#questions.size;
  }

  /** How many attempts were asked for at once. */
  get concurrency(): number {
    return this.#level.asked;
  }

  /** More begin at once; where fewer are asked for, what is on is finished. */
  changeConcurrency(to: number): void {
    this.#level.ask(to);
    this.#givePlaces();
    this.#wake();
  }

  #isStopping(): boolean {
    const isOver = this.#problem ?? this.#ended ?? this.#bug;
    return isOver !== undefined || this.#deps.drainState() !== 'running';
  }

  async #begin(): Promise<void> {
    const { options, tasks, emit, run, codexVersion, how } = this.#deps;
    const { states, refused } = await this.#intake.begin();
    emit({
      kind: 'run-started',
      run,
      options,
      codex: codexVersion,
      how,
      total: tasks.length,
      states,
      refused,
    });
    this.#othersNews.begin(states['in-progress']);
  }

  /** Looks at what others have: every few seconds, and whenever there is nothing else to do. */
  async #look(): Promise<void> {
    const now = this.#world.uptimeMs();
    const idle = this.#standings.nextReady() === undefined && this.#attempts.size < this.#level.asked;
    const isTime = now - this.#lookedAt >= LOOK_EVERY_MS;
    if (!isTime && !idle) return;
    this.#lookedAt = now;
    await this.#others.look();
    if (isTime && this.#tally.attempts > 0) await this.#deps.ledger.look(); // the summary would have to
    this.#othersNews.tellCounts();
  }

  /** Hands out as many tasks as there are places, in their order. */
  #dispatch(): void {
    const now = this.#world.uptimeMs();
    this.#standings.endDelays(now);
    while (!this.#isStopping() && this.#mayBegin(now)) {
      const task = this.#standings.nextReady(this.#elbowRoom.among, this.#world.random());
      if (!task) return;
      const end = this.#deps.ceilings.reached(0);
      if (end) return this.endDispatch(end);
      if (this.#wouldPassCeiling()) return;
      this.#standings.move(task, { kind: 'running' });
      this.#deps.pauses.began(task);
      const place = this.#level.begin(now, this.#world.random());
      const attempt = this.#attempt(task, place).finally(() => {
        this.#level.end(place); // also where it ends by a bug: others that have their answer wait for it
        this.#givePlaces();
      });
      this.#track(this.#attempts, attempt);
    }
  }

  /** First come, first served, also where nothing new may begin; but who has never left its place waits for nobody. */
  #givePlaces(): void {
    for (const [claim, place] of this.#wantPlace) {
      if (!this.#level.takeAgain(place)) continue;
      this.#wantPlace.delete(claim);
      this.#deps.givePlace?.(claim);
    }
  }

  /** Whether there is a task, and room for it, to try a limit with. */
  #mayTry(): boolean {
    return this.#standings.count('ready') > 0 && this.#level.hasPlace && !this.#wouldPassCeiling();
  }

  /** One that runs may come to nothing, and one that has ended may be in the journal already: so it is waited for them. */
  #wouldPassCeiling(): boolean {
    return this.#attempts.size > 0 && this.#deps.ceilings.reached(this.#attempts.size) !== undefined;
  }

  #mayBegin(now: number): boolean {
    const { admits } = this.#deps.pauses;
    return admits === 'all' ? this.#level.hasRoom(now) : admits === 'probe' && this.#level.hasPlace;
  }

  #track(group: Set<Promise<void>>, work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => void (this.#bug ??= error))
      .finally(() => {
        group.delete(tracked);
        this.#wake();
      });
    group.add(tracked);
  }

  async #attempt(task: Task, place: Place): Promise<void> {
    const { attempt } = this.#deps;
    // Another terminal may have taken it since the last look; asking costs nothing beside starting a child for it.
    const now = await this.#others.standing(task);
    if (now.kind !== 'ready') {
      this.#elbowRoom.chose(now.kind === 'elsewhere');
      await this.#learn(task, place);
      return this.#standings.move(task, now);
    }
    if (this.#hasSpentAll(task)) {
      await this.#learn(task, place);
      return this.#standings.move(task, { kind: 'over', how: 'given-back' });
    }
    const own = await settingsFor(this.#world.files, task, this.#deps.options);
    if (own.kind !== 'allowed') return this.#endUnbegun(task, place, own);
    const order = makeOrder(task, own, this.#deps, {
      retried: this.#retried.get(task) ?? 0,
      prior: this.#priors.get(task),
      budget: this.#deps.ceilings.budgetOf(task),
    });
    this.#inHand.add(order.claim);
    let outcome: Outcome;
    try {
      outcome = await attempt(order, (news) => this.#hear(task, order, place, news));
    } catch (error) {
      if (error instanceof EnvironmentError) throw error; // no attempt can begin here at all
      outcome = this.#crashed(task, error);
    } finally {
      this.#inHand.delete(order.claim);
      this.#wantPlace.delete(order.claim);
      this.#questions.delete(order.claim);
    }
    await this.#foldIn(task, order.claim, place, outcome);
  }

  /** What an outcome changes: where the task stands, how many may be on, whether anything more begins; and it is told. */
  async #foldIn(task: Task, claim: ClaimId, place: Place, outcome: Outcome): Promise<void> {
    const { emit } = this.#deps;
    this.#elbowRoom.chose(outcome.kind === 'skipped' && outcome.reason === 'already-claimed');
    if (outcome.kind === 'refused') await this.#intake.wasRefused(task);
    this.#tally.count(outcome);
    if (outcome.kind === 'returned' && outcome.reason.kind === 'environment')
      this.#stop(outcome.reason.problem);
    const standing = standingAfter(outcome, this.#world.uptimeMs());
    const learnt = this.#learn(task, place, outcome); // from here on nothing begins where a limit was met
    learnt.catch(() => {}); // heard below
    this.#standings.move(task, standing);
    if (outcome.kind === 'skipped' && outcome.reason === 'task-gone') this.#intake.hasGone(task);
    const log = logOf(task, outcome);
    emit({ kind: 'attempt-ended', task, outcome, ...(log === undefined ? {} : { log }) });
    if (standing.kind === 'delayed' && outcome.kind === 'failed') {
      this.#retried.set(task, 1 + (this.#retried.get(task) ?? 0));
      emit({
        kind: 'retry-scheduled',
        task,
        attempt: outcome.attempt + 1,
        waitMs: Math.max(0, standing.until - this.#world.uptimeMs()),
      });
    }
    if (outcome.kind === 'succeeded') this.#breaker.succeeded();
    if (outcome.kind === 'failed' && !outcome.willRetry) await this.#break(task, claim, outcome.failure);
    await learnt;
  }

  async #endUnbegun(task: Task, place: Place, outcome: Outcome): Promise<void> {
    await this.#learn(task, place);
    this.#tally.count(outcome);
    if (outcome.kind === 'returned' && outcome.reason.kind === 'environment')
      this.#stop(outcome.reason.problem);
    if (outcome.kind === 'refused') await this.#intake.wasRefused(task);
    this.#standings.move(task, standingAfter(outcome, this.#world.uptimeMs()));
    this.#deps.emit({ kind: 'attempt-ended', task, outcome });
  }

  /** What an attempt's end says about how many may be on; without an outcome it was not begun. */
  async #learn(task: Task, place: Place, outcome?: Outcome): Promise<void> {
    this.#level.end(place, outcome);
    this.#givePlaces();
    await this.#deps.pauses.ended(task, outcome);
  }

  /** Looks whether this failure is one too many. Nothing is dispatched between the end of the task and the end of dispatch. */
  async #break(task: Task, claim: ClaimId, failure: Failure): Promise<void> {
    const { end, outage, caught } = this.#breaker.failed({ task, claim }, failure);
    if (outage !== undefined) await this.#deps.pauses.pauseFor({ class: 'limited', message: outage });
    if (end && this.#isAnyLeft(caught.length)) this.endDispatch(end);
    for (const { task: failed, claim: attempt } of caught) await this.#makePending(failed, attempt);
  }

  #isAnyLeft(caught: number): boolean {
    return caught > 0 || this.#standings.count('ready', 'waiting', 'delayed', 'running', 'suspect') > 0;
  }

  async #makePending(task: Task, claim: ClaimId): Promise<void> {
    const { directories, run, by, emit } = this.#deps;
    try {
      const done = await resetTask(this.#world, directoryOf(directories, task), task, run, by, claim);
      if (done === 'blocked') return; // it stays failed
      this.#retried.delete(task);
      this.#standings.move(task, done === 'reset' ? READY : ELSEWHERE);
      if (done === 'reset') emit({ kind: 'made-pending', task });
    } catch (error) {
      if (!isStorageError(error)) throw error;
      this.#stop({ kind: 'storage', message: error.message });
    }
  }

  /** Whether its earlier attempts have used up what it may spend: then another one would be ended at once. */
  #hasSpentAll(task: Task): boolean {
    const budget = this.#deps.ceilings.budgetOf(task);
    if (!budget || budget.left > 0) return false;
    const message = `${task.label} is left alone: it has spent the ${budget.limit} tokens of --max-tokens-per-task; a higher one takes it again, or --since`;
    this.#deps.emit({ kind: 'notice', message });
    return true;
  }

  #hear(task: Task, order: AttemptOrder, place: Place, news: AttemptNews): void {
    const { emit, pauses } = this.#deps;
    switch (news.kind) {
      case 'started':
        return emit({
          kind: 'attempt-started',
          task,
          attempt: news.attempt,
          claim: order.claim,
          pid: news.pid,
        });
      case 'activity':
        if (isOfTheModel(news.activity)) {
          this.#level.answered(place);
          pauses.answered(task);
        }
        return emit({ kind: 'attempt-activity', task, activity: news.activity });
      case 'notice':
        return emit({ kind: 'notice', message: news.message });
      case 'question':
        this.#asks(order.claim, 1);
        return emit({ kind: 'question', task, question: news.question, digest: news.digest });
      case 'answered':
        this.#asks(order.claim, -1);
        return emit({ kind: 'answered', task, question: news.question, answer: news.answer });
      case 'place':
        if (news.is === 'wanted') this.#wantPlace.set(order.claim, place);
        else this.#level.leave(place);
        this.#givePlaces();
        return this.#wake();
      case 'limits':
        return this.#deps.limitNews?.hear(order.directory, news.said);
      default:
        return unreachable(news);
    }
  }

  #asks(claim: ClaimId, more: 1 | -1): void {
    const open = (this.#questions.get(claim) ?? 0) + more;
    if (open > 0) this.#questions.set(claim, open);
    else this.#questions.delete(claim);
  }

  #crashed(task: Task, error: unknown): Outcome {
    const outcome = this.#crashes.outcomeOf(task, error);
    if (!outcome.willRetry) this.#bug ??= error;
    return outcome;
  }

  #stop(problem: EnvironmentProblem): void {
    if (this.#problem) return;
    this.#problem = problem;
    this.#deps.emit({ kind: 'stopped', problem });
  }

  /** Whether there is, or may come to be, something for this run to do. */
  #stays(): boolean {
    const { options } = this.#deps;
    if (options.watch || this.#isWaiting()) return true;
    if (!options.wait || !this.#standings.isAnyElsewhere()) return false;
    this.#othersNews.tellStay();
    return true;
  }

  /** Whether something runs, or will become ready by itself. */
  #isWaiting(): boolean {
    return this.#hasWork() || this.#standings.hopesForOthers();
  }

  #hasWork(): boolean {
    const ours = this.#standings.count('ready', 'delayed', 'suspect');
    return this.#attempts.size + this.#reapings.size + ours > 0;
  }

  /** Until an attempt ends, a retry is due, the next look is due, or somebody wakes us. */
  async #change(): Promise<void> {
    const now = this.#world.uptimeMs();
    const apart = this.#level.waitMs(now) ?? LOOK_EVERY_MS;
    const review = this.#intake.dueInMs ?? LOOK_EVERY_MS;
    const delay = this.#standings.delayedForMs(now);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(LOOK_EVERY_MS, apart, review, delay));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = () => {};
  }

  #summary(): Promise<RunSummary> {
    const { options, pauses, ledger, ceilings, tasks } = this.#deps;
    return summarise(this.#world.files, {
      noTasks: this.#intake.noTasks,
      ...(options.wait && { tasks }),
      tally: this.#tally,
      standings: this.#standings,
      priors: this.#priors,
      reaped: this.#others.reaped,
      durationMs: this.#world.uptimeMs() - this.#startedAt,
      pausedMs: pauses.pausedMs,
      concurrency: this.#level.asked,
      ledger,
      ceilings,
    });
  }
}

/** What only a model that was reached can have said. */
function isOfTheModel({ kind }: AgentActivity): boolean {
  return kind !== 'error' && kind !== 'other';
}

/** Where the log of a result stands; an attempt without a result has none to point at. */
function logOf(task: Task, outcome: Outcome): string | undefined {
  if (outcome.kind === 'succeeded') return `${task.directory}/${markerOf.completed(task.name)}`;
  const isResult = outcome.kind === 'failed' && !outcome.willRetry;
  return isResult ? `${task.directory}/${markerOf.failed(task.name)}` : undefined;
}
