/**
 * Preloaded into the product: a timer of 1 ms in its main thread keeps when each tick came and how long after the one
 * before, and writes a line `AT MS` for each into $BENCH_DELAYS at the end. AT is in ms since the epoch.
 */
import { writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const { BENCH_DELAYS } = process.env;

if (isMainThread && BENCH_DELAYS !== undefined) {
  delete process.env.BENCH_DELAYS; // children that are Node programs too have nothing to note
  const ticks = [];
  let last = performance.now();
  setInterval(() => {
    const now = performance.now();
    ticks.push(now, now - last);
    last = now;
  }, 1).unref();
  process.once('exit', () => {
    const lines = [];
    for (let i = 0; i < ticks.length; i += 2)
      lines.push(`${(performance.timeOrigin + ticks[i]).toFixed(3)} ${ticks[i + 1].toFixed(3)}\n`);
    writeFileSync(BENCH_DELAYS, lines.join(''));
  });
}
