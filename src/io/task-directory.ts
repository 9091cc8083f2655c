/** A directory with tasks: where it is, what it held when it was read, and where a task in it is. */
import { markerOf, Marks, PRIVATE_DIRECTORY, type Task, type TaskState } from '../core/task.ts';
import { inTurns, listDirectory, lookAt, type EntryNames, type Files } from './files.ts';

/** A directory with tasks, after its file system has passed the self-test (`openTaskDirectory`). Plain data: it crosses threads. */
export interface TaskDirectory {
  /** Absolute, symbolic links resolved. */
  readonly path: string;
  /** `dev:ino`, for people who compare lock files. */
  readonly id: string;
  readonly hardLinks: boolean;
  /** On a network file system an owner may be on another host, and changes are seen late. */
  readonly network: boolean;
}

export const temporaryPath = (directory: TaskDirectory, name: string) =>
  `${directory.path}/${PRIVATE_DIRECTORY}/tmp/${name}`;

/** A task directory, read once: for a directory of 100,000 tasks that is most of what a run with nothing to do costs. */
export interface Listing extends Pick<EntryNames, 'odd' | 'notUtf8'> {
  readonly marks: Marks;
  /** The names that may be those of task files: all but markers. What is called like one for people may be a user's own. */
  readonly candidates: readonly string[];
  /** When the directory was last changed before it was read, by its own clock; ns. */
  readonly changedAt: bigint;
}

/** One look at the directory and one reading of it; throws what the file system says when it may not be read. */
export async function listTaskDirectory(files: Files, path: string): Promise<Listing> {
  const changedAt = (await lookAt(files, path))?.mtimeNs ?? -1n;
  const { names, odd, notUtf8 } = await listDirectory(files, path);
  const marks = new Marks();
  const candidates: string[] = [];
  await inTurns(names, (name) => {
    const kind = marks.add(name);
    if (kind === undefined || kind === 'mirror' || kind === 'question') candidates.push(name);
  });
  return { marks, candidates, odd, notUtf8, changedAt };
}

/** The state of one task, by looking at its markers one by one: cheaper than a listing, for a few tasks. */
export async function lookAtState(files: Files, task: Task): Promise<TaskState> {
  const isThere = async (marker: string) =>
    (await lookAt(files, `${task.directory}/${marker}`)) !== undefined;
  if (await isThere(markerOf.completed(task.name))) return 'completed';
  if (await isThere(markerOf.lock(task.name))) return 'in-progress';
  return (await isThere(markerOf.failed(task.name))) ? 'failed' : 'pending';
}
