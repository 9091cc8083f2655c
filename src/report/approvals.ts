/** What agents ask, and what became of an answer, for people and for scripts. */
import { visible } from '../core/visible.ts';
import type { Decision, Question } from '../core/question.ts';
import { digestOf, idOf } from '../core/question.ts';
import {
  answerCommand,
  describeAnswer,
  questionHeadline,
  questionText,
  scriptCommand,
} from '../core/question-text.ts';
import type { AnswerOutcome, AnswerResult, ApprovalsReport, OpenQuestion } from '../core/reports.ts';
import type { Task } from '../core/task.ts';
import { unreachable } from '../core/unreachable.ts';
import type { Paint } from './console.ts';
import { safeJson, taskFields } from './json.ts';

export interface ApprovalsView {
  readonly paint: Paint;
  readonly now: Date;
  readonly columns: number;
  /** It is answered by the reader's next key, and not by a command. */
  readonly byKey?: true;
}

export function approvalsText({ open, unheard }: ApprovalsReport, view: ApprovalsView): string {
  const blocks = open.map((asked) => [titleOf(asked, view.paint), ...linesOf(asked, view)].join('\n'));
  const notes = unheard.map((task) =>
    view.paint.dim(`${visible(task.label)} asked${open.length === 0 ? '' : ' too'}, but ${DEAD}`),
  );
  if (open.length === 0) blocks.push('No agent asks anything here.');
  return `${[...blocks, ...(notes.length > 0 ? [notes.join('\n')] : [])].join('\n\n')}\n`;
}

const DEAD = 'its worker is dead: the next run goes on with it';

/** Whose question it is, and which. */
export function titleOf({ task, question }: OpenQuestion, paint: Paint): string {
  return `❓ ${paint.bold(visible(task.label))} asks for approval (${paint.cyan(idOf(question))})`;
}

/** All of a question, and the commands that answer it; each line is one of the terminal, but for commands that are longer. */
export function linesOf({ task, question }: OpenQuestion, { now, columns, byKey }: ApprovalsView): string[] {
  return questionText(question, now.getTime(), { columns, ...(!byKey && { path: task.label }) });
}

/** Documented in docs/json.md: fields are added, never renamed or removed. */
export function approvalsJson({ open, unheard }: ApprovalsReport, now: Date): string {
  const document = {
    at: now.toISOString(),
    questions: open.map(questionFields),
    unheard: unheard.map(taskFields),
  };
  return `${safeJson(document, 2)}\n`;
}

function questionFields({ task, question }: OpenQuestion) {
  const { n, attempt, asked, workingDirectory, reason, at, offers } = question;
  return {
    ...taskFields(task),
    id: idOf(question),
    digest: digestOf(question),
    attempt,
    n,
    since: new Date(at).toISOString(),
    asked,
    workingDirectory,
    ...(reason !== undefined && { reason }),
    offers,
    commands: commandsOf(question, task),
  };
}

const commandsOf = (question: Question, { label }: Task) =>
  Object.fromEntries(question.offers.map((offer) => [offer, scriptCommand(question, label, offer)]));

const DONE: Readonly<Record<Decision, string>> = {
  approve: 'approved',
  'approve-session': 'approved for this session',
  deny: 'denied',
  stop: 'denied, and its attempt is stopped',
};

/** What became of an answer: one line, or two. */
export function resultText({ task, question }: OpenQuestion, result: AnswerResult, paint: Paint): string {
  const name = visible(task.label);
  switch (result.kind) {
    case 'given': {
      const { decision } = result.answer;
      const colour = decision.startsWith('approve') ? paint.green : paint.yellow;
      const line = `${colour(DONE[decision])}: ${name} · ${questionHeadline(question, 100)}`;
      if (result.elsewhere === undefined) return line;
      return `${line}\n  its run is on ${visible(result.elsewhere)}, and hears of it if it has the same home directory`;
    }
    case 'taken':
      return result.by
        ? `${name} was answered already: ${describeAnswer(result.by)}`
        : `${name} was not answered: ${visible(result.path)} stands in the way, of somebody who was interrupted; remove it, and answer again`;
    case 'late':
      return result.why === 'dead'
        ? `too late: ${name} asked, but ${DEAD}`
        : `too late: the attempt of ${name} that asked is over`;
    default:
      return unreachable(result);
  }
}

/** What became of a command that was to give one answer. */
export function outcomeText(outcome: AnswerOutcome, decision: Decision, paint: Paint): string {
  switch (outcome.kind) {
    case 'answered':
      return `${resultText(outcome.asked, outcome.result, paint)}\n`;
    case 'several':
      return severalText(outcome.open, decision);
    case 'nothing-asked':
      return `${visible(outcome.task.label)} ${visible(outcome.why)}\n`;
    case 'not-confirmed':
      return 'Nothing was answered.\n';
    default:
      return unreachable(outcome);
  }
}

/** The command for each of several questions. */
function severalText(open: readonly OpenQuestion[], decision: Decision): string {
  const commands = open.map(
    ({ task, question }) =>
      `  ${answerCommand(question, task.label, decision)}\n      ${questionHeadline(question, 74)}\n`,
  );
  const name = visible(open[0]?.task.label ?? '');
  return `codex-worker: ${name} asks ${open.length} things at once; say which:\n${commands.join('')}`;
}
