import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_ANSWERS } from '../../src/core/answer-counts.ts';
import type { RateLimits } from '../../src/core/rate-limits.ts';
import type { StatusReport, TaskStatus } from '../../src/core/reports.ts';
import { NOTHING_SPENT } from '../../src/core/spending.ts';
import { createPaint } from '../../src/report/console.ts';
import { statusJson, statusText } from '../../src/report/status-table.ts';
import { OWNER, task } from './rig.ts';

const VIEW = {
  detailed: false,
  paths: ['tasks/', "it's"],
  paint: createPaint(false),
  now: new Date('2026-11-22T10:00:00Z'),
};

function report(
  tasks: readonly TaskStatus[] = [],
  counts: readonly [number, number, number, number] = [45, 5, 40, 10],
): StatusReport {
  const [pending, inProgress, completed, failed] = counts;
  return {
    counts: { pending, 'in-progress': inProgress, completed, failed },
    total: pending + inProgress + completed + failed,
    tasks,
    refused: [],
    paused: { directories: [], now: 0 },
    spent: NOTHING_SPENT,
    answers: NO_ANSWERS,
    needsApproval: 0,
    pace: {},
    workers: [],
  };
}

test('the table is the one in the picture that users know, with rules as wide as its cells', () => {
  assert.equal(
    statusText(report(), VIEW),
    `
┏━━━━━━━━━━━━━┳━━━━━━━┳━━━━━━━━━━━━┓
┃ Status      ┃ Count ┃ Percentage ┃
┡━━━━━━━━━━━━━╇━━━━━━━╇━━━━━━━━━━━━┫
│ Pending     │    45 │      45.0% │
│ In Progress │     5 │       5.0% │
│ Completed   │    40 │      40.0% │
│ Failed      │    10 │      10.0% │
│ Total       │   100 │     100.0% │
└─────────────┴───────┴────────────┘
`.trimStart(),
  );
});

test('a column grows with its numbers', () => {
  const lines = statusText(report([], [1_000_000, 0, 0, 0]), VIEW)
    .trimEnd()
    .split('\n');
  assert.equal(lines[3], '│ Pending     │ 1000000 │     100.0% │');
  assert.equal(new Set(lines.map((line) => line.length)).size, 1);
});

test('a directory without tasks has no percentages to divide', () => {
  assert.match(statusText(report([], [0, 0, 0, 0]), VIEW), /│ Total {7}│ {5}0 │ {7}0\.0% │/);
});

test('with details, a task in progress says who runs it, and a failed one why it failed', () => {
  const tasks: TaskStatus[] = [
    {
      task: task('add-feature.md'),
      state: 'in-progress',
      attempt: 2,
      holder: { kind: 'alive', owner: OWNER },
      since: '2026-11-22T09:55:00Z',
      heartbeatAt: '2026-11-22T09:59:58Z',
    },
    {
      task: task('crashed.md'),
      state: 'in-progress',
      holder: { kind: 'dead', owner: OWNER },
      orphans: [7, 8],
    },
    {
      task: task('refactor.md'),
      state: 'failed',
      reason: 'timed out after 5.0s\nand more',
      ranWith: { mode: 'workspace-write', verify: './check.sh a' },
    },
    { task: task("it's.md"), state: 'failed', thread: '0199a213-81c0-7800-8aa1-bbab2a035a55' },
    { task: task('update-api.md'), state: 'completed' },
    { task: task('\u001b[2J.md'), state: 'pending' },
  ];
  const lines = statusText(report(tasks), { ...VIEW, detailed: true }).split('\n');
  assert.deepEqual(lines.slice(9), [
    '',
    'In Progress  add-feature.md: attempt 2, pid 4242 on mill, since 2026-11-22T09:55:00Z (5m 00s), last heartbeat 2.0s ago',
    'In Progress  crashed.md: pid 4242 on mill, which is dead: any run takes the task over, orphaned: its agent still runs (pids 7, 8)',
    'Failed       refactor.md: timed out after 5.0s',
    "             codex-worker logs refactor.md · codex-worker retry refactor.md --mode workspace-write --verify './check.sh a'",
    "Failed       it's.md",
    "             codex-worker logs 'it'\\''s.md' · codex-worker retry 'it'\\''s.md' · codex resume 0199a213-81c0-7800-8aa1-bbab2a035a55",
    'Completed    update-api.md',
    'Pending      \\x1b[2J.md',
    '',
  ]);
});

test('as JSON it is one document, which names hosts and not their identities', () => {
  const status: TaskStatus = {
    task: task('a.md'),
    state: 'in-progress',
    holder: { kind: 'alive', owner: OWNER },
  };
  const text = statusJson(report([status]), VIEW.now);
  assert.doesNotMatch(text, /machine-id|boot-id/);
  assert.deepEqual(JSON.parse(text), {
    at: '2026-11-22T10:00:00.000Z',
    total: 100,
    needsApproval: 0,
    pace: {},
    workers: [],
    counts: { pending: 45, 'in-progress': 5, completed: 40, failed: 10 },
    tasks: [
      {
        task: 'a.md',
        directory: '/tasks',
        name: 'a.md',
        state: 'in-progress',
        holder: { kind: 'alive', host: 'mill', pid: 4242 },
      },
    ],
    refused: [],
    paused: [],
    spent: NOTHING_SPENT,
    answers: NO_ANSWERS,
  });
});

