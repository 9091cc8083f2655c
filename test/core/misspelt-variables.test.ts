import assert from 'node:assert/strict';
import { test } from 'node:test';
import { misspeltVariables, whatWasMeant } from '../../src/core/misspelt-variables.ts';
import { SETTING_NAMES, variableOf } from '../../src/core/settings.ts';

test('a variable that is nearly one of ours is named, with the one that was probably meant', () => {
  assert.deepEqual(misspeltVariables({ CODEX_WORKER_RETRYS: '2', CODEX_WORKER_IDLE_TIMEOT: '1h' }), [
    { variable: 'CODEX_WORKER_RETRYS', meant: 'CODEX_WORKER_RETRIES' },
    { variable: 'CODEX_WORKER_IDLE_TIMEOT', meant: 'CODEX_WORKER_IDLE_TIMEOUT' },
  ]);
});

test('a variable for what is an option only is named', () => {
  const found = misspeltVariables({ CODEX_WORKER_TRUST_TASKS: 'true', CODEX_WORKER_DRY_RUN: '1' });
  assert.deepEqual(found.map(whatWasMeant), [
    '--trust-tasks is an option only',
    '--dry-run is an option only',
  ]);
});

test('what is ours, what is empty, and what is like nothing of ours, is passed over', () => {
  const ours = SETTING_NAMES.map((name) => [variableOf(name), 'x']);
  const others = {
    CODEX_WORKER_CLAIM: 'x',
    CODEX_WORKER_TEXT: 'x',
    CODEX_WORKER_BENCH: 'x',
    CODEX_WORKER_MODL: '',
  };
  assert.deepEqual(misspeltVariables({ ...Object.fromEntries(ours), ...others, MODLE: 'x' }), []);
});
