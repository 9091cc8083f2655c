/** Compiles src and workers to dist, whole: nothing of an earlier build is left in it, and a build that fails changes nothing. */
import { execFileSync } from 'node:child_process';
import { chmodSync, renameSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [fresh, dist, old] = ['new', '', 'old'].map(
  (word) => `${root}dist${word && `.${word}.${process.pid}`}`,
);
const tsc = `${root}node_modules/typescript/bin/tsc`;
try {
  execFileSync(process.execPath, [tsc, '-p', `${root}tsconfig.build.json`, '--outDir', fresh], {
    stdio: 'inherit',
    cwd: root,
  });
  chmodSync(`${fresh}/src/cli.js`, 0o755);
  try {
    renameSync(dist, old);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  renameSync(fresh, dist);
} finally {
  rmSync(fresh, { recursive: true, force: true });
  rmSync(old, { recursive: true, force: true });
}
