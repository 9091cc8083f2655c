import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newClaimId } from '../../src/core/claim.ts';
import type { AnswerNote, JournalEntry } from '../../src/core/journal-entry.ts';
import { reportOn, type Gathered } from '../../src/core/report-data.ts';
import type { TaskStatus } from '../../src/core/reports.ts';
import { answered } from '../rig/question.ts';

const NOW = Date.UTC(2026, 0, 31, 7);
const minutes = (n: number) => n * 60_000;
const usage = (input: number, cached = 0, output = 0) => ({ input, cached, output });

const status = (name: string, more: Partial<TaskStatus> = {}): TaskStatus => ({
  task: { directory: '/tasks', name, label: `tasks/${name}` },
  state: 'completed',
  ...more,
});

/** An attempt that ended so many minutes before now. */
const entry = (task: string, ago: number, more: Partial<JournalEntry> = {}): JournalEntry => ({
  at: NOW - minutes(ago),
  run: 'one',
  by: 'codex-worker 1.0.0',
  task,
  attempt: 1,
  claim: newClaimId(),
  outcome: 'completed',
  usage: usage(100, 40, 10),
  durationMs: minutes(2),
  ...more,
});

const report = (
  tasks: readonly TaskStatus[],
  entries: readonly JournalEntry[],
  more: Partial<Gathered> = {},
) =>
  reportOn({
    by: 'codex-worker 1.0.0',
    at: NOW,
    tasks,
    refused: [],
    directories: [{ directory: '/tasks', label: 'tasks', entries, notes: [], answers: [] }],
    paused: [],
    logEnds: new Map(),
    ...more,
  });

test('every attempt stands with its task and its run, from its begin to its end', () => {
  const { tasks, runs, totals } = report(
    [status('a.md'), status('b.md', { state: 'failed', reason: 'no' })],
    [
      entry('b.md', 20, { run: 'late', outcome: 'retry', why: 'turn-failed transient' }),
      entry('a.md', 30, { run: 'early' }),
      entry('b.md', 5, { run: 'late', attempt: 2, outcome: 'failed', why: 'verify-failed' }),
    ],
  );
  assert.deepEqual(
    runs.map(({ id, attempts, from, to }) => [id, attempts, from, to]),
    [
      ['early', 1, NOW - minutes(32), NOW - minutes(30)],
      ['late', 2, NOW - minutes(22), NOW - minutes(5)],
    ],
  );
  assert.deepEqual(
    tasks.map(({ name, attempts }) => [
      name,
      attempts.map(({ run, outcome, attempt }) => [run, outcome, attempt]),
    ]),
    [
      ['a.md', [[0, 'completed', 1]]],
      [
        'b.md',
        [
          [1, 'retry', 1],
          [1, 'failed', 2],
        ],
      ],
    ],
  );
  assert.deepEqual(totals.states, { pending: 0, 'in-progress': 0, completed: 1, failed: 1 });
  assert.deepEqual(totals.usage, usage(300, 120, 30));
  assert.equal(totals.agentMs, minutes(6));
});

test('the time in which somebody worked counts once, however many did', () => {
  const { totals } = report([status('a.md')], [entry('a.md', 10), entry('a.md', 9), entry('a.md', 3)]);
  assert.equal(totals.agentMs, minutes(6));
  assert.equal(totals.busyMs, minutes(5));
  assert.deepEqual([totals.from, totals.to], [NOW - minutes(12), NOW - minutes(3)]);
});

test('what is on now is told of as well, and counts as no end', () => {
  const running = status('a.md', {
    state: 'in-progress',
    attempt: 3,
    since: new Date(NOW - minutes(4)).toISOString(),
    run: { id: 'two', by: 'codex-worker 1.0.0' },
  });
  const { tasks, durations, setbacks } = report([running], []);
  assert.deepEqual(tasks[0]?.attempts, [
    { attempt: 3, run: 0, from: NOW - minutes(4), to: NOW, outcome: 'running', usage: usage(0) },
  ]);
  assert.deepEqual([durations.count, setbacks], [0, []]);
  const forged = { ...running, since: 'yesterday' };
  assert.deepEqual(report([forged], []).tasks[0]?.attempts, []);
});

test('attempts at tasks that are not in the report are counted by themselves', () => {
  const { totals } = report([status('a.md')], [entry('a.md', 10), entry('gone.md', 5)]);
  assert.equal(totals.attempts, 1);
  assert.deepEqual(totals.others, { attempts: 1, usage: usage(100, 40, 10) });
});

test('durations are those that were measured, and each falls into one bar', () => {
  const took = [1, 2, 3, 4, 5, 6, 7, 8, 9, 100];
  const entries = took.map((n) => entry('a.md', 1, { durationMs: minutes(n) }));
  const { durations } = report([status('a.md')], entries);
  assert.deepEqual(
    [durations.shortest, durations.median, durations.p90, durations.p99, durations.longest].map(
      (ms) => ms / 60_000,
    ),
    [1, 5, 9, 100, 100],
  );
  assert.equal(
    durations.bars.reduce((sum, { count }) => sum + count, 0),
    took.length,
  );
  assert.deepEqual(durations.bars[0], { upTo: minutes(1), count: 1 });
  assert.deepEqual(durations.bars.at(-1), { upTo: minutes(120), count: 1 });
  const days = report([status('a.md')], [entry('a.md', 1, { durationMs: minutes(3_000) })]).durations;
  assert.deepEqual(days.bars, [{ count: 1 }]);
});

