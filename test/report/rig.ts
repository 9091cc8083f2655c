/** Events of a made-up run. */
import type { ProcessIdentity } from '../../src/core/claim.ts';
import type { RunEvent, RunSummary } from '../../src/core/event.ts';
import type { Failure } from '../../src/core/failure.ts';
import type { RunOptions } from '../../src/core/options.ts';
import { NO_USAGE, type Outcome } from '../../src/core/outcome.ts';
import { digestOf, type Answer, type Question } from '../../src/core/question.ts';
import type { Task } from '../../src/core/task.ts';

const OPTIONS: RunOptions = {
  patterns: ['*.md'],
  model: 'o4-mini',
  mode: 'read-only',
  concurrency: 4,
  retries: 0,
  idleTimeoutMs: 15 * 60_000,
  approval: 'on-request',
  backend: 'auto',
  approvals: 'auto',
  maxWaiting: 16,
  workingDirectory: '/code',
  retryFailed: true,
  rerunCompleted: false,
  rerunChanged: false,
  codexConfig: [],
  expectChanges: false,
  wait: false,
  watch: false,
  budget: { since: 0 },
  given: [],
  orphans: 'end',
  trustTasks: false,
  dryRun: false,
  verifyTimeoutMs: 600_000,
};

const SUMMARY: RunSummary = {
  alreadyCompleted: 0,
  completed: 0,
  failed: 0,
  givenBack: 0,
  leftFailed: 0,
  unfit: 0,
  inProgressElsewhere: 0,
  finishedElsewhere: 0,
  held: 0,
  pending: 0,
  waiting: 0,
  refused: 0,
  retries: 0,
  reaped: 0,
  warnings: 0,
  durationMs: 0,
  pausedMs: 0,
  usage: NO_USAGE,
};

export const OWNER: ProcessIdentity = {
  host: { name: 'mill', machine: 'machine-id', boot: 'boot-id', pidns: '1', uid: 1000 },
  pid: 4242,
  start: '99',
};

export function task(label: string): Task {
  return { directory: '/tasks', name: label, label };
}

export function started(
  total: number,
  options: Partial<RunOptions> = {},
): Extract<RunEvent, { kind: 'run-started' }> {
  return {
    kind: 'run-started',
    run: 'r1',
    options: { ...OPTIONS, ...options },
    codex: 'codex-cli 0.169.0',
    how:
      options.approval === 'never'
        ? { backend: 'exec', policy: 'never' }
        : { backend: 'app-server', policy: 'on-request' },
    total,
    states: { pending: total, 'in-progress': 0, completed: 0, failed: 0 },
    refused: [],
  };
}

export function ended(label: string, outcome: Outcome): RunEvent {
  return { kind: 'attempt-ended', task: task(label), outcome };
}

export function succeeded(fields: Partial<Extract<Outcome, { kind: 'succeeded' }>> = {}): Outcome {
  const usage = { input: 100, cached: 0, output: 10 };
  return {
    kind: 'succeeded',
    attempt: 1,
    durationMs: 12_300,
    usage,
    warnings: [],
    answer: 'Done.',
    checks: [],
    ...fields,
  };
}

export function failed(failure: Failure, willRetry = false, attempt = 1): Outcome {
  return { kind: 'failed', attempt, durationMs: 4_000, usage: NO_USAGE, warnings: [], failure, willRetry };
}

export function finished(summary: Partial<RunSummary>, exitCode = 0): RunEvent {
  return { kind: 'run-finished', summary: { ...SUMMARY, ...summary }, exitCode };
}

const QUESTION: Question = {
  claim: 'c'.repeat(32),
  n: 1,
  task: 'a.md',
  attempt: 1,
  asked: { kind: 'command', command: "/bin/bash -lc 'rm -rf build'" },
  workingDirectory: '/code',
  at: 0,
  offers: ['approve', 'approve-session', 'deny', 'stop'],
};

