/**
 * `--output-json`: the results of one run as one JSON document, which appears whole or not at all.
 *
 *   { "version": 1, "run", "startedAt", "finishedAt", "exitCode", "codex", "options", "summary", "problem"?, "error"?,
 *     "refused": [{task, why}],
 *     "tasks": [{task, directory, name, attempts, durationMs, usage, outcome, …}] }   in the order of their endings
 *
 * A task stands in it once, with the outcome of its last attempt in this run; `attempts`, `durationMs` and `usage` are of all
 * its attempts in this run. The fields of an outcome are those of `--json`; `madePending` is true where the task is pending again
 * because it failed as others did.
 */
import type { RunEvent } from '../core/event.ts';
import { addUsage, NO_USAGE, type Usage } from '../core/outcome.ts';
import type { Task } from '../core/task.ts';
import { unreachable } from '../core/unreachable.ts';
import { optionFields, outcomeFields, problemFields, refusalFields, safeJson, taskFields } from './json.ts';
import { writeWhole } from './output-file.ts';

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
  readonly #refused: object[] = [];
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
        this.#refused.push(...refused.map(refusalFields));
        this.#run = { run, codex, refused: this.#refused, options: optionFields(options) };
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
      case 'tasks-added':
        this.#refused.push(...event.refused.map(refusalFields));
        return;
      case 'tasks-gone':
      case 'waiting-for-others':
      case 'notice':
      case 'attempt-started':
      case 'attempt-activity':
      case 'question':
      case 'answered':
      case 'retry-scheduled':
      case 'reaped':
      case 'held':
      case 'left-waiting':
      case 'draining':
      case 'aborting':
      case 'dispatch-ended':
      case 'paused':
      case 'probing':
      case 'resumed':
      case 'elsewhere':
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
    await writeWhole(
      this.#path,
      `${safeJson(document, 2)}\n`,
      'the results of the run',
      'the tasks and their logs are as they should be: codex-worker status --json tells the same',
    );
  }
}
