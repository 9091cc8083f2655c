/** Directories of task files, as the contestants find them. */
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from './bench.ts';
import type { Place } from './goal.ts';

export interface Tasks {
  /** Everything of this run; may be removed whole. */
  readonly root: string;
  /** The task directory itself: below `root`, which also holds what does not belong between tasks. */
  readonly directory: string;
  /** A file with the name of each task, one a line. */
  readonly names: string;
  readonly count: number;
}

export const taskName = (i: number) => `task-${String(i).padStart(6, '0')}.md`;
const defaultPrompt = (i: number) => `Fix bug #${i}: check the error in module${i}.py\n`;
/** Older than everything that is made from them, for make and ninja. */
const WRITTEN_AT = new Date('2024-01-01T00:00:00Z');

/** A fresh directory with `count` pending tasks. */
export function makeTasks(bench: Bench, place: Place, count: number, prompt = defaultPrompt): Tasks {
  const root = bench.newDirectory(place);
  const directory = join(root, 'tasks');
  mkdirSync(directory);
  const names = Array.from({ length: count }, (_, i) => taskName(i + 1));
  for (const [i, name] of names.entries()) {
    const path = join(directory, name);
    writeFileSync(path, prompt(i + 1));
    utimesSync(path, WRITTEN_AT, WRITTEN_AT);
  }
  const list = join(root, 'names');
  writeFileSync(list, names.map((name) => `${name}\n`).join(''));
  return { root, directory, names: list, count };
}

/** Throws unless there is a name for each task that `isResult` holds for: a contestant that did nothing is fast. */
export function expectResults(
  { directory, count }: Pick<Tasks, 'directory' | 'count'>,
  isResult: (name: string) => boolean,
): void {
  const found = readdirSync(directory).filter(isResult).length;
  if (found !== count) throw new Error(`${found} of ${count} results in ${directory}`);
}

export const isDone = (name: string) => name.startsWith('done_exec_log-');
export const isPeersLog = (name: string) => name.endsWith('.log');
