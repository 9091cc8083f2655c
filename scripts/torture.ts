/**
 * `npm run torture -- [--minutes M] [--seed S] [--only row,…]`: breaks codex-worker in every way that test/torture/rows
 * knows, again and again, and counts what went wrong. Nothing may.
 *
 * First each row's controls, then rounds of all rows beside one another, each row getting its share of the time. What a
 * round found is said at once, with the command that runs it again; its directory is kept. Ends with a table and under
 * it all that was found, again; exit code 0 only when nothing was, every control found what it must, and every row ran.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { seeded } from '../test/rig/random.ts';
import type { Violation } from '../test/rig/violation.ts';
import { BACKENDS, type Row } from '../test/torture/row.ts';
import { again, isSound, renderFindings, type Finding, type Shortfalls } from '../test/torture/findings.ts';
import type { RoundOrder, RoundReport } from '../test/torture/lane.ts';
import { rows } from '../test/torture/rows.ts';
import { ControlResult, renderTable, RowResult } from '../test/torture/table.ts';
import { commit } from './commit.ts';

/** So long a control is looked for; on a machine whose rounds take long, in so many of them, however long that is. */
const CONTROL = { limitMs: 60_000, leastRounds: 8 };
/** Many times what any round takes, on a machine that is busy with other things as well. */
const PATIENCE_MS = 300_000;
const LANE = fileURLToPath(new URL('../test/torture/lane.ts', import.meta.url));

const USAGE = `npm run torture -- [options]

  --minutes M      how long, the controls included; every row runs at least once (default 5)
  --seed S         of everything random; printed, and with each violation (default: a new one)
  --backend B      how the agents are spoken to: exec (default) or app-server; rows without any are then left out
  --only a,b       these rows only; npm run torture -- --list names them
  --round N        begin with this round: rows that go through everything count their rounds (default 0)
  --controls no    leave the positive controls out, or "only" them (default yes)
  --lanes N        rounds at a time (default: cores + 1)
  --report FILE    write the table there too, as Markdown`;

function usageError(message: string): never {
  console.error(`torture: ${message}\n\n${USAGE}`);
  process.exit(2);
}

