/** Every way to use the command line wrongly: what it says, exit code 2, and that nothing was touched. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url));
const TSX = import.meta.resolve('tsx');

let directory: string;

before(() => {
  directory = mkdtempSync(join(tmpdir(), 'codex-worker-usage-'));
  writeFileSync(join(directory, 'fix-auth.md'), 'Fix it\n');
  writeFileSync(join(directory, 'notes.txt'), 'Fix it\n');
  mkdirSync(join(directory, 'tasks', '.codex-worker'), { recursive: true });
});
after(() => rmSync(directory, { recursive: true, force: true }));

/** Runs the real program without a terminal. Nothing that fails here gets as far as looking for Codex. */
function codexWorker(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', TSX, CLI, ...args], {
    cwd: directory,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], CODEX_CMD: '/nowhere/codex', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 30_000,
  });
  return { status, stdout, stderr };
}

interface Mistake {
  readonly name: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly says: string;
  readonly hint: string;
}

const MISTAKES: readonly Mistake[] = [
  {
    name: 'an unknown mode, nearly right',
    args: ['--mode', 'workspace-writ'],
    says: '--mode: got "workspace-writ"; allowed are dry-run, read-only, workspace-write, danger-full-access',
    hint: 'did you mean workspace-write?',
  },
  {
    name: 'an unknown approval policy',
    args: ['-a', 'nevr'],
    says: '--approval: got "nevr"; allowed are never, on-request, untrusted, on-failure',
    hint: 'did you mean never?',
  },
  {
    name: 'a pause with two ends',
    args: ['pause', '--for', '2h', '--until', '07:30'],
    says: '--until and --for contradict each other',
    hint: 'leave one of them out',
  },
  {
    name: 'a pause until a time that is none',
    args: ['pause', '--until', 'tomorrow'],
    says: '--until: got "tomorrow"; allowed is a time',
    hint: 'for example 07:30, or 2026-01-31T07:30',
  },
  {
    name: 'a pause of no length',
    args: ['pause', '--for', '0s'],
    says: '--for: got "0s"; allowed is a duration above zero',
    hint: 'seconds, or for example 90s, 30m, 2h',
  },
  {
    name: 'a directory to resume that is not there',
    args: ['resume', 'elsewhere'],
    says: 'no such path: "elsewhere"',
    hint: 'name a directory of task files, or task files; without a path it is the current directory',
  },
  {
    name: 'a directory with a typing mistake',
    args: ['status', './taks/'],
    says: 'no such path: "./taks/"',
    hint: 'did you mean ./tasks?',
  },
  {
    name: 'a task with a typing mistake',
    args: ['Fix-auht.md'],
    says: 'no such path: "Fix-auht.md"',
    hint: 'did you mean fix-auth.md?',
  },
  {
    name: 'logs of no task',
    args: ['logs', '-f'],
    says: 'no task was named',
    hint: 'for example codex-worker logs fix-auth.md; codex-worker list shows them all',
  },
  {
    name: 'the log of a task with a typing mistake',
    args: ['logs', 'fix-auht'],
    says: 'no such task: "fix-auht"',
    hint: 'did you mean fix-auth?',
  },
  {
    name: 'two tasks to follow',
    args: ['logs', '-f', 'fix-auth', 'fix-auth.md'],
    says: '--follow: got 2 tasks; it follows one',
    hint: 'follow the others in other terminals',
  },
  {
    name: 'an attempt that there was not',
    args: ['logs', 'fix-auth', '--attempt', '2'],
    says: '--attempt: "fix-auth.md" has no log of attempt 2',
    hint: 'no agent has worked on it yet',
  },
  {
    name: 'a retry of completed tasks',
    args: ['retry', '--rerun-completed'],
    says: 'unknown option --rerun-completed here',
    hint: 'it belongs to run and config; codex-worker retry --help lists those of this command',
  },
  {
    name: 'an unknown word for --orphans',
    args: ['--orphans', 'wiat'],
    says: '--orphans: got "wiat"; allowed are end, wait',
    hint: '',
  },
  ...['0', '257', '1e1', '-1', '', 'four'].map((given) => ({
    name: `a concurrency of ${JSON.stringify(given)}`,
    args: ['--concurrency', given],
    says: `--concurrency: got ${JSON.stringify(given)}; allowed is a whole number from 1 to 256`,
    hint: '',
  })),
  {
    name: 'more retries than anybody wants',
    args: ['-r', '101'],
    says: '--retries: got "101"; allowed is a whole number from 0 to 100',
    hint: '',
  },
  ...['0', 'soon', '5w', '-3'].map((given) => ({
    name: `a timeout of ${given}`,
    args: ['--timeout', given],
    says: `--timeout: got "${given}"; allowed is a duration above zero`,
    hint: 'seconds, or for example 90s, 30m, 2h',
  })),
  {
    name: 'a timeout that no timer can hold',
    args: ['-t', '30d'],
    says: '--timeout: got "30d"; the longest duration is 24d',
    hint: '',
  },
  ...['--takeover-after', '--cleanup-stale'].map((option) => ({
    name: `a silence too short to mean anything, for ${option}`,
    args: [option, '59'],
    says: `${option}: got "59"; allowed is a duration of at least 60s`,
    hint: 'a worker that is alive may be silent for a moment; a bare number is seconds',
  })),
  {
    name: 'a maximal age that is no duration',
    args: ['clean', '--max-age', 'old'],
    says: '--max-age: got "old"; allowed is a duration above zero',
    hint: 'seconds, or for example 90s, 30m, 2h',
  },
  ...['', '--json', 'a b', '$(x)'].map((given) => ({
    name: `a model called ${JSON.stringify(given)}`,
    args: [`--model=${given}`],
    says: `--model: got ${JSON.stringify(given)}; allowed is a model name (letters, digits and . _ : / @ + -)`,
    hint: "for example o4-mini, or inherit for the one in Codex's configuration",
  })),
  {
    name: 'a model name in the environment that is none',
    args: [],
    env: { CODEX_WORKER_MODEL: 'a b' },
    says: 'CODEX_WORKER_MODEL: got "a b"; allowed is a model name (letters, digits and . _ : / @ + -)',
    hint: "for example o4-mini, or inherit for the one in Codex's configuration",
  },
  {
    name: 'a Codex setting without a value',
    args: ['--codex-config', 'model_reasoning_effort'],
    says: '--codex-config: got "model_reasoning_effort"; allowed is key=value',
    hint: `for example --codex-config 'model_reasoning_effort="low"'`,
  },
  {
    name: 'a Codex setting that would undo --mode',
    args: ['--codex-config', 'sandbox_mode="danger-full-access"'],
    says: String.raw`--codex-config: got "sandbox_mode=\"danger-full-access\""; this one has an option of its own`,
    hint: 'use --mode instead',
  },
  ...['', '/etc/*.md', '../*.md'].map((given) => ({
    name: `the pattern ${JSON.stringify(given)}`,
    args: [`--pattern=${given}`],
    says: `--pattern: got ${JSON.stringify(given)}; allowed is a glob inside the directory`,
    hint: "for example --pattern '*.txt', or '**/*.md' for the directories below as well",
  })),
  {
    name: 'a working directory that does not exist',
    args: ['--cd', 'nowhere'],
    says: '--cd: no such directory: "DIR/nowhere" (ENOENT)',
    hint: 'create it first',
  },
  {
    name: 'a working directory that is a file',
    args: ['-C', 'fix-auth.md'],
    says: '--cd: not a directory: "DIR/fix-auth.md"',
    hint: 'name the directory that the agents work in',
  },
  {
    name: 'an empty working directory',
    args: ['--cd='],
    says: '--cd: got ""; allowed is a directory',
    hint: 'leave it out for the current directory',
  },
  {
    name: 'quiet and verbose at once',
    args: ['-q', '-v'],
    says: '--quiet and --verbose contradict each other',
    hint: 'leave one of them out',
  },
  {
    name: 'a dry run that is to clean',
    args: ['--mode', 'dry-run', '--cleanup-stale', '1h'],
    says: '--cleanup-stale contradicts --mode dry-run: --mode dry-run changes nothing',
    hint: 'codex-worker clean --dry-run shows what would be cleaned',
  },
  {
    name: 'a dry run that is to have results',
    args: ['--mode', 'dry-run', '-o', 'results.json'],
    says: '--output-json contradicts --mode dry-run: --mode dry-run changes nothing and has no results',
    hint: '--json prints what would be run',
  },
  {
    name: 'a dry run by its flag that is to have a report',
    args: ['--dry-run', '--report', 'report.html'],
    says: '--report contradicts --dry-run: --dry-run changes nothing and has no results',
    hint: 'codex-worker report tells of what was run before',
  },
  {
    name: 'full access without a terminal to ask on',
    args: ['--mode', 'danger-full-access'],
    says: '--mode danger-full-access asks first, and there is no terminal to ask on',
    hint: '--yes skips the question',
  },
  {
    name: 'a reset without a terminal to ask on',
    args: ['reset'],
    says: 'reset asks first, and there is no terminal to ask on',
    hint: '--force skips the question',
  },
  {
    name: 'a kill without a terminal to ask on',
    args: ['clean', '--kill', 'fix-auth.md'],
    says: 'clean with --kill or --force asks first, and there is no terminal to ask on',
    hint: '--yes skips the question',
  },
  {
    name: 'a command with a typing mistake',
    args: ['stauts'],
    says: 'no such path: "stauts"',
    hint: 'did you mean status?',
  },
  {
    name: 'help on a command with a typing mistake',
    args: ['help', 'stauts'],
    says: 'no such command: "stauts"',
    hint: 'did you mean status?',
  },
  {
    name: 'help on what is no command',
    args: ['help', 'tasks/'],
    says: 'no such command: "tasks/"',
    hint: 'codex-worker --help lists them',
  },
  {
    name: 'a path that does not exist',
    args: ['nowhere/at-all.md'],
    says: 'no such path: "nowhere/at-all.md"',
    hint: 'name a directory of task files, or task files; without a path it is the current directory',
  },
  {
    name: 'a glob that the shell left as it is',
    args: ['bug-*.md'],
    says: 'no such path: "bug-*.md"',
    hint: 'no file has this name; a glob without quotes is expanded by the shell, and --pattern takes one in quotes',
  },
  {
    name: 'a completion for no shell',
    args: ['complete'],
    says: 'complete: for which shell? bash, zsh, fish',
    hint: 'codex-worker complete bash',
  },
  {
    name: 'a lone dash',
    args: ['-'],
    says: 'no such path: "-"',
    hint: 'a task is a file; it is not read from standard input',
  },
  {
    name: 'an empty path',
    args: [''],
    says: 'an empty path was given',
    hint: 'leave it out for the current directory',
  },
  {
    name: 'an option of another command',
    args: ['status', '--retries', '3'],
    says: 'unknown option --retries here',
    hint: 'it belongs to run, retry and config; codex-worker status --help lists those of this command',
  },
  {
    name: 'an unknown option',
    args: ['--patern', '*.txt'],
    says: 'unknown option --patern',
    hint: 'did you mean --pattern?',
  },
  {
    name: 'an option that no option is like',
    args: ['--zzzz'],
    says: 'unknown option --zzzz',
    hint: 'codex-worker --help lists them all',
  },
  {
    name: 'an option that no option of that command is like',
    args: ['status', '--foo'],
    says: 'unknown option --foo',
    hint: 'codex-worker status --help lists them all',
  },
  {
    name: 'an option without its value',
    args: ['--model'],
    says: '--model: its value is missing',
    hint: 'write --model <value>',
  },
  {
    name: 'a path for doctor',
    args: ['doctor', 'tasks'],
    says: 'doctor: got "tasks"; it takes no paths',
    hint: 'codex-worker doctor --help shows what it takes',
  },
  {
    name: 'results in a directory that does not exist',
    args: ['-o', 'nowhere/results.json'],
    says: '--output-json: "DIR/nowhere/results.json" cannot be written: its directory is not there (ENOENT)',
    hint: 'create the directory first',
  },
  {
    name: 'results that are a directory',
    args: ['-o', 'tasks'],
    says: '--output-json: "DIR/tasks" is a directory',
    hint: 'name a file',
  },
  {
    name: 'results under the name of a marker',
    args: ['-o', 'done_exec_log-x.md.txt'],
    says: '--output-json: "DIR/done_exec_log-x.md.txt" has a name that marks the state of a task',
    hint: 'name it for example results.json',
  },
  {
    name: 'results over a task',
    args: ['fix-auth.md', '-o', 'fix-auth.md'],
    says: '--output-json: "DIR/fix-auth.md" would be taken for a task',
    hint: 'put it elsewhere, or give it another ending, for example results.json',
  },
  {
    name: 'a glob that is longer than any name',
    args: ['list', '-p', '?'.repeat(60_000)],
    says: '--pattern: got 60000 characters; the longest glob is 1000',
    hint: "for example --pattern '*.txt', or '**/*.md' for the directories below as well",
  },
  {
    name: 'results over a task whose ending is not that of the pattern',
    args: ['notes.txt', '-o', 'notes.txt'],
    says: '--output-json: "DIR/notes.txt" would be taken for a task',
    hint: 'put it elsewhere, or give it another ending, for example results.json',
  },
  {
    name: 'a report over what the runs know',
    args: ['report', 'tasks', '--json', 'tasks/.codex-worker/journal.jsonl'],
    says: '--json: "DIR/tasks/.codex-worker/journal.jsonl" is where the state of the tasks is kept',
    hint: 'put it elsewhere, for example report.json',
  },
  {
    name: 'results that the next run would take for a task',
    args: ['tasks', '-o', 'tasks/results.md'],
    says: '--output-json: "DIR/tasks/results.md" would be taken for a task',
    hint: 'put it elsewhere, or give it another ending, for example results.json',
  },
  {
    name: 'results without a name',
    args: ['-o', '-'],
    says: '--output-json: got "-"; allowed is a file name',
    hint: 'for events on standard output there is --json',
  },
];

