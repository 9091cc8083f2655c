/** Where each setting's value comes from, and what is said about a value that is none. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bagKeyOf, type OptionBag } from '../../src/core/arguments.ts';
import { UsageError } from '../../src/core/errors.ts';
import { runInvocation } from '../../src/core/requests.ts';
import { SETTING_NAMES, settingRow, variableOf, type SettingName } from '../../src/core/settings.ts';
import type { ConfigFile } from '../../src/core/config-file.ts';
import { findSettings } from '../../src/core/sources.ts';

/** A file in which every key stands in a line of its own. */
function fileWith(values: Readonly<Record<string, unknown>>): ConfigFile {
  const entries = new Map(
    Object.entries(values).map(([name, value], i) => [name, { value, at: `${i + 1}:1` }]),
  );
  return { path: '/project/tasks/.codex-worker.yaml', label: 'tasks/.codex-worker.yaml', entries };
}

interface Said {
  readonly options?: OptionBag;
  readonly env?: NodeJS.ProcessEnv;
  readonly file?: Readonly<Record<string, unknown>>;
}

const placesOf = ({ options = {}, env = {}, file }: Said) => ({
  paths: [],
  bag: options,
  env,
  cwd: '/project',
  ...(file && { file: fileWith(file) }),
});
const settings = (said: Said) => findSettings(placesOf(said), new Date('2026-01-31T12:00:00'));
const run = (said: Said) => runInvocation(placesOf(said));

function complaint(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    return error.message;
  }
  return assert.fail('nothing was complained about');
}

/** Two values of each setting that are not its default: what an option gives, and what a file may say for another. */
const SAMPLES: Readonly<Record<SettingName, readonly [option: string, file: unknown]>> = {
  pattern: ['*.a', ['*.b', '*.c']],
  model: ['a', 'b'],
  mode: ['workspace-write', 'dry-run'],
  concurrency: ['2', 3],
  timeout: ['2m', 90],
  'idle-timeout': ['2m', '3m'],
  retries: ['2', 3],
  approval: ['never', 'untrusted'],
  backend: ['exec', 'app-server'],
  approvals: ['queue', 'queue'],
  'approval-timeout': ['10m', '1h'],
  'max-waiting': ['3', 4],
  cd: ['a', 'b'],
  'retry-failed': ['false', false],
  'rerun-completed': ['true', true],
  'rerun-changed': ['true', true],
  'codex-config': ['a=1', 'b=2'],
  'cleanup-stale': ['2m', 180],
  'takeover-after': ['2m', '3m'],
  orphans: ['wait', 'wait'],
  verify: ['make a', 'make b'],
  'verify-timeout': ['2m', '3m'],
  'verify-first': ['true', true],
  'verify-baseline-fails': ['true', true],
  'expect-changes': ['true', true],
  'max-tokens': ['2k', 3000],
  'max-tokens-per-task': ['2k', '3k'],
  'max-attempts-total': ['2', 3],
  since: ['2h', '3h'],
  'max-failures': ['2', '3%'],
  'stop-at': ['13:00', '14:00'],
  for: ['2h', '3h'],
  wait: ['true', true],
  watch: ['true', true],
  notify: ['bell', ['date']],
};

describe('an option wins over the environment, that over the file, and that over the default', () => {
  for (const name of SETTING_NAMES) {
    test(name, () => {
      const [typed, written] = SAMPLES[name];
      const { kind } = settingRow(name);
      const value = kind === 'texts' ? [typed] : kind === 'flag' ? typed === 'true' : typed;
      const option = { options: { [bagKeyOf(name)]: value } };
      const env = { env: { [variableOf(name)]: typed } };
      const file = { file: { [name]: written } };
      const sourceOf = (said: Said) => settings(said).sources[name].kind;
      const valueOf = (said: Said) => settings(said).values[name];
      assert.equal(sourceOf({}), 'default');
      assert.equal(sourceOf(file), 'file');
      assert.equal(sourceOf({ ...file, ...env }), 'environment');
      assert.equal(sourceOf({ ...file, ...env, ...option }), 'option');
      assert.notDeepEqual(valueOf(file), valueOf({}));
      assert.deepEqual(valueOf({ ...file, ...env }), valueOf(env));
      assert.deepEqual(valueOf(env), valueOf(option), 'a text means the same wherever it is said');
      assert.deepEqual(
        valueOf({ ...file, env: { [variableOf(name)]: '' } }),
        valueOf(file),
        'empty: not set',
      );
    });
  }
});

