/**
 * The events of a run as JSON lines, for programs. The shape is a promise: fields are added, never renamed or removed.
 *
 *   {"event": <kind>, "at": <ISO 8601>, …}
 *
 * Whatever is about a task carries `task` (as it was typed), `directory` (absolute) and `name` (in that directory).
 *
 *   run-started       run, codex, total, states{pending, in-progress, completed, failed}, refused[{task, why}], options{…}
 *   tasks-added       tasks[{task…}], total, states{…} of these tasks, refused[{task, why}]: with --watch
 *   tasks-gone        tasks[{task…}], total: with --watch
 *   waiting-for-others  tasks: how many are left, all of them in progress elsewhere; with --wait
 *   notice            message
 *   attempt-started   task…, attempt, claim, pid
 *   attempt-activity  task…, activity{kind, text}
 *   question          task…, id, digest, question{claim, n, attempt, asked{kind command, command | kind file-changes, changes[{path, change
 *                     add|delete|update, movedTo?, diff}], grantRoot?}, workingDirectory, reason?, at (ms), offers[stop|deny|approve|approve-session]}
 *   answered          task…, id, answer{decision, how person|timeout|withdrawn, by{user, host, terminal?, pid}, at (ms), digest}: once for each question
 *   attempt-ended     task…, outcome succeeded|failed|returned|skipped|refused, then what that outcome knows:
 *                     attempt, durationMs, usage{input, cached, output}, warnings[], answer, checks[{kind, command?}],
 *                     failure{kind, message}, willRetry, reason{kind, message}, log
 *   retry-scheduled   task…, attempt, waitMs
 *   made-pending      task…: it failed as others did, and is as if it had not been tried
 *   reaped            task…, owner{host, pid}, result{kind, …}
 *   held              task…, why, hint
 *   left-waiting      on{task…}, why failed|refused|given-back|held, tasks[{task…}]: those come after that one, and stay pending
 *   draining          running, asking
 *   aborting          running, signal
 *   stopped           problem{kind, message, hint}
 *   dispatch-ended    why{kind, message, hint}, running
 *   paused            id, class limited|by-hand, reason, since, until? (ISO 8601), round?, by, host, pid
 *   probing           task…
 *   resumed           forMs
 *   elsewhere         inProgress, completed, failed: what others have of the tasks, and have finished meanwhile
 *   level             level, of, why rate-limited|grown|asked
 *   dry-run           task…, command[], promptBytes, settings{…}: what is in force of those that the task names
 *   run-finished      exitCode, summary{…, answers?{asked, approved, denied, stopped, timedOut, withdrawn}, states?{…} of all tasks: with --wait, spending?{directory{attempts, usage}, left{tokens?, attempts?}, tokensPerHour?, tasksPerHour?, etaMs?}}
 *
 * No environment, no prompt and no value of a Codex setting is in it. Every line is pure printable text: it may be
 * looked at on a terminal.
 */
import type { ProcessIdentity } from '../core/claim.ts';
import type { RunEvent } from '../core/event.ts';
import { describeFailure, describeProblem, type EnvironmentProblem } from '../core/failure.ts';
import type { RunOptions } from '../core/options.ts';
import type { Outcome } from '../core/outcome.ts';
import { pauseFields } from '../core/pause.ts';
import { idOf } from '../core/question.ts';
import type { Refusal, Task } from '../core/task.ts';
import { unreachable } from '../core/unreachable.ts';
import { describeReturn, describeSkip, withoutSecrets } from './wording.ts';

export function createJsonReporter(out: (text: string) => void, now: () => Date): (event: RunEvent) => void {
  return (event) => out(`${safeJson({ event: event.kind, at: now().toISOString(), ...fieldsOf(event) })}\n`);
}

