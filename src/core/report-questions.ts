/** What agents asked about a task and who answered what, as the journal has it. */
import { countAnswer, NO_ANSWERS, type AnswerCounts } from './answer-counts.ts';
import type { AnswerNote } from './journal-entry.ts';

/** Of one task so many are told of, the newest; of the others only how many there are. */
const MOST_TOLD = 100;

export type ReportQuestion = Omit<AnswerNote, 'kind' | 'task'>;

export interface TaskQuestions {
  /** In the order of their answers. */
  readonly questions: readonly ReportQuestion[];
  /** How many older ones there are. */
  readonly olderQuestions: number;
}

/** The answers of each task of a directory, by its name; times that no clock could have said are put right by `clamp`. */
export class Questions {
  readonly #byTask = new Map<string, ReportQuestion[]>();
  #counts = NO_ANSWERS;

  /** `task` is the whole path. */
  note(task: string, answer: AnswerNote, clamp: (at: number) => number): void {
    const { kind: _, task: __, ...note } = answer;
    this.#counts = countAnswer(this.#counts, note);
    const known = this.#byTask.get(task) ?? [];
    this.#byTask.set(task, known);
    const at = clamp(note.at);
    known.push({ ...note, at, askedAt: Math.min(at, clamp(note.askedAt)) });
  }

  get counts(): AnswerCounts {
    return this.#counts;
  }

  of(task: string): TaskQuestions {
    const all = this.#byTask.get(task) ?? [];
    const questions = all.toSorted((a, b) => a.at - b.at || a.n - b.n).slice(-MOST_TOLD);
    return { questions, olderQuestions: all.length - questions.length };
  }
}
