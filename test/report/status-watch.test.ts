import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_ANSWERS } from '../../src/core/answer-counts.ts';
import type { StatusReport, TaskStatus } from '../../src/core/reports.ts';
import { NOTHING_SPENT } from '../../src/core/spending.ts';
import type { TaskState } from '../../src/core/task.ts';
import { columnsOf } from '../../src/report/columns.ts';
import { createPaint } from '../../src/report/console.ts';
import { createStatusWatch, picture } from '../../src/report/status-watch.ts';
import { OWNER, task } from './rig.ts';

const NOW = new Date('2026-11-22T10:00:00Z');
const VIEW = { detailed: true, paths: [], paint: createPaint(false), now: NOW };

function report(tasks: readonly TaskStatus[]): StatusReport {
  const count = (state: TaskState) => tasks.filter((status) => status.state === state).length;
  return {
    counts: {
      pending: count('pending'),
      'in-progress': count('in-progress'),
      completed: count('completed'),
      failed: count('failed'),
    },
    total: tasks.length,
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

const running = (label: string, heartbeatAt = '2026-11-22T09:59:58Z'): TaskStatus => ({
  task: task(label),
  state: 'in-progress',
  attempt: 1,
  holder: { kind: 'alive', owner: OWNER },
  since: '2026-11-22T09:55:00Z',
  heartbeatAt,
});

test('a picture has the size of its terminal: what runs and what failed stays, what is long over gives way', () => {
  const done = Array.from(
    { length: 100 },
    (_, i) => ({ task: task(`a${i}.md`), state: 'completed' }) as const,
  );
  const failed: TaskStatus = { task: task('x.md'), state: 'failed', reason: 'no '.repeat(100) };
  const all = report([...done, running('r.md'), failed]);
  const colourful = { ...VIEW, paint: createPaint(true) };
  for (const view of [VIEW, colourful]) {
    const lines = picture(all, view, { columns: 60, rows: 20 }).split('\n');
    assert.ok(lines.length < 20, `${lines.length} lines`);
    for (const line of lines) assert.ok(columnsOf(line.replaceAll(/\u001b\[\d+m/g, '')) <= 60, line);
    assert.match(lines[10] ?? '', /In Progress.* {2}r\.md/);
    assert.match(lines[11] ?? '', /Failed .* {2}x\.md: no no/);
    assert.match(lines.at(-1) ?? '', /… and 94 more/);
  }
  const small = picture(all, VIEW, { columns: 60, rows: 5 }).split('\n');
  assert.equal(small.length, 4);
});

test('how long yet is there in every width, and of what was spent the cached tokens and the output go first', () => {
  const usage = { input: 123_456_789, cached: 98_765_432, output: 1_234_567 };
  const busy: StatusReport = {
    ...report([running('r.md')]),
    spent: { attempts: 1_234, usage },
    pace: { etaMs: 5_025_000, tasksPerHour: 123, tokensPerHour: 51_200_000 },
  };
  const last = (columns: number) => picture(busy, VIEW, { columns, rows: 24 }).split('\n').slice(-2);
  const howFast = 'about 1h 23m for the 1 left · 123 tasks/h · 51.20M tokens/h';
  const spent = '1234 attempts so far · tokens: 123.46M in (98.77M cached), 1.23M out';
  for (const columns of [80, 100]) assert.deepEqual(last(columns), [howFast, spent]);
  assert.deepEqual(last(45), [
    'about 1h 23m for the 1 left · 123 tasks/h · …',
    '1234 attempts so far · tokens: 123.46M in (9…',
  ]);
});

test('in a pipe there is a block for each change, and none for the time that passes', () => {
  const said: string[] = [];
  const show = createStatusWatch({
    detailed: true,
    json: false,
    paths: [],
    paint: VIEW.paint,
    out: (text) => said.push(text),
  });
  show(report([running('a.md')]), NOW);
  show(report([running('a.md', '2026-11-22T10:00:03Z')]), new Date('2026-11-22T10:00:05Z'));
  show(
    { ...report([running('a.md')]), pace: { tasksPerHour: 3, etaMs: 1 } },
    new Date('2026-11-22T10:00:07Z'),
  );
  show(report([{ task: task('a.md'), state: 'completed' }]), new Date('2026-11-22T10:00:10Z'));
  assert.equal(said.length, 2);
  assert.match(said[0] ?? '', /^2026-11-22T10:00:00\.000Z\n┏[^]*a\.md: attempt 1, pid 4242 on mill[^]*\n$/);
  assert.match(said[1] ?? '', /^\n2026-11-22T10:00:10\.000Z\n┏[^]*Completed {4}a\.md\n$/);
});

test('as JSON each change is one line', () => {
  const said: string[] = [];
  const show = createStatusWatch({
    detailed: true,
    json: true,
    paths: [],
    paint: VIEW.paint,
    out: (text) => said.push(text),
  });
  show(report([running('a.md')]), NOW);
  show(report([running('a.md')]), new Date('2026-11-22T10:00:05Z'));
  show(report([]), new Date('2026-11-22T10:00:10Z'));
  const documents = said.map((line) => JSON.parse(line) as { at: string; total: number });
  assert.ok(said.every((line) => line.indexOf('\n') === line.length - 1));
  assert.deepEqual(
    documents.map(({ at, total }) => [at, total]),
    [
      ['2026-11-22T10:00:00.000Z', 1],
      ['2026-11-22T10:00:10.000Z', 0],
    ],
  );
});

test('on a terminal every look is shown, for the ages in it', () => {
  const shown: string[] = [];
  const screen = { show: (text: string) => void shown.push(text), clear: () => {}, done: () => {} };
  const size = () => ({ columns: 200, rows: 40 });
  const out = () => assert.fail('nothing is printed beside the picture');
  const show = createStatusWatch({ ...VIEW, json: false, out, live: { screen, size } });
  show(report([running('a.md')]), NOW);
  show(report([running('a.md')]), new Date('2026-11-22T10:00:02Z'));
  assert.deepEqual(
    shown.map((text) => /since .* \((.*)\), last heartbeat (.*) ago/.exec(text)?.slice(1)),
    [
      ['5m 00s', '2.0s'],
      ['5m 02s', '4.0s'],
    ],
  );
});

test('what needs a person comes first where there is little room, with the command that shows it', () => {
  const asking = {
    ...running('z.md'),
    needsApproval: [{ id: '4f2a91', asked: 'run: make', since: '2026-11-22T09:59:00Z' }],
  };
  const others = Array.from({ length: 20 }, (_, n) => running(`a${n}.md`));
  const all = { ...report([...others, asking]), needsApproval: 1 };
  const lines = picture(all, VIEW, { columns: 120, rows: 20 }).split('\n');
  assert.deepEqual(lines.slice(9, 13), [
    '',
    'In Progress  z.md: attempt 1, pid 4242 on mill, since 2026-11-22T09:55:00Z (5m 00s), last heartbeat 2.0s ago',
    '             asks (4f2a91, 1m 00s ago): run: make',
    '             codex-worker approvals z.md',
  ]);
  assert.ok(lines.length < 20);
  assert.match(lines.at(-1) ?? '', /… and 15 more/);
});
