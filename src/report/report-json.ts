/** The report as JSON, for programs: the data of `core/report-data.ts`, with its moments as ISO 8601. Fields are added, never renamed or removed. */
import type { ReportData } from '../core/report-data.ts';
import { safeJson } from './json.ts';
import { holderFields } from './status-table.ts';

const iso = (ms: number) => new Date(ms).toISOString();

/** `from` and `to`, where they are there. */
function spanOf({ from, to }: { readonly from?: number; readonly to?: number }) {
  return { ...(from !== undefined && { from: iso(from) }), ...(to !== undefined && { to: iso(to) }) };
}

export function reportJson({ at, totals, runs, pauses, tokens, tasks, ...rest }: ReportData): string {
  const document = {
    ...rest,
    at: iso(at),
    totals: { ...totals, ...spanOf(totals) },
    runs: runs.map((run) => ({ ...run, ...spanOf(run) })),
    pauses: pauses.map((pause) => ({ ...pause, ...spanOf(pause) })),
    tokens: tokens.map((point) => ({ ...point, at: iso(point.at) })),
    tasks: tasks.map(({ label, directory, name, holder, attempts, questions, ...task }) => ({
      task: label,
      directory,
      name,
      ...task,
      ...(holder && { holder: holderFields(holder) }),
      attempts: attempts.map((attempt) => ({ ...attempt, ...spanOf(attempt) })),
      questions: questions.map((one) => ({ ...one, at: iso(one.at), askedAt: iso(one.askedAt) })),
    })),
  };
  return `${safeJson(document, 1)}\n`;
}
