/** What changes in place, on a terminal that a program reads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import xterm from '@xterm/headless';
import { openScreen, type Screen } from '../../src/report/screen.ts';

/** A terminal of `columns` × `rows`, and what is on it. */
async function makeTerminal(columns: number, rows: number) {
  const terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, convertEol: true });
  const sent: string[] = [];
  const write = (text: string) => {
    sent.push(text);
    terminal.write(text);
  };
  const screen: Screen = await openScreen({ write, columns: () => terminal.cols, rows: () => terminal.rows });
  const lines = async () => {
    await new Promise<void>((resolve) => terminal.write('', resolve));
    const { active } = terminal.buffer;
    return Array.from(
      { length: active.length },
      (_, y) => active.getLine(y)?.translateToString(true) ?? '',
    ).filter((line) => line !== '');
  };
  return { screen, lines, sent, write };
}

test('what is shown takes the place of what was shown, and only what differs is written', async () => {
  const { screen, lines, sent } = await makeTerminal(40, 10);
  screen.show('one\ntwo\nthree');
  screen.show('one\n2\nthree');
  assert.deepEqual(await lines(), ['one', '2', 'three']);
  assert.ok(!sent.at(-1)?.includes('one'), JSON.stringify(sent.at(-1)));
  const { length } = sent;
  screen.show('one\n2\nthree');
  assert.equal(sent.length, length, 'the same is not written again');
  screen.show('one');
  assert.deepEqual(await lines(), ['one']);
});

test('lines of others stand above what is shown, once it has made room for them', async () => {
  const { screen, lines, write } = await makeTerminal(40, 10);
  screen.show('1 of 2');
  screen.clear();
  write('first is done\n');
  screen.show('2 of 2');
  screen.done();
  write('over\n');
  assert.deepEqual(await lines(), ['first is done', '2 of 2', 'over']);
});

test('more than fits scrolls nothing away: the last lines are what is seen', async () => {
  const { screen, lines } = await makeTerminal(20, 4);
  for (const n of [1, 2, 3]) screen.show(Array.from({ length: 9 }, (_, i) => `${n}:${i}`).join('\n'));
  assert.deepEqual(await lines(), ['3:6', '3:7', '3:8']);
});

test('the cursor is hidden while something is shown, and given back once', async () => {
  const { screen, sent } = await makeTerminal(20, 4);
  const listeners = process.listenerCount('exit');
  screen.show('a');
  screen.show('b');
  screen.done();
  screen.done();
  assert.equal(sent.join('').split('\u001b[?25l').length - 1, 1);
  assert.equal(sent.join('').split('\u001b[?25h').length - 1, 1);
  assert.equal(process.listenerCount('exit'), listeners);
});
