/** An attempt on a disk that fails it: nothing is published, nothing is left, and no task is failed for it. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { test, type TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { newClaimId } from '../../src/core/claim.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { runAttempt } from '../../src/engine/attempt.ts';
import type { AttemptOrder } from '../../src/engine/order.ts';
import { realWorld, type World } from '../../src/engine/world.ts';
import type { Accounts } from '../../src/io/accounts.ts';
import { realFiles, type Files } from '../../src/io/files.ts';
import type { ProcessTable } from '../../src/io/process-identity.ts';
import { errno, filesWith, taskDirectory } from '../io/rig.ts';
import { scratch } from '../rig/scratch.ts';

function attemptWith(
  t: TestContext,
  files: Files,
  more: Partial<AttemptOrder> = {},
  world: Partial<World> = {},
  /** It is aborted when this file appears. */
  abortAt?: string,
) {
  const path = scratch(t);
  const command = `${scratch(t)}/agent`;
  writeFileSync(command, '#!/bin/sh\ncat\n');
  chmodSync(command, 0o755);
  writeFileSync(`${path}/fix.md`, 'Fix it.\n');
  const order: AttemptOrder = {
    claim: newClaimId(),
    run: 'a-run',
    task: { directory: path, name: 'fix.md', label: 'fix.md' },
    directory: taskDirectory(path),
    codex: { command, launcher: command, isCodex: false },
    codexVersion: 'agent',
    backend: 'exec',
    policy: 'never',
    settings: { mode: 'read-only', model: 'a-model', workingDirectory: path, codexConfig: [] },
    retries: 0,
    by: 'a test',
    ...more,
  };
  const attempt = (order: AttemptOrder, world: Partial<World>, abortAt?: string) => {
    const abort = new AbortController();
    if (abortAt !== undefined) void appears(abortAt).then(() => abort.abort());
    const ports = { tell: () => {}, aborted: abort.signal, env: process.env };
    return runAttempt({ ...realWorld(), files, ...world }, order, ports);
  };
  return {
    outcome: attempt(order, world, abortAt),
    again: (world: Partial<World>, abortAt?: string) =>
      attempt({ ...order, claim: newClaimId() }, world, abortAt),
    markers: () => readdirSync(path).filter((name) => name !== 'fix.md' && name !== '.codex-worker'),
    ended: () => readdirSync(`${path}/.codex-worker/ended`).map((name) => name.split('.').at(-2)),
    /** Of the attempts that ended so. */
    logs: (kind: string) =>
      readdirSync(`${path}/.codex-worker/ended`)
        .filter((name) => name.endsWith(`.${kind}.txt`))
        .map((name) => readFileSync(`${path}/.codex-worker/ended/${name}`, 'utf8')),
  };
}

test('an attempt on a sound disk is published', async (t) => {
  const { outcome, markers } = attemptWith(t, realFiles);
  assert.equal((await outcome).kind, 'succeeded');
  assert.deepEqual(markers(), ['done_exec_log-fix.md.txt']);
});

