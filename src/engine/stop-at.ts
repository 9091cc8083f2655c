/** The end of the time that a run was given. */
import type { World } from './world.ts';

/** A machine that sleeps must not postpone it: so the wall clock is compared, again and again, instead of one long timer. */
const LOOK_EVERY_MS = 1_000;

/** Calls `onDue` once, when the wall clock shows `at` (ms since 1970) or later; not when it is disposed of before. */
export function whenItIs(world: Pick<World, 'now'>, at: number | undefined, onDue: () => void): Disposable {
  const look = () => {
    if (at === undefined || world.now().getTime() < at) return;
    clearInterval(timer);
    onDue();
  };
  const timer = at === undefined ? undefined : setInterval(look, LOOK_EVERY_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
