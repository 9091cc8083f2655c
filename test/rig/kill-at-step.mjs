/**
 * Preloaded into the CLI (`NODE_OPTIONS=--import …`, which its worker threads inherit): counts the file system calls
 * that change something in $KILL_IN, in all threads together, and kills the process just before call $KILL_AT. Each
 * call is written to $KILL_TRACE first, so that the last line of the trace says where the process died. $KILL_BEFORE is a
 * regular expression instead: the process is killed just before the first call whose line in the trace it matches.
 * Without both it only writes the trace.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';

const { KILL_IN, KILL_AT, KILL_BEFORE, KILL_TRACE } = process.env;
const before = KILL_BEFORE === undefined ? undefined : new RegExp(KILL_BEFORE);
const real = { ...fs };
const COUNTER = 'codex-worker test: steps';
if (isMainThread) setEnvironmentData(COUNTER, new Int32Array(new SharedArrayBuffer(4)));
const counter = getEnvironmentData(COUNTER);
const trace = KILL_TRACE === undefined ? undefined : real.openSync(KILL_TRACE, 'a');
const names = new Map();

const isInside = (path) => typeof path === 'string' && path.startsWith(KILL_IN);
/** The self-test of the file system comes before the protocol, and leaves nothing that the janitor would not find. */
const counts = (path) => isInside(path) && !path.includes('/tmp/test-');

function step(verb, ...paths) {
  if (!paths.some(counts)) return;
  const n = Atomics.add(counter, 0, 1) + 1;
  const what = `${verb} ${paths.map((path) => path.slice(KILL_IN.length + 1)).join(' ')}`;
  if (trace !== undefined) real.writeSync(trace, `${n} ${what}\n`);
  if (String(n) === KILL_AT || before?.test(what)) for (;;) process.kill(process.pid, 'SIGKILL');
}

if (KILL_IN !== undefined) {
  fs.open = (path, ...rest) => {
    step('open', path);
    const done = rest.pop();
    real.open(path, ...rest, (error, fd) => {
      if (!error) names.set(fd, path);
      done(error, fd);
    });
  };
  for (const verb of ['write', 'writeSync', 'fsync']) {
    fs[verb] = (fd, ...rest) => {
      step(verb, names.get(fd));
      return real[verb](fd, ...rest);
    };
  }
  for (const verb of ['link', 'rename']) {
    fs[verb] = (from, to, done) => {
      step(verb, from, to);
      real[verb](from, to, done);
    };
  }
  for (const verb of ['unlink', 'mkdir']) {
    fs[verb] = (path, ...rest) => {
      step(verb, path);
      real[verb](path, ...rest);
    };
  }
}
syncBuiltinESMExports();
