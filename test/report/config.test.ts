/** What `config` shows of settings that come from everywhere. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configReport } from '../../src/core/effective.ts';
import { runInvocation } from '../../src/core/requests.ts';
import { SETTING_NAMES } from '../../src/core/settings.ts';
import { configJson, configText } from '../../src/report/config.ts';
import { createPaint } from '../../src/report/console.ts';

const file = {
  path: '/project/tasks/.codex-worker.yaml',
  label: 'tasks/.codex-worker.yaml',
  entries: new Map<string, { value: unknown; at: string }>([
    ['timeout', { value: 90, at: '2:1' }],
    ['codex-config', { value: ['a.key="a secret"'], at: '3:1' }],
    ['notify', { value: 'https://user:password@hooks.example.org/T0/secret', at: '5:1' }],
    ['cd', { value: '../app', at: '4:1' }],
  ]),
};
const env = {
  CODEX_WORKER_RETRIES: '3',
  CODEX_WORKER_TIMOUT: '5',
  CODEX_WORKER_TASK: '/t.md',
  CODEX_WORKER_CLAIM: 'x',
};

function report(of: typeof file | undefined) {
  const bag = { concurrency: '4', maxTokens: null, trustTasks: true };
  return configReport(runInvocation({ paths: [], bag, env, cwd: '/project', ...(of && { file: of }) }), env);
}

test('each setting has a line with its value and where it comes from, and a misspelt variable is named', () => {
  const lines = configText(report(file), createPaint(false)).split('\n');
  const rows = new Map(lines.map((line) => [line.split(' ')[0], line.split(/ {2,}/).slice(1)]));
  assert.deepEqual(
    lines.slice(0, SETTING_NAMES.length).map((line) => line.split(' ')[0]),
    SETTING_NAMES,
  );
  assert.deepEqual(rows.get('concurrency'), ['4', 'option']);
  assert.deepEqual(rows.get('trust-tasks'), ['true', 'option']);
  assert.deepEqual(rows.get('max-tokens'), ['none', 'option']);
  assert.deepEqual(rows.get('retries'), ['3', 'CODEX_WORKER_RETRIES']);
  assert.deepEqual(rows.get('timeout'), ['90', 'tasks/.codex-worker.yaml:2:1']);
  assert.deepEqual(rows.get('cd'), ['/project/app', 'tasks/.codex-worker.yaml:4:1']);
  assert.deepEqual(rows.get('idle-timeout'), ['15m', 'default']);
  assert.deepEqual(rows.get('max-failures'), ['three in a row that fail alike', 'default']);
  assert.deepEqual(lines.slice(-3), [
    'config file: tasks/.codex-worker.yaml',
    'CODEX_WORKER_TIMOUT is no setting; did you mean CODEX_WORKER_TIMEOUT?',
    '',
  ]);
  assert.match(configText(report(undefined), createPaint(false)), /^no config file$/m);
});

test('a program reads the same as JSON, without what may be secret', () => {
  const document = JSON.parse(configJson(report(file))) as {
    file: string;
    settings: Record<string, unknown>;
  };
  assert.deepEqual(Object.keys(document.settings), [...SETTING_NAMES, 'trust-tasks']);
  assert.deepEqual(document.settings['trust-tasks'], { value: true, source: 'option' });
  assert.equal(document.file, 'tasks/.codex-worker.yaml');
  assert.deepEqual(document.settings['concurrency'], { value: 4, source: 'option' });
  assert.deepEqual(document.settings['retry-failed'], { value: true, source: 'default' });
  assert.deepEqual(document.settings['pattern'], { value: ['*.md'], source: 'default' });
  assert.deepEqual(document.settings['since'], { value: null, source: 'default' });
  assert.deepEqual(document.settings['codex-config'], {
    value: ['a.key=…'],
    source: 'file',
    at: 'tasks/.codex-worker.yaml:3:1',
  });
  assert.deepEqual(document.settings['notify'], {
    value: ['https://hooks.example.org/…'],
    source: 'file',
    at: 'tasks/.codex-worker.yaml:5:1',
  });
});

test('colours are there when they are wanted', () => {
  assert.match(configText(report(file), createPaint(true)), /\u001b\[2midle-timeout/);
});
