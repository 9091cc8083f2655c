/**
 * What must be completed before a task may begin (`after` in its front matter): who waits for whom, and who is released
 * when a task is completed. Tasks that are named by one glob are one group, whoever waits for it: ten thousand tasks that
 * wait for ten thousand others are twenty thousand steps, and not a hundred million.
 */
import type { Task } from '../core/task.ts';

/** For each task that waits, the groups that it waits for. A group never means the task itself, also where it has it. */
export type After = ReadonlyMap<Task, readonly ReadonlySet<Task>[]>;

interface Group {
  readonly members: ReadonlySet<Task>;
  readonly dependents: Task[];
  /** How many of its members are not completed. */
  open: number;
}

const NONE: readonly never[] = [];

export class Prerequisites {
  readonly #groups = new Map<ReadonlySet<Task>, Group>();
  readonly #waitsFor = new Map<Task, Group[]>();
  readonly #groupsWith = new Map<Task, Group[]>();
  readonly #completed = new Set<Task>();

  constructor(after: After = new Map()) {
    this.#add(after);
  }

  /** More tasks wait, some of them for tasks that are completed already. */
  extend(after: After, isCompleted: (task: Task) => boolean): void {
    const before = new Set(this.#groups.keys());
    this.#add(after);
    for (const [members, group] of this.#groups) {
      if (before.has(members)) continue;
      for (const member of members) {
        if (!this.#completed.has(member) && !isCompleted(member)) continue;
        this.#completed.add(member);
        group.open--;
      }
    }
  }

  #add(after: After): void {
    for (const [task, sets] of after)
      this.#waitsFor.set(
        task,
        sets.map((members) => {
          const group = this.#groups.get(members) ?? this.#begin(members);
          group.dependents.push(task);
          return group;
        }),
      );
  }

  #begin(members: ReadonlySet<Task>): Group {
    const group: Group = { members, dependents: [], open: members.size };
    this.#groups.set(members, group);
    for (const member of members) {
      const others = this.#groupsWith.get(member);
      if (others) others.push(group);
      else this.#groupsWith.set(member, [group]);
    }
    return group;
  }

  /** Every task that some other one waits for. */
  get awaited(): Iterable<Task> {
    return this.#groupsWith.keys();
  }

  /** Whether a task that is not completed has to wait for another. */
  isHeldBack(task: Task): boolean {
    return (this.#waitsFor.get(task) ?? NONE).some((group) => leaves(group, task, group.open));
  }

  /** Takes note that a task is completed; the tasks that had to wait for it, and have to wait for no other. */
  completed(task: Task): readonly Task[] {
    const groups = this.#groupsWith.get(task);
    if (!groups || this.#completed.has(task)) return NONE;
    this.#completed.add(task);
    const released: Task[] = [];
    for (const group of groups) {
      group.open--;
      if (group.open > 1) continue; // one that is left may be the dependent itself
      for (const dependent of group.dependents)
        if (!this.#completed.has(dependent) && !this.isHeldBack(dependent)) released.push(dependent);
    }
    return released;
  }

  /** Whether one of these that wait would be released if all of those were completed. */
  wouldBeReleased(waiting: Iterable<Task>, those: Iterable<Task>): boolean {
    const hoped = new Map<Group, number>();
    for (const task of those)
      for (const group of this.#groupsWith.get(task) ?? NONE) hoped.set(group, 1 + (hoped.get(group) ?? 0));
    if (hoped.size === 0) return false;
    for (const task of waiting) {
      const groups = this.#waitsFor.get(task) ?? NONE;
      if (!groups.some((group) => leaves(group, task, group.open - (hoped.get(group) ?? 0)))) return true;
    }
    return false;
  }

  /** The tasks that wait for one of these, be it for the sake of another that does: each once, by the first of these. */
  behind(these: Iterable<Task>): Map<Task, Task[]> {
    const behind = new Map<Task, Task[]>();
    const seen = new Set<Task | Group>();
    for (const task of these) {
      const way = [task]; // grows while it is gone
      for (const from of way)
        for (const group of this.#groupsWith.get(from) ?? NONE) {
          if (seen.has(group)) continue;
          seen.add(group);
          for (const dependent of group.dependents) {
            if (!seen.has(dependent)) way.push(dependent);
            seen.add(dependent);
          }
        }
      behind.set(task, way.slice(1));
    }
    return behind;
  }

  /** One that is not completed and that this one waits for, of those that are let through. */
  firstOf(task: Task, mayBe: (other: Task) => boolean): Task | undefined {
    for (const { members } of this.#waitsFor.get(task) ?? NONE)
      for (const member of members)
        if (member !== task && !this.#completed.has(member) && mayBe(member)) return member;
    return undefined;
  }
}

/** Whether somebody other than the task itself is left in a group of which so many are open. */
function leaves({ members }: Group, task: Task, open: number): boolean {
  return open > (members.has(task) ? 1 : 0);
}

/**
 * Tasks that wait for one another in a circle: each circle once, as the way round it. Where there is none, a run that
 * completes whatever may begin comes to an end: this is how it is found out.
 */
export function circlesIn(after: After): Task[][] {
  const trial = new Prerequisites(after);
  const all = new Set([...after.keys(), ...trial.awaited]);
  const free = new Set([...all].filter((task) => !trial.isHeldBack(task)));
  for (const task of free) for (const released of trial.completed(task)) free.add(released); // those that come meanwhile too
  const circles: Task[][] = [];
  const seen = new Set<Task>();
  for (const task of all) {
    const way: Task[] = [];
    let next: Task | undefined = free.has(task) ? undefined : task;
    while (next && !seen.has(next)) {
      way.push(next);
      seen.add(next);
      next = trial.firstOf(next, (other) => !free.has(other));
    }
    const from = next ? way.indexOf(next) : -1;
    if (from >= 0) circles.push(way.slice(from));
  }
  return circles;
}
