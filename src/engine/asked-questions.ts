/** What agents of tasks in progress wait with: one listing for each directory that has such a task, and nothing where none asks. */
import type { ClaimId } from '../core/claim.ts';
import { isStorageError } from '../core/errors.ts';
import { questionHeadline } from '../core/question-text.ts';
import { idOf, type Question } from '../core/question.ts';
import type { AskedQuestion } from '../core/reports.ts';
import type { Task } from '../core/task.ts';
import type { Files } from '../io/files.ts';
import { readQuestions } from '../io/question-file.ts';

/** Of one task; of more somebody has made fun. */
const MOST_OF_ONE = 20;
const LONGEST = 160;

/** By the task whose claim it is, oldest first; what is forged for another claim or task is passed over. */
export async function questionsOf(
  files: Files,
  claims: ReadonlyMap<ClaimId, Task>,
): Promise<ReadonlyMap<Task, readonly AskedQuestion[]>> {
  const asked = new Map<Task, AskedQuestion[]>();
  for (const path of new Set([...claims.values()].map(({ directory }) => directory)))
    for (const question of await tolerant(readQuestions(files, { path }))) {
      const task = claims.get(question.claim);
      if (task?.directory !== path || task.name !== question.task) continue;
      const known = asked.get(task) ?? [];
      asked.set(task, known);
      if (known.length < MOST_OF_ONE) known.push(fieldsOf(question));
    }
  return asked;
}

/** Who only looks is not stopped by a folder that may not be read. */
async function tolerant(reading: Promise<readonly Question[]>): Promise<readonly Question[]> {
  try {
    return await reading;
  } catch (error) {
    if (!isStorageError(error)) throw error;
    return [];
  }
}

const fieldsOf = (question: Question): AskedQuestion => ({
  id: idOf(question),
  asked: questionHeadline(question, LONGEST),
  since: new Date(question.at).toISOString(),
});
