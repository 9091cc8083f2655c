/**
 * `npm test`: all tests, or `npm test -- io crash/orphans` for those whose path contains one of the words.
 *
 * A list of its own, because Node 20 expands no globs and would otherwise run every file below `test`.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { glob } from 'tinyglobby';

const root = fileURLToPath(new URL('..', import.meta.url));
const words = process.argv.slice(2);
/** The suites that take minutes, so that they do not begin when all others have ended. */
const LONGEST_FIRST = ['test/crash/', 'test/e2e/'];

const found = await glob('test/**/*.test.ts', { cwd: root });
const rank = (file: string) => LONGEST_FIRST.findIndex((prefix) => file.startsWith(prefix)) >>> 0;
const files = found
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
if (files.length === 0) {
  console.error(`no test file matches ${words.join(' ')}`);
  process.exit(2);
}

const args = [
  '--import',
  'tsx',
  '--test',
  '--test-concurrency=2',
  '--test-timeout=300000',
  '--test-reporter=spec',
];
const child = spawn(process.execPath, [...args, ...files], { cwd: root, stdio: 'inherit' });
child.once('exit', (code, signal) => {
  process.exitCode = signal ? 1 : (code ?? 1);
});
