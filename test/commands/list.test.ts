/** What `list` prints, for people, for pipes and for programs. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { list } from '../../src/commands/list.ts';
import { retryTasks } from '../../src/commands/retry.ts';
import { UsageError } from '../../src/core/errors.ts';
import { listOptions, retryOptions } from '../../src/core/look-requests.ts';
import { createPaint } from '../../src/report/console.ts';
import { retryText, showList } from '../../src/report/list.ts';
import { scratch } from '../rig/scratch.ts';
import { HOSTILE, STEERING } from '../security/rig.ts';

const RULE = '─'.repeat(72);
const failedFor = (reason: string) => `codex-worker log\n${RULE}\n\n${RULE}\noutcome:   failed: ${reason}\n`;

function scene(t: TestContext) {
  const cwd = scratch(t);
  const write = (name: string, text = 'Do it.\n') => writeFileSync(join(cwd, name), text);
  const fail = (task: string, reason: string) => {
    write(task);
    write(`failed_exec_log-${task}.txt`, failedFor(reason));
  };
  const options = (bag: Record<string, string | boolean>) => listOptions({ bag, env: {}, cwd });
  const show = async (bag: Record<string, string | boolean> = {}, outIsTerminal = false) => {
    const chosen = options(bag);
    const withReasons = outIsTerminal || chosen.byReason || chosen.as === 'json';
    let out = '';
    const pour = (piece: string | Uint8Array) => {
      out += Buffer.from(piece).toString();
      return Promise.resolve(true);
    };
    const tasks = list({ paths: [], cwd, ...chosen, withReasons });
    assert.equal(await showList(tasks, chosen, { pour, outIsTerminal }, createPaint(false)), 0);
    return out;
  };
  const retried = async (match?: string) =>
    (await retryTasks({ paths: [], cwd, patterns: ['*.md'], ...(match !== undefined && { match }) })).failed;
  return { cwd, write, fail, options, show, retried };
}

test('a pipe gets paths, a terminal the states and why tasks failed as well', async (t) => {
  const { write, fail, show } = scene(t);
  for (const task of ['done.md', 'open.md', 'on.md', 'bug-10.md', 'bug-2.md']) write(task);
  write('done_exec_log-done.md.txt', 'done');
  write('.lock-on.md', 'somebody');
  fail('bad.md', 'verify failed with code 1: 3 failing (npm test)');

  assert.equal(await show(), 'bad.md\nbug-2.md\nbug-10.md\ndone.md\non.md\nopen.md\n');
  assert.equal(
    await show({}, true),
    'bad.md  failed: verify failed with code 1: 3 failing (npm test)\nbug-2.md  pending\nbug-10.md  pending\n' +
      'done.md  completed\non.md  in-progress\nopen.md  pending\n',
  );
  assert.equal(await show({ failed: true, completed: true }), 'bad.md\ndone.md\n');
  assert.equal(await show({ inProgress: true }), 'on.md\n');
  assert.equal(await show({ match: 'NPM test' }), 'bad.md\n');
  assert.equal(await show({ match: 'bad.md' }), '', 'the reason is meant, and not the name');
  assert.deepEqual(
    (await show({ json: true, failed: true }))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).reason),
    ['verify failed with code 1: 3 failing (npm test)'],
  );
});

test('what failed alike is one line, most first', async (t) => {
  const { write, fail, show } = scene(t);
  fail('single.md', 'Codex was killed by SIGKILL');
  for (const n of [1, 2, 3, 4, 5]) fail(`t${n}.md`, `verify failed with code ${n}: ${n} failing (npm test)`);
  write('odd.md');
  write('failed_exec_log-odd.md.txt', 'no log of ours');
  assert.equal(
    await show({ byReason: true }),
    '5 × verify failed with code #: # failing (npm test)\n    t1.md, t2.md, t3.md and 2 more\n' +
      '1 × its log does not say why\n    odd.md\n1 × Codex was killed by SIGKILL\n    single.md\n',
  );
  const [first] = (await show({ byReason: true, json: true })).split('\n');
  assert.deepEqual(JSON.parse(first ?? ''), {
    reason: 'verify failed with code #: # failing (npm test)',
    example: 'verify failed with code 1: 1 failing (npm test)',
    count: 5,
    tasks: ['t1.md', 't2.md', 't3.md', 't4.md', 't5.md'],
  });
});

test('names of every kind get through a pipe whole, and to a terminal harmless', async (t) => {
  const { fail, show, retried } = scene(t);
  const steering = `${HOSTILE.replaceAll('/', '').slice(0, 60)}.md`;
  const names = ['-f.md', 'a b.md', 'new\nline.md', steering];
  for (const name of names) fail(name, HOSTILE.replaceAll(/[\r\n]/g, ''));
  const whole = (await show({ null: true, failed: true })).split('\0').slice(0, -1);
  assert.deepEqual(whole.toSorted(), ['./-f.md', 'a b.md', 'new\nline.md', steering].toSorted());
  for (const shown of [
    await show(),
    await show({}, true),
    await show({ null: true }, true),
    await show({ json: true }),
    await show({ byReason: true }, true),
    await show({ byReason: true, json: true }),
    retryText(await retried(), undefined, createPaint(false)),
    retryText([], HOSTILE, createPaint(false)),
  ])
    assert.doesNotMatch(shown, STEERING);
  assert.equal((await show()).split('\n').length, names.length + 1);
});

test('wishes that contradict each other are refused', (t) => {
  const { options } = scene(t);
  for (const [bag, message] of [
    [{ match: 'x', pending: true }, /^--match and --pending contradict each other/],
    [{ byReason: true, inProgress: true }, /^--by-reason and --in-progress contradict/],
    [{ null: true, json: true }, /^--null and --json contradict/],
    [{ match: ' ' }, /^--match: got nothing/],
  ] as const)
    assert.throws(
      () => options(bag),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  assert.throws(() => retryOptions({ match: '' }), UsageError);
  assert.deepEqual([...options({ match: 'x', failed: true }).states], ['failed']);
});

test('a retry is for what failed, and of that for what has the words in its reason', async (t) => {
  const { write, fail, retried } = scene(t);
  write('open.md');
  write('done.md');
  write('done_exec_log-done.md.txt', 'done');
  fail('slow.md', 'timed out after 30m');
  fail('bad.md', 'verify failed with code 1');
  const names = async (match?: string) => (await retried(match)).map(({ task }) => task.name);
  assert.deepEqual(await names(), ['bad.md', 'slow.md']);
  assert.deepEqual(await names('TIMED OUT'), ['slow.md']);
  assert.deepEqual(await names('nothing like it'), []);
  assert.equal(
    retryText(await retried('timed'), 'timed', createPaint(false)),
    'slow.md  failed: timed out after 30m\n1 task would be run again.\n',
  );
});
