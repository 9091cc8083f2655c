/** What each command does, from its arguments to its exit code: the values checked, the work done, the report shown. */
import { resolve } from 'node:path';
import { answer, openAnswering, refuseAgents } from './commands/answer.ts';
import { approvals, watchApprovals } from './commands/approvals.ts';
import { clean, type Confirm } from './commands/clean.ts';
import { complete } from './commands/complete.ts';
import { configFileFor } from './commands/config-file.ts';
import { doctor } from './commands/doctor.ts';
import { list } from './commands/list.ts';
import { logs } from './commands/logs.ts';
import { checkDirectory, checkWritable, givenDirectories } from './commands/given-paths.ts';
import { openOutbox } from './commands/notify.ts';
import { checkOpenFiles } from './commands/open-files.ts';
import { pause, resume } from './commands/pause.ts';
import { report } from './commands/report.ts';
import { reset } from './commands/reset.ts';
import { refuseUnverified, retryTasks } from './commands/retry.ts';
import { run } from './commands/run.ts';
import { status, type StatusRequest } from './commands/status.ts';
import { watchStatus } from './commands/watch-status.ts';
import { answerOptions, approvalsOptions } from './core/answer-requests.ts';
import { COMMANDS } from './core/command-table.ts';
import { SHELLS } from './core/completions.ts';
import { configReport } from './core/effective.ts';
import { UsageError } from './core/errors.ts';
import type { RunEvent } from './core/event.ts';
import { listOptions, logsOptions, retryOptions } from './core/look-requests.ts';
import { misspeltVariables, whatWasMeant } from './core/misspelt-variables.ts';
import { withoutTargets, type Audience, type Notification } from './core/notification.ts';
import { oneOf, type RunOptions } from './core/options.ts';
import { printable } from './core/printable.ts';
import type { LeftOut, TidyReport, TidyStep } from './core/reports.ts';
import {
  cleanOptions,
  configNamed,
  flag,
  model,
  patterns,
  pauseOptions,
  reportOptions,
  resetOptions,
  runInvocation,
  statusOptions,
  type Actions,
  type Invocation,
  type RunInvocation,
} from './core/requests.ts';
import { typedLine } from './core/shell-words.ts';
import { namedFrom, whereIs, type Settings } from './core/sources.ts';
import { AnswerByKeys } from './report/answer-by-keys.ts';
import { approvalsJson, approvalsText, linesOf, outcomeText, titleOf } from './report/approvals.ts';
import { completionScript, completionText } from './report/completion.ts';
import { configJson, configText } from './report/config.ts';
import { confirm, confirmFullAccess } from './report/confirm.ts';
import { createPaint } from './report/console.ts';
import { doctorText } from './report/doctor.ts';
import { exitCodeOf } from './report/errors.ts';
import { bellOf, Notifier } from './report/notify.ts';
import { checkOutputFile } from './report/output-file.ts';
import { checkReportFiles, writeReportFiles } from './report/report-files.ts';
import { reportText } from './report/report-text.ts';
import { retryText, showList } from './report/list.ts';
import { showLogs } from './report/logs.ts';
import { openRunReporter } from './report/run.ts';
import { openScreen } from './report/screen.ts';
import { statusJson, statusText } from './report/status-table.ts';
import { createStatusWatch } from './report/status-watch.ts';
import { pausedText, resumedText } from './report/pause.ts';
import { openTerminal, type Terminal } from './report/terminal.ts';
import { StepLine } from './report/step-line.ts';
import { tidyText } from './report/tidy.ts';
import { describeLeftOut } from './report/wording.ts';
import { packageVersion } from './version.ts';

