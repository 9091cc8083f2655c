import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AgentActivity, RunEvent } from '../../src/core/event.ts';
import type { QuestionUp } from '../../src/report/asking.ts';
import { createPaint } from '../../src/report/console.ts';
import { LiveState } from '../../src/report/live-state.ts';
import { liveView, type Frame } from '../../src/report/live-view.ts';
import { columnsOf, fit, fitEnd, rowsOf } from '../../src/report/widths.ts';
import { answered, asks, ended, failed, started, succeeded, task } from './rig.ts';

const SECOND = 1_000;
const FRAME: Frame = { columns: 80, rows: 24, now: 0, paint: createPaint(false), keys: 'none' };

/** What is noted at which second. */
function stateOf(...events: readonly (readonly [second: number, event: RunEvent])[]): LiveState {
  const state = new LiveState();
  for (const [second, event] of events) state.note(event, second * SECOND);
  return state;
}

const begins = (label: string, attempt = 1): RunEvent => ({
  kind: 'attempt-started',
  task: task(label),
  attempt,
  claim: 'c'.repeat(32),
  pid: 7,
});
const does = (label: string, kind: AgentActivity['kind'], text: string): RunEvent => ({
  kind: 'attempt-activity',
  task: task(label),
  activity: { kind, text },
});
const usage = { input: 90_000, cached: 0, output: 10_000 };
const completed = (label: string, seconds: number) =>
  ended(label, succeeded({ durationMs: seconds * SECOND, usage }));
const view = (state: LiveState, second: number, frame: Partial<Frame> = {}) =>
  liveView(state, { ...FRAME, now: second * SECOND, ...frame });

const MIDDLE = stateOf(
  [0, started(20, { concurrency: 4 })],
  [0, begins('a.md')],
  [0, begins('b.md')],
  [0, begins('src/fix-auth.md')],
  [60, completed('a.md', 60)],
  [60, ended('b.md', failed({ kind: 'timed-out', afterMs: 5_000, doing: { kind: 'unknown' } }))],
  [61, begins('修复登录.md', 2)],
  [62, does('src/fix-auth.md', 'command', 'npm test')],
  [62, does('src/fix-auth.md', 'message', 'It fails.')],
  [70, does('修复登录.md', 'command', "/bin/bash -lc 'cat login.py'")],
);

test('a line for each attempt, a bar, and the figures', () => {
  assert.deepEqual(view(MIDDLE, 72, { keys: 'known' }), [
    '',
    ' ⠹ src/fix-auth.md  1m 12s  It fails.  10s ago',
    ' ⠙ 修复登录.md         11s  #2 $ cat login.py',
    '',
    ' ━━━━━━╌╌╌╌╌╌╌───────────────────────────────────────────────────────  2/20 10%',
    ' 1 completed · 1 failed · 2 running of 4 · 16 to go',
    ' 1m 12s · about 4m 49s left · 100.0k tokens · 5.00M tokens/h · ? for keys',
  ]);
});

test('whole figures give way in a narrow terminal, and names and activities are cut', () => {
  assert.deepEqual(view(MIDDLE, 72, { columns: 40, keys: 'known' }), [
    '',
    ' ⠹ src/fix-auth.md  1m 12s  It fails.',
    ' ⠙ 修复登录.md         11s  #2 $ cat l…',
    '',
    ' ━━╌╌╌───────────────────────  2/20 10%',
    ' 1 completed · 1 failed',
    ' 1m 12s · about 4m 49s left',
  ]);
});

const QUESTION = asks('b.md', {
  asked: { kind: 'command', command: "/bin/bash -lc 'npm install left-pad --save-exact'" },
  workingDirectory: '/code',
  reason: 'May I install what the tests need?',
});
const ASKING = stateOf(
  [0, started(20, { concurrency: 4 })],
  [0, begins('a.md')],
  [0, begins('b.md')],
  [2, does('a.md', 'command', 'npm test')],
  [3, QUESTION],
);
const up = (more: Partial<QuestionUp> = {}): QuestionUp => ({
  label: 'b.md',
  question: QUESTION.question,
  of: 3,
  unread: 0,
  isFresh: false,
  ...more,
});