test('what an option or the environment gave is known by name, and what the file says is not among it', () => {
  const { options } = run({
    options: { timeout: '1m' },
    env: { CODEX_WORKER_MODEL: 'a', CODEX_WORKER_TASK: '/a/task.md', CODEX_WORKER_CLAIM: 'x' },
    file: { retries: 3 },
  });
  assert.deepEqual(options.given, ['model', 'timeout']);
});

test('a variable may hold several patterns, one in each line', () => {
  const { values } = settings({ env: { CODEX_WORKER_PATTERN: '*.a\n*.b' } });
  assert.deepEqual(values.pattern, ['*.a', '*.b']);
});

test('a directory is relative to where its name stands', () => {
  assert.equal(settings({ options: { cd: 'app' } }).values.cd, '/project/app');
  assert.equal(settings({ env: { CODEX_WORKER_CD: 'app' } }).values.cd, '/project/app');
  assert.equal(settings({ file: { cd: '../app' } }).values.cd, '/project/app');
  assert.equal(settings({ file: { cd: '.' } }).values.cd, '/project/tasks');
});

describe('a complaint names the place of the value', () => {
  const rows: readonly (readonly [Said, string])[] = [
    [{ options: { timeout: 'soon' } }, '--timeout: got "soon"; allowed is a duration above zero'],
    [
      { env: { CODEX_WORKER_TIMEOUT: 'soon' } },
      'CODEX_WORKER_TIMEOUT: got "soon"; allowed is a duration above zero',
    ],
    [
      { file: { model: 'a', timeout: 'soon' } },
      'tasks/.codex-worker.yaml:2:1: timeout: got "soon"; allowed is a duration above zero',
    ],
    [
      { env: { CODEX_WORKER_VERIFY_FIRST: 'yes' } },
      'CODEX_WORKER_VERIFY_FIRST: got "yes"; allowed are true and false',
    ],
    [
      { env: { CODEX_WORKER_IDLE_TIMEOUT: 'x' } },
      'CODEX_WORKER_IDLE_TIMEOUT: got "x"; allowed is a duration above zero',
    ],
    [
      { file: { concurrency: '4' } },
      'tasks/.codex-worker.yaml:1:1: concurrency: got "4"; allowed is a number',
    ],
    [
      { file: { concurrency: 1.5 } },
      'tasks/.codex-worker.yaml:1:1: concurrency: got "1.5"; allowed is a whole number from 1 to 256',
    ],
    [
      { file: { model: 4 } },
      'tasks/.codex-worker.yaml:1:1: model: got 4; allowed is text; in quotes, if it looks like a number',
    ],
    [
      { file: { verify: ['npm', 'test'] } },
      'tasks/.codex-worker.yaml:1:1: verify: got a list; allowed is text; in quotes, if it looks like a number',
    ],
    [
      { file: { 'verify-first': 'true' } },
      'tasks/.codex-worker.yaml:1:1: verify-first: got "true"; allowed is true or false',
    ],
    [
      { file: { pattern: ['*.md', 4] } },
      'tasks/.codex-worker.yaml:1:1: pattern: got a list; allowed is text, or a list of texts',
    ],
    [
      { file: { timeout: null } },
      'tasks/.codex-worker.yaml:1:1: timeout: got nothing; allowed is a number or text',
    ],
    [
      { file: { timeout: { s: 5 } } },
      'tasks/.codex-worker.yaml:1:1: timeout: got a mapping; allowed is a number or text',
    ],
    [{ file: { cd: '' } }, 'tasks/.codex-worker.yaml:1:1: cd: got ""; allowed is a directory'],
  ];
  for (const [said, says] of rows)
    test(says, () =>
      assert.equal(
        complaint(() => settings(said)),
        says,
      ),
    );
});

