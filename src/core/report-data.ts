/**
 * What `codex-worker report` knows, as one piece of plain data: the page, the JUnit file and the JSON document say the same.
 * Times are ms since 1970. The journal is data that anybody may have written: whatever it says, what comes of it is bounded.
 */
import type { AnswerCounts } from './answer-counts.ts';
import type { AnswerNote, AttemptEndWord, JournalEntry, PauseNote } from './journal-entry.ts';
import { addUsage, NO_USAGE, type Usage } from './outcome.ts';
import { pausesOf, type ReportPause } from './report-pauses.ts';
import { Questions, type TaskQuestions } from './report-questions.ts';
import type { PausedDirectory, TaskStatus } from './reports.ts';
import {
  durationsOf,
  failuresOf,
  setbacksOf,
  tokensOverTime,
  type Durations,
  type FailureGroup,
  type Setback,
  type TokensAt,
} from './report-sums.ts';
import { addSpent, NOTHING_SPENT, type Spent } from './spending.ts';
import type { Refusal, Task, TaskState } from './task.ts';

/** Of one task so many attempts are told of, the newest; of the others only how many there are. */
const MOST_ATTEMPTS_TOLD = 100;
/** No journal of ours is older: a clock that was not set, or somebody's joke. */
const EARLIEST = Date.UTC(2020, 0);

export interface ReportAttempt {
  readonly attempt: number;
  /** The run that made it: an index into `runs`. */
  readonly run: number;
  readonly from: number;
  readonly to: number;
  /** `running`: it has not ended. */
  readonly outcome: AttemptEndWord | 'running';
  readonly why?: string;
  readonly thread?: string;
  readonly usage: Usage;
}

/** One codex-worker in one terminal. */
export interface ReportRun {
  readonly id: string;
  readonly by: string;
  readonly from: number;
  readonly to: number;
  readonly attempts: number;
  readonly usage: Usage;
}

export interface ReportTask extends Omit<TaskStatus, 'task'>, Task, TaskQuestions {
  /** The newest, in their order. */
  readonly attempts: readonly ReportAttempt[];
  /** How many older ones there are. */
  readonly olderAttempts: number;
  /** Of all its attempts. */
  readonly usage: Usage;
  readonly durationMs: number;
  /** Codex's name for the last conversation about it. */
  readonly thread?: string;
  /** The end of its log. */
  readonly excerpt?: string;
}

export interface ReportTotals {
  readonly tasks: number;
  readonly states: Readonly<Record<TaskState, number>>;
  readonly attempts: number;
  readonly usage: Usage;
  /** Of what was asked in them. */
  readonly answers: AnswerCounts;
  /** Of all attempts together, ms. */
  readonly agentMs: number;
  /** In which at least one attempt was on, ms. */
  readonly busyMs: number;
  /** Of the first attempt's begin, and the last one's end. */
  readonly from?: number;
  readonly to?: number;
  /** Attempts in these directories of tasks that are not in the report: other patterns, or files that are gone. */
  readonly others: Spent;
}

export interface ReportData {
  readonly version: 1;
  readonly by: string;
  readonly at: number;
  /** As they were typed. */
  readonly directories: readonly { readonly directory: string; readonly label: string }[];
  readonly totals: ReportTotals;
  /** Of the attempts that completed a task. */
  readonly durations: Durations;
  /** In the order in which they began. */
  readonly runs: readonly ReportRun[];
  readonly pauses: readonly ReportPause[];
  readonly tokens: readonly TokensAt[];
  /** Failed tasks by what they failed for, the most frequent first. */
  readonly failures: readonly FailureGroup[];
  /** Attempts that completed nothing, by how they ended. */
  readonly setbacks: readonly Setback[];
  readonly tasks: readonly ReportTask[];
  readonly refused: readonly Refusal[];
}

/** What was found: the standing of each task, and what the journals and logs say. */
export interface Gathered {
  readonly by: string;
  readonly at: number;
  readonly tasks: readonly TaskStatus[];
  readonly refused: readonly Refusal[];
  readonly directories: readonly {
    readonly directory: string;
    readonly label: string;
    readonly entries: readonly JournalEntry[];
    readonly notes: readonly PauseNote[];
    readonly answers: readonly AnswerNote[];
  }[];
  readonly paused: readonly PausedDirectory[];
  /** By the path of the task. */
  readonly logEnds: ReadonlyMap<string, { readonly text?: string; readonly thread?: string }>;
}

export const pathOf = ({ directory, name }: Pick<Task, 'directory' | 'name'>) => `${directory}/${name}`;

export function reportOn(gathered: Gathered): ReportData {
  const { by, at, refused, directories } = gathered;
  const runs = new Runs(at);
  const known = new Map(gathered.tasks.map(({ task }) => [pathOf(task), new Array<ReportAttempt>()]));
  const questions = new Questions();
  let others = NOTHING_SPENT;
  for (const { directory, entries, answers } of directories) {
    for (const entry of entries) {
      const attempts = known.get(pathOf({ directory, name: entry.task }));
      if (attempts) attempts.push(runs.ended(entry));
      else others = addSpent(others, { attempts: 1, usage: entry.usage });
    }
    for (const note of answers) {
      const path = pathOf({ directory, name: note.task });
      if (known.has(path)) questions.note(path, note, (moment) => runs.clamp(moment));
    }
  }
  for (const status of gathered.tasks) {
    const running = runs.running(status);
    if (running) known.get(pathOf(status.task))?.push(running);
  }
  const renumbered = runs.inOrder();
  const tasks = gathered.tasks.map((status) =>
    taskOf(status, known.get(pathOf(status.task)) ?? [], renumbered.order, {
      logEnds: gathered.logEnds,
      questions,
    }),
  );
  const all = [...known.values()].flat().sort((a, b) => a.to - b.to);
  const ended = all.filter(({ outcome }) => outcome !== 'running');
  return {
    version: 1,
    by,
    at,
    directories: directories.map(({ directory, label }) => ({ directory, label })),
    totals: { ...totalsOf(tasks, all, others), answers: questions.counts },
    durations: durationsOf(ended.filter(({ outcome }) => outcome === 'completed')),
    runs: renumbered.runs,
    pauses: allPauses(gathered),
    tokens: tokensOverTime(ended),
    failures: failuresOf(tasks),
    setbacks: setbacksOf(ended),
    tasks,
    refused,
  };
}

