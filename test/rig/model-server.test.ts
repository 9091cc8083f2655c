/** The rig is only worth something if the real Codex believes it: every test here runs the binary of @openai/codex. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { isErrno } from '../../src/core/errors.ts';
import {
  canSandbox,
  codexLauncher,
  makeCodexHome,
  nativeCodex,
  type CodexHomeOptions,
} from './codex-home.ts';
import { parseDirectives } from './directives.ts';
import { nextStep } from './model-turn.ts';
import { openWeather, type Spell } from './weather.ts';
import {
  startModelServer,
  TOKENS_PER_ANSWER,
  type ModelServer,
  type ModelServerOptions,
} from './model-server.ts';

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Call {
  readonly mode?: string;
  readonly model?: string;
  /** Between the flags and the `-` for the prompt. */
  readonly args?: readonly string[];
}

interface Rig {
  readonly server: ModelServer;
  readonly work: string;
  readonly home: string;
  readonly start: (prompt: string, call?: Call) => { child: ChildProcess; ended: Promise<Ended> };
  readonly exec: (prompt: string, call?: Call) => Promise<Ended>;
  readonly read: (name: string) => Promise<string>;
}

/** A test of the sandbox means nothing where there is none. */
const sandboxed = await canSandbox();
const writable = sandboxed ? 'workspace-write' : 'danger-full-access';

async function rig(t: TestContext, options: ModelServerOptions & CodexHomeOptions = {}): Promise<Rig> {
  const scratch = await realpath(await mkdtemp(path.join(tmpdir(), 'model-server-')));
  const server = await startModelServer(options);
  const children = new Set<ChildProcess>();
  t.after(async () => {
    await server.close();
    const left = [...children].filter((child) => child.kill('SIGKILL'));
    await rm(scratch, { recursive: true, force: true, maxRetries: 5 });
    assert.deepEqual(
      left.map(({ pid }) => pid),
      [],
      'Codex processes that a test left behind',
    );
    assert.deepEqual(await processesOf(scratch), [], 'commands that a test left behind');
  });
  const work = path.join(scratch, 'work');
  const home = path.join(scratch, 'home');
  await mkdir(work);
  const environment = { ...process.env, ...(await makeCodexHome(home, server.url, options)) };

  const start = (prompt: string, { mode = writable, model = 'o4-mini', args = [] }: Call = {}) => {
    const flags = ['--json', '--skip-git-repo-check', '-s', mode, '-C', work, '-m', model];
    const bounded = ['-c', 'features.unbounded_connection_retries=false'];
    const child = spawn(nativeCodex(), ['exec', ...flags, ...bounded, ...args, '-'], {
      env: environment,
      stdio: 'pipe',
    });
    children.add(child);
    child.once('close', () => children.delete(child));
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
    child.stdin.end(prompt);
    return { child, ended: once(child, 'close').then(() => ({ ...output, code: child.exitCode })) };
  };
  return {
    server,
    work,
    home,
    start,
    exec: (...call) => start(...call).ended,
    read: (name) => readFile(path.join(work, name), 'utf8'),
  };
}

/** Pids whose environment names the scratch directory. Linux only: elsewhere nothing is found. */
async function processesOf(scratch: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of process.platform === 'linux' ? await readdir('/proc') : []) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      if ((await readFile(`/proc/${pid}/environ`, 'utf8')).includes(`CODEX_HOME=${scratch}`)) found.push(pid);
    } catch (error) {
      // It ended between the listing and the reading, or is another user's: none of ours either way.
      if (!isErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) throw error;
    }
  }
  return found;
}

const events = ({ stdout }: Ended) =>
  stdout
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line));

