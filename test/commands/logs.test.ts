/** What `logs` shows of the files that are there, and of what somebody has put in their place. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { logs, type LogsRequest } from '../../src/commands/logs.ts';
import { completeTask } from '../../src/commands/task-names.ts';
import { newClaimId } from '../../src/core/claim.ts';
import { UsageError } from '../../src/core/errors.ts';
import { showLogs } from '../../src/report/logs.ts';
import { scratch } from '../rig/scratch.ts';
import { forgedRecord, hashOf, HOSTILE, lockBytes, STEERING } from '../security/rig.ts';
import { thisProcess } from '../../src/io/process-identity.ts';

const RULE = '─'.repeat(72);

/** A log as an attempt leaves it; without an outcome, of one that is on. */
function logText(attempt: number, body: string, outcome?: string, claim = newClaimId()): string {
  const head = { task: 'fix.md', attempt, claim, prompt: `${'a'.repeat(64)} (sha256, 8 bytes)` };
  const lines = Object.entries(head).map(([name, value]) => `${`${name}:`.padEnd(10)} ${value}`);
  const foot = outcome === undefined ? '' : `\n${RULE}\noutcome:   ${outcome}\n`;
  return `codex-worker log\n${lines.join('\n')}\n${RULE}\n${body}\n${foot}`;
}

function scene(t: TestContext) {
  const cwd = scratch(t);
  const write = (name: string, text: string | Buffer) => {
    mkdirSync(join(cwd, name, '..'), { recursive: true });
    writeFileSync(join(cwd, name), text);
  };
  const putAside = (attempt: number, kind: string, body: string) =>
    write(
      `.codex-worker/ended/${hashOf('fix.md')}.${attempt}.${newClaimId()}.${kind}.txt`,
      logText(attempt, body, kind),
    );
  /** A claim of this very process, which lives. */
  const run = (attempt: number, body: string) => {
    const { host, pid, start } = thisProcess();
    const record = forgedRecord({ attempt, host, owner: { pid, start } });
    write('.lock-fix.md', lockBytes(record));
    write(`.exec_log-fix.md.${record.claim}`, logText(attempt, body, undefined, record.claim));
    return { claim: record.claim, path: join(cwd, `.exec_log-fix.md.${record.claim}`) };
  };
  const show = (tasks: string | string[], more: Partial<LogsRequest> & { toTerminal?: boolean } = {}) =>
    shown({ tasks: [tasks].flat(), cwd, follow: false, raw: false, ...more }, more.toTerminal ?? false);
  write('fix.md', 'Fix it.\n');
  return { cwd, write, putAside, run, show };
}

async function shown(request: LogsRequest, toTerminal: boolean, onText: (out: string) => void = () => {}) {
  const out: Buffer[] = [];
  let err = '';
  const terminal = {
    pour: (piece: string | Uint8Array) => {
      out.push(Buffer.from(piece));
      onText(Buffer.concat(out).toString());
      return Promise.resolve(true);
    },
    err: (text: string) => void (err += text),
    outIsTerminal: toTerminal,
  };
  const view = { raw: request.raw, headings: request.tasks.length > 1 };
  const code = await showLogs(logs(request), view, terminal);
  const bytes = Buffer.concat(out);
  return { code, bytes, out: bytes.toString(), err };
}

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
  await assert.rejects(show('sub/'), refused(/a directory is no task/));
  await assert.rejects(show('nowhere/fix.md'), refused(/its directory is not there/));
  await assert.rejects(show(''), refused(/empty/));
  await assert.rejects(show(HOSTILE), refused(/no such task/));
  await assert.rejects(show('x'.repeat(5_000)), refused(/no such task/));

  assert.deepEqual((await completeTask('f', cwd)).toSorted(), ['fix.md', 'fix.txt']);
  assert.deepEqual(await completeTask('./sub/', cwd), ['./sub/deep.md']);
  assert.deepEqual(await completeTask('nowhere/', cwd), []);
  const two = await show(['fix.md', 'sub/deep']);
  assert.match(two.out, /^==> fix\.md, attempt 1, failed <==\ncodex-worker log\n/);
  assert.match(two.out, /\n\n==> sub\/deep\.md, attempt 1, completed <==\n/);
});

test('nothing in a log steers a terminal, and a pipe gets the raw events as they are', async (t) => {
  const { show, write } = scene(t);
  const claim = newClaimId();
  write('done_exec_log-fix.md.txt', logText(1, HOSTILE, 'completed', claim));
  const raw = Buffer.concat([Buffer.from(`{"type":"${HOSTILE}"}\n`), Buffer.from([0xff, 0xe2, 0x82])]);
  write(`.codex-worker/raw/${hashOf('fix.md')}.1.${claim}.jsonl`, raw);
  for (const toTerminal of [true, false]) {
    const { out } = await show('fix.md', { toTerminal });
    assert.match(out, /red/);
    assert.doesNotMatch(out, STEERING);
  }
  assert.deepEqual((await show('fix.md', { raw: true })).bytes, raw);
  const { out } = await show('fix.md', { raw: true, toTerminal: true });
  assert.match(out, /red/);
  assert.doesNotMatch(out, STEERING);
  write('failed_exec_log-other.md.txt', logText(1, 'no raw events', 'failed: x'));
  const none = await show('other.md', { raw: true });
  assert.deepEqual(
    [none.code, none.out, none.err],
    [1, '', 'other.md has no raw events of attempt 1 any more\n'],
  );
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

test('what stands in the place of a log and is none is not read', async (t) => {
  const { show, write, cwd } = scene(t);
  write('secret', 'sesame\n');
  const result = join(cwd, 'failed_exec_log-fix.md.txt');
  for (const [make, why] of [
    [() => symlinkSync('secret', result), 'is a symbolic link'],
    [() => execFileSync('mkfifo', [result]), 'is a named pipe'],
    [() => mkdirSync(result), 'is a directory'],
  ] as const) {
    make();
    const { code, out, err } = await show('fix.md');
    assert.deepEqual([code, out, err], [1, '', `fix.md is not shown: its log ${why}\n`]);
    const followed = await show('fix.md', { follow: true });
    assert.deepEqual([followed.code, followed.out], [1, '']);
    execFileSync('rm', ['-r', result]);
  }
  for (const folder of ['.codex-worker', 'elsewhere']) mkdirSync(join(cwd, folder));
  symlinkSync('../elsewhere', join(cwd, '.codex-worker', 'ended'));
  await assert.rejects(show('fix.md'), /somebody put a symbolic link in its place/);
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
