/** What Codex says when it fails, said by the real one: each row against a server that answers as the real one does. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { classify, limitedUntil } from '../../src/core/codex-words.ts';
import type { FailureClass } from '../../src/core/failure-class.ts';
import { codexArguments } from '../../src/io/codex-arguments.ts';
import { judgeExit, type Judgement } from '../../src/io/codex-exit.ts';
import { CodexListener } from '../../src/io/codex-listener.ts';
import { makeCodexHome, nativeCodex } from '../rig/codex-home.ts';
import { startModelServer, type ModelServer } from '../rig/model-server.ts';
import { scratch } from '../rig/scratch.ts';

const MINUTE_MS = 60_000;
const HOUR_S = 3600;
const DAY_S = 24 * HOUR_S;
const CODEX = { command: nativeCodex(), launcher: nativeCodex(), isCodex: true };

// A limit of an hour is to end on this day, in the time zone that Codex and we share: one where it is about noon.
process.env['TZ'] = zoneAtNoon(new Date());

function zoneAtNoon(now: Date): string {
  const west = now.getUTCHours() - 12;
  return west === 0 ? 'UTC' : `Etc/GMT${west > 0 ? '+' : '-'}${Math.abs(west)}`;
}

interface Row {
  readonly when: string;
  /** What the model's server does. */
  readonly does: string;
  /** What Codex makes of it, in its own words. */
  readonly says: RegExp;
  readonly class: FailureClass;
  /** Seconds until the limit is lifted; absent when it is not told. */
  readonly forSeconds?: number;
  /** How often Codex asked: 1 where nothing is repeated. */
  readonly requests?: number;
  /** How often Codex may repeat a request, and an answer that broke off. */
  readonly retries?: number;
  readonly config?: readonly string[];
}

