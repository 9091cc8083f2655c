/**
 * Every trap of cac's parser, each with a control that shows cac falling into it: when a control fails, cac has
 * changed, and the parser of our own may have become needless.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cac } from 'cac';
import { execute } from '../../src/cli.ts';
import { COMMANDS, type CommandName } from '../../src/core/command-table.ts';
import { UsageError } from '../../src/core/errors.ts';
import type { Actions, Invocation } from '../../src/core/requests.ts';

interface Reached {
  readonly command: CommandName;
  readonly paths: readonly string[];
  readonly bag: Record<string, unknown>;
}

/** Which action our command line reaches, and with what. */
async function exact(...argv: string[]): Promise<Reached> {
  let reached: Reached | undefined;
  const action = (command: CommandName) => (invocation: Invocation) => {
    reached = { command, paths: invocation.paths, bag: { ...invocation.bag } };
    return Promise.resolve(0);
  };
  const actions = Object.fromEntries(COMMANDS.map((name) => [name, action(name)])) as Actions;
  await execute(argv, () => Promise.resolve(actions), {}, '/');
  assert.ok(reached, 'no action was reached');
  return reached;
}

/** What cac makes of the same arguments by itself. */
function plain(...argv: string[]) {
  const cli = cac('plain');
  cli
    .command('[...paths]', '')
    .option('-m, --model <name>', '')
    .option('-c, --concurrency <n>', '')
    .option('-p, --pattern <glob>', '', { type: [String] })
    .option('-v, --verbose', '')
    .action(() => 'default');
  cli.command('status [...paths]', '').action(() => 'status');
  const { args, options } = cli.parse(['node', 'plain', ...argv], { run: false });
  return { args, options, cli };
}

async function complaint(...argv: string[]): Promise<UsageError> {
  const error = await exact(...argv).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof UsageError, `expected a usage error, got ${String(error)}`);
  return error;
}

describe('a value is the text that was typed', () => {
  for (const text of ['007', '1e3', '0x10', '12345678901234567890']) {
    test(`--model ${text} stays ${text}`, async () => {
      assert.equal((await exact('--model', text)).bag['model'], text);
      assert.notEqual(plain('--model', text).options['model'], text);
    });
  }

  test('repeated values keep their text and their order', async () => {
    const typed = ['--pattern', '1.0', '--pattern', '2e1'];
    assert.deepEqual((await exact(...typed)).bag['pattern'], ['1.0', '2e1']);
    assert.deepEqual(plain(...typed).options['pattern'], ['1', '20']);
  });

  test('an empty value is an empty value, and does not swallow the next argument', async () => {
    const ours = await exact('--model=', 'x');
    assert.equal(ours.bag['model'], '');
    assert.deepEqual(ours.paths, ['x']);
    assert.equal((await exact('--model', '')).bag['model'], '');
    assert.equal(plain('--model=', 'x').options['model'], 'x');
    assert.equal(plain('--model', '').options['model'], 0);
  });

  test('repeated values may be typed with the short name and the long one', async () => {
    assert.deepEqual((await exact('--pattern', '*.a', '-p', '*.b')).bag['pattern'], ['*.a', '*.b']);
    assert.deepEqual(plain('--pattern', '*.a', '-p', '*.b').options['pattern'], ['*.a']);
  });

  test('the last of several values wins', async () => {
    assert.equal((await exact('-m', 'a', '--model', 'b')).bag['model'], 'b');
    assert.equal(plain('-m', 'a', '--model', 'b').options['model'], 'a');
    assert.deepEqual(plain('--model', 'a', '--model', 'b').options['model'], ['a', 'b']);
  });

  test('a short option may be joined to its value, and to others', async () => {
    assert.equal((await exact('-c4')).bag['concurrency'], '4');
    const { bag } = await exact('-vc4');
    assert.deepEqual([bag['verbose'], bag['concurrency']], [true, '4']);
    assert.throws(() => plain('-c4').cli.runMatchedCommand(), /Unknown option/);
  });
});

describe('a path is the text that was typed', () => {
  test('a path after a flag is not made a number', async () => {
    assert.deepEqual((await exact('--verbose', '1e3')).paths, ['1e3']);
    assert.deepEqual(plain('--verbose', '1e3').args, [1000]);
  });

  test('a path called true after a flag is not lost', async () => {
    assert.deepEqual((await exact('--verbose', 'true')).paths, ['true']);
    assert.deepEqual(plain('--verbose', 'true').args, []);
  });

  test('a lone dash is a path', async () => {
    assert.deepEqual((await exact('-')).paths, ['-']);
    assert.deepEqual(plain('-').args, []);
  });

  test('a path called ! is a path', async () => {
    assert.deepEqual((await exact('!')).paths, ['./!']);
    const cli = cac('plain');
    cli.command('run [...paths]', '').alias('!');
    assert.deepEqual(cli.parse(['node', 'plain', '!'], { run: false }).args, []);
  });

  test('after -- everything is a path, options and names of commands too', async () => {
    const { command, paths } = await exact('x.md', '--', 'status', '--flag', '-c4');
    assert.equal(command, 'run');
    assert.deepEqual(paths, ['x.md', 'status', '--flag', '-c4']);
    assert.equal((await exact('--', 'status')).command, 'run');
    assert.deepEqual(plain('x.md', '--', 'status').args, ['x.md']);
  });
});

