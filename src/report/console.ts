/** A run for people: one line for each task that ends, and a summary. Colours and signs; every word of a task is made harmless. */
import picocolors from 'picocolors';
import { formatDuration } from '../core/duration.ts';
import type { RunEvent, RunSummary } from '../core/event.ts';
import { describeFailure, describeProblem, type EnvironmentProblem } from '../core/failure.ts';
import { DEFAULT_PATTERN, type RunOptions } from '../core/options.ts';
import { completedAs, type Outcome } from '../core/outcome.ts';
import { headline, printable, shellPath, shellQuoted } from '../core/printable.ts';
import { idOf } from '../core/question.ts';
import { answerCommand, describeAnswer, questionHeadline } from '../core/question-text.ts';
import type { Detail } from '../core/requests.ts';
import type { Task, TaskState } from '../core/task.ts';
import { unreachable } from '../core/unreachable.ts';
import { describeAnswers } from './answers.ts';
import { describeRules } from './run-rules.ts';
import { describeSpending } from './spending.ts';
import {
  describeInVain,
  describePause,
  describeProcess,
  describeReap,
  describeReturn,
  describeSkip,
  describeUsage,
  localMoment,
  plural,
  withoutSecrets,
} from './wording.ts';

export type Paint = Readonly<
  Record<'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan', (text: string) => string>
>;

export function createPaint(colours: boolean): Paint {
  return picocolors.createColors(colours);
}

export interface ConsoleOptions {
  readonly detail: Detail;
  /** What was typed, for the commands that the summary proposes. */
  readonly paths: readonly string[];
  readonly paint: Paint;
  readonly errPaint: Paint;
  /** What agents ask is shown in another way, and answered there. */
  readonly isAsked?: () => boolean;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

export function createConsoleReporter(options: ConsoleOptions): (event: RunEvent) => void {
  const reporter = new ConsoleReporter(options);
  return (event) => reporter.report(event);
}

class ConsoleReporter {
  readonly #options: ConsoleOptions;
  readonly #paint: Paint;
  /** Failed attempts whose wait is not known yet: the failure and the wait are one line. */
  readonly #awaitingRetry = new Map<string, string>();
  #wouldRun = 0;
  #run: RunOptions | undefined;
  #isToldHow = false;
  /** As they failed, by their labels. */
  readonly #failed = new Set<string>();

  constructor(options: ConsoleOptions) {
    this.#options = options;
    this.#paint = options.paint;
  }

