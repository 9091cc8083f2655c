import type { Decision, Question } from './question.ts';
import type { Task } from './task.ts';

/** What a person may ask of a run while it is on. Whoever has the keys is given these. */
export interface Controls {
  /** As the first Ctrl-C does: what runs is finished, and nothing else begins. */
  readonly drain: () => void;
  /** So many more tasks at once, or fewer; never less than one, nor more than this machine bears. */
  readonly changeConcurrency: (by: number) => void;
  /** Pauses the directories of the run, in every terminal; where they are paused, whatever for, it lifts that. */
  readonly togglePause: () => void;
  /** Answers what an agent asks; what comes of it is an event. Absent where no agent can ask. */
  readonly answer?: (task: Task, question: Question, decision: Decision) => void;
}