test('the question that is up, what it is about, and its keys; whoever waits is seen, and counted', () => {
  assert.deepEqual(view(ASKING, 5, { keys: 'known', up: up() }), [
    '',
    ' ⠙ a.md      5s  $ npm test',
    ' ? b.md      5s  waits for your answer',
    '',
    ' ? 1 of 3: b.md asks to run: npm install left-pad --save-exact',
    '   in /code · in the words of its agent: May I install what the tests need?',
    '   y approve · s for this session · n deny · c deny and stop',
    '',
    ' ╌╌╌╌╌╌───────────────────────────────────────────────────────────────  0/20 0%',
    ' 0 completed · 1 running of 4 · 1 waits for an answer · 18 to go',
    ' 5s · ? for keys',
  ]);
  assert.deepEqual(view(ASKING, 5, { columns: 40, keys: 'known', up: up({ of: 1 }) }), [
    '',
    ' ⠙ a.md      5s  $ npm test',
    ' ? b.md      5s  waits for your answer',
    '',
    ' ? b.md asks to run: npm install left-…',
    '   in /code · in the words of its agen…',
    '   y approve  s session  n deny  c stop',
    '',
    ' ╌╌───────────────────────────  0/20 0%',
    ' 0 completed · 1 running of 4',
    ' 5s · ? for keys',
  ]);
  const wide = view(ASKING, 5, { columns: 200, up: up() });
  assert.equal(wide[4], ' ? 1 of 3: b.md asks to run: npm install left-pad --save-exact');
});

test('without keys a question is counted, and nothing is asked', () => {
  const lines = view(ASKING, 20);
  assert.equal(lines[2], ' ? b.md     20s  waits for an answer  17s ago');
  assert.equal(lines.at(-2), ' 0 completed · 1 running of 4 · 1 waits for an answer · 18 to go');
  assert.doesNotMatch(lines.join('\n'), /approve/);
  const answeredState = stateOf(
    [0, started(20)],
    [0, begins('b.md')],
    [3, QUESTION],
    [9, answered(QUESTION)],
  );
  assert.match(
    view(answeredState, 9).join('\n'),
    /⠋ b\.md {6}9s {2}starting[^]*\n 0 completed · 1 running of 4 · 19 to go\n/,
  );
});

test('only what is offered has a key, and a long question is read first', () => {
  const question = { ...QUESTION.question, offers: ['approve', 'stop'] as const };
  const keysOf = (more: Partial<QuestionUp>) =>
    view(ASKING, 5, { up: up(more) }).find((line) => line.startsWith('   y'));
  assert.equal(keysOf({ question }), '   y approve · c deny and stop');
  assert.equal(keysOf({ unread: 350 }), '   y reads 350 more lines · n deny · c deny and stop');
});

test('the keys of a question stay in sight in the smallest terminal', () => {
  for (const [columns, rows] of [
    [40, 4],
    [80, 3],
    [20, 4],
  ] as const) {
    const lines = view(ASKING, 5, { columns, rows, keys: 'known', up: up() });
    assert.match(lines.join('\n'), /y/, `${columns}x${rows}`);
    assert.match(lines.join('\n'), columns >= 40 ? /y approve.*\bs\b.*n deny/ : /y s n c/);
  }
});

test('what is asked stands above the view, and has room: few attempts are shown beside it', () => {
  const state = stateOf([0, started(300, { concurrency: 256 })]);
  for (let i = 0; i < 256; i++) state.note(begins(`${i}.md`), 0);
  state.note({ ...QUESTION, task: task('0.md') }, 0);
  assert.equal(view(state, 1, { keys: 'known', up: up() }).length, 13);
});

