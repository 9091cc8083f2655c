/** `codex-worker retry`: which tasks it is for, which of these cannot be taken without others, and what it must not leave out. */
import { relative } from 'node:path';
import { UsageError } from '../core/errors.ts';
import type { RunOptions } from '../core/options.ts';
import { shellPath } from '../core/printable.ts';
import type { LeftOut, ListedTask } from '../core/reports.ts';
import { stateOf, type Task, type TaskState } from '../core/task.ts';
import { missingVerify } from '../engine/before.ts';
import { Waits } from '../engine/waits.ts';
import { realWorld } from '../engine/world.ts';
import { discover } from '../io/discovery.ts';
import { list, type ListRequest } from './list.ts';

export interface RetryTasks {
  readonly failed: readonly ListedTask[];
  readonly leftOut: readonly LeftOut[];
}

/** Throws UsageError for a path that does not exist. */
export async function retryTasks(request: Omit<ListRequest, 'states' | 'withReasons'>): Promise<RetryTasks> {
  const failed: ListedTask[] = [];
  const states = new Set<TaskState>(['failed']);
  for await (const one of list({ ...request, states, withReasons: true })) failed.push(one);
  const leftOut = await thoseThatWait(failed, request);
  return { failed: failed.filter(({ task }) => !leftOut.has(pathOf(task))), leftOut: [...leftOut.values()] };
}

const pathOf = ({ directory, name }: Task) => `${directory}/${name}`;

/** By their paths. Who waits for one that is left out is left out too. */
async function thoseThatWait(
  failed: readonly ListedTask[],
  { patterns, cwd }: Pick<ListRequest, 'patterns' | 'cwd'>,
): Promise<ReadonlyMap<string, LeftOut>> {
  const leftOut = new Map<string, LeftOut>();
  const directories = [...new Set(failed.map(({ task }) => task.directory))];
  if (directories.length === 0) return leftOut;
  const { files } = realWorld();
  const known = await discover(files, directories, patterns, cwd);
  const states = new Map<Task, TaskState>();
  for (const task of known.tasks) {
    const marks = known.listings.get(task.directory)?.marks;
    if (marks) states.set(task, stateOf(task.name, marks));
  }
  const taken = new Set(failed.map(({ task }) => pathOf(task)));
  const waits = new Waits(files);
  for (let before = -1; before !== leftOut.size;) {
    before = leftOut.size;
    const mine = known.tasks.filter((task) => taken.has(pathOf(task)));
    const hoped = new Map([...states, ...mine.map((task) => [task, 'completed'] as const)]);
    for (const [task, { waitsFor: wait }] of await waits.look(known, hoped, mine)) {
      if (!wait) continue; // it is refused, which the run says
      taken.delete(pathOf(task));
      leftOut.set(pathOf(task), { task, wait, command: commandFor(task, cwd) });
    }
  }
  return leftOut;
}

function commandFor({ directory }: Task, cwd: string): string {
  const path = relative(cwd, directory);
  return path === '' ? 'codex-worker' : `codex-worker ${shellPath(path)}`;
}

/** Throws UsageError when tasks failed their verification and would now be taken without any, unless that was said. */
export async function refuseUnverified(failed: readonly ListedTask[], options: RunOptions): Promise<void> {
  const missing = await missingVerify(realWorld().files, failed, options);
  if (missing) throw new UsageError(missing.message, missing.hint);
}