test('a task whose own cwd has the folder of the answers in it is refused: its agent could answer itself', async (t) => {
  const place = scratch(t);
  const more = {
    isPlaced: true,
    answers: { folder: `${place}/state/answers` },
    settings: { mode: 'workspace-write', model: 'a-model', workingDirectory: place, codexConfig: [] },
  } as const;
  const { outcome, markers } = attemptWith(t, realFiles, more);
  const ended = await outcome;
  assert.match(ended.kind === 'refused' ? ended.why : ended.kind, /could answer its own questions: \//);
  assert.deepEqual(markers(), []);
  const { isPlaced: _, ...ofRun } = more; // by a mode of its own, where the run is read-only and trusts its tasks
  assert.equal((await attemptWith(t, realFiles, ofRun).outcome).kind, 'refused');
  const reads = { ...more, settings: { ...more.settings, mode: 'read-only' } } as const;
  assert.equal((await attemptWith(t, realFiles, reads).outcome).kind, 'succeeded');
});

test('an attempt with settings that were read from another text than that of the file is not begun', async (t) => {
  const { outcome, markers } = attemptWith(t, realFiles, { matter: 'mode: read-only\n' });
  assert.deepEqual(await outcome, { kind: 'skipped', reason: 'task-changed' });
  assert.deepEqual(markers(), []);
});

for (const isSwapped of [true, false])
  test(`a task with a directory of its own is ${isSwapped ? 'not begun when that is a link once it is claimed' : 'run in it'}`, async (t) => {
    const place = scratch(t);
    mkdirSync(`${place}/app`);
    const files = filesWith({
      link: async (existing, path) => {
        await realFiles.link(existing, path);
        if (!isSwapped || !path.includes('/.lock-')) return;
        rmdirSync(`${place}/app`);
        symlinkSync(place, `${place}/app`);
      },
    });
    const settings = {
      mode: 'read-only',
      model: 'a-model',
      workingDirectory: `${place}/app`,
      codexConfig: [],
    } as const;
    const { outcome, markers } = attemptWith(t, files, { settings, isPlaced: true });
    const end = await outcome;
    if (isSwapped) assert.deepEqual(end, { kind: 'skipped', reason: 'task-changed' });
    else assert.equal(end.kind, 'succeeded');
    assert.deepEqual(markers(), isSwapped ? [] : ['done_exec_log-fix.md.txt']);
  });

/** By their order: the lock at C4, the log at F2, the outcome at F3. */
for (const [nth, what] of [
  [2, 'log'],
  [3, 'outcome'],
] as const) {
  test(`an fsync of the ${what} that fails gives the task back, and its log is put aside`, async (t) => {
    let syncs = 0;
    const files = filesWith({
      fsync: (fd) => (++syncs === nth ? Promise.reject(errno('EIO')) : realFiles.fsync(fd)),
    });
    const { outcome, markers, ended } = attemptWith(t, files);
    const end = await outcome;
    assert.ok(end.kind === 'returned' && end.reason.kind === 'environment', JSON.stringify(end));
    assert.equal(end.reason.problem.kind, 'storage');
    assert.deepEqual(markers(), []);
    assert.deepEqual(ended(), ['interrupted']);
  });
}

test('a log that cannot be written ends the agent and gives the task back', async (t) => {
  let appends = 0;
  const files = filesWith({
    appendSync: (fd, bytes) => {
      if (++appends > 1) throw errno('ENOSPC');
      realFiles.appendSync(fd, bytes);
    },
  });
  const { outcome, markers, ended } = attemptWith(t, files);
  const end = await outcome;
  assert.ok(end.kind === 'returned' && end.reason.kind === 'environment', JSON.stringify(end));
  assert.deepEqual(markers(), []);
  assert.deepEqual(ended(), ['interrupted']);
});

/** Fails one call of a verb, on a path or a descriptor of it that matches. */
function failingOnce(verb: 'close' | 'mkdir', pattern: RegExp, code: string): Files {
  const paths = new Map<number, string>();
  let isOver = false;
  const fails = (path: string) => {
    if (isOver || !pattern.test(path)) return false;
    isOver = true;
    return true;
  };
  return filesWith({
    open: async (path, flags, mode) => {
      const fd = await realFiles.open(path, flags, mode);
      paths.set(fd, path);
      return fd;
    },
    ...(verb === 'mkdir'
      ? { mkdir: (path) => (fails(path) ? Promise.reject(errno(code)) : realFiles.mkdir(path)) }
      : {
          close: async (fd) => {
            await realFiles.close(fd);
            if (fails(paths.get(fd) ?? '')) throw errno(code);
          },
        }),
  });
}

for (const [what, pattern] of [
  ['the prompt, once the child is there', /\/prompt-/],
  ['the log, once it is published', /\/\.exec_log-/],
  ['the raw events', /\.jsonl$/],
] as const) {
  test(`a close of ${what} that fails costs nothing`, async (t) => {
    const { outcome, markers } = attemptWith(t, failingOnce('close', pattern, 'EIO'));
    assert.equal((await outcome).kind, 'succeeded');
    assert.deepEqual(markers(), ['done_exec_log-fix.md.txt']);
  });
}

test('a folder of ours that somebody has mounted something on (EXDEV) is the disk’s failure too', async (t) => {
  const { outcome, markers } = attemptWith(t, filesWith({ link: () => Promise.reject(errno('EXDEV')) }));
  const end = await outcome;
  assert.ok(end.kind === 'returned' && end.reason.kind === 'environment', JSON.stringify(end));
  assert.deepEqual(markers(), []);
});

for (const code of ['EACCES', 'EINTR']) {
  test(`a folder that cannot be made (${code}) is the disk's failure, not a bug, and fails no task`, async (t) => {
    const { outcome, markers } = attemptWith(t, failingOnce('mkdir', /\/raw$/, code));
    const end = await outcome;
    assert.ok(end.kind === 'returned' && end.reason.kind === 'environment', JSON.stringify(end));
    assert.equal(end.reason.problem.kind, 'storage');
    assert.deepEqual(markers(), []);
  });
}

for (const verb of ['open', 'appendSync'] as const) {
  test(`a disk that refuses what the command of --verify prints (${verb}) gives the task back, and fails it not`, async (t) => {
    let fdOfIt: number | undefined;
    const files = filesWith({
      open: async (path, flags, mode) => {
        const isIt = path.endsWith('.verify');
        if (isIt && verb === 'open') throw errno('EIO');
        const fd = await realFiles.open(path, flags, mode);
        if (isIt) fdOfIt = fd;
        return fd;
      },
      appendSync: (fd, bytes) => {
        if (fd === fdOfIt) throw errno('ENOSPC');
        realFiles.appendSync(fd, bytes);
      },
    });
    const verify = { command: 'echo it is done; sleep 600', timeoutMs: 60_000, workingDirectory: '/' };
    const { outcome, markers, ended } = attemptWith(t, files, { verify });
    const end = await outcome;
    assert.ok(end.kind === 'returned' && end.reason.kind === 'environment', JSON.stringify(end));
    assert.equal(end.reason.problem.kind, 'storage');
    assert.deepEqual(markers(), []);
    assert.deepEqual(ended(), ['interrupted']);
  });
}

test('what cannot be ended keeps the claim, also where the disk had refused something before', async (t) => {
  const { table } = realWorld();
  const claim = newClaimId();
  const pid = 2 ** 22 + 1; // no process has it
  let isThere = false;
  let fdOfIt: number | undefined;
  const files = filesWith({
    open: async (path, flags, mode) => {
      const fd = await realFiles.open(path, flags, mode);
      if (path.endsWith('.verify')) fdOfIt = fd;
      return fd;
    },
    appendSync: (fd, bytes) => {
      if (fd === fdOfIt) throw errno('ENOSPC');
      realFiles.appendSync(fd, bytes);
    },
    close: (fd) => {
      isThere ||= fd === fdOfIt;
      return realFiles.close(fd);
    },
  });
  const ghost = { pid, start: '1', state: 'D', pgid: pid, ppid: 1, cpuMs: 0, kernel: false };
  const withGhost: ProcessTable = {
    ...table,
    pids: () => [...table.pids(), ...(isThere ? [pid] : [])],
    stat: (one) => (one === pid ? ghost : table.stat(one)),
    environment: (one) => (one === pid ? `CODEX_WORKER_CLAIM=${claim}\0` : table.environment(one)),
  };
  const verify = { command: 'echo it is done', timeoutMs: 60_000, workingDirectory: '/' };
  const { outcome, markers } = attemptWith(t, files, { claim, verify }, { table: withGhost });
  const end = await outcome;
  assert.ok(end.kind === 'returned' && end.reason.kind === 'environment', JSON.stringify(end));
  assert.equal(end.reason.problem.kind, 'blocked');
  assert.ok(markers().includes('.lock-fix.md'), 'beside it the task must not run again');
});

const THREAD = '01890000-0000-7000-8000-00000000000a';
const ANOTHER = '01890000-0000-7000-8000-00000000000b';
const begin = (thread: string) =>
  `echo '{"type":"thread.started","thread_id":"${thread}"}'; echo '{"type":"turn.started"}'`;
const say = `trap '' INT; echo '{"type":"item.completed","item":{"id":"0","type":"agent_message","text":"Which task?"}}'`;
const complete = `echo '{"type":"turn.completed","usage":{"input_tokens":9,"cached_input_tokens":0,"output_tokens":9}}'`;
const fail = `echo '{"type":"turn.failed","error":{"message":"stream disconnected before completion"}}'; exit 1`;

/** A Codex that does one thing at first and in a new thread, and another when it is to continue one. */
function codexThat(t: TestContext, { fresh, resumed }: { readonly fresh: string; readonly resumed: string }) {
  const command = `${scratch(t)}/codex`;
  writeFileSync(command, `#!/bin/sh\ncase "$*" in *' resume '*) ${resumed};; *) ${fresh};; esac\n`);
  chmodSync(command, 0o755);
  return { codex: { command, launcher: command, isCodex: true }, retries: 3, timeoutMs: 20_000 };
}

for (const [what, resumed] of [
  ['completes its turn there', `${begin(ANOTHER)}; ${say}; ${complete}`],
  ['completes it without a word', `${begin(ANOTHER)}; ${complete}`],
  ['fails there', `${begin(ANOTHER)}; ${fail}`],
] as const)
  test(`Codex begins another thread than the one to be continued, and ${what}: nothing follows for the task`, async (t) => {
    const more = codexThat(t, { fresh: `${begin(THREAD)}; ${fail}`, resumed });
    const first = attemptWith(t, realFiles, more);
    const end = await first.outcome;
    assert.ok(end.kind === 'failed' && end.willRetry, JSON.stringify(end));

    const second = await first.again({ now: () => new Date(Date.now() + 10_000) });

    assert.ok(second.kind === 'returned' && second.reason.kind === 'thread-lost', JSON.stringify(second));
    assert.deepEqual(first.markers(), []);
    const third = await first.again({ now: () => new Date(Date.now() + 10_000) });
    assert.ok(third.kind === 'failed' && third.attempt === 3, JSON.stringify(third));
  });

test('a lost thread where none was to be continued spends an attempt: else it would be tried for ever', async (t) => {
  const refuse = `echo 'Error: no rollout found for thread id ${THREAD}' >&2; exit 1`;
  const end = await attemptWith(t, realFiles, codexThat(t, { fresh: refuse, resumed: refuse })).outcome;
  assert.ok(end.kind === 'failed' && end.willRetry && end.againInMs, JSON.stringify(end));
});

/** Resolves once the file is there. */
async function appears(path: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!existsSync(path)) {
    assert.ok(performance.now() < deadline, `${path} does not appear`);
    await setTimeout(10);
  }
}