const ROWS: readonly Row[] = [
  {
    when: '429 without Retry-After',
    does: '[[status 429]]',
    says: /^exceeded retry limit, last status: 429 Too Many Requests/,
    class: 'rate-limited',
    retries: 1, // and yet it does not
  },
  {
    when: '429 with Retry-After',
    does: '[[status 429 rate_limit 1]]',
    says: /^exceeded retry limit, last status: 429 Too Many Requests/,
    class: 'rate-limited',
    retries: 1,
    requests: 2,
  },
  {
    when: 'rate_limit_exceeded inside the answer',
    does: '[[fails-inside rate_limit_exceeded Rate limit reached for o4-mini. Please try again in 1.2s.]]',
    says: /^rate limit exceeded: Rate limit reached/,
    class: 'rate-limited',
    forSeconds: 1.2,
  },
  {
    when: 'usage limit, lifted on this day',
    does: `[[status 429 usage_limit ${HOUR_S}]]`,
    says: /^You’ve hit your usage limit\..* try again at \d{1,2}:\d\d [AP]M\.$/,
    class: 'limited',
    forSeconds: HOUR_S,
  },
  {
    when: 'usage limit, lifted on another day',
    does: `[[status 429 usage_limit ${3 * DAY_S}]]`,
    says: /^You’ve hit your usage limit\..* try again at [A-Z][a-z]{2} \d{1,2}(?:st|nd|rd|th), \d{4} \d{1,2}:\d\d [AP]M\.$/,
    class: 'limited',
    forSeconds: 3 * DAY_S,
  },
  {
    when: 'usage limit with nothing but resets_in_seconds',
    does: `[[status 429 usage_limit_in ${HOUR_S}]]`,
    says: /^You’ve hit your usage limit\..* try again later\.$/,
    class: 'limited',
  },
  {
    when: 'usage_not_included',
    does: '[[status 429 usage_not_included]]',
    says: /^To use Codex with your ChatGPT plan, upgrade to Plus: /,
    class: 'quota',
  },
  {
    when: 'insufficient_quota',
    does: '[[status 429 insufficient_quota]]',
    says: /^Quota exceeded\. Check your plan and billing details\.$/,
    class: 'quota',
  },
  {
    when: 'insufficient_quota inside the answer',
    does: '[[fails-inside insufficient_quota You exceeded your current quota.]]',
    says: /^Quota exceeded\. Check your plan and billing details\.$/,
    class: 'quota',
  },
  {
    when: '401',
    does: '[[status 401]]',
    says: /^unexpected status 401 Unauthorized: /,
    class: 'auth',
  },
  {
    when: '403',
    does: '[[status 403]]',
    says: /^unexpected status 403 Forbidden: /,
    class: 'auth',
  },
  {
    when: '404 model_not_found',
    does: '[[status 404]]',
    says: /The model `o4-mini` does not exist or you do not have access to it\./,
    class: 'model-refused',
  },
  {
    when: '400 model_not_found',
    does: '[[status 400 model_not_found]]',
    says: /The model `o4-mini` does not exist or you do not have access to it\./,
    class: 'model-refused',
  },
  {
    when: '400 context_length_exceeded',
    does: '[[status 400 context_length_exceeded]]',
    says: /^Codex ran out of room in the model's context window\./,
    class: 'context-exceeded',
  },
  {
    when: 'context_length_exceeded inside the answer',
    does: '[[fails-inside context_length_exceeded Your input exceeds the context window.]]',
    says: /^Codex ran out of room in the model's context window\./,
    class: 'context-exceeded',
  },
  {
    when: '500',
    does: '[[status 500]]',
    says: /^We’re currently experiencing high demand, which may cause temporary errors\./,
    class: 'transient',
  },
  {
    when: '502 with a page of a proxy',
    does: '[[status 502 html]]',
    says: /^unexpected status 502 Bad Gateway: <html>/,
    class: 'transient',
  },
  {
    when: '503 server_is_overloaded',
    does: '[[status 503 server_is_overloaded]]',
    says: /^Selected model is at capacity\. Please try a different model\.$/,
    class: 'transient',
  },
  {
    when: 'server_is_overloaded inside the answer',
    does: '[[fails-inside server_is_overloaded Overloaded.]]',
    says: /^Selected model is at capacity\. Please try a different model\.$/,
    class: 'transient',
  },
  {
    when: 'an answer that breaks off',
    does: '[[cut]]',
    says: /^stream disconnected before completion: /,
    class: 'transient',
    retries: 1,
    requests: 2,
  },
  {
    when: 'an answer that does not go on',
    does: '[[stall]]',
    says: /^stream disconnected before completion: idle timeout waiting for SSE$/,
    class: 'transient',
    config: ['model_providers.loopback.stream_idle_timeout_ms=500'],
  },
  {
    when: 'an answer that is too long for the model',
    does: '[[incomplete max_output_tokens]]',
    says: /^Incomplete response returned, reason: max_output_tokens$/,
    class: 'permanent',
  },
  {
    when: 'a failure inside the answer that Codex does not know',
    does: '[[fails-inside strange_thing The server says so.]]',
    says: /^stream disconnected before completion: The server says so\.$/,
    class: 'transient',
  },
  {
    when: 'invalid_prompt inside the answer',
    does: '[[fails-inside invalid_prompt Invalid prompt: it was flagged.]]',
    says: /^Invalid prompt: it was flagged\.$/,
    class: 'permanent',
  },
  {
    when: 'cyber_policy inside the answer',
    does: '[[fails-inside cyber_policy This was refused under the cyber policy.]]',
    says: /cyber/,
    class: 'permanent',
  },
  {
    when: 'a connection that is refused',
    does: '',
    says: /^Connection failed: /,
    class: 'network',
    requests: 0,
    config: ['model_providers.loopback.base_url="http://127.0.0.1:1/v1"'],
  },
  {
    when: 'a host that has no address',
    does: '',
    says: /^Connection failed: /,
    class: 'network',
    requests: 0,
    config: ['model_providers.loopback.base_url="http://host.invalid/v1"'],
  },
  {
    when: 'a key that is not in the environment',
    does: '',
    says: /^Missing environment variable: `NO_SUCH_KEY`\.$/,
    class: 'auth',
    requests: 0,
    config: ['model_providers.loopback.env_key="NO_SUCH_KEY"'],
  },
];

