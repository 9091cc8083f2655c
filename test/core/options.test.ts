import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../../src/core/errors.ts';
import {
  APPROVALS,
  codexSetting,
  didYouMean,
  duration,
  MODES,
  modelName,
  oneOf,
  silence,
  taskPattern,
  wholeNumber,
} from '../../src/core/options.ts';

/** What the user reads: the message and the hint of a UsageError. */
function complaint(check: () => unknown): { message: string; hint: string | undefined } {
  try {
    check();
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    const { message, hint } = error;
    return { message, hint };
  }
  return assert.fail('nothing was complained about');
}

test('a word that is not allowed is answered with those that are, and the one that was meant', () => {
  assert.equal(oneOf('--mode', 'read-only', MODES), 'read-only');
  assert.deepEqual(
    complaint(() => oneOf('--mode', 'readonly', MODES)),
    {
      message: '--mode: got "readonly"; allowed are dry-run, read-only, workspace-write, danger-full-access',
      hint: 'did you mean read-only?',
    },
  );
  assert.deepEqual(
    complaint(() => oneOf('--approval', 'zzz', APPROVALS)),
    {
      message: '--approval: got "zzz"; allowed are never, on-request, untrusted, on-failure',
      hint: undefined,
    },
  );
  for (const word of ['Read-Only', 'read-only ', '', 'constructor'])
    assert.match(complaint(() => oneOf('--mode', word, MODES)).message, /^--mode: got /);
});

test('the nearest word is proposed, and none when none is near', () => {
  assert.equal(didYouMean('stauts', ['status', 'reset']), 'did you mean status?');
  assert.equal(didYouMean('RESET', ['status', 'reset']), 'did you mean reset?');
  assert.equal(didYouMean('frobnicate', ['status', 'reset']), undefined);
});

test('a number is whole, plain, and inside its limits', () => {
  assert.equal(wholeNumber('-c', '1', 1, 256), 1);
  assert.equal(wholeNumber('-c', '256', 1, 256), 256);
  for (const text of ['0', '257', '-1', '+1', '1.5', '1e2', '0x10', '', ' 1', '4x', '9'.repeat(30), 'NaN'])
    assert.deepEqual(
      complaint(() => wholeNumber('--concurrency', text, 1, 256)),
      {
        message: `--concurrency: got ${JSON.stringify(text)}; allowed is a whole number from 1 to 256`,
        hint: undefined,
      },
    );
});

test('a duration is above zero and short enough for a timer', () => {
  assert.equal(duration('--timeout', '30m'), 1_800_000);
  for (const text of ['0', '0s', '0.0001', 'soon', '-5', ''])
    assert.match(complaint(() => duration('--timeout', text)).message, /; allowed is a duration above zero$/);
  assert.equal(duration('--timeout', '24d'), 24 * 86_400_000);
  assert.match(complaint(() => duration('--timeout', '25d')).message, /; the longest duration is 24d$/);
});

test('a silence that says nothing about a worker is refused', () => {
  assert.equal(silence('--max-age', '60'), 60_000);
  assert.match(
    complaint(() => silence('--max-age', '59.9s')).message,
    /; allowed is a duration of at least 60s$/,
  );
});

test('a pattern stays inside its directory', () => {
  for (const fine of ['*.md', '**/*.txt', 'a..b/*', '{a,b}.md', '..md'])
    assert.equal(taskPattern('--pattern', fine), fine);
  for (const wrong of ['', ' ', '/etc/*', '../*.md', 'a/../../b', '..', 'a\0b'])
    assert.match(
      complaint(() => taskPattern('--pattern', wrong)).message,
      /; allowed is a glob inside the directory$/,
      wrong,
    );
});

test('a model name can never be taken for an option or a second argument', () => {
  for (const fine of ['o4-mini', 'gpt-5.2-codex', 'org/model:tag@2', 'x'.repeat(200)])
    assert.equal(modelName('--model', fine), fine);
  for (const wrong of ['', '-c', '--yolo', 'a b', 'a\nb', 'o4-mini;rm', 'ö', 'x'.repeat(201)])
    assert.match(
      complaint(() => modelName('--model', wrong)).message,
      /^--model: got .*; allowed is a model name/s,
      wrong,
    );
});

test('a setting for Codex is key=value, and never one that has an option here', () => {
  for (const fine of [
    'a=1',
    'features.x=true',
    'model_reasoning_effort="low"',
    'a=',
    'shell_environment_policy.set={A="b"}',
  ])
    assert.equal(codexSetting('--codex-config', fine), fine);
  for (const wrong of ['', 'a', '=1', '-c=1', 'a b=1', 'a=\0', '"model"=x', "'sandbox_mode'=x"])
    assert.match(
      complaint(() => codexSetting('--codex-config', wrong)).message,
      /; allowed is key=value$/,
      wrong,
    );
  const own = [
    ['model=x', '--model'],
    ['model=x', '--model'],
    ['sandbox_mode=danger-full-access', '--mode'],
    ['approval_policy="never"', '--approval'],
  ] as const;
  for (const [setting, option] of own)
    assert.equal(complaint(() => codexSetting('--codex-config', setting)).hint, `use ${option} instead`);
});
