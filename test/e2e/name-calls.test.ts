import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { countNameCalls, TRACED } from '../../scripts/bench/name-calls.ts';
import { makeBench } from '../rig/cli.ts';

const hasStrace = spawnSync('strace', ['-V']).status === 0;

/**
 * Each call that creates or deletes a file or a name, in a run of so many tasks: one after another, because two that end
 * together at the beginning may both write the file of their process.
 */
async function callsOf(t: TestContext, count: number, says: string): Promise<Map<string, number>> {
  const bench = await makeBench(t);
  const agent = path.join(bench.scratch, 'agent');
  await writeFile(agent, `#!/bin/sh\ncat\n${says}\n`);
  await chmod(agent, 0o700);
  for (let i = 0; i < count; i++) await bench.write(`task-${i}.md`, 'Do it.\n');
  const trace = path.join(bench.scratch, 'trace');
  const { code, stderr } = await bench.shell(
    `strace -f -qq -s 4096 -o ${trace} -e trace=${TRACED} codex-worker -c 1`,
    { env: { CODEX_CMD: agent } },
  );
  assert.equal(code, 0, stderr);
  return countNameCalls(await readFile(trace, 'utf8'), bench.tasks);
}

/** What one task more costs. */
async function perTask(t: TestContext, says: string): Promise<Record<string, number>> {
  const [few, many] = [await callsOf(t, 3, says), await callsOf(t, 7, says)];
  const kinds = [...new Set([...few.keys(), ...many.keys()])].sort();
  const differences = kinds.map(
    (kind) => [kind, ((many.get(kind) ?? 0) - (few.get(kind) ?? 0)) / 4] as const,
  );
  return Object.fromEntries(differences.filter(([, n]) => n !== 0));
}

/** See docs/performance.md for why each must be. */
const NEEDED = {
  'create\t.codex-worker/raw/H.1.X.jsonl': 1,
  'create\t.codex-worker/tmp/X.ID': 1,
  'create\t.codex-worker/tmp/prompt-X.ID': 1,
  'create\t.exec_log-T.X': 1,
  'link\t.break-X.1': 1,
  'link\t.lock-T': 1,
  'link\tin-progress-T': 1,
  'rename\tdone_exec_log-T.txt': 1,
  'unlink\t.break-X.1': 1,
  'unlink\t.codex-worker/tmp/X.ID': 1,
  'unlink\t.codex-worker/tmp/prompt-X.ID': 1,
  'unlink\t.lock-T': 1,
  'unlink\tin-progress-T': 1,
};

const skip = hasStrace ? false : 'strace is not installed';

test('a task costs the calls that the protocol needs, and not one more', { skip }, async (t) => {
  assert.deepEqual(await perTask(t, 'exit 0'), NEEDED);
});

test('an agent that says something on standard error costs one more', { skip }, async (t) => {
  assert.deepEqual(await perTask(t, 'echo oops >&2'), {
    ...NEEDED,
    'create\t.codex-worker/raw/H.1.X.stderr': 1,
  });
});
