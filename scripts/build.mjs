/** Compiles src and workers to dist, whole: nothing of an earlier build is left in it. */
import { execFileSync } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
rmSync(`${root}/dist`, { recursive: true, force: true });
execFileSync(
  process.execPath,
  [`${root}/node_modules/typescript/bin/tsc`, '-p', `${root}/tsconfig.build.json`],
  { stdio: 'inherit', cwd: root },
);
chmodSync(`${root}/dist/src/cli.js`, 0o755);
