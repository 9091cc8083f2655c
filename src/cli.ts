#!/usr/bin/env node
/**
 * argv → options → command → exit code. Everything but the reading of the arguments is imported when it is needed, so
 * that `--help` answers at once.
 */
import { CAC, type Command } from 'cac';
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArguments, type Complaint, type OptionSpec } from './core/arguments.ts';
import {
  COMMAND_TABLE,
  COMMANDS,
  HELP_ABOUT,
  HELP_ENVIRONMENT,
  HELP_EXIT_CODES,
  type CommandName,
} from './core/command-table.ts';
import { EnvironmentError, errnoOf, UsageError } from './core/errors.ts';
import type { TidyReport } from './core/reports.ts';
import type { Invocation } from './core/requests.ts';
import type { RunOptions } from './core/options.ts';

/**
 * cac with its parser replaced. Its own turns `--model 007` into 7, refuses `-j4` and drops `-`; see the tests.
 * `mri` is the one seam there is, and it is private, which is why the version is pinned to ~7.1.0.
 */
// @ts-expect-error -- `mri` is private in cac's types
class ExactCAC extends CAC {
  readonly #complaints = new Map<Command | undefined, Complaint>();

  override mri(argv: readonly string[], command?: Command) {
    const own = [...this.globalCommand.options, ...(command?.options ?? [])].map(specOf);
    const elsewhere = this.commands
      .filter((other) => other !== command)
      .flatMap((other) => other.options.map(specOf));
    const { args, options, complaint } = parseArguments(argv, own, elsewhere);
    if (complaint) this.#complaints.set(command, complaint);
    // '!' is cac's name for the default command; a path of that name is still a path.
    return { args: args.map((arg) => (arg === '!' ? './!' : arg)), options };
  }

  throwComplaint(): void {
    const complaint = this.#complaints.get(this.matchedCommand);
    if (complaint) throw new UsageError(complaint.message, complaint.hint);
  }
}

function specOf(option: Command['options'][number]): OptionSpec {
  const [, short, long = ''] = /^(?:-(\w), )?--([\w-]+)/.exec(option.rawName) ?? [];
  return {
    long,
    takesValue: option.required === true,
    repeatable: Array.isArray(option.config.type),
    ...(short !== undefined && { short }),
  };
}

type Actions = Readonly<Record<CommandName, (invocation: Invocation) => Promise<number>>>;

function commandLine(actions: Actions, env: NodeJS.ProcessEnv, cwd: string): ExactCAC {
  const cli = new ExactCAC('codex-worker');
  for (const name of COMMANDS) {
    const { usage, summary, takesPaths, options, examples } = COMMAND_TABLE[name];
    const command = cli.command(takesPaths ? `${name} [...paths]` : name, summary).usage(usage);
    if (name === 'run') command.alias('!');
    for (const { flags, description, repeatable, default: value } of options)
      command.option(flags, value === undefined ? description : `${description} (default: ${value})`, {
        ...(repeatable && { type: [] }),
      });
    for (const example of examples) command.example(`  ${example}`);
    command.action(() => {
      const bag = cli.options;
      return actions[name]({ paths: [...cli.args, ...(bag['--'] as string[])], bag, env, cwd });
    });
  }
  cli.option('-v, --verbose', 'Say more').option('-V, --version', 'Print the version');
  cli.help((sections) => helpSections(sections, cli.matchedCommand));
  return cli;
}

type Sections = Parameters<NonNullable<Parameters<CAC['help']>[0]>>[0];

function helpSections(sections: Sections, command: Command | undefined): Sections {
  const [, ...rest] = sections.filter(({ title }) => !title?.startsWith('For more info'));
  const tidied = rest.map(({ title, body }) => ({
    ...(title !== undefined && { title }),
    // cac gives every negated option a default, and every option without one a blank.
    body: body.replaceAll(/ \(default: true\)| +$/gm, ''),
  }));
  if (!command?.isDefaultCommand) return [{ body: command?.description ?? '' }, ...tidied];
  return [
    { body: HELP_ABOUT },
    ...tidied,
    { title: 'Environment', body: HELP_ENVIRONMENT },
    { title: 'Exit codes', body: HELP_EXIT_CODES },
  ];
}

/** Runs one command line and returns its exit code. Throws what `report/errors.ts` puts into words. */
export async function execute(
  args: readonly string[],
  actions: Actions,
  env: NodeJS.ProcessEnv,
  cwd: string,
): Promise<number> {
  const cli = commandLine(actions, env, cwd);
  cli.parse(['node', 'codex-worker', ...args], { run: false });
  if (cli.options['help'] === true) return 0;
  if (cli.options['version'] === true) {
    console.info(await packageVersion());
    return 0;
  }
  cli.throwComplaint();
  return cli.runMatchedCommand() as Promise<number>;
}

async function packageVersion(): Promise<string> {
  const { createRequire } = await import('node:module');
  return (createRequire(import.meta.url)('codex-worker/package.json') as { version: string }).version;
}

