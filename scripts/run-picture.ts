/**
 * The picture of a run in the README: the built program, the real Codex and the tasks of `examples/` in a pseudo-terminal, at the
 * moment in which there is most to see. Only the model is simulated, and thinks slowly.
 *
 *     node --import tsx scripts/run-picture.ts [columns] [file]
 */
import { cp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeCodexBench } from '../test/rig/cli.ts';
import { canSandbox } from '../test/rig/codex-home.ts';
import { openScreen } from '../test/rig/screen.ts';
import { demoScript } from './demo-model.ts';
import { screenshot } from './screenshot.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const [columns = '96', file = path.join(root, 'docs', 'pictures', 'run.svg')] = process.argv.slice(2);
const SLOWER = 4;

const cleanups: (() => unknown)[] = [];
const lifetime = { after: (cleanup: () => unknown) => void cleanups.unshift(cleanup) };
try {
  const bench = await makeCodexBench(lifetime, {
    script: (prompt) =>
      demoScript(prompt).map((step) => (step.kind === 'sleep' ? { ...step, ms: step.ms * SLOWER } : step)),
  });
  await cp(path.join(root, 'examples', 'project'), bench.tasks, { recursive: true });
  await cp(path.join(root, 'examples', 'tasks'), path.join(bench.tasks, 'tasks'), { recursive: true });
  const mode = (await canSandbox()) ? ['workspace-write'] : ['danger-full-access', '--yes'];
  const command = ['codex-worker', 'tasks/', '--concurrency', '4', '--mode', ...mode];
  const screen = await openScreen(lifetime, bench, command, { columns: Number(columns), rows: 24 });
  await screen.until('there is much to see', () => {
    const doing = screen.lines.filter(
      (line) => /^ [⠙⠹⠸⠼⠴⠦⠧⠇⠏] /.test(line) && !/\d+s {2}(?:Model|thread)/.test(line),
    );
    return (
      doing.length === 4 &&
      /[4-7] completed · 4 running/.test(screen.text) &&
      /about \d+s left/.test(screen.text)
    );
  });
  await writeFile(file, screenshot(screen.terminal, `$ ${command.join(' ')}`));
  console.log(screen.text);
  if ((await screen.ended()) !== 0) throw new Error(`the run went wrong:\n${screen.history}`);
} finally {
  for (const cleanup of cleanups) await cleanup();
}
