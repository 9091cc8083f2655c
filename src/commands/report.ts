/** `codex-worker report`: what became of every task, from the directory, its journal and its logs. It only ever reads. */
import { relative } from 'node:path';
import type { AnswerNote } from '../core/journal-entry.ts';
import { reportOn, pathOf, type Gathered, type ReportData } from '../core/report-data.ts';
import type { TaskStatus } from '../core/reports.ts';
import { realWorld, type World } from '../engine/world.ts';
import { JournalReader } from '../io/journal.ts';
import { readLogEnd, type LogEnd } from '../io/log-end.ts';
import { status, type StatusRequest } from './status.ts';

export interface ReportRequest extends Omit<StatusRequest, 'detailed'> {
  readonly version: string;
}

/** Of a log are shown at most so many characters: of one that went well, what the agent said last. */
const SHOWN = { failed: 2_000, 'in-progress': 1_000, completed: 500, pending: 0 } as const;
/** Of all logs together; the page has to stay one that a browser opens, and a person sends to another. */
const MOST_SHOWN = 1_200_000;
/** Each is an open file. */
const LOGS_AT_ONCE = 16;

/** Throws UsageError for a path that does not exist. */
export async function report({ version, ...request }: ReportRequest): Promise<ReportData> {
  const world = realWorld();
  const standing = await status({ ...request, detailed: true });
  const directories: Gathered['directories'][number][] = [];
  for (const directory of new Set(standing.tasks.map(({ task }) => task.directory))) {
    const answers: AnswerNote[] = [];
    const journal = new JournalReader(world.files, { path: directory }, (note) => answers.push(note));
    directories.push({
      directory,
      label: relative(request.cwd, directory) || '.',
      entries: await journal.read(),
      notes: journal.pauses,
      answers,
    });
  }
  return reportOn({
    by: `codex-worker ${version}`,
    at: standing.paused.now,
    tasks: standing.tasks,
    refused: standing.refused,
    directories,
    paused: standing.paused.directories,
    logEnds: await readLogEnds(world, standing.tasks),
  });
}

/** What failed and what runs comes first: where there is too much to show, the logs of what went well are left out. */
async function readLogEnds(
  { files }: World,
  tasks: readonly TaskStatus[],
): Promise<ReadonlyMap<string, LogEnd>> {
  const ends = new Map<string, LogEnd>();
  const wanted = (['failed', 'in-progress', 'completed'] as const).flatMap((state) =>
    tasks.filter((task) => task.state === state),
  );
  let shown = 0;
  for (let start = 0; start < wanted.length; start += LOGS_AT_ONCE) {
    const reading = wanted.slice(start, start + LOGS_AT_ONCE).map(async ({ task, state, log }) => {
      const end = log === undefined ? undefined : await readLogEnd(files, log, SHOWN[state]);
      if (end) ends.set(pathOf(task), end);
      return end?.text.length ?? 0;
    });
    for (const length of await Promise.all(reading)) shown += length;
    if (shown > MOST_SHOWN) break;
  }
  return ends;
}