export const ACTIONS: Actions = {
  async run(typed) {
    const invocation = await located(typed);
    return runTasks(invocation, runInvocation(invocation));
  },

  async status(typed) {
    const invocation = await located(typed);
    const { paths, env, cwd } = invocation;
    const { patterns: chosen, detailed, json, watchEveryMs } = statusOptions(invocation);
    const { terminal, paint } = openPainted(env);
    const request = { paths, patterns: chosen, cwd, detailed: detailed || json };
    if (watchEveryMs !== undefined)
      return showStatusChanges({ ...request, everyMs: watchEveryMs }, { detailed, json }, env);
    const report = await status(request);
    const now = new Date();
    terminal.out(json ? statusJson(report, now) : statusText(report, { detailed, paths, paint, now }));
    return 0;
  },

  async list(typed) {
    const invocation = await located(typed);
    const { paths, env, cwd } = invocation;
    const options = listOptions(invocation);
    const { terminal, paint } = openPainted(env);
    const withReasons = terminal.outIsTerminal || options.byReason || options.as === 'json';
    return showList(list({ paths, cwd, ...options, withReasons }), options, terminal, paint);
  },

  async retry(typed) {
    const invocation = await located(typed);
    const { paths, bag, env, cwd } = invocation;
    const { match, dryRun } = retryOptions(bag);
    const request = runInvocation({ ...invocation, bag: { ...bag, dryRun: false } }); // that one only lists
    const { options } = request;
    if (!dryRun) await checkWritable(invocation.directories);
    const which = { paths, cwd, patterns: options.patterns, ...(match !== undefined && { match }) };
    const { failed, leftOut } = await retryTasks(which);
    const [left, ...more] = leftOut.map(describeLeftOut);
    if (!dryRun && failed.length === 0 && left !== undefined)
      throw new UsageError([left, ...more].join('; '), 'nothing else has failed, and nothing was run');
    if (dryRun || failed.length === 0) {
      const { terminal, paint } = openPainted(env);
      (request.json ? terminal.err : terminal.out)(retryText(failed, match, paint));
      for (const one of leftOut) terminal.err(`${describeLeftOut(one)}\n`);
      return leftOut.length > 0 ? 1 : 0;
    }
    await refuseUnverified(failed, options);
    const only = { retryFailed: true, rerunCompleted: false, rerunChanged: false };
    const chosen = failed.map(({ task }) => `${task.directory}/${task.name}`);
    return runTasks(invocation, { ...request, options: { ...options, ...only } }, { chosen, leftOut });
  },

  async report(typed) {
    const invocation = await located(typed);
    const { paths, env, cwd } = invocation;
    const [files, chosen] = [reportOptions(invocation), patterns(invocation)];
    await checkReportFiles(files, { paths, cwd, patterns: chosen });
    const data = await report({ paths, patterns: chosen, cwd, version: packageVersion() });
    const { terminal, paint } = openPainted(env);
    if (files.length === 0) terminal.out(reportText(data, paint));
    const isPiped = files.some(({ path }) => path === undefined);
    await writeReportFiles(data, files, terminal, isPiped ? terminal.err : terminal.out);
    return 0;
  },

  async logs({ paths: tasks, bag, env, cwd }) {
    const options = logsOptions(tasks, bag);
    const view = { raw: options.raw, headings: tasks.length > 1 };
    return showLogs(logs({ tasks, cwd, ...options }), view, openTerminal(env));
  },

  async pause(typed) {
    const invocation = await located(typed);
    const { paths, env, cwd } = invocation;
    const options = pauseOptions(invocation);
    await checkWritable(invocation.directories);
    const report = await pause({ paths, cwd, ...options, version: packageVersion() });
    const { terminal, paint } = openPainted(env);
    terminal.out(pausedText(report, paint));
    return 0;
  },

  async resume(typed) {
    const invocation = await located(typed);
    const { paths, env, cwd } = invocation;
    const chosen = patterns(invocation);
    const report = await resume({ paths, patterns: chosen, cwd });
    const { terminal, paint } = openPainted(env);
    terminal.out(resumedText(report, paint));
    return 0;
  },

  async approvals(typed) {
    const invocation = await located(typed);
    const { paths, env, cwd } = invocation;
    const { patterns: chosen, json, interactive } = approvalsOptions(invocation);
    const request = { paths, patterns: chosen, cwd, env };
    if (interactive) {
      refuseAgents(env, 'approvals --interactive');
      const terminal = openTerminal(env);
      if (!terminal.canAsk)
        throw new UsageError(
          'approvals --interactive is answered by keys, and there is no terminal',
          'codex-worker approvals shows what is asked, with the commands that answer it',
        );
      const desk = { look: await watchApprovals(request), ...openAnswering(env) };
      return new AnswerByKeys(terminal, createPaint(terminal.errColours), desk).run();
    }
    const report = await approvals(request);
    const { terminal, paint } = openPainted(env);
    const { columns } = terminal.outSize();
    const now = new Date();
    terminal.out(json ? approvalsJson(report, now) : approvalsText(report, { paint, now, columns }));
    return 0;
  },

  approve: (invocation) => answerOne('approve', invocation),
  deny: (invocation) => answerOne('deny', invocation),

  async clean(typed) {
    const invocation = await located(typed);
    const { paths, bag, env, cwd } = invocation;
    const options = cleanOptions(invocation);
    const asks = (options.kill !== undefined || options.force !== undefined) && !options.dryRun;
    if (!options.dryRun) await checkWritable(invocation.directories);
    const confirm = await confirmation(
      env,
      asks && !flag(bag, 'yes'),
      'clean with --kill or --force',
      '--yes',
    );
    const request = { paths, cwd, ...options, version: packageVersion() };
    return showTidy((ask, onStep) => clean(request, ask, onStep), confirm, env);
  },

  async reset(typed) {
    const invocation = await located(typed);
    const { paths, bag, env, cwd } = invocation;
    const options = resetOptions(invocation);
    if (!options.dryRun) await checkWritable(invocation.directories);
    const confirm = await confirmation(env, !options.dryRun && !flag(bag, 'force'), 'reset', '--force');
    const request = { paths, cwd, ...options, version: packageVersion() };
    return showTidy((ask, onStep) => reset(request, ask, onStep), confirm, env);
  },

  async config(typed) {
    const invocation = await located(typed);
    const request = runInvocation(invocation);
    const report = configReport(request, invocation.env);
    const { terminal, paint } = openPainted(invocation.env);
    terminal.out(request.json ? configJson(report) : configText(report, paint));
    return 0;
  },

  async doctor(typed) {
    const invocation = await located(typed);
    const { env, cwd } = invocation;
    const chosen = model(invocation);
    const report = await doctor({ cwd, env, model: chosen });
    const { terminal, paint } = openPainted(env);
    terminal.out(doctorText(report, paint));
    return report.checks.some(({ verdict }) => verdict === 'failed') ? 3 : 0;
  },

  async complete({ paths, bag, env, cwd }) {
    const told = bag['--'] as readonly string[]; // behind it comes a question of the script
    const [shell = ''] = paths.slice(0, paths.length - told.length);
    const terminal = openTerminal(env);
    if (told.length === 0 && shell === '')
      throw new UsageError(`complete: for which shell? ${SHELLS.join(', ')}`, 'codex-worker complete bash');
    if (told.length === 0) terminal.out(completionScript(oneOf('complete', shell, SHELLS)));
    else {
      const { words, kept } = typedLine(shell, told);
      terminal.out(completionText(await complete(words, cwd), kept));
    }
    return 0;
  },
};