test('a pause is said before the table, with what is left of it', () => {
  const now = VIEW.now.getTime();
  const pause = {
    id: 'a'.repeat(32),
    class: 'limited',
    reason: 'You’ve hit your usage limit.',
    since: now,
    until: now + 65 * 60_000,
    round: 0,
    by: 'codex-worker 1.0.0',
    pid: 17,
    host: 'mill',
  } as const;
  const paused = {
    ...report(),
    paused: { directories: [{ directory: '/tasks', label: 'tasks', pause }], now },
  };
  assert.match(
    statusText(paused, VIEW),
    /^⏸ {2}tasks is paused until (?:\d{4}-\d\d-\d\d )?\d\d:\d\d \(in 1h 05m\), for a limit: You’ve hit your usage limit\.\n┏/,
  );
  assert.deepEqual((JSON.parse(statusJson(paused, VIEW.now)) as { paused: unknown }).paused, [
    { ...pause, directory: '/tasks', since: '2026-11-22T10:00:00.000Z', until: '2026-11-22T11:05:00.000Z' },
  ]);
});

test('what is used of the limits stands below, with when it begins anew, and with its age where that matters', () => {
  const now = VIEW.now.getTime();
  const HOUR = 3_600_000;
  const limits = {
    at: now,
    id: 'codex',
    primary: { usedPercent: 42.9, windowMinutes: 300, resetsAt: now + HOUR },
    secondary: { usedPercent: 100, windowMinutes: 10_080, resetsAt: now + 50 * HOUR },
    plan: 'pro',
  };
  const at = (report: StatusReport): StatusReport => ({ ...report, paused: { directories: [], now } });
  const line = (more: Partial<RateLimits>) =>
    statusText(at({ ...report(), limits: { ...limits, ...more } }), VIEW)
      .trimEnd()
      .split('\n')
      .at(-1);
  const time = String.raw`(?:\d{4}-\d\d-\d\d )?\d\d:\d\d`;
  assert.match(
    line({}) ?? '',
    new RegExp(
      String.raw`^limits: 42% of 5h used, resets ${time} · 100% of 7d used, resets \d{4}-\d\d-\d\d \d\d:\d\d$`,
    ),
  );
  const { secondary: _, ...first } = { ...limits, at: now - HOUR, id: 'other' };
  assert.match(
    statusText(
      at({ ...report(), limits: { ...first, primary: { usedPercent: 5, windowMinutes: 90 } } }),
      VIEW,
    ),
    new RegExp(String.raw`\nlimits of other: 5% of 90m used · as of ${time}\n$`),
  );
  assert.deepEqual(
    (JSON.parse(statusJson({ ...report(), limits }, VIEW.now)) as { limits: unknown }).limits,
    {
      ...limits,
      at: '2026-11-22T10:00:00.000Z',
      primary: { ...limits.primary, resetsAt: '2026-11-22T11:00:00.000Z' },
      secondary: { ...limits.secondary, resetsAt: '2026-11-24T12:00:00.000Z' },
    },
  );
});

test('what agents have asked is counted by what became of it', () => {
  const answers = { asked: 7, approved: 3, denied: 1, stopped: 1, timedOut: 1, withdrawn: 1 };
  const last = (report: StatusReport) => statusText(report, VIEW).trimEnd().split('\n').at(-1);
  assert.equal(
    last({ ...report(), answers }),
    '7 questions: 3 approved, 1 denied, 1 denied and stopped, 1 not answered in time, 1 withdrawn',
  );
  assert.equal(
    last({ ...report(), answers: { ...NO_ANSWERS, asked: 1, approved: 1 } }),
    '1 question: 1 approved',
  );
});

test('what needs a person is said in the table, with the command, and with details below each task', () => {
  const since = '2026-11-22T09:55:00.000Z';
  const needsApproval = [
    { id: '4f2a91', asked: 'run: rm -rf build', since },
    { id: '0b1c2d', asked: 'change 1 file: \u001b[2Ja.md\nfake', since },
  ];
  const asking: TaskStatus = { task: task("it's.md"), state: 'in-progress', attempt: 1, needsApproval };
  const two = { ...report([asking]), needsApproval: 2 };
  const text = statusText(two, VIEW);
  assert.match(text, /^│ In Progress \(2 need your approval\) │ {5}5 │ {7}5\.0% │$/m);
  assert.match(text, /\nwhat they ask: codex-worker approvals tasks\/ 'it'\\''s'\n$/);
  assert.match(statusText({ ...two, needsApproval: 1 }, VIEW), /In Progress \(1 needs your approval\)/);
  assert.deepEqual(
    statusText(two, { ...VIEW, detailed: true })
      .split('\n')
      .slice(9),
    [
      '',
      "In Progress  it's.md: attempt 1",
      '             asks (4f2a91, 5m 00s ago): run: rm -rf build',
      '             asks (0b1c2d, 5m 00s ago): change 1 file: a.md',
      "             codex-worker approvals 'it'\\''s.md'",
      '',
    ],
  );
  const document = JSON.parse(statusJson(two, VIEW.now)) as Pick<StatusReport, 'needsApproval' | 'tasks'>;
  assert.equal(document.needsApproval, 2);
  assert.deepEqual(document.tasks[0]?.needsApproval, needsApproval);
});
