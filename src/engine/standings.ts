/** Where each task of a run stands, as far as this run is concerned, and quick answers to "which stand there?". */
import type { Task } from '../core/task.ts';
import { Prerequisites, type After } from './prerequisites.ts';
import { ReadyTasks } from './ready-tasks.ts';

export type OverHow =
  | 'already-completed'
  | 'left-failed'
  | 'completed'
  | 'failed'
  | 'given-back'
  | 'completed-elsewhere'
  | 'failed-elsewhere'
  | 'refused';

export type Standing =
  | { readonly kind: 'ready' }
  /** Ready, but for tasks that must be completed first. */
  | { readonly kind: 'waiting' }
  /** A retry that waits; `until` is on the world's uptime clock, ms. */
  | { readonly kind: 'delayed'; readonly until: number }
  | { readonly kind: 'running' }
  | { readonly kind: 'reaping' }
  /** Another process works on it; of one that is silent nobody here can say whether it lives. */
  | { readonly kind: 'elsewhere'; readonly isSilent?: true }
  /** In progress, and a few more looks will tell whether its owner is dead. */
  | { readonly kind: 'suspect' }
  /** In progress, and only a person can change that. */
  | { readonly kind: 'held' }
  | { readonly kind: 'over'; readonly how: OverHow };

/** One for all the tasks that stand there. */
export const READY: Standing = { kind: 'ready' };
export const ELSEWHERE: Standing = { kind: 'elsewhere' };
export const SILENT: Standing = { kind: 'elsewhere', isSilent: true };
export const REFUSED: Standing = { kind: 'over', how: 'refused' };
const WAITING: Standing = { kind: 'waiting' };

/** In which order the tasks want to be taken. */
export interface TaskOrder {
  /** Of tasks that have one other than 0. */
  readonly priorities: ReadonlyMap<Task, number>;
  readonly after: After;
}

type Group = Exclude<Standing['kind'], 'over' | 'ready'>;

export class Standings {
  readonly #standings = new Map<Task, Standing>();
  readonly #ready: ReadyTasks;
  readonly #byKind = new Map<Group, Set<Task>>();
  readonly #over = new Map<OverHow, number>();
  readonly #prerequisites: Prerequisites;
  /** Of the tasks that wait: where they would be taken, had they not to wait. */
  readonly #places = new Map<Task, number>();
  #lastPlace = 0;

  constructor({ priorities, after }: TaskOrder = { priorities: new Map(), after: new Map() }) {
    this.#ready = new ReadyTasks(priorities);
    this.#prerequisites = new Prerequisites(after);
  }

