/** When nobody started anything in a directory, put together from what its journal noted, and the pause that is in force. */
import type { PauseNote } from './journal-entry.ts';
import type { Pause } from './pause.ts';

/** When nobody started anything in a directory. */
export interface ReportPause {
  readonly directory: string;
  readonly class: Pause['class'];
  readonly reason: string;
  readonly from: number;
  /** Absent while it is in force. */
  readonly to?: number;
}

/**
 * In the order of their begins. A pause ends where it was lifted, where another took its place, or where its time was over; one that
 * somebody ended by deleting its file ended, as far as anybody knows, when the next attempt began.
 */
export function pausesOf(
  directory: string,
  notes: readonly PauseNote[],
  inForce: Pause | undefined,
  { begins, now }: { readonly begins: readonly number[]; readonly now: number },
): ReportPause[] {
  const lifted = new Map(notes.filter(({ kind }) => kind === 'resumed').map(({ id, at }) => [id, at]));
  const begun = notes.filter((note) => note.kind === 'paused').filter(({ id }) => id !== inForce?.id);
  const sorted = begun.toSorted((a, b) => a.at - b.at);
  const pauses = sorted.map(({ id, at, class: kind, reason, until }, n): ReportPause => {
    const next = sorted[n + 1]?.at ?? inForce?.since;
    const over = kind === 'by-hand' ? until : undefined;
    const known = [lifted.get(id), next, over].filter((end) => end !== undefined && end >= at) as number[];
    const end = Math.min(
      ...(known.length > 0 ? known : [begins.find((begin) => begin > at) ?? until ?? now]),
    );
    return {
      directory,
      class: kind,
      reason,
      from: Math.min(at, now),
      to: Math.max(Math.min(at, now), Math.min(end, now)),
    };
  });
  if (inForce) {
    const { class: kind, reason, since } = inForce;
    pauses.push({ directory, class: kind, reason, from: Math.min(since, now) });
  }
  return pauses;
}
