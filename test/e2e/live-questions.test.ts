/** What agents ask, on the terminal of their run: seen whole, and answered by keys. The run is made up; the terminal is real. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Cleanup } from '../rig/cleanup.ts';
import { makeBench, makeCodexBench } from '../rig/cli.ts';
import { canSandbox } from '../rig/codex-home.ts';
import { noScreen, openScreen, type Screen, type ScreenOptions } from '../rig/screen.ts';
import { assertTidy, shows } from '../rig/stage.ts';

const skip = noScreen;
const ASKER = fileURLToPath(new URL('../rig/made-up-asker.mjs', import.meta.url));
const TSX = import.meta.resolve('tsx');

/** Nobody can have read a question before. */
const READ_MS = 800;

const askOn = async (t: Cleanup, commands: readonly string[], options?: ScreenOptions) =>
  openScreen(
    t,
    await makeBench(t),
    [process.execPath, '--import', TSX, ASKER, JSON.stringify(commands)],
    options,
  );

/** It may have scrolled away. */
const said = async (screen: Screen, pattern: RegExp) =>
  screen.until(`it says ${pattern}`, () => pattern.test(screen.history));

test('a question comes up whole, is answered by a key, and the next one comes', { skip }, async (t) => {
  const screen = await askOn(t, [
    "/bin/bash -lc 'npm install left-pad'",
    'rm -rf \u001b[2Kbuild\rls',
    'make',
  ]);
  await shows(screen, /^ \? 1 of 3: 1\.md asks to run: npm install left-pad$/m);
  assert.match(
    screen.history,
    /^❓ 1\.md asks to run this command with \/bin\/bash -lc, in \/code:\n\n {4}│ npm install left-pad\n/m,
  );
  assert.match(screen.text, /^ {3}in \/code · in the words of its agent: It has to be\.$/m);
  assert.match(screen.text, /^ {3}y approve · s for this session · n deny · c deny and stop$/m);
  assert.match(screen.text, /^ \? 1\.md .* waits for your answer$/m);
  assert.match(screen.text, /0 running of 4 · 3 wait for an answer/);
  await sleep(READ_MS);
  screen.press('y');
  await said(screen, /^❔ 1\.md \(\w{6}\): approved by ada on mill \(\/dev\/pts\/3\)$/m);

  await shows(screen, /^ \? 1 of 2: 2\.md asks to run: rm -rf ‹ESC›\[2Kbuild‹CR›ls$/m);
  assert.match(screen.history, /^❓ 2\.md asks to run this command line[^]*│ rm -rf ‹ESC›\[2Kbuild‹CR›ls$/m);
  screen.press('y'); // it was meant for the first
  await sleep(READ_MS);
  assert.match(screen.text, /1 of 2: 2\.md/);
  screen.press('c');
  await said(screen, /^❔ 2\.md \(\w{6}\): denied and stopped by ada on mill/m);

  await shows(screen, /^ \? 3\.md asks to run: make$/m);
  screen.press('p'); // somebody else
  await said(screen, /^❔ 3\.md \(\w{6}\): denied by bob on desk \(\/dev\/pts\/9\)$/m);
  await screen.until(
    'nothing is asked',
    () => !/asks to run|approve ·/.test(screen.lines.slice(-8).join('\n')),
  );
  screen.press('q');
  assert.equal(await screen.ended(), 0);
  assertTidy(screen);
  assert.doesNotMatch(screen.history, /y approve|waits for your answer/);
  assert.equal(screen.history.match(/^❓ /gm)?.length, 3, 'each was printed once');
});

test('of a very long question the rest is printed before a yes counts', { skip }, async (t) => {
  const command = [...Array.from({ length: 400 }, (_, i) => `echo ${i}`), 'rm -rf /'].join('\n');
  const screen = await askOn(t, [command]);
  await shows(screen, /^ {3}y reads \d+ more lines · n deny · c deny and stop$/m);
  assert.match(screen.text, /^… and \d+ more lines: all of it is in needs-approval-1\.md$/m);
  assert.doesNotMatch(screen.history, /│ rm -rf/);
  await sleep(READ_MS);
  screen.press('y');
  await shows(screen, /^ {3}y approve · s for this session/m);
  assert.match(screen.history, /^ {4}401 │ rm -rf \/$/m);
  assert.doesNotMatch(screen.history, /approved (?:for|by)/);
  await sleep(READ_MS);
  screen.press('s');
  await said(screen, /^❔ 1\.md \(\w{6}\): approved for this session by ada/m);
  screen.press('q');
  assert.equal(await screen.ended(), 0);
  assertTidy(screen);
});

test('in a small terminal a question is seen and answered as well', { skip }, async (t) => {
  const screen = await askOn(t, [`echo ${'x'.repeat(60)}; rm -rf сopy`], { columns: 40, rows: 12 });
  await shows(screen, /^ {3}y approve {2}s session {2}n deny {2}c stop$/m);
  assert.match(screen.history, /│ echo x{29}\n {4}↪ x{31}; r\n {4}↪ m -rf сopy‹U\+0441 c›/);
  await sleep(READ_MS);
  screen.press('n');
  await said(screen, /^❔ 1\.md \(\w{6}\): denied by ada/m);
  screen.press('q');
  assert.equal(await screen.ended(), 0);
  assertTidy(screen);
});

test(
  'where nobody has the keys a question is a line with the command that answers it',
  { skip },
  async (t) => {
    const bench = await makeBench(t);
    const run = `${process.execPath} --import ${TSX} ${ASKER} '["make"]'`;
    const screen = await openScreen(t, bench, ['bash', '-c', `exec ${run} < /dev/null`]);
    await shows(
      screen,
      /^❓ 1\.md asks to run: make\n {3}to answer: codex-worker approve 1\.md --question \w{6} \(or deny\)$/m,
    );
    await shows(screen, /^ \? 1\.md .* waits for an answer$/m);
    assert.doesNotMatch(screen.text, /y approve/);
    process.kill(screen.pid, 'SIGTERM');
    await screen.ended();
  },
);

/** Below the directory of Codex's session, and in no sandbox of its own. */
const OUTSIDE = 'outside.txt';

test(
  'an agent that asks is answered at the terminal of its run, and does what it was allowed to do',
  { skip: noScreen || ((await canSandbox()) ? false : 'LEFT OUT: no sandbox here, so nothing is asked') },
  async (t) => {
    const bench = await makeCodexBench(t);
    const outside = path.join(bench.scratch, OUTSIDE);
    const ask = (word: string) =>
      `[[escalate echo ${word} >> ${outside} | May I say ${word}?]]\n[[say It is over.]]\n`;
    await bench.write('a.md', ask('yes'));
    await bench.write('b.md', ask('no'));
    await bench.write('c.md', ask('elsewhere'));
    await bench.write('d.md', ask('stop'));
    const screen = await openScreen(t, bench, ['codex-worker', '-c', '1', '--mode', 'read-only'], {
      rows: 40,
    });
    for (const [name, key, answer] of [
      ['a', 'y', 'approved by'],
      ['b', 'n', 'denied by'],
    ] as const) {
      await shows(screen, new RegExp(`^ \\? .*${name}\\.md asks to run: echo`, 'm'));
      await sleep(READ_MS);
      screen.press(key);
      await said(screen, new RegExp(`^❔ ${name}\\.md .*: ${answer} .* \\(/dev/pts/\\d+\\)$`, 'm'));
    }
    await shows(screen, /^ \? .*c\.md asks to run: echo/m);
    const [, command = ''] = await screen.until(
      'the notice says how',
      async () =>
        /^ {2}codex-worker (approve \S*c\.md .*\w{6})$/m.exec(
          await bench.read('needs-approval-c.md').catch(() => ''),
        ) ?? undefined,
    );
    const [verb = '', task = ''] = command.split(' '); // with its digits it would ask first
    assert.equal((await bench.run([verb, task, '--yes'])).code, 0);
    await said(screen, /^❔ c\.md .*: approved by [^(]*$/m);
    await shows(screen, /^ \? .*d\.md asks to run: echo/m);
    await sleep(READ_MS);
    screen.press('c');
    await said(screen, /^❔ d\.md .*: denied and stopped by/m);
    await said(screen, /^❌ d\.md failed: /m);

    assert.equal(await screen.ended(), 1);
    assertTidy(screen);
    assert.equal(await readFile(outside, 'utf8'), 'yes\nelsewhere\n');
    assert.deepEqual(await bench.leftovers(), []);
    assert.ok(!(await bench.ls()).some((name) => name.startsWith('needs-approval-')));
  },
);
