/** The page of a report without a browser: how large it gets, and where on its axis a moment is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newClaimId } from '../../src/core/claim.ts';
import type { AnswerNote, JournalEntry } from '../../src/core/journal-entry.ts';
import { reportOn, type ReportData } from '../../src/core/report-data.ts';
import { axisOf } from '../../src/report/page/axis.ts';
import { answered } from '../rig/question.ts';
import { reportPage } from '../../src/report/page/page.ts';

const NOW = Date.UTC(2026, 0, 31, 7);
const HOUR = 3_600_000;

const entry = (task: string, at: number, more: Partial<JournalEntry> = {}): JournalEntry => ({
  at,
  run: 'one',
  by: 'codex-worker 1.0.0',
  task,
  attempt: 1,
  claim: newClaimId(),
  outcome: 'completed',
  usage: { input: 1_000, cached: 400, output: 50 },
  durationMs: HOUR,
  ...more,
});

function report(
  names: readonly string[],
  entries: readonly JournalEntry[],
  excerpt?: string,
  answers: readonly AnswerNote[] = [],
): ReportData {
  const path = (name: string) => `/tasks/${name}`;
  return reportOn({
    by: 'codex-worker 1.0.0',
    at: NOW,
    tasks: names.map((name) => ({
      task: { directory: '/tasks', name, label: `tasks/${name}` },
      state: 'completed',
      log: `/tasks/done_exec_log-${name}.txt`,
    })),
    refused: [],
    directories: [{ directory: '/tasks', label: 'tasks', entries, notes: [], answers }],
    paused: [],
    logEnds: new Map(excerpt === undefined ? [] : names.map((name) => [path(name), { text: excerpt }])),
  });
}

test('two nights with a day between them are two nights, and one gap', () => {
  const entries = [1, 2, 3, 25, 26, 27].map((ago) => entry('a.md', NOW - ago * HOUR));
  const axis = axisOf(report(['a.md'], entries));
  assert.ok(axis);
  assert.equal(axis.gaps.length, 1);
  const places = [28, 25, 4, 1].map((ago) => Math.round(axis.at(NOW - ago * HOUR)));
  assert.deepEqual(places, [0, 49, 51, 100]);
  for (const x of [0, 20, 48.75, 51.25, 100])
    assert.ok(Math.abs(axis.at(axis.timeAt(x) ?? 0) - x) < 0.01, String(x));
  assert.equal(axis.timeAt(50), undefined, 'in the gap');
  const within = axis.at(NOW - 12 * HOUR);
  assert.ok(within > 48 && within < 52, 'what was cut out is in its gap');
});

test('lines with times from other years leave the night as wide as it was', () => {
  const night = Array.from({ length: 100 }, (_, n) => entry('a.md', NOW - n * 60_000));
  const forged = Array.from({ length: 30 }, (_, n) => entry('a.md', Date.UTC(2020, n), { durationMs: 0 }));
  const axis = axisOf(report(['a.md'], [...forged.slice(0, 5), ...night]));
  assert.ok(axis);
  assert.ok(axis.at(NOW) - axis.at(NOW - HOUR) > 25, 'an hour of the night can be seen');
});

test('nothing was done, or only for a moment: the page is there all the same', () => {
  assert.equal(axisOf(report(['a.md'], [])), undefined);
  assert.match(reportPage(report(['a.md'], [])), /nothing was run yet/);
  assert.match(reportPage(report([], [])), /nothing was run yet/);
  const moment = report(['a.md'], [entry('a.md', NOW, { durationMs: 0 })]);
  assert.doesNotMatch(reportPage(moment), /NaN|Infinity|undefined/);
});

test('what is said of the attempts is true when a task failed, and when one was tried again', () => {
  const failed = entry('a.md', NOW, { outcome: 'failed', why: 'idle' });
  assert.match(reportPage(report(['a.md', 'b.md'], [failed])), /no task had more than one/);
  const again = [entry('a.md', NOW - HOUR, { outcome: 'failed' }), failed];
  assert.match(reportPage(report(['a.md', 'b.md'], again)), /1 task had more than one/);
});

test('ten thousand tasks are a page of less than ten megabytes', () => {
  const names = Array.from({ length: 10_000 }, (_, n) => `a-task-with-a-name-${n}.md`);
  const thread = '0199a213-81c0-7800-8aa1-bbab2a035a53';
  const entries = names.map((name, n) => entry(name, NOW - n * 1_000, { thread, run: String(n % 3) }));
  const page = reportPage(report(names, entries, 'The end of its log, which says what was done. '.repeat(3)));
  assert.ok(page.length < 10_000_000, `${page.length} characters`);
  assert.equal(page.match(/<details class="task"/g)?.length, 10_000);
});

test('a journal with a new run in each line draws no more of them than a person looks at', () => {
  const entries = Array.from({ length: 20_000 }, (_, n) =>
    entry('a.md', NOW - n, {
      run: `run ${n}`,
      by: 'x'.repeat(1_000),
      why: 'y'.repeat(1_000) + String(n),
      outcome: 'retry',
    }),
  );
  const page = reportPage(report(['a.md'], entries));
  assert.ok(page.length < 200_000, `${page.length} characters`);
  assert.match(page, /\d+ earlier runs are not drawn/);
});

test('each question stands with its task, and on the timeline for as long as its attempt waited', () => {
  const asked = answered('a.md', NOW - HOUR / 4, { text: 'make\n\u202ereversed\u202c', asked: 'run: make' });
  const short = answered('a.md', NOW - HOUR / 2, { decision: 'deny', how: 'timeout' });
  const page = reportPage(report(['a.md'], [entry('a.md', NOW)], undefined, [asked, short]));
  assert.match(
    page,
    /<dt>Questions<\/dt><dd class="value">2<\/dd><dd class="detail">1 approved, 1 not answered in time</,
  );
  const rows = [...page.matchAll(/<td>attempt 1 asked: (.*?)<\/td><td>(.*?)<\/td><td>(.*?)<\/td><\/tr>/gs)];
  assert.deepEqual(
    rows.map((row) => row.slice(1)),
    [
      ['run: rm -rf build', 'denied: nobody answered in time', 'after 1m 00s'],
      [
        '<details><summary>run: make</summary><pre>make\n‹U+202E›reversed‹U+202C›</pre></details>',
        'approved by ada on here (/dev/pts/3)',
        'after 1m 00s',
      ],
    ],
  );
  const waits = [...page.matchAll(/<rect class="asked" x="([\d.]+)%" y="0" width="([\d.]+)%"/g)];
  assert.deepEqual(
    waits.map(([, x, width]) => [Math.round(Number(x)), Math.round(Number(width))]),
    [
      [48, 2],
      [73, 2],
    ],
  );
  assert.match(page, /waited for a person/);
  assert.doesNotMatch(reportPage(report(['a.md'], [entry('a.md', NOW)])), /Questions|waited for a person/);
});

test('a journal full of questions makes no page that no browser opens', () => {
  const names = Array.from({ length: 500 }, (_, n) => `${n}.md`);
  const long = 'x'.repeat(2_000);
  const answers = names.flatMap((name) =>
    Array.from({ length: 20 }, (_, n) => answered(name, NOW - n, { text: long, asked: long.slice(0, 160) })),
  );
  const page = reportPage(report(names, [entry('1.md', NOW)], undefined, answers));
  assert.ok(page.length < 10_000_000, `${page.length} characters`);
  assert.match(page, /20 earlier questions/);
});
