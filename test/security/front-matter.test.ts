/** What a task says for itself is asked of its run, and granted or refused; it never takes anything. */
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { HOSTILE, makeScripted, starts, STEERING, writeAgent } from './rig.ts';

/** An agent that notes where it was started, and with which sandbox. */
async function makeScene(t: TestContext) {
  const { bench } = await makeScripted(t);
  const notes = path.join(bench.scratch, 'notes');
  const env = {
    CODEX_CMD: writeAgent(
      bench,
      `while [ "$1" != - ]; do [ "$1" = -s ] && mode=$2; shift; done; echo "$mode $(pwd)" >>'${notes}'`,
    ),
  };
  const task = (matter: string, name = 'fix.md') => bench.write(name, `---\n${matter}\n---\nFix it.\n`);
  const noted = async () => (await bench.read('../notes').catch(() => '')).trim();
  return { bench, env, task, noted };
}

test('the verify command of a task is never executed, unless the run trusts its tasks', async (t) => {
  const { bench, env, task } = await makeScene(t);
  const touch = `touch '${bench.scratch}/verified'`;
  const hasRun = async () => (await bench.ls('..')).includes('verified');
  for (const line of [`verify: ${touch}`, `verify: |\n  ${touch}`, `"verify": "${touch}"`]) {
    await task(line);
    for (const args of [
      [],
      ['--verify', 'true'],
      ['--mode', 'danger-full-access', '--yes'],
      ['--mode', 'dry-run'],
    ]) {
      const { code, stdout } = await bench.run(args, { env });
      assert.equal(code, 1, stdout);
      assert.match(
        stdout,
        /fix\.md was refused: it has front matter .* fix\.md:2:1: verify: a command of a task/,
      );
    }
  }
  assert.equal(await hasRun(), false);
  assert.equal(starts(bench), 0);

  const { code, stdout } = await bench.run(['--trust-tasks'], { env });
  assert.equal(code, 0, stdout);
  assert.match(stdout, /completed, verified/);
  assert.equal(await hasRun(), true, 'the command would not have done anything');
});

test('no task gets a higher mode than its run, or a directory outside of it', async (t) => {
  const { bench, env, task } = await makeScene(t);
  mkdirSync(path.join(bench.tasks, 'app'));
  mkdirSync(path.join(bench.scratch, 'outside'));
  mkdirSync(path.join(bench.scratch, 'app2'));
  symlinkSync('../../outside', path.join(bench.tasks, 'app', 'link'));
  const inApp = ['-C', 'app'];
  for (const [args, line, says] of [
    [[], 'mode: workspace-write', 'workspace-write is above the read-only of this run'],
    [[], 'mode: danger-full-access', 'danger-full-access is only for'],
    [['--trust-tasks'], 'mode: danger-full-access', 'danger-full-access is only for'],
    [
      ['--mode', 'workspace-write', '--trust-tasks', '-y'],
      'mode: danger-full-access',
      'danger-full-access is only for',
    ],
    [inApp, 'cwd: ..', 'it leads out of'],
    [inApp, 'cwd: ../..', 'it leads out of'],
    [inApp, 'cwd: ../../app2', 'it leads out of'],
    [inApp, `cwd: ${bench.scratch}`, 'it leads out of'],
    [inApp, 'cwd: /', 'it leads out of'],
    [inApp, 'cwd: link', 'it leads out of'],
    [inApp, 'cwd: link/../../../outside', 'it leads out of'],
    [inApp, 'cwd: nowhere', 'there is no such directory'],
    [[...inApp, '--trust-tasks'], 'cwd: nowhere', 'there is no such directory'],
    [[], 'cwd: fix.md', 'there is no such directory'],
    [[], 'cwd: ""', 'allowed is a directory'],
  ] as const) {
    await task(line);
    const { code, stdout } = await bench.run(args, { env });
    assert.equal(code, 1, `${args.join(' ')} ${line}: ${stdout}`);
    assert.ok(stdout.includes(says) && stdout.includes('fix.md:2:1: '), `${line}: ${stdout}`);
  }
  assert.equal(starts(bench), 0);
});

test('a run that trusts its tasks grants them a higher mode and another directory', async (t) => {
  const { bench, env, task, noted } = await makeScene(t);
  mkdirSync(path.join(bench.scratch, 'outside'));
  await task('mode: workspace-write\ncwd: ../outside');
  const { code, stdout } = await bench.run(['--trust-tasks'], { env });
  assert.equal(code, 0, stdout);
  assert.equal(await noted(), `workspace-write ${bench.scratch}/outside`);
});