test('no line is wider than the terminal, and no view higher, whatever the names are', () => {
  const names = [
    '修复登录问题并添加测试.md',
    '👩‍👩‍👧-family-🇩🇪.md',
    'e\u0301'.repeat(60),
    `${'deep/'.repeat(30)}a.md`,
    'a\u001b[31mb\u202ec.md',
  ];
  const state = stateOf([0, started(300, { concurrency: 256 })]);
  for (let i = 0; i < 256; i++) {
    const label = `${i}-${names[i % names.length]}`;
    state.note(begins(label, 1 + (i % 3)), 0);
    state.note(does(label, 'command', `${names[(i + 1) % names.length]} `.repeat(3)), 0);
  }
  for (const keys of ['none', 'known', 'shown'] as const)
    for (const rows of [1, 2, 5, 8, 10, 24, 60])
      for (const columns of [1, 5, 12, 40, 41, 80, 200]) {
        const asked = asks(names.join(''), { workingDirectory: names.join('/'), reason: names.join('\n') });
        for (const more of [{}, { up: up({ label: names.join(''), question: asked.question }) }]) {
          const lines = view(state, 100, { columns, rows, keys, ...more });
          assert.ok(lines.length <= Math.max(1, rows - 1), `${lines.length} lines of ${rows}`);
          for (const line of lines) {
            assert.ok(columnsOf(line) < columns, `${columnsOf(line)} of ${columns}: ${line}`);
            assert.doesNotMatch(line, /[\u0000-\u001f\u202e]/);
          }
        }
      }
});

test('of more attempts than there is room for the rest is counted, and some lines above stay in sight', () => {
  const state = stateOf([0, started(300, { concurrency: 256 })]);
  for (let i = 0; i < 256; i++) state.note(begins(`${i}.md`), 0);
  const lines = view(state, 1);
  assert.equal(lines.length, 19);
  assert.equal(lines[13], ' ⠋ 12.md      1s  starting');
  assert.equal(lines[14], '   … and 243 more');
  assert.equal(lines.at(-2), ' 0 completed · 256 running · 44 to go');
  assert.deepEqual(
    view(state, 1, { rows: 6 }).map((line) => line.slice(0, 16)),
    [` ${'╌'.repeat(15)}`, ' 0 completed · 2', ' 1s'],
  );
});

test('nothing is foreseen before something has been measured, nor while nothing begins', () => {
  const state = stateOf([0, started(4, { concurrency: 2 })], [0, begins('a.md')], [0, begins('b.md')]);
  assert.equal(view(state, 30).at(-1), ' 30s');
  state.note(completed('a.md', 40), 40 * SECOND);
  assert.match(view(state, 40).at(-1) ?? '', /^ 40s · about 40s left · 100\.0k tokens · 9\.00M tokens\/h$/);
  state.note(asks('b.md'), 41 * SECOND);
  assert.doesNotMatch(view(state, 41).join('\n'), /left/, 'a person has to answer first');
  state.note(answered(asks('b.md')), 41 * SECOND);
  state.note({ kind: 'draining', running: 1, asking: 0 }, 41 * SECOND);
  assert.doesNotMatch(view(state, 41).join('\n'), /left/);
});

test('a pause counts down, and says how it is ended where there are keys', () => {
  const state = stateOf([0, started(4)]);
  const pause = { id: 'a'.repeat(32), reason: '', since: 0, by: '', pid: 1, host: '' };
  const held = (second: number, keys: Frame['keys'] = 'known') => view(state, second, { keys }).at(-1);
  state.note({ kind: 'paused', pause: { ...pause, class: 'by-hand' }, now: 0 }, 0);
  assert.equal(held(5), ' Paused by hand; p goes on');
  assert.equal(held(5, 'none'), ' Paused by hand');
  state.note(
    { kind: 'paused', pause: { ...pause, class: 'by-hand', until: 5_065_000 }, now: 5_000_000 },
    5_000,
  );
  assert.equal(held(10), ' Paused by hand for 1m 00s more; p goes on');
  state.note(
    { kind: 'paused', pause: { ...pause, class: 'limited', round: 0, until: 60_000 }, now: 0 },
    10_000,
  );
  assert.equal(held(11), ' Paused for a limit, tried again in 59s; p goes on at once');
  assert.equal(held(80), ' Paused for a limit, tried again soon; p goes on at once');
  state.note({ kind: 'probing', task: task('a\u001b.md') }, 80_000);
  assert.equal(held(81), ' Trying whether the limit is lifted: a\\x1b.md');
  state.note({ kind: 'resumed', forMs: 1 }, 82_000);
  assert.equal(held(82), ' 1m 22s · ? for keys');
  state.note({ kind: 'aborting', running: 0, signal: 'SIGINT' }, 83_000);
  assert.equal(held(83), ' Ending 0 agents, giving back what runs');
});

