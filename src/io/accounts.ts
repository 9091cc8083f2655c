/** What is kept of what agents spend and ask: Codex's own files, and the journals of the directories. */
import type { AnswerNote, JournalEntry, JournalNote } from '../core/journal-entry.ts';
import type { ClaimId } from '../core/claim.ts';
import { EnvironmentError } from '../core/errors.ts';
import type { Usage } from '../core/outcome.ts';
import type { Answer } from '../core/question.ts';
import { answersFolder, readAnswer } from './answer-file.ts';
import type { Files } from './files.ts';
import { appendToJournal, JournalReader } from './journal.ts';
import { codexHomeIn, threadUsage } from './rollout.ts';
import type { TaskDirectory } from './task-directory.ts';

export interface Accounts {
  /** What a thread of Codex has spent, in all its turns; `undefined` when nobody knows. */
  readonly threadTotal: (thread: string) => Promise<Usage | undefined>;
  readonly append: (directory: TaskDirectory, line: JournalEntry | JournalNote) => Promise<unknown>;
  readonly reader: (
    directory: Pick<TaskDirectory, 'path'>,
    onAnswer?: (note: AnswerNote) => void,
  ) => Pick<JournalReader, 'read'>;
  /** What this user has answered, while it is kept; `undefined` for nothing. */
  readonly answerTo: (claim: ClaimId, n: number) => Promise<Answer | undefined>;
}

/** `env` is that of the agents: it says where Codex keeps its threads. */
export function accountsIn(files: Files, env: NodeJS.ProcessEnv): Accounts {
  const answerTo: Accounts['answerTo'] = async (claim, n) => {
    try {
      return await readAnswer(files, answersFolder(env), claim, n);
    } catch (error) {
      if (!(error instanceof EnvironmentError)) throw error;
      return undefined;
    }
  };
  return {
    answerTo,
    threadTotal: (thread) => threadUsage(files, codexHomeIn(env), thread),
    append: (directory, line) => appendToJournal(files, directory, line),
    reader: (directory, onAnswer) => new JournalReader(files, directory, onAnswer),
  };
}
