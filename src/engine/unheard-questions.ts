/** The record of what an agent asked whose owner is dead: nobody tells it an answer any more. By whoever reaps. */
import { answerNote } from '../core/answer-note.ts';
import type { ClaimRecord } from '../core/claim.ts';
import { digestOf, type Question } from '../core/question.ts';
import type { Accounts } from '../io/accounts.ts';
import { thisAnswerer } from '../io/answerer.ts';
import { readQuestions } from '../io/question-file.ts';
import type { TaskDirectory } from '../io/task-directory.ts';
import type { World } from './world.ts';

/** Of one claim; more were made up. */
const MOST_UNHEARD = 100;

/** What it still asked. Its agent heard no answer; where somebody had given one to these very words, that is on the record too. */
export async function noteUnheard(
  world: World,
  accounts: Accounts,
  directory: TaskDirectory,
  { claim, task }: ClaimRecord,
): Promise<void> {
  const questions = await readQuestions(world.files, directory);
  const asked = questions.filter((question) => question.claim === claim && question.task === task);
  for (const question of asked.slice(0, MOST_UNHEARD)) {
    const given = await accounts.answerTo(claim, question.n);
    const digest = digestOf(question);
    const answer = given?.digest === digest ? given : { ...withdrawn(world, question), digest };
    await accounts.append(directory, answerNote(question, answer));
  }
}

const withdrawn = ({ me, now }: World, { claim, n }: Question) =>
  ({ claim, n, decision: 'deny', how: 'withdrawn', by: thisAnswerer(me), at: now().getTime() }) as const;