test('what others do counts, and what this run takes back does not', () => {
  const state = stateOf([0, started(10)], [0, { kind: 'elsewhere', inProgress: 2, completed: 2, failed: 1 }]);
  const failure = failed({ kind: 'timed-out', afterMs: 5_000, doing: { kind: 'unknown' } });
  state.note(ended('a.md', failure), 0);
  assert.deepEqual(view(state, 1).slice(-2), [
    ' 0 completed · 1 failed · 0 running of 4 · 4 to go · 3 finished elsewhere',
    ' 1s',
  ]);
  assert.match(
    view(state, 1, { columns: 120 }).at(-2) ?? '',
    / · 3 finished elsewhere · 2 in progress elsewhere$/,
  );
  assert.equal(state.finished, 4);
  state.note({ kind: 'made-pending', task: task('a.md') }, 1);
  assert.equal(state.finished, 3);
  state.note({ kind: 'level', level: 2, of: 4, why: 'rate-limited' }, 1);
  assert.match(view(state, 1).at(-2) ?? '', / 0 running of 2 for now, not 4 · /);
});

test('a task that is none any more leaves the sum, and a failure that is tried again is none yet', () => {
  const state = stateOf([0, started(3)]);
  state.note(ended('a.md', { kind: 'skipped', reason: 'task-gone' }), 0);
  state.note(ended('b.md', { kind: 'refused', why: 'is a link' }), 0);
  state.note(ended('c.md', failed({ kind: 'timed-out', afterMs: 1, doing: { kind: 'unknown' } }, true)), 0);
  assert.deepEqual([state.total, state.failed, state.pending], [1, 0, 1]);
});

test('colours are for people who want them', () => {
  const { paint } = FRAME;
  const painted = view(MIDDLE, 72, { paint: createPaint(true) });
  assert.notDeepEqual(painted, view(MIDDLE, 72, { paint }));
  // eslint-disable-next-line no-control-regex
  assert.deepEqual(
    painted.map((line) => line.replaceAll(/\u001b\[\d+m/g, '')),
    view(MIDDLE, 72, { paint }),
  );
});

test('text is cut where it stops fitting, and never inside what a reader takes for one character', () => {
  assert.equal(fit('abc', 3), 'abc');
  assert.equal(fit('abcd', 3), 'ab…');
  assert.equal(fit('修复登录', 5), '修复…');
  assert.equal(fit('修复登录', 4), '修…');
  assert.equal(fit('👩‍👩‍👧👩‍👩‍👧', 3), '👩‍👩‍👧…');
  assert.equal(fit('abc', 0), '');
  assert.equal(fitEnd('a/b/c.md', 5), '…c.md');
  assert.equal(fitEnd('修复登录', 4), '…录');
  assert.equal(columnsOf('修a\u0301…━'), 5);
});

test('a terminal that has become narrower takes more rows for a line', () => {
  assert.equal(rowsOf('', 10), 1);
  assert.equal(rowsOf('a'.repeat(10), 10), 1);
  assert.equal(rowsOf(`\u001b[1m${'a'.repeat(21)}\u001b[22m`, 10), 3);
  assert.equal(rowsOf('修'.repeat(5), 5), 3, 'two in each');
});

test('of a command the shell around it is left out, and of a path the directory that all work in', () => {
  const doing = (kind: AgentActivity['kind'], text: string) =>
    view(stateOf([0, started(1)], [0, begins('a.md')], [0, does('a.md', kind, text)]), 0)[1];
  assert.equal(doing('command', '/bin/bash -lc "npm test"'), ' ⠙ a.md      0s  $ npm test');
  assert.equal(doing('command', "bash -c 'echo cut off…"), ' ⠙ a.md      0s  $ echo cut off…');
  assert.equal(doing('command', 'sh -c ls'), ' ⠙ a.md      0s  $ ls');
  assert.equal(doing('command', 'git diff'), ' ⠙ a.md      0s  $ git diff');
  assert.equal(doing('file-change', '/code/src/a.ts, /code/b.ts'), ' ⠙ a.md      0s  changes src/a.ts, b.ts');
});
