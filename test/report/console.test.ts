import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NO_USAGE } from '../../src/core/outcome.ts';
import type { RunEvent } from '../../src/core/event.ts';
import type { RunOptions } from '../../src/core/options.ts';
import { idOf } from '../../src/core/question.ts';
import type { Detail } from '../../src/core/requests.ts';
import { createConsoleReporter, createPaint } from '../../src/report/console.ts';
import { wantsColours } from '../../src/report/terminal.ts';
import { answered, asks, ended, EVERY_EVENT, failed, finished, started, succeeded, task } from './rig.ts';

function said(
  events: readonly RunEvent[],
  detail: Detail = 'normal',
  { paths = ['tasks/'], colours = false } = {},
) {
  let out = '';
  let err = '';
  const report = createConsoleReporter({
    detail,
    paths,
    paint: createPaint(colours),
    errPaint: createPaint(false),
    out: (text) => (out += text),
    err: (text) => (err += text),
  });
  for (const event of events) report(event);
  return { out, err };
}

const line = (event: RunEvent, detail?: Detail) => said([event], detail).out;

describe('what an agent asks', () => {
  test('is told in one line, with the command that answers, also to who wants to hear little', () => {
    const question = asks('fix auth.md');
    const id = idOf(question.question);
    const expected = `❓ fix auth.md asks to run: rm -rf build\n   to answer: codex-worker approve 'fix auth.md' --question ${id} (or deny)\n`;
    assert.equal(line(question), expected);
    assert.equal(line(question, 'quiet'), expected);
  });

  test('and who answered it, and what', () => {
    const question = asks('a.md');
    const id = idOf(question.question);
    assert.equal(line(answered(question)), `❔ a.md (${id}): approved by ada on mill (/dev/pts/3)\n`);
    assert.equal(
      line(answered(question, { how: 'timeout', decision: 'deny' })),
      `❔ a.md (${id}): denied: nobody answered in time\n`,
    );
  });
});

describe('one line for each task that ends', () => {
  test('a completed task begins as the seed prints it, and has its time', () => {
    assert.equal(line(ended('fix-auth.md', succeeded())), '✅ fix-auth.md completed (12.3s)\n');
  });

  test('what is known of a completed task beyond the word of Codex is said', () => {
    const changes = { kind: 'changes' } as const;
    const verify = { kind: 'verify', command: 'npm test' } as const;
    for (const [checks, word] of [
      [[], 'completed'],
      [[changes], 'completed, with changes'],
      [[verify], 'completed, verified'],
      [[changes, verify], 'completed, verified'],
    ] as const)
      assert.equal(line(ended('a.md', succeeded({ checks }))), `✅ a.md ${word} (12.3s)\n`);
  });

  test('a failed task says what Codex said', () => {
    const failure = {
      kind: 'turn-failed',
      message: 'context window exceeded',
      class: 'context-exceeded',
    } as const;
    assert.equal(
      line(ended('bug-2.md', failed(failure))),
      '❌ bug-2.md failed: context window exceeded (4.0s)\n',
    );
  });

  test('a failure and the wait for its retry are one line', () => {
    const attempt = ended('bug-2.md', failed({ kind: 'signalled', signal: 'SIGKILL' }, true, 2));
    const retry = { kind: 'retry-scheduled', task: task('bug-2.md'), attempt: 2, waitMs: 4_000 } as const;
    assert.equal(
      said([attempt, retry]).out,
      '🔁 bug-2.md attempt 2 failed: Codex was killed by SIGKILL; retrying in 4.0s\n',
    );
    assert.match(said([attempt, { ...retry, waitMs: 0 }]).out, /; retrying at once\n$/);
  });

  test('a failure whose retry never came is said at the end', () => {
    const attempt = ended('bug-2.md', failed({ kind: 'no-terminal-event' }, true));
    assert.match(
      said([attempt, finished({})]).out,
      /^🔁 bug-2\.md attempt 1 failed: Codex exited with code 0 but/,
    );
  });

  test('warnings stand indented under their task', () => {
    const event = ended('a.md', succeeded({ warnings: ['a patch was rejected', 'a command was declined'] }));
    assert.equal(
      line(event),
      '✅ a.md completed (12.3s)\n   warning: a patch was rejected\n   warning: a command was declined\n',
    );
  });

  test('a skipped task is said only to whoever wants to know more', () => {
    const event = ended('a.md', { kind: 'skipped', reason: 'already-claimed' });
    assert.equal(line(event), '');
    assert.equal(line(event, 'verbose'), '· a.md skipped: another worker has it\n');
  });
});

