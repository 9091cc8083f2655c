/** Which sources these are: the commit, and whether they were changed since; `unknown` outside of a git checkout. */
import { execFileSync } from 'node:child_process';

export function commit(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const isChanged = git('status', '--porcelain', '--untracked-files=no').trim() !== '';
    return `${git('rev-parse', '--short', 'HEAD').trim()}${isChanged ? ', changed' : ''}`;
  } catch {
    return 'unknown';
  }
}
