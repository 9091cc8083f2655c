/**
 * Preloaded into the CLI (`NODE_OPTIONS=--import …`, which its worker threads inherit): just before a file system call
 * in $AT_RANDOM_IN, with the chances of $AT_RANDOM ("stop:0.02 part:0.1", each for each call), it does one of these:
 *   stop    SIGSTOP to the whole process; somebody else has to continue it
 *   part    SIGKILL to one process of an agent of this thread: to the gated runner while its claim is made, later to
 *           the watcher, to Codex, to a command of it
 *   thread  the worker thread ends, in the middle of whatever it does; once in a process
 * Each deed is a line in the file $AT_RANDOM_LOG. $AT_RANDOM_SEED decides.
 */
import childProcess from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { getEnvironmentData, isMainThread, setEnvironmentData, threadId } from 'node:worker_threads';

const { AT_RANDOM, AT_RANDOM_IN, AT_RANDOM_LOG, AT_RANDOM_SEED } = process.env;
const real = { ...fs };
const chances = (AT_RANDOM ?? '').split(' ').map((word) => word.split(':'));
const ONCE = 'codex-worker test: a thread has died';
if (isMainThread) setEnvironmentData(ONCE, new Int32Array(new SharedArrayBuffer(4)));
const once = getEnvironmentData(ONCE);

let state = (Number(AT_RANDOM_SEED ?? 0) + threadId * 7919) >>> 0;
function random() {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 2 ** 32;
}

const say = (deed) => real.appendFileSync(AT_RANDOM_LOG, `${deed}\n`);
const deeds = {
  stop: () => {
    say('stop');
    process.kill(process.pid, 'SIGSTOP');
  },
  part: () => killOne(),
  thread: () => {
    if (isMainThread || Atomics.add(once, 0, 1) > 0) return;
    say('thread');
    process.exit(1); // of this thread only
  },
};

const isInside = (path) =>
  typeof path === 'string' && path.startsWith(AT_RANDOM_IN) && !path.includes('/tmp/test-');
const names = new Map();

function step(...paths) {
  if (!paths.some(isInside)) return;
  for (const [deed, chance] of chances) if (random() < Number(chance)) deeds[deed]?.();
}

if (AT_RANDOM) {
  fs.open = (path, ...rest) => {
    step(path);
    const done = rest.pop();
    real.open(path, ...rest, (error, fd) => {
      if (!error) names.set(fd, path);
      done(error, fd);
    });
  };
  for (const verb of ['write', 'writeSync', 'fsync'])
    fs[verb] = (fd, ...rest) => {
      step(names.get(fd));
      return real[verb](fd, ...rest);
    };
  for (const verb of ['link', 'rename'])
    fs[verb] = (from, to, done) => {
      step(from, to);
      real[verb](from, to, done);
    };
  for (const verb of ['unlink', 'lstat'])
    fs[verb] = (path, ...rest) => {
      step(path);
      real[verb](path, ...rest);
    };
}

/** The leaders of the groups that this thread has started and that have not been seen to end. */
const leaders = new Set();
const { spawn } = childProcess;
childProcess.spawn = (...args) => {
  const child = spawn(...args);
  if (args[2]?.detached && child.pid !== undefined) {
    leaders.add(child.pid);
    child.once('exit', () => leaders.delete(child.pid));
  }
  return child;
};

function killOne() {
  const members = [];
  for (const pid of leaders.size === 0
    ? []
    : real.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = real.readFileSync(`/proc/${pid}/stat`, 'latin1');
      const [condition, , pgid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (!leaders.has(Number(pgid)) || condition === 'Z') continue;
      const command = real.readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      const leads = pid === pgid;
      if (!leads && command.includes('/fake-codex.sh\0')) continue; // the shell in which it works: as in processes.ts
      const isGate = command.includes('codex-worker-gate');
      members.push({ pid, kind: isGate ? (leads ? 'gate' : 'watcher') : leads ? 'codex' : 'command' });
    } catch {
      // it has ended meanwhile
    }
  }
  const one = members[Math.floor(random() * members.length)];
  if (!one) return;
  try {
    process.kill(Number(one.pid), 'SIGKILL');
  } catch {
    return; // it has ended meanwhile
  }
  say(one.kind);
}
syncBuiltinESMExports();
