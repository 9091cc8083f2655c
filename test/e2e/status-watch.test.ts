/** `status` for scripts and for those who look on, beside runs whose agents are played. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { spawn } from '@lydell/node-pty';
import xterm from '@xterm/headless';
import { NO_ANSWERS } from '../../src/core/answer-counts.ts';
import { idOf } from '../../src/core/question.ts';
import { describeDirectory } from '../../src/io/file-system.ts';
import { realFiles } from '../../src/io/files.ts';
import { appendToJournal } from '../../src/io/journal.ts';
import { thisProcess } from '../../src/io/process-identity.ts';
import { writeQuestion } from '../../src/io/question-file.ts';
import { writeRateLimits } from '../../src/io/rate-limits-file.ts';
import { makeBench, type Bench } from '../rig/cli.ts';
import { question } from '../rig/question.ts';
import { makePuppets, type Call } from '../rig/puppet.ts';

const THREAD = '0199a213-81c0-7800-8aa1-bbab2a035a53';
const USAGE = { input_tokens: 1_000, cached_input_tokens: 400, output_tokens: 200 };

async function work(call: Call): Promise<void> {
  await call.print({ type: 'thread.started', thread_id: THREAD });
  await call.print({ type: 'turn.completed', usage: USAGE });
  call.exit(0);
}

/** The names of all fields in it, with the way to each; of an array those that any element has. */
function fieldsOf(value: unknown, way = ''): string[] {
  if (Array.isArray(value)) return [...new Set(value.flatMap((element) => fieldsOf(element, `${way}[]`)))];
  if (typeof value !== 'object' || value === null) return [way];
  return Object.entries(value).flatMap(([key, inner]) => fieldsOf(inner, `${way}.${key}`));
}

