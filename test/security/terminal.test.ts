/** Nothing that a task, a name, an agent or a marker says steers the terminal of whoever looks at it. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { clean } from '../../src/commands/clean.ts';
import { thisProcess } from '../../src/io/process-identity.ts';
import { safeJson } from '../../src/report/json.ts';
import { makeBench, makeCodexBench, type Bench } from '../rig/cli.ts';
import { forgedRecord, forgeLock, HOSTILE, lockBytes, makeScripted, STEERING } from './rig.ts';

/** Whatever a person or a program is shown about a directory. */
async function everythingShown(bench: Bench, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const said: string[] = [];
  for (const args of [
    ['status', '--detailed'],
    ['status', '--json'],
    ['list'],
    ['list', '--json'],
    ['list', '--by-reason'],
    ['retry', '--dry-run'],
    ['clean', '--dry-run'],
  ]) {
    const { stdout, stderr } = await bench.run(args, { env });
    said.push(stdout, stderr);
  }
  return said.join('\n');
}

function assertHarmless(text: string, what: string): void {
  const found = STEERING.exec(text);
  if (found)
    assert.fail(`${what}: ${JSON.stringify(text.slice(Math.max(0, found.index - 60), found.index + 20))}`);
}

test('the names, prompts, messages and command output of a hostile task reach no terminal, event or log unescaped', async (t) => {
  const bench = await makeCodexBench(t);
  const name = `${HOSTILE.replaceAll('/', '').slice(0, 90)}.md`;
  await writeFile(path.join(bench.tasks, 'out'), HOSTILE);
  await bench.write(
    name,
    `${HOSTILE}\n[[run cat out; cat out >&2]]\n[[say I am ${HOSTILE.replaceAll(/[\r\u2028]/g, '')} done]]\n`,
  );
  const options = ['--mode', 'danger-full-access', '-y', '-o', '../results.json'];
  const forPeople = await bench.run(['-v', ...options]);
  assert.equal(forPeople.code, 0, forPeople.stdout + forPeople.stderr);
  assert.match(forPeople.stdout, /I am red/);
  assertHarmless(forPeople.stdout + forPeople.stderr, 'run -v');
  const forPrograms = await bench.run(['--json', '--rerun-completed', ...options]);
  assertHarmless(forPrograms.stdout + forPrograms.stderr, 'run --json');
  const events = forPrograms.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { name?: string; answer?: string });
  assert.ok(
    events.some((event) => event.name === name),
    'programs get the true name',
  );
  assert.ok(
    events.some(({ answer }) => answer?.includes('\u001b]52')),
    'and the true answer',
  );
  assertHarmless(await bench.read('../results.json'), 'the results file');
  assertHarmless(await everythingShown(bench), 'status and clean');
  const logs = await bench.run(['logs', '--', name]);
  assert.match(logs.stdout, /I am red/);
  assertHarmless(logs.stdout.replaceAll('\t', '') + logs.stderr, 'logs');
  const log = await bench.read(`done_exec_log-${name}.txt`);
  assert.match(log, /red.*done/);
  assertHarmless(log.replaceAll('\t', ''), 'the log');
});

test('errors, warnings and standard error of a hostile agent are shown escaped', async (t) => {
  const { bench } = await makeScripted(t);
  const agent = path.join(bench.scratch, 'codex');
  const event = (value: object) => `cat <<'EOF'\n${JSON.stringify(value)}\nEOF`;
  const raw = path.join(bench.scratch, 'raw');
  writeFileSync(raw, `ERROR tools::router: error=${HOSTILE}\n${HOSTILE}\n`);
  const script = [
    '#!/bin/sh',
    `[ "$1" = --version ] && { cat '${raw}'; echo 'codex-cli 0.169.0'; exit 0; }`,
    `[ "$1" = exec ] || { cat '${raw}' >&2; exit 1; }`,
    'cat >/dev/null',
    `cat '${raw}' >&2`,
    event({ type: 'item.completed', item: { type: HOSTILE, text: HOSTILE } }),
    event({ type: 'item.completed', item: { type: 'reasoning', text: HOSTILE } }),
    event({
      type: 'item.completed',
      item: { type: 'command_execution', command: HOSTILE, status: 'declined', aggregated_output: HOSTILE },
    }),
    event({
      type: 'item.completed',
      item: { type: 'file_change', status: 'failed', changes: [{ path: HOSTILE, kind: HOSTILE }] },
    }),
    event({ type: HOSTILE }),
    `cat '${raw}'`,
    event({ type: 'turn.failed', error: { message: HOSTILE } }),
    'exit 1',
  ];
  writeFileSync(agent, script.join('\n'), { mode: 0o755 });
  await bench.write('fix.md', 'Fix it.\n');
  const env = { CODEX_CMD: agent, CODEX_HOME: bench.scratch };
  await bench.write('../config.toml', `model_provider = "${HOSTILE.replaceAll('"', '')}"\n`);

  for (const args of [['-v'], ['--json'], ['doctor']]) {
    const { stdout, stderr } = await bench.run(args, { env });
    assert.match(stdout, /red/, args.join(' '));
    assertHarmless(stdout + stderr, args.join(' '));
  }
  assertHarmless(await everythingShown(bench), 'status and clean');
  assertHarmless((await bench.read('failed_exec_log-fix.md.txt')).replaceAll('\t', ''), 'the log');
});

