/** What a terminal said with `--json`, as the judge wants it. Lines that were cut off by a kill are none. */
import type { NightAttempt, Span } from './night.ts';

type Fields = Readonly<Record<string, unknown>>;

/** One line; the fields are those that `report/json.ts` promises. */
export interface TerminalEvent {
  readonly event: string;
  /** ms since 1970. */
  readonly at: number;
  readonly fields: Fields;
}

const isRecord = (value: unknown): value is Fields => typeof value === 'object' && value !== null;

const textIn = (fields: unknown, key: string): string => {
  const value = isRecord(fields) ? fields[key] : undefined;
  return typeof value === 'string' ? value : '';
};

export function eventsOf(stdout: string): TerminalEvent[] {
  return stdout.split('\n').flatMap((line) => {
    const fields = parse(line);
    return isRecord(fields)
      ? [{ event: textIn(fields, 'event'), at: Date.parse(textIn(fields, 'at')), fields }]
      : [];
  });
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

const taskOf = ({ fields }: TerminalEvent) => textIn(fields, 'name').replace(/\.md$/, '');

/** The attempts of one terminal, in the order in which they began. */
export function attemptsIn(events: readonly TerminalEvent[]): NightAttempt[] {
  const attempts: NightAttempt[] = [];
  const probing = new Set<string>();
  for (const event of events) {
    const task = taskOf(event);
    if (event.event === 'probing') probing.add(task);
    if (event.event === 'attempt-started')
      attempts.push({ task, from: event.at, isProbe: probing.delete(task) });
    if (event.event !== 'attempt-ended') continue;
    const outcome = textIn(event.fields, 'outcome');
    if (outcome !== 'succeeded' && outcome !== 'failed' && outcome !== 'returned') continue;
    const open = attempts.findLastIndex((attempt) => attempt.task === task && !attempt.end);
    const begun = attempts[open];
    const why = textIn(event.fields['failure'] ?? event.fields['reason'], 'message');
    if (begun) attempts[open] = { ...begun, end: { at: event.at, outcome, why } };
  }
  return attempts;
}

/** The pauses of the directory, from what all its terminals said: each hears of it, and of its end, at a time of its own. */
export function pausesIn(events: readonly TerminalEvent[]): Span[] {
  const pauses: Span[] = [];
  const over = new Set<string>();
  let open: { readonly from: number; readonly ids: Set<string> } | undefined;
  for (const { event, at, fields } of events.toSorted((a, b) => a.at - b.at)) {
    const id = textIn(fields, 'id');
    if (event === 'paused' && !over.has(id)) {
      open ??= { from: at, ids: new Set() };
      open.ids.add(id);
    }
    if (event !== 'resumed' || !open) continue;
    pauses.push({ from: open.from, to: at });
    for (const known of open.ids) over.add(known);
    open = undefined;
  }
  const last = events.reduce((latest, { at }) => Math.max(latest, at), 0);
  return open ? [...pauses, { from: open.from, to: last }] : pauses;
}
