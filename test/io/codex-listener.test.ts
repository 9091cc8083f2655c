import assert from 'node:assert/strict';
import { test } from 'node:test';
import { activityOf } from '../../src/io/agent-event.ts';
import { CodexListener } from '../../src/io/codex-listener.ts';

test('a failure says what Codex said last: its turn, its standard error, its error event, its output', () => {
  const heard = new CodexListener();
  assert.equal(heard.complaint, '');
  heard.line('some output');
  assert.equal(heard.complaint, 'some output');
  heard.stderr('a line\nanother\n');
  assert.equal(heard.complaint, 'another');
  heard.line('{"type":"error","message":"from an event"}');
  assert.equal(heard.complaint, 'from an event');
  heard.stderr('ERROR: from stderr\nbye\n');
  assert.equal(heard.complaint, 'from stderr');
  heard.line('{"type":"turn.failed","error":{"message":"from the turn"}}');
  assert.equal(heard.complaint, 'from the turn');
});

test('the events of Codex become ours, and its counts are what it said', () => {
  const heard = new CodexListener();
  const hear = (event: object) => heard.line(JSON.stringify(event));
  const completed = (item: object) => hear({ type: 'item.completed', item });
  assert.deepEqual(hear({ type: 'thread.started', thread_id: 'abc' }), []);
  assert.equal(heard.threadId, 'abc');
  assert.deepEqual(hear({ type: 'item.started', item: { type: 'command_execution', command: 'ls' } }), [
    { kind: 'command-started', command: 'ls' },
  ]);
  assert.deepEqual(
    completed({
      type: 'command_execution',
      command: 'ls',
      aggregated_output: 'a\n',
      exit_code: 0,
      status: 'completed',
    }),
    [{ kind: 'command-ended', command: 'ls', exitCode: 0, status: 'completed', output: 'a\n' }],
  );
  assert.deepEqual(
    completed({ type: 'file_change', changes: [{ path: 'a', kind: 'add' }, {}], status: 'completed' }),
    [
      {
        kind: 'file-change',
        changes: [
          { path: 'a', change: 'add' },
          { path: '', change: 'update' },
        ],
        failed: false,
      },
    ],
  );
  assert.deepEqual(completed({ type: 'reasoning', text: 'hm' }), [{ kind: 'reasoning', text: 'hm' }]);
  assert.deepEqual(completed({ type: 'agent_message', text: 'first' }), [{ kind: 'message', text: 'first' }]);
  assert.deepEqual(completed({ type: 'agent_message', text: 'last' }), [{ kind: 'message', text: 'last' }]);
  assert.deepEqual(completed({ type: 'web_search', query: 'q' }), [
    { kind: 'other', type: 'web_search', text: 'q' },
  ]);
  assert.deepEqual(completed({ type: 'error', message: 'm' }), [{ kind: 'error', message: 'm' }]);
  assert.deepEqual(hear({ type: 'item.updated', item: {} }), []);
  assert.deepEqual(hear({ type: 'something.new' }), [{ kind: 'other', type: 'something.new', text: '' }]);
  hear({ type: 'turn.completed', usage: { input_tokens: 10, cached_input_tokens: 4, output_tokens: 2.9 } });
  assert.deepEqual(heard.usage, { input: 10, cached: 4, output: 2 });
  assert.equal(heard.answer, 'last');
  assert.deepEqual(heard.warnings, []);
});

test('an event whose fields are missing or of another kind is heard all the same', () => {
  const heard = new CodexListener();
  const strange = [
    '{"type":"turn.completed"}',
    '{"type":"turn.completed","usage":{"input_tokens":"many","output_tokens":-1}}',

    '{"type":"turn.failed"}',
    '{"type":"error"}',
    '{"type":"item.completed"}',
    '{"type":"item.started","item":3}',
    '{"type":"item.completed","item":{"type":"file_change","changes":"all"}}',
    '{"type":"item.completed","item":{"type":"file_change","changes":[null,1]}}',
    '{"type":"item.completed","item":{"type":"agent_message","text":{"a":1}}}',
  ];
  for (const line of strange) assert.doesNotThrow(() => heard.line(line).forEach(activityOf), line);
  assert.deepEqual(heard.usage, { input: 0, cached: 0, output: 0 });
});

test('a line that only looks like an event is output', () => {
  const heard = new CodexListener();
  for (const line of [
    '{',
    '{}',
    '{"type":1}',
    '[{"type":"error"}]',
    'null',
    ' {"type":"error"}',
    '{"type":"error"',
  ])
    assert.deepEqual(heard.line(line), [{ kind: 'output', text: line }], line);
  assert.deepEqual(heard.line('  '), []);
  assert.equal(heard.spokeJson, false);
});

test('memory does not grow with what is said', () => {
  const heard = new CodexListener();
  for (let i = 0; i < 2_000; i++) {
    heard.line(`output ${i} ${'x'.repeat(1_000)}`);
    heard.stderr(`tools::router: error=${i}\n${'y'.repeat(1_000)}`);
  }
  for (let i = 0; i < 100; i++) heard.stderr('z'.repeat(100_000));
  assert.equal(heard.warnings.length, 20);
  assert.ok(heard.stderrTail.length <= 8_192);
  assert.ok(JSON.stringify(heard).length < 100_000);
});
