/**
 * `npm run demo`: the main job on a fresh machine, without an account and without a network. The built CLI, the real
 * Codex and a scratch git repository; only the model is simulated, by a server on loopback that knows what to do
 * about each task of `examples/tasks`. It exits with 0 only when every task is completed and every edit is there.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isErrno } from '../src/core/errors.ts';
import { canSandbox, codexLauncher, makeCodexHome } from '../test/rig/codex-home.ts';
import { startModelServer } from '../test/rig/model-server.ts';
import { demoScript } from './demo-model.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const cli = path.join(root, 'dist', 'src', 'cli.js');

const colours = process.env.FORCE_COLOR
  ? process.env.FORCE_COLOR !== '0'
  : process.stdout.isTTY && !process.env.NO_COLOR;
const bold = (text: string) => (colours ? `\u001b[1m${text}\u001b[22m` : text);
const print = (text = '') => process.stdout.write(`${text}\n`);
const announce = (command: string) => print(`\n${bold(`$ ${command}`)}`);

/** Runs to the end and gives the exit code. Ctrl-C reaches the child by itself; we stay to tidy up. */
async function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const child = spawn(command, args, { cwd, env, stdio: ['inherit', 'inherit', 'inherit'] });
  const stay = () => {};
  process.on('SIGINT', stay);
  try {
    await once(child, 'close');
  } finally {
    process.off('SIGINT', stay);
  }
  return child.exitCode ?? 1;
}

async function must(
  command: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const code = await run(command, args, cwd, env);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with exit code ${code}`);
}

/** The sample project and its task files, committed. */
async function makeRepository(project: string, env: NodeJS.ProcessEnv): Promise<void> {
  await mkdir(project);
  await cp(path.join(root, 'examples', 'project'), project, { recursive: true });
  await cp(path.join(root, 'examples', 'tasks'), path.join(project, 'tasks'), { recursive: true });
  const identity = ['-c', 'user.name=demo', '-c', 'user.email=demo@localhost', '-c', 'commit.gpgsign=false'];
  await must('git', ['init', '--quiet'], project, env);
  await must('git', ['add', '.'], project, env);
  await must('git', [...identity, 'commit', '--quiet', '--message', 'A shop and its chores'], project, env);
}

/** Empty for a file that was never written. */
async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    return '';
  }
}

/** What is missing: tasks without a completed log, edits that did not arrive. */
async function findFaults(project: string, tasks: readonly string[]): Promise<string[]> {
  const listing = await readdir(path.join(project, 'tasks'));
  const faults = tasks
    .filter((task) => !listing.includes(`done_exec_log-${task}.txt`))
    .map((task) => `${task} is not completed`);
  for (const task of tasks) {
    const script = demoScript(await readFile(path.join(project, 'tasks', task), 'utf8'));
    if (script.length === 0) faults.push(`the simulated model does not know ${task}`);
    for (const directive of script) {
      if (directive.kind !== 'write' && directive.kind !== 'replace') continue;
      const content = await textOf(path.join(project, directive.path));
      const there =
        directive.kind === 'write'
          ? content === directive.content
          : content.includes(directive.after) &&
            (directive.after.includes(directive.before) || !content.includes(directive.before));
      if (!there) faults.push(`${task} did not change ${directive.path} as it should`);
    }
  }
  return faults;
}

async function demo(scratch: string): Promise<string[]> {
  const project = path.join(scratch, 'corner-shop');
  await using server = await startModelServer({ script: demoScript });
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    ...(await makeCodexHome(path.join(scratch, 'codex-home'), server.url)),
    CODEX_CMD: codexLauncher,
  };
  // What a test runner or a git hook leaves there is not meant for the commands in the scratch repository.
  for (const name of Object.keys(env)) if (/^(NODE_TEST_|GIT_)/.test(name)) delete env[name];
  await makeRepository(project, env);
  const tasks = (await readdir(path.join(project, 'tasks'))).filter((name) => name.endsWith('.md'));
  print(`${tasks.length} tasks wait in ${path.join(project, 'tasks')}.`);

  const mode = ['--mode', 'workspace-write'];
  if (!(await canSandbox())) {
    print(
      "Codex's sandbox does not work on this machine (`codex sandbox -- true` fails), so the demo goes without it:",
    );
    print('the simulated model writes with full access, and only into the scratch repository.');
    mode.splice(0, 2, '--mode', 'danger-full-access', '--yes');
  }
  const args = ['tasks/', '--concurrency', '4', ...mode];
  announce(`codex-worker ${args.join(' ')}`);
  const code = await run(process.execPath, [cli, ...args], project, env);

  announce('codex-worker status tasks/');
  await must(process.execPath, [cli, 'status', 'tasks/'], project, env);
  announce('ls -1A tasks');
  await must('ls', ['-1A', 'tasks'], project, env);
  announce('git add --intent-to-add src test && git diff --stat');
  await must('git', ['add', '--intent-to-add', 'src', 'test'], project, env);
  await must('git', ['--no-pager', 'diff', '--stat'], project, env);

  const faults = await findFaults(project, tasks);
  return code === 0 ? faults : [`codex-worker ended with exit code ${code}`, ...faults];
}

const scratch = await realpath(await mkdtemp(path.join(tmpdir(), 'codex-worker-demo-')));
// An error below leaves the scratch directory where it is, to look into.
const faults = await demo(scratch);
print();
if (faults.length > 0) {
  for (const fault of faults) print(`The demo went wrong: ${fault}.`);
  print(`Everything is left in ${scratch}.`);
  process.exitCode = 1;
} else {
  print(
    'Codex, the edits and the logs were real; the model was simulated, by a script on this machine. With your own',
  );
  print(
    'login: `codex login`, then `codex-worker tasks/ --concurrency 4 --mode workspace-write` in your repository.',
  );
  if (process.stdout.isTTY) {
    print(`Look around in ${path.join(scratch, 'corner-shop')}, then remove ${scratch}.`);
  } else {
    await rm(scratch, { recursive: true, force: true, maxRetries: 5 });
  }
}