test('tasks that failed alike are one group, the most frequent first', () => {
  const failed = (name: string, reason: string) => status(name, { state: 'failed', reason });
  const { failures } = report(
    [
      failed('a.md', 'its agent changed no file'),
      failed('b.md', 'verify failed with code 1: 3 tests failed (npm test)'),
      failed('c.md', 'Verify failed with code 2: 14 tests failed (npm test)'),
      status('d.md'),
    ],
    [],
  );
  assert.deepEqual(
    failures.map(({ reason, count, tasks }) => [reason, count, tasks]),
    [
      ['verify failed with code #: # tests failed (npm test)', 2, ['tasks/b.md', 'tasks/c.md']],
      ['its agent changed no file', 1, ['tasks/a.md']],
    ],
  );
});

test('tokens over time only grow, end at the sum, and are few however many attempts there are', () => {
  const entries = Array.from({ length: 5_000 }, (_, n) => entry('a.md', 5_000 - n));
  const { tokens, totals, tasks } = report([status('a.md')], entries);
  assert.ok(tokens.length <= 240, `${tokens.length} points`);
  assert.deepEqual(tokens.at(-1), { at: NOW - minutes(1), ...totals.usage });
  assert.ok(tokens.every(({ input }, n) => n === 0 || input > (tokens[n - 1]?.input ?? 0)));
  assert.equal(tasks[0]?.attempts.length, 100, 'the newest are told of');
  assert.equal(tasks[0]?.olderAttempts, 4_900);
  assert.deepEqual(tasks[0]?.usage, totals.usage);
});

test('lines with impossible times count, and are drawn at a time that is possible', () => {
  const entries = [
    entry('a.md', 0, { at: Date.parse('+275760-01-01T00:00:00.000Z') }),
    entry('a.md', 0, { at: Date.parse('-271821-04-21T00:00:00.000Z'), durationMs: 365 * 86_400_000 }),
  ];
  const { totals, tasks } = report([status('a.md')], entries);
  assert.equal(totals.attempts, 2);
  assert.ok((totals.from ?? 0) > Date.UTC(2018, 0));
  assert.equal(totals.to, NOW);
  assert.ok(tasks[0]?.attempts.every(({ from, to }) => from <= to));
});

test('the thread to go on with is that of the log, or else of the last attempt that had one', () => {
  const thread = (n: number) => `00000000-0000-0000-0000-00000000000${n}`;
  const entries = [
    entry('a.md', 9, { thread: thread(1) }),
    entry('a.md', 5, { thread: thread(2) }),
    entry('a.md', 1),
  ];
  assert.equal(report([status('a.md')], entries).tasks[0]?.thread, thread(2));
  const logEnds = new Map([['/tasks/a.md', { text: 'Done.', thread: thread(3) }]]);
  const [task] = report([status('a.md')], entries, { logEnds }).tasks;
  assert.deepEqual([task?.thread, task?.excerpt], [thread(3), 'Done.']);
});

const withAnswers = (tasks: readonly TaskStatus[], answers: readonly AnswerNote[]) =>
  report(tasks, [], {
    directories: [{ directory: '/tasks', label: 'tasks', entries: [], notes: [], answers }],
  });

test('what was asked stands with its task in the order of the answers, and is counted by what became of it', () => {
  const at = (ago: number) => NOW - minutes(ago);
  const { tasks, totals } = withAnswers(
    [status('a.md'), status('b.md')],
    [
      answered('a.md', at(5), { decision: 'deny' }),
      answered('a.md', at(9)),
      answered('a.md', at(3), { decision: 'deny', how: 'timeout' }),
      answered('gone.md', at(2)),
      answered('b.md', at(1), { decision: 'stop' }),
    ],
  );
  assert.deepEqual(totals.answers, {
    asked: 4,
    approved: 1,
    denied: 1,
    stopped: 1,
    timedOut: 1,
    withdrawn: 0,
  });
  assert.deepEqual(
    tasks.map(({ questions, olderQuestions }) => [
      questions.map((one) => [one.at, one.askedAt, one.decision, one.text, one.by.user]),
      olderQuestions,
    ]),
    [
      [
        [
          [at(9), at(10), 'approve', 'rm -rf build', 'ada'],
          [at(5), at(6), 'deny', 'rm -rf build', 'ada'],
          [at(3), at(4), 'deny', 'rm -rf build', 'ada'],
        ],
        0,
      ],
      [[[at(1), at(2), 'stop', 'rm -rf build', 'ada']], 0],
    ],
  );
});

test('of a task that asked without end the newest questions are told of, all are counted, and no time is impossible', () => {
  const notes = Array.from({ length: 500 }, (_, n) => answered('a.md', NOW - n));
  const forged = [
    answered('a.md', 8.6e15, { askedAt: 0 }),
    answered('a.md', -8.6e15, { askedAt: NOW + minutes(99) }),
  ];
  const { tasks, totals } = withAnswers([status('a.md')], [...notes, ...forged]);
  assert.equal(totals.answers.asked, 502);
  assert.deepEqual([tasks[0]?.questions.length, tasks[0]?.olderQuestions], [100, 402]);
  const known = withAnswers([status('a.md')], forged).tasks[0]?.questions ?? [];
  assert.deepEqual(
    known.map(({ at, askedAt }) => [at, askedAt]),
    [
      [Date.UTC(2020, 0), Date.UTC(2020, 0)],
      [NOW, Date.UTC(2020, 0)],
    ],
  );
});
