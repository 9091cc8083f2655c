/** What `logs` shows of the files that are there. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, renameSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { logs } from '../../src/commands/logs.ts';
import { completeTask } from '../../src/commands/task-names.ts';
import { UsageError } from '../../src/core/errors.ts';
import { logText, scene, shown } from '../rig/shown-logs.ts';
import { hashOf, HOSTILE } from '../security/rig.ts';

const refused = (message: RegExp, hint?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof UsageError, String(error));
  assert.match(error.message, message);
  if (hint) assert.match(error.hint ?? '', hint);
  return true;
};

test('the log is that of the attempt that is on, or of the result, or of the last that was put aside', async (t) => {
  const { show, putAside, write, run } = scene(t);
  assert.deepEqual(
    { ...(await show('fix.md')), bytes: '' },
    { code: 1, out: '', err: 'fix.md has no log: no agent has worked on it yet\n', bytes: '' },
  );
  putAside(10, 'retry', 'the tenth');
  putAside(9, 'interrupted', 'the ninth');
  assert.match((await show('fix.md')).out, /the tenth/);
  write('failed_exec_log-fix.md.txt', logText(4, 'the failure', 'failed: x'));
  assert.match((await show('fix.md')).out, /the failure/);
  write('done_exec_log-fix.md.txt', logText(5, 'the success', 'completed'));
  assert.match((await show('fix.md')).out, /the success/);
  run(11, 'the one that is on');
  assert.match((await show('fix.md')).out, /the one that is on\n$/);

  assert.match((await show('fix.md', { attempt: 9 })).out, /the ninth/);
  assert.match((await show('fix.md', { attempt: 4 })).out, /the failure/);
  await assert.rejects(
    show('fix.md', { attempt: 7 }),
    refused(
      /--attempt: "fix\.md" has no log of attempt 7/,
      /^there are 9 \(interrupted\), 10 \(retry\), 4 \(failed\), 5 \(completed\), 11 \(running\)$/,
    ),
  );
});

test('a task is named by its path, by a marker of it, or without the extension where that is clear', async (t) => {
  const { show, write, cwd } = scene(t);
  write('failed_exec_log-fix.md.txt', logText(1, 'of fix', 'failed: x'));
  write('sub/deep.md', 'Deep.\n');
  write('sub/done_exec_log-deep.md.txt', logText(1, 'of deep', 'completed'));
  write('done_exec_log-gone.md.txt', logText(1, 'of one whose file is gone', 'completed'));
  write('-f', 'A task.\n');
  write('done_exec_log--f.txt', logText(1, 'of dash f', 'completed'));
  for (const [typed, body] of [
    ['fix.md', 'of fix'],
    ['./fix', 'of fix'],
    ['failed_exec_log-fix.md.txt', 'of fix'],
    ['.codex-worker/../fix', 'of fix'],
    ['sub/deep', 'of deep'],
    ['gone', 'of one whose file is gone'],
    ['-f', 'of dash f'],
    [join(cwd, 'sub', 'deep.md'), 'of deep'],
  ] as const)
    assert.match((await show(typed)).out, new RegExp(body), typed);

  write('fix.txt', 'Another.\n');
  write('done_exec_log-fix.txt.txt', logText(1, 'of another', 'completed'));
  await assert.rejects(show('fix'), refused(/more than one task is called "fix"/, /fix\.md, fix\.txt/));
  await assert.rejects(show('fux.md'), refused(/no such task: "fux\.md"/, /did you mean fix\.md\?/));
  await assert.rejects(show('sub/depp'), refused(/no such task/, /did you mean sub\/deep\?/));
  await assert.rejects(show('unlike-all'), refused(/no such task/, /^give its path, as in tasks/));
  await assert.rejects(show('sub/'), refused(/a directory is no task/));
  await assert.rejects(show('nowhere/fix.md'), refused(/its directory is not there/));
  await assert.rejects(show(''), refused(/empty/));
  await assert.rejects(show(HOSTILE), refused(/no such task/));
  await assert.rejects(show('x'.repeat(5_000)), refused(/no such task/));

  assert.deepEqual((await completeTask('f', cwd)).toSorted(), ['fix.md', 'fix.txt']);
  assert.deepEqual(await completeTask('sub', cwd), []);
  write('-g.md', 'A task.\n');
  assert.ok((await completeTask('', cwd)).includes('./-g.md'));
  assert.deepEqual(await completeTask('./sub/', cwd), ['./sub/deep.md']);
  assert.deepEqual(await completeTask('nowhere/', cwd), []);
  const two = await show(['fix.md', 'sub/deep']);
  assert.match(two.out, /^==> fix\.md, attempt 1, failed <==\ncodex-worker log\n/);
  assert.match(two.out, /\n\n==> sub\/deep\.md, attempt 1, completed <==\n/);
});

test('a log that ends in the middle of a character, or in a line without an end, is shown to its last byte', async (t) => {
  const { show, write } = scene(t);
  const text = Buffer.from(logText(1, 'grün und schön', 'completed: €'));
  write('done_exec_log-fix.md.txt', text.subarray(0, text.lastIndexOf('€') + 1));
  assert.match((await show('fix.md')).out, /grün und schön\n\n─+\noutcome: {3}completed: \ufffd\n$/);
  // Whatever the pieces are that it is read in: each of these characters has three bytes, and a piece has 65,536.
  const long = `${'€'.repeat(200_000)}\n`;
  write('done_exec_log-fix.md.txt', long);
  assert.equal((await show('fix.md')).out.replaceAll('\n', ''), long.trim());
});

test('--lines begins so many lines before the end', async (t) => {
  const { show, write } = scene(t);
  const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i}`);
  for (const end of ['\n', '']) {
    write('done_exec_log-fix.md.txt', lines.join('\n') + end);
    for (const count of [0, 1, 3, 15_000, 19_999, 20_000, 30_000])
      assert.equal(
        (await show('fix.md', { lines: count })).out.trimEnd(),
        lines.slice(Math.max(0, lines.length - count)).join('\n'),
        `${count}`,
      );
  }
});

test('a log of a quarter of a gigabyte is read in pieces', async (t) => {
  const SIZE = 268_435_456;
  const { cwd, write } = scene(t);
  write('done_exec_log-fix.md.txt', logText(1, 'large', 'completed'));
  truncateSync(join(cwd, 'done_exec_log-fix.md.txt'), SIZE);
  const before = process.memoryUsage().rss;
  let bytes = 0;
  const request = { tasks: ['fix.md'], cwd, follow: false, raw: false };
  for await (const piece of logs(request)) if (piece.kind === 'bytes') bytes += piece.bytes.length;
  assert.equal(bytes, SIZE);
  const grown = (process.memoryUsage().rss - before) / 1_048_576;
  assert.ok(grown < 150, `${grown} MiB more`);
});

test('who follows an attempt goes on when its log is put aside, and ends with the result of the next', async (t) => {
  const { cwd, run, write } = scene(t);
  write('failed_exec_log-fix.md.txt', logText(1, 'of long ago', 'failed: x'));
  const first = run(2, 'the second begins');
  const seen = new Set<string>();
  let second: ReturnType<typeof run> | undefined;
  const once = (mark: string, then: () => void) => (out: string) => {
    if (!out.includes(mark) || seen.has(mark)) return;
    seen.add(mark);
    then();
  };
  const steps = [
    once('the second begins', () => appendFileSync(first.path, 'and goes on\n')),
    once('and goes on', () => {
      appendFileSync(first.path, 'its last words\n');
      mkdirSync(join(cwd, '.codex-worker', 'ended'), { recursive: true });
      renameSync(first.path, join(cwd, `.codex-worker/ended/${hashOf('fix.md')}.2.${first.claim}.retry.txt`));
    }),
    once('its last words', () => (second = run(3, 'the third begins'))),
    once('the third begins', () => {
      assert.ok(second);
      renameSync(second.path, join(cwd, 'done_exec_log-fix.md.txt'));
    }),
  ];
  const request = { tasks: ['fix'], cwd, follow: true, raw: false };
  const { code, out } = await shown(request, false, (text) => steps.forEach((step) => step(text)));
  assert.equal(code, 0);
  assert.doesNotMatch(out, /of long ago/);
  assert.match(
    out,
    /the second begins\nand goes on\nits last words\n\ncodex-worker log\n[^]*the third begins\n$/,
  );
  assert.equal(out.match(/the third begins/g)?.length, 1, 'the result is not shown once more');
});

test('a task that goes away while somebody waits for its result is not waited for', async (t) => {
  const { cwd, run } = scene(t);
  const { path } = run(1, 'it begins');
  const request = { tasks: ['fix'], cwd, follow: true, raw: false };
  const { code, err } = await shown(request, false, () => {
    rmSync(path, { force: true });
    rmSync(join(cwd, 'fix.md'), { force: true });
  });
  assert.deepEqual([code, err], [1, 'fix.md is gone, and has no result\n']);
});

test('a result stands when somebody only looked at the task and left it alone', async (t) => {
  const { cwd, write, run } = scene(t);
  for (const [marker, outcome, expected] of [
    ['failed_exec_log-fix.md.txt', 'failed: x', 1],
    ['done_exec_log-fix.md.txt', 'completed', 0],
  ] as const) {
    write(marker, logText(1, 'the result', outcome));
    const { path } = run(2, '');
    truncateSync(path, 0); // the claim was made, and what it found was no task for it
    setTimeout(() => rmSync(path), 300);
    const { code, out } = await shown({ tasks: ['fix'], cwd, follow: true, raw: false }, false);
    assert.equal(code, expected);
    assert.match(out, /the result/);
  }
});