function allPauses({ at, directories, paused }: Gathered): ReportPause[] {
  return directories.flatMap(({ directory, entries, notes }) => {
    const inForce = paused.find((one) => one.directory === directory)?.pause;
    const begins = entries.map((entry) => entry.at - entry.durationMs).sort((a, b) => a - b);
    return pausesOf(directory, notes, inForce, { begins, now: at });
  });
}

/** The runs that are met, each with what it did. */
class Runs {
  readonly #now: number;
  readonly #indexes = new Map<string, number>();
  readonly #runs: ReportRun[] = [];

  constructor(now: number) {
    this.#now = now;
  }

  ended({ at, run, by, attempt, thread, outcome, why, usage, durationMs }: JournalEntry): ReportAttempt {
    const to = this.clamp(at);
    const attempted = { attempt, from: to - durationMs, to, outcome, usage };
    return {
      ...attempted,
      run: this.#note(run, by, attempted),
      ...(why === undefined ? {} : { why }),
      ...(thread === undefined ? {} : { thread }),
    };
  }

  /** `undefined` for a task that nobody has, or of which nobody can say since when. */
  running({ attempt, since, run }: TaskStatus): ReportAttempt | undefined {
    const begun = since === undefined ? Number.NaN : Date.parse(since);
    if (run === undefined || attempt === undefined || Number.isNaN(begun)) return undefined;
    const running = { attempt, from: this.clamp(begun), to: this.#now, usage: NO_USAGE };
    return { ...running, outcome: 'running', run: this.#note(run.id, run.by, running) };
  }

  /** What no clock could have said is put right. */
  clamp(at: number): number {
    return Math.min(this.#now, Math.max(EARLIEST, at));
  }

  #note(id: string, by: string, { from, to, usage }: Pick<ReportAttempt, 'from' | 'to' | 'usage'>): number {
    const index = this.#indexes.get(id) ?? this.#runs.length;
    this.#indexes.set(id, index);
    const before = this.#runs[index] ?? { id, by, from, to, attempts: 0, usage: NO_USAGE };
    this.#runs[index] = {
      ...before,
      from: Math.min(before.from, from),
      to: Math.max(before.to, to),
      attempts: before.attempts + 1,
      usage: addUsage(before.usage, usage),
    };
    return index;
  }

  /** By when they began; `order` says which place each has now. */
  inOrder(): { readonly runs: readonly ReportRun[]; readonly order: readonly number[] } {
    const sorted = this.#runs.map((run, was) => ({ run, was })).sort((a, b) => a.run.from - b.run.from);
    const order: number[] = [];
    for (const [is, { was }] of sorted.entries()) order[was] = is;
    return { runs: sorted.map(({ run }) => run), order };
  }
}

function taskOf(
  { task, ...status }: TaskStatus,
  attempts: readonly ReportAttempt[],
  order: readonly number[],
  { logEnds, questions }: { readonly logEnds: Gathered['logEnds']; readonly questions: Questions },
): ReportTask {
  const told = attempts
    .toSorted((a, b) => a.to - b.to)
    .slice(-MOST_ATTEMPTS_TOLD)
    .map((attempt) => ({ ...attempt, run: order[attempt.run] ?? 0 }));
  const end = logEnds.get(pathOf(task));
  const thread = end?.thread ?? told.findLast((attempt) => attempt.thread !== undefined)?.thread;
  return {
    ...task,
    ...status,
    attempts: told,
    olderAttempts: attempts.length - told.length,
    ...questions.of(pathOf(task)),
    usage: attempts.reduce((sum, { usage }) => addUsage(sum, usage), NO_USAGE),
    durationMs: attempts.reduce((sum, { from, to }) => sum + to - from, 0),
    ...(thread === undefined ? {} : { thread }),
    ...(end?.text === undefined ? {} : { excerpt: end.text }),
  };
}

/** `attempts` in the order of their ends. */
function totalsOf(
  tasks: readonly ReportTask[],
  attempts: readonly ReportAttempt[],
  others: Spent,
): Omit<ReportTotals, 'answers'> {
  const states: Record<TaskState, number> = { pending: 0, 'in-progress': 0, completed: 0, failed: 0 };
  for (const { state } of tasks) states[state]++;
  const last = attempts.at(-1);
  const busy = busySpans(attempts);
  return {
    tasks: tasks.length,
    states,
    attempts: attempts.length,
    usage: attempts.reduce((sum, { usage }) => addUsage(sum, usage), NO_USAGE),
    agentMs: attempts.reduce((sum, { from, to }) => sum + to - from, 0),
    busyMs: busy.reduce((sum, { from, to }) => sum + to - from, 0),
    ...(busy[0] && last ? { from: busy[0].from, to: last.to } : {}),
    others,
  };
}

/** When at least one was on; spans that touch are one. In their order. */
export function busySpans(
  spans: readonly { readonly from: number; readonly to: number }[],
): { from: number; to: number }[] {
  const merged: { from: number; to: number }[] = [];
  for (const { from, to } of spans.toSorted((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last && from <= last.to) last.to = Math.max(last.to, to);
    else merged.push({ from, to });
  }
  return merged;
}
