import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SecretFilter, secretsIn } from '../../src/core/secrets.ts';

const KEY = 'sk-proj-AbCd0123456789_AbCd-0123456789';

/** `text` as it comes out, when it goes in as chunks of so many bytes. */
function through(text: string, size: number, env: Record<string, string> = {}): string {
  const filter = new SecretFilter(secretsIn(env));
  const bytes = Buffer.from(text);
  const out: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) out.push(filter.push(bytes.subarray(at, at + size)));
  return Buffer.concat([...out, filter.end()]).toString();
}

const json = (text: string) => JSON.stringify({ text });

test('a key is masked wherever the stream is cut, and nothing else is changed', () => {
  const env = { MY_TOKEN: 'aaaaaaaaaaaa', PGPASSWORD: 'it "is" a\nlong päss' };
  const table: readonly (readonly [string, string])[] = [
    [`Incorrect API key provided: ${KEY}. You can`, 'Incorrect API key provided: ***. You can'],
    [`${KEY}\n`, '***\n'],
    [json(`keys:\n${KEY}\t${KEY}`), json('keys:\n***\t***')],
    [json(`\u001b[31m${KEY}\u001b[0m`), json('\u001b[31m***\u001b[0m')],
    [json(`C:\\task-20260101-rename-every-file`), json(`C:\\task-20260101-rename-every-file`)],
    ['task-20260101-rename-everything.md', 'task-20260101-rename-everything.md'],
    [
      'sk-test, sk-abcd****wxyz, sk-fading-circle-spinner',
      'sk-test, sk-abcd****wxyz, sk-fading-circle-spinner',
    ],
    ['xaaaaaaaaaaaay', 'x***y'],
    [`xaaaaaaaaaaaaaaay`, 'x***aaay'],
    [env.PGPASSWORD, '***'],
    [json(`<${env.PGPASSWORD}>`), json('<***>')],
    ['ask, risk: sk', 'ask, risk: sk'],
    ['task-20260101-rename-aaaaaaaaaaaa.md', 'task-20260101-rename-***.md'],
    [`disk-0-file-of-some-kind-${env.PGPASSWORD}`, 'disk-0-file-of-some-kind-***'],
    ['naïve 任务 🙂', 'naïve 任务 🙂'],
  ];
  for (const [text, clean] of table)
    for (let size = 1; size <= Buffer.byteLength(text); size++)
      assert.equal(through(text, size, env), clean, `chunks of ${size} of ${text}`);
});

test('a secret of any length is masked, though its last letters may begin another', () => {
  const PRIVATE_KEY = `${'0123456789'.repeat(500)}s`;
  for (const size of [PRIVATE_KEY.length, 1_000, 4_096])
    assert.equal(through(`${PRIVATE_KEY}\n`, size, { PRIVATE_KEY }), '***\n', `chunks of ${size}`);
});

test('a long word in which keys could begin takes no time', () => {
  const word = Buffer.from('task-'.repeat(200_000));
  const startedAt = performance.now();
  const filter = new SecretFilter([]);
  assert.equal(filter.push(word).length + filter.end().length, word.length);
  assert.ok(performance.now() - startedAt < 5_000);
});

test('what a filter holds back is bounded', () => {
  const filter = new SecretFilter([]);
  assert.ok(filter.push(Buffer.from(`sk-${'1'.repeat(100_000)}`)).length > 0);
  assert.ok(filter.end().length <= 1_024);
});

test('secret are variables that are named so and long enough to be no word', () => {
  const env = {
    OPENAI_API_KEY: 'k'.repeat(30),
    GITHUB_TOKEN: 't'.repeat(30),
    Db_Password: 'p'.repeat(12),
    LOOPBACK_KEY: 'no-secret',
    SSH_KEY_PATH: '/home/me/.ssh/id_ed25519',
    HOME: '/home/somebody',
    EMPTY_SECRET: '',
  };
  assert.deepEqual(secretsIn(env), [env.OPENAI_API_KEY, env.GITHUB_TOKEN, env.Db_Password]);
});
