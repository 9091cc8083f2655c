import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createJsonReporter } from '../../src/report/json.ts';
import { ResultsFile } from '../../src/report/results-file.ts';
import { ended, EVERY_EVENT, failed, finished, started, succeeded, task } from './rig.ts';

const NOW = () => new Date('2026-11-22T10:00:00Z');

function lines(...events: Parameters<ReturnType<typeof createJsonReporter>>[0][]) {
  let text = '';
  const report = createJsonReporter((part) => (text += part), NOW);
  for (const event of events) report(event);
  assert.ok(text.endsWith('\n'));
  return text.slice(0, -1).split('\n');
}

test('every event is one line with its kind and its time, and those of a task name it', () => {
  const parsed = lines(...EVERY_EVENT).map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    parsed.map((line) => line['event']),
    EVERY_EVENT.map(({ kind }) => kind),
  );
  for (const [index, event] of EVERY_EVENT.entries()) {
    assert.equal(parsed[index]?.['at'], '2026-11-22T10:00:00.000Z');
    if ('task' in event) {
      assert.equal(parsed[index]?.['task'], event.task.label);
      assert.equal(parsed[index]?.['directory'], '/tasks');
    }
  }
});

test('the shape of an ended attempt is a promise', () => {
  const [success, failure] = lines(
    ended('a.md', succeeded({ checks: [{ kind: 'changes' }, { kind: 'verify', command: 'npm test' }] })),
    ended('b.md', failed({ kind: 'timed-out', afterMs: 5_000, doing: { kind: 'unknown' } })),
  );
  const at = '"at":"2026-11-22T10:00:00.000Z"';
  assert.equal(
    success,
    `{"event":"attempt-ended",${at},"task":"a.md","directory":"/tasks","name":"a.md","outcome":"succeeded","attempt":1,` +
      '"durationMs":12300,"usage":{"input":100,"cached":0,"output":10},"warnings":[],"answer":"Done.",' +
      '"checks":[{"kind":"changes"},{"kind":"verify","command":"npm test"}]}',
  );
  assert.equal(
    failure,
    `{"event":"attempt-ended",${at},"task":"b.md","directory":"/tasks","name":"b.md","outcome":"failed","attempt":1,` +
      '"durationMs":4000,"usage":{"input":0,"cached":0,"output":0},"warnings":[],"willRetry":false,' +
      '"failure":{"kind":"timed-out","message":"timed out after 5.0s"}}',
  );
});

test('no value of a Codex setting and nothing of a host but its name is in it', () => {
  const text = lines(
    ...EVERY_EVENT,
    started(1, { codexConfig: ['model_providers.x.http_headers={Authorization="hunter2"}'] }),
  ).join('\n');
  assert.doesNotMatch(text, /hunter2|machine-id|boot-id/);
  assert.match(text, /"codexConfig":\["model_providers\.x\.http_headers"\]/);
});

test('a line is harmless on a terminal and still the same data', () => {
  const hostile = '\u001b[2J\u007f\u009b1m\u202egnp\u2028\u2029\ufeff\ud800';
  const [line = ''] = lines({ kind: 'held', task: task(hostile), why: 'x', hint: 'y' });
  assert.match(line, /^[\u0020-\u007e]*$/);
  assert.equal((JSON.parse(line) as { task: string }).task, hostile);
});

test('the results file has each task once, with the sums of its attempts, and appears whole', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'codex-worker-results-'));
  const path = join(directory, 'results.json');
  const results = new ResultsFile(path, NOW);
  for (const event of [
    started(2),
    ended('a.md', failed({ kind: 'no-terminal-event' }, true)),
    ended('b.md', { kind: 'skipped', reason: 'already-claimed' }),
    ended('a.md', succeeded({ attempt: 2 })),
    finished({ completed: 1 }),
  ])
    results.note(event);
  assert.deepEqual(await readdir(directory), []);
  await results.publish(0);
  const document = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  assert.deepEqual(await readdir(directory), ['results.json']);
  assert.equal(document['exitCode'], 0);
  assert.deepEqual(document['tasks'], [
    {
      task: 'a.md',
      directory: '/tasks',
      name: 'a.md',
      outcome: 'succeeded',
      attempt: 2,
      durationMs: 16_300,
      usage: { input: 100, cached: 0, output: 10 },
      warnings: [],
      answer: 'Done.',
      checks: [],
      attempts: 2,
    },
  ]);
  await rm(directory, { recursive: true });
});

test('results that cannot be written are an environment error, and leave nothing beside the target', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'codex-worker-results-'));
  const results = new ResultsFile(join(directory, 'gone', 'results.json'), NOW);
  await assert.rejects(results.publish(0), {
    name: 'EnvironmentError',
    message: /could not be written.*ENOENT/,
  });
  assert.deepEqual(await readdir(directory), []);
  await rm(directory, { recursive: true });
});
