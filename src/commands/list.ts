/** `codex-worker list`: the tasks, by one listing of each directory. A log is read only where a reason is asked for. */
import type { ListedTask } from '../core/reports.ts';
import { byNaturalOrder, markerOf, Marks, stateOf, type Task, type TaskState } from '../core/task.ts';
import { realWorld } from '../engine/world.ts';
import { discover } from '../io/discovery.ts';
import type { Files } from '../io/files.ts';
import { readReason } from '../io/result-log.ts';

export interface ListRequest {
  readonly paths: readonly string[];
  readonly patterns: readonly string[];
  readonly cwd: string;
  readonly states: ReadonlySet<TaskState>;
  /** Only what failed with these words in its reason, in upper or lower case. */
  readonly match?: string;
  readonly withReasons: boolean;
}

/** Each is an open file. */
const LOGS_AT_ONCE = 16;

/** In natural order, as they are found. Throws UsageError for a path that does not exist. */
export async function* list(request: ListRequest): AsyncGenerator<ListedTask, void> {
  const { files } = realWorld();
  const { paths, patterns, cwd, states, match, withReasons } = request;
  const { tasks, listings } = await discover(files, paths, patterns, cwd);
  const listed: ListedTask[] = [];
  for (const task of tasks) {
    const state = stateOf(task.name, listings.get(task.directory)?.marks ?? NO_MARKS);
    if (states.has(state)) listed.push({ task, state, ...logOf(task, state) });
  }
  listed.sort((a, b) => byNaturalOrder(a.task, b.task));
  if (!withReasons && match === undefined) yield* listed;
  else yield* withReason(files, listed, match?.toLowerCase());
}

/** With `words`, only those that have them in their reason. */
async function* withReason(
  files: Files,
  listed: readonly ListedTask[],
  words: string | undefined,
): AsyncGenerator<ListedTask, void> {
  for (let start = 0; start < listed.length; start += LOGS_AT_ONCE) {
    const reading = listed.slice(start, start + LOGS_AT_ONCE).map((one) => readFor(files, one));
    for (const one of await Promise.all(reading))
      if (words === undefined || one.reason?.toLowerCase().includes(words)) yield one;
  }
}

const NO_MARKS = new Marks();

function logOf({ directory, name }: Task, state: TaskState): { readonly log?: string } {
  if (state === 'pending') return {};
  const marker = state === 'in-progress' ? markerOf.mirror : markerOf[state];
  return { log: `${directory}/${marker(name)}` };
}

async function readFor(files: Files, one: ListedTask): Promise<ListedTask> {
  if (one.state !== 'failed' || one.log === undefined) return one;
  const reason = await readReason(files, one.log);
  return reason === undefined ? one : { ...one, reason };
}
