/** The end of the time that a run was given. */
import type { World } from './world.ts';

/** A machine that sleeps must not postpone it: so the wall clock is compared, again and again, instead of one long timer. */
const LOOK_EVERY_MS = 1_000;

/** Calls `onDue` once, when the wall clock shows `at` (ms since 1970) or later; not when it is disposed of before. */
export function whenItIs(world: Pick<World, 'now'>, at: number | undefined, onDue: () => void): Disposable {
  if (at === undefined) return { [Symbol.dispose]: () => {} };
  let timer: NodeJS.Timeout;
  const wait = () => {
    timer = setTimeout(look, LOOK_EVERY_MS);
  };
  const look = () => {
    if (world.now().getTime() < at) wait();
    else onDue();
  };
  wait();
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}