describe('wishes that contradict each other are named with their places', () => {
  const rows: readonly (readonly [Said, string])[] = [
    [
      { options: { mode: 'read-only' }, file: { 'expect-changes': true } },
      'expect-changes (tasks/.codex-worker.yaml:1:1) contradicts --mode read-only, in which an agent can change nothing',
    ],
    [
      { options: { expectChanges: true }, env: { CODEX_WORKER_MODE: 'read-only' } },
      '--expect-changes contradicts CODEX_WORKER_MODE read-only, in which an agent can change nothing',
    ],
    [
      { options: { for: '1h' }, file: { 'stop-at': '07:30' } },
      'stop-at (tasks/.codex-worker.yaml:1:1) and --for contradict each other',
    ],
    [
      { options: { cleanupStale: '1h' }, file: { mode: 'dry-run' } },
      '--cleanup-stale contradicts mode (tasks/.codex-worker.yaml:1:1) dry-run: mode (tasks/.codex-worker.yaml:1:1) dry-run changes nothing',
    ],
  ];
  for (const [said, says] of rows)
    test(says, () =>
      assert.equal(
        complaint(() => run(said)),
        says,
      ),
    );
});

test('what a file says for runs of another kind is no contradiction', () => {
  const file = { 'cleanup-stale': '1h', 'verify-timeout': '1m', 'verify-first': true, since: '12h' };
  assert.equal(run({ options: { mode: 'dry-run' }, file }).options.dryRun, true);
  assert.equal(run({ file }).options.verify, undefined);
  assert.match(
    complaint(() => run({ options: { verifyFirst: true } })),
    /^--verify-first means nothing without --verify$/,
  );
});

describe('a dry run has the mode that the same run would have without it', () => {
  const file = { mode: 'workspace-write' };
  const env = { CODEX_WORKER_MODE: 'danger-full-access' };
  const [flag, mode] = [{ dryRun: true }, { mode: 'dry-run' }];
  const rows: readonly (readonly [Said, mode: string, from: string])[] = [
    [{ options: flag }, 'read-only', 'nothing'],
    [{ options: mode }, 'read-only', 'nothing'],
    [{ options: flag, file }, 'workspace-write', 'the file'],
    [{ options: mode, file }, 'workspace-write', 'the file'],
    [{ options: flag, file, env }, 'danger-full-access', 'the environment'],
    [{ options: mode, file, env }, 'danger-full-access', 'the environment'],
    [{ options: { ...flag, mode: 'read-only' }, file, env }, 'read-only', 'the option'],
    [{ env: { CODEX_WORKER_MODE: 'dry-run' }, file }, 'workspace-write', 'the file below the environment'],
    [{ file: { mode: 'dry-run' } }, 'read-only', 'nothing else than a file that asks for a dry run'],
  ];
  for (const [said, expected, from] of rows)
    test(`that of ${from}: ${JSON.stringify(said.options ?? {})}`, () => {
      const { options } = run(said);
      assert.deepEqual([options.mode, options.dryRun], [expected, true]);
      if (from === 'the file') assert.deepEqual(options.config?.settings, ['mode']);
    });

  test('and what contradicts that mode contradicts the dry run', () => {
    assert.match(
      complaint(() => run({ options: { ...mode, expectChanges: true } })),
      /^--expect-changes contradicts --mode read-only/,
    );
    assert.equal(run({ options: { ...mode, expectChanges: true }, file }).options.expectChanges, true);
  });
});

test('what an option takes back is the default again, whatever the environment and the file say', () => {
  const file = { timeout: '1m', verify: 'make', 'verify-first': true, 'max-tokens': '1k', pattern: '*.b' };
  const env = { CODEX_WORKER_MODEL: 'a', CODEX_WORKER_VERIFY: 'make' };
  const options = { timeout: null, verify: null, model: null, maxTokens: null, pattern: null };
  const { options: found } = run({ options, env, file });
  assert.equal(found.timeoutMs, undefined);
  assert.equal(found.verify, undefined);
  assert.equal(found.model, 'o4-mini');
  assert.deepEqual(found.budget, { since: 0 });
  assert.deepEqual(found.patterns, ['*.md']);
  assert.deepEqual(found.given, ['pattern', 'model', 'timeout', 'verify', 'max-tokens']);
  assert.deepEqual(found.config, { file: 'tasks/.codex-worker.yaml', settings: ['verify-first'] });
});

test('a value of the file is looked at, though another one wins over it', () => {
  const said = { options: { timeout: '1m' }, file: { timeout: 'soon' } };
  assert.match(
    complaint(() => settings(said)),
    /^tasks\/\.codex-worker\.yaml:1:1: timeout: got "soon"/,
  );
});

test('an empty list in a file says nothing', () => {
  assert.deepEqual(settings({ file: { pattern: [], 'codex-config': [] } }).values.pattern, ['*.md']);
});