test('an attempt that is aborted before Codex has said its thread leaves the one that it was to continue', async (t) => {
  const begun = `${scratch(t)}/begun`;
  const more = codexThat(t, {
    fresh: `${begin(THREAD)}; ${fail}`,
    resumed: `touch ${begun}; exec sleep 600`,
  });
  const first = attemptWith(t, realFiles, more);
  await first.outcome;
  const later = { now: () => new Date(Date.now() + 10_000) };

  const second = await first.again(later, begun);

  assert.ok(second.kind === 'returned' && second.reason.kind === 'interrupted', JSON.stringify(second));

  const log = first.logs('interrupted').join();
  assert.match(log, new RegExp(`^continues: ${THREAD}$`, 'm'));
  assert.match(log, new RegExp(`^thread: +${THREAD}\nnext: +same thread\nbecause: +interrupted$`, 'm'));
});

test('a thread that was interrupted is told its task once more: Codex may not have written it down', async (t) => {
  const place = scratch(t);
  const more = codexThat(t, {
    fresh: `${begin(THREAD)}; touch ${place}/begun; exec sleep 600`,
    resumed: `cat > ${place}/heard; ${begin(THREAD)}; ${say}; ${complete}`,
  });
  const first = attemptWith(t, realFiles, more, {}, `${place}/begun`);
  await first.outcome;

  assert.equal((await first.again({})).kind, 'succeeded');

  const heard = readFileSync(`${place}/heard`, 'utf8');
  assert.match(heard, /^Your last turn in this thread was interrupted [^]* once more:\n\nFix it\.\n$/);
});

