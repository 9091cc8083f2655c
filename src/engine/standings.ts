/** Where each task of a run stands, as far as this run is concerned, and quick answers to "which stand there?". */
import type { Task } from '../core/task.ts';

export type OverHow =
  | 'already-completed'
  | 'left-failed'
  | 'completed'
  | 'failed'
  | 'given-back'
  | 'finished-elsewhere'
  | 'refused';

export type Standing =
  | { readonly kind: 'ready' }
  /** A retry that waits; `until` is on the world's uptime clock, ms. */
  | { readonly kind: 'delayed'; readonly until: number }
  | { readonly kind: 'running' }
  | { readonly kind: 'reaping' }
  /** Another process works on it. */
  | { readonly kind: 'elsewhere' }
  /** In progress, and a few more looks will tell whether its owner is dead. */
  | { readonly kind: 'suspect' }
  /** In progress, and only a person can change that. */
  | { readonly kind: 'held' }
  | { readonly kind: 'over'; readonly how: OverHow };

/** One for all the tasks that stand there. */
export const READY: Standing = { kind: 'ready' };
export const ELSEWHERE: Standing = { kind: 'elsewhere' };

export class Standings {
  readonly #standings = new Map<Task, Standing>();
  readonly #byKind = new Map<Standing['kind'], Set<Task>>();
  readonly #over = new Map<OverHow, number>();
  /** Goes through the tasks that are ready, however many have left: a new one would have to pass their places each time. */
  #ready: Iterator<Task> | undefined;
  /** The first of those that are ready, as many as were asked for. */
  readonly #front: Task[] = [];

  move(task: Task, standing: Standing): void {
    this.#leave(task);
    this.#standings.set(task, standing);
    if (standing.kind === 'over') this.#count(standing.how, 1);
    else this.#group(standing.kind).add(task);
  }

  #leave(task: Task): void {
    const before = this.#standings.get(task);
    if (before?.kind === 'over') this.#count(before.how, -1);
    else if (before) this.#group(before.kind).delete(task);
    const place = this.#front.indexOf(task);
    if (place >= 0) this.#front.splice(place, 1);
  }

  #count(how: OverHow, more: 1 | -1): void {
    this.#over.set(how, this.over(how) + more);
  }

  #group(kind: Standing['kind']): Set<Task> {
    const group = this.#byKind.get(kind) ?? new Set();
    this.#byKind.set(kind, group);
    return group;
  }

  of(task: Task): Standing | undefined {
    return this.#standings.get(task);
  }

  /** The tasks that stand there, in the order in which they came. */
  in(...kinds: readonly Exclude<Standing['kind'], 'over'>[]): Task[] {
    return kinds.flatMap((kind) => [...(this.#byKind.get(kind) ?? [])]);
  }

  count(...kinds: readonly Exclude<Standing['kind'], 'over'>[]): number {
    return kinds.reduce((sum, kind) => sum + (this.#byKind.get(kind)?.size ?? 0), 0);
  }

  /** One of the first `among` that are ready: the one at `random`, in [0, 1), of the way; without both, the first. */
  nextReady(among = 1, random = 0): Task | undefined {
    while (this.#front.length < among) {
      this.#ready ??= this.#group('ready').values();
      const { value, done } = this.#ready.next();
      if (done) {
        this.#ready = undefined; // it has said so, and would not see those that come later
        break;
      }
      if (!this.#front.includes(value)) this.#front.push(value);
    }
    return this.#front[Math.floor(random * Math.min(among, this.#front.length))];
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
}
