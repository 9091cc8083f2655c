#!/usr/bin/env node
/**
 * argv → options → command → exit code. The commands are imported when one is to be performed, so that `--help` answers
 * at once.
 */
import { CAC, type Command } from 'cac';
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { optionSpec, parseArguments, type Complaint, type OptionSpec } from './core/arguments.ts';
import { COMMAND_TABLE, COMMANDS, type CommandName } from './core/command-table.ts';
import { EnvironmentError, errnoOf, UsageError } from './core/errors.ts';
import { didYouMean } from './core/options.ts';
import type { Actions } from './core/requests.ts';
import { isSetting } from './core/settings.ts';
import { errorText, exitCodeOf } from './report/errors.ts';
import { helpPage } from './report/help.ts';
import { openTerminal, outAtOnce } from './report/terminal.ts';
import { packageVersion } from './version.ts';

/**
 * cac with its parser replaced. Its own turns `--model 007` into 7, refuses `-j4` and drops `-`; see the tests.
 * `mri` is the one seam there is, and it is private, which is why the version is pinned to ~7.1.0.
 */
// @ts-expect-error -- `mri` is private in cac's types
class ExactCAC extends CAC {
  readonly #complaints = new Map<Command | undefined, Complaint>();

  override mri(argv: readonly string[], command?: Command) {
    // It is called for each command, and only one that stands there can be meant: reading them all takes as long as the rest.
    if (command && !command.isDefaultCommand && !argv.includes(command.name))
      return { args: [], options: {} };
    const own = withOpposites([...this.globalCommand.options, ...(command?.options ?? [])].map(specOf));
    const elsewhere = this.commands
      .filter((other) => other !== command)
      .flatMap((other) => other.options.map((option) => ({ ...specOf(option), of: other.name })));
    const { args, options, complaint } = parseArguments(argv, own, elsewhere, helpOf(command));
    if (complaint) this.#complaints.set(command, complaint);
    // '!' is cac's name for the default command; a path of that name is still a path.
    return { args: args.map((arg) => (arg === '!' ? './!' : arg)), options };
  }

  override outputHelp(): void {
    const { info } = console;
    console.info = (text: string) => outAtOnce(`${text}\n`);
    try {
      super.outputHelp();
    } finally {
      console.info = info;
    }
  }

  throwComplaint(): void {
    const complaint = this.#complaints.get(this.matchedCommand);
    if (complaint) throw new UsageError(complaint.message, complaint.hint);
    const takes = this.matchedCommand?.args ?? [];
    const [unused] = this.args.slice(takes.some(({ variadic }) => variadic) ? Infinity : takes.length);
    if (unused !== undefined)
      throw new UsageError(
        `${this.matchedCommand?.name}: got ${JSON.stringify(unused)}; it takes ${takes.length === 0 ? 'no paths' : 'one word'}`,
        `${helpOf(this.matchedCommand)} shows what it takes`,
      );
  }

  /** Whose page `--help` shows; `undefined` is that of the program. */
  get pageOf(): CommandName | undefined {
    const { matchedCommand } = this;
    return matchedCommand?.isDefaultCommand ? undefined : (matchedCommand?.name as CommandName | undefined);
  }
}

/** What is to be typed for the help on a command. */
function helpOf(command: Command | undefined): string {
  return `codex-worker ${!command || command.isDefaultCommand ? '' : `${command.name} `}--help`;
}

/** `help status` is `status --help`: many people try it first. Throws UsageError. */
function withoutHelpWord(args: readonly string[]): readonly string[] {
  const [first, name] = args;
  if (first !== 'help') return args;
  if (name === undefined || name.startsWith('-')) return ['--help'];
  if (COMMANDS.some((command) => command === name)) return [name, '--help'];
  throw new UsageError(
    `no such command: ${JSON.stringify(name)}`,
    didYouMean(name, COMMANDS) ?? 'codex-worker --help lists them',
  );
}

const specOf = ({ rawName, config }: Command['options'][number]) =>
  optionSpec(rawName, Array.isArray(config.type));

/** `--no-timeout` puts a setting back to its default, and `--retry-failed` too, whatever the environment and the file say. */
function withOpposites(specs: readonly OptionSpec[]): readonly OptionSpec[] {
  const opposites = specs.flatMap(({ long, takesValue }) => {
    const name = long.replace(/^no-/, '');
    const opposite = name === long ? `no-${name}` : name;
    return isSetting(name)
      ? [{ long: opposite, takesValue: false, repeatable: false, clears: takesValue }]
      : [];
  });
  return [...specs, ...opposites];
}

function commandLine(actions: () => Promise<Actions>, env: NodeJS.ProcessEnv, cwd: string): ExactCAC {
  const cli = new ExactCAC('codex-worker');
  for (const name of COMMANDS) {
    const { usage, summary, takesPaths, argument, options, examples } = COMMAND_TABLE[name];
    const takes = takesPaths ? ' [...paths]' : argument ? ` [${argument}]` : '';
    const command = cli.command(name + takes, summary).usage(usage);
    if (name === 'run') command.alias('!');
    for (const { flags, description, repeatable, default: value } of options)
      command.option(flags, value === undefined ? description : `${description} (default: ${value})`, {
        ...(repeatable && { type: [] }),
      });
    for (const example of examples) command.example(`  ${example}`);
    command.action(async () => {
      const bag = cli.options;
      const paths = [...cli.args, ...(bag['--'] as string[])];
      return (await actions())[name]({ paths, bag, env, cwd });
    });
  }
  cli.option('-v, --verbose', 'Say more').option('-V, --version', 'Print the version');
  cli.help((sections) => helpPage(sections, cli.pageOf));
  return cli;
}

/** Runs one command line and returns its exit code. Throws what `report/errors.ts` puts into words. */
export async function execute(
  args: readonly string[],
  actions: () => Promise<Actions>,
  env: NodeJS.ProcessEnv,
  cwd: string,
): Promise<number> {
  const cli = commandLine(actions, env, cwd);
  cli.parse(['node', 'codex-worker', ...withoutHelpWord(args)], { run: false });
  if (cli.options['help'] === true) return 0;
  if (cli.options['version'] === true) {
    outAtOnce(`${packageVersion()}\n`);
    return 0;
  }
  cli.throwComplaint();
  return cli.runMatchedCommand() as Promise<number>;
}

function fail(error: unknown, verbose: boolean): number {
  openTerminal(process.env).err(errorText(error, verbose));
  return exitCodeOf(error);
}

const loadActions = async () => (await import('./actions.ts')).ACTIONS;

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  process.exitCode = 70; // unless an answer comes: a program that runs dry before it has one is broken
  const verbose = args.some((arg) => arg === '--verbose' || /^-\w*v/.test(arg));
  process.on('uncaughtException', (error) => process.exit(fail(error, verbose)));
  try {
    process.exitCode = await execute(args, loadActions, process.env, currentDirectory());
  } catch (error) {
    process.exitCode = fail(error, verbose);
  }
}

function currentDirectory(): string {
  try {
    return process.cwd();
  } catch (error) {
    throw new EnvironmentError(
      `the current directory is gone (${errnoOf(error)})`,
      'change to a directory that exists',
      { cause: error },
    );
  }
}

/** Whether this file is the program, and not imported by a test. The installed program is a link to it. */
function isProgram(): boolean {
  const [, program] = process.argv;
  return program !== undefined && realpathSync(program) === fileURLToPath(import.meta.url);
}

if (isProgram()) void main();