test('a planted result or lock cannot steer the terminal of status, clean or a run', async (t) => {
  const { bench, env } = await makeScripted(t, 'echo fixed');
  const elsewhere = { ...thisProcess().host, name: HOSTILE, boot: 'another', machine: 'another' };
  await bench.write('fix.md', 'Fix it.\n');
  forgeLock(bench, forgedRecord({ host: elsewhere, at: HOSTILE, by: HOSTILE, run: HOSTILE }));
  await bench.write('other.md', 'Another.\n');
  const beat = forgedRecord({ task: 'other.md', at: HOSTILE });
  await bench.write('.lock-other.md', lockBytes(beat, undefined, HOSTILE).toString('latin1'));
  await bench.write('broken.md', 'Break.\n');
  await bench.write('.lock-broken.md', HOSTILE);
  await bench.write('bad.md', 'Fail.\n');
  const rule = '─'.repeat(72);
  await bench.write(
    'failed_exec_log-bad.md.txt',
    `codex-worker log\n${rule}\n\n${rule}\noutcome:   failed: ${HOSTILE.replaceAll(/[\r\u2028]/g, '')}\n`,
  );

  const shown = await everythingShown(bench);
  assert.match(shown, /Failed +bad\.md: red/);
  assert.match(shown, /fix\.md.*red/);
  assertHarmless(shown, 'status and clean');
  for (const args of [
    ['clean', '--max-age', '1h', '--dry-run'],
    ['clean', '--kill', 'fix.md', '--yes'],
    ['-v', '--no-retry-failed', 'bad.md', 'broken.md', 'other.md'],
  ]) {
    const { stdout, stderr } = await bench.run(args, { env });
    assertHarmless(stdout + stderr, args.join(' '));
  }
});

test('the question before a lock is broken is one line, whatever the lock says', async (t) => {
  const bench = await makeBench(t);
  await bench.write('fix.md', 'Fix it.\n');
  const host = { ...thisProcess().host, name: `x\nBreak the lock of safe.md?${HOSTILE}`, boot: 'another' };
  forgeLock(bench, forgedRecord({ host: { ...host, machine: 'another' } }));
  const questions: string[] = [];
  const request = {
    paths: [bench.tasks],
    patterns: ['*.md'],
    cwd: bench.tasks,
    dryRun: false,
    all: false,
    version: '1',
    force: 'fix.md',
  };
  await clean(request, async (question) => {
    questions.push(question);
    return false;
  });
  assert.equal(questions.length, 1);
  assert.doesNotMatch(questions[0] ?? '\n', /\n/);
  assertHarmless(questions[0] ?? '', 'the question');
});

test('what is typed wrong is quoted harmlessly in the error about it', async (t) => {
  const { bench, env } = await makeScripted(t);
  await bench.write('fix.md', 'Fix it.\n');
  await mkdir(path.join(bench.tasks, HOSTILE.replaceAll('/', '')));
  for (const args of [
    ['--model', HOSTILE],
    ['--codex-config', HOSTILE],
    [`--${HOSTILE}`],
    [HOSTILE],
    ['clean', '--force', HOSTILE],
  ]) {
    const { code, stdout, stderr } = await bench.run(args, { env });
    assert.equal(code, 2, `${args.join(' ')}: ${stdout}${stderr}`);
    assertHarmless(stdout + stderr, args[0] ?? '');
  }
  const { code, stderr } = await bench.run([], { env: { CODEX_CMD: HOSTILE } });
  assert.equal(code, 3);
  assertHarmless(stderr, 'CODEX_CMD');
});

test('JSON holds what steers a terminal as escapes, and the same data', () => {
  for (let code = 0; code < 0x1_0000; code++) {
    const char = String.fromCharCode(code);
    const json = safeJson(char);
    assert.doesNotMatch(json, STEERING, code.toString(16));
    assert.equal(JSON.parse(json), char);
  }
});
