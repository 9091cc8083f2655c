/** The rig is only worth something if the real Codex believes it: every test here runs the binary of @openai/codex. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { isErrno } from '../../src/core/errors.ts';
import { takeTurn, type Message, type TurnOptions } from './app-server.ts';
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
  /** The same prompt through the app-server, which can ask. In read-only, so that nothing is allowed unasked. */
  readonly ask: (prompt: string, decide?: TurnOptions['decide']) => Promise<readonly Message[]>;
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
    ask: (prompt, decide = () => 'accept') =>
      takeTurn(prompt, { environment, directory: work, mode: 'read-only', model: 'o4-mini', decide }),
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

const of = (method: string, messages: readonly Message[]) =>
  messages.filter((message) => message.method === method).map(({ params }) => params);

/** What ended with which status, in order: `commandExecution completed`. */
const items = (messages: readonly Message[]) =>
  of('item/completed', messages).map(({ item }) => {
    const { type, status = '', text = '' } = item as Record<string, string>;
    return `${type} ${status}${text}`;
  });

test('a command that asks for more rights is put to a person, with its reason, and run or not as they say', async (t) => {
  const { ask, read } = await rig(t);
  const prompt = [
    '[[escalate echo yes > yes.txt | May I write here?]]',
    '[[escalate echo no > no.txt | And there?]]',
    '[[say Asked twice.]]',
  ].join('\n');
  const messages = await ask(prompt, ({ params }) => (params.reason === 'And there?' ? 'decline' : 'accept'));
  const questions = of('item/commandExecution/requestApproval', messages);
  assert.deepEqual(
    questions.map(({ reason }) => reason),
    ['May I write here?', 'And there?'],
  );
  assert.match(String(questions[0]?.command), /echo yes > yes\.txt/);
  assert.equal(await read('yes.txt'), 'yes\n');
  await assert.rejects(read('no.txt'), { code: 'ENOENT' });
  assert.deepEqual(items(messages).slice(1), [
    'commandExecution completed',
    'commandExecution declined',
    'agentMessage Asked twice.',
  ]);
});

test('exec, which can ask nobody, refuses a command that asks, and the script goes on', async (t) => {
  const { exec, read, server } = await rig(t);
  const ended = await exec('[[escalate echo no > no.txt | May I?]]\n[[say On.]]');
  assert.equal(ended.code, 0);
  assert.match(ended.stderr, /you cannot ask for escalated permissions/);
  assert.match(ended.stdout, /"text":"On\."/);
  await assert.rejects(read('no.txt'), { code: 'ENOENT' });
  assert.equal(server.requests.length, 2);
});

test('a file outside of the workspace is put to a person too, and several files of one patch in one question', async (t) => {
  const { ask, work, read } = await rig(t);
  const outside = path.join(path.dirname(work), 'outside.txt');
  const messages = await ask(
    `[[patch]]\n[[write ${outside}: out]]\n[[write deep/in.txt: in]]\n[[end]]\n[[write not.txt: no]]`,
    ({ id }) => (id === 0 ? 'accept' : 'decline'),
  );
  assert.equal(of('item/fileChange/requestApproval', messages).length, 2);
  assert.deepEqual(
    [await readFile(outside, 'utf8'), await read('deep/in.txt')],
    ['out\n', 'in\n'],
    'both of the one that was allowed',
  );
  await assert.rejects(read('not.txt'), { code: 'ENOENT' });
  assert.deepEqual(items(messages).slice(1), [
    'fileChange completed',
    'fileChange declined',
    'agentMessage The edit was refused: patch rejected by user',
  ]);
});

test('calls made together are asked together, in one answer of the model', async (t) => {
  const { ask, read, server } = await rig(t);
  const asked: unknown[] = [];
  let open = () => {};
  const bothAsked = new Promise<void>((resolve) => (open = resolve));
  const prompt =
    '[[together]]\n[[escalate echo a > a.txt | One?]]\n[[write b.txt: b]]\n[[end]]\n[[say Both.]]';
  const messages = await ask(prompt, async ({ method }) => {
    if (asked.push(method) === 2) open();
    await bothAsked; // one that waits for the other's answer would never come here
    return 'accept';
  });
  assert.deepEqual(
    new Set(asked),
    new Set(['item/commandExecution/requestApproval', 'item/fileChange/requestApproval']),
  );
  assert.deepEqual([await read('a.txt'), await read('b.txt')], ['a\n', 'b\n']);
  assert.equal(items(messages).at(-1), 'agentMessage Both.');
  assert.deepEqual(
    server.requests.map(({ step }) => step),
    [0, 2],
  );
});

