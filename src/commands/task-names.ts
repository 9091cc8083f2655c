/** Which task is meant by what was typed: its path, that of a marker of it, or either without the extension. */
import { realpath } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { isErrno, UsageError } from '../core/errors.ts';
import { DEFAULT_PATTERN, didYouMean } from '../core/options.ts';
import { markerOf, parseMarker, type Task } from '../core/task.ts';
import { lookAt, realFiles, type Files } from '../io/files.ts';
import { taskNames } from '../io/task-names.ts';

/** Its file may be gone, as long as something of it is there. Throws UsageError for what is no task, or may be several. */
export async function namedTask(files: Files, typed: string, cwd: string): Promise<Task> {
  if (typed === '') throw new UsageError('an empty task was named', LIST_THEM);
  const path = resolve(cwd, typed);
  const directory = await directoryOf(path, typed);
  const name = basename(path);
  const task = (found: string): Task => {
    const way = relative(cwd, directory);
    return { directory, name: found, label: join(way, found) };
  };
  const marker = parseMarker(name);
  if (marker && marker.kind !== 'right' && (await isTask(files, directory, marker.task)))
    return task(marker.task);
  if ((await lookIfSayable(files, path))?.isDirectory())
    throw new UsageError(
      `a directory is no task: ${JSON.stringify(typed)}`,
      'name a task in it; codex-worker list shows them',
    );
  if (await isTask(files, directory, name)) return task(name);
  return task(await meantIn(files, directory, name, typed));
}

/** What may be typed for a task where somebody has begun to type `begun`: paths as that has them, in no order. */
export async function completeTask(begun: string, cwd: string): Promise<string[]> {
  const way = begun.slice(0, begun.lastIndexOf('/') + 1);
  const names = await taskNames(realFiles, resolve(cwd, way), [DEFAULT_PATTERN]);
  const typed = (name: string) => (way === '' && name.startsWith('-') ? `./${name}` : way + name);
  return names.map(typed).filter((path) => path.startsWith(begun));
}

const LIST_THEM = 'codex-worker list shows the tasks of a directory';

async function directoryOf(path: string, typed: string): Promise<string> {
  try {
    return await realpath(dirname(path));
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EACCES')) throw error;
    throw new UsageError(`no such task: ${JSON.stringify(typed)}, its directory is not there`, LIST_THEM);
  }
}

async function isTask(files: Files, directory: string, name: string): Promise<boolean> {
  const names = [name, markerOf.lock(name), markerOf.completed(name), markerOf.failed(name)];
  for (const one of names) if (await lookIfSayable(files, join(directory, one))) return true;
  return false;
}

/** As `lookAt`; a name that no file can have is that of none. */
async function lookIfSayable(files: Files, path: string) {
  try {
    return await lookAt(files, path);
  } catch (error) {
    if (!isErrno(error, 'ENAMETOOLONG')) throw error;
    return undefined;
  }
}

async function meantIn(files: Files, directory: string, name: string, typed: string): Promise<string> {
  const names = await taskNames(files, directory, [DEFAULT_PATTERN]);
  const [meant, ...others] = names.filter((one) => withoutExtension(one) === name);
  if (meant === undefined) {
    const way = typed.slice(0, typed.length - name.length);
    const words = [...names, ...names.map(withoutExtension)].map((one) => way + one);
    throw new UsageError(
      `no such task: ${JSON.stringify(typed)}`,
      didYouMean(typed, words) ?? `give its path, as in tasks/fix-auth.md; ${LIST_THEM}`,
    );
  }
  if (others.length > 0)
    throw new UsageError(
      `more than one task is called ${JSON.stringify(typed)}`,
      `type one of ${[meant, ...others].toSorted().join(', ')}`,
    );
  return meant;
}

const withoutExtension = (name: string) => name.replace(/(?<=.)\.[^.]*$/s, '');