/** What `run --report` asks for, when the run is over. */
async function reportRun(
  { paths, cwd }: Invocation,
  { reports, options, json, detail }: RunInvocation,
  terminal: Terminal,
): Promise<void> {
  if (reports.length === 0) return;
  const data = await report({ paths, patterns: options.patterns, cwd, version: packageVersion() });
  const say = detail === 'quiet' ? () => {} : json ? terminal.err : terminal.out;
  await writeReportFiles(data, reports, terminal, say);
}

/** `chosen` are the tasks to run, where those are not all that the paths stand for, and `leftOut` those that were meant too. */
async function runTasks(
  invocation: Located,
  request: RunInvocation,
  { chosen, leftOut }: { readonly chosen: readonly string[]; readonly leftOut: readonly LeftOut[] } = {
    chosen: invocation.paths,
    leftOut: [],
  },
): Promise<number> {
  const { paths, env, cwd } = invocation;
  const { options, settings } = request;
  if (!options.dryRun) {
    checkOpenFiles(options.concurrency);
    await checkWritable(invocation.directories);
  }
  await checkDirectory(whereIs('cd', settings.sources.cd), options.workingDirectory);
  if (request.resultsFile !== undefined)
    await checkOutputFile(
      { option: '--output-json', path: request.resultsFile, example: 'results.json' },
      { paths, cwd, patterns: options.patterns },
    );
  await checkReportFiles(request.reports, { paths, cwd, patterns: options.patterns });
  const terminal = openTerminal(env);
  if (options.mode === 'danger-full-access' && !options.dryRun && !request.yes)
    await confirmDanger(invocation, options, settings);
  const reporter = openRunReporter(request, paths, terminal);
  const version = packageVersion();
  const writeReports = () => reportRun(invocation, request, terminal);
  const { notifier, outbox } = openNotifications(invocation, settings, terminal, reporter.emit);
  const emit = (event: RunEvent) => {
    reporter.emit(event);
    notifier.note(event);
  };
  for (const found of misspeltVariables(env))
    emit({
      kind: 'notice',
      message: `the variable ${found.variable} is no setting; ${whatWasMeant(found)}`,
    });
  for (const one of leftOut) emit({ kind: 'notice', message: describeLeftOut(one) });
  try {
    const order = {
      paths: chosen,
      leftOut: leftOut.length,
      options,
      env: withoutTargets(env),
      cwd,
      version,
      canAnswer: terminal.canAsk,
    };
    const exitCode = await run(order, emit, reporter.takeControls);
    await reporter.close(exitCode);
    await writeReports();
    await outbox.close();
    return exitCode;
  } catch (error) {
    await reporter.abandon(error);
    await writeReports().catch(() => {}); // what it would say stands back behind that error
    notifier.abandon(error, exitCodeOf(error));
    await outbox.close();
    throw error;
  }
}

/** An invocation whose paths are there, with the config file that holds for them. */
interface Located extends Invocation {
  readonly directories: ReadonlySet<string>;
}

