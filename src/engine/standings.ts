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

export class Standings {
  readonly #standings = new Map<Task, Standing>();
  readonly #byKind = new Map<Standing['kind'], Set<Task>>();

  move(task: Task, standing: Standing): void {
    const before = this.#standings.get(task);
    if (before) this.#byKind.get(before.kind)?.delete(task);
    this.#standings.set(task, standing);
    const group = this.#byKind.get(standing.kind) ?? new Set();
    this.#byKind.set(standing.kind, group.add(task));
  }

  of(task: Task): Standing | undefined {
    return this.#standings.get(task);
  }

  /** The tasks that stand there, in the order in which they came. */
  in(...kinds: readonly Standing['kind'][]): Task[] {
    return kinds.flatMap((kind) => [...(this.#byKind.get(kind) ?? [])]);
  }

  count(...kinds: readonly Standing['kind'][]): number {
    return kinds.reduce((sum, kind) => sum + (this.#byKind.get(kind)?.size ?? 0), 0);
  }

  /** The first that is ready. */
  nextReady(): Task | undefined {
    return this.#byKind.get('ready')?.values().next().value;
  }

  over(how: OverHow): number {
    return this.in('over').filter((task) => {
      const standing = this.#standings.get(task);
      return standing?.kind === 'over' && standing.how === how;
    }).length;
  }
}