describe('wrong usage says what is wrong and what to do, and exits with 2', () => {
  for (const { name, args, env, says, hint } of MISTAKES) {
    test(name, () => {
      const { status, stdout, stderr } = codexWorker(args, env);
      const lines = [
        `codex-worker: ${says.replace('DIR', directory)}`,
        ...(hint === '' ? [] : [`  hint: ${hint}`]),
      ];
      assert.deepEqual(
        { status, stdout, stderr },
        { status: 2, stdout: '', stderr: `${lines.join('\n')}\n` },
      );
    });
  }
});

test('wrong usage leaves the directory as it was', () => {
  assert.deepEqual(readdirSync(directory).sort(), ['fix-auth.md', 'notes.txt', 'tasks']);
});

test('a name that would steer the terminal is shown, not sent', () => {
  const { status, stderr } = codexWorker(['\u001b[2Jevil\u202e.md']);
  assert.equal(status, 2);
  assert.match(stderr, /^codex-worker: no such path: "\\u001b\[2Jevil\\u202e\.md"\n/);
});

test(
  'a directory that cannot be written is refused',
  { skip: process.getuid?.() === 0 && 'root writes everywhere' },
  () => {
    const locked = join(directory, 'locked');
    mkdirSync(locked);
    chmodSync(locked, 0o555);
    const { status, stderr } = codexWorker(['locked']);
    rmSync(locked, { recursive: true });
    assert.equal(status, 2);
    assert.match(stderr, /^codex-worker: cannot write in ".*locked": EACCES\n/);
  },
);