/** Throws UsageError. */
async function located(invocation: Invocation): Promise<Located> {
  const { paths, bag, cwd } = invocation;
  const directories = await givenDirectories(paths, { cwd, commands: COMMANDS });
  const file = await configFileFor({ named: configNamed(bag), directories, cwd });
  return { ...invocation, directories, ...(file && { file }) };
}

/** What of a run is told to those who do not look at it, and how it gets there. */
function openNotifications(
  { paths, env, cwd }: Invocation,
  { values }: Settings,
  terminal: Terminal,
  emit: (event: RunEvent) => void,
) {
  let isOver = false;
  const outbox = openOutbox(values.notify, {
    env,
    cwd,
    ring: (text) => terminal.live && terminal.err(bellOf(text)),
    tell: (message) => {
      if (isOver) terminal.err(`codex-worker: ${printable(message)}\n`);
      else emit({ kind: 'notice', message });
    },
  });
  const [only, ...others] = paths;
  const directory = only !== undefined && others.length === 0 ? resolve(cwd, only) : cwd;
  const send = (notification: Notification, to?: Audience) => {
    isOver ||= notification.event === 'finished'; // the last event has been said, and nothing comes behind it
    outbox.send(notification, to);
  };
  const later = (ms: number, then: () => void) => void setTimeout(then, ms).unref();
  return { outbox, notifier: new Notifier(directory, { send, now: () => new Date(), later }) };
}

function openPainted(env: NodeJS.ProcessEnv) {
  const terminal = openTerminal(env);
  return { terminal, paint: createPaint(terminal.outColours) };
}

/** Who answers the questions of a command: the person at the terminal, or the option that says yes to all of them. */
async function confirmation(env: NodeJS.ProcessEnv, asks: boolean, what: string, option: string) {
  if (!asks) return () => Promise.resolve(true);
  await needTerminal(env, what, option);
  return confirm;
}

async function confirmDanger(
  { env }: Invocation,
  { workingDirectory }: RunOptions,
  { sources }: Settings,
): Promise<void> {
  const mode = `${namedFrom('mode', sources.mode)} danger-full-access`;
  await needTerminal(env, mode, '--yes');
  if (!(await confirmFullAccess(workingDirectory)))
    throw new UsageError(
      `${mode} was not confirmed; nothing was run`,
      '--mode workspace-write confines the agents',
    );
}

async function needTerminal(env: NodeJS.ProcessEnv, what: string, option: string): Promise<void> {
  if (openTerminal(env).canAsk) return;
  throw new UsageError(
    `${what} asks first, and there is no terminal to ask on`,
    `${option} skips the question`,
  );
}

async function answerOne(verb: 'approve' | 'deny', { paths, bag, env, cwd }: Invocation): Promise<number> {
  const options = answerOptions(verb, paths, bag);
  const { terminal, paint } = openPainted(env);
  const outcome = await answer({ ...options, cwd, env }, async (asked) => {
    await needTerminal(env, verb, '--yes');
    const view = {
      paint: createPaint(terminal.errColours),
      now: new Date(),
      columns: terminal.columns(),
      byKey: true as const,
    };
    terminal.err(`${[titleOf(asked, view.paint), '', ...linesOf(asked, view), ''].join('\n')}\n`);
    return confirm(options.decision === 'approve' ? 'Approve it?' : 'Approve it for this session?');
  });
  const isGiven = outcome.kind === 'answered' && outcome.result.kind === 'given';
  (isGiven ? terminal.out : terminal.err)(outcomeText(outcome, options.decision, paint));
  return isGiven ? 0 : outcome.kind === 'several' ? 2 : 1;
}

async function showStatusChanges(
  request: StatusRequest & { readonly everyMs: number },
  how: { readonly detailed: boolean; readonly json: boolean },
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const { terminal, paint } = openPainted(env);
  const { out, outLive, outSize, outIsLost } = terminal;
  const screen =
    outLive && !how.json
      ? await openScreen({ write: out, columns: () => outSize().columns, rows: () => outSize().rows })
      : undefined;
  const show = createStatusWatch({
    ...how,
    paths: request.paths,
    paint,
    out,
    ...(screen && { live: { screen, size: outSize } }),
  });
  try {
    return await watchStatus({ ...request, isUnheard: outIsLost }, show);
  } finally {
    screen?.done();
  }
}

async function showTidy(
  work: (confirm: Confirm, onStep: (step: TidyStep) => void) => Promise<TidyReport>,
  confirm: Confirm,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const { terminal, paint } = openPainted(env);
  const line = new StepLine(terminal);
  const ask: Confirm = (question) => {
    line.end();
    return confirm(question);
  };
  const report = await work(ask, line.step).finally(() => line.end());
  terminal.out(tidyText(report, paint));
  return report.exitCode;
}
