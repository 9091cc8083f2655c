/**
 * Preloaded into the CLI (`NODE_OPTIONS=--import …`, which its worker threads inherit): counts the file system calls
 * that change something in $KILL_IN, in all threads together, and kills the process just before call $KILL_AT. Each
 * call is written to $KILL_TRACE first, so that the last line of the trace says where the process died. Without
 * $KILL_AT it only writes the trace.
 *
 * $KILL_GUARD takes a guard of the protocol out, for the tests that show that its loss is noticed:
 *   lock-in-place   the lock file appears empty and is filled afterwards, instead of appearing complete
 *   blind           no environment of another process can be read, and no group is killed: orphans are not found
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';

const { KILL_IN, KILL_AT, KILL_TRACE, KILL_GUARD } = process.env;
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
  if (trace !== undefined)
    real.writeSync(trace, `${n} ${verb} ${paths.map((path) => path.slice(KILL_IN.length + 1)).join(' ')}\n`);
  if (String(n) === KILL_AT) for (;;) process.kill(process.pid, 'SIGKILL');
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

if (KILL_GUARD === 'lock-in-place') {
  const { link } = fs;
  fs.link = (from, to, done) => {
    if (!to.includes('/.lock-')) {
      link(from, to, done);
      return;
    }
    try {
      step('open', to);
      const fd = real.openSync(to, 'wx');
      step('write', to);
      real.writeSync(fd, real.readFileSync(from));
      real.closeSync(fd);
      real.unlinkSync(from);
      real.linkSync(to, from); // the same file by both names, as after a link
      done(null);
    } catch (error) {
      done(error);
    }
  };
}

if (KILL_GUARD === 'blind') {
  fs.readFileSync = (path, ...rest) => {
    if (/^\/proc\/\d+\/environ$/.test(path)) return Buffer.from('BLIND=1\0');
    return real.readFileSync(path, ...rest);
  };
}
syncBuiltinESMExports();