test('--version and --help answer with exit code 0, whatever else is typed', () => {
  assert.match(codexWorker(['--version']).stdout, /^\d+\.\d+\.\d+\n$/);
  for (const args of [
    ['--help'],
    ['run', '-h'],
    ['status', '--help'],
    ['--nope', '--help'],
    ['help'],
    ['help', 'status'],
  ]) {
    const { status, stdout } = codexWorker(args);
    assert.equal(status, 0);
    assert.match(stdout, /Usage:\n {2}\$ codex-worker [^]*Examples:\n {2}codex-worker/);
  }
});

test('a link to nothing and a name that is not UTF-8, which a shell may name among others, are no wrong usage', () => {
  const odd = mkdtempSync(join(directory, 'odd-'));
  writeFileSync(join(odd, 'fix.md'), 'Fix it\n');
  symlinkSync('nowhere', join(odd, 'link.md'));
  writeFileSync(
    Buffer.concat([Buffer.from(`${odd}/not-`), Buffer.from([0xb1]), Buffer.from('.md')]),
    'Fix it\n',
  );
  const script = '"$0" --import "$1" "$2" status --json ./*';
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script, process.execPath, TSX, CLI], {
    cwd: odd,
    encoding: 'utf8',
    timeout: 30_000,
  });
  assert.equal(status, 0, stderr);
  const report = JSON.parse(stdout) as { total: number; refused: { why: string }[] };
  assert.equal(report.total, 1);
  assert.deepEqual(report.refused.map(({ why }) => why).sort(), [
    'has a name that is not UTF-8',
    'is a symbolic link, not a regular file',
  ]);
});
