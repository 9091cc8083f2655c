/** Each task on the page: what became of it, each attempt, the end of its log, and the commands that go on with it. */
import { formatDuration } from '../../core/duration.ts';
import { headline, printable, printableText, shellPath } from '../../core/printable.ts';
import type { ReportAttempt, ReportData, ReportTask } from '../../core/report-data.ts';
import { describeAnswer } from '../../core/question-text.ts';
import type { ReportQuestion } from '../../core/report-questions.ts';
import { visibleLines } from '../../core/visible.ts';
import { tokensIn } from '../../core/spending.ts';
import { unreachable } from '../../core/unreachable.ts';
import {
  describeHolder,
  describeUsage,
  describeWait,
  formatTokens,
  localMoment,
  plural,
  retryCommand,
} from '../wording.ts';
import { outcomeWord, STATE_WORDS } from './words.ts';

/** More details than this make a browser slow, and a page too large to send. What went well is left out first. */
const MOST_CARDS = 20_000;
/** Of one task, and of all together: the JSON document has more. */
const MOST_QUESTIONS_OF_ONE = 20;
const MOST_QUESTIONS = 2_000;
type Card = ReturnType<typeof cardOf>;

/** What a person has to look at comes first. */
const ORDER = ['failed', 'in-progress', 'pending', 'completed'] as const;

export function cardsOf({ tasks }: ReportData): {
  readonly cards: readonly Card[];
  readonly cardsLeftOut: number;
} {
  const numbered = tasks.map((task, n) => ({ task, n }));
  const inOrder = ORDER.flatMap((state) => numbered.filter(({ task }) => task.state === state));
  let room = MOST_QUESTIONS;
  const cards = inOrder.slice(0, MOST_CARDS).map(({ task, n }) => {
    const most = Math.min(room, MOST_QUESTIONS_OF_ONE);
    const asked = most > 0 ? task.questions.slice(-most) : [];
    room -= asked.length;
    return cardOf(task, n, asked);
  });
  return { cards, cardsLeftOut: tasks.length - cards.length };
}

function cardOf(task: ReportTask, n: number, asked: readonly ReportQuestion[]) {
  const { label, state, attempts, olderAttempts, usage, durationMs, log, excerpt = '' } = task;
  const tried = attempts.length + olderAttempts;
  return {
    anchor: `t${n}`,
    place: n,
    name: printable(label),
    state,
    durationMs: Math.round(durationMs),
    tokens: tokensIn(usage),
    facts: [
      ...(tried > 1 ? [plural(tried, 'attempt')] : []),
      ...(tokensIn(usage) > 0 ? [`${formatTokens(tokensIn(usage))} tokens`] : []),
      ...(tried > 0 ? [formatDuration(durationMs)] : []),
      STATE_WORDS[state],
    ].join(' · '),
    reason: reasonOf(task),
    attempts: attempts.map(attemptOf),
    older: olderAttempts,
    questions: asked.map(questionOf),
    moreQuestions: task.questions.length + task.olderQuestions - asked.length,
    log: log === undefined ? '' : printable(logBeside(task)),
    excerpt: printableText(excerpt),
    commands: commandsFor(task),
  };
}

function reasonOf({ state, reason, checked, holder, waitsFor, needsApproval = [] }: ReportTask): string {
  switch (state) {
    case 'completed':
      return headline(checked ?? '');
    case 'failed':
      return headline(reason ?? 'its log does not say why');
    case 'in-progress':
      return [
        ...(holder ? [describeHolder(holder)] : []),
        ...needsApproval.map(({ asked }) => `asks for your approval: ${headline(asked)}`),
      ].join(' · ');
    case 'pending':
      return waitsFor ? describeWait(waitsFor) : '';
    default:
      return unreachable(state);
  }
}

function attemptOf(attempt: ReportAttempt) {
  const { from, to, usage, run } = attempt;
  return {
    number: attempt.attempt,
    outcome: attempt.outcome,
    words: outcomeWord(attempt),
    when: localMoment(from),
    took: formatDuration(to - from),
    tokens: tokensIn(usage) > 0 ? describeUsage(usage) : '',
    run: `run ${run + 1}`,
  };
}

/** What exactly was asked may be longer than a row: then it is there to be opened. */
function questionOf(question: ReportQuestion) {
  const { asked, text, attempt, askedAt, at } = question;
  return {
    asked: headline(asked),
    text: asked.endsWith(text)
      ? ''
      : visibleLines(text)
          .map((line) => line.text)
          .join('\n'),
    number: attempt,
    when: localMoment(askedAt),
    answer: headline(describeAnswer(question)),
    waited: `after ${formatDuration(at - askedAt)}`,
  };
}

interface Command {
  readonly what: string;
  readonly command: string;
}

/** As the task's own path was typed; ends with a slash, or is empty. */
const placeOf = ({ label, name }: ReportTask) => label.slice(0, label.length - name.length);
const logBeside = (task: ReportTask) => placeOf(task) + (task.log ?? '').slice(task.directory.length + 1);

/** What waits for others is run together with them. */
function runCommand(task: ReportTask): string {
  const path = task.waitsFor ? placeOf(task) : task.label;
  return path === '' ? 'codex-worker' : `codex-worker ${shellPath(path)}`;
}

/** To be copied into a shell: what the name of a task could make of it there is quoted. */
function commandsFor(task: ReportTask): readonly Command[] {
  const { label, state, thread, ranWith, needsApproval } = task;
  const path = shellPath(label);
  const read: Command = { what: 'all that its agent did', command: `codex-worker logs ${path}` };
  const talk: readonly Command[] =
    thread === undefined
      ? []
      : [{ what: 'go on with its agent yourself', command: `codex resume ${thread}` }];
  switch (state) {
    case 'completed':
      return talk;
    case 'failed':
      return [read, { what: 'try it again', command: retryCommand(label, ranWith) }, ...talk];
    case 'in-progress':
      return [
        ...(needsApproval ? [{ what: 'what it asks', command: `codex-worker approvals ${path}` }] : []),
        { what: 'watch it', command: `codex-worker logs ${path} -f` },
      ];
    case 'pending':
      return [{ what: 'run it', command: runCommand(task) }, ...talk];
    default:
      return unreachable(state);
  }
}
