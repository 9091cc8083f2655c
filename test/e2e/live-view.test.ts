/** The live view as a person sees it: the built program in a real pseudo-terminal, and a screen that is looked at. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, open } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { makeBench } from '../rig/cli.ts';
import { makePuppets } from '../rig/puppet.ts';
import { noScreen, openScreen, type Screen } from '../rig/screen.ts';
import { assertTidy, nameOf, shows, start } from '../rig/stage.ts';

const skip = noScreen;
if (noScreen) console.error(`NOT TESTED: the live view; ${noScreen}`);

test('what runs is shown line by line, and what has finished scrolls above it', { skip }, async (t) => {
  const { puppets, screen, bench } = await start(t, ['a', 'b', 'c', 'd', 'e'], ['-c', '3']);
  const calls = [await puppets.nextCall(), await puppets.nextCall(), await puppets.nextCall()];
  const a = calls.find((call) => nameOf(call) === 'a');
  const b = calls.find((call) => nameOf(call) === 'b');
  await a?.print({
    type: 'item.started',
    item: { id: '0', type: 'command_execution', command: 'npm test', status: 'in_progress' },
  });
  await b?.print({ type: 'item.completed', item: { id: '0', type: 'agent_message', text: 'Reading it.' } });
  await shows(screen, /3 running/);
  await shows(screen, /Reading it/);
  await shows(screen, /npm test/);
  const view = screen.lines.slice(-7);
  assert.match(view.join('\n'), /^ ⠙ a\.md +\ds {2}\$ npm test$/m);
  assert.match(view.join('\n'), /^ ⠙ b\.md +\ds {2}Reading it\.$/m);
  assert.match(view.join('\n'), /^ ⠋ c\.md +\ds {2}starting$/m);
  assert.match(view.at(-3) ?? '', /^ ╌+─+ {2}0\/5 0%$/);
  assert.match(view.at(-2) ?? '', /^ 0 completed · 3 running · 2 to go$/);
  assert.match(view.at(-1) ?? '', /^ \ds · \? for keys$/);
  assert.equal(screen.isCursorShown, false);

  await b?.complete();
  calls.push(await puppets.nextCall());
  await shows(screen, /^ 1 completed · 3 running · 1 to go$/m);
  await shows(screen, /^✅ b\.md completed \(\d\.\ds\)\n\n(?: [⠙⠋] [acd]\.md.*\n){3}\n ━/m);
  await shows(screen, /^ \ds · 12 tokens(?: · [\d.]+k tokens\/h)? · \? for keys$/m);
  for (const call of calls) if (call !== b) await call.complete();
  await (await puppets.nextCall()).complete();

  assert.equal(await screen.ended(), 0);
  assertTidy(screen);
  assert.match(screen.history, /^✅ e\.md completed.*\n\nSummary: 5 completed, 0 failed/m);
  assert.equal(screen.history.match(/✅/g)?.length, 5, 'each is said once');
  assert.deepEqual(await bench.leftovers(), []);
});

test('never more than ten frames a second are drawn, however much there is to say', { skip }, async (t) => {
  const { puppets, screen } = await start(t, ['a'], ['--verbose']);
  const call = await puppets.nextCall();
  await shows(screen, /1 running/);
  const from = screen.frames.length;
  for (let i = 0; i < 300; i++)
    await call.print({
      type: 'item.completed',
      item: { id: '0', type: 'agent_message', text: `Word ${i}.` },
    });
  await shows(screen, /⠋.*Word 299\./);
  const frames = screen.frames.slice(from);
  assert.ok(frames.length >= 2, 'it was drawn');
  const seconds = ((frames.at(-1) ?? 0) - (frames[0] ?? 0)) / 1_000;
  // What a busy machine has kept waiting comes at once: the sum is what counts.
  assert.ok(frames.length <= 2 + seconds * 10 * 1.2, `${frames.length} frames in ${seconds} s`);
  assert.equal(screen.history.match(/^ {2}a\.md: Word/gm)?.length, 300);
  await call.complete();
  assert.equal(await screen.ended(), 0);
  assertTidy(screen);
});

test(
  'any width is right, with names of any width, and no resize leaves anything behind',
  { skip },
  async (t) => {
    const names = [
      '修复登录问题并添加测试修复登录问题并添加测试',
      '👩‍👩‍👧-family-🇩🇪-✅',
      'e\u0301e\u0301-caf\u00e9',
      'plain-name',
    ];
    const { puppets, screen } = await start(t, names, ['-c', '4'], { columns: 80 });
    const calls = [];
    for (const _ of names) calls.push(await puppets.nextCall());
    for (const call of calls)
      await call.print({
        type: 'item.started',
        item: {
          id: '0',
          type: 'command_execution',
          command: `echo ${'修复 ✅ abc '.repeat(12)}`,
          status: 'in_progress',
        },
      });
    await screen.until('all have told', () => screen.text.match(/\$ echo/g)?.length === 4);
    for (const columns of [40, 200, 41, 120, 40, 80]) {
      screen.resize(columns, 50);
      await screen.until(`it is right at ${columns}`, () => {
        const rows = screen.lines.filter((line) => / ⠙ /.test(line));
        const bars = screen.lines.filter((line) => line.endsWith(' 0/4 0%'));
        const isWhole = rows.length === 4 && bars.length === 1 && rows.every((line) => /\$ e.*…$/.test(line));
        return isWhole && bars[0]?.length === Math.min(columns, 80) - (columns >= 81 ? 0 : 1);
      });
      assert.equal(screen.history.match(/0 completed/g)?.length, 1, screen.history);
      assert.equal(screen.history.match(/⠙/g)?.length, 4, screen.history);
    }
    assert.match(screen.text, /^ ⠙ 👩‍👩‍👧-family-🇩🇪-✅\.md +\d+s {2}\$ echo 修复 ✅ abc/m);
    assert.match(screen.text, /^ ⠙ ….*添加测试\.md +\d+s {2}\$ echo/m);
    for (const call of calls) await call.complete();
    assert.equal(await screen.ended(), 0);
    assertTidy(screen);
  },
);

test('of 256 agents as many are shown as have room, and the rest are counted', { skip }, async (t) => {
  const bench = await makeBench(t);
  const [gate, agent] = ['gate', 'agent'].map((name) => path.join(bench.scratch, name)) as [string, string];
  execFileSync('mkfifo', [gate]);
  const script = await open(agent, 'w');
  await script.writeFile('#!/bin/sh\ncat >/dev/null\nread -r _ <"$GATE"\nexit 0\n');
  await script.close();
  await chmod(agent, 0o755);
  for (let i = 0; i < 256; i++) await bench.write(`${i}.md`, 'x');
  const env = { CODEX_CMD: agent, GATE: gate };
  const screen = await openScreen(t, bench, ['codex-worker', '-c', '256'], { env, columns: 80, rows: 30 });

  await shows(screen, /^ 0 completed · 256 running$/m);
  await shows(screen, /^ {3}… and \d+ more$/m);
  const attempts = screen.lines.filter((line) => line.startsWith(' ⠋ '));
  assert.match(screen.text, new RegExp(`^ {3}… and ${256 - attempts.length} more$`, 'm'));
  assert.ok(attempts.length >= 15, `${attempts.length} rows of a screen of 30`);
  assert.ok(screen.lines.length <= 30);
  screen.resize(80, 10);
  await screen.until('it fits', () => screen.lines.length <= 10 && /… and 25\d more/.test(screen.text));

  process.kill(screen.pid, 'SIGTERM');
  assert.equal(await screen.ended(), 143);
  assert.equal(screen.isCursorShown, true);
  assert.match(
    screen.text,
    /⏪ \d+\.md given back[^]*\n\nSummary: 0 completed, 0 failed, \d+ pending · 256 given back/,
  );
});

test('SIGTERM, and an error of our own, leave the terminal as it was', { skip }, async (t) => {
  const boom = `data:text/javascript,process.on('SIGUSR2',()=>{throw new Error('boom')})`;
  for (const [signal, code, says] of [
    ['SIGTERM', 143, /^Interrupted \(SIGTERM\): ending 1 agent/m],
    ['SIGUSR2', 70, /boom/],
  ] as const) {
    const options = { env: { NODE_OPTIONS: `--import "${boom}"` } };
    const { puppets, screen } = await start(t, ['a', 'b'], [], options);
    const call = await puppets.nextCall();
    await shows(screen, /1 running/);
    process.kill(screen.pid, signal);
    assert.equal(await screen.ended(), code);
    assert.match(screen.history, says);
    assertTidy(screen);
    await call.gone;
  }
});

test('with standard output in a file the view is all there is on the terminal', { skip }, async (t) => {
  const puppets = await makePuppets(t);
  const bench = await makeBench(t);
  for (const name of ['a', 'b']) await bench.write(`${name}.md`, `Task ${name}.`);
  const screen = await openScreen(t, bench, ['bash', '-c', 'codex-worker >../out; exit $?'], {
    env: puppets.env,
  });
  await (await puppets.nextCall()).complete();
  const b = await puppets.nextCall();
  await shows(screen, /^ 1 completed · 1 running$/m);
  assert.doesNotMatch(screen.history, /✅/);
  await b.complete();
  assert.equal(await screen.ended(), 0);
  assertTidy(screen);
  assert.equal(screen.history, '');
  assert.match(
    await bench.read('../out'),
    /^✅ a\.md completed.*\n✅ b\.md completed.*\n\nSummary: 2 completed/m,
  );
});

test(
  'without colours where they are not wanted, and without a view where it cannot be',
  { skip },
  async (t) => {
    const isColoured = ({ terminal }: Screen) => screenCells(terminal).some((cell) => !cell.isFgDefault());
    for (const [env, isLive, isPainted] of [
      [{}, true, true],
      [{ NO_COLOR: '1' }, true, false],
      [{ TERM: 'dumb' }, false, false],
      [{ CI: 'true' }, false, true],
    ] as const) {
      const { puppets, screen } = await start(t, ['a', 'b'], [], { env });
      await (await puppets.nextCall()).complete();
      const b = await puppets.nextCall();
      await shows(screen, isLive ? /✅[^]*1 running/ : /✅/);
      assert.equal(isColoured(screen), isPainted, JSON.stringify(env));
      await b.complete();
      assert.equal(await screen.ended(), 0);
      assert.equal(screen.frames.length > 0, isLive, JSON.stringify(env));
    }
  },
);

function* everyCell(terminal: Screen['terminal']) {
  const { active } = terminal.buffer;
  for (let y = 0; y < active.length; y++)
    for (let x = 0; x < terminal.cols; x++) {
      const cell = active.getLine(y)?.getCell(x);
      if (cell) yield cell;
    }
}
const screenCells = (terminal: Screen['terminal']) => [...everyCell(terminal)];
