/**
 * `npm run acceptance`: the promise of the README at its full size. 200 tasks, the real Codex, a simulated model, three
 * terminals at `--concurrency 4`, one of which is killed with SIGKILL and started again three times. At the end each
 * task is completed, each prompt was worked through exactly once by an attempt that was not killed, and no process and
 * no lock is left. It takes some minutes and ends with 0 only when all of that is so.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isErrno } from '../src/core/errors.ts';
import { codexLauncher, makeCodexHome } from '../test/rig/codex-home.ts';
import { startModelServer, type ModelServer } from '../test/rig/model-server.ts';

const TASKS = 200;
const CONCURRENCY = 4;
/** The third terminal is killed when so many tasks are completed, if it works on some just then. */
const KILL_AFTER = [20, 70, 120];

const cli = fileURLToPath(new URL('../dist/src/cli.js', import.meta.url));
const nameOf = (i: number) => `task-${String(i).padStart(3, '0')}.md`;
const promptOf = (i: number) =>
  `This is task ${i} of the acceptance run.\n\n[[say Looking into task ${i}.]]\n[[sleep ${100 + (i % 7) * 50}]]\n[[say Task ${i} is done.]]\n`;

interface Terminal {
  readonly child: ChildProcess;
  readonly ended: Promise<unknown>;
  said: string;
}

function openTerminal(tasks: string, env: NodeJS.ProcessEnv): Terminal {
  const child = spawn(process.execPath, [cli, '--concurrency', String(CONCURRENCY), '--json'], {
    cwd: tasks,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const terminal: Terminal = { child, ended: once(child, 'close'), said: '' };
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => (terminal.said += text));
  return terminal;
}

/** Tasks that this very process works on, by its lock files. */
async function locksOf(pid: number | undefined, tasks: string): Promise<number> {
  let locks = 0;
  for (const name of await readdir(tasks)) {
    if (!name.startsWith('.lock-')) continue;
    const text = await readFile(path.join(tasks, name), 'utf8').catch((error: unknown) => {
      if (isErrno(error, 'ENOENT')) return ''; // just released
      throw error;
    });
    if (text.includes(`"owner":{"pid":${pid},`)) locks++;
  }
  return locks;
}

/** "pid: command line" of everything that has the scratch directory in its environment, but ourselves. */
async function processesOf(scratch: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of process.platform === 'linux' ? await readdir('/proc') : []) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    try {
      if (!(await readFile(`/proc/${pid}/environ`, 'utf8')).includes(scratch)) continue;
      found.push(
        `${pid}: ${(await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').slice(0, 120)}`,
      );
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) throw error;
    }
  }
  return found;
}

const countDone = async (tasks: string) =>
  (await readdir(tasks)).filter((name) => name.startsWith('done_exec_log-')).length;

async function drain(
  tasks: string,
  env: NodeJS.ProcessEnv,
): Promise<{ codes: unknown[]; tasksAtKill: number[]; reaped: number }> {
  const steady = [openTerminal(tasks, env), openTerminal(tasks, env)];
  const all = [...steady];
  const tasksAtKill: number[] = [];
  let victim = openTerminal(tasks, env);
  all.push(victim);
  for (const after of KILL_AFTER) {
    for (;;) {
      const held = (await countDone(tasks)) >= after ? await locksOf(victim.child.pid, tasks) : 0;
      if (held > 0) {
        tasksAtKill.push(held);
        break;
      }
      if (victim.child.exitCode !== null)
        throw new Error(`the third terminal ended too early:\n${victim.said}`);
      await sleep(20);
    }
    victim.child.kill('SIGKILL');
    await victim.ended;
    victim = openTerminal(tasks, env);
    all.push(victim);
  }
  const last = [...steady, victim];
  await Promise.all(last.map(({ ended }) => ended));
  const reaped = all.reduce((sum, { said }) => sum + [...said.matchAll(/"event":"reaped"/g)].length, 0);
  return { codes: last.map(({ child }) => child.exitCode ?? child.signalCode), tasksAtKill, reaped };
}

