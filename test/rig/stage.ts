/** A run of puppets on a terminal. */
import assert from 'node:assert/strict';
import type { Cleanup } from './cleanup.ts';
import { makeBench, type Bench } from './cli.ts';
import { makePuppets, type Puppets } from './puppet.ts';
import { openScreen, type Screen, type ScreenOptions } from './screen.ts';

interface Stage {
  readonly bench: Bench;
  readonly puppets: Puppets;
  readonly screen: Screen;
}

/** `Task NAME.` is the prompt of each. */
export async function start(
  t: Cleanup,
  tasks: readonly string[],
  args: readonly string[],
  options: ScreenOptions = {},
): Promise<Stage> {
  const puppets = await makePuppets(t);
  const bench = await makeBench(t);
  for (const name of tasks) await bench.write(`${name}.md`, `Task ${name}.`);
  const screen = await openScreen(t, bench, ['codex-worker', ...args], {
    ...options,
    env: { ...puppets.env, ...options.env },
  });
  return { bench, puppets, screen };
}

/** Of the task that a puppet was started for. */
export const nameOf = ({ prompt }: { readonly prompt: string }) => /Task (.*)\./.exec(prompt)?.[1] ?? '';
export const shows = (screen: Screen, pattern: RegExp) =>
  screen.until(`it shows ${pattern}`, () => pattern.test(screen.text));

/** Nothing of the view is left, and whoever comes next finds a terminal as it should be. */
export function assertTidy(screen: Screen): void {
  assert.doesNotMatch(screen.history, /[━╌]|\d+ to go|\? for keys/);
  assert.equal(screen.isCursorShown, true);
  assert.equal(screen.terminal.modes.wraparoundMode, true);
}
