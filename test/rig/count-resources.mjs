/**
 * Preloaded into the CLI: appends a line `THREAD TIMERS MEGABYTES` to $RESOURCES_TRACE twice a second, for each of its
 * threads: timers that are never cleared, and what is still alive after a garbage collection, cannot be seen from outside. $RESOURCES_LEAK takes a guard out:
 *   descriptors   one in five closes does nothing
 *   memory        what is appended to a file is remembered
 *   timers        every open leaves a timer behind, until nothing is opened any more: the process could not end
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import v8 from 'node:v8';
import vm from 'node:vm';
import { threadId } from 'node:worker_threads';

const { RESOURCES_TRACE, RESOURCES_LEAK } = process.env;
const { appendFileSync, close, open, writeSync } = fs;

v8.setFlagsFromString('--expose-gc');
const collectGarbage = vm.runInNewContext('gc');

const AT_REST_MS = 3_000;
const leaked = [];
let openedAt = 0;

setInterval(() => {
  if (Date.now() - openedAt > AT_REST_MS) for (const timer of leaked.splice(0)) clearTimeout(timer);
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  const timers = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  appendFileSync(RESOURCES_TRACE, `${threadId} ${timers} ${(heapUsed + external) / 2 ** 20}\n`);
}, 500).unref();

let calls = 0;
const kept = [];
if (RESOURCES_LEAK === 'descriptors') {
  fs.close = (fd, done) => {
    if (++calls % 5 === 0) process.nextTick(done, null);
    else close(fd, done);
  };
} else if (RESOURCES_LEAK === 'memory') {
  fs.writeSync = (fd, bytes, ...rest) => {
    kept.push(Buffer.from(bytes), Buffer.alloc(65_536, 1));
    return writeSync(fd, bytes, ...rest);
  };
} else if (RESOURCES_LEAK === 'timers') {
  fs.open = (...args) => {
    openedAt = Date.now();
    leaked.push(setTimeout(() => {}, 600_000)); // with a reference: others are not counted
    return open(...args);
  };
}
syncBuiltinESMExports();
