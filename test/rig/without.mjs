/**
 * Preloaded into the CLI (`NODE_OPTIONS=--import …`, after kill-at-step.mjs where both are used): takes the guard that
 * $WITHOUT names out of the program, for the tests that show that its loss is noticed. A name that is not here is an
 * error: a control with every guard in its place would only say that nothing was found.
 *   lock-in-place    the lock file appears empty and is filled afterwards, instead of appearing complete
 *   copied-result    a result is copied to its name and its log removed, instead of renamed
 *   early-release    the lock is released before the result is published
 *   early-go         the gate is opened as soon as the child exists, before the claim
 *   rights-for-all   a break right is granted to whoever asks, also while another has it
 *   probe-for-all    the right to try whether a limit is lifted is granted to whoever asks, and nobody sees who has it
 *   nobody-lives     no other process can be seen, so that every owner counts as dead
 *   blind            no environment of another process can be read, and no group is killed: orphans are not found
 *   stopped-lives    a process that is stopped counts as dead
 *   no-follow        a task file that is a symbolic link is followed
 *   janitor          what the dead left between two steps is not seen
 *   shown-words      what a person was shown and what an agent asks are taken for the same words
 *   answers-for-all  whoever answers is told that it was his answer that counts
 *   question-stays   the file of a question is never removed
 *   work             no process is seen to use CPU
 */
import childProcess from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import { basename, dirname } from 'node:path';
import { syncBuiltinESMExports } from 'node:module';

const { link, lstat, open, opendir, readFileSync, rename, stat, unlink, write } = fs;
const { WITHOUT, FAKE_CODEX_TASKS } = process.env;
const { spawn } = childProcess;
const RESULT = /\/(?:done|failed)_exec_log-(.*)\.txt$/;

/** Writes `bytes` to a new file in steps of their own, each of which another preload may see. */
function writeInPlace(path, bytes, done) {
  open(path, 'wx', 0o600, (error, fd) => {
    if (error) {
      done(error);
      return;
    }
    write(fd, bytes, 0, bytes.length, 0, (failure) => fs.close(fd, (second) => done(failure ?? second)));
  });
}

const guards = {
  'lock-in-place': () => {
    fs.link = (from, to, done) => {
      const finish = (error) => {
        if (!error) {
          fs.unlinkSync(from);
          fs.linkSync(to, from); // the same file by both names, as after a link
        }
        done(error);
      };
      if (to.includes('/.lock-')) writeInPlace(to, readFileSync(from), finish);
      else link(from, to, done);
    };
  },
  'copied-result': () => {
    fs.rename = (from, to, done) => {
      const finish = (error) => (error ? done(error) : unlink(from, done));
      if (RESULT.test(to) && fs.existsSync(from)) writeInPlace(to, readFileSync(from), finish);
      else rename(from, to, done);
    };
  },
  'early-release': () => {
    fs.rename = (from, to, done) => {
      if (RESULT.test(to)) unlink(to.replace(RESULT, '/.lock-$1'), () => rename(from, to, done));
      else rename(from, to, done);
    };
  },
  'early-go': () => {
    childProcess.spawn = (...request) => {
      const child = spawn(...request);
      child.stdio[3]?.write('GO\n');
      return child;
    };
  },
  'rights-for-all': () => {
    fs.link = (from, to, done) =>
      link(from, to, (error) => done(error?.code === 'EEXIST' && to.includes('/.break-') ? null : error));
    // The race that this opens is a few microseconds wide; a scheduler could stop anybody here for as long as it likes.
    fs.unlink = (path, done) => {
      if (path.includes('/.lock-')) setTimeout(() => unlink(path, done), Math.random() * 2_000);
      else unlink(path, done);
    };
  },
  'shown-words': () => {
    const { createHash } = crypto;
    crypto.createHash = (...algorithm) => {
      const hash = createHash(...algorithm);
      const update = hash.update.bind(hash);
      hash.update = (data, ...rest) => {
        const [, claim, n] = /^\{"claim":"([0-9a-f]{32})","n":(\d+),/.exec(String(data)) ?? [];
        return claim === undefined ? update(data, ...rest) : update(`${claim}.${n}`);
      };
      return hash;
    };
  },
  'answers-for-all': () => {
    fs.link = (from, to, done) =>
      to.includes('/answers/') ? link(from, to, () => done(null)) : link(from, to, done);
  },
  'question-stays': () => {
    fs.unlink = (path, done) => (path.includes('/questions/') ? done(null) : unlink(path, done));
  },
  'probe-for-all': () => {
    fs.link = (from, to, done) => (to.includes('/tmp/probe.') ? done(null) : link(from, to, done));
  },
  'nobody-lives': () => {
    fs.readFileSync = (path, ...rest) => {
      const [, pid] = /^\/proc\/(\d+)\/stat$/.exec(path) ?? [];
      const isOther = pid !== undefined && Number(pid) !== process.pid;
      return readFileSync(isOther ? '/proc/0/stat' : path, ...rest);
    };
  },
  blind: () => {
    fs.readFileSync = (path, ...rest) =>
      /^\/proc\/\d+\/environ$/.test(path) ? 'BLIND=1\0' : readFileSync(path, ...rest);
  },
  'stopped-lives': () => {
    fs.readFileSync = (path, ...rest) => {
      const read = readFileSync(path, ...rest);
      return /^\/proc\/\d+\/stat$/.test(path) ? read.replace(/\) T /, ') Z ') : read;
    };
  },
  'no-follow': () => {
    const isTask = (path) =>
      typeof path === 'string' && dirname(path) === FAKE_CODEX_TASKS && /^[^.].*\.md$/.test(basename(path));
    fs.open = (path, flags, ...rest) =>
      open(path, isTask(path) ? flags & ~fs.constants.O_NOFOLLOW : flags, ...rest);
    fs.lstat = (path, ...rest) => (isTask(path) ? stat : lstat)(path, ...rest);
  },
  work: () => {
    fs.readFileSync = (path, ...rest) => {
      const read = readFileSync(path, ...rest);
      if (!/^\/proc\/\d+\/stat$/.test(path)) return read;
      const [command, fields] = [
        read.slice(0, read.lastIndexOf(')')),
        read.slice(read.lastIndexOf(')')).split(' '),
      ];
      return command + fields.with(12, 0).with(13, 0).with(14, 0).with(15, 0).join(' ');
    };
  },
  janitor: () => {
    fs.opendir = (directory, ...rest) => {
      const done = rest.pop();
      const isTemporary = String(directory).endsWith('/.codex-worker/tmp');
      const isLeft = (entry) => entry && (isTemporary || /^(?:\.break-|\.exec_log-)/.test(entry.name));
      opendir(directory, ...rest, (error, opened) => {
        if (error) {
          done(error);
          return;
        }
        const { read, readSync } = opened;
        opened.read = async () => {
          for (;;) {
            const entry = await read.call(opened);
            if (!isLeft(entry)) return entry;
          }
        };
        opened.readSync = () => {
          for (;;) {
            const entry = readSync.call(opened);
            if (!isLeft(entry)) return entry;
          }
        };
        done(null, opened);
      });
    };
  },
};

if (WITHOUT !== undefined) {
  if (!Object.hasOwn(guards, WITHOUT)) throw new Error(`there is no guard ${WITHOUT} to take out`);
  guards[WITHOUT]();
  syncBuiltinESMExports();
}
