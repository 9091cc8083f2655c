/** What a task file says for itself, read from the file; the YAML parser is loaded by the first that has front matter. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { UsageError } from '../core/errors.ts';
import { mayHaveFrontMatter, PEEK_BYTES, wrongMatter } from '../core/front-matter.ts';
import { readTaskSettings, type TaskSettings } from '../core/task-settings.ts';
import type { Task } from '../core/task.ts';
import { inTurns, READ, readSmall, type Files } from './files.ts';
import { readPrompt } from './prompt.ts';

export type MatterRead =
  /** Or nothing that could be read: whoever takes the task finds out what is wrong with it. */
  | { readonly kind: 'none' }
  | { readonly kind: 'read'; readonly matter: string; readonly says: TaskSettings }
  | { readonly kind: 'refused'; readonly why: string };

/**
 * Those of many tasks that may have front matter; the others are nearly all. Their first bytes are read without leaving the
 * thread, which takes a fifth of the time; what cannot be read so is left to whoever reads it whole.
 */
export async function thoseWithMatter(tasks: readonly Task[]): Promise<Task[]> {
  const found: Task[] = [];
  const buffer = Buffer.alloc(PEEK_BYTES);
  await inTurns(tasks, (task) => {
    const length = peek(`${task.directory}/${task.name}`, buffer);
    if (length === undefined || mayHaveFrontMatter(buffer.subarray(0, length))) found.push(task);
  });
  return found;
}

/** How many bytes of a regular file were read; `undefined` for whatever else is there, or is not. */
function peek(path: string, buffer: Buffer): number | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, READ);
    return fstatSync(fd).isFile() ? readSync(fd, buffer, 0, buffer.length, 0) : undefined;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Of a task without front matter a few bytes are read. */
export async function readMatter(files: Files, task: Task): Promise<MatterRead> {
  const beginning = await readSmall(files, `${task.directory}/${task.name}`, PEEK_BYTES);
  if (beginning.kind !== 'read' || !mayHaveFrontMatter(beginning.bytes)) return { kind: 'none' };
  const prompt = await readPrompt(files, task);
  if (prompt.kind === 'refused') return prompt;
  const matter = prompt.kind === 'read' ? prompt.matter : undefined;
  if (matter === undefined) return { kind: 'none' };
  const { readYaml } = await import('./yaml.ts');
  const yaml = readYaml(matter, 2);
  if (yaml.kind === 'wrong')
    return { kind: 'refused', why: wrongMatter(`${task.label}:${yaml.at}: ${yaml.why}`) };
  return refusing(async () => ({
    kind: 'read',
    matter,
    says: readTaskSettings(task.label, yaml.entries),
  }));
}

/** What is wrong with the settings of a task refuses the task, and not the run. */
export async function refusing<T>(
  work: () => Promise<T>,
): Promise<T | { readonly kind: 'refused'; readonly why: string }> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const { message, hint } = error;
    return { kind: 'refused', why: wrongMatter(hint === undefined ? message : `${message} (${hint})`) };
  }
}
