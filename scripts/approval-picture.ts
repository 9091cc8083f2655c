/**
 * The picture of a question in the README: the built program, the real Codex and tasks of `examples/` in a pseudo-terminal, while an
 * agent waits for a person. Only the model is simulated.
 *
 *     node --import tsx scripts/approval-picture.ts [columns] [file]
 */
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { makeCodexBench } from '../test/rig/cli.ts';
import type { Directive } from '../test/rig/directives.ts';
import { openScreen } from '../test/rig/screen.ts';
import { demoScript } from './demo-model.ts';
import { screenshot } from './screenshot.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const [columns = '96', file = path.join(root, 'docs', 'pictures', 'approval.svg')] = process.argv.slice(2);
const TASKS = [
  'add-tests-slugify',
  'bug-2',
  'add-docs-settings',
  'fix-strict-equality',
  'migrate-orders-to-promises',
];
const SLOWER = 10;
/** A name that a reader understands; nothing may be there yet. */
const PROJECT = '/tmp/shop';
/** A key that comes sooner does not count: see src/report/asking.ts. */
const READ_MS = 800;

/** What an agent asks before it goes on as in the demo; it is denied, and nothing of it happens. */
const ASKS: Readonly<Record<string, readonly Directive[]>> = {
  '# Add tests for slugify': [
    { kind: 'sleep', ms: 3_000 },
    {
      kind: 'escalate',
      command: 'npm install --save-dev c8@10 && npx c8 node --test',
      reason: 'Installing c8 needs the network: may I, to see which lines of slugify the tests reach?',
    },
  ],
  '# Migrate readOrders to promises': [
    { kind: 'sleep', ms: 3_500 },
    { kind: 'escalate', command: 'git push origin HEAD', reason: 'The change is ready: may I push it?' },
  ],
};

function script(prompt: string): readonly Directive[] {
  const heading = Object.keys(ASKS).find((title) => prompt.includes(title));
  const slower = demoScript(prompt).map((step) =>
    step.kind === 'sleep' ? { ...step, ms: step.ms * SLOWER } : step,
  );
  return [...((heading !== undefined && ASKS[heading]) || []), ...slower];
}

const cleanups: (() => unknown)[] = [];
const lifetime = { after: (cleanup: () => unknown) => void cleanups.unshift(cleanup) };
try {
  const bench = await makeCodexBench(lifetime, { script });
  await mkdir(PROJECT);
  cleanups.push(() => rm(PROJECT, { recursive: true })); // behind the bench, whose processes are at home there
  await cp(path.join(root, 'examples', 'project'), PROJECT, { recursive: true });
  await mkdir(path.join(PROJECT, 'tasks'));
  for (const name of TASKS)
    await cp(path.join(root, 'examples', 'tasks', `${name}.md`), path.join(PROJECT, 'tasks', `${name}.md`));
  const command = ['codex-worker', 'tasks/', '--concurrency', '4', '--mode', 'workspace-write'];
  const inProject = ['bash', '-c', 'cd "$0" && exec "$@"', PROJECT, ...command];
  const screen = await openScreen(lifetime, bench, inProject, { columns: Number(columns), rows: 32 });
  const asked = (of: RegExp) => screen.until(`it asks ${of}`, () => of.test(screen.text));
  await asked(/^ \? 1 of 2: /m);
  await sleep(READ_MS);
  await asked(/[12] completed · [12] running of 4 · 2 wait/);
  await writeFile(file, screenshot(screen.terminal, `$ ${command.join(' ')}`));
  console.log(screen.text);
  for (const question of [/^ \? 1 of 2: /m, /^ \? tasks.* asks to/m]) {
    await asked(question);
    await sleep(READ_MS);
    screen.press('n');
  }
  if ((await screen.ended()) !== 0) throw new Error(`the run went wrong:\n${screen.history}`);
} finally {
  for (const cleanup of cleanups) await cleanup();
}
