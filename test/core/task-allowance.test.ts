import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../../src/core/errors.ts';
import type { RunOptions } from '../../src/core/options.ts';
import { allow, type Allowance } from '../../src/core/task-allowance.ts';
import { readTaskSettings } from '../../src/core/task-settings.ts';
import { started } from '../report/rig.ts';

function optionsWith(more: Partial<RunOptions>): RunOptions {
  const event = started(0, more);
  assert.ok(event.kind === 'run-started');
  return event.options;
}

const says = (settings: Readonly<Record<string, unknown>>) =>
  readTaskSettings(
    'a.md',
    Object.entries(settings).map(([name, value], i) => [name, { value, at: `${i + 2}:1` }] as const),
  );

/** What a task gets that says this in such a run; or what is said about it. */
function allowed(settings: Readonly<Record<string, unknown>>, run: Partial<RunOptions>): Allowance | string {
  try {
    return allow('a.md', says(settings), optionsWith(run));
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    return error.message;
  }
}

const WRITING = { mode: 'workspace-write' } as const;
const TRUSTING = { trustTasks: true } as const;

for (const [what, settings, run, expected] of [
  ['its own model over that of a file or the default', { model: 'o3' }, {}, { model: 'o3' }],
  [
    'the model that was given for the run',
    { model: 'o3' },
    { model: 'o4', given: ['model'] },
    { model: 'o4' },
  ],
  [
    'a lower mode, whatever was given',
    { mode: 'read-only' },
    { ...WRITING, given: ['mode'] },
    { mode: 'read-only' },
  ],
  ['the mode of its run', { mode: 'workspace-write' }, WRITING, WRITING],
  [
    'full access in a run that has it',
    { mode: 'danger-full-access' },
    { mode: 'danger-full-access' },
    { mode: 'danger-full-access' },
  ],
  ['a higher mode where it is trusted', { mode: 'workspace-write' }, TRUSTING, WRITING],
  ['a time of its own where the run has none', { timeout: '30m' }, {}, { timeoutMs: 1_800_000 }],
  ['a longer time than the file says', { timeout: 90 }, { timeoutMs: 60_000 }, { timeoutMs: 90_000 }],
  [
    'no longer time than was given',
    { timeout: 90 },
    { timeoutMs: 60_000, given: ['timeout'] },
    { timeoutMs: 60_000 },
  ],
  [
    'a shorter time than was given',
    { timeout: 30 },
    { timeoutMs: 60_000, given: ['timeout'] },
    { timeoutMs: 30_000 },
  ],
  [
    'to be silent for ever, by default',
    { 'idle-timeout': 0 },
    { idleTimeoutMs: 9 },
    { idleTimeoutMs: undefined },
  ],
  [
    'not to be, where a limit was given',
    { 'idle-timeout': 0 },
    { idleTimeoutMs: 9, given: ['idle-timeout'] },
    { idleTimeoutMs: 9 },
  ],
  [
    'a limit where none was given',
    { 'idle-timeout': '1m' },
    { given: ['idle-timeout'] },
    { idleTimeoutMs: 60_000 },
  ],
  ['more retries than the default', { retries: 5 }, { retries: 2 }, { retries: 5 }],
  ['no more retries than were given', { retries: 5 }, { retries: 2, given: ['retries'] }, { retries: 2 }],
  ['fewer retries than were given', { retries: 1 }, { retries: 2, given: ['retries'] }, { retries: 1 }],
  ['to be looked at for changes', { 'expect-changes': true }, WRITING, { expectChanges: true }],
  [
    'not to be, over a file',
    { 'expect-changes': false },
    { ...WRITING, expectChanges: true },
    { expectChanges: false },
  ],
  [
    'to be, where that was given',
    { 'expect-changes': false },
    { ...WRITING, expectChanges: true, given: ['expect-changes'] },
    { expectChanges: true },
  ],
  [
    'to be read-only in a run that expects changes by its file, when it says so',
    { mode: 'read-only', 'expect-changes': false },
    { ...WRITING, expectChanges: true },
    { expectChanges: false, mode: 'read-only' },
  ],
] as const)
  test(`a task gets ${what}`, () => {
    const got = allowed(settings, run);
    assert.ok(typeof got !== 'string', JSON.stringify(got));
    for (const [name, value] of Object.entries(expected))
      assert.equal(got[name as keyof Allowance], value, name);
  });