interface Ran {
  readonly heard: CodexListener;
  readonly judgement: Judgement;
}

interface Call extends Pick<Row, 'retries' | 'config'> {
  readonly thread?: string;
}

interface Rig {
  readonly server: ModelServer;
  readonly exec: (prompt: string | Buffer, call?: Call) => Promise<Ran>;
}

/** The real Codex, started and listened to as an attempt does it. */
async function rig(t: TestContext): Promise<Rig> {
  const server = await startModelServer();
  t.after(() => server.close());
  const root = scratch(t);
  const env = { ...process.env, ...(await makeCodexHome(join(root, 'home'), server.url)) };
  await mkdir(join(root, 'work'));
  const exec: Rig['exec'] = async (prompt, { retries = 0, config = [], thread } = {}) => {
    const repeats = ['request', 'stream'].map(
      (what) => `model_providers.loopback.${what}_max_retries=${retries}`,
    );
    const workingDirectory = join(root, 'work');
    const codexConfig = [...repeats, ...config];
    const args = codexArguments(
      { mode: 'read-only', model: 'o4-mini', workingDirectory, codexConfig },
      thread,
    );
    const child = spawn(CODEX.command, args, { env, stdio: 'pipe' });
    const said = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text));
    child.stdin.end(prompt);
    const [code] = (await once(child, 'close')) as [number | null];
    const heard = new CodexListener();
    for (const line of said.stdout.split('\n')) heard.line(line);
    heard.stderr(said.stderr);
    const about = { model: 'o4-mini', codex: CODEX, now: new Date() };
    return { heard, judgement: judgeExit({ kind: 'exited', code: code ?? -1 }, heard, about) };
  };
  return { server, exec };
}

/** What is done about each class by whoever judges the end. */
function wordFor(judgement: Judgement): string {
  if (judgement.kind === 'environment') return judgement.problem.kind;
  if (judgement.kind === 'limited') return judgement.limit.class;
  if (judgement.kind === 'failed' && 'class' in judgement.failure) return judgement.failure.class;
  return judgement.kind;
}

test(
  'the real Codex says of each trouble what the table has, and it is judged by that',
  {
    concurrency: 4,
  },
  async (t) => {
    const { server, exec } = await rig(t);
    await Promise.all(
      ROWS.map((row, n) =>
        t.test(row.when, async () => {
          const prompt = `Row ${n}.\n${row.does}`;
          const { heard, judgement } = await exec(prompt, row);
          const asked = server.requests.filter((request) => request.prompt === prompt.trim());

          const said = heard.complaint;
          assert.match(said, row.says);
          assert.equal(classify(heard.turnFailed ?? ''), row.class, said);
          assert.equal(wordFor(judgement), row.class === 'auth' ? 'not-logged-in' : row.class);
          assert.equal(asked.length, row.requests ?? 1, 'requests');
          if (judgement.kind !== 'limited') return;
          const { until } = judgement.limit;
          if (row.forSeconds === undefined) return assert.equal(until, undefined);
          const lifted = (asked.at(-1)?.at ?? Number.NaN) + row.forSeconds * 1000;
          // Codex says minutes, and time goes by between its request and our look.
          assert.ok(
            until !== undefined && until >= lifted - 1000 && until < lifted + MINUTE_MS + 10_000,
            said,
          );
        }),
      ),
    );
  },
);

test('what Codex repeats by itself until it goes well is no failure', async (t) => {
  const { exec } = await rig(t);
  for (const trouble of ['cut', 'status 500']) {
    const { judgement } = await exec(`Shaky.\n[[fail-times 2 ${trouble}]]\n[[say There.]]`, { retries: 2 });
    assert.deepEqual(judgement, { kind: 'succeeded' }, trouble);
  }
});

test('a turn that was completed without a word and without a token is a limit, not a success', async (t) => {
  const { exec } = await rig(t);
  const { heard, judgement } = await exec('Quiet.\n[[nothing]]');
  assert.equal(heard.turnCompleted, true);
  assert.equal(wordFor(judgement), 'limited');
  assert.deepEqual((await exec('Talkative.\n[[say A word.]]')).judgement, { kind: 'succeeded' });
});

