import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeFailure } from '../../src/core/failure.ts';
import { GATE_NAME } from '../../src/io/child.ts';
import type { CodexCommand } from '../../src/io/codex-command.ts';
import { judgeExit, type Judgement } from '../../src/io/codex-exit.ts';
import { CodexListener } from '../../src/io/codex-listener.ts';

const CODEX: CodexCommand = { command: '/opt/codex', launcher: '/usr/bin/codex', isCodex: true };
const CUSTOM: CodexCommand = { command: '/opt/agent', launcher: '/opt/agent', isCodex: false };

/** What a Codex said, as lines of its JSON. */
function heardFrom(...events: readonly object[]): CodexListener {
  const heard = new CodexListener();
  for (const event of events) heard.line(JSON.stringify(event));
  return heard;
}

const judge = (heard: CodexListener, code: number, codex = CODEX): Judgement =>
  judgeExit({ kind: 'exited', code }, heard, { model: 'o4-mini', codex, now: new Date() });

/** In one word: what is done about it. */
function wordFor(judgement: Judgement): string {
  if (judgement.kind === 'environment') return judgement.problem.kind;
  if (judgement.kind === 'succeeded') return 'succeeded';
  if (judgement.kind === 'limited') return judgement.limit.class;
  const { failure } = judgement;
  return failure.kind === 'turn-failed' ? failure.class : failure.kind;
}

test('a warning on stderr is never why Codex failed: without a better reason it is the exit code', () => {
  const reasonOf = (stderr: string) => {
    const heard = heardFrom({ type: 'thread.started', thread_id: 't' }, { type: 'turn.started' });
    heard.stderr(stderr);
    const judgement = judge(heard, 130);
    return judgement.kind === 'failed' ? describeFailure(judgement.failure) : judgement.kind;
  };
  const warning = 'warning: Untrusted project-local configuration is disabled. Run codex exec --trust …\n';
  assert.equal(reasonOf(`Reading prompt from stdin...\n${warning}`), 'Codex exited with code 130');
  assert.equal(reasonOf(`thread main panicked\n${warning}`), 'thread main panicked');
});

test('each thing that Codex says when a turn fails has its consequence', () => {
  const table: readonly (readonly [message: string, word: string])[] = [
    ['exceeded retry limit, last status: 429 Too Many Requests, request id: req_123', 'rate-limited'],
    ['rate limit exceeded: Rate limit reached for o4-mini. Please try again in 1.2s.', 'rate-limited'],
    ['You’ve hit your usage limit. Upgrade to Pro, or try again at 9:24 AM.', 'limited'],
    ["You've hit your usage limit. Try again at Nov 25th, 2026 8:03 AM.", 'limited'],
    ["You've hit your usage limit. Try again in 1 hour 30 minutes.", 'limited'],
    ['You’ve hit your usage limit. To get more access now, or try again later.', 'limited'],
    ['To use Codex with your ChatGPT plan, upgrade to Plus: https://chatgpt.com/explore/plus.', 'quota'],
    ['Quota exceeded. Check your plan and billing details.', 'quota'],
    [
      'unexpected status 401 Unauthorized: Missing bearer, url: https://api.openai.com/v1/responses',
      'not-logged-in',
    ],
    ['exceeded retry limit, last status: 401 Unauthorized', 'not-logged-in'],
    ['unexpected status 403 Forbidden: no, url: https://api.openai.com/v1/responses', 'not-logged-in'],
    ['Missing environment variable: `MY_KEY`.', 'not-logged-in'],
    ['The requested model ‘o9’ does not exist.', 'model-refused'],
    ['The model `o9` does not exist or you do not have access to it.', 'model-refused'],
    ["The 'o4-mini' model is not supported when using Codex with a ChatGPT account.", 'model-refused'],
    ['{"error":{"code":"model_not_found"}}', 'model-refused'],
    ["Codex ran out of room in the model's context window. Start a new thread.", 'context-exceeded'],
    ['We’re currently experiencing high demand, which may cause temporary errors.', 'transient'],
    ['unexpected status 502 Bad Gateway: <html>not found</html>, url: https://x', 'transient'],
    ['Selected model is at capacity. Please try a different model.', 'transient'],
    ['stream disconnected before completion: Transport error: error decoding response body', 'transient'],
    ['stream disconnected before completion: idle timeout waiting for SSE', 'transient'],
    ['Incomplete response returned, reason: max_output_tokens', 'permanent'],
    ['Invalid prompt: your prompt was flagged', 'permanent'],
    ['This request was refused under the cyber_policy', 'permanent'],
  ];
  for (const [message, word] of table) {
    const heard = heardFrom({ type: 'thread.started', thread_id: 't' }, { type: 'turn.started' });
    heard.line(JSON.stringify({ type: 'turn.failed', error: { message } }));
    const judgement = judge(heard, 1);
    assert.equal(wordFor(judgement), word, message);
    const said =
      judgement.kind === 'environment'
        ? judgement.problem
        : judgement.kind === 'failed'
          ? judgement.failure
          : judgement.kind === 'limited'
            ? judgement.limit
            : {};
    assert.ok('message' in said && said.message === message, message);
  }
});

