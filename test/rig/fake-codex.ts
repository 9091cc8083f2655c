/**
 * `fake-codex.sh` on a bench, and the judgement of what it saw: the invariants that must hold however often whatever
 * was killed. They are checked from the task files, the result logs and the fake's own history, not by our own code.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFile, mkdir, readFile, symlink } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench } from './cli.ts';
import { violation, type Violation } from './violation.ts';

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
  /** Writes a task for it; `words` as in `fake-codex.sh`. With `fail` it must be failed in the end, else completed. `id` calls it in the history. */
  task(name: string, words?: string, id?: string): Promise<void>;
  history(): Promise<string[]>;
  /** Everything that is wrong after a calm run. Empty when all is well. */
  violations(options?: JudgeOptions): Promise<Violation[]>;
}

export interface JudgeOptions {
  /** Tasks that somebody removed, edited or replaced on purpose: their file is not looked at. */
  readonly touched?: ReadonlySet<string>;
  /** Somebody removed `.codex-worker`, or locks: earlier logs may be gone, or be called lost. */
  readonly meddled?: boolean;
  /** Tasks whose file somebody removed for good: a result is not asked for, only judged where there is one. */
  readonly absent?: ReadonlySet<string>;
  /** Claims whose logs somebody removed. */
  readonly removed?: ReadonlySet<string>;
  /** Somebody reset tasks: results that were superseded are among the earlier logs. */
  readonly wasReset?: boolean;
}

export async function makeFakeCodex(bench: Bench): Promise<FakeCodex> {
  const directory = path.join(bench.scratch, 'fake');
  await mkdir(directory);
  await appendFile(path.join(directory, 'history'), '');
  const tasks = new Map<string, string>();
  /** Of everything that was ever written into a task file: a result must be of one of these. */
  const prompts = new Map<string, Set<string>>();
  const ids = new Map<string, string>();
  const history = async () =>
    (await readFile(path.join(directory, 'history'), 'utf8')).split('\n').filter((line) => line !== '');
  return {
    env: {
      CODEX_CMD: fileURLToPath(new URL('fake-codex.sh', import.meta.url)),
      FAKE_CODEX_DIR: directory,
      FAKE_CODEX_TASKS: bench.tasks,
    },
    task: async (name, words = '', id = name) => {
      const text = `${id} ${words}\n`;
      ids.set(name, id);
      if (id !== name)
        await symlink(
          path.join(bench.tasks, `done_exec_log-${name}.txt`),
          path.join(directory, `done-${id}`),
        );
      tasks.set(name, text);
      const hash = createHash('sha256').update(text).digest('hex');
      prompts.set(name, (prompts.get(name) ?? new Set()).add(hash));
      await bench.write(name, text);
    },
    history,
    violations: async ({
      touched = new Set(),
      meddled = false,
      absent = new Set(),
      removed = new Set(),
      wasReset = false,
    } = {}) => {
      const past = await history();
      const ended = await bench.ls('.codex-worker/ended');
      const found = past
        .filter((line) => !/^(?:start|end) /.test(line))
        .map((line) => violation('twice', line));
      for (const [name, text] of tasks) {
        if (absent.has(name) && (await readIfThere(bench, resultOf(name, text))) === undefined) continue;
        if (!touched.has(name) && !absent.has(name) && (await readIfThere(bench, name)) !== text)
          found.push(violation('lost', `the file of ${name} was touched`));
        found.push(...(await judgeResult(bench, name, ids.get(name) ?? name, text, prompts.get(name), past)));
      }
      const results = await Promise.all(
        [...tasks.keys()].map((name) => readIfThere(bench, resultOf(name, tasks.get(name) ?? ''))),
      );
      for (const [, task, claim] of past
        .map((line) => line.split(' '))
        .filter(([word]) => word === 'start')) {
        const isKept =
          results.some((log) => log?.includes(`${claim}`)) || ended.some((name) => name.includes(`${claim}`));
        if (!isKept && !meddled && !removed.has(`${claim}`))
          found.push(violation('lost', `the log of ${task}'s attempt ${claim}`));
      }
      for (const name of ended)
        if (
          name.endsWith('.duplicate.txt') ||
          (!wasReset && name.endsWith('.completed.txt')) ||
          (!meddled && name.endsWith('.lost.txt'))
        )
          found.push(violation('double', `a second result: ended/${name}`));
      for (const name of await bench.leftovers()) found.push(violation('left', name));
      return found;
    },
  };
}

const isToFail = (text: string) => / fail\b/.test(text);
const resultOf = (name: string, text: string) => `${isToFail(text) ? 'failed' : 'done'}_exec_log-${name}.txt`;

async function readIfThere(bench: Bench, name: string): Promise<string | undefined> {
  return (await bench.ls()).includes(name) ? bench.read(name) : undefined;
}

/** Exactly one result, of the right kind, with exactly one claim's output in it. */
async function judgeResult(
  bench: Bench,
  name: string,
  id: string,
  text: string,
  prompts: ReadonlySet<string> | undefined,
  past: readonly string[],
): Promise<Violation[]> {
  const log = await readIfThere(bench, resultOf(name, text));
  const other = await readIfThere(bench, resultOf(name, isToFail(text) ? '' : ' fail'));
  const found: Violation[] = [];
  if (other !== undefined)
    found.push(violation(log === undefined ? 'lied' : 'double', `${name} has the wrong result`));
  if (log === undefined) {
    if (other === undefined) found.push(violation('lost', `${name} has no result`));
    return found;
  }
  const claims = [...log.matchAll(/^claim: +([0-9a-f]{32})$/gm)].map((match) => match[1]);
  const workers = [...log.matchAll(/^worked under (.*)$/gm)].map((match) => match[1]);
  if (claims.length !== 1 || workers.length !== 1 || claims[0] !== workers[0])
    found.push(
      violation('double', `the log of ${name} is of claims ${claims.join()} and work of ${workers.join()}`),
    );
  const prompt = /^prompt: +([0-9a-f]{64}) /m.exec(log)?.[1] ?? 'nothing';
  if (!prompts?.has(prompt))
    found.push(violation('lied', `the result of ${name} is of ${prompt}, which it never said`));
  if (!past.includes(`end ${id} ${claims[0]}`))
    found.push(violation('lied', `${name} has a result of ${claims[0]}, which never ended`));
  if (!/^outcome: +(?:completed|failed)/m.test(log))
    found.push(violation('lost', `the log of ${name} is not complete`));
  return found;
}

export function assertNoViolations(found: readonly Violation[], context: string): void {
  assert.deepEqual(found, [], context);
}