const options = {
  minutes: { type: 'string', default: '5' },
  seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
  backend: { type: 'string', default: 'exec' },
  only: { type: 'string' },
  round: { type: 'string', default: '0' },
  lanes: { type: 'string', default: String(availableParallelism() + 1) },
  controls: { type: 'string', default: 'yes' },
  report: { type: 'string' },
  list: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

function parse() {
  try {
    return parseArgs({ options });
  } catch (error) {
    return usageError(error instanceof Error ? error.message : String(error));
  }
}
const { values } = parse();

if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
if (values.list) {
  for (const row of rows) console.log(`${row.name.padEnd(20)} ${row.about}`);
  process.exit(0);
}
const minutes = Number(values.minutes);
if (!(minutes > 0)) usageError(`--minutes ${values.minutes} is not a positive number`);
const firstRound = Number(values.round);
if (!Number.isSafeInteger(firstRound) || firstRound < 0)
  usageError(`--round ${values.round} is not a whole number`);
const seed = Number(values.seed);
if (!Number.isSafeInteger(seed) || seed < 0) usageError(`--seed ${values.seed} is not a whole number`);
const lanes = Number(values.lanes);
if (!Number.isInteger(lanes) || lanes < 1)
  usageError(`--lanes ${values.lanes} is not a positive whole number`);
if (!['yes', 'no', 'only'].includes(values.controls)) usageError(`--controls is yes, no or only`);
const backend =
  BACKENDS.find((one) => one === values.backend) ?? usageError(`--backend is exec or app-server`);
const wanted = values.only?.split(',');
for (const name of wanted ?? [])
  if (!rows.some((row) => row.name === name)) usageError(`there is no row ${name}; --list names them`);

/** Where there is no agent, how it is spoken to changes nothing. */
const selected = rows.filter((row) =>
  wanted ? wanted.includes(row.name) : backend === 'exec' || row.isMadeUp !== true,
);
const startedAt = performance.now();
const deadline = startedAt + minutes * 60_000;
/** tmpfs: there are thousands of little directories to come, and what is measured is not the disk. */
const under = mkdtempSync(path.join(isTmpfs('/dev/shm') ? '/dev/shm' : tmpdir(), 'codex-worker-torture-'));
const keepIn = path.join(tmpdir(), `codex-worker-torture-${seed}`);
const results = new Map<Row, RowResult>();
for (const row of selected) results.set(row, new RowResult(row, await row.unavailable?.()));
const runnable = selected.filter((row) => results.get(row)?.unavailable === undefined);

function isTmpfs(directory: string): boolean {
  try {
    return readFileSync('/proc/mounts', 'utf8').includes(` ${directory} tmpfs `);
  } catch {
    return false;
  }
}

/** A lane: one child process, replaced when it dies or hangs. */
class Lane {
  #child: ChildProcess | undefined;

  async run(order: RoundOrder, patienceMs: number): Promise<RoundReport> {
    const child = (this.#child ??= fork(LANE, [], {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    }));
    const failed = (violation: Violation): RoundReport => {
      this.#child = undefined;
      child.kill('SIGKILL');
      endEverythingOf(order.under);
      return {
        violations: [violation],
        tally: { crashRestarts: 0, simulatedCrashRestarts: 0, faults: {}, notes: {} },
      };
    };
    return new Promise((resolve) => {
      const finish = (report: RoundReport) => {
        clearTimeout(timer);
        child.removeAllListeners();
        resolve(report);
      };
      const timer = setTimeout(
        () => finish(failed({ kind: 'hung', what: `the round has not ended after ${patienceMs / 1_000} s` })),
        patienceMs,
      );
      child.once('message', (report: RoundReport) => finish(report));
      child.once('exit', (code, signal) =>
        finish(failed({ kind: 'lied', what: `the harness itself died: ${signal ?? code}` })),
      );
      child.send(order);
    });
  }

  close(): void {
    this.#child?.kill('SIGKILL');
  }
}

/** Ends the processes that a lane which is gone has left: they carry its scratch directory in their environment. */
function endEverythingOf(scratch: string): void {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    try {
      if (readFileSync(`/proc/${name}/environ`, 'latin1').includes(scratch))
        process.kill(Number(name), 'SIGKILL');
    } catch {
      // it has ended, or is not ours
    }
  }
}

function say(text: string): void {
  const clock = new Date(performance.now() - startedAt).toISOString().slice(11, 19);
  console.log(`${clock}  ${text}`);
}

const findings: Finding[] = [];

let orders = 0;
/** The first round of a run has the run's own seed, so that a round can be run again by its seed alone. */
const seeds = seeded(seed);
const nextSeed = () => (orders++ === 0 ? seed : Math.floor(seeds() * 2 ** 31));

async function oneRound(lane: Lane, number: number, row: Row, index: number, control?: string) {
  const order: RoundOrder = {
    row: row.name,
    index,
    seed: nextSeed(),
    under: path.join(under, `lane-${number}`),
    keepIn,
    long: minutes >= 30 && control === undefined,
    backend,
    ...(control === undefined ? {} : { control }),
  };
  mkdirSync(order.under, { recursive: true });
  const from = performance.now();
  const report = await lane.run(order, row.patienceMs ?? PATIENCE_MS);
  return { report, order, ms: performance.now() - from };
}

async function runControls(lane: Lane, number: number, queue: ControlResult[]): Promise<void> {
  for (let control = queue.shift(); control; control = queue.shift()) {
    const { row, name, expected } = control;
    const limit = performance.now() + CONTROL.limitMs;
    while (!control.found && (performance.now() < limit || control.rounds < CONTROL.leastRounds)) {
      const { report, ms } = await oneRound(lane, number, row, control.rounds, name);
      control.add(report, ms);
    }
    const verdict = control.found ? `found after ${(control.ms / 1_000).toFixed(1)} s` : 'NOT FOUND';
    say(`control  ${row.name}: ${name} → ${expected} ${verdict}`);
  }
}

async function runRounds(lane: Lane, number: number): Promise<void> {
  const fresh = () => runnable.map((row) => results.get(row)).filter((result) => result?.started === 0);
  while (performance.now() < deadline || fresh().length > 0) {
    const result = [...results.values()]
      .filter(({ unavailable }) => unavailable === undefined)
      .filter(({ started, meanMs }) => started === 0 || meanMs < deadline - performance.now())
      .sort((a, b) => a.debt - b.debt)[0];
    if (!result) return;
    const index = firstRound + result.begin();
    const { report, order, ms } = await oneRound(lane, number, result.row, index);
    result.end(report, ms);
    const where = { row: result.row.name, seed: order.seed, round: index, backend };
    for (const violation of report.violations) {
      findings.push({ ...where, violation, kept: report.kept });
      say(`VIOLATION  ${where.row}: ${violation.kind}: ${violation.what}`);
    }
    if (report.violations.length > 0) say(`  again: ${again(where)}\n  kept: ${report.kept ?? 'nothing'}`);
  }
}

say(
  `seed ${seed}, ${backend}, ${minutes} minutes, ${lanes} lanes, ${runnable.length} of ${selected.length} rows`,
);
for (const { row, unavailable } of results.values())
  if (unavailable) say(`cannot run ${row.name}: ${unavailable}`);
const controls = values.controls === 'no' ? [] : runnable.flatMap((row) => ControlResult.of(row, backend));
const queue = [...controls];
const allLanes = Array.from({ length: lanes }, () => new Lane());
process.on('SIGINT', () => {
  say('interrupted');
  finish();
  process.exit(130);
});
const pulse = setInterval(() => {
  const sum = [...results.values()].map((result) => result.counts());
  const total = (pickOne: (counts: ReturnType<RowResult['counts']>) => number) =>
    sum.reduce((all, counts) => all + pickOne(counts), 0);
  say(
    `${total((c) => c.rounds)} rounds, ${total((c) => c.crashRestarts)} crash-restarts, ` +
      `${total((c) => c.faults)} faults, ${total((c) => c.violations)} violations`,
  );
}, 30_000);
await Promise.all(
  allLanes.map(async (lane, number) => {
    await runControls(lane, number, queue);
    if (values.controls !== 'only') await runRounds(lane, number);
  }),
);
clearInterval(pulse);
finish();

function finish(): void {
  for (const lane of allLanes) lane.close();
  endEverythingOf(under);
  rmSync(under, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  const table = renderTable([...results.values()], controls, {
    commit: commit(),
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    seed,
    backend,
    minutes: (performance.now() - startedAt) / 60_000,
  });
  console.log(`\n${table}`);
  const shortfalls: Shortfalls = {
    controlsNotFound: controls
      .filter(({ found }) => !found)
      .map(({ row, name }) => ({ row: row.name, control: name })),
    rowsWithoutRound:
      values.controls === 'only'
        ? []
        : runnable.filter((row) => results.get(row)?.counts().rounds === 0).map(({ name }) => name),
  };
  console.log(renderFindings(findings, shortfalls, { seed, backend }));
  if (values.report) writeFileSync(values.report, table);
  process.exitCode = isSound(findings, shortfalls) ? 0 : 1;
}