test('success is exit 0 and a completed turn; nothing less, and not the absence of errors', () => {
  const completed = {
    type: 'turn.completed',
    usage: { input_tokens: 5, cached_input_tokens: 2, output_tokens: 1 },
  };
  const error = { type: 'error', message: 'Reconnecting... 1/5' };
  assert.equal(wordFor(judge(heardFrom({ type: 'turn.started' }, completed), 0)), 'succeeded');
  assert.equal(wordFor(judge(heardFrom(error, completed), 0)), 'succeeded');
  const free = { input_tokens: 0, cached_input_tokens: 0, output_tokens: 0 };
  assert.equal(wordFor(judge(heardFrom({ ...completed, usage: free }), 0)), 'limited');
  assert.equal(wordFor(judge(heardFrom({ type: 'turn.completed' }), 0)), 'succeeded', 'who counts no tokens');
  assert.equal(wordFor(judge(heardFrom({ type: 'turn.started' }), 0)), 'no-terminal-event');
  assert.equal(wordFor(judge(heardFrom({ type: 'turn.started' }, error), 0)), 'no-terminal-event');
  assert.equal(wordFor(judge(heardFrom({ type: 'turn.failed', error: { message: 'x' } }), 0)), 'unknown');
  assert.equal(wordFor(judge(heardFrom(completed), 1)), 'exited-nonzero');
  assert.deepEqual(
    judgeExit({ kind: 'signalled', signal: 'SIGKILL' }, heardFrom(completed), {
      model: '',
      codex: CODEX,
      now: new Date(),
    }),
    {
      kind: 'failed',
      failure: { kind: 'signalled', signal: 'SIGKILL' },
    },
  );
});

test('an app-server that had said all, and had to be ended, is judged by what it said; else by its end', () => {
  const server = { model: '', codex: CODEX, now: new Date(), mustSpeak: true };
  const ended = { kind: 'signalled', signal: 'SIGKILL' } as const;
  const completed = { type: 'turn.completed' };
  assert.equal(judgeExit(ended, heardFrom(completed), server).kind, 'succeeded');
  const limit = { type: 'turn.failed', error: { message: 'rate limit exceeded: x' } };
  assert.equal(judgeExit(ended, heardFrom(limit), server).kind, 'limited');
  const begun = judgeExit(ended, heardFrom({ type: 'turn.started' }), server);
  assert.equal(wordFor(begun), 'signalled');
  // What says nothing has done nothing, whatever its code is.
  assert.equal(judgeExit({ kind: 'exited', code: 0 }, heardFrom(), server).kind, 'failed');
});

test('a command of the user’s own that speaks no JSON is judged by its exit code, whatever it says', () => {
  for (const said of ['usage limit', 'Not logged in', 'error: status 401', 'The model does not exist']) {
    const heard = new CodexListener();
    assert.deepEqual(heard.line(said), [{ kind: 'output', text: said }]);
    heard.stderr(`${said}\n`);
    assert.equal(wordFor(judge(heard, 0, CUSTOM)), 'succeeded');
    assert.equal(wordFor(judge(heard, 1, CUSTOM)), 'exited-nonzero', said);
  }
  assert.equal(wordFor(judge(new CodexListener(), 0, CUSTOM)), 'succeeded');
});

test('what a model says about limits and logins has no consequence', () => {
  const item = {
    type: 'agent_message',
    text: 'usage limit: Not logged in, status 401, model does not exist',
  };
  const heard = heardFrom(
    { type: 'item.completed', item },
    { type: 'turn.failed', error: { message: 'boom' } },
  );
  assert.equal(wordFor(judge(heard, 1)), 'unknown');
  const without = heardFrom({ type: 'item.completed', item });
  assert.deepEqual(judge(without, 3), {
    kind: 'failed',
    failure: { kind: 'exited-nonzero', code: 3, message: '', class: 'unknown' },
  });
});

