import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mistypedVariables } from '../../src/core/mistyped-variables.ts';
import { SETTING_NAMES, variableOf } from '../../src/core/settings.ts';

test('a variable that is nearly one of ours is named, with the one that was probably meant', () => {
  assert.deepEqual(mistypedVariables({ CODEX_WORKER_RETRYS: '2', CODEX_WORKER_IDLE_TIMEOT: '1h' }), [
    'the environment has CODEX_WORKER_RETRYS, which means nothing here; did you mean CODEX_WORKER_RETRIES?',
    'the environment has CODEX_WORKER_IDLE_TIMEOT, which means nothing here; did you mean CODEX_WORKER_IDLE_TIMEOUT?',
  ]);
});

test('what is ours, and what is like nothing of ours, is passed over', () => {
  const ours = SETTING_NAMES.map((name) => [variableOf(name), 'x']);
  const others = {
    CODEX_WORKER_CLAIM: 'x',
    CODEX_WORKER_TASK: 'x',
    CODEX_WORKER_TEXT: 'x',
    CODEX_WORKER_BENCH: 'x',
  };
  assert.deepEqual(mistypedVariables({ ...Object.fromEntries(ours), ...others, MODLE: 'x' }), []);
});