test('exec makes calls that are made together in one go as well', async (t) => {
  const { exec, read, server } = await rig(t);
  const { stdout } = await exec(
    '[[together]]\n[[run echo 1 > 1.txt]]\n[[patch]]\n[[write 2.txt: 2]]\n[[write 3.txt: 3]]\n[[end]]\n[[end]]\n[[run cat 1.txt 2.txt 3.txt]]',
    { mode: 'danger-full-access' },
  );
  assert.match(stdout, /"aggregated_output":"1\\n2\\n3\\n"/);
  assert.equal(await read('3.txt'), '3\n');
  assert.equal(server.requests.length, 3);
});

test('of calls made together each that takes long is asked again until it ends', () => {
  const script = parseDirectives(
    '[[together]]\n[[run make]]\n[[call exec_command {"cmd": "serve"}]]\n[[run test]]\n[[end]]',
  );
  const running = (session: number) => `Process running with session ID ${session}\nOutput:\n`;
  const after = (...outputs: string[]) =>
    JSON.stringify(nextStep(script, { outputs, told: [], tools: ['exec_command'] }, () => false).act);
  assert.match(after(), /make.*serve.*test/);
  assert.match(after(running(1), running(2), running(3)), /write_stdin.*session_id\\":1,/);
  assert.match(after(running(1), running(2), running(3), 'made'), /write_stdin.*session_id\\":3,/);
  assert.match(after(running(1), running(2), running(3), 'made', 'tested'), /finish/);
});

test('a call of a tool by its name is made once, and what it leaves running is left', async (t) => {
  const { exec, server } = await rig(t);
  const call = { cmd: 'echo begun; sleep 60', yield_time_ms: 250, login: false };
  const { stdout } = await exec(`[[call exec_command ${JSON.stringify(call)}]]\n[[say Left.]]`, {
    mode: 'danger-full-access',
  });
  assert.match(stdout, /"text":"Left\."/);
  assert.deepEqual(
    server.requests.map(({ step }) => step),
    [0, 1],
  );
});

test('how much of the limit is used is said with every answer from then on, also to others and with errors', async (t) => {
  const { ask } = await rig(t);
  const limits = async (prompt: string) =>
    of('account/rateLimits/updated', await ask(prompt)).map(({ rateLimits }) => {
      const { primary } = rateLimits as { primary: { usedPercent: number; resetsAt: number } | null };
      return primary && [primary.usedPercent, primary.resetsAt];
    });
  assert.deepEqual(await limits('[[say Nothing known.]]'), [null]);

  const before = Math.floor(Date.now() / 1000);
  const [first, second, third] = await limits('[[run true]]\n[[used 42 3600]]\n[[run true]]');
  assert.equal(first, null, 'not before it is said');
  const [percent = 0, resetsAt = 0] = second ?? [];
  assert.equal(percent, 42);
  assert.ok(resetsAt >= before + 3600 && resetsAt <= Math.floor(Date.now() / 1000) + 3600, `${resetsAt}`);
  assert.deepEqual(third, second, 'it is not put off by being read again');

  assert.deepEqual(await limits('[[say Another conversation.]]'), [second]);
  const told = await ask('[[used 100 60]]\n[[status 429 usage_limit 60]]');
  assert.match(JSON.stringify(of('account/rateLimits/updated', told)), /"usedPercent":100/);
  assert.match(
    JSON.stringify(of('turn/completed', told)),
    /"status":"failed".*"codexErrorInfo":"usageLimitExceeded"/,
  );
});

test('a block that is not ended, or has in it what it cannot, is a misspelt script', () => {
  const misspelt: [script: string, words: RegExp][] = [
    ['[[together]]\n[[run a]]', /misses the \[\[end\]\] of \[\[together\]\]/],
    ['[[patch]]\n[[run a]]\n[[end]]', /no \[\[run a\]\] inside \[\[patch\]\]/],
    ['[[together]]\n[[replace a "b" "c"]]\n[[end]]', /inside \[\[together\]\]/],
    ['[[together]]\n[[together]]\n[[end]]\n[[end]]', /inside \[\[together\]\]/],
    ['[[end]]', /does not understand/],
    ['[[used 42]]', /does not understand/],
    ['[[escalate no reason]]', /does not understand/],
    ['[[call tool]]', /does not understand/],
  ];
  for (const [script, words] of misspelt) assert.throws(() => parseDirectives(script), words, script);
});

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
  assert.deepEqual(after(running), { kind: 'call', calls: [call] });
  assert.deepEqual(after(running, running), { kind: 'call', calls: [call] });
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
