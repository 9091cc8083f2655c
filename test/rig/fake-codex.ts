/** `fake-codex.sh` on a bench: its tasks, its history, and the judgement of both (rig/judge.ts). */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFile, mkdir, readFile, symlink } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench } from './cli.ts';
import { judge, type JudgeOptions, type WrittenTask } from './judge.ts';
import type { Violation } from './violation.ts';

/** The oracle needs flock(1) and setsid(1), of util-linux. */
export const hasOracle = (() => {
  try {
    execFileSync('flock', ['--version'], { stdio: 'ignore' });
    return process.platform === 'linux';
  } catch {
    return false;
  }
})();

export interface FakeCodex {
  /** For the environment of every run. */
  readonly env: NodeJS.ProcessEnv;
  /**
   * Writes a task for it; `words` as in `fake-codex.sh`. With `fail` it must be failed in the end, else completed.
   * `id` is what the history calls a task whose name has no place in a line.
   */
  task(name: string, words?: string, id?: string): Promise<void>;
  history(): Promise<string[]>;
  /** Everything that is wrong after a calm run. Empty when all is well. */
  violations(options?: JudgeOptions): Promise<Violation[]>;
}

/** `backend`: what the runs use it as; their own default if it is not said. */
export async function makeFakeCodex(bench: Bench, backend?: 'exec' | 'app-server'): Promise<FakeCodex> {
  const directory = path.join(bench.scratch, 'fake');
  await mkdir(directory);
  await appendFile(path.join(directory, 'history'), '');
  const tasks = new Map<string, WrittenTask & { prompts: Set<string> }>();
  const history = async () =>
    (await readFile(path.join(directory, 'history'), 'utf8')).split('\n').filter((line) => line !== '');
  return {
    env: {
      CODEX_CMD: fileURLToPath(new URL('fake-codex.sh', import.meta.url)),
      FAKE_CODEX_DIR: directory,
      FAKE_CODEX_TASKS: bench.tasks,
      ...(backend && { CODEX_WORKER_BACKEND: backend }),
    },
    task: async (name, words = '', id = name) => {
      const text = `${id} ${words}\n`;
      if (id !== name)
        await symlink(
          path.join(bench.tasks, `done_exec_log-${name}.txt`),
          path.join(directory, `done-${id}`),
        );
      const prompts = tasks.get(name)?.prompts ?? new Set();
      prompts.add(createHash('sha256').update(text).digest('hex'));
      tasks.set(name, { name, id, text, prompts });
      await bench.write(name, text);
    },
    history,
    violations: async (options = {}) => judge(bench, tasks.values(), await history(), options),
  };
}