function documented(): unknown {
  const text = readFileSync(new URL('../../docs/json.md', import.meta.url), 'utf8');
  return JSON.parse(/## `status --json`[^]*?```json\n([^]*?)```/.exec(text)?.[1] ?? '');
}

const statusJson = async (bench: Bench) =>
  JSON.parse((await bench.run(['status', '--json'])).stdout) as Record<string, unknown> & {
    tasks: { name: string; state: string; tokens?: number; needsApproval?: unknown }[];
    workers: { pid: number; tasks: number; seen: boolean }[];
    pace: object;
  };

test('the document of status --json has the fields that its documentation shows, and no others', async (t) => {
  const puppets = await makePuppets(t);
  const bench = await makeBench(t, puppets.env);
  for (const name of ['a.md', 'b.md', 'c.md']) await bench.write(name, `Do ${name}.\n`);
  await bench.write('d.md', '---\nafter: c.md\n---\nDo it.\n');
  await bench.write('e.md', '---\nprioritty: 5\n---\nDo it.\n');
  await bench.write('empty.md', '');
  const run = bench.start(['--verify', 'true']);
  await work(await puppets.nextCall());
  const failing = await puppets.nextCall();
  await failing.print({ type: 'thread.started', thread_id: THREAD });
  failing.exit(1);
  const held = await puppets.nextCall();
  await bench.run(['pause', '--for', '1h']);
  const now = Date.now();
  const directory = await describeDirectory(realFiles, bench.tasks);
  const window = { usedPercent: 42, windowMinutes: 300, resetsAt: now + 3_600_000 };
  const limits = { at: now, id: 'codex', primary: window, secondary: window, plan: 'pro' };
  await writeRateLimits(realFiles, directory, limits);
  const asks = question({ claim: held.claim, task: 'c.md', asked: { kind: 'command', command: 'make' } });
  await writeQuestion(realFiles, directory, thisProcess(), asks);
  for (const how of ['person', 'timeout'] as const)
    await appendToJournal(realFiles, directory, {
      kind: 'answer',
      at: now,
      claim: held.claim,
      n: how === 'person' ? 1 : 2,
      task: 'c.md',
      attempt: 1,
      asked: 'run: make',
      text: 'make',
      digest: 'd'.repeat(64),
      decision: 'deny',
      how,
      by: { user: 'ada', host: 'mill', pid: 7 },
      askedAt: now,
    });
  // The journal has the failed attempt before its place is given to the next.
  const seen = await bench.until('a second has passed, from which a pace can be told', async () => {
    const document = await statusJson(bench);
    return Object.keys(document.pace).length > 0 && document;
  });

  assert.deepEqual(fieldsOf(seen).toSorted(), fieldsOf(documented()).toSorted());
  assert.deepEqual(
    seen.tasks.map(({ name, state, tokens }) => [name, state, tokens]),
    [
      ['a.md', 'completed', 1_200],
      ['b.md', 'failed', undefined],
      ['c.md', 'in-progress', undefined],
      ['d.md', 'pending', undefined],
      ['e.md', 'pending', undefined],
    ],
  );
  assert.deepEqual(
    seen.workers.map(({ pid, tasks, seen: isSeen }) => [pid, tasks, isSeen]),
    [[run.pid, 1, true]],
  );
  assert.equal(seen['needsApproval'], 1);
  assert.deepEqual(seen.tasks[2]?.needsApproval, [
    { id: idOf(asks), asked: 'run: make', since: new Date(asks.at).toISOString() },
  ]);
  assert.deepEqual(seen['answers'], { ...NO_ANSWERS, asked: 2, denied: 1, timedOut: 1 });
  await bench.run(['resume']);
  await work(held);
  await work(await puppets.nextCall());
  assert.equal((await run.ended()).code, 1);
  assert.deepEqual((await statusJson(bench)).workers, []);
});

test('a task that every run refuses says what is wrong with it, until that is put right', async (t) => {
  const bench = await makeBench(t);
  const matter = (setting: string) => `---\nmodel: o4\n${setting}\n---\nDo it.\n`;
  await bench.write('typo.md', matter('prioritty: 5'));
  await bench.write('no-end.md', '---\nmodel: o4\nDo it.\n');
  const { stdout } = await bench.run(['status', '--detailed']);
  assert.match(stdout, /^Pending {6}\S*typo\.md: refused: 3:1: there is no setting "prioritty"/m);
  assert.match(stdout, /^Pending {6}\S*no-end\.md: refused: .*has no end/m);
  const watch = bench.start(['status', '--watch', '--interval', '0.05', '--detailed']);
  await watch.says(/typo\.md: refused: 3:1/);
  await bench.write('typo.md', matter('priority: 5'));
  await watch.says(/typo\.md\n/);
  watch.kill('SIGINT');
  await watch.ended();
});

test('in a pipe status --watch says each change once, and ends with Ctrl-C or when nobody reads', async (t) => {
  const puppets = await makePuppets(t);
  const bench = await makeBench(t, puppets.env);
  await bench.write('a.md', 'Do it.\n');
  const watch = bench.start(['status', '--watch', '--interval', '0.05', '--json']);
  const seen = () =>
    watch.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => (JSON.parse(line) as { tasks: { state: string }[] }).tasks.map(({ state }) => state));
  await bench.until('it has looked', () => seen().length === 1);
  const run = bench.start();
  const call = await puppets.nextCall();
  await bench.until('it is seen to run', () => seen().at(-1)?.[0] === 'in-progress');
  await work(call);
  assert.equal((await run.ended()).code, 0);
  await bench.write('b.md', 'Do that.\n');
  await bench.until('the new one is seen', () => seen().at(-1)?.length === 2);
  await rm(`${bench.tasks}/b.md`);
  await bench.until('it is seen to be gone', () => seen().at(-1)?.length === 1);
  watch.kill('SIGINT');
  const { code, stderr } = await watch.ended();
  assert.deepEqual([code, stderr], [0, '']);
  const states = seen();
  assert.deepEqual([states[0], states.at(-1)], [['pending'], ['completed']]);
  const texts = watch.stdout.split('\n').map((line) => line.replace(/"at":"[^"]*"/, ''));
  assert.ok(
    texts.every((text, i) => text !== texts[i + 1]),
    watch.stdout,
  );

  const unheard = bench.launch('bash', ['-c', 'codex-worker status --watch --interval 0.05 | head -n 1']);
  await unheard.says(/Z$/m);
  await bench.write('c.md', 'Do more.\n'); // as with tail -f, it is the next line that finds nobody
  assert.equal((await unheard.ended()).stderr, '');
});

test('on a terminal status --watch is one picture that changes in place, and leaves it there', async (t) => {
  const bench = await makeBench(t);
  await bench.write('a.md', 'Do it.\n');
  const cli = fileURLToPath(new URL('../../dist/src/cli.js', import.meta.url));
  const terminal = new xterm.Terminal({ cols: 60, rows: 14, allowProposedApi: true });
  const pty = spawn(process.execPath, [cli, 'status', '--watch', '--interval', '0.05', '--detailed'], {
    cwd: bench.tasks,
    cols: 60,
    rows: 14,
    env: { ...process.env, TERM: 'xterm', CI: '' },
  });
  let end: number | undefined;
  const raw: string[] = [];
  pty.onData((text) => {
    raw.push(text);
    terminal.write(text);
  });
  pty.onExit(({ exitCode }) => (end = exitCode));
  t.after(() => {
    if (end === undefined) pty.kill('SIGKILL');
  });
  const lines = () => {
    const { active } = terminal.buffer;
    return Array.from({ length: active.length }, (_, y) => active.getLine(y)?.translateToString(true) ?? '');
  };
  await bench.until('it has looked', () => lines().includes('Pending      a.md'));
  for (let i = 0; i < 30; i++) await bench.write(`b${i}.md`, 'Do that.\n');
  await bench.until('there are more than fit', () => lines().some((line) => line === '… and 29 more'));
  assert.equal(lines().filter((line) => line.startsWith('┏')).length, 1, lines().join('\n'));
  pty.write('\u0003');
  await bench.until('it ends', () => end !== undefined);
  assert.equal(end, 0);
  assert.equal(lines().filter((line) => line.startsWith('│ Total       │    31')).length, 1);
  assert.ok(raw.join('').endsWith('\u001b[?25h'), 'the cursor is back');
});
