/**
 * The report as JUnit XML, for whoever shows test results: a suite for each directory, a test case for each task. A failed task is
 * a failure with the end of its log; one that has no result yet is skipped.
 */
import module, { type Builder, type TestCase, type TestSuite } from 'junit-report-builder';
import { headline, printable, printableText } from '../core/printable.ts';
import { pathOf, type ReportData, type ReportTask } from '../core/report-data.ts';
import { withoutParticulars } from '../core/reason.ts';
import { tokensIn } from '../core/spending.ts';
import { describeQuestion } from './answers.ts';
import { describeWait } from './wording.ts';

/** Its types say that the builder is the default export of an ES module; it is what the CommonJS module exports. */
const builder = module as unknown as Builder;

const seconds = (ms: number) => Math.round(ms) / 1_000;

/** The text of an XML file. */
export function reportJunit(data: ReportData): string {
  const report = builder.newBuilder().name('codex-worker');
  for (const { directory, label } of data.directories) {
    const tasks = data.tasks.filter((task) => task.directory === directory);
    const name = printable(label === '.' ? directory : label);
    const suite = report
      .testSuite()
      .name(name)
      .time(seconds(tasks.reduce((sum, { durationMs }) => sum + durationMs, 0)))
      .timestamp(new Date(data.totals.from ?? data.at).toISOString())
      .property('tokens', String(tasks.reduce((sum, { usage }) => sum + tokensIn(usage), 0)));
    for (const task of tasks) addCase(suite, task, name);
  }
  return `${report.build()}\n`;
}

function addCase(suite: TestSuite, task: ReportTask, className: string): void {
  const { name, state, attempts, olderAttempts, usage, durationMs, reason, thread, log, excerpt, waitsFor } =
    task;
  const { questions, olderQuestions } = task;
  const test = suite
    .testCase()
    .className(className)
    .name(printable(name))
    .file(printable(pathOf(task)))
    .time(seconds(durationMs))
    .property('state', state)
    .property('attempts', String(attempts.length + olderAttempts))
    .property('tokens', String(tokensIn(usage)));
  const asked = questions.length + olderQuestions;
  if (asked > 0) test.property('questions', String(asked));
  for (const question of questions) test.property('question', describeQuestion(question));
  if (thread !== undefined) test.property('thread', thread);
  if (log !== undefined) test.property('log', printable(log));
  if (state === 'pending' || state === 'in-progress') skip(test, waitsFor && describeWait(waitsFor));
  if (state !== 'failed') return;
  const why = headline(reason ?? 'its log does not say why');
  test.failure(why, withoutParticulars(why)).stacktrace(printableText(excerpt ?? why));
}

/** The library's `skipped` takes no message. */
function skip(test: TestCase, message: string | undefined): void {
  if (message === undefined) {
    test.skipped();
    return;
  }
  const build = test.build.bind(test);
  test.getSkippedCount = () => 1;
  test.build = (parent) => {
    const element = build(parent);
    element.ele('skipped', { message });
    return element;
  };
}
