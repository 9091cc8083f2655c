/**
 * A terminal for a program: a real pseudo-terminal, and an emulator that says what a person would see on it.
 *
 *     const screen = await openScreen(t, bench, ['codex-worker', '-c', '3'], { columns: 80, rows: 24 });
 *     await screen.until('it runs', () => /1 running/.test(screen.text));
 *     screen.press('q');
 *     assert.equal(await screen.ended(), 130);
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Terminal } from '@xterm/headless';
import { columnsOf } from '../../src/report/widths.ts';
import type { Cleanup } from './cleanup.ts';
import { PATIENCE_MS, type Bench } from './cli.ts';

type Pty = typeof import('@lydell/node-pty');

/** Its binary is there for some platforms only. */
const pty: Pty | undefined = await import('@lydell/node-pty').catch(() => undefined);

/** For `test`: why nothing can be seen here. */
export const noScreen = pty ? false : '@lydell/node-pty has no binary for this platform';

export interface ScreenOptions {
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: NodeJS.ProcessEnv;
}

export interface Screen {
  readonly pid: number;
  /** The emulator, for whoever wants more than text. */
  readonly terminal: Terminal;
  /** What is on the screen now, without blanks at the ends of lines and without empty lines at its end. */
  readonly lines: readonly string[];
  readonly text: string;
  /** Everything, with what has scrolled away; lines that the terminal has wrapped are whole. */
  readonly history: string;
  readonly isCursorShown: boolean;
  /** Frames, as the marks of synchronised updates tell them, with the time at which each came, ms. */
  readonly frames: readonly number[];
  press(keys: string): void;
  resize(columns: number, rows: number): void;
  until<T>(
    what: string,
    look: () => T | Promise<T>,
    withinMs?: number,
  ): Promise<Exclude<T, undefined | false>>;
  /** The exit code, once everything that was written is on the screen. */
  ended(withinMs?: number): Promise<number>;
}

/** Starts `command` on it, in the tasks of the bench. */
export async function openScreen(
  t: Cleanup,
  bench: Bench,
  [command = '', ...args]: readonly string[],
  { columns = 80, rows = 24, env = {} }: ScreenOptions = {},
): Promise<Screen> {
  if (!pty) throw new Error('no pseudo-terminal');
  const terminal = await makeEmulator(columns, rows);
  const environment = bench.environment({ TERM: 'xterm-256color', ...env });
  const child = pty.spawn(command, [...args], {
    cwd: bench.tasks,
    cols: columns,
    rows,
    env: environment,
  });
  let exitCode: number | undefined;
  let isCursorShown = true;
  const frames: number[] = [];
  const watch = (final: 'h' | 'l') =>
    terminal.parser.registerCsiHandler({ prefix: '?', final }, ([mode]) => {
      if (mode === 25) isCursorShown = final === 'h';
      if (mode === 2026 && final === 'l') frames.push(performance.now());
      return false; // and now the emulator's own
    });
  watch('h');
  watch('l');
  let written: Promise<void> = Promise.resolve();
  child.onData((data) => (written = new Promise((resolve) => terminal.write(data, resolve))));
  child.onExit(({ exitCode: code, signal }) => (exitCode = signal ? 128 + signal : code));
  t.after(() => {
    if (exitCode === undefined) child.kill('SIGKILL');
    terminal.dispose();
  });
  const until = async <T>(
    what: string,
    look: () => T | Promise<T>,
    withinMs = PATIENCE_MS,
  ): Promise<Exclude<T, undefined | false>> => {
    const deadline = performance.now() + withinMs;
    for (;;) {
      await written;
      const found = await look();
      if (found !== undefined && found !== false) return found as Exclude<T, undefined | false>;
      if (performance.now() > deadline)
        throw new Error(`waited ${withinMs} ms in vain until ${what}; on the screen:\n${screen.history}`);
      await sleep(20);
    }
  };
  const screen: Screen = {
    pid: child.pid,
    terminal,
    get lines() {
      return linesOf(terminal).slice(terminal.buffer.active.baseY);
    },
    get text() {
      return this.lines.join('\n');
    },
    get history() {
      return linesOf(terminal, true).join('\n');
    },
    get isCursorShown() {
      return isCursorShown;
    },
    frames,
    press: (keys) => child.write(keys),
    resize: (newColumns, newRows) => {
      terminal.resize(newColumns, newRows);
      child.resize(newColumns, newRows);
    },
    until,
    ended: (withinMs) => until('it ends', () => exitCode, withinMs),
  };
  return screen;
}

/** What the next character may be one with. */
const [AFTER_JOINER, HALF_FLAG] = [1, 2];

/** With the widths of a terminal of today; without them the emulator has those of 2010, before there were emoji. */
export async function makeEmulator(columns: number, rows: number): Promise<Terminal> {
  const { Terminal: Emulator } = await import('@xterm/headless');
  const terminal = new Emulator({ cols: columns, rows, allowProposedApi: true, scrollback: 5_000 });
  const widthOf = (codePoint: number) => Math.min(2, columnsOf(String.fromCodePoint(codePoint))) as 0 | 1 | 2;
  terminal.unicode.register({
    version: 'today',
    wcwidth: widthOf,
    charProperties: (codePoint, preceding) => {
      const [width, state] = [codePoint < 0x20 ? 0 : widthOf(codePoint), preceding >> 3];
      const isFlag = codePoint >= 0x1f1e6 && codePoint <= 0x1f1ff;
      const isJoined =
        preceding !== 0 && (width === 0 || state === AFTER_JOINER || (isFlag && state === HALF_FLAG));
      const next = codePoint === 0x200d ? AFTER_JOINER : isFlag && !isJoined ? HALF_FLAG : 0;
      return (next << 3) | ((isJoined ? (preceding >> 1) & 3 : isFlag ? 2 : width) << 1) | (isJoined ? 1 : 0);
    },
  });
  terminal.unicode.activeVersion = 'today';
  return terminal;
}

function linesOf(terminal: Terminal, joined = false): string[] {
  const { active } = terminal.buffer;
  const lines: string[] = [];
  for (let y = 0; y < active.length; y++) {
    const line = active.getLine(y);
    const text = line?.translateToString(true) ?? '';
    if (joined && line?.isWrapped === true) lines.push((lines.pop() ?? '') + text);
    else lines.push(text);
  }
  while (lines.at(-1) === '') lines.pop();
  return lines;
}
