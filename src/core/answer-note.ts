/** What the journal keeps of a question and its answer. Its texts have a bound: an agent may ask a megabyte. */
import type { AnswerNote } from './journal-entry.ts';
import { questionHeadline } from './question-text.ts';
import type { Answer, Asked, Question } from './question.ts';

/** Characters at most of each text: a line of the journal that is longer than it may be is read by nobody. */
export const LONGEST_IN_NOTE = { text: 2_000, asked: 160, name: 64 } as const;

export function answerNote(question: Question, answer: Answer): AnswerNote {
  const { claim, n, task, attempt, asked, at: askedAt } = question;
  const { digest, decision, how, by, at } = answer;
  const name = (text: string) => cut(text, LONGEST_IN_NOTE.name);
  return {
    kind: 'answer',
    at,
    task,
    claim,
    n,
    attempt,
    asked: cut(questionHeadline(question, LONGEST_IN_NOTE.asked), LONGEST_IN_NOTE.asked), // what fits a line may be more characters
    text: cut(whatExactly(asked), LONGEST_IN_NOTE.text),
    digest,
    decision,
    how,
    by: {
      user: name(by.user),
      host: name(by.host),
      ...(by.terminal !== undefined && { terminal: name(by.terminal) }),
      pid: by.pid,
    },
    askedAt,
  };
}

function whatExactly(asked: Asked): string {
  if (asked.kind === 'command') return asked.command;
  const changes = asked.changes.map(
    ({ path, change, movedTo }) => `${change} ${path}${movedTo === undefined ? '' : ` to ${movedTo}`}`,
  );
  const root = asked.grantRoot === undefined ? [] : [`and to write below ${asked.grantRoot} from now on`];
  return [...changes, ...root].join('\n');
}

const cut = (text: string, length: number) =>
  text.length > length ? `${text.slice(0, length - 1)}…`.toWellFormed() : text;
