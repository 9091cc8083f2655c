import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, relative, resolve } from 'node:path';
import { test, type TestContext } from 'node:test';
import { EnvironmentError } from '../../src/core/errors.ts';
import {
  activityOf,
  codexArguments,
  CodexListener,
  findCodex,
  GATE_NAME,
  judgeExit,
  type CodexCommand,
  type Judgement,
} from '../../src/io/codex.ts';
import { scratch } from '../rig/scratch.ts';

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

test('an activity is one printable line of bounded length', () => {
  const text = `\x1b[31mfirst\x1b[0m ${'x'.repeat(500)}\nsecond`;
  for (const event of [
    { kind: 'command-started', command: text },
    { kind: 'message', text },
    { kind: 'error', message: text },
    { kind: 'output', text },
    { kind: 'file-change', changes: [{ path: text, change: 'add' }], failed: false },
  ] as const) {
    const shown = activityOf(event).text;
    assert.match(shown, /^first x+…$/);
    assert.ok(shown.length <= 120);
  }
});

test('Codex is started with what its configuration must not decide, and the prompt on its standard input', () => {
  const settings = {
    mode: 'read-only',
    model: 'o4-mini',
    workingDirectory: '/work',
    codexConfig: ['a=1', 'b="2"'],
  } as const;
  assert.deepEqual(codexArguments(settings), [
    'exec',
    '--json',
    '--skip-git-repo-check',
    '-s',
    'read-only',
    '-C',
    '/work',
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

/** An executable file. */
function program(path: string, mode = 0o755): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, '#!/bin/sh\n');
  chmodSync(path, mode);
  return path;
}

const TRIPLES: Readonly<Record<string, string>> = {
  'linux-x64': 'x86_64-unknown-linux-musl',
  'linux-arm64': 'aarch64-unknown-linux-musl',
  'darwin-x64': 'x86_64-apple-darwin',
  'darwin-arm64': 'aarch64-apple-darwin',
};
const PLATFORM = `${process.platform}-${process.arch}`;
const VENDOR = `vendor/${TRIPLES[PLATFORM] ?? ''}`;

/** npm's installation of Codex: a launcher, and on PATH a link to it. */
function npmInstallation(t: TestContext) {
  const root = scratch(t);
  const modules = `${root}/lib/node_modules/@openai`;
  const launcher = program(`${modules}/codex/bin/codex.js`);
  mkdirSync(`${root}/bin`);
  symlinkSync(launcher, `${root}/bin/codex`);
  return { root, modules, env: { PATH: `${root}/bin` } };
}

test('behind npm’s launcher the native binary is found, in the layouts of all versions', async (t) => {
  const layouts = [
    { binary: `codex-${PLATFORM}/${VENDOR}/bin/codex`, tools: `codex-${PLATFORM}/${VENDOR}/codex-path` },
    { binary: `codex-${PLATFORM}/${VENDOR}/codex/codex`, tools: `codex-${PLATFORM}/${VENDOR}/path` },
    { binary: `codex/${VENDOR}/codex/codex`, tools: `codex/${VENDOR}/path` },
    { binary: `codex/${VENDOR}/codex/codex`, tools: undefined },
  ];
  for (const { binary, tools } of layouts) {
    const { root, modules, env } = npmInstallation(t);
    program(`${modules}/${binary}`);
    if (tools) mkdirSync(`${modules}/${tools}`, { recursive: true });
    if (binary.startsWith('codex-'))
      writeFileSync(`${modules}/codex-${PLATFORM}/package.json`, '{"version":"1.0.0"}');
    assert.deepEqual(await findCodex(env, '/'), {
      command: `${modules}/${binary}`,
      launcher: `${root}/bin/codex`,
      isCodex: true,
      ...(tools ? { pathPrefix: `${modules}/${tools}` } : {}),
    });
  }
});

test('a launcher without a binary that we can find is used as it is', async (t) => {
  const { root, env } = npmInstallation(t);
  assert.deepEqual(await findCodex(env, '/'), {
    command: `${root}/bin/codex`,
    launcher: `${root}/bin/codex`,
    isCodex: true,
  });
});

test('the Codex that is a development dependency of this project is found behind its launcher', async () => {
  const launcher = `${dirname(createRequire(import.meta.url).resolve('@openai/codex/package.json'))}/bin/codex.js`;
  const { command, isCodex } = await findCodex({ CODEX_CMD: realpathSync(launcher) }, '/');
  assert.match(command, /\/vendor\/[^/]+\/(bin|codex)\/codex$/);
  assert.equal(isCodex, true);
});

test('CODEX_CMD is a path or a name on PATH, and says whether it is a Codex', async (t) => {
  const root = scratch(t);
  const custom = program(`${root}/bin/my agent`);
  const codex = program(`${root}/other/codex`);
  const env = { PATH: `${root}/bin` };
  const found = async (named: string, cwd = '/') => {
    const { command, isCodex } = await findCodex({ ...env, CODEX_CMD: named }, cwd);
    return { command, isCodex };
  };
  assert.deepEqual(await found(custom), { command: custom, isCodex: false });
  assert.deepEqual(await found('my agent'), { command: custom, isCodex: false });
  assert.deepEqual(await found('./bin/my agent', root), { command: custom, isCodex: false });
  assert.deepEqual(await found('bin/../other/codex', root), { command: codex, isCodex: true });
});

test('an entry of PATH that is relative leads to an absolute command', async (t) => {
  const root = scratch(t);
  const custom = program(`${root}/bin/agent`);
  const PATH = relative(process.cwd(), `${root}/bin`);
  assert.equal((await findCodex({ PATH, CODEX_CMD: 'agent' }, process.cwd())).command, custom);
});

test('a Codex that is not there, or may not be executed, is said with what to do', async (t) => {
  const root = scratch(t);
  program(`${root}/plain`, 0o644);
  mkdirSync(`${root}/directory`);
  for (const named of [
    'nothing',
    './nothing',
    `${root}/plain`,
    `${root}/directory`,
    'codex; rm -rf /',
    'a\nb',
  ])
    await assert.rejects(findCodex({ PATH: root, CODEX_CMD: named }, root), (error) => {
      assert.ok(error instanceof EnvironmentError, named);
      const shown = named.replace('\n', '\\n');
      const why = existsSync(resolve(root, named))
        ? 'that is not an executable file'
        : 'there is no such program';
      assert.equal(error.message, `Codex was not found: CODEX_CMD is ${shown}, and ${why}`);
      assert.match(error.hint ?? '', named.includes(' ') ? /without arguments/ : /unset it/);
      return true;
    });
  await assert.rejects(findCodex({ PATH: root }, root), {
    message: 'Codex was not found: there is no codex on PATH',
    hint: 'install it with "npm install -g @openai/codex", or set CODEX_CMD to its path',
  });
  await assert.rejects(findCodex({ PATH: root, CODEX_CMD: '' }, root), /there is no codex on PATH/);
});