  report(event: RunEvent): void {
    const { dim, cyan } = this.#paint;
    switch (event.kind) {
      case 'run-started':
        return this.#started(event);
      case 'tasks-added':
        return this.#added(event);
      case 'tasks-gone':
        return this.#unlessQuiet(dim(`➖ ${plural(event.tasks.length, 'task')} gone: ${event.total} in all`));
      case 'waiting-for-others':
        return this.#unlessQuiet(
          dim(`waiting for ${plural(event.tasks, 'task')} in progress elsewhere (--wait)`),
        );
      case 'notice':
        return this.#unlessQuiet(`${dim('note:')} ${printable(event.message)}`);
      case 'attempt-started':
        return this.#ifVerbose(
          dim(`▶ ${nameOf(event.task)} attempt ${event.attempt} started (pid ${event.pid})`),
        );
      case 'attempt-activity':
        return this.#ifVerbose(dim(`  ${nameOf(event.task)}: ${printable(event.activity.text)}`));
      case 'question':
        return this.#asked(event);
      case 'answered':
        return this.#unlessQuiet(
          `❔ ${nameOf(event.task)} (${idOf(event.question)}): ${describeAnswer(event.answer)}`,
        );
      case 'attempt-ended':
        return this.#ended(event.task, event.outcome, event.log);
      case 'retry-scheduled':
        return this.#retry(
          event.task,
          event.waitMs < 50 ? '; retrying at once' : `; retrying in ${formatDuration(event.waitMs)}`,
        );
      case 'made-pending':
        this.#failed.delete(event.task.label);
        return this.#unlessQuiet(`⏪ ${nameOf(event.task)} is pending again: it failed as the others did`);
      case 'reaped':
        return this.#unlessQuiet(
          `♻️  ${nameOf(event.task)} was left by ${describeProcess(event.owner)}: ${describeReap(event.result)}`,
        );
      case 'held':
        this.#say(`⏳ ${nameOf(event.task)} stays in progress: ${printable(event.why)}`);
        return this.#say(`   ${dim(printable(event.hint))}`);
      case 'left-waiting':
        return this.#leftWaiting(event);
      case 'dry-run':
        this.#wouldRun += 1;
        this.#say(
          `${nameOf(event.task)} ${dim(`would be run (prompt of ${plural(event.promptBytes, 'byte')})`)}`,
        );
        if (Object.keys(event.settings).length > 0)
          this.#say(`   ${dim(`its own settings: ${listOf(event.settings)}`)}`);
        return this.#say(`   ${cyan(commandLine(event.command))}`);
      case 'stopped':
      case 'dispatch-ended':
        this.#isToldHow = event.kind === 'stopped' || event.why.kind === 'budget';
        return this.#urge(event);
      case 'draining':
      case 'aborting':
      case 'paused':
        return this.#urge(event);
      case 'probing':
        return this.#unlessQuiet(`⏯  ${nameOf(event.task)} tries whether the limit is lifted`);
      case 'resumed':
        return this.#unlessQuiet(`▶️  ${this.#paint.green('Resumed')} after ${formatDuration(event.forMs)}`);
      case 'elsewhere':
        return this.#ifVerbose(dim(describeElsewhere(event)));
      case 'level':
        return this.#level(event);
      case 'run-finished':
        return this.#finished(event.summary);
      default:
        return unreachable(event);
    }
  }

  #asked({ task, question }: Extract<RunEvent, { kind: 'question' }>): void {
    if (this.#options.isAsked?.()) return;
    this.#say(`❓ ${nameOf(task)} asks to ${questionHeadline(question, HEADLINE_COLUMNS)}`);
    const command = answerCommand(question, task.label, 'approve');
    this.#say(`   to answer: ${this.#paint.cyan(command)} ${this.#paint.dim('(or deny)')}`);
  }

  #leftWaiting({ on, why, tasks }: Extract<RunEvent, { kind: 'left-waiting' }>): void {
    const named = tasks.slice(0, NAMED_AT_ONCE).map(nameOf).join(', ');
    const more = tasks.length - NAMED_AT_ONCE;
    this.#say(
      `⌛ ${named}${more > 0 ? ` and ${more} more` : ''} ${tasks.length === 1 ? 'waits' : 'wait'} for ${nameOf(on)}, ${describeInVain(why)}`,
    );
  }

  #level({ level, of, why }: Extract<RunEvent, { kind: 'level' }>): void {
    if (why === 'rate-limited') this.#unlessQuiet(`🐢 too many requests: ${level} at once for now, of ${of}`);
    else this.#ifVerbose(this.#paint.dim(`· ${level} at once, of ${of}`));
  }

  #started({
    options,
    codex,
    how,
    total,
    states,
    refused,
  }: Extract<RunEvent, { kind: 'run-started' }>): void {
    const { bold, dim, yellow } = this.#paint;
    this.#run = options;
    const counts = [
      [states.completed, 'completed'],
      [states['in-progress'], 'in progress'],
      [states.failed, 'failed before'],
    ] as const;
    const parts = counts.filter(([n]) => n > 0).map(([n, word]) => `${n} ${word}`);
    const model =
      options.model === 'inherit' ? 'the model of Codex’s configuration' : printable(options.model);
    this.#unlessQuiet(
      bold(plural(total, 'task')) +
        (parts.length > 0 ? ` (${parts.join(', ')})` : '') +
        dim(
          ` · ${model} · ${options.mode}${options.dryRun ? ' (dry run)' : ''} · ${options.concurrency} at once · ${headline(codex, 60)}`,
        ),
    );
    const rules = describeRules(options);
    if (rules !== '') this.#unlessQuiet(dim(rules));
    if (how?.note !== undefined) this.#unlessQuiet(dim(printable(how.note)));
    if (how && how.policy !== 'never')
      this.#unlessQuiet(
        dim(
          `approval ${options.approval}: agents ask for what their mode does not allow; codex-worker approvals shows it`,
        ),
      );
    if (options.config) this.#unlessQuiet(dim(`settings: ${configNote(options.config)}`));
    // `07:30` may have been meant for today, and be tomorrow's.
    if (options.stopAt !== undefined)
      this.#unlessQuiet(dim(`nothing is started after ${localMoment(options.stopAt)}`));
    if (options.watch) this.#unlessQuiet(dim('stays for new tasks (--watch); Ctrl-C ends it'));
    for (const { label, why } of refused) this.#refused(printable(label), why);
    if (total === 0 && refused.length === 0)
      this.#unlessQuiet(
        yellow(
          `no task files${options.watch ? ' yet' : ''}: nothing matches ${options.patterns.map((p) => printable(shellQuoted(p))).join(' ')} ${this.#where()}; --pattern says which files are tasks`,
        ),
      );
  }

  #added({ tasks, total, refused }: Extract<RunEvent, { kind: 'tasks-added' }>): void {
    if (tasks.length > 0)
      this.#unlessQuiet(this.#paint.dim(`➕ ${plural(tasks.length, 'new task')}: ${total} in all`));
    for (const { label, why } of refused) this.#refused(printable(label), why);
  }

  #where(): string {
    const { paths } = this.#options;
    return paths.length === 0 ? 'here' : `in ${paths.map((path) => printable(shellPath(path))).join(', ')}`;
  }

  #ended(task: Task, outcome: Outcome, log: string | undefined): void {
    const name = nameOf(task);
    const { dim, green, red } = this.#paint;
    switch (outcome.kind) {
      case 'succeeded':
        this.#unlessQuiet(
          `✅ ${name} ${green(completedAs(outcome.checks))} ${dim(`(${formatDuration(outcome.durationMs)})`)}`,
        );
        this.#warnings(outcome.warnings);
        return this.#log(log);
      case 'failed': {
        const reason = headline(describeFailure(outcome.failure));
        if (outcome.willRetry) {
          this.#retry(task, '');
          this.#awaitingRetry.set(keyOf(task), `🔁 ${name} attempt ${outcome.attempt} failed: ${reason}`);
          return this.#warnings(outcome.warnings);
        }
        this.#failed.add(task.label);
        this.#say(`❌ ${name} ${red('failed')}: ${reason} ${dim(`(${formatDuration(outcome.durationMs)})`)}`);
        this.#warnings(outcome.warnings);
        return this.#log(log);
      }
      case 'returned':
        return this.#unlessQuiet(`⏪ ${name} given back: ${headline(describeReturn(outcome.reason))}`);
      case 'skipped':
        if (outcome.reason === 'task-gone' && !this.#run?.watch) return this.#refused(name, 'is gone'); // as the summary counts it
        return this.#ifVerbose(dim(`· ${name} skipped: ${describeSkip(outcome.reason)}`));
      case 'postponed':
        return this.#ifVerbose(
          dim(`· ${name} waits ${formatDuration(outcome.againInMs)} for its next attempt`),
        );
      case 'refused':
        return this.#refused(name, outcome.why);
      default:
        return unreachable(outcome);
    }
  }

  #refused(name: string, why: string): void {
    this.#say(`🚫 ${name} was ${this.#paint.yellow('refused')}: it ${headline(why)}`);
  }

  #warnings(warnings: readonly string[]): void {
    for (const warning of warnings)
      this.#unlessQuiet(`   ${this.#paint.yellow('warning:')} ${headline(warning)}`);
  }

  #log(log: string | undefined): void {
    if (log !== undefined) this.#ifVerbose(this.#paint.dim(`   log: ${printable(log)}`));
  }

  /** Prints a failed attempt that waited for its retry, if there is one. */
  #retry(task: Task, tail: string): void {
    const line = this.#awaitingRetry.get(keyOf(task));
    if (line === undefined) return;
    this.#awaitingRetry.delete(keyOf(task));
    this.#unlessQuiet(line + tail);
  }

  #finished(summary: RunSummary): void {
    for (const line of this.#awaitingRetry.values()) this.#unlessQuiet(line);
    if (this.#run?.dryRun)
      return this.#say(`${plural(this.#wouldRun, 'task')} would be run; nothing was changed.`);
    this.#unlessQuiet('');
    this.#say(this.#summaryLine(summary));
    if (summary.states) this.#say(`  all tasks: ${describeStates(summary.states)}`);
    const { spending, pending, waiting } = summary;
    if (spending && spending.directory.attempts > 0)
      this.#unlessQuiet(`  ${this.#paint.dim(describeSpending(spending, pending - waiting))}`);
    for (const [what, command] of this.#nextSteps(summary))
      this.#say(`  ${what}${command && ` ${this.#paint.cyan(command)}`}`);
  }

  #nextSteps(summary: RunSummary) {
    const [failed] = this.#failed;
    return nextSteps(summary, this.#options.paths, this.#run, { failed, isToldHow: this.#isToldHow });
  }

  #summaryLine(summary: RunSummary): string {
    const { bold, dim, green, red, yellow } = this.#paint;
    const some = (n: number, words: string, colour: (text: string) => string = (text) => text) =>
      n > 0 ? [colour(`${n} ${words}`)] : [];
    const parts = [
      summary.completed > 0 ? green(`${summary.completed} ${this.#completed}`) : '0 completed',
      ...some(summary.alreadyCompleted, 'completed before'),
      summary.failed > 0 ? red(`${summary.failed} failed`) : '0 failed',
      ...some(summary.leftFailed, 'failed before and left alone', yellow),
      ...some(
        summary.inProgressElsewhere,
        summary.held > 0
          ? `in progress elsewhere (${summary.held} for you to look at)`
          : 'in progress elsewhere',
        yellow,
      ),
      ...some(summary.finishedElsewhere, 'finished elsewhere'),
      ...some(
        summary.pending,
        summary.waiting > 0 ? `pending (${summary.waiting} behind others that are not completed)` : 'pending',
        yellow,
      ),
      ...some(summary.refused, 'refused', yellow),
    ];
    const facts = [
      ...(summary.givenBack > 0 ? [`${summary.givenBack} given back`] : []), // they are pending, or in other hands
      ...(summary.retries > 0 ? [plural(summary.retries, 'retry', 'retries')] : []),
      ...(summary.reaped > 0 ? [`${summary.reaped} reaped`] : []),
      ...(summary.answers ? [describeAnswers(summary.answers)] : []),
      ...(summary.warnings > 0 ? [plural(summary.warnings, 'warning')] : []),
      formatDuration(summary.durationMs),
      ...(summary.pausedMs >= 1_000 ? [`paused for ${formatDuration(summary.pausedMs)}`] : []),
      ...(summary.usage.input + summary.usage.output > 0 ? [describeUsage(summary.usage)] : []),
    ];
    return `${bold('Summary:')} ${parts.join(', ')} ${dim(`· ${facts.join(' · ')}`)}`;
  }

  /** With --verify, what is completed by this run is verified: nothing else lets a task through. */
  get #completed(): string {
    return this.#run?.verify ? 'completed and verified' : 'completed';
  }

  #urge(event: UrgentEvent): void {
    this.#options.err(urgent(event, this.#options.errPaint, this.#options.paths));
  }

  #say(line: string): void {
    this.#options.out(`${line}\n`);
  }

  #unlessQuiet(line: string): void {
    if (this.#options.detail !== 'quiet') this.#say(line);
  }

  #ifVerbose(line: string): void {
    if (this.#options.detail === 'verbose') this.#say(line);
  }
}