test('what Codex says before its first event is on its standard error', () => {
  const table: readonly (readonly [stderr: string, code: number, word: string, message: RegExp])[] = [
    [
      "error: unexpected argument '--nope' found\n\nUsage: codex exec [OPTIONS]\n",
      2,
      'bad-invocation',
      /^unexpected argument/,
    ],
    ['Not logged in\n', 1, 'not-logged-in', /^Not logged in$/],
    ['Error: Missing environment variable: `K`.\n', 1, 'not-logged-in', /^Missing environment/],
    ['Error: failed to load configuration: bad toml\n', 1, 'exited-nonzero', /^failed to load/],
    ['2026 WARN x\nError: the reason\n2026 INFO bye\n', 1, 'exited-nonzero', /^the reason$/],
    [`${GATE_NAME}: 0: Cannot fork\n`, 2, 'codex-not-started', /^Cannot fork$/],
    [`${GATE_NAME}: 22: exec: /opt/codex: not found\n`, 127, 'codex-not-started', /not found$/],
    [
      `${GATE_NAME}: 22: exec: /opt/codex: Permission denied\n`,
      126,
      'codex-not-started',
      /Permission denied$/,
    ],
    ['sh: 1: npm: not found\n', 127, 'exited-nonzero', /npm: not found$/],
  ];
  for (const [stderr, code, word, message] of table) {
    const heard = new CodexListener();
    heard.stderr(stderr);
    const judgement = judge(heard, code);
    assert.equal(wordFor(judgement), word, stderr);
    const text = JSON.stringify(judgement);
    const said = /"(?:message|errno)":"((?:[^"\\]|\\.)*)"/.exec(text)?.[1] ?? '';
    assert.match(said, message, stderr);
  }
});

test('what Codex refused inside a successful turn is a warning, said once', () => {
  const heard = heardFrom(
    { type: 'item.completed', item: { type: 'command_execution', command: 'rm x', status: 'declined' } },
    { type: 'item.completed', item: { type: 'command_execution', command: 'rm x', status: 'declined' } },
    {
      type: 'item.completed',
      item: {
        type: 'command_execution',
        command: 'ls',
        aggregated_output: 'bwrap: No permission\nx',
        exit_code: 1,
      },
    },
    {
      type: 'item.completed',
      item: { type: 'file_change', changes: [{ path: '/etc/x' }], status: 'failed' },
    },
    { type: 'turn.completed' },
  );
  heard.stderr('2026-11-22 ERROR codex_core::tools::router: error=patch rej');
  heard.stderr('ected: writing outside of the project\n2026 INFO fine\n');
  assert.deepEqual(heard.warnings, [
    'declined: rm x',
    'a change was not applied: /etc/x',
    'patch rejected: writing outside of the project',
  ]);
  assert.equal(wordFor(judge(heard, 0)), 'succeeded');
  assert.equal(heard.sandboxComplaint, 'bwrap: No permission\nx', 'that is to be asked about');
});

test('what a person denied is one warning, whatever Codex says of it as well', () => {
  const heard = new CodexListener();
  const command = "/bin/bash -c 'rm x'";
  heard.stderr('ERROR codex_core::tools::router: error=exec_command failed: Rejected("rejected by user")\n');
  heard.denied({ kind: 'command', command });
  heard.denied({ kind: 'file-changes', changes: [{ path: '/etc/x', change: 'add', diff: '' }] });
  heard.stderr('ERROR codex_core::tools::router: error=exec_command failed: Rejected("rejected by user")\n');
  heard.stderr('ERROR codex_core::tools::router: error=patch rejected by user\n');
  heard.stderr('ERROR codex_core::tools::router: error=patch rejected; rejected by user approval settings\n');
  for (const item of [
    { type: 'command_execution', command, status: 'declined' },
    { type: 'file_change', changes: [{ path: '/etc/x' }], status: 'declined' },
  ])
    heard.line(JSON.stringify({ type: 'item.completed', item }));
  assert.deepEqual(heard.warnings, [
    'exec_command failed: Rejected("rejected by user")', // before anybody was asked
    `declined: ${command}`,
    'a change was not applied: /etc/x',
    'patch rejected; rejected by user approval settings',
  ]);
});
