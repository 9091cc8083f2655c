import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { columnsOf, fit } from '../../src/report/columns.ts';
import { Progress, progressLine } from '../../src/report/progress.ts';
import { ended, finished, started, succeeded, task } from './rig.ts';

const STATE = {
  finished: 12,
  total: 200,
  running: 4,
  failed: 1,
  activity: 'fix-auth.md: npm test',
  elapsedMs: 192_000,
};

test('the line says how far the run is, what an agent is doing, and since when', () => {
  assert.equal(progressLine(STATE, 100), '12/200 · 4 running · 1 failed · fix-auth.md: npm test · 3m 12s');
});

test('in a narrow terminal the activity gives way before the numbers do', () => {
  assert.equal(progressLine(STATE, 50), '12/200 · 4 running · 1 failed · fix-auth… · 3m 12s');
  assert.equal(progressLine(STATE, 40), '12/200 · 4 running · 1 failed · 3m 12s');
  assert.equal(progressLine(STATE, 10), '12/200 · …');
});

test('the line never takes more columns than there are, with wide characters too', () => {
  const activity = '修复登录.md: 运行测试 ✅ e\u0301e\u0301 👩‍👩‍👧 '.repeat(4);
  for (let columns = 0; columns < 120; columns++)
    assert.ok(columnsOf(progressLine({ ...STATE, activity }, columns)) <= columns, `${columns} columns`);
});

test('text is cut where it stops fitting, and not at all where it fits', () => {
  assert.equal(fit('abc', 3), 'abc');
  assert.equal(fit('abcd', 3), 'ab…');
  assert.equal(fit('修复登录', 5), '修复…');
  assert.equal(fit('修复登录', 4), '修…');
  assert.equal(columnsOf('修a\u0301'), 3);
});

test('it is drawn at most ten times a second, makes room for other lines, and is gone at the end', () => {
  mock.timers.enable({ apis: ['setInterval'] });
  const written: string[] = [];
  const progress = new Progress({ err: (text) => written.push(text), columns: () => 60 }, () => 0);
  try {
    progress.note(started(2));
    for (let i = 0; i < 1_000; i++)
      progress.note({
        kind: 'attempt-activity',
        task: task('a.md'),
        activity: { kind: 'other', text: String(i) },
      });
    assert.deepEqual(written, []);
    progress.note({ kind: 'attempt-started', task: task('a\u001b.md'), attempt: 1, claim: 'c', pid: 1 });
    mock.timers.tick(1_000);
    assert.equal(written.length, 10);
    assert.equal(written[0], '\r\u001b[2K⠙ 0/2 · 1 running · a\\x1b.md · 0.0s');
    progress.clear();
    progress.clear();
    assert.deepEqual(written.slice(10), ['\r\u001b[2K']);
    progress.note(ended('a\u001b.md', succeeded()));
    mock.timers.tick(100);
    assert.equal(written.at(-1), '\r\u001b[2K⠙ 1/2 · 0 running · 0.0s');
    progress.note(finished({}));
    assert.equal(written.at(-1), '\r\u001b[2K');
    mock.timers.tick(1_000);
    assert.equal(written.at(-1), '\r\u001b[2K');
  } finally {
    mock.timers.reset();
  }
});

test('while nothing may be started it says for how long, and what is tried', () => {
  mock.timers.enable({ apis: ['setInterval'] });
  let now = 0;
  let line = '';
  const progress = new Progress({ err: (text) => (line = text), columns: () => 60 }, () => now);
  const shown = () => {
    mock.timers.tick(100);
    return line.slice(line.indexOf('0/2'));
  };
  const pause = {
    id: 'a'.repeat(32),
    class: 'by-hand',
    reason: '',
    since: 1_000_000,
    by: '',
    pid: 1,
    host: '',
  } as const;
  try {
    progress.note(started(2));
    progress.note({ kind: 'paused', pause: { ...pause, until: 1_065_000 }, now: 1_000_000 });
    now = 5_000;
    assert.equal(shown(), '0/2 · 0 running · paused for 1m 00s · 5.0s');
    now = 90_000;
    assert.equal(shown(), '0/2 · 0 running · paused · 1m 30s');
    progress.note({ kind: 'paused', pause, now: 1_090_000 });
    assert.equal(shown(), '0/2 · 0 running · paused · 1m 30s');
    progress.note({ kind: 'probing', task: task('a\u001b.md') });
    assert.equal(shown(), '0/2 · 0 running · trying a\\x1b.md · 1m 30s');
    progress.note({ kind: 'resumed', forMs: 90_000 });
    assert.equal(shown(), '0/2 · 0 running · 1m 30s');
  } finally {
    mock.timers.reset();
  }
});