const PROSE = 'You’ve hit your usage limit. Not logged in, status 401, status 429. Try again at 9:24 AM.';

test('what a model, a command or a file name says about limits and logins has no consequence', async (t) => {
  const { exec } = await rig(t);
  const talk = [
    'Talk.',
    `[[run echo "${PROSE}"; echo "Error: ${PROSE}" >&2; exit 1]]`,
    `[[run cat "./${PROSE}"]]`,
    `[[say ${PROSE}]]`,
  ];
  const { judgement, heard } = await exec(talk.join('\n'));
  assert.deepEqual(judgement, { kind: 'succeeded' });
  assert.equal(heard.answer, PROSE, 'it was said');
  const failed = await exec([...talk, '[[status 500]]'].join('\n'));
  assert.equal(wordFor(failed.judgement), 'transient', 'nor when the turn fails for something else');
});

test('what keeps Codex from beginning a turn has its class as well', async (t) => {
  const { server, exec } = await rig(t);
  const first = exec('First.\n[[hold door]]');
  const { conversation } = await server.request(({ prompt }) => prompt.startsWith('First.'));
  const STARTS = [
    ['a thread that nobody knows', 'Go on.', '12345678-1234-1234-1234-123456789abc', 'thread-lost'],
    ['a thread that another Codex writes', 'Go on.', conversation, 'thread-lost'],
    ['a prompt that is too long', 'x'.repeat(1_048_577), undefined, 'invalid-input'],
    ['a prompt that is empty', ' ', undefined, 'invalid-input'],
    ['a prompt that is no text', Buffer.from([0x61, 0xff, 0x62]), undefined, 'invalid-input'],
  ] as const;
  for (const [what, prompt, thread, word] of STARTS) {
    const { judgement, heard } = await exec(prompt, thread === undefined ? {} : { thread });
    assert.equal(wordFor(judgement), word, `${what}: ${heard.complaint}`);
    assert.equal(heard.turnBegan, false, what);
  }
  server.release('door');
  assert.deepEqual((await first).judgement, { kind: 'succeeded' });
  assert.equal(server.requests.length, 1);
});

/** What is read of a sentence in another time zone, there and then: as `limitedUntil` is told both. */
function readIn(zone: string, cases: readonly (readonly [sentence: string, now: string])[]): unknown {
  const words = new URL('../../src/core/codex-words.ts', import.meta.url).href;
  const script = `
    import { limitedUntil } from ${JSON.stringify(words)};
    const read = ([sentence, now]) => {
      const until = limitedUntil(sentence, new Date(now));
      return until === undefined ? null : new Date(until).toISOString();
    };
    console.log(JSON.stringify(${JSON.stringify(cases)}.map(read)));`;
  const args = ['--import', 'tsx', '--input-type=module', '--eval', script];
  return JSON.parse(
    execFileSync(process.execPath, args, { env: { ...process.env, TZ: zone }, encoding: 'utf8' }),
  );
}

const YOU = 'You’ve hit your usage limit. Upgrade to Pro, or';

