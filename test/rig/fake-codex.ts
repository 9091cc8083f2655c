/**
 * `fake-codex.sh` on a bench, and the judgement of what it saw: the invariants that must hold however often whatever
 * was killed. They are checked from the task files, the result logs and the fake's own history, not by our own code.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench } from './cli.ts';

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
  /** Writes a task for it; `words` as in `fake-codex.sh`. */
  task(name: string, words?: string): Promise<void>;
  history(): Promise<string[]>;
  /**
   * Everything that is wrong after a calm run: a task file that is not what it was, a task that is not completed exactly
   * once by one claim, a run beside or after another, anything left over. Empty when all is well.
   */
  faults(): Promise<string[]>;
}

export async function makeFakeCodex(bench: Bench): Promise<FakeCodex> {
  const directory = path.join(bench.scratch, 'fake');
  await mkdir(directory);
  await appendFile(path.join(directory, 'history'), '');
  const tasks = new Map<string, string>();
  const history = async () =>
    (await readFile(path.join(directory, 'history'), 'utf8')).split('\n').filter((line) => line !== '');
  return {
    env: {
      CODEX_CMD: fileURLToPath(new URL('fake-codex.sh', import.meta.url)),
      FAKE_CODEX_DIR: directory,
      FAKE_CODEX_TASKS: bench.tasks,
    },
    task: async (name, words = '') => {
      const text = `${name} ${words}\n`;
      tasks.set(name, text);
      await bench.write(name, text);
    },
    history,
    faults: async () => {
      const past = await history();
      const faults = past.filter((line) => !/^(?:start|end) /.test(line));
      const listing = await bench.ls();
      for (const [name, text] of tasks) {
        if (!listing.includes(name) || (await bench.read(name)) !== text)
          faults.push(`the file of ${name} was touched`);
        if (listing.includes(`failed_exec_log-${name}.txt`)) faults.push(`${name} is failed`);
        if (!listing.includes(`done_exec_log-${name}.txt`)) {
          faults.push(`${name} is not completed`);
          continue;
        }
        const log = await bench.read(`done_exec_log-${name}.txt`);
        const claims = [...log.matchAll(/^claim: +([0-9a-f]{32})$/gm)].map((match) => match[1]);
        const workers = [...log.matchAll(/^worked under (.*)$/gm)].map((match) => match[1]);
        if (claims.length !== 1 || workers.length !== 1 || claims[0] !== workers[0])
          faults.push(`the log of ${name} is of claims ${claims.join()} and work of ${workers.join()}`);
        if (!past.includes(`end ${name} ${claims[0]}`))
          faults.push(`${name} was completed by ${claims[0]}, which never ended`);
        if (!/^outcome: +completed$/m.test(log)) faults.push(`the log of ${name} is not complete`);
      }
      for (const name of await bench.ls('.codex-worker/ended'))
        if (/\.(?:duplicate|completed|lost)\.txt$/.test(name)) faults.push(`a second result: ended/${name}`);
      faults.push(...(await bench.leftovers()).map((name) => `left over: ${name}`));
      return faults;
    },
  };
}

/** A generator of numbers in [0, 1) from a seed (mulberry32), so that what went wrong once can be made to happen again. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A new seed, or the one in $SEED; say it in the name or the message of a test. */
export const newSeed = () => Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));

export function assertNoFaults(faults: readonly string[], context: string): void {
  assert.deepEqual(faults, [], context);
}