test('a whole attempt of another terminal between the look at the earlier ones and the claim is seen', async (t) => {
  const more = codexThat(t, {
    fresh: `${begin(THREAD)}; ${fail}`,
    resumed: `${begin(THREAD)}; ${say}; ${complete}`,
  });
  let others: Promise<Outcome> | undefined;
  const files = filesWith({
    open: async (path, flags, mode) => {
      // The first file of the claim, C1; the other's whole attempt comes before it.
      if (path.includes('/.codex-worker/tmp/') && !others) {
        others = first.again({ files: realFiles });
        const other = await others;
        assert.ok(other.kind === 'failed' && other.attempt === 1 && other.willRetry, JSON.stringify(other));
      }
      return realFiles.open(path, flags, mode);
    },
  });
  const first = attemptWith(t, files, more);

  assert.deepEqual(await first.outcome, { kind: 'skipped', reason: 'already-claimed' });

  assert.deepEqual(first.markers(), []);
  assert.deepEqual(first.ended(), ['retry']);
  const end = await first.again({ now: () => new Date(Date.now() + 10_000) });
  assert.ok(end.kind === 'succeeded' && end.attempt === 2, JSON.stringify(end));
});

for (const code of ['EIO', 'EUCLEAN'])
  test(`where nobody can see what an attempt has spent, or whether its task is the same (${code}), it is published all the same`, async (t) => {
    const accounts: Accounts = {
      answerTo: () => Promise.resolve(undefined),
      threadTotal: () => Promise.reject(errno(code)),
      append: () => Promise.reject(errno(code)),
      reader: () => ({ read: () => Promise.reject(errno(code)) }),
    };
    let isOver = false;
    const files = filesWith({
      // The raw events are closed once the agent has ended.
      close: (fd) => {
        isOver ||= fd === raw;
        return realFiles.close(fd);
      },
      open: async (path, flags, mode) => {
        const fd = await realFiles.open(path, flags, mode);
        if (path.endsWith('.jsonl')) raw = fd;
        return fd;
      },
      lstat: (path) =>
        isOver && path.endsWith('/fix.md') ? Promise.reject(errno(code)) : realFiles.lstat(path),
    });
    let raw: number | undefined;
    const more = codexThat(t, {
      fresh: `${begin(THREAD)}; ${fail}`,
      resumed: `${begin(THREAD)}; ${say}; ${complete}`,
    });
    const first = attemptWith(t, realFiles, more);
    await first.outcome;

    const end = await first.again({
      files,
      accounts,
      now: () => new Date(Date.now() + 10_000),
    });

    assert.ok(end.kind === 'succeeded', JSON.stringify(end));
    assert.deepEqual(end.warnings, [
      `what it spent is not known (${code})`,
      `whether the task file was changed while it ran is not known (${code})`,
    ]);
    assert.deepEqual(first.markers(), ['done_exec_log-fix.md.txt']);
  });
