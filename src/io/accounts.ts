/** What is kept of what agents spend: Codex's own files, and the journals of the directories. */
import type { AnswerNote, JournalEntry, JournalNote } from '../core/journal-entry.ts';
import type { Usage } from '../core/outcome.ts';
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
}

/** `env` is that of the agents: it says where Codex keeps its threads. */
export function accountsIn(files: Files, env: NodeJS.ProcessEnv): Accounts {
  return {
    threadTotal: (thread) => threadUsage(files, codexHomeIn(env), thread),
    append: (directory, line) => appendToJournal(files, directory, line),
    reader: (directory, onAnswer) => new JournalReader(files, directory, onAnswer),
  };
}
