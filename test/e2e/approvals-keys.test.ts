/** `approvals --interactive` as a person sees it, of agents that are made up. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { idOf, type Question } from '../../src/core/question.ts';
import { makeAsking } from '../rig/asking.ts';
import { noScreen, openScreen, type Screen, type ScreenOptions } from '../rig/screen.ts';

const skip = noScreen;
/** Longer than a key has to wait after a question has come up. */
const READ_MS = 1_000;

async function start(t: TestContext, options: ScreenOptions = {}) {
  const asking = await makeAsking(t);
  const open = () =>
    openScreen(t, asking.bench, ['codex-worker', 'approvals', '--interactive'], { columns: 100, ...options });
  return { ...asking, asking, open };
}

const shows = (screen: Screen, what: RegExp) => screen.until(String(what), () => what.test(screen.text));
const run = (command: string) => ({ asked: { kind: 'command', command } as const });
const comesUp = async (screen: Screen, question: Question) => {
  await shows(screen, new RegExp(`asks for approval \\(${idOf(question)}\\)[^]*k skip · q quit`));
  await sleep(READ_MS);
};

test(
  'each key answers as it says, one question after another, and what was answered stays to be read',
  { skip },
  async (t) => {
    const { ask, answerTo, open, bench } = await start(t);
    const keys = { y: 'approve', s: 'approve-session', n: 'deny', c: 'stop' } as const;
    const asked: Question[] = [];
    for (const key of Object.keys(keys)) asked.push(await ask(`${key}.md`, run(`echo ${key}`)));
    const screen = await open();
    for (const [i, [key, decision]] of Object.entries(keys).entries()) {
      const question = asked[i];
      assert.ok(question);
      await comesUp(screen, question);
      if (i === 0)
        assert.match(
          screen.text,
          /y approve · s for this session · n deny · c deny and stop · k skip · q quit \(3 more\)$/,
        );
      screen.press(key);
      const answer = await screen.until(`${key} has answered`, () => answerTo(question));
      assert.equal(answer?.decision, decision);
      if (process.platform === 'linux') assert.match(answer?.by.terminal ?? '', /^\/dev\/pts\//);
    }
    await shows(screen, /Nothing else is asked; waiting for questions · q quit$/);
    screen.press('q');
    assert.equal(await screen.ended(), 0);
    assert.match(
      screen.history,
      /approved: y\.md · run: echo y\n[^]*approved for this session: s\.md[^]*denied: n\.md[^]*denied, and its attempt is stopped: c\.md · run: echo c\n?$/,
    );
    assert.doesNotMatch(screen.text, /k skip/);
    assert.deepEqual((await bench.run(['approvals'])).stdout, 'No agent asks anything here.\n');
  },
);

test(
  'a yes counts only when the end was shown, a no at any time; keys that are not offered do nothing',
  { skip },
  async (t) => {
    const { ask, answerTo, open } = await start(t, { rows: 14 });
    const lines = Array.from({ length: 40 }, (_, i) => `echo line ${i + 1}`);
    const long = await ask('long.md', { ...run(lines.join('\n')), offers: ['deny', 'approve'] });
    const screen = await open();
    await shows(screen, /space: \d+ more lines · n deny · k skip · q quit$/);
    assert.match(screen.text, /line 1\n/);
    assert.doesNotMatch(screen.text, /line 40/);
    await sleep(READ_MS);
    screen.press('y');
    screen.press('s');
    await sleep(READ_MS);
    assert.equal(await answerTo(long), undefined);
    for (let pages = 0; !/y approve/.test(screen.text); pages++) {
      assert.ok(pages < 8, screen.text);
      const before = screen.text;
      screen.press(' ');
      await screen.until('the next page', () => screen.text !== before);
    }
    for (const line of lines) assert.match(screen.history, new RegExp(`│ ${line}\\n`), line);
    assert.match(screen.text, /y approve · n deny · k skip · q quit$/);
    await sleep(READ_MS);
    screen.press('s');
    screen.press('c');
    await sleep(READ_MS);
    assert.equal(await answerTo(long), undefined);
    screen.press('y');
    await screen.until('it is approved', async () => (await answerTo(long))?.decision === 'approve');

    const other = await ask('other.md', run(lines.join('\n')));
    await shows(screen, /space: \d+ more lines · n deny · c deny and stop/);
    await sleep(READ_MS);
    screen.press('n');
    await screen.until('it is denied', async () => (await answerTo(other))?.decision === 'deny');
    screen.press('q');
    assert.equal(await screen.ended(), 0);
  },
);

test('a key that is pressed as a question comes up was not meant for it', { skip }, async (t) => {
  const { ask, answerTo, open } = await start(t);
  const [first, second] = [await ask('a.md', run('echo a')), await ask('b.md', run('echo b'))];
  const screen = await open();
  await shows(screen, /y approve/);
  screen.press('y'); // at once
  await comesUp(screen, first);
  assert.equal(await answerTo(first), undefined);
  screen.press('yyyy'); // held down
  await screen.until('the first is approved', () => answerTo(first));
  for (let i = 0; i < 30; i++) {
    screen.press('y'); // still held, for longer than it takes to read
    await sleep(60);
  }
  assert.equal(await answerTo(second), undefined);
  await comesUp(screen, second);
  assert.equal(await answerTo(second), undefined);
  screen.press('no\r'); // typed for something else
  await sleep(300);
  assert.equal(await answerTo(second), undefined);
  screen.press('y');
  await screen.until('the second is approved', () => answerTo(second));
  const third = await ask('c.md', run('echo c'));
  await shows(screen, new RegExp(`\\(${idOf(third)}\\)`));
  for (let i = 0; i < 30; i++) {
    screen.press('n');
    await sleep(60);
  }
  assert.equal(await answerTo(third), undefined);
  screen.press('q');
  assert.equal(await screen.ended(), 0);
});

test(
  'what comes meanwhile is taken in, what another terminal has answered is said, and so is what is over',
  { skip },
  async (t) => {
    const { ask, take, release, open, bench } = await start(t);
    const screen = await open();
    await shows(screen, /waiting for questions/);
    const first = await ask('a.md', run('echo a'));
    await comesUp(screen, first);
    const second = await ask('b.md', run('echo b'));
    await shows(screen, /\(1 more\)$/);
    assert.equal((await bench.run(['deny', 'a.md'])).code, 0);
    await shows(screen, /^a\.md was answered already: denied by .* on .*$/m);
    await take(first);
    await comesUp(screen, second);
    await release('b.md');
    await shows(screen, /^too late: the attempt of b\.md that asked is over$/m);
    await shows(screen, /waiting for questions/);
    const third = await ask('c.md', run('echo c'));
    await comesUp(screen, third);
    screen.press('k');
    await shows(screen, /^skipped\n/m);
    await sleep(READ_MS);
    assert.equal(screen.history.match(/c\.md asks for approval/g)?.length, 1, 'it does not come again');
    screen.press('q');
    assert.equal(await screen.ended(), 0);
  },
);

test('two people at two terminals: one answers, the other reads by whom', { skip }, async (t) => {
  const { ask, take, answerTo, open } = await start(t);
  const screens = [await open(), await open()];
  for (let round = 0; round < 4; round++) {
    const asked = await ask('a.md', run(`echo ${round}`));
    for (const screen of screens) await shows(screen, new RegExp(`\\(${idOf(asked)}\\)[^]*y approve`));
    await sleep(READ_MS);
    screens[0]?.press('y');
    screens[1]?.press('n');
    const answer = await screens[0]?.until('somebody has answered', () => answerTo(asked));
    const isYes = answer?.decision === 'approve';
    const [winner, loser] = isYes ? screens : screens.toReversed();
    assert.ok(winner && loser);
    await shows(winner, new RegExp(`^${isYes ? 'approved' : 'denied'}: a\\.md · run: echo ${round}$`, 'm'));
    await shows(loser, new RegExp(`^a\\.md was answered already: ${isYes ? 'approved' : 'denied'} by`, 'm'));
    await take(asked);
  }
  for (const screen of screens) {
    screen.press('q');
    assert.equal(await screen.ended(), 0);
  }
});

test(
  'on a terminal that changes its size a question is shown again, from its beginning',
  { skip },
  async (t) => {
    const { ask, answerTo, open } = await start(t, { rows: 40 });
    const lines = Array.from({ length: 30 }, (_, i) => `echo line ${i + 1}`);
    const asked = await ask('a.md', run(lines.join('\n')));
    const screen = await open();
    await shows(screen, /space: \d+ more/);
    await sleep(READ_MS);
    screen.press(' ');
    await shows(screen, /y approve/);
    screen.resize(60, 12);
    await shows(screen, /space: \d+ more lines/);
    await sleep(READ_MS);
    screen.press('y');
    await sleep(READ_MS);
    assert.equal(await answerTo(asked), undefined);
    screen.press('q');
    assert.equal(await screen.ended(), 0);
  },
);

test(
  'Ctrl-C ends it without an answer, Ctrl-Z gives the terminal back, and fg shows the question again',
  { skip },
  async (t) => {
    const { ask, answerTo, asking } = await start(t);
    const asked = await ask('a.md', run('echo a'));
    const screen = await openScreen(t, asking.bench, ['bash', '--noprofile', '--norc', '-i'], {
      env: { PS1: 'shell> ', HISTFILE: '' },
      columns: 100,
    });
    await shows(screen, /^shell>/m);
    const isCooked = async () => {
      screen.press('echo modes $(stty -a | tr " " "\\n" | grep -c -e "^icanon" -e "^isig" -e "^echo;*$")\r');
      await shows(screen, /^modes 3$/m);
      screen.press('clear\r');
      await screen.until('a clear screen', () => !/modes/.test(screen.text));
    };
    screen.press('codex-worker approvals --interactive\r');
    await comesUp(screen, asked);
    screen.press('\x1a');
    await shows(screen, /Stopped +codex-worker approvals --interactive\nshell>/);
    await isCooked();
    screen.press('fg\r');
    await comesUp(screen, asked);
    screen.press('\x03');
    await shows(screen, /shell> ?$/);
    await isCooked();
    screen.press('codex-worker approvals --interactive; echo code $?\r');
    await comesUp(screen, asked);
    screen.press('\x03');
    await shows(screen, /^code 130$/m);
    assert.equal(await answerTo(asked), undefined);
    screen.press('exit\r');
    await screen.ended();
  },
);

test(
  'whoever copies a command from a forged notice is shown what is asked, and asked whether it is meant',
  { skip },
  async (t) => {
    const { ask, answerTo, bench } = await start(t);
    const asked = await ask('fix.md', run('rm -rf /precious'));
    const command = `codex-worker approve fix.md --question ${idOf(asked)}`;
    const heading = '# codex-worker: fix.md asks for your approval';
    await bench.write(
      'needs-approval-fix.md',
      `${heading}\n\n  │ make test\n\nTo approve it:\n  ${command}\n`,
    );
    const answered = async (key: string) => {
      const screen = await openScreen(t, bench, command.split(' '), { columns: 100 });
      await shows(screen, /│ rm -rf \/precious[^]*Approve it\? \[y\/N\]/);
      assert.equal(await answerTo(asked), undefined);
      screen.press(`${key}\r`);
      return screen.ended();
    };
    assert.equal(await answered('n'), 1);
    assert.equal(await answerTo(asked), undefined);
    assert.equal(await answered('y'), 0);
    assert.equal((await answerTo(asked))?.decision, 'approve');
  },
);