async function findFaults(
  scratch: string,
  tasks: string,
  server: ModelServer,
): Promise<{ faults: string[]; repeated: number; died: number }> {
  const faults: string[] = [];
  const listing = await readdir(tasks);
  const privateFolder = path.join(tasks, '.codex-worker');
  // An attempt whose owner was killed leaves its log, which names its claim's task, in `ended`.
  const endedLogs = await readdir(path.join(privateFolder, 'ended')).catch(() => []);
  const died = new Map<string, number>();
  for (const name of endedLogs) {
    const text = await readFile(path.join(privateFolder, 'ended', name), 'utf8');
    const task = /^task: +(.*)$/m.exec(text)?.[1] ?? name;
    if (name.endsWith('.died.txt')) died.set(task, (died.get(task) ?? 0) + 1);
    // Killed before Codex had written its thread down, it is begun anew.
    else if (!text.includes('thread that was to be continued is lost'))
      faults.push(`an attempt ended as ${name}`);
  }
  let repeated = 0;
  for (let i = 1; i <= TASKS; i++) {
    const [name, prompt] = [nameOf(i), promptOf(i)];
    const deaths = died.get(name) ?? 0;
    const [starts, finishes] = [server.starts(prompt), server.finishes(prompt)];
    if (!listing.includes(`done_exec_log-${name}.txt`)) faults.push(`${name} is not completed`);
    if ((await readFile(path.join(tasks, name), 'utf8')) !== prompt) faults.push(`${name} was changed`);
    if (finishes < 1 || finishes - 1 > deaths || starts - 1 > deaths)
      faults.push(`${name}: ${starts} starts and ${finishes} finishes with ${deaths} killed attempts`);
    if (starts > 1) repeated++;
  }
  const odd = listing.filter(
    (name) => !/^(?:task-\d+\.md|done_exec_log-task-\d+\.md\.txt|\.codex-worker)$/.test(name),
  );
  faults.push(...odd.map((name) => `left over: ${name}`));
  faults.push(...(await readdir(path.join(privateFolder, 'tmp'))).map((name) => `left over: tmp/${name}`));
  faults.push(...(await processesOf(scratch)).map((line) => `still runs: ${line}`));
  return { faults, repeated, died: [...died.values()].reduce((sum, n) => sum + n, 0) };
}

const scratch = await realpath(await mkdtemp(path.join(tmpdir(), 'codex-worker-acceptance-')));
const tasks = path.join(scratch, 'tasks');
await mkdir(tasks);
for (let i = 1; i <= TASKS; i++) await writeFile(path.join(tasks, nameOf(i)), promptOf(i));
await using server = await startModelServer();
const env: NodeJS.ProcessEnv = {
  ...process.env,
  ...(await makeCodexHome(path.join(scratch, 'codex-home'), server.url)),
  CODEX_CMD: codexLauncher,
};
const startedAt = performance.now();
const { codes, tasksAtKill, reaped } = await drain(tasks, env);
const seconds = (performance.now() - startedAt) / 1000;
const { faults, repeated, died } = await findFaults(scratch, tasks, server);
for (const code of codes) if (code !== 0) faults.push(`a terminal ended with ${String(code)}`);

console.log(
  `tasks completed        ${await countDone(tasks)} of ${TASKS}, in ${seconds.toFixed(1)} s (${(TASKS / seconds).toFixed(1)} a second)`,
);
console.log(`terminals              3 at --concurrency ${CONCURRENCY}, exit codes ${codes.join(', ')}`);
console.log(
  `kills                  ${tasksAtKill.length} with SIGKILL, holding ${tasksAtKill.join(', ')} tasks`,
);
console.log(
  `attempts of the killed ${died} put aside, ${repeated} prompts seen by the model a second time, ${reaped} claims settled by others`,
);
console.log(`requests to the model  ${server.requests.length}`);
for (const fault of faults) console.log(`FAULT: ${fault}`);
if (faults.length > 0) {
  console.log(`Everything is left in ${scratch}.`);
  process.exitCode = 1;
} else {
  console.log(
    'Each prompt was finished exactly once by an attempt that was not killed; no process and no lock is left.',
  );
  await rm(scratch, { recursive: true, force: true, maxRetries: 5 });
}
