/** What a name, a text or a setting says is an argument or a prompt, and never an option or a command. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { makeScripted, starts, writeAgent } from './rig.ts';

const TRAPS = [
  '-rf.md',
  '--help.md',
  '$(touch pwned).md',
  '`touch pwned`.md',
  ';touch pwned;.md',
  '\'"; touch pwned #.md',
  '&& touch pwned.md',
  '!.md',
  '%s%n.md',
  '*.md',
];

test('names and texts that look like options or commands are given to no shell and to no command line', async (t) => {
  const { bench } = await makeScripted(t);
  for (const name of TRAPS) await bench.write(name, `${name} $(touch pwned) \`touch pwned\`\n--help\n`);
  const env = { CODEX_CMD: writeAgent(bench, `printf '%s\\n' "$*" >>'${bench.scratch}/arguments'`) };
  const { code, stdout, stderr } = await bench.run(['-c', '2'], { env });
  assert.equal(code, 0, stdout + stderr);
  assert.equal(starts(bench), TRAPS.length);
  const lines = new Set((await bench.read('../arguments')).trim().split('\n'));
  assert.equal(lines.size, 1, 'what Codex is started with depends on the task');
  assert.doesNotMatch([...lines].join(), /touch|rf|help/);
  assert.ok(!(await bench.ls()).includes('pwned'));
  assert.ok(!(await bench.ls('..')).includes('pwned'));
});

test('nothing of a task is part of the command of --verify: its name is in the environment, whatever it is', async (t) => {
  const { bench, env } = await makeScripted(t);
  for (const name of TRAPS) await bench.write(name, `$(touch pwned)\n`);
  const verify = `[ -f "$CODEX_WORKER_TASK" ] && printf '%s\\n' "\${CODEX_WORKER_TASK##*/}" >>'${bench.scratch}/verified'`;
  const { code, stdout, stderr } = await bench.run(['-c', '2', '--verify', verify], { env });
  assert.equal(code, 0, stdout + stderr);
  assert.deepEqual((await bench.read('../verified')).trim().split('\n').sort(), TRAPS.toSorted());
  assert.ok(!(await bench.ls()).includes('pwned'));
  assert.ok(!(await bench.ls('..')).includes('pwned'));
});

test('a command that is proposed for a task can be pasted into a shell, whatever the name of the task', async (t) => {
  const { bench, env } = await makeScripted(t);
  for (const name of TRAPS) {
    await bench.write(name, 'Fix it.\n');
    await bench.write(`.lock-${name}`, 'damaged\n');
  }
  const { stdout } = await bench.run([], { env });
  const proposed = [...stdout.matchAll(/look at it, then: (codex-worker clean --force=.*)$/gm)].map(
    ([, line]) => line,
  );
  assert.equal(proposed.length, TRAPS.length, stdout);
  const pasted = await bench.shell(proposed.map((line) => `${line} --yes`).join('\n'));
  assert.equal(pasted.code, 0, pasted.stdout + pasted.stderr);
  assert.deepEqual(
    (await bench.ls()).filter((name) => name.startsWith('.lock-') || name === 'pwned'),
    [],
  );
});

test('a model, a setting or a program that looks like an option or a command line is refused', async (t) => {
  const { bench, env } = await makeScripted(t);
  await bench.write('fix.md', 'Fix it.\n');
  for (const [args, more] of [
    [['--model=-c'], {}],
    [['-m', '--dangerously-bypass-approvals-and-sandbox'], {}],
    [['-m', 'o4 --yolo'], {}],
    [[], { CODEX_WORKER_MODEL: '-c' }],
    [['--codex-config=--yolo=1'], {}],
    [['--codex-config', 'sandbox_mode="danger-full-access"'], {}],
    [['--codex-config', '"sandbox_mode"="danger-full-access"'], {}],
  ] as const) {
    const { code, stderr } = await bench.run(args, { env: { ...env, ...more } });
    assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
  }
  for (const CODEX_CMD of ['touch pwned', 'true; touch pwned', '$(touch pwned)']) {
    const { code, stderr } = await bench.run([], { env: { CODEX_CMD } });
    assert.equal(code, 3, stderr);
  }
  assert.equal(starts(bench), 0);
  assert.ok(!(await bench.ls()).includes('pwned'));
});

test('a setting for Codex is one argument, whatever stands in it', async (t) => {
  const { bench } = await makeScripted(t);
  await bench.write('fix.md', 'Fix it.\n');
  const env = { CODEX_CMD: writeAgent(bench, `printf '<%s>' "$@" >'${bench.scratch}/arguments'`) };
  const setting = 'notify=["$(touch pwned)"; `touch pwned` -m evil]';
  const { code, stderr } = await bench.run(['--codex-config', setting], { env });
  assert.equal(code, 0, stderr);
  assert.ok((await bench.read('../arguments')).includes(`<-c><${setting}><->`));
  assert.ok(!(await bench.ls()).includes('pwned'));
  assert.ok(!(await bench.ls(path.join(bench.scratch))).includes('pwned'));
});