test('a task that says nothing gets what its run has', () => {
  const verify = { command: 'npm test', timeoutMs: 5, first: true, baselineFails: false };
  assert.deepEqual(
    allowed({}, { ...WRITING, timeoutMs: 7, idleTimeoutMs: 8, retries: 3, verify, expectChanges: true }),
    {
      model: 'o4-mini',
      mode: 'workspace-write',
      timeoutMs: 7,
      idleTimeoutMs: 8,
      retries: 3,
      expectChanges: true,
      verify: { command: 'npm test', timeoutMs: 5, isOfTask: false },
    },
  );
});

test('a command of its own is run for a task that is trusted, unless one was given for all', () => {
  const ofRun = { command: 'npm test', timeoutMs: 5, first: false, baselineFails: false };
  const verifyOf = (run: Partial<RunOptions>) => {
    const got = allowed({ verify: './own' }, { ...TRUSTING, ...run });
    assert.ok(typeof got !== 'string', JSON.stringify(got));
    return got.verify;
  };
  assert.deepEqual(verifyOf({}), { command: './own', timeoutMs: 600_000, isOfTask: true });
  assert.deepEqual(verifyOf({ verify: ofRun }), { command: './own', timeoutMs: 600_000, isOfTask: true });
  assert.deepEqual(verifyOf({ verify: ofRun, given: ['verify'] }), {
    command: 'npm test',
    timeoutMs: 5,
    isOfTask: false,
  });
});

for (const [settings, run, complaint] of [
  [{ mode: 'workspace-write' }, {}, 'a.md:2:1: mode: workspace-write is above the read-only of this run'],
  [
    { mode: 'danger-full-access' },
    TRUSTING,
    'a.md:2:1: mode: danger-full-access is only for the tasks of a run that has it itself',
  ],
  [
    { mode: 'dry-run' },
    {},
    'a.md:2:1: mode: got "dry-run"; allowed are read-only, workspace-write, danger-full-access',
  ],
  [
    { model: 'o3', verify: 'true' },
    {},
    'a.md:3:1: verify: a command of a task is run only where its run trusts it',
  ],
  [
    { 'expect-changes': true },
    {},
    'a.md:2:1: a task that is to change files (expect-changes) cannot be read-only',
  ],
  [
    { mode: 'read-only' },
    { ...WRITING, expectChanges: true },
    'a.md:2:1: a task that is to change files (expect-changes) cannot be read-only',
  ],
  [{ modell: 'o3' }, {}, 'a.md:2:1: there is no setting "modell"'],
  [{ concurrency: 3 }, {}, 'a.md:2:1: there is no setting "concurrency"'],
  [{ __proto: 3 }, {}, 'a.md:2:1: there is no setting "__proto"'],
  [{ timeout: 'soon' }, {}, 'a.md:2:1: timeout: got "soon"; allowed is a duration above zero'],
  [{ timeout: true }, {}, 'a.md:2:1: timeout: got true; allowed is a number or text'],
  [{ retries: 101 }, {}, 'a.md:2:1: retries: got "101"; allowed is a whole number from 0 to 100'],
  [{ retries: '1' }, {}, 'a.md:2:1: retries: got "1"; allowed is a number'],
  [{ model: 4 }, {}, 'a.md:2:1: model: got 4; allowed is text; in quotes, if it looks like a number'],
  [
    { model: null },
    {},
    'a.md:2:1: model: got nothing; allowed is text; in quotes, if it looks like a number',
  ],
  [{ priority: 1.5 }, {}, 'a.md:2:1: priority: got 1.5; allowed is a whole number from -1000 to 1000'],
  [{ priority: -1001 }, {}, 'a.md:2:1: priority: got -1001; allowed is a whole number from -1000 to 1000'],
  [{ after: [['a']] }, {}, 'a.md:2:1: after: got a list; allowed is text, or a list of texts'],
  [{ after: '' }, {}, 'a.md:2:1: after: got ""; allowed is the name of a task, or a glob'],
  [{ 'expect-changes': 'yes' }, {}, 'a.md:2:1: expect-changes: got "yes"; allowed is true or false'],
] as const)
  test(`a task that says ${JSON.stringify(settings)} is refused: ${complaint.slice('a.md:2:1: '.length)}`, () => {
    assert.equal(allowed(settings, run), complaint);
  });

test('a dry run refuses what the same run would refuse', () => {
  for (const mode of ['read-only', 'workspace-write', 'danger-full-access'])
    assert.deepEqual(allowed({ mode }, { dryRun: true }), allowed({ mode }, {}), mode);
});
