/** What a task file says for itself, read from the file; the YAML parser is loaded by the first that has front matter. */
import { UsageError } from '../core/errors.ts';
import { mayHaveFrontMatter, PEEK_BYTES, wrongMatter } from '../core/front-matter.ts';
import { readTaskSettings, type TaskSettings } from '../core/task-settings.ts';
import type { Task } from '../core/task.ts';
import { readSmall, type Files } from './files.ts';
import { readPrompt } from './task-directory.ts';

export type MatterRead =
  /** Or nothing that could be read: whoever takes the task finds out what is wrong with it. */
  | { readonly kind: 'none' }
  | { readonly kind: 'read'; readonly matter: string; readonly says: TaskSettings }
  | { readonly kind: 'refused'; readonly why: string };

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
