/** The TAB key in the shells themselves: what each of them offers, and what it puts on the command line. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, test, type TestContext } from 'node:test';
import { script } from '@bomb.sh/tab';
import { spawn } from '@lydell/node-pty';
import { idOf } from '../../src/core/question.ts';
import { makeAsking } from '../rig/asking.ts';
import { makeBench, type Bench } from '../rig/cli.ts';

/** What would be executed by a shell that evaluates it, or is quoted by one that does not. */
const HOSTILE = [
  '$(touch canary).md',
  '`touch canary`.md',
  "it's; touch canary.md",
  'two words.md',
  'a:b=c.md',
  '-rf.md',
];

async function hostileBench(t: TestContext): Promise<Bench> {
  const bench = await makeBench(t);
  for (const name of [...HOSTILE, 'line\nend.md']) {
    await bench.write(name, 'Do it.\n');
    await bench.write(`.lock-${name}`, '');
  }
  await bench.write('failed_exec_log-zeta one.md.txt', '');
  await bench.write('done_exec_log-zeta two.md.txt', '');
  await mkdir(path.join(bench.tasks, 'stories'));
  return bench;
}

const ready = (screen: string) => screen.includes('READY>');

/** Types into a shell at a terminal, after its script is read; `type` resolves with what is on the line then. */
async function openShell(t: TestContext, bench: Bench, command: string, args: string[], begin: string) {
  const { PATH } = process.env;
  const shell = spawn(command, args, {
    cwd: bench.tasks,
    cols: 200,
    env: { PATH: `${bench.scratch}/bin:${PATH}`, HOME: bench.scratch, TERM: 'dumb', PS1: 'READY>' },
  });
  const ended = new Promise((resolve) => shell.onExit(resolve));
  t.after(() => {
    shell.kill('SIGKILL');
    return ended;
  });
  let screen = '';
  shell.onData((text) => void (screen += text));
  const type = async (keys: string, isThere: (screen: string) => boolean) => {
    screen = '';
    shell.write(keys);
    for (const deadline = performance.now() + 30_000; !isThere(screen); await sleep(5))
      assert.ok(performance.now() < deadline, `${JSON.stringify(keys)} showed ${JSON.stringify(screen)}`);
  };
  await type('', ready);
  await type(`${begin}; echo BEGUN''NOW\r`, (shown) => /BEGUNNOW[^]*READY>/.test(shown));
  return {
    /** TAB behind `typed` makes the line `whole`, which is then taken back. */
    completes: async (typed: string, whole: string) => {
      await type(`${typed}\t`, (shown) => shown.replaceAll('\u0007', '').includes(whole));
      await type('\u0015\r', ready); // a Ctrl-C could come before the shell is done with the TAB
    },
  };
}

const LINES: readonly (readonly [typed: string, whole: string])[] = [
  ['codex-worker --conc', 'codex-worker --concurrency '],
  ['codex-worker --mode w', 'codex-worker --mode workspace-write '],
  ['codex-worker --mode=w', 'codex-worker --mode=workspace-write '],
  ['codex-worker -C ', 'codex-worker -C stories/'],
  ['codex-worker doc', 'codex-worker doctor '],
  ['codex-worker reset --fo', 'codex-worker reset --force '],
  ['codex-worker complete f', 'codex-worker complete fish '],
  ['codex-worker clean --kill \\$', 'codex-worker clean --kill \\$\\(touch\\ canary\\).md '],
  ['codex-worker clean --kill \\`', 'codex-worker clean --kill \\`touch\\ canary\\`.md '],
  ['codex-worker clean --kill i', "codex-worker clean --kill it\\'s\\;\\ touch\\ canary.md "],
  ["codex-worker clean --kill 'tw", "codex-worker clean --kill 'two words.md' "],
  ['codex-worker logs -n 5 z', 'codex-worker logs -n 5 zeta\\ '],
  ['codex-worker clean --kill ./-', 'codex-worker clean --kill ./-rf.md '],
  ['codex-worker retry z', 'codex-worker retry zeta\\ one.md '],
  ['codex-worker status tw', 'codex-worker status two\\ words.md '],
  ['codex-worker logs -f tw', 'codex-worker logs -f two\\ words.md '],
  ['codex-worker logs sto', 'codex-worker logs stories/'],
  // What stands on the line already may be hostile as well.
  ['codex-worker status "$(touch canary)" --deta', '"$(touch canary)" --detailed '],
];

const isThere = (shell: string) => spawnSync(shell, ['--version']).error === undefined;
const SHELLS = [
  { shell: 'bash', args: ['--norc', '--noprofile', '-i'], begin: 'source <(codex-worker complete bash)' },
  {
    shell: 'zsh',
    args: ['-f', '-i'],
    begin: 'autoload -Uz compinit && compinit -u -D; source <(codex-worker complete zsh)',
  },
] as const;

