/**
 * Preloaded into the CLI (`NODE_OPTIONS=--import …`): stops the process at the first open or mkdir in $HOLD_IN of a path
 * that the regular expression $HOLD_AT matches, writes the ids of its threads to $HOLD_FILE, and goes on when each of
 * them is traced. So a tracer counts from there, and neither the loading of modules nor children are in its way.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const PATIENCE_MS = 20_000;
/** Says that nobody traced it. An exit would end only the thread. */
const NEVER_TRACED = 'SIGABRT';
const { HOLD_IN, HOLD_AT, HOLD_FILE } = process.env;
const place = new RegExp(HOLD_AT);
const { existsSync, mkdir, open, readdirSync, readFileSync, renameSync, writeFileSync } = fs;
const clock = new Int32Array(new SharedArrayBuffer(4));
let isOver = false;

const threads = () => readdirSync('/proc/self/task');
const isTraced = (thread) =>
  !/^TracerPid:\s0$/m.test(readFileSync(`/proc/self/task/${thread}/status`, 'utf8'));

function hold(path) {
  if (isOver || typeof path !== 'string' || !path.startsWith(HOLD_IN)) return;
  if (!place.test(path.slice(HOLD_IN.length))) return;
  isOver = true;
  if (existsSync(HOLD_FILE)) return; // another thread was held
  writeFileSync(`${HOLD_FILE}.new`, threads().join('\n'));
  renameSync(`${HOLD_FILE}.new`, HOLD_FILE);
  const until = performance.now() + PATIENCE_MS;
  while (!threads().every(isTraced)) {
    if (performance.now() > until) process.kill(process.pid, NEVER_TRACED);
    Atomics.wait(clock, 0, 0, 2);
  }
}

fs.open = (path, ...rest) => {
  hold(path);
  open(path, ...rest);
};
fs.mkdir = (path, ...rest) => {
  hold(path);
  mkdir(path, ...rest);
};
syncBuiltinESMExports();