/** JSON in which what could steer a terminal is written as an escape; the data is the same. */
export function safeJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function fieldsOf(event: RunEvent): object {
  switch (event.kind) {
    case 'run-started':
      return {
        run: event.run,
        codex: event.codex,
        how: event.how,
        total: event.total,
        states: event.states,
        refused: event.refused.map(refusalFields),
        options: optionFields(event.options),
      };
    case 'tasks-added':
      return {
        tasks: event.tasks.map(taskFields),
        total: event.total,
        states: event.states,
        refused: event.refused.map(refusalFields),
      };
    case 'tasks-gone':
      return { tasks: event.tasks.map(taskFields), total: event.total };
    case 'waiting-for-others':
      return { tasks: event.tasks };
    case 'notice':
      return { message: event.message };
    case 'attempt-started':
      return { ...taskFields(event.task), attempt: event.attempt, claim: event.claim, pid: event.pid };
    case 'attempt-activity':
      return { ...taskFields(event.task), activity: event.activity };
    case 'question':
      return {
        ...taskFields(event.task),
        id: idOf(event.question),
        question: event.question,
        digest: event.digest,
      };
    case 'answered':
      return { ...taskFields(event.task), id: idOf(event.question), answer: event.answer };
    case 'attempt-ended':
      return { ...taskFields(event.task), ...outcomeFields(event.outcome), log: event.log };
    case 'retry-scheduled':
      return { ...taskFields(event.task), attempt: event.attempt, waitMs: event.waitMs };
    case 'made-pending':
      return taskFields(event.task);
    case 'reaped':
      return { ...taskFields(event.task), owner: ownerFields(event.owner), result: event.result };
    case 'held':
      return { ...taskFields(event.task), why: event.why, hint: event.hint };
    case 'left-waiting':
      return { on: taskFields(event.on), why: event.why, tasks: event.tasks.map(taskFields) };
    case 'draining':
      return { running: event.running, asking: event.asking };
    case 'aborting':
      return { running: event.running, signal: event.signal };
    case 'stopped':
      return { problem: problemFields(event.problem) };
    case 'dispatch-ended':
      return { why: event.why, running: event.running };
    case 'paused':
      return pauseFields(event.pause);
    case 'probing':
      return taskFields(event.task);
    case 'resumed':
      return { forMs: event.forMs };
    case 'elsewhere':
      return { inProgress: event.inProgress, completed: event.completed, failed: event.failed };
    case 'level':
      return { level: event.level, of: event.of, why: event.why };
    case 'dry-run':
      return {
        ...taskFields(event.task),
        command: withoutSecrets(event.command),
        promptBytes: event.promptBytes,
        settings: event.settings,
      };
    case 'run-finished':
      return { exitCode: event.exitCode, summary: event.summary };
    default:
      return unreachable(event);
  }
}

export function taskFields({ label, directory, name }: Task) {
  return { task: label, directory, name };
}

export function refusalFields({ label, why }: Refusal) {
  return { task: label, why };
}

export function ownerFields({ host, pid }: ProcessIdentity) {
  return { host: host.name, pid };
}

export function problemFields(problem: EnvironmentProblem) {
  return { kind: problem.kind, ...describeProblem(problem) };
}

/** Settings of Codex may hold secrets: their keys are enough. */
export function optionFields({ codexConfig, given: _given, ...options }: RunOptions) {
  return { ...options, codexConfig: codexConfig.map((setting) => setting.slice(0, setting.indexOf('='))) };
}

export function outcomeFields(outcome: Outcome) {
  switch (outcome.kind) {
    case 'succeeded': {
      const { kind, ...fields } = outcome;
      return { outcome: kind, ...fields };
    }
    case 'failed': {
      const { kind, failure, ...fields } = outcome;
      return { outcome: kind, ...fields, failure: { kind: failure.kind, message: describeFailure(failure) } };
    }
    case 'returned': {
      const { kind, reason, ...fields } = outcome;
      return { outcome: kind, ...fields, reason: { kind: reason.kind, message: describeReturn(reason) } };
    }
    case 'skipped':
      return {
        outcome: outcome.kind,
        reason: { kind: outcome.reason, message: describeSkip(outcome.reason) },
      };
    case 'postponed':
      return { outcome: outcome.kind, againInMs: outcome.againInMs };
    case 'refused':
      return { outcome: outcome.kind, reason: { kind: 'refused', message: outcome.why } };
    default:
      return unreachable(outcome);
  }
}