describe('TAB completes options, values, commands, paths and tasks, and executes nothing', () => {
  for (const { shell, args, begin } of SHELLS)
    test(`in ${shell}`, { skip: !isThere(shell) && `${shell} IS NOT INSTALLED HERE` }, async (t) => {
      const bench = await hostileBench(t);
      const { completes } = await openShell(t, bench, shell, [...args], begin);
      for (const [typed, whole] of LINES) await completes(typed, whole);
      assert.ok(!(await bench.ls()).includes('canary'));
    });

  test('in fish', { skip: !isThere('fish') && 'fish IS NOT INSTALLED HERE' }, async (t) => {
    const bench = await hostileBench(t);
    const offered = async (line: string) => {
      const read = 'codex-worker complete fish | source; complete -C "$argv[1]"';
      const args = ['--no-config', '-c', read, '--', line];
      const { stdout, stderr } = await bench
        .launch('fish', args, { env: { HOME: bench.scratch, TERM: 'dumb' } })
        .ended();
      assert.equal(stderr, '');
      return stdout.split('\n').flatMap((told) => told.split('\t')[0] || []);
    };
    assert.deepEqual(await offered('codex-worker --conc'), ['--concurrency']);
    assert.deepEqual(await offered('codex-worker --mode w'), ['workspace-write']);
    assert.deepEqual(await offered('codex-worker --mode=w'), ['--mode=workspace-write']);
    assert.deepEqual(await offered('codex-worker -C '), ['stories/']);
    assert.deepEqual(await offered('codex-worker --cd=st'), ['--cd=stories/']);
    assert.deepEqual(await offered('codex-worker s'), ['status', 'stories/']);
    // Like a name with a dot, ./-rf.md waits in Fish for its first character.
    const tasks = HOSTILE.filter((name) => !name.startsWith('-'));
    assert.deepEqual((await offered('codex-worker clean --kill ')).toSorted(), tasks.toSorted());
    assert.deepEqual(await offered('codex-worker logs ze'), ['zeta one.md', 'zeta two.md']);
    assert.deepEqual(await offered('codex-worker retry ze'), ['zeta one.md']);
    assert.deepEqual(await offered('codex-worker clean --kill \\$'), ['$(touch canary).md']);
    assert.deepEqual(await offered('codex-worker logs tw'), ['two words.md']);
    assert.deepEqual(await offered('codex-worker logs sto'), ['stories/']);
    assert.deepEqual(await offered("codex-worker clean --kill 'tw"), ['two words.md']);
    assert.deepEqual(await offered('codex-worker status "$(touch canary)" --deta'), ['--detailed']);
    assert.ok(!(await bench.ls()).includes('canary'));
  });
});

test("control: the library's own script for Bash executes a name that it is given", async (t) => {
  const bench = await makeBench(t);
  let text = '';
  const { log } = console;
  console.log = (line: string) => void (text += line);
  script('bash', 'codex-worker', 'codex-worker');
  console.log = log;
  const { code } = await bench.shell(
    `${text}
     _get_comp_words_by_ref() { cur=''; words=(codex-worker); }
     codex-worker() { printf '%s\\t\\n:4\\n' '$(touch canary).md'; }
     __codex_worker_complete; exit 0`,
  );
  assert.equal(code, 0);
  assert.deepEqual(await bench.ls(), ['canary'], 'should it be cured, use it');
});

test('of 10,000 tasks 200 are offered, which begin as all do', async (t) => {
  const bench = await makeBench(t);
  const names = Array.from({ length: 10_000 }, (_, i) => `task-${String(i).padStart(5, '0')}.md`);
  for (const name of names) await bench.write(`.lock-${name}`, '');
  const { stdout } = await bench.run(['complete', 'zsh', '--', 'clean', '--kill', '']);
  const offered = stdout.split('\n').filter((line) => line.endsWith('\t'));
  assert.equal(offered.length, 200);
  // What they all begin with is `task-0`, as of all 10,000: no shell completes a digit too many.
  assert.deepEqual([offered[0], offered.at(-1)], ['task-00000.md\t', 'task-09999.md\t']);
});

test('approve and deny take the tasks that ask something, and the digits of what they ask', async (t) => {
  const { ask, bench } = await makeAsking(t);
  await bench.write('pending.md', 'Do it.\n');
  const name = '$(touch canary).md';
  const [first, second] = [await ask(name), await ask(name, { reason: 'another' })];
  await ask('fix.md');
  const offered = async (...words: string[]) => {
    const { stdout } = await bench.run(['complete', 'zsh', '--', ...words]);
    return stdout.split('\n').flatMap((line) => (line.includes('\t') ? [line.split('\t')] : []));
  };
  assert.deepEqual(await offered('approve', ''), [
    [name, 'run: rm -rf build'],
    ['fix.md', 'run: rm -rf build'],
  ]);
  assert.deepEqual(await offered('deny', '--stop', 'f'), [['fix.md', 'run: rm -rf build']]);
  assert.deepEqual(await offered('deny', 'fix.md', ''), []);
  const ids = new Set([idOf(first), idOf(second)]);
  const asked = await offered('approve', name, '--question', '');
  assert.deepEqual(new Set(asked.map(([id]) => id)), ids);
  const inline = await offered('approve', '$(touch canary)', '--question=');
  assert.deepEqual(new Set(inline.map(([value]) => value?.replace('--question=', ''))), ids);
  assert.deepEqual(await offered('approve', 'nowhere.md', '--question', ''), []);
  assert.ok(!(await bench.ls()).includes('canary'));
});
