/** The keys of the live view, and what a shell does with a program that has the keyboard. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBench } from '../rig/cli.ts';
import { makePuppets } from '../rig/puppet.ts';
import { noScreen, openScreen } from '../rig/screen.ts';
import { assertTidy, shows, start } from '../rig/stage.ts';

const skip = noScreen;

test('the keys: more and fewer at once, pause and go on, help, and to finish', { skip }, async (t) => {
  const { puppets, screen, bench } = await start(t, ['a', 'b', 'c', 'd'], ['-c', '1']);
  const first = await puppets.nextCall();
  await shows(screen, /\? for keys/);
  screen.press('?');
  await shows(screen, /^ {3}p +pause, or go on$/m);
  screen.press('?');
  await shows(screen, /\? for keys/);
  assert.doesNotMatch(screen.history, /pause, or go on/);

  screen.press('x\x1b[Anpm test\r'); // for the shell, or an arrow: nothing of it is a key
  const { length } = screen.frames;
  await screen.until('it has been read', () => screen.frames.length > length + 1);
  screen.press('+');
  const second = await puppets.nextCall();
  await shows(screen, /2 running · 2 to go/);
  screen.press('-');
  await shows(screen, /2 running of 1/);
  await second.complete();
  await shows(screen, /1 running · 2 to go/);
  assert.equal(puppets.waiting, 0);

  screen.press('p');
  await shows(screen, /^ Paused by hand; p goes on$/m);
  assert.match(await bench.read('.codex-worker/pause.json'), /"class":"by-hand"/);
  screen.press('+');
  await first.complete();
  await shows(screen, /0 running of 2/);
  assert.equal(puppets.waiting, 0, 'it is paused');
  screen.press('p');
  await screen.until('it has resumed', () => /Resumed after/.test(screen.history));
  assert.ok(!(await bench.ls('.codex-worker')).includes('pause.json'));
  const third = await puppets.nextCall();

  screen.press('q');
  await shows(screen, /^ Finishing \d running tasks?, beginning no other; Ctrl-C gives back what runs$/m);
  screen.press('q');
  await third.complete();
  while (!(await bench.ls()).every((name) => !name.startsWith('.lock-')) && puppets.waiting > 0)
    await (await puppets.nextCall()).complete();
  assert.equal(await screen.ended(), 130);
  assertTidy(screen);
});

test('where one more agent would be too many for this machine, + says so', { skip }, async (t) => {
  const puppets = await makePuppets(t);
  const bench = await makeBench(t);
  await bench.write('a.md', 'Task a.');
  const screen = await openScreen(t, bench, ['bash', '-c', 'ulimit -n 116; codex-worker -c 2; exit $?'], {
    env: puppets.env,
  });
  const call = await puppets.nextCall();
  await shows(screen, /\? for keys/);
  screen.press('+');
  await shows(screen, /^note: no more than 2 at once are possible here$/m);
  await call.complete();
  assert.equal(await screen.ended(), 0);
});

test('Ctrl-C finishes what runs, and again gives it back', { skip }, async (t) => {
  const { puppets, screen, bench } = await start(t, ['a', 'b', 'c'], ['-c', '2']);
  await puppets.nextCall();
  await puppets.nextCall();
  await shows(screen, /\? for keys/);
  screen.press('\x03');
  await shows(screen, /^Shutting down gracefully: waiting for 2 running tasks[^⠋]*⠋ [ab]\.md/m);
  await shows(screen, /^ Finishing 2 running tasks/m);
  screen.press('\x03');

  assert.equal(await screen.ended(), 130);
  assertTidy(screen);
  assert.match(screen.history, /^Interrupted \(SIGINT\): ending 2 agents/m);
  assert.match(
    screen.history,
    /^⏪ [ab]\.md given back: interrupted\n\nSummary: 0 completed, 0 failed, \d+ pending · 2 given back/m,
  );
  assert.deepEqual(await bench.leftovers(), []);
});

test(
  'Ctrl-Z gives the terminal back to the shell, fg brings the view back, and & has none',
  { skip },
  async (t) => {
    const puppets = await makePuppets(t);
    const bench = await makeBench(t);
    await bench.write('a.md', 'Task a.');
    await bench.write('b.md', 'Task b.');
    const env = { ...puppets.env, PS1: 'shell> ', HISTFILE: '' };
    const screen = await openScreen(t, bench, ['bash', '--noprofile', '--norc', '-i'], { env });
    const isCooked = async () => {
      screen.press('echo modes $(stty -a | tr " " "\\n" | grep -c -e "^icanon" -e "^isig" -e "^echo;*$")\r');
      await shows(screen, /^modes 3$/m);
      screen.press('clear\r');
      await screen.until('a clear screen', () => !/modes/.test(screen.text));
    };
    await shows(screen, /^shell>/m);
    screen.press('codex-worker\r');
    const a = await puppets.nextCall();
    await shows(screen, /1 running · 1 to go[^]*\? for keys/);
    screen.press('\x1a');
    await shows(screen, /Stopped +codex-worker\nshell>/);
    assertTidy(screen);
    await isCooked();

    screen.press('fg\r');
    await shows(screen, /1 running · 1 to go[^]*\? for keys/);
    assert.equal(screen.isCursorShown, false);
    screen.press('?');
    await shows(screen, /pause, or go on/);

    screen.press('\x1a');
    await shows(screen, /Stopped +codex-worker\nshell>/);
    screen.press('bg\r');
    await a.complete();
    await shows(screen, /✅ a\.md completed/);
    const b = await puppets.nextCall();
    assert.equal(screen.isCursorShown, true);
    assert.doesNotMatch(screen.text, /1 running/, 'it is in the background');
    await isCooked();
    screen.press('fg\r');
    await shows(screen, /1 running/);
    await b.complete();
    await shows(screen, /Summary: 2 completed[^]*shell>/);

    await bench.write('c.md', 'Task c.');
    screen.press('clear; codex-worker &\r');
    await (await puppets.nextCall()).complete();
    await shows(screen, /Summary: 1 completed, 2 completed before/);
    await isCooked();
    assertTidy(screen);
    screen.press('exit\r');
    await screen.ended();
  },
);

test('a program that no shell looks after is not stopped by Ctrl-Z, and goes on', { skip }, async (t) => {
  const { puppets, screen } = await start(t, ['a'], []);
  const call = await puppets.nextCall();
  await shows(screen, /\? for keys/);
  screen.press('\x1a');
  await screen.until('it was hidden', () => screen.isCursorShown);
  await screen.until('it is back', () => !screen.isCursorShown && /\? for keys/.test(screen.text));
  await call.complete();
  assert.equal(await screen.ended(), 0);
});