/** Those that there are: `10 completed, 1 failed`. */
function describeStates(states: Readonly<Record<TaskState, number>>): string {
  const parts = (['completed', 'failed', 'in-progress', 'pending'] as const)
    .filter((state) => states[state] > 0)
    .map((state) => `${states[state]} ${state === 'in-progress' ? 'in progress' : state}`);
  return parts.length > 0 ? parts.join(', ') : 'none';
}

type UrgentEvent = Extract<
  RunEvent,
  { kind: 'draining' | 'aborting' | 'stopped' | 'dispatch-ended' | 'paused' }
>;

export function isUrgent(event: RunEvent): event is UrgentEvent {
  return ['draining', 'aborting', 'stopped', 'dispatch-ended', 'paused'].includes(event.kind);
}

/** What runs may wait for the very person who wants it to end. */
function whoAsks(asking: number, paths: readonly string[]): string {
  if (asking === 0) return '';
  const command = ['codex-worker approvals', ...paths.map((path) => printable(shellPath(path)))].join(' ');
  return ` (${asking} of them ${asking === 1 ? 'waits' : 'wait'} for your answer: ${command})`;
}

/** What the person at the keyboard has to know now, whatever the format and the detail of the rest. */
export function urgent(event: UrgentEvent, paint: Paint, paths: readonly string[]): string {
  switch (event.kind) {
    case 'draining':
      return (
        `${paint.yellow('Shutting down gracefully:')} ` +
        (event.running === 0
          ? 'nothing runs, and nothing else is started.\n'
          : `waiting for ${plural(event.running, 'running task')}${whoAsks(event.asking, paths)}, starting no other. ` +
            `Ctrl-C again gives ${event.running === 1 ? 'it' : 'them'} back at once.\n`)
      );
    case 'aborting':
      return (
        `${paint.yellow('Interrupted')} (${event.signal}): ending ${plural(event.running, 'agent')} ` +
        `and giving back ${event.running === 1 ? 'its task' : 'their tasks'}. Ctrl-C again leaves at once.\n`
      );
    case 'stopped':
      return stopLine(event.problem, paint);
    case 'dispatch-ended':
      return (
        `${paint.yellow('No more tasks are started:')} ${headline(event.why.message)}` +
        `${event.running > 0 ? `; waiting for ${plural(event.running, 'running task')}` : ''}.\n` +
        `  hint: ${printable(event.why.hint)}\n`
      );
    case 'paused':
      return (
        `${paint.yellow('Paused')} ${describePause(event.pause, event.now)}\n` +
        `  hint: nothing is started until then; to go on at once: codex-worker resume${pathArguments(paths)}\n`
      );
    default:
      return unreachable(event);
  }
}