  /** Takes note of the tasks that are completed and will stand nowhere here. */
  begin(isCompleted: (task: Task) => boolean): void {
    for (const task of this.#prerequisites.awaited) if (isCompleted(task)) this.#release(task);
  }

  /** More tasks are about to stand here; of those that stand nowhere yet, all but these are completed. */
  extend({ priorities, after }: TaskOrder, isOpen: (task: Task) => boolean): void {
    this.#ready.prefer(priorities);
    this.#prerequisites.extend(after, (task) => {
      const standing = this.of(task);
      return standing ? standing.kind === 'over' && COMPLETED.has(standing.how) : !isOpen(task);
    });
  }

  /** What would be ready but has to wait for others stands `waiting`, and is ready when the last of those is completed. */
  move(task: Task, standing: Standing): void {
    const mustWait = standing.kind === 'ready' && this.#prerequisites.isHeldBack(task);
    this.#leave(task);
    this.#stand(task, mustWait ? WAITING : standing, ++this.#lastPlace);
    if (standing.kind === 'over' && COMPLETED.has(standing.how)) this.#release(task);
  }

  /** Those that wait for a task that is completed, and for no other. */
  #release(task: Task): void {
    for (const released of this.#prerequisites.completed(task)) {
      if (this.of(released)?.kind !== 'waiting') continue; // it may have begun in other hands
      const place = this.#places.get(released) ?? ++this.#lastPlace;
      this.#leave(released);
      this.#stand(released, READY, place);
    }
  }

  #stand(task: Task, standing: Standing, place: number): void {
    this.#standings.set(task, standing);
    if (standing.kind === 'over') this.#count(standing.how, 1);
    else if (standing.kind === 'ready') this.#ready.add(task, place);
    else this.#group(standing.kind).add(task);
    if (standing.kind === 'waiting') this.#places.set(task, place);
  }

  /** Those whose delay is over by `now`, in ms on the uptime clock, are ready. */
  endDelays(now: number): void {
    for (const [task, until] of this.#delays()) if (until <= now) this.move(task, READY);
  }

  /** In how many ms the first delay is over; Infinity where there is none. */
  delayedForMs(now: number): number {
    return this.#delays().reduce(
      (soonest, [, until]) => Math.min(soonest, Math.max(0, until - now)),
      Infinity,
    );
  }

  #delays(): (readonly [task: Task, until: number])[] {
    return this.in('delayed').flatMap((task) => {
      const standing = this.of(task);
      return standing?.kind === 'delayed' ? [[task, standing.until] as const] : [];
    });
  }

  /** It stands nowhere any more. */
  forget(task: Task): void {
    this.#leave(task);
    this.#standings.delete(task);
  }

  #leave(task: Task): void {
    const before = this.#standings.get(task);
    if (before?.kind === 'over') this.#count(before.how, -1);
    else if (before?.kind === 'ready') this.#ready.delete(task);
    else if (before) this.#group(before.kind).delete(task);
    this.#places.delete(task);
  }

  #count(how: OverHow, more: 1 | -1): void {
    this.#over.set(how, this.over(how) + more);
  }

  #group(kind: Group): Set<Task> {
    const group = this.#byKind.get(kind) ?? new Set();
    this.#byKind.set(kind, group);
    return group;
  }

  of(task: Task): Standing | undefined {
    return this.#standings.get(task);
  }

  /** The tasks that stand there: the ready ones in the order in which they are taken, others in that in which they came. */
  in(...kinds: readonly Exclude<Standing['kind'], 'over'>[]): Task[] {
    return kinds.flatMap((kind) =>
      kind === 'ready' ? this.#ready.tasks : [...(this.#byKind.get(kind) ?? [])],
    );
  }

  count(...kinds: readonly Exclude<Standing['kind'], 'over'>[]): number {
    const size = (kind: Group | 'ready') =>
      kind === 'ready' ? this.#ready.size : (this.#byKind.get(kind)?.size ?? 0);
    return kinds.reduce((sum, kind) => sum + size(kind), 0);
  }

  /** One of the first `among` that are ready: the one at `random`, in [0, 1), of the way; without both, the first. */
  nextReady(among = 1, random = 0): Task | undefined {
    return this.#ready.next(among, random);
  }

  /** Whether a task is in hands that may do something with it. */
  isAnyElsewhere(): boolean {
    return this.in('elsewhere').some((task) => !isSilent(this.of(task)));
  }

  over(how: OverHow): number {
    return this.#over.get(how) ?? 0;
  }

  /** All but those that are over and completed, as far as this run knows. */
  notCompleted(): Task[] {
    const tasks: Task[] = [];
    for (const [task, standing] of this.#standings)
      if (standing.kind !== 'over' || standing.how !== 'completed') tasks.push(task);
    return tasks;
  }

  /** Whether a task that waits may come to be ready by what is done in other hands. */
  hopesForOthers(): boolean {
    const waiting = this.#byKind.get('waiting');
    if (!waiting || waiting.size === 0) return false;
    const others = this.in('elsewhere').filter((task) => !isSilent(this.of(task)));
    return this.#prerequisites.wouldBeReleased(waiting, others);
  }

  /** The tasks that wait in vain, by the one for whose sake they do: it is over, or in hands that do not move. */
  waitingInVain(): Map<Task, Task[]> {
    if (this.count('waiting') === 0) return new Map();
    const deadEnds = [...this.#standings].flatMap(([task, standing]) => (isDeadEnd(standing) ? [task] : []));
    const inVain = new Map<Task, Task[]>();
    for (const [task, behind] of this.#prerequisites.behind(deadEnds)) {
      const waiting = behind.filter((dependent) => this.of(dependent)?.kind === 'waiting');
      if (waiting.length > 0) inVain.set(task, waiting);
    }
    return inVain;
  }
}

const COMPLETED: ReadonlySet<OverHow> = new Set(['completed', 'already-completed', 'completed-elsewhere']);

const isSilent = (standing: Standing | undefined) =>
  standing?.kind === 'elsewhere' && standing.isSilent === true;

function isDeadEnd(standing: Standing): boolean {
  if (standing.kind === 'over') return !COMPLETED.has(standing.how);
  return standing.kind === 'held' || isSilent(standing);
}
