/** The report as JUnit, as JSON and as lines. The page has a browser of its own: test/security/report-page.test.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'junit2json';
import { reportFiles, runReportFiles } from '../../src/core/report-files.ts';
import { reportOn, type ReportData } from '../../src/core/report-data.ts';
import type { TaskStatus } from '../../src/core/reports.ts';
import { answered } from '../rig/question.ts';
import { createPaint } from '../../src/report/console.ts';
import { reportJson } from '../../src/report/report-json.ts';
import { reportJunit } from '../../src/report/junit.ts';
import { reportText } from '../../src/report/report-text.ts';

const NOW = Date.UTC(2026, 0, 31, 7);
const HOSTILE = `]]><testcase name="made up"/>\u0000\u0008\u001b[31m\u202e\ufffe\ud800 & < > " '`;

function report(): ReportData {
  const status = (directory: string, name: string, more: Partial<TaskStatus>): TaskStatus => ({
    task: { directory, name, label: `${directory.slice(1)}/${name}` },
    state: 'completed',
    log: `${directory}/done_exec_log-${name}.txt`,
    ...more,
  });
  const usage = { input: 1_000, cached: 400, output: 50 };
  const ended = { run: 'r', by: 'codex-worker 1.0.0', attempt: 1, outcome: 'completed', usage } as const;
  return reportOn({
    by: 'codex-worker 1.0.0',
    at: NOW,
    tasks: [
      status('/one', 'good.md', { checked: 'verified' }),
      status('/one', `bad ${HOSTILE}.md`, { state: 'failed', reason: `no ${HOSTILE}` }),
      status('/two', 'later.md', { state: 'pending' }),
    ],
    refused: [],
    directories: [
      {
        directory: '/one',
        label: 'one',
        notes: [],
        answers: [
          answered('good.md', NOW - 30_000, { decision: 'approve-session' }),
          answered(`bad ${HOSTILE}.md`, NOW - 20_000, {
            asked: `run: ${HOSTILE}`,
            text: HOSTILE,
            decision: 'deny',
            by: { user: HOSTILE, host: HOSTILE, terminal: HOSTILE, pid: 1 },
          }),
        ],
        entries: [{ ...ended, task: 'good.md', at: NOW - 60_000, claim: 'a'.repeat(32), durationMs: 12_345 }],
      },
      { directory: '/two', label: 'two', entries: [], notes: [], answers: [] },
    ],
    paused: [],
    logEnds: new Map([[`/one/bad ${HOSTILE}.md`, { text: `It said ${HOSTILE}` }]]),
  });
}

test('the JUnit file is read by a program that reads such files, with every task in its suite', async () => {
  const suites = await parse(reportJunit(report()));
  assert.ok(suites && 'testsuite' in suites);
  assert.deepEqual(
    suites.testsuite?.map(({ name, tests, failures, skipped }) => [name, tests, failures, skipped]),
    [
      ['one', 2, 1, 0],
      ['two', 1, 0, 1],
    ],
  );
  const [good, bad] = suites.testsuite?.[0]?.testcase ?? [];
  assert.deepEqual(
    [good?.name, good?.classname, good?.time, good?.failure],
    ['good.md', 'one', 12.345, undefined],
  );
  assert.equal(suites.testsuite?.[1]?.testcase?.[0]?.skipped?.length, 1);
  const [failure] = bad?.failure ?? [];
  assert.match(failure?.message ?? '', /^no \]\]><testcase name="made up"\/>/);
  assert.match(failure?.inner ?? '', /^It said \]\]><testcase name="made up"\/>.* & < > " '$/);
});

test('what was asked, when, and who answered what is in the JUnit file and in the document', () => {
  const cases = reportJunit(report()).split('<testcase ');
  const properties = (one = '') => [...one.matchAll(/<property name="questions?" value="(.*?)"\/>/g)];
  assert.deepEqual(
    properties(cases[1]).map(([, value]) => value),
    [
      '1',
      '2026-01-31T06:58:30.000Z, attempt 1: run: rm -rf build: approved for this session by ada on here (/dev/pts/3)',
    ],
  );
  const [, [, line = ''] = []] = properties(cases[2]);
  assert.match(line, /^2026-01-31T06:58:40\.000Z, attempt 1: run: \]\]>.*: denied by \]\]>/);
  const { totals, tasks } = JSON.parse(reportJson(report())) as {
    totals: { answers: object };
    tasks: { questions: { asked: string; at: string; askedAt: string; how: string; by: object }[] }[];
  };
  assert.deepEqual(totals.answers, {
    asked: 2,
    approved: 1,
    denied: 1,
    stopped: 0,
    timedOut: 0,
    withdrawn: 0,
  });
  const [asked] = tasks[0]?.questions ?? [];
  assert.deepEqual(
    [asked?.asked, asked?.askedAt, asked?.at, asked?.how, asked?.by],
    [
      'run: rm -rf build',
      '2026-01-31T06:58:30.000Z',
      '2026-01-31T06:59:30.000Z',
      'person',
      { user: 'ada', host: 'here', terminal: '/dev/pts/3', pid: 17 },
    ],
  );
});

test('nothing that XML forbids is in the JUnit file, whatever stands in names and logs', () => {
  const text = reportJunit(report());
  // oxlint-disable-next-line no-control-regex -- that is what must not be there
  assert.doesNotMatch(text, /[\u0000-\u0008\u000b-\u001f\ufffe\uffff\u202e]|[\ud800-\udfff]/);
  assert.equal(text.match(/^ *<testcase /gm)?.length, 3);
});

test('the JSON document has a version, moments that people can read, and every task', () => {
  const text = reportJson(report());
  assert.doesNotMatch(text, /[\u007f-\u009f\u202e]/);
  const document = JSON.parse(text) as Record<string, unknown> & { tasks: Record<string, unknown>[] };
  assert.equal(document['version'], 1);
  assert.equal(document['at'], '2026-01-31T07:00:00.000Z');
  assert.deepEqual(document.tasks.map(({ task, state }) => [task, state])[2], ['two/later.md', 'pending']);
  assert.deepEqual(document.tasks[0]?.['attempts'], [
    {
      attempt: 1,
      run: 0,
      from: '2026-01-31T06:58:47.655Z',
      to: '2026-01-31T06:59:00.000Z',
      outcome: 'completed',
      usage: { input: 1_000, cached: 400, output: 50 },
    },
  ]);
});

test('without a file it is a few lines, in which nothing steers the terminal', () => {
  const lines = reportText(report(), createPaint(false)).split('\n');
  assert.equal(lines[0], '3 tasks: 1 completed, 1 failed, 0 in progress, 1 pending');
  assert.equal(lines[1], '1 attempt in 1 run · tokens: 1.0k in (400 cached), 50 out');
  assert.equal(lines[4], '2 questions: 1 approved, 1 denied');
  assert.match(lines[5] ?? '', /^1 × no \]\]><testcase name="made up"\/>/, 'of one task as it is');
  // oxlint-disable-next-line no-control-regex -- that is what must not be there
  assert.doesNotMatch(lines.join(''), /[\u0000-\u001f\u007f-\u009f\u202e]/);
});

test('each report goes to a file of its own, by its option or by its ending', () => {
  const none = { html: undefined, junit: undefined, json: undefined };
  assert.deepEqual(
    reportFiles({ ...none, html: 'a.html', json: '-' }, '/here').map(({ format, path }) => [format, path]),
    [
      ['html', '/here/a.html'],
      ['json', undefined],
    ],
  );
  assert.deepEqual(
    runReportFiles(['a.HTM', 'b.xml', '/c.json'], '/here').map(({ format, path }) => [format, path]),
    [
      ['html', '/here/a.HTM'],
      ['junit', '/here/b.xml'],
      ['json', '/c.json'],
    ],
  );
  assert.throws(
    () => reportFiles({ ...none, html: '-', json: '-' }, '/'),
    /standard output takes one report/,
  );
  assert.throws(() => reportFiles({ ...none, html: 'a', json: './a' }, '/'), /"\/a" is to be written twice/);
  assert.throws(() => reportFiles({ ...none, junit: '' }, '/'), /--junit: got ""/);
  assert.throws(() => runReportFiles(['report.pdf'], '/'), /ends in \.html, \.xml or \.json/);
});