test('the command of --verify is run where the run says, whatever directory a task asks for', async (t) => {
  const { bench, env, task, noted } = await makeScene(t);
  mkdirSync(path.join(bench.tasks, 'sub'));
  writeFileSync(path.join(bench.tasks, 'check.sh'), '#!/bin/sh\nexit 7\n', { mode: 0o755 });
  writeFileSync(path.join(bench.tasks, 'sub', 'check.sh'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
  await task('cwd: sub');
  const { code, stdout } = await bench.run(['--verify', './check.sh'], { env });
  assert.equal(code, 1, stdout);
  assert.match(stdout, /verify failed with code 7/);
  assert.equal(await noted(), `read-only ${bench.tasks}/sub`);
});

/** As YAML and JSON both read it, in plain characters. */
const quoted = (text: string) =>
  JSON.stringify(text).replaceAll(
    /[^ -~]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

const BOMB = ['a: &a [x, x]', 'b: &b [*a, *a, *a, *a]', 'c: &c [*b, *b, *b, *b]', 'after: [*c, *c]'].join(
  '\n',
);

test('front matter that is made to harm refuses its own task, and nothing else', async (t) => {
  const { bench, env, task } = await makeScene(t);
  const bad = new Map<string, string>([
    ['proto', '__proto__: {polluted: true}'],
    ['constructor', 'constructor: 1'],
    ['large', `model: ${'x'.repeat(1_000_000)}`],
    ['bomb', BOMB],
    ['deep', `after: ${'['.repeat(8_000)}`],
    ['nul', 'model: "a\0b"'],
    ['tag', 'model: !!js/function "() => 1"'],
    ['keys', `${quoted(HOSTILE)}: 1`],
    ['raw', `${HOSTILE.replaceAll(/[\r\n]/g, '')}: 1`],
    ['values', `mode: ${quoted(HOSTILE)}`],
    ['twice', 'mode: read-only\nmode: read-only'],
    ['type', 'model: [a]'],
    ['option', 'model: --dangerously-bypass-approvals-and-sandbox'],
    ['merge', '<<: {mode: danger-full-access}'],
    ['number', 'retries: 1e9'],
    ['priority', 'priority: 1001'],
  ]);
  for (const [name, matter] of bad) await task(matter, `${name}.md`);
  const invalid = Buffer.concat([
    Buffer.from('---\nmodel: '),
    Buffer.from([0xc3, 0x28]),
    Buffer.from('\n---\nFix.\n'),
  ]);
  writeFileSync(path.join(bench.tasks, 'utf8.md'), invalid);
  await bench.write('open.md', '---\nmode: read-only\n\nFix it.\n');
  await bench.write('empty.md', '---\nmode: read-only\n---\n \n');
  await task('mode: read-only', 'good.md');
  const began = performance.now();
  const { code, stdout, stderr } = await bench.run(['-c', '4'], { env });
  assert.ok(performance.now() - began < 20_000);
  assert.equal(code, 1, stdout + stderr);
  assert.match(stdout, new RegExp(`^Summary: 1 completed, 0 failed, ${bad.size + 3} refused`, 'm'));
  for (const name of [...bad.keys(), 'open'])
    assert.match(
      stdout,
      new RegExp(`^🚫 ${name}\\.md was refused: it has front matter .*: ${name}\\.md:\\d+:\\d+: `, 'm'),
    );
  assert.match(stdout, /^🚫 utf8\.md was refused: it is not UTF-8 text \(line 2, byte 8\)$/m);
  assert.match(stdout, /^🚫 empty\.md was refused: it has no text after its front matter$/m);
  for (const line of (stdout + stderr).split('\n')) assert.doesNotMatch(line, STEERING);
  assert.equal(starts(bench), 1);
  const { stdout: json } = await bench.run(['--json'], { env });
  for (const line of json.split('\n')) assert.doesNotMatch(line, STEERING);
});

test('names in after lead nowhere: what is no task of the run is wrong usage, and nothing of it is looked at', async (t) => {
  const { bench, env, task } = await makeScene(t);
  await bench.write('../outside/done_exec_log-x.md.txt', 'done');
  await bench.write('../outside/x.md', 'Do it.\n');
  await bench.write(`${'a'.repeat(200)}.md`, 'Do it.\n');
  const before = await bench.ls();
  const wrongUsage = [HOSTILE, '../outside/x.md', '../outside/*.md', '$(touch pwned)', '+(+(+(a)))', '!(a)'];
  const refused = ['/etc/passwd', '*a*a*a*a*a*a*a*a*b', `${'{a,aa}'.repeat(60)}c`, '{a,{a,{a,{a,aa}}}}*'];
  const evil = [...wrongUsage, ...refused];
  for (const name of evil) {
    await task(`after: ${quoted(name)}`);
    const { code, stdout, stderr } = await bench.run([], { env });
    assert.equal(code, refused.includes(name) ? 1 : 2, `${name}: ${stdout}${stderr}`);
    assert.match(stdout + stderr, /fix\.md:2:1: after: /);
    for (const line of (stdout + stderr).split('\n')) assert.doesNotMatch(line, STEERING);
  }
  assert.deepEqual(
    (await bench.ls()).filter((name) => !before.includes(name) && !/fix|\.codex-worker|aaa/.test(name)),
    [],
  );
});