for (const model of ['o4-mini', 'gpt-5.5']) {
  for (const mode of sandboxed ? ['workspace-write', 'danger-full-access'] : ['danger-full-access']) {
    test(`${model} writes, replaces and runs through Codex's own tools in ${mode}`, async (t) => {
      const { server, work, exec, read } = await rig(t);
      await writeFile(path.join(work, 'a.js'), "one\ntwo ' $x `y`\nthree\nfour\nfive\nsix\nseven\n");
      await writeFile(path.join(work, 'old.txt'), 'old\n');
      const prompt = [
        'Mend it, please.',
        '[[say Reading.]]',
        '[[replace a.js "two \' $x" "TWO\\nand $& more"]]',
        '[[replace a.js "seven" "SEVEN"]]',
        '[[replace a.js "one\\n" ""]]',
        '[[write deep/new.txt: line 1\\nline 2]]',
        '[[write old.txt: new]]',
        '[[run cat deep/new.txt && echo ran > ran.txt]]',
        '[[say Mended.]]',
      ].join('\n');
      const ended = await exec(prompt, { mode, model });
      assert.equal(ended.code, 0, ended.stderr);
      assert.equal(await read('a.js'), 'TWO\nand $& more `y`\nthree\nfour\nfive\nsix\nSEVEN\n');
      assert.equal(await read('deep/new.txt'), 'line 1\nline 2\n');
      assert.equal(await read('old.txt'), 'new\n');
      assert.equal(await read('ran.txt'), 'ran\n');
      assert.match(
        ended.stdout,
        /"type":"file_change","changes":\[\{"path":"[^"]*\/a\.js","kind":"update"\}\]/,
      );
      assert.match(ended.stdout, /"aggregated_output":"line 1\\nline 2\\n","exit_code":0/);
      assert.match(ended.stdout, /"agent_message","text":"Mended\."/);

      // Three replacements of two calls each, two writes, one command, one last answer.
      assert.equal(server.requests.length, 10);
      assert.deepEqual(
        server.requests.map(({ step }) => step),
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
      );
      assert.ok(server.requests.every((request) => request.authorized && request.model === model));
      assert.deepEqual([server.starts(prompt), server.finishes(prompt)], [1, 1]);
      assert.deepEqual(events(ended).at(-1), {
        type: 'turn.completed',
        usage: {
          input_tokens: 10 * TOKENS_PER_ANSWER.input,
          cached_input_tokens: 10 * TOKENS_PER_ANSWER.cached,
          cache_write_input_tokens: 0,
          output_tokens: 10 * TOKENS_PER_ANSWER.output,
          reasoning_output_tokens: 0,
        },
      });
    });
  }
}

test('in read-only Codex refuses the edit, says so to the model, and ends well all the same', async (t) => {
  const { exec, read } = await rig(t);
  const ended = await exec('[[write a.txt: no]]', { mode: 'read-only' });
  assert.equal(ended.code, 0);
  assert.match(ended.stdout, /The edit was refused: patch rejected: writing is blocked by read-only sandbox/);
  assert.match(ended.stderr, /patch rejected/);
  await assert.rejects(read('a.txt'), { code: 'ENOENT' });
});

test('a script is carried on after errors that Codex itself repeats, and counts as one start', async (t) => {
  const { server, exec, read } = await rig(t, { requestRetries: 3 });
  const prompt = '[[fail-times 2 500]]\n[[write a.txt: at last]]';
  const ended = await exec(prompt);
  assert.equal(ended.code, 0, ended.stdout);
  assert.equal(await read('a.txt'), 'at last\n');
  assert.deepEqual(
    server.requests.map(({ step }) => step),
    [0, 0, 0, 1],
  );
  assert.deepEqual([server.starts(prompt), server.finishes(prompt)], [1, 1]);
});

test('without repetitions of Codex every error is one failed attempt, and every attempt one start', async (t) => {
  const { server, exec } = await rig(t);
  const prompt = '[[fail-times 2 500]]';
  const codes = [await exec(prompt), await exec(prompt), await exec(prompt)].map(({ code }) => code);
  assert.deepEqual(codes, [1, 1, 0]);
  assert.deepEqual([server.starts(prompt), server.finishes(prompt), server.requests.length], [3, 1, 3]);
});

const FAILURES: readonly [directive: string, message: RegExp][] = [
  ['status 500', /high demand|500 Internal Server Error/],
  ['status 401', /unexpected status 401 Unauthorized: Incorrect API key/],
  ['status 404 model_not_found', /The model `o4-mini` does not exist/],
  ['status 429 usage_limit', /You.ve hit your usage limit.*try again at (?:\w+ \d+\w+, \d+ )?\d+:\d\d [AP]M/],
  ['status 429 insufficient_quota', /Quota exceeded/],
  ['status 429', /exceeded retry limit, last status: 429 Too Many Requests/],
  ['status 400 context_length_exceeded', /ran out of room in the model's context window/],
  ['cut', /stream disconnected before completion/],
];
for (const [directive, message] of FAILURES) {
  test(`[[${directive}]] fails the turn as the real service would`, async (t) => {
    const { server, exec } = await rig(t);
    const ended = await exec(`[[${directive}]]`);
    assert.equal(ended.code, 1);
    assert.match(JSON.stringify(events(ended).at(-1)), /^\{"type":"turn\.failed"/);
    assert.match(ended.stdout, message);
    assert.deepEqual([server.starts(`[[${directive}]]`), server.finishes(`[[${directive}]]`)], [1, 0]);
  });
}

test('a misspelt directive is answered with its text', async (t) => {
  const { exec } = await rig(t);
  const ended = await exec('[[wirte a.txt: x]]');
  assert.equal(ended.code, 1);
  assert.match(ended.stdout, /does not understand \[\[wirte a\.txt: x\]\]/);
});

test('a model that hangs keeps Codex waiting until the signal', async (t) => {
  const { server, start } = await rig(t);
  const { child, ended } = start('[[hang]]');
  await server.request(({ prompt }) => prompt === '[[hang]]');
  child.kill('SIGINT');
  assert.equal((await ended).code, 1);
  assert.deepEqual([server.starts('[[hang]]'), server.finishes('[[hang]]')], [1, 0]);
});

test('a conversation that was interrupted and resumed goes on where it was', async (t) => {
  const { server, start, read } = await rig(t);
  const prompt = '[[run echo once >> log.txt]]\n[[hold thought]]\n[[run echo twice >> log.txt]]';
  const first = start(prompt);
  const { conversation } = await server.request(({ step }) => step === 1);
  first.child.kill('SIGINT');
  assert.equal((await first.ended).code, 1);
  server.release('thought');
  const resumed = await start('Go on.', { args: ['resume', conversation] }).ended;
  assert.equal(resumed.code, 0, resumed.stderr);
  assert.equal(await read('log.txt'), 'once\ntwice\n');
  assert.deepEqual([server.starts(prompt), server.finishes(prompt), server.starts('Go on.')], [1, 1, 0]);
});

test('what waits for words of the user is done in the turn that brings them, and not before', async (t) => {
  const { server, exec, start, read } = await rig(t);
  const prompt =
    'Make a.txt.\n[[write a.txt: one]]\n[[told is not right]]\n[[write a.txt: two]]\n[[say Mended.]]';
  assert.equal((await exec(prompt)).code, 0);
  assert.equal(await read('a.txt'), 'one\n');
  const { conversation } = await server.request(() => true);
  const resume = (word: string) => start(word, { args: ['resume', conversation] }).ended;
  assert.match((await resume('Go on.')).stdout, /"text":"Done\."/);
  assert.equal(await read('a.txt'), 'one\n');
  assert.match((await resume('a.txt is not right: one')).stdout, /"text":"Mended\."/);
  assert.equal(await read('a.txt'), 'two\n');
  assert.deepEqual([server.starts(prompt), server.finishes(prompt)], [1, 1], 'it is one conversation');
});

test('each of two repairs waits for a message of its own, and words beside the prompt count as one', () => {
  const script = parseDirectives('[[told wrong]]\n[[say First.]]\n[[told wrong]]\n[[say Second.]]');
  const said = (...told: string[]) =>
    nextStep(script, { outputs: [], told, tools: [] }, () => false).messages;
  assert.deepEqual(said('Do it.'), ['Done.']);
  assert.deepEqual(said('Do it. It was wrong.'), ['First.']);
  assert.deepEqual(said('Do it.', 'wrong', 'go on'), ['First.']);
  assert.deepEqual(said('Do it.', 'wrong', 'go on', 'wrong'), ['Second.']);
});

test('weather is over all requests alike, and is written down with what it met', async (t) => {
  const spells: Spell[] = [
    { kind: 'limit', from: 2, seconds: 1 },
    { kind: 'model-refused', from: 3 },
    { kind: 'cut', from: 4 },
  ];
  let clock = 1_000;
  const weather = openWeather(spells, () => clock);
  const { server, exec } = await rig(t, { weather });
  const first = await exec('[[say One.]]');
  assert.equal(first.code, 0, first.stdout);
  for (const words of [/usage limit/, /usage limit/])
    assert.match((await exec('[[say Two.]]')).stdout, words);
  clock += 1_000; // the very end of the limit is outside it
  assert.match((await exec('[[say Two.]]')).stdout, /does not exist/);
  assert.match((await exec('[[say Three.]]')).stdout, /stream disconnected/);
  assert.equal((await exec('[[say Four.]]')).code, 0);
  assert.deepEqual(
    server.requests.map((request) => request.weather),
    [undefined, 'limit', 'limit', 'model-refused', 'cut', undefined],
  );
  assert.deepEqual(
    weather.seen.map(({ from, to }) => [from, to]),
    [
      [1_000, 2_000],
      [2_000, 2_000],
      [2_000, 2_000],
    ],
  );
  assert.deepEqual(
    server.answers.map(({ prompt, kind }) => `${prompt} ${kind}`),
    ['[[say One.]] finish', '[[say Four.]] finish'],
  );
});

test('each answer that was sent to its end is counted once, also those that ask for a tool', async (t) => {
  const { server, exec } = await rig(t);
  const { stdout } = await exec('[[run true]]\n[[run true]]');
  assert.deepEqual(
    server.answers.map(({ kind }) => kind),
    ['call', 'call', 'finish'],
  );
  const usage = /"input_tokens":(\d+)/.exec(stdout)?.[1];
  assert.equal(Number(usage), 3 * TOKENS_PER_ANSWER.input, 'and Codex counts them as we do');
});

test('a command that takes longer than Codex waits for it is asked again until it ends', () => {
  const running =
    'Chunk ID: c851d4\nWall time: 30.0014 seconds\nProcess running with session ID 61602\nOutput:\n';
  const ended = 'Chunk ID: c851d5\nWall time: 2.3 seconds\nProcess exited with code 0\nOutput:\nbuilt\n';
  const after = (...outputs: string[]) =>
    nextStep(parseDirectives('[[run make]]'), { outputs, told: [], tools: ['exec_command'] }, () => false)
      .act;
  const poll = { session_id: 61602, chars: '', yield_time_ms: 300_000 };
  const call = { type: 'function_call', name: 'write_stdin', arguments: JSON.stringify(poll) };
  assert.deepEqual(after(running), { kind: 'call', call });
  assert.deepEqual(after(running, running), { kind: 'call', call });
  assert.deepEqual(after(running, running, ended), { kind: 'finish' });
});

test('what a profile prints into every command is not taken for the file that is edited', () => {
  const seen = 'Output:\npyenv: cannot rehash\n--- begin ---\nold\n--- end ---\npyenv: cannot rehash\n';
  const script = parseDirectives('[[replace a.txt "old" "new"]]');
  const step = nextStep(script, { outputs: [seen], told: [], tools: ['exec_command'] }, () => false);
  assert.match(JSON.stringify(step), /-old.*\+new/);
  assert.doesNotMatch(JSON.stringify(step), /pyenv/);
});

test('twelve conversations at once are held, released together and counted one by one', async (t) => {
  const { server, exec, read } = await rig(t);
  const prompts = Array.from({ length: 12 }, (_, n) => `[[hold all]]\n[[write file-${n}.txt: ${n}]]`);
  const running = prompts.map((prompt) => exec(prompt));
  await Promise.all(prompts.map((prompt) => server.request((request) => request.prompt === prompt)));
  assert.equal(server.requests.length, 12);
  server.release('all');
  const ended = await Promise.all(running);
  assert.deepEqual(
    new Set(ended.map(({ code }) => code)),
    new Set([0]),
    ended.find(({ code }) => code !== 0)?.stdout,
  );
  for (const n of prompts.keys()) assert.equal(await read(`file-${n}.txt`), `${n}\n`);
  assert.deepEqual(
    server.startsByPrompt(),
    new Map(server.requests.slice(0, 12).map(({ prompt }) => [prompt, 1])),
  );
  assert.ok(prompts.every((prompt) => server.finishes(prompt) === 1));
  assert.doesNotMatch(ended.map(({ stderr }) => stderr).join(''), /failed to install system skills/);
});

test('a script by prompt text lets a plain sentence do the work', async (t) => {
  const { exec, read } = await rig(t, {
    script: (prompt) =>
      prompt.includes('greeting') ? parseDirectives('[[write hello.txt: hello]]\n[[say Greeted.]]') : [],
  });
  const ended = await exec('Add a greeting.\n');
  assert.match(ended.stdout, /Greeted\./);
  assert.equal(await read('hello.txt'), 'hello\n');
});

test('the launcher of npm reaches the same model', async (t) => {
  const { home, server } = await rig(t);
  const environment = { ...process.env, ...(await makeCodexHome(home, server.url)) };
  const child = spawn(codexLauncher, ['exec', '--skip-git-repo-check', '-s', 'read-only', '[[say Hi.]]'], {
    env: environment,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  await once(child, 'close');
  assert.equal(stdout, 'Hi.\n');
});