export function asks(label: string, fields: Partial<Question> = {}): Extract<RunEvent, { kind: 'question' }> {
  const question = { ...QUESTION, task: label, ...fields };
  return { kind: 'question', task: task(label), question, digest: digestOf(question) };
}

/** By a person elsewhere, unless it is said otherwise. */
export function answered(
  { task, question, digest }: Extract<RunEvent, { kind: 'question' }>,
  fields: Partial<Answer> = {},
): RunEvent {
  const { claim, n } = question;
  const by = { user: 'ada', host: 'mill', terminal: '/dev/pts/3', pid: 7 };
  const answer = { claim, n, digest, decision: 'approve', how: 'person', by, at: 1_000 } as const;
  return { kind: 'answered', task, question, answer: { ...answer, ...fields } };
}

/** One of each kind. */
export const EVERY_EVENT: readonly RunEvent[] = [
  started(3),
  {
    kind: 'tasks-added',
    tasks: [task('n.md')],
    total: 4,
    states: { pending: 1, 'in-progress': 0, completed: 0, failed: 0 },
    refused: [{ label: 'm.md', why: 'is empty' }],
  },
  { kind: 'tasks-gone', tasks: [task('n.md')], total: 3 },
  { kind: 'waiting-for-others', tasks: 2 },
  { kind: 'notice', message: 'the tasks are on a network file system' },
  { kind: 'attempt-started', task: task('a.md'), attempt: 1, claim: 'c'.repeat(32), pid: 7 },
  { kind: 'attempt-activity', task: task('a.md'), activity: { kind: 'command', text: 'npm test' } },
  asks('a.md'),
  answered(asks('a.md')),
  ended('a.md', succeeded()),
  ended('b.md', failed({ kind: 'timed-out', afterMs: 5_000, doing: { kind: 'unknown' } }, true, 2)),
  { kind: 'retry-scheduled', task: task('b.md'), attempt: 2, waitMs: 4_000 },
  ended('c.md', {
    kind: 'returned',
    attempt: 1,
    durationMs: 10,
    usage: NO_USAGE,
    reason: { kind: 'interrupted' },
  }),
  ended('d.md', { kind: 'skipped', reason: 'already-claimed' }),
  ended('e.md', { kind: 'refused', why: 'is a symbolic link' }),
  { kind: 'made-pending', task: task('b.md') },
  { kind: 'dispatch-ended', why: { kind: 'failures', message: 'three', hint: 'look' }, running: 1 },
  { kind: 'reaped', task: task('f.md'), owner: OWNER, result: { kind: 'given-back' } },
  {
    kind: 'held',
    task: task('g.md'),
    why: 'its lock file is damaged',
    hint: 'codex-worker clean --force g.md',
  },
  { kind: 'draining', running: 2, asking: 0 },
  { kind: 'aborting', running: 1, signal: 'SIGINT' },
  { kind: 'stopped', problem: { kind: 'model-refused', model: 'o4-mini', message: 'not supported' } },
  {
    kind: 'paused',
    pause: {
      id: 'a'.repeat(32),
      class: 'limited',
      reason: 'You’ve hit your usage limit.',
      since: 0,
      until: 60_000,
      round: 0,
      by: 'codex-worker 1.0.0',
      pid: 17,
      host: 'mill',
    },
    now: 0,
  },
  { kind: 'probing', task: task('a.md') },
  { kind: 'resumed', forMs: 60_000 },
  { kind: 'elsewhere', inProgress: 2, completed: 1, failed: 0 },
  { kind: 'level', level: 2, of: 4, why: 'rate-limited' },
  {
    kind: 'dry-run',
    task: task('h.md'),
    command: ['codex', 'exec', '-c', 'x.api_key=hunter2', '-'],
    promptBytes: 20,
    settings: {},
  },
  finished({ completed: 1, failed: 1, durationMs: 61_000 }, 1),
];