test('where no task was found is said by name, and nothing of a path reaches the terminal raw', () => {
  const nothing = started(0);
  const about = (paths: string[]) =>
    said([nothing], 'normal', { paths })
      .out.split('\n')
      .find((text) => text.startsWith('no task'));
  assert.equal(about([]), "no task files: nothing matches '*.md' here; --pattern says which files are tasks");
  assert.equal(
    about(['a b', 'c']),
    "no task files: nothing matches '*.md' in 'a b', c; --pattern says which files are tasks",
  );
  assert.doesNotMatch(about(['\u001b[2Jx']) ?? '\u001b', /\u001b/);
});

describe('how much is said', () => {
  const events = [
    started(3),
    ended('a.md', succeeded({ warnings: ['w'] })),
    ended('b.md', failed({ kind: 'no-terminal-event' })),
    finished({ completed: 1, failed: 1, durationMs: 5_000 }),
  ];

  test('the first line says what runs with which model, mode and approval', () => {
    assert.equal(
      line(started(3)),
      '3 tasks · o4-mini · read-only · 4 at once · codex-cli 0.169.0\n' +
        'approval on-request: agents ask for what their mode does not allow; codex-worker approvals shows it\n',
    );
    const declined = { backend: 'exec', policy: 'never', note: 'approval on-request: \u001b[2Jno' } as const;
    assert.match(line({ ...started(3), how: declined }), /\napproval on-request: \\x1b\[2Jno\n/);
    assert.doesNotMatch(line({ ...started(3), how: { backend: 'exec', policy: 'never' } }), /approval/);
  });

  test('the next line has what was chosen beyond that, and is left out where nothing was', () => {
    const rules = (options: Partial<RunOptions>) =>
      line(started(3, { approval: 'never', ...options })).split('\n')[1];
    assert.equal(rules({}), '');
    const verify = {
      command: `npm test \u001b[2J\u202e ${'v'.repeat(99)}`,
      timeoutMs: 1,
      first: false,
      baselineFails: false,
    };
    assert.equal(
      rules({
        retries: 1,
        timeoutMs: 30 * 60_000,
        idleTimeoutMs: 2 * 3_600_000,
        maxFailures: { percent: 5 },
        expectChanges: true,
        budget: { since: 0, tokens: 20e6, tokensPerTask: 500_000, attempts: 9 },
      }),
      '1 retry · 30m for an attempt · idle for at most 2h · ends after 5% failed · must change a file · ' +
        'at most 20.00M tokens · 500.0k tokens a task · at most 9 attempts',
    );
    assert.match(rules({ verify }) ?? '', /^verified by npm test [\x20-\x7e]+v…$/);
    const never = started(1, { approval: 'never' });
    assert.ok(never.kind === 'run-started');
    const { idleTimeoutMs: _, ...options } = never.options;
    assert.match(line({ ...never, options }), /^may be idle for ever$/m);
  });

  test('quiet leaves failures and the summary', () => {
    const { out } = said(events, 'quiet');
    assert.deepEqual(
      out.split('\n').map((text) => text.slice(0, 10)),
      ['❌ b.md fai', 'Summary: 1', '  why they', '  what the', '  to attemp', ''].map((text) =>
        text.slice(0, 10),
      ),
    );
  });

  test('every event has a line for somebody who wants to know more', () => {
    for (const event of EVERY_EVENT) {
      if (event.kind === 'retry-scheduled') continue;
      const { out, err } = said([event], 'verbose');
      // A failed attempt waits for its retry, which comes as an event of its own.
      if (event.kind !== 'attempt-ended' || event.task.label !== 'b.md')
        assert.notEqual(out + err, '', event.kind);
    }
  });

  test('what interrupts a run goes to standard error, even when quiet', () => {
    const { out, err } = said([{ kind: 'draining', running: 2, asking: 0 }], 'quiet');
    assert.equal(out, '');
    assert.match(err, /^Shutting down gracefully: waiting for 2 running tasks, /);
    const asked = said([{ kind: 'draining', running: 2, asking: 1 }], 'quiet', { paths: ['a b'] });
    assert.match(
      asked.err,
      /2 running tasks \(1 of them waits for your answer: codex-worker approvals 'a b'\), /,
    );
  });
});

describe('the summary', () => {
  test('counts, time, tokens, and what to do next', () => {
    const usage = { input: 120_400, cached: 96_000, output: 9_100 };
    const { out } = said([
      finished({
        completed: 37,
        failed: 2,
        givenBack: 1,
        inProgressElsewhere: 3,
        durationMs: 724_000,
        usage,
      }),
    ]);
    assert.equal(
      out,
      '\nSummary: 37 completed, 2 failed, 3 in progress elsewhere ' +
        '· 1 given back · 12m 04s · tokens: 120.4k in (96.0k cached), 9.1k out\n' +
        '  why they failed: codex-worker status --detailed tasks/\n' +
        '  to attempt them again, start the same command again\n',
    );
  });

  test('says how many questions there were, and what became of them', () => {
    const counts = { asked: 3, approved: 2, denied: 1, stopped: 0, timedOut: 0, withdrawn: 0 };
    assert.match(said([finished({ answers: counts })]).out, / · 3 questions: 2 approved, 1 denied · /);
    assert.doesNotMatch(said([finished({})]).out, /question/);
  });

  test('proposes the log of the task that failed first, and is still failed', () => {
    const no = { kind: 'no-terminal-event' } as const;
    const { out } = said([
      ended('again.md', failed(no)),
      { kind: 'made-pending', task: task('again.md') },
      ended("-it's.md", failed(no)),
      ended('other.md', failed(no)),
      finished({ failed: 2 }),
    ]);
    assert.match(out, /^ {2}what the agent of the first did: codex-worker logs '\.\/-it'\\''s\.md'$/m);
    assert.doesNotMatch(said([finished({ leftFailed: 2 })]).out, /codex-worker logs/);
  });

  test('foresees no time for what waits for others that are not completed', () => {
    const usage = { input: 10, cached: 0, output: 1 };
    const spending = { directory: { attempts: 1, usage }, left: {}, etaMs: 3_400 };
    const { out } = said([finished({ pending: 5, waiting: 3, spending })]);
    assert.match(out, /5 pending \(3 behind others [^]* about 3\.4s for the 2 pending\n/);
  });

  test('says how many of the tasks in progress wait for a person', () => {
    const { out } = said([finished({ inProgressElsewhere: 3, held: 1 })]);
    assert.match(out, /, 3 in progress elsewhere \(1 for you to look at\) /);
  });

  test('a proposal without a command is only its words, in colour too', () => {
    const { out } = said([finished({ pending: 1 })], 'normal', { colours: true });
    assert.ok(out.endsWith('\n  to go on, start the same command again\n'));
  });

  test('the paths in a proposed command are quoted for the shell', () => {
    const { out } = said([finished({ failed: 1 })], 'normal', { paths: ["my tasks; it's"] });
    assert.ok(out.includes(`codex-worker status --detailed 'my tasks; it'\\''s'\n`));
  });

  test('a dry run counts what would be run', () => {
    const event = EVERY_EVENT.find(({ kind }) => kind === 'dry-run') as RunEvent;
    const { out } = said([started(1, { dryRun: true }), event, finished({ pending: 1 })], 'quiet');
    assert.equal(
      out,
      "h.md would be run (prompt of 20 bytes)\n   codex exec -c 'x.api_key=***' -\n1 task would be run; nothing was changed.\n",
    );
  });
});

describe('nothing that a task, a name or a model says reaches the terminal raw', () => {
  const HOSTILE = '\u001b]0;owned\u0007\u001b[2J\rx\u202egnp.md\u009b1m\nsecond\u2028line';

  test('in any event, as name or as text', () => {
    const evil = task(HOSTILE);
    const events = EVERY_EVENT.map((event) => ('task' in event ? { ...event, task: evil } : event));
    const more: RunEvent[] = [
      ended(HOSTILE, failed({ kind: 'turn-failed', message: HOSTILE, class: 'permanent' })),
      ended(HOSTILE, succeeded({ warnings: [HOSTILE] })),
      { kind: 'notice', message: HOSTILE },
      { kind: 'held', task: evil, why: HOSTILE, hint: HOSTILE },
      { kind: 'attempt-activity', task: evil, activity: { kind: 'message', text: HOSTILE } },
      { kind: 'stopped', problem: { kind: 'quota', message: HOSTILE } },
      { kind: 'stopped', problem: { kind: 'verify-not-started', command: HOSTILE, why: HOSTILE } },
      ended(HOSTILE, failed({ kind: 'verify-failed', command: HOSTILE, code: 1, said: HOSTILE })),
      ended(HOSTILE, {
        kind: 'returned',
        attempt: 1,
        durationMs: 1,
        usage: NO_USAGE,
        reason: { kind: 'unverified', why: HOSTILE },
      }),
      { kind: 'dry-run', task: evil, command: ['codex', HOSTILE], promptBytes: 1, settings: {} },
      { kind: 'attempt-ended', task: evil, outcome: succeeded(), log: HOSTILE },
      {
        ...started(1, { model: HOSTILE }),
        codex: HOSTILE,
        refused: [{ label: HOSTILE, why: HOSTILE }],
      },
    ];
    for (const event of [...events, ...more]) {
      const { out, err } = said([event], 'verbose');
      assert.doesNotMatch(
        out + err,
        // oxlint-disable-next-line no-control-regex -- they are what must not be there
        /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/,
      );
    }
  });

  test('a task that was gone when its turn came is named, as it is counted', () => {
    assert.match(line(ended('a.md', { kind: 'skipped', reason: 'task-gone' })), /^🚫 a\.md .*is gone/);
  });

  test('a name with a line end is one line', () => {
    assert.equal(
      line(ended('a\n✅ b.md completed', succeeded())),
      '✅ a\\n✅ b.md completed completed (12.3s)\n',
    );
  });
});

describe('colours', () => {
  test('are for terminals, unless the environment decides', () => {
    assert.equal(wantsColours({}, true), true);
    assert.equal(wantsColours({}, false), false);
    assert.equal(wantsColours({ TERM: 'dumb' }, true), false);
    assert.equal(wantsColours({ NO_COLOR: '1' }, true), false);
    assert.equal(wantsColours({ NO_COLOR: '' }, true), true);
    assert.equal(wantsColours({ FORCE_COLOR: '1' }, false), true);
    assert.equal(wantsColours({ FORCE_COLOR: '0' }, true), false);
    assert.equal(wantsColours({ FORCE_COLOR: '1', NO_COLOR: '1' }, true), false);
    assert.equal(wantsColours({ CI: '1' }, false), false);
  });

  test('surround words and change none', () => {
    const { out } = said([ended('a.md', succeeded())], 'normal', { colours: true });
    assert.equal(out, '✅ a.md \u001b[32mcompleted\u001b[39m \u001b[2m(12.3s)\u001b[22m\n');
  });
});

describe('a pause', () => {
  const pause = {
    id: 'a'.repeat(32),
    class: 'limited',
    reason: 'You’ve hit your usage limit.',
    since: 0,
    round: 0,
    by: 'codex-worker 1.0.0',
    pid: 17,
    host: 'mill',
  } as const;
  const now = new Date(2026, 10, 22, 9, 0).getTime();
  const at = (day: number, hour: number) => new Date(2026, 10, day, hour, 25).getTime();

  test('is said with its reason, its end on the clock here, how long that is, and how to end it, also when quiet', () => {
    const { err } = said([{ kind: 'paused', pause: { ...pause, until: at(22, 10) }, now }], 'quiet', {
      paths: ['my tasks'],
    });
    assert.equal(
      err,
      'Paused until 10:25 (in 1h 25m), for a limit: You’ve hit your usage limit.\n' +
        "  hint: nothing is started until then; to go on at once: codex-worker resume 'my tasks'\n",
    );
  });

  test('that ends on another day has its date, and one that is over is being tried', () => {
    const text = (until: number) => said([{ kind: 'paused', pause: { ...pause, until }, now }]).err;
    assert.match(text(at(25, 8)), /^Paused until 2026-11-25 08:25 \(in 71h 25m\), for a limit/);
    assert.match(text(now - 1), /^Paused until one task has tried whether it is over, for a limit/);
  });

  test('that is over, and fewer at once, are said where the tasks are', () => {
    const { out } = said([
      { kind: 'probing', task: task('a.md') },
      { kind: 'resumed', forMs: 65_000 },
      { kind: 'level', level: 2, of: 4, why: 'rate-limited' },
      { kind: 'level', level: 3, of: 4, why: 'grown' },
    ]);
    assert.equal(
      out,
      '⏯  a.md tries whether the limit is lifted\n▶️  Resumed after 1m 05s\n' +
        '🐢 too many requests: 2 at once for now, of 4\n',
    );
  });
});

test('until when a run hands out tasks is said with its date: a time alone may be tomorrow’s', () => {
  const stopAt = new Date(2026, 0, 31, 7, 5).getTime();
  assert.match(line(started(3, { stopAt })), /^nothing is started after 2026-01-31 07:05$/m);
});
