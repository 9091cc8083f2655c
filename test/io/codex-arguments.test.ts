import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codexArguments } from '../../src/io/codex-arguments.ts';

test('Codex is started with what its configuration must not decide, and the prompt on its standard input', () => {
  const settings = {
    mode: 'read-only',
    model: 'o4-mini',
    workingDirectory: '/code',
    codexConfig: ['a=1', 'b="2"'],
  } as const;
  assert.deepEqual(codexArguments(settings), [
    'exec',
    '--json',
    '--skip-git-repo-check',
    '-s',
    'read-only',
    '-C',
    '/code',
    '-m',
    'o4-mini',
    '-c',
    'features.unbounded_connection_retries=false',
    '-c',
    'a=1',
    '-c',
    'b="2"',
    '-',
  ]);
  assert.ok(!codexArguments({ ...settings, model: 'inherit' }).includes('-m'));
});