function stopLine(problem: EnvironmentProblem, paint: Paint): string {
  const { message, hint } = describeProblem(problem);
  return `${paint.red('Stopped:')} ${headline(message)}; no task was failed for it.\n  hint: ${printable(hint)}\n`;
}

/** What a person would want to type next: a sentence's beginning, and the command. */
function nextSteps(
  summary: RunSummary,
  paths: readonly string[],
  options: RunOptions | undefined,
  {
    failed,
    isToldHow,
  }: {
    /** The label of the task that failed first, where one has. */
    readonly failed: string | undefined;
    /** What stopped the run has said how to go on. */
    readonly isToldHow: boolean;
  },
): readonly (readonly [string, string])[] {
  const patterns = (options?.patterns ?? []).filter((pattern) => pattern !== DEFAULT_PATTERN);
  const where =
    pathArguments(paths) + patterns.map((pattern) => ` -p ${printable(shellQuoted(pattern))}`).join('');
  const steps: (readonly [string, string])[] = [];
  if (summary.failed + summary.leftFailed > 0) {
    steps.push(['why they failed:', `codex-worker status --detailed${where}`]);
    if (failed !== undefined)
      steps.push(['what the agent of the first did:', `codex-worker logs ${shellPath(failed)}`]);
    const again =
      options?.retryFailed === false
        ? 'start the command without --no-retry-failed'
        : 'start the same command again';
    steps.push([`to attempt them again, ${again}`, '']);
  } else if (!isToldHow && summary.pending + summary.givenBack > 0)
    steps.push(['to go on, start the same command again', '']);
  if (summary.inProgressElsewhere > 0)
    steps.push(['who has the others:', `codex-worker status --detailed${where}`]);
  return steps.filter(([, command], index) => steps.findIndex(([, same]) => same === command) === index);
}

