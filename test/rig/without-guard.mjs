/**
 * Preloaded into the CLI: the same program with one guard taken out ($WITHOUT), for the tests that show that its loss is
 * noticed.
 *   stopped-lives   a process that is stopped counts as dead
 *   no-follow       a task file that is a symbolic link is followed
 *   janitor         what the dead left between two steps is not seen
 */
import fs from 'node:fs';
import path from 'node:path';
import { syncBuiltinESMExports } from 'node:module';

const { WITHOUT, FAKE_CODEX_TASKS } = process.env;
const real = { ...fs };
const isTask = (file) =>
  typeof file === 'string' &&
  path.dirname(file) === FAKE_CODEX_TASKS &&
  /^[^.].*\.md$/.test(path.basename(file));

if (WITHOUT === 'stopped-lives') {
  fs.readFileSync = (file, ...rest) => {
    const read = real.readFileSync(file, ...rest);
    return /^\/proc\/\d+\/stat$/.test(file) ? read.replace(/\) T /, ') Z ') : read;
  };
}

if (WITHOUT === 'no-follow') {
  fs.open = (file, flags, ...rest) =>
    real.open(file, isTask(file) ? flags & ~fs.constants.O_NOFOLLOW : flags, ...rest);
  fs.lstat = (file, ...rest) => (isTask(file) ? real.stat : real.lstat)(file, ...rest);
}

if (WITHOUT === 'janitor') {
  fs.readdir = (directory, ...rest) => {
    const done = rest.pop();
    real.readdir(directory, ...rest, (error, entries) => {
      const isLeft = (entry) => /^(?:\.break-|\.exec_log-)/.test(String(entry));
      const isTemporary = String(directory).endsWith('/.codex-worker/tmp');
      done(
        error,
        error || !Buffer.isBuffer(entries[0])
          ? entries
          : isTemporary
            ? []
            : entries.filter((entry) => !isLeft(entry)),
      );
    });
  };
}
syncBuiltinESMExports();
