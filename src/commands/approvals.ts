/** `codex-worker approvals`: what agents ask in these directories, and wait for. It only ever reads. */
import { join, relative, resolve } from 'node:path';
import { realpath } from 'node:fs/promises';
import { EnvironmentError } from '../core/errors.ts';
import type { Answer, Question } from '../core/question.ts';
import type { ApprovalsReport, OpenQuestion } from '../core/reports.ts';
import type { Task } from '../core/task.ts';
import { openQuestions } from '../engine/open-questions.ts';
import { realWorld, type World } from '../engine/world.ts';
import { answersFolder, readAnswer } from '../io/answer-file.ts';
import { discover } from '../io/discovery.ts';
import { describeDirectory } from '../io/file-system.ts';

export interface ApprovalsRequest {
  readonly paths: readonly string[];
  readonly patterns: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Throws UsageError for a path that does not exist. */
export async function approvals(request: ApprovalsRequest): Promise<ApprovalsReport> {
  return (await watchApprovals(request))();
}

/** A look at the same directories, as often as it is called: they are discovered once. Throws as `approvals` does. */
export async function watchApprovals(request: ApprovalsRequest): Promise<() => Promise<ApprovalsReport>> {
  const world = realWorld();
  const { paths, patterns, cwd, env } = request;
  // No look at the task files: which of them are fit to be run is not asked here.
  const { directories, tasks } = await discover(world.files, paths, patterns, cwd, () => true);
  const named = new Set(tasks.map(({ directory, name }) => `${directory}/${name}`));
  const isMeant = ({ directory, name }: Task) =>
    directories.get(directory) === 'whole' || named.has(`${directory}/${name}`);
  const answers = readerOf(env);
  return async () => {
    const open: OpenQuestion[] = [];
    const unheard: Task[] = [];
    for (const path of directories.keys()) {
      const found = await questionsIn(world, path, cwd);
      for (const asked of found.open)
        if (isMeant(asked.task) && !(await answers(world, asked.question))) open.push(asked);
      unheard.push(...found.unheard.filter(isMeant));
    }
    return {
      open: open.toSorted((a, b) => a.question.at - b.question.at),
      unheard: [...new Map(unheard.map((task) => [task.label, task])).values()],
    };
  };
}

/** An answer to a question whose owner has not come to it yet; none where there is no place for answers. */
function readerOf(env: NodeJS.ProcessEnv): (world: World, question: Question) => Promise<Answer | undefined> {
  let folder: string;
  try {
    folder = answersFolder(env);
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    return () => Promise.resolve(undefined);
  }
  return ({ files }, { claim, n }) => readAnswer(files, folder, claim, n);
}

/** What is asked in one directory, which is real. */
async function questionsIn(world: World, path: string, cwd: string): Promise<ApprovalsReport> {
  const { open, unheard } = await openQuestions(world, await describeDirectory(world.files, path));
  const taskOf = ({ task: name }: { readonly task: string }): Task => ({
    directory: path,
    name,
    label: join(relative(cwd, path), name),
  });
  return {
    open: open.map((question) => ({ task: taskOf(question), question })),
    unheard: unheard.map(taskOf),
  };
}

/** What one task asks. */
export async function questionsOf(world: World, task: Task, cwd: string): Promise<ApprovalsReport> {
  const { open, unheard } = await questionsIn(world, task.directory, cwd);
  return {
    open: open.filter(({ question }) => question.task === task.name),
    unheard: unheard.filter(({ name }) => name === task.name),
  };
}

/** For whoever types a task that asks something: paths as they have begun to be typed. */
export async function completeAsking(typed: string, cwd: string): Promise<readonly OpenQuestion[]> {
  const way = typed.slice(0, typed.lastIndexOf('/') + 1);
  const { open } = await questionsIn(realWorld(), await realpath(resolve(cwd, way)), cwd);
  const asTyped = (name: string) => (way === '' && name.startsWith('-') ? `./${name}` : way + name);
  return open.map(({ task, question }) => ({ task: { ...task, label: asTyped(task.name) }, question }));
}
