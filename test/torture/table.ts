/** What a torture run counted, and its table. */
import { cpus, totalmem } from 'node:os';
import { markdownTable } from '../rig/markdown-table.ts';
import type { RoundReport } from './lane.ts';
import { VIOLATION_KINDS, type ViolationKind } from '../rig/violation.ts';
import type { Backend, Row } from './row.ts';

interface Counts {
  rounds: number;
  crashRestarts: number;
  simulatedCrashRestarts: number;
  faults: number;
  violations: number;
}

export class RowResult {
  readonly row: Row;
  readonly unavailable: string | undefined;
  readonly found: Record<ViolationKind, number>;
  readonly faults = new Map<string, number>();
  readonly notes = new Map<string, number>();
  started = 0;
  #ended = 0;
  #crashRestarts = 0;
  #simulated = 0;
  #ms = 0;
  #running = 0;
  #longestMs = 0;

  constructor(row: Row, unavailable: string | undefined) {
    this.row = row;
    this.unavailable = unavailable;
    this.found = Object.fromEntries(VIOLATION_KINDS.map((kind) => [kind, 0])) as Record<
      ViolationKind,
      number
    >;
  }

  /** Time that it has had, by its share: the row that has had the least is next. */
  get debt(): number {
    if (this.started === 0) return Number.NEGATIVE_INFINITY;
    if (this.#ended === 0) return Number.POSITIVE_INFINITY; // how long its first round takes is not known yet
    return (this.#ms + this.#running * this.meanMs) / this.row.share;
  }

  /** How long a round takes; 0 when none has ended yet. */
  get meanMs(): number {
    return this.#ended === 0 ? 0 : this.#ms / this.#ended;
  }

  /** Returns the round's index. */
  begin(): number {
    this.#running++;
    return this.started++;
  }

  end(report: RoundReport, ms: number): void {
    this.#running--;
    this.#ended++;
    this.#ms += ms;
    this.#longestMs = Math.max(this.#longestMs, ms);
    this.#crashRestarts += report.tally.crashRestarts;
    this.#simulated += report.tally.simulatedCrashRestarts;
    for (const [fault, n] of Object.entries(report.tally.faults))
      this.faults.set(fault, (this.faults.get(fault) ?? 0) + n);
    for (const [what, n] of Object.entries(report.tally.notes))
      this.notes.set(what, (this.notes.get(what) ?? 0) + n);
    for (const { kind } of report.violations) this.found[kind]++;
  }

  counts(): Counts {
    return {
      rounds: this.#ended,
      crashRestarts: this.#crashRestarts,
      simulatedCrashRestarts: this.#simulated,
      faults: [...this.faults.values()].reduce((all, n) => all + n, 0),
      violations: Object.values(this.found).reduce((all, n) => all + n, 0),
    };
  }
}

export class ControlResult {
  readonly row: Row;
  readonly name: string;
  readonly expected: ViolationKind;
  found = false;
  rounds = 0;
  ms = 0;

  private constructor(row: Row, name: string, expected: ViolationKind) {
    this.row = row;
    this.name = name;
    this.expected = expected;
  }

  static of(row: Row, backend: Backend): ControlResult[] {
    return Object.entries(row.controls)
      .filter(([name]) => backend === 'exec' || row.ofExecOnly?.includes(name) !== true)
      .map(([name, expected]) => new ControlResult(row, name, expected));
  }

  add(report: RoundReport, ms: number): void {
    this.rounds++;
    this.ms += ms;
    this.found ||= report.violations.some(({ kind }) => kind === this.expected);
  }
}

const number = (n: number) => n.toLocaleString('en');

export function renderTable(
  results: readonly RowResult[],
  controls: readonly ControlResult[],
  run: {
    readonly date: string;
    readonly commit: string;
    readonly seed: number;
    readonly backend: Backend;
    readonly minutes: number;
  },
): string {
  const ran = results.filter(({ unavailable }) => unavailable === undefined);
  const rowLine = (
    name: string,
    counts: Counts,
    found: Readonly<Record<ViolationKind, number>>,
    all?: number,
  ) => [
    name,
    number(counts.rounds) + (all === undefined ? '' : ` of ${number(all)}`),
    number(counts.crashRestarts),
    number(counts.simulatedCrashRestarts),
    number(counts.faults),
    ...VIOLATION_KINDS.map((kind) => number(found[kind])),
  ];
  const total: Counts = { rounds: 0, crashRestarts: 0, simulatedCrashRestarts: 0, faults: 0, violations: 0 };
  const found = Object.fromEntries(VIOLATION_KINDS.map((kind) => [kind, 0])) as Record<ViolationKind, number>;
  for (const result of ran) {
    const counts = result.counts();
    for (const key of Object.keys(total) as (keyof Counts)[]) total[key] += counts[key];
    for (const kind of VIOLATION_KINDS) found[kind] += result.found[kind];
  }
  const list = (counts: ReadonlyMap<string, number>) =>
    [...counts].map(([what, n]) => `${what} ${number(n)}`).join(', ');
  const faultsOf = ({ faults, notes }: RowResult) =>
    [list(faults), notes.size > 0 ? `(${list(notes)})` : ''].filter(Boolean).join(' ');
  const rows = markdownTable(
    ['row', 'rounds', 'crash-restarts', 'simulated', 'faults', ...VIOLATION_KINDS],
    [
      ...ran.map((result) => rowLine(result.row.name, result.counts(), result.found, result.row.systematic)),
      rowLine('**all**', total, found),
    ],
  );
  const injected = ran.map((result) => `- \`${result.row.name}\`: ${faultsOf(result) || 'nothing'}`);
  const proofs = markdownTable(
    ['row', 'guard taken out', 'must find', 'found', 'rounds', 'seconds'],
    controls.map((control) => [
      control.row.name,
      control.name,
      control.expected,
      control.found ? 'yes' : '**NO**',
      number(control.rounds),
      (control.ms / 1_000).toFixed(1),
    ]),
  );
  const missing = results
    .filter(({ unavailable }) => unavailable !== undefined)
    .map(({ row, unavailable }) => `- \`${row.name}\` could not run here: ${unavailable}`);
  const cpu = cpus();
  const machine = `${cpu.length} × ${cpu[0]?.model.trim() ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${process.arch}, Node ${process.version}`;
  const text = [
    `${run.date} UTC, commit ${run.commit}, seed ${run.seed}, ${run.backend}, ${run.minutes.toFixed(1)} minutes, ${machine}.`,
    rows,
    `Injected:\n\n${injected.join('\n')}`,
    ...(controls.length > 0 ? [`With a guard taken out, the same harness:`, proofs] : []),
    ...(missing.length > 0 ? [missing.join('\n')] : []),
  ].join('\n\n');
  return `${text}\n`;
}
