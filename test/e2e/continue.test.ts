/** An attempt that was interrupted goes on where it was, in the same thread of Codex. With the real Codex. */
import assert from 'node:assert/strict';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeCodexBench, type CodexBench } from '../rig/cli.ts';

const anything = ['--mode', 'danger-full-access', '--yes'];
/** What the scripted model says that each answer took. */
const INPUT_PER_ANSWER = 1_200;
/** Is long as long as the file `go` is not there. */
const LONG = '[[run test -e ../go || sleep 6002]]';

const sleeps = (bench: CodexBench) =>
  bench.until('an agent sleeps', async () =>
    (await bench.agents()).some((line) => /^\d+: sleep 6002 $/.test(line)),
  );

/** Starts a run and ends it, with its agent, once that is at its long command. */
async function interrupt(
  bench: CodexBench,
  signal: NodeJS.Signals,
  args: readonly string[] = [],
): Promise<void> {
  const run = bench.start([...anything, ...args]);
  await sleeps(bench);
  run.kill(signal);
  await run.ended();
  await bench.until('its agent has ended', async () => (await bench.agents()).length === 0, 15_000);
}

async function goOn(bench: CodexBench, args: readonly string[] = []): Promise<void> {
  await writeFile(join(bench.scratch, 'go'), ''); // outside of where the agent works: no change
  const { code, stdout, stderr } = await bench.run([...anything, ...args]);
  assert.equal(code, 0, stdout + stderr);
  assert.deepEqual(await bench.leftovers(), []);
}

const conversations = ({ server }: CodexBench) =>
  new Set(server.requests.map(({ conversation }) => conversation)).size;
const threadIn = (log: string) => /^thread: +(\S+)$/m.exec(log)?.[1];

/** The only thread's own file. */
function rollout({ scratch }: CodexBench): string {
  const sessions = join(scratch, 'codex-home', 'sessions');
  const [name, ...others] = readdirSync(sessions, { recursive: true, encoding: 'utf8' }).filter((entry) =>
    entry.endsWith('.jsonl'),
  );
  assert.ok(name !== undefined && others.length === 0);
  return join(sessions, name);
}

for (const signal of ['SIGTERM', 'SIGKILL'] as const)
  test(`a task whose run is ended by ${signal}, twice, goes on in its thread, and what it spent is counted once`, async (t) => {
    const bench = await makeCodexBench(t);
    await bench.write('a.md', `Long.\n[[say Begun.]]\n${LONG}\n[[say Done.]]`);
    await interrupt(bench, signal);
    await interrupt(bench, signal);

    await goOn(bench);

    assert.equal(conversations(bench), 1);
    const log = await bench.read('done_exec_log-a.md.txt');
    assert.match(log, /^attempt: +3$/m);
    assert.equal(/^continues: (\S+)$/m.exec(log)?.[1], threadIn(log));
    const journal = await bench.read('.codex-worker/journal.jsonl');
    const spent = [...journal.matchAll(/"input":(\d+)/g)].reduce((sum, [, n]) => sum + Number(n), 0);
    assert.equal(spent, INPUT_PER_ANSWER * bench.server.requests.length, journal);
  });

for (const [what, spoil] of [
  ['in its thread', () => {}],
  ['in a new thread, for want of the old one', (bench) => rmSync(rollout(bench))],
  [
    'in a new thread, where a power cut has emptied the old one',
    (bench) => writeFileSync(rollout(bench), ''),
  ],
] as const satisfies readonly (readonly [string, (bench: CodexBench) => void])[])
  test(`what an interrupted attempt has changed is a change of the task when that goes on ${what}`, async (t) => {
    const bench = await makeCodexBench(t);
    await bench.write('a.md', `Do it.\n[[run test -e x.txt || echo x > x.txt]]\n${LONG}`);
    await interrupt(bench, 'SIGTERM', ['--expect-changes']);
    spoil(bench);

    await goOn(bench, ['--expect-changes']);

    assert.match(await bench.read('done_exec_log-a.md.txt'), /^checked: +changes$/m);
  });
