/**
 * Preloaded into the CLI (`NODE_OPTIONS=--import …`, which its worker threads inherit): counts the file system calls on
 * paths in $FAIL_IN, in all threads together, and lets those from call $FAIL_AT on fail with $FAIL_ERRNO, $FAIL_CALLS of
 * them. With $FAIL_HAPPENED a call that changes a name is made all the same, and reported as failed. Each failure is
 * written to $FAIL_TRACE. Outside of `fs`, through `fs/promises` and the descriptors of others, nothing fails.
 *
 * $FAIL_LINKS=no: the file system has no hard links. $FAIL_GUARD=deaf: what fails of writing, syncing and renaming is
 * taken for done, a real lack of room included.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';

const { FAIL_IN, FAIL_AT, FAIL_ERRNO, FAIL_CALLS, FAIL_HAPPENED, FAIL_TRACE, FAIL_LINKS, FAIL_GUARD } =
  process.env;
const real = { ...fs };
const COUNTER = 'codex-worker test: calls';
if (isMainThread) setEnvironmentData(COUNTER, new Int32Array(new SharedArrayBuffer(4)));
const counter = getEnvironmentData(COUNTER);
const trace = FAIL_TRACE === undefined ? undefined : real.openSync(FAIL_TRACE, 'a');
const names = new Map();

const UNHEARD = new Set(['write', 'fsync', 'rename']);
const isInside = (path) => typeof path === 'string' && path.startsWith(FAIL_IN);
const failure = (verb, path, code) =>
  Object.assign(new Error(`${code}: made up, ${verb} '${path}'`), { code, syscall: verb, path });

/** The error of this call; `undefined` when it goes on. */
function fault(verb, path, isNaming) {
  if (!isInside(path)) return undefined;
  if (FAIL_LINKS === 'no' && verb === 'link') return failure(verb, path, 'EPERM');
  if (FAIL_GUARD === 'deaf' && (!UNHEARD.has(verb) || path.includes('/tmp/test-'))) return undefined;
  if (FAIL_AT === undefined || (FAIL_HAPPENED === 'yes' && !isNaming)) return undefined;
  const n = Atomics.add(counter, 0, 1) + 1;
  if (n < Number(FAIL_AT) || n >= Number(FAIL_AT) + Number(FAIL_CALLS ?? 1)) return undefined;
  real.writeSync(trace, `${n} ${verb} ${path.slice(FAIL_IN.length + 1)}\n`);
  return failure(verb, path, FAIL_ERRNO);
}

const async = (verb, pathOf, { isNaming = false, after = () => {} } = {}) => {
  fs[verb] = (...args) => {
    const done = args.pop();
    const error = fault(verb, pathOf(args), isNaming);
    const answer = (...results) => {
      const isUnheard = FAIL_GUARD === 'deaf' && verb === 'write' && results[0]?.code === 'ENOSPC';
      if (!results[0]) after(args, results);
      done(...(isUnheard ? [null, args[3]] : results));
    };
    if (!error) real[verb](...args, answer);
    else if (FAIL_GUARD === 'deaf') process.nextTick(done, null, args[3]);
    else if (FAIL_HAPPENED === 'yes') real[verb](...args, (own) => done(own ?? error));
    else process.nextTick(done, error);
  };
};

if (FAIL_IN !== undefined) {
  const first = ([path]) => path;
  const second = ([, path]) => path;
  const named = ([fd]) => names.get(fd);
  async('open', first, { after: ([path], [, fd]) => void names.set(fd, path) });
  // A close that fails has closed.
  fs.close = (fd, done) => {
    const error = fault('close', names.get(fd), false);
    names.delete(fd);
    real.close(fd, (own) => done(own ?? error ?? null));
  };
  for (const verb of ['read', 'write', 'fsync', 'fstat']) async(verb, named);
  for (const verb of ['lstat', 'readdir', 'opendir']) async(verb, first);
  for (const verb of ['link', 'rename']) async(verb, second, { isNaming: true });
  for (const verb of ['unlink', 'mkdir']) async(verb, first, { isNaming: true });
  fs.writeSync = (fd, ...rest) => {
    const error = fault('writeSync', names.get(fd), false);
    if (error) throw error;
    return real.writeSync(fd, ...rest);
  };
}
syncBuiltinESMExports();