const ACTIONS: Actions = {
  async run(invocation) {
    const { paths, env, cwd } = invocation;
    const { runInvocation } = await import('./core/requests.ts');
    const request = runInvocation(invocation);
    const { options } = request;
    if (options.mode !== 'dry-run') {
      const { checkOpenFiles } = await import('./commands/open-files.ts');
      checkOpenFiles(options.concurrency);
    }
    await checkPaths(invocation, options.mode !== 'dry-run');
    const { checkDirectory } = await import('./commands/given-paths.ts');
    await checkDirectory('--cd', options.workingDirectory);
    if (request.resultsFile !== undefined) {
      const { checkResultsFile } = await import('./report/results-file.ts');
      await checkResultsFile(request.resultsFile, { paths, cwd, patterns: options.patterns });
    }
    const terminal = await openTerminal(env);
    if (options.mode === 'danger-full-access' && !request.yes) await confirmDanger(invocation, options);
    const [{ run }, { openRunReporter }] = await Promise.all([
      import('./commands/run.ts'),
      import('./report/run.ts'),
    ]);
    const reporter = openRunReporter(request, paths, terminal);
    const version = await packageVersion();
    try {
      const exitCode = await run({ paths, options, env, cwd, version }, reporter.emit);
      await reporter.close(exitCode);
      return exitCode;
    } catch (error) {
      await reporter.abandon(error);
      throw error;
    }
  },

  async status(invocation) {
    const { paths, bag, env, cwd } = invocation;
    const { patterns, flag } = await import('./core/requests.ts');
    const chosen = patterns(bag);
    await checkPaths(invocation, false);
    const { status } = await import('./commands/status.ts');
    const [isDetailed, isJson] = [flag(bag, 'detailed'), flag(bag, 'json')];
    const report = await status({ paths, patterns: chosen, cwd, detailed: isDetailed || isJson });
    const { statusJson, statusText } = await import('./report/status-table.ts');
    const { terminal, paint } = await openPainted(env);
    const view = { detailed: isDetailed, paint, now: new Date() };
    terminal.out(isJson ? statusJson(report) : statusText(report, view));
    return 0;
  },

  async clean(invocation) {
    const { paths, bag, env, cwd } = invocation;
    const { cleanOptions, flag } = await import('./core/requests.ts');
    const options = cleanOptions(bag);
    const asks = (options.kill !== undefined || options.force !== undefined) && !options.dryRun;
    await checkPaths(invocation, !options.dryRun);
    const confirm = await confirmation(
      env,
      asks && !flag(bag, 'yes'),
      'clean with --kill or --force',
      '--yes',
    );
    const { clean } = await import('./commands/clean.ts');
    return showTidy(await clean({ paths, cwd, ...options, version: await packageVersion() }, confirm), env);
  },

  async reset(invocation) {
    const { paths, bag, env, cwd } = invocation;
    const { resetOptions, flag } = await import('./core/requests.ts');
    const options = resetOptions(bag);
    await checkPaths(invocation, !options.dryRun);
    const confirm = await confirmation(env, !options.dryRun && !flag(bag, 'force'), 'reset', '--force');
    const { reset } = await import('./commands/reset.ts');
    return showTidy(await reset({ paths, cwd, ...options, version: await packageVersion() }, confirm), env);
  },

  async doctor({ bag, env, cwd }) {
    const { model } = await import('./core/requests.ts');
    const chosen = model({ bag, env });
    const { doctor } = await import('./commands/doctor.ts');
    const report = await doctor({ cwd, env, model: chosen });
    const { doctorText } = await import('./report/doctor.ts');
    const { terminal, paint } = await openPainted(env);
    terminal.out(doctorText(report, paint));
    return report.checks.some(({ verdict }) => verdict === 'failed') ? 3 : 0;
  },
};

async function checkPaths({ paths, cwd }: Invocation, write: boolean): Promise<void> {
  const { checkGivenPaths } = await import('./commands/given-paths.ts');
  await checkGivenPaths(paths, { cwd, write, commands: COMMANDS });
}

async function openTerminal(env: NodeJS.ProcessEnv) {
  return (await import('./report/terminal.ts')).openTerminal(env);
}

async function openPainted(env: NodeJS.ProcessEnv) {
  const terminal = await openTerminal(env);
  return { terminal, paint: (await import('./report/console.ts')).createPaint(terminal.outColours) };
}

/** Who answers the questions of a command: the person at the terminal, or the option that says yes to all of them. */
async function confirmation(env: NodeJS.ProcessEnv, asks: boolean, what: string, option: string) {
  if (!asks) return () => Promise.resolve(true);
  await needTerminal(env, what, option);
  return (await import('./report/confirm.ts')).confirm;
}

async function confirmDanger({ env }: Invocation, { workingDirectory }: RunOptions): Promise<void> {
  await needTerminal(env, '--mode danger-full-access', '--yes');
  const { confirmFullAccess } = await import('./report/confirm.ts');
  if (!(await confirmFullAccess(workingDirectory)))
    throw new UsageError(
      '--mode danger-full-access was not confirmed; nothing was run',
      '--mode workspace-write confines the agents',
    );
}

async function needTerminal(env: NodeJS.ProcessEnv, what: string, option: string): Promise<void> {
  if ((await openTerminal(env)).canAsk) return;
  throw new UsageError(
    `${what} asks first, and there is no terminal to ask on`,
    `${option} skips the question`,
  );
}

async function showTidy(report: TidyReport, env: NodeJS.ProcessEnv): Promise<number> {
  const { tidyText } = await import('./report/tidy.ts');
  const { terminal, paint } = await openPainted(env);
  terminal.out(tidyText(report, paint));
  return report.exitCode;
}

async function fail(error: unknown, verbose: boolean): Promise<number> {
  const { errorText, exitCodeOf } = await import('./report/errors.ts');
  (await openTerminal(process.env)).err(errorText(error, verbose));
  return exitCodeOf(error);
}

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const verbose = args.some((arg) => arg === '--verbose' || /^-\w*v/.test(arg));
  process.on('uncaughtException', (error) => void fail(error, verbose).then((code) => process.exit(code)));
  try {
    process.exitCode = await execute(args, ACTIONS, process.env, currentDirectory());
  } catch (error) {
    process.exitCode = await fail(error, verbose);
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

if (isProgram()) await main();
