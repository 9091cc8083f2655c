/** Packs the package, installs it globally into a scratch prefix, and uses it there: what a user gets, not what we have. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'codex-worker-packed-'));
const run = (command, args, options = {}) =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], ...options });

try {
  const [tarball] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', scratch], { cwd: root }));
  run('npm', [
    'install',
    '--global',
    '--no-audit',
    '--no-fund',
    '--prefix',
    scratch,
    join(scratch, tarball.filename),
  ]);
  const worker = join(scratch, 'bin', 'codex-worker');
  const tasks = join(scratch, 'tasks');
  mkdirSync(tasks);
  writeFileSync(join(tasks, 'one.md'), 'Say hello.\n');
  const fake = join(scratch, 'fake-codex');
  writeFileSync(fake, '#!/bin/sh\ncat\n');
  chmodSync(fake, 0o755);
  const version = run(worker, ['--version']);
  const output = run(worker, ['tasks'], { cwd: scratch, env: { ...process.env, CODEX_CMD: fake } });
  const done = readdirSync(tasks).includes('done_exec_log-one.md.txt');
  if (!done || !/✅ tasks\/one\.md completed/.test(output))
    throw new Error(`the installed package did not complete its task:\n${output}`);
  for (const name of ['config', 'task'])
    if (!tarball.files.some(({ path }) => path === `schemas/${name}.schema.json`))
      throw new Error(`the package has no schema for ${name}`);
  console.log(
    `${tarball.filename}: ${tarball.files.length} files, ${Math.round(tarball.unpackedSize / 1024)} KiB; installed and ran (${version.trim()})`,
  );
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