test('a time that Codex says is the end of that minute, on the day on which it was said', () => {
  const CASES: readonly (readonly [sentence: string, now: string, until: string | null])[] = [
    [`${YOU} try again at 9:24 AM.`, '2026-11-22T08:00:00Z', '2026-11-22T09:25:00.000Z'],
    [
      `You've hit your usage limit. Try again at 9:24 AM.`,
      '2026-11-22T08:00:00Z',
      '2026-11-22T09:25:00.000Z',
    ],
    [`${YOU} try again at 9:24\u202fPM.`, '2026-11-22T08:00:00Z', '2026-11-22T21:25:00.000Z'],
    [`${YOU} try again at 12:00 PM.`, '2026-11-22T08:00:00Z', '2026-11-22T12:01:00.000Z'],
    [`${YOU} try again at 12:30 AM.`, '2026-11-22T00:10:00Z', '2026-11-22T00:31:00.000Z'],
    // Said at 23:59, read after midnight; and read when the machine had slept.
    [`${YOU} try again at 11:59 PM.`, '2026-11-23T00:00:30Z', '2026-11-23T00:00:00.000Z'],
    [`${YOU} try again at 9:24 AM.`, '2026-11-22T09:40:00Z', '2026-11-22T09:25:00.000Z'],
    [`${YOU} try again at Nov 25th, 2026 8:03 AM.`, '2026-11-22T08:00:00Z', '2026-11-25T08:04:00.000Z'],
    [`${YOU} try again at Jan 1st, 2027 12:00 AM.`, '2026-12-31T23:00:00Z', '2027-01-01T00:01:00.000Z'],
    [`${YOU} try again in 1 hour 30 minutes.`, '2026-11-22T08:00:00Z', '2026-11-22T09:30:00.000Z'],
    [`${YOU} try again in 3 days 6 hours 57 minutes.`, '2026-11-22T08:00:00Z', '2026-11-25T14:57:00.000Z'],
    ['rate limit exceeded: Please try again in 1.2s.', '2026-11-22T08:00:00Z', '2026-11-22T08:00:01.200Z'],
    [`${YOU} try again later.`, '2026-11-22T08:00:00Z', null],
    ['Codex completed a turn without a word', '2026-11-22T08:00:00Z', null],
    ...[
      'at 25:99 AM',
      'at 0:30 AM',
      'at 13:00 PM',
      'at 9:60 AM',
      'at Foo 9th, 2026 8:03 AM',
      'at Nov 99th, 2026 8:03 AM',
      'at Feb 30th, 2026 8:03 AM',
      'at 9:24',
      'in 5 parsecs',
      'in minutes',
      'in 0 minutes',
    ].map((nonsense) => [`${YOU} try again ${nonsense}.`, '2026-11-22T08:00:00Z', null] as const),
  ];
  const read = readIn(
    'UTC',
    CASES.map(([sentence, now]) => [sentence, now]),
  );
  assert.deepEqual(
    read,
    CASES.map(([, , until]) => until),
  );
});

test('it is a time of the time zone that we share with Codex, also where clocks are put forward or back', () => {
  const AT = (time: string) => `${YOU} try again at ${time}.`;
  assert.deepEqual(
    readIn('America/New_York', [
      [AT('9:24 AM'), '2026-11-22T13:00:00Z'],
      [AT('11:30 PM'), '2026-11-23T04:00:00Z'],
      [AT('Mar 9th, 2026 8:03 AM'), '2026-03-06T12:00:00Z'], // the clock is put forward in between
      [AT('1:30 AM'), '2026-11-01T05:00:00Z'], // 1:30 comes twice in this night
      [AT('1:30 AM'), '2026-11-01T05:45:00Z'],
    ]),
    [
      '2026-11-22T14:25:00.000Z',
      '2026-11-23T04:31:00.000Z',
      '2026-03-09T12:04:00.000Z',
      '2026-11-01T05:31:00.000Z',
      '2026-11-01T06:31:00.000Z',
    ],
  );
  assert.deepEqual(readIn('Asia/Kolkata', [[AT('9:24 AM'), '2026-11-22T03:00:00Z']]), [
    '2026-11-22T03:55:00.000Z',
  ]);
  assert.deepEqual(
    readIn('Australia/Lord_Howe', [
      [AT('9:24 AM'), '2026-11-21T22:00:00Z'],
      [AT('1:45 AM'), '2026-04-04T14:40:00Z'], // the clock is put back by half an hour, at 2:00
      [AT('1:45 AM'), '2026-04-04T14:50:00Z'],
    ]),
    ['2026-11-21T22:25:00.000Z', '2026-04-04T14:46:00.000Z', '2026-04-04T15:16:00.000Z'],
  );
});

test('a limit that is heard of at once is not taken for one of another day', () => {
  const now = new Date(2026, 10, 22, 12, 0, 30);
  assert.equal(limitedUntil(`${YOU} try again at 12:00 PM.`, now), new Date(2026, 10, 22, 12, 1).getTime());
});
