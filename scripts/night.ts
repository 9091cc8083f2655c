/**
 * `npm run night -- [--seed n] [--tasks 300] [--terminals 3]`: a night that nobody watches, in some minutes. Many tasks, several
 * terminals, the real Codex, and a model that has usage limits, outages, cut and missing answers; terminals are killed, and
 * started again. At the end a judge that does not use our code says rule by rule whether the night was as it is promised
 * (test/night/judge.ts). The same night is then given to GNU parallel, and both are put side by side.
 *
 * Everything is drawn from the seed. Ends with 0 only when every rule was kept.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { isFailedForItsReason, judgeNight, RULES } from '../test/night/judge.ts';
import { runParallel } from '../test/night/parallel.ts';
import { describePlan, planNight, type NightPlan } from '../test/night/plan.ts';
import { BEGIN, between, END, scoreTable, verdictTable } from '../test/night/report.ts';
import { scoreOf, type Score } from '../test/night/score.ts';
import { setStage, type Stage } from '../test/night/stage.ts';
import { runTerminals } from '../test/night/terminals.ts';
import { describeMachine } from './bench/machine.ts';
import { commit } from './commit.ts';

const USAGE = `npm run night -- [options]

  --seed N         of everything random; printed (default: a new one)
  --tasks N        how many (default 300; with --quick 20)
  --terminals N    how many (default 3; with --quick 2)
  --quick          a small night that ends in a minute, without GNU parallel: for the project's own check
  --peer no        leave GNU parallel out, or take it "only" (default yes)
  --without a,b    start the terminals without these options, to see the judge find it: verify, idle-timeout, …
  --report FILE    write the tables between the markers that FILE has: ${BEGIN} and ${END}
  --list           say what the judge looks at, and what this seed would bring; run nothing`;

function usageError(message: string): never {
  console.error(`night: ${message}\n\n${USAGE}`);
  process.exit(2);
}

const options = {
  seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
  tasks: { type: 'string' },
  terminals: { type: 'string' },
  quick: { type: 'boolean', default: false },
  peer: { type: 'string' },
  report: { type: 'string' },
  without: { type: 'string', default: '' },
  list: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

function parse() {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    return usageError(error instanceof Error ? error.message : String(error));
  }
}

function wholeNumber(option: string, value: string, from: number, to: number): number {
  const n = Number(value);
  if (!Number.isSafeInteger(n) || n < from || n > to)
    usageError(`--${option} ${value} is not a whole number from ${from} to ${to}`);
  return n;
}

const values = parse();
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
const { quick } = values;
const plan = planNight({
  seed: wholeNumber('seed', values.seed, 0, 2 ** 31),
  tasks: wholeNumber('tasks', values.tasks ?? (quick ? '20' : '300'), 20, 999),
  terminals: wholeNumber('terminals', values.terminals ?? (quick ? '2' : '3'), 1, 9),
  quick,
});
const peer = values.peer ?? (quick ? 'no' : 'yes');
if (!['yes', 'no', 'only'].includes(peer)) usageError('--peer is yes, no or only');
const without = values.without.split(',').flatMap((option) => (option === '' ? [] : [`--${option}`]));
if (without.length > 0 && values.report !== undefined) usageError('--without is no night to report');
if (values.report !== undefined && between(textOf(values.report), '') === undefined)
  usageError(`${values.report} does not have the markers ${BEGIN} and ${END}`);

function textOf(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

console.log(describePlan(plan));
if (values.list) {
  console.log('\nrules');
  for (const [name, rule] of Object.entries(RULES)) console.log(`  ${name.padEnd(10)} ${rule}`);
  process.exit(0);
}

const startedAt = performance.now();
/** Twice what a night takes on two cores, and what its pauses may take. */
const LIMIT_MS = quick ? 150_000 : 10 * 60_000 + plan.tasks.length * 4_000;

function say(text: string): void {
  const clock = new Date(performance.now() - startedAt).toISOString().slice(11, 19);
  console.log(`${clock}  ${text}`);
}

/** A stage of its own, which is gone afterwards; kept aside when `isGood` is not said of what was done on it. */
async function onStage<T>(
  name: string,
  act: (stage: Stage) => Promise<T>,
  isGood: (done: T) => boolean,
): Promise<T> {
  const cleanUps: (() => unknown)[] = [];
  const cleanUp = async () => {
    for (const undo of cleanUps.splice(0)) await undo();
  };
  const interrupted = () => void cleanUp().finally(() => process.exit(130));
  process.once('SIGINT', interrupted);
  const stage = await setStage({ after: (undo) => void cleanUps.unshift(undo) }, plan);
  try {
    const done = await act(stage);
    if (!isGood(done)) await keep(stage, name);
    return done;
  } finally {
    process.off('SIGINT', interrupted);
    await cleanUp();
  }
}

async function keep({ bench }: Stage, name: string): Promise<void> {
  const kept = path.join(tmpdir(), `codex-worker-night-${plan.seed}-${name}`);
  await rm(kept, { recursive: true, force: true });
  for (const part of ['tasks', 'project'])
    await cp(path.join(bench.scratch, part), path.join(kept, part), { recursive: true });
  say(`everything is kept in ${kept}`);
}

async function byTerminals({ seed, tasks }: NightPlan) {
  say(`codex-worker, seed ${seed}, ${tasks.length} tasks`);
  const done = await onStage(
    'codex-worker',
    async (stage) => {
      const night = await runTerminals(stage, { withinMs: LIMIT_MS, without }, say);
      return { night, verdicts: judgeNight(night) };
    },
    ({ verdicts }) => verdicts.every(({ faults }) => faults.length === 0),
  );
  for (const { rule, figures, faults } of done.verdicts) {
    console.log(`\n${faults.length === 0 ? 'kept  ' : 'BROKEN'}  ${RULES[rule]}\n        ${figures}`);
    for (const fault of faults.slice(0, 20)) console.log(`        - ${fault}`);
    if (faults.length > 20) console.log(`        … and ${faults.length - 20} more`);
  }
  console.log();
  return done;
}

const scores: Record<string, Score> = {};
const texts: string[] = [
  `${new Date().toISOString().slice(0, 10)}, commit ${commit()}, ${describeMachine()}; ` +
    `\`npm run night -- --seed ${plan.seed} --tasks ${plan.tasks.length} --terminals ${plan.terminals}\`.`,
];
let isKept = true;
if (peer !== 'only') {
  const { night, verdicts } = await byTerminals(plan);
  isKept = verdicts.every(({ faults }) => faults.length === 0);
  scores['codex-worker'] = scoreOf({
    ...night,
    reported: new Map(
      [...night.results].map(([name, { state }]) => [name, state === 'completed' ? 'done' : 'failed']),
    ),
    isTrueReason: (task) => isFailedForItsReason(night, task),
    left: night.left.length,
  });
  texts.push(verdictTable(verdicts));
}
if (peer !== 'no') {
  say('GNU parallel, the same tasks and the same weather');
  const night = await onStage(
    'parallel',
    (stage) => runParallel(stage, 2 * LIMIT_MS, say),
    () => true,
  );
  scores['GNU parallel'] = scoreOf(night);
}
texts.push(scoreTable(scores));
console.log(`\n${texts.join('\n\n')}\n`);
if (values.report !== undefined)
  writeFileSync(values.report, between(textOf(values.report), texts.join('\n\n')) ?? '');
process.exitCode = isKept ? 0 : 1;
