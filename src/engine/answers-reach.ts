/**
 * Whether agents could answer their own questions: the sandbox lets them write where they work, and temporary files. Whoever
 * has danger-full-access needs no answer to do anything.
 */
import { relative, resolve } from 'node:path';
import { realDirectory } from '../io/real-directory.ts';
import type { Files } from '../io/files.ts';
import type { CodexSettings } from '../io/codex-arguments.ts';

/** The directory that is writable for such an agent, and has the folder of the answers in it; `undefined` when none has. */
export async function answersWithin(
  files: Files,
  folder: string,
  { mode, workingDirectory }: Pick<CodexSettings, 'mode' | 'workingDirectory'>,
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  if (mode !== 'workspace-write') return undefined;
  const place = (await realDirectory(files, folder)) ?? folder;
  for (const writable of [workingDirectory, '/tmp', env['TMPDIR']]) {
    const root = writable && ((await realDirectory(files, writable)) ?? writable);
    if (root && isIn(root, place)) return writable;
  }
  return undefined;
}

/**
 * The same of what Codex says itself, once it has begun a thread: its configuration may name more places where its agents
 * may write. `folder` is real.
 */
export const rootAround = (folder: string, roots: readonly string[]): string | undefined =>
  roots.find((root) => isIn(resolve('/', root), folder));

const isIn = (root: string, place: string) => !/^\.\.(?:\/|$)/.test(relative(root, place));
