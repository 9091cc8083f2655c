/** What stands on a terminal after frame upon frame, with lines printed above them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openScreen } from '../../src/report/screen.ts';
import { makeEmulator } from '../rig/screen.ts';
import { seeded } from '../rig/random.ts';

/** A terminal that counts what is written to it. */
async function makeScreen(columns: number, rows: number) {
  const terminal = await makeEmulator(columns, rows);
  terminal.options.convertEol = true; // as the line discipline of a terminal does
  let writes = 0;
  let written: Promise<void> = Promise.resolve();
  const write = (text: string) => {
    writes++;
    written = new Promise((resolve) => terminal.write(text, resolve));
  };
  const live = await openScreen({ write, columns: () => terminal.cols, rows: () => terminal.rows });
  const history = async () => {
    await written;
    const { active } = terminal.buffer;
    const lines = Array.from(
      { length: active.length },
      (_, y) => active.getLine(y)?.translateToString(true) ?? '',
    );
    while (lines.at(-1) === '') lines.pop();
    return lines;
  };
  const draw = (lines: readonly string[], above: readonly string[] = []) =>
    live.show(
      lines.join('\n'),
      above.length > 0 ? () => above.forEach((text) => write(`${text}\n`)) : undefined,
    );
  return { terminal, live, draw, history, writes: () => writes };
}

test('whatever was drawn before, the screen shows the lines that were printed and the last frame', async () => {
  const random = seeded(7);
  const pick = (n: number) => Math.floor(random() * n);
  const { live, draw, history, terminal } = await makeScreen(30, 12);
  const printed: string[] = [];
  let frame: string[] = [];
  for (let round = 0; round < 400; round++) {
    const above = Array.from({ length: pick(4) === 0 ? 1 + pick(3) : 0 }, (_, i) => `printed ${round}.${i}`);
    printed.push(...above);
    // Mostly as it was, as in life: one line changed, or left out, or new.
    const at = pick(frame.length + 1);
    const change = [`frame ${round}`, '修复 ✅', ''].slice(0, pick(3));
    frame = [...frame.slice(0, at), ...change, ...frame.slice(at + pick(2))].slice(0, 8);
    if (frame.length === 0 || frame.at(-1) === '') frame.push(`end ${round}`);
    frame = frame.slice(-9);
    draw(frame, above);
    assert.deepEqual((await history()).slice(-40), [...printed, ...frame].slice(-40), `round ${round}`);
  }
  live.clear();
  assert.deepEqual(await history(), printed);
  assert.equal(terminal.modes.wraparoundMode, true);
});

test('a frame is one write, and one in which nothing has changed is none', async () => {
  const { live, draw, writes } = await makeScreen(30, 12);
  draw(['a', 'b', 'c']);
  draw(['a', 'B', 'c']);
  draw(['a', 'c']);
  assert.equal(writes(), 3);
  draw(['a', 'c']);
  assert.equal(writes(), 3);
  live.clear();
  live.clear();
  assert.equal(writes(), 4);
});

test('a terminal that has been made narrower or wider shows the frame once', async () => {
  const { draw, history, terminal } = await makeScreen(60, 20);
  const frameOf = (columns: number) =>
    ['x', '修', 'y'].map((char) => char.repeat(Math.floor((columns - 1) / 2)));
  draw(frameOf(60), ['printed']);
  for (const columns of [21, 50, 33, 60, 22]) {
    await history();
    terminal.resize(columns, 20);
    draw(frameOf(columns));
    assert.deepEqual(await history(), ['printed', ...frameOf(columns)]);
  }
});

test('where the terminal takes a character for wider than we do, a line is cut off, and not one too many', async () => {
  const { draw, history, terminal } = await makeScreen(10, 10);
  terminal.unicode.activeVersion = '6'; // 👩‍👩‍👧 takes six columns there
  for (let i = 0; i < 3; i++) draw([`${'👩‍👩‍👧'.repeat(4)}${i}`, `last ${i}`]);
  const lines = await history();
  assert.equal(lines.length, 2, lines.join('\n'));
  assert.equal(lines[1], 'last 2');
});
