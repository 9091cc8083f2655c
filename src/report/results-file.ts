/**
 * `--output-json`: the results of one run as one JSON document. It appears whole or not at all: it is written under a
 * temporary name beside the target and renamed, and an older document stays until then.
 *
 *   { "version": 1, "run", "startedAt", "finishedAt", "exitCode", "codex", "options", "summary", "problem"?, "error"?,
 *     "refused": [{task, why}],
 *     "tasks": [{task, directory, name, attempts, durationMs, usage, outcome, …}] }   in the order of their endings
 *
 * A task stands in it once, with the outcome of its last attempt in this run; `attempts`, `durationMs` and `usage` are of all
 * its attempts in this run. The fields of an outcome are those of `--json`; `madePending` is true where the task is pending again
 * because it failed as others did.
 */
import { randomBytes } from 'node:crypto';
import { access, constants, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { EnvironmentError, errnoOf, isErrno, UsageError } from '../core/errors.ts';
import type { RunEvent } from '../core/event.ts';
import { addUsage, NO_USAGE, type Usage } from '../core/outcome.ts';
import { reservedPrefix, type Task } from '../core/task.ts';
import { unreachable } from '../core/unreachable.ts';
import { optionFields, outcomeFields, problemFields, refusalFields, safeJson, taskFields } from './json.ts';

interface TaskResult {
  readonly task: Task;
  readonly attempts: number;
  readonly durationMs: number;
  readonly usage: Usage;
  readonly fields: object;
}

export class ResultsFile {
  readonly #path: string;
  readonly #now: () => Date;
  readonly #startedAt: string;
  readonly #results = new Map<string, TaskResult>();
  #run: object = {};
  #problem: object = {};
  #summary: object = {};

  constructor(path: string, now: () => Date) {
    this.#path = path;
    this.#now = now;
    this.#startedAt = now().toISOString();
  }

  note(event: RunEvent): void {
    switch (event.kind) {
      case 'run-started': {
        const { run, codex, refused, options } = event;
        this.#run = { run, codex, refused: refused.map(refusalFields), options: optionFields(options) };
        return;
      }
      case 'attempt-ended':
        return this.#ended(event);
      case 'stopped':
        this.#problem = { problem: problemFields(event.problem) };
        return;
      case 'run-finished':
        this.#summary = { summary: event.summary };
        return;
      case 'made-pending':
        return this.#madePending(event.task);
      case 'notice':
      case 'attempt-started':
      case 'attempt-activity':
      case 'retry-scheduled':
      case 'reaped':
      case 'held':
      case 'draining':
      case 'aborting':
      case 'dispatch-ended':
      case 'paused':
      case 'probing':
      case 'resumed':
      case 'level':
      case 'dry-run':
        return;
      default:
        return unreachable(event);
    }
  }

  #ended({ task, outcome, log }: Extract<RunEvent, { kind: 'attempt-ended' }>): void {
    // Another worker had it, or it was too early: that is no result of this run.
    if (outcome.kind === 'skipped' || outcome.kind === 'postponed') return;
    const key = `${task.directory}/${task.name}`;
    const before = this.#results.get(key);
    const ran = outcome.kind === 'refused' ? { durationMs: 0, usage: NO_USAGE } : outcome;
    this.#results.delete(key);
    this.#results.set(key, {
      task,
      attempts: (before?.attempts ?? 0) + (outcome.kind === 'refused' ? 0 : 1),
      durationMs: (before?.durationMs ?? 0) + ran.durationMs,
      usage: addUsage(before?.usage ?? NO_USAGE, ran.usage),
      fields: { ...outcomeFields(outcome), log },
    });
  }

  #madePending(task: Task): void {
    const key = `${task.directory}/${task.name}`;
    const before = this.#results.get(key);
    if (before)
      this.#results.set(key, { ...before, fields: { ...before.fields, madePending: true, log: undefined } });
  }

  /** `error` is what ended the run before its time. Throws EnvironmentError when the file cannot be written. */
  async publish(exitCode: number, error?: string): Promise<void> {
    const document = {
      version: 1,
      startedAt: this.#startedAt,
      finishedAt: this.#now().toISOString(),
      exitCode,
      ...this.#run,
      ...this.#summary,
      ...this.#problem,
      error,
      tasks: [...this.#results.values()].map(({ task, fields, ...sums }) => ({
        ...taskFields(task),
        ...fields,
        ...sums,
      })),
    };
    // A name that an agent cannot foresee, created exclusively: what it may have put there is never written through.
    const temporary = join(dirname(this.#path), `.codex-worker-${randomBytes(8).toString('hex')}.tmp`);
    try {
      await writeFile(temporary, `${safeJson(document, 2)}\n`, { flag: 'wx', mode: 0o600 });
      await rename(temporary, this.#path);
    } catch (failure) {
      await rm(temporary, { force: true });
      throw new EnvironmentError(
        `the results of the run could not be written to ${this.#path}: ${errnoOf(failure)}`,
        'the tasks and their logs are as they should be: codex-worker status --json tells the same',
        { cause: failure },
      );
    }
  }
}

/** Throws UsageError for a results file that cannot be written, or that would be mistaken for a task or its state. */
export async function checkResultsFile(
  path: string,
  { paths, patterns, cwd }: { paths: readonly string[]; patterns: readonly string[]; cwd: string },
): Promise<void> {
  const refuse = (why: string, hint: string) =>
    new UsageError(`--output-json: ${JSON.stringify(path)} ${why}`, hint);
  const directory = await realpath(dirname(path)).catch((error: unknown) => {
    throw refuse(
      `cannot be written: its directory is not there (${errnoOf(error)})`,
      'create the directory first',
    );
  });
  await access(directory, constants.W_OK | constants.X_OK).catch((error: unknown) => {
    throw refuse(`cannot be written: ${errnoOf(error)}`, 'name a file in a directory that is writable');
  });
  if (Buffer.byteLength(basename(path)) > 255)
    throw refuse('has too long a name', 'name it for example results.json');
  const kind = await kindOf(path).catch((error: unknown) => {
    throw refuse(`cannot be looked at: ${errnoOf(error)}`, 'name another file');
  });
  if (kind === 'directory') throw refuse('is a directory', 'name a file');
  if (kind === 'other')
    throw refuse('is not a regular file', 'for events on standard output there is --json');
  if (reservedPrefix(basename(path)))
    throw refuse('has a name that marks the state of a task', `name it for example results.json`);
  const target = join(directory, basename(path));
  for (const given of paths.length > 0 ? paths : ['.'])
    if (await wouldBeTask(target, resolve(cwd, given), patterns))
      throw refuse(
        'would be taken for a task',
        'put it elsewhere, or give it another ending, for example results.json',
      );
}

/** Judged by the ending, and when in doubt with yes: the next run would send the results to the agent as a prompt. */
async function wouldBeTask(target: string, given: string, patterns: readonly string[]): Promise<boolean> {
  const kind = await kindOf(given);
  if (kind === undefined) return false;
  const real = await realpath(given);
  if (kind === 'other') return real === target || (await realpath(target).catch(() => target)) === real;
  const inside = relative(real, target);
  if (inside.startsWith('..')) return false;
  return patterns.some((pattern) => {
    const ending = extname(pattern);
    return ending === '' || /[*?[\](){}!+@|]/.test(ending) || ending === extname(target);
  });
}

async function kindOf(path: string): Promise<'directory' | 'file' | 'other' | undefined> {
  try {
    const found = await stat(path);
    return found.isDirectory() ? 'directory' : found.isFile() ? 'file' : 'other';
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    return undefined;
  }
}