function configNote({ file, settings }: NonNullable<RunOptions['config']>): string {
  return `${printable(file)} (${settings.join(', ') || 'nothing of it holds here'})`;
}

/** As they were typed; those of a shell's glob would fill the screen. */
function pathArguments(paths: readonly string[]): string {
  return paths.length <= 2 ? paths.map((path) => ` ${shellPath(path)}`).join('') : ' <paths>';
}

function commandLine(command: readonly string[]): string {
  return printable(
    withoutSecrets(command)
      .map((word) => shellQuoted(word))
      .join(' '),
  );
}

/** `timeout 30m 00s, retries 2`. */
function listOf(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} ${printable(value)}`)
    .join(', ');
}

/** Of what an agent asks, in the line that says so; all of it is beside the task. */
const HEADLINE_COLUMNS = 160;
/** Of tasks that are told of in one line. */
const NAMED_AT_ONCE = 5;

function describeElsewhere({
  inProgress,
  completed,
  failed,
}: Extract<RunEvent, { kind: 'elsewhere' }>): string {
  return `· others have ${inProgress} of the tasks; ${completed} completed and ${failed} failed there meanwhile`;
}

const nameOf = (task: Task) => printable(task.label);
const keyOf = (task: Task) => `${task.directory}/${task.name}`;