describe('the command is the first argument that is no option', () => {
  test('without one it is run', async () => {
    assert.equal((await exact()).command, 'run');
    assert.deepEqual(await exact('tasks/'), { command: 'run', paths: ['tasks/'], bag: { '--': [] } });
    assert.deepEqual((await exact('run', 'tasks/')).paths, ['tasks/']);
  });

  test('it may come after a flag that every command knows', async () => {
    const { command, paths } = await exact('--verbose', 'status', 'tasks/');
    assert.equal(command, 'status');
    assert.deepEqual(paths, ['tasks/']);
    assert.equal(plain('--verbose', 'status').cli.matchedCommand?.name, '');
  });

  test('after an option of another command it is a complaint, and no path', async () => {
    assert.match((await complaint('--json', '--yes', 'status')).message, /^unknown option --yes here$/);
  });

  test('the value of an option is never taken for a command', async () => {
    const { command, bag } = await exact('--model', 'status');
    assert.equal(command, 'run');
    assert.equal(bag['model'], 'status');
  });

  test('a name like it is a path, which the check of the paths names', async () => {
    assert.deepEqual((await exact('stauts')).paths, ['stauts']);
  });

  test('the same option may take a value in one command and none in another', async () => {
    assert.equal((await exact('clean', '--kill', 'fix.md')).bag['kill'], 'fix.md');
    const reset = await exact('reset', '--kill', 'tasks/');
    assert.equal(reset.bag['kill'], true);
    assert.deepEqual(reset.paths, ['tasks/']);
  });
});

describe('what cannot be meant is a complaint', () => {
  test('an unknown option is named as it was typed, with a guess', async () => {
    const error = await complaint('--concurency', '4');
    assert.equal(error.message, 'unknown option --concurency');
    assert.equal(error.hint, 'did you mean --concurrency?');
    assert.equal((await complaint('--no-nope')).message, 'unknown option --no-nope');
    assert.equal((await complaint('-x')).message, 'unknown option -x');
  });

  test('names that every object has are unknown as well', async () => {
    for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty'])
      assert.equal((await complaint(`--${name}`, 'x')).message, `unknown option --${name}`);
    assert.equal(plain('--constructor', 'x').cli.runMatchedCommand(), 'default');
  });

  test('a missing value is named, also where the next argument is an option', async () => {
    assert.equal((await complaint('--model')).message, '--model: its value is missing');
    assert.equal(
      (await complaint('-m', '--verbose')).message,
      '--model: its value is missing, the next argument is the option --verbose',
    );
    assert.equal((await exact('--codex-config=-x=1')).bag['codexConfig']?.toString(), '-x=1');
  });

  test('a negative number is a wrong value and not a missing one', async () => {
    assert.equal((await exact('--retries', '-1')).bag['retries'], '-1');
  });

  test('a flag takes no value', async () => {
    assert.equal((await complaint('--json=yes')).message, '--json: got "yes"; it takes no value');
  });

  test('a negated option is the option, switched off', async () => {
    assert.equal((await exact('--no-retry-failed')).bag['retryFailed'], false);
    assert.equal((await exact()).bag['retryFailed'], undefined);
  });

  test('every setting has an opposite that takes it back, and the last of both wins', async () => {
    assert.equal((await exact('--no-timeout')).bag['timeout'], null);
    assert.equal((await exact('--timeout', '5m', '--no-timeout')).bag['timeout'], null);
    assert.deepEqual((await exact('--no-pattern', '-p', '*.a')).bag['pattern'], ['*.a']);
    assert.equal((await exact('--no-expect-changes')).bag['expectChanges'], false);
    assert.equal((await exact('--retry-failed')).bag['retryFailed'], true);
    assert.equal((await exact('--no-config')).bag['config'], false);
    assert.equal((await complaint('--no-yes')).message, 'unknown option --no-yes');
    assert.equal((await complaint('status', '--no-timeout')).message, 'unknown option --no-timeout');
  });

  test('doctor takes no paths', async () => {
    const { message, hint } = await complaint('doctor', 'tasks/');
    assert.equal(message, 'doctor: got "tasks/"; it takes no paths');
    assert.equal(hint, 'codex-worker doctor --help shows what it takes');
  });
});
