/**
 * Whether agents could answer their own questions: the sandbox lets them write where they work, and temporary files. Whoever
 * has danger-full-access needs no answer to do anything.
 */
import { relative } from 'node:path';
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
    if (root && !/^\.\.(?:\/|$)/.test(relative(root, place))) return writable;
  }
  return undefined;
}
