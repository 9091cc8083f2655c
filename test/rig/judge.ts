/**
 * The judge: what is wrong with a task directory after faults and one calm run. It knows nothing of our code and reads
 * two things only, the directory and the history that `fake-codex.sh` kept.
 */
import { createHash } from 'node:crypto';
import type { Bench } from './cli.ts';
import { violation, type Violation } from './violation.ts';

/** A task that a test wrote for the fake. */
export interface WrittenTask {
  readonly name: string;
  /** What the history calls it. */
  readonly id: string;
  /** What its file must say; with the word `fail` it must be failed in the end, else completed. */
  readonly text: string;
  /** Hashes of everything that was ever written into its file: a result must be of one of these. */
  readonly prompts: ReadonlySet<string>;
}

/** What happened that excuses something. */
export interface JudgeOptions {
  /** Tasks that somebody removed, edited or replaced on purpose: their file is not looked at. */
  readonly touched?: ReadonlySet<string>;
  /** Somebody removed `.codex-worker`, or locks: earlier logs may be gone, or be called lost. */
  readonly meddled?: boolean;
  /** Tasks whose file somebody removed for good: a result is not asked for, only judged where there is one. */
  readonly absent?: ReadonlySet<string>;
  /** Claims whose logs somebody removed. */
  readonly removed?: ReadonlySet<string>;
  /** Somebody reset tasks: results that were superseded are among the earlier logs. */
  readonly wasReset?: boolean;
  /** Processes of codex-worker that the test has killed: no other worker's death may be told of, in a log or a name. */
  readonly killed?: ReadonlySet<number>;
}

/** As README says of `.codex-worker/ended`. */
const KEPT_PER_TASK = 20;
const DEATHS_TO_FAIL = 3;
const DIED = /^outcome: +failed: the worker died (\d+) times on this task$/m;

const NONE: ReadonlySet<string> = new Set();
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const resultName = (name: string, state: 'done' | 'failed') => `${state}_exec_log-${name}.txt`;

export async function judge(
  bench: Bench,
  tasks: Iterable<WrittenTask>,
  past: readonly string[],
  options: JudgeOptions,
): Promise<Violation[]> {
  const { touched = NONE, absent = NONE, removed = NONE, killed, meddled, wasReset } = options;
  const listing = await bench.ls();
  const read = async (name: string) => (listing.includes(name) ? bench.read(name) : undefined);
  const ended = await bench.ls('.codex-worker/ended');
  const found = past
    .filter((line) => !/^(?:start|end|asked|told) /.test(line))
    .map((line) => violation('twice', line));
  for (const task of tasks) {
    const { name, id, text } = task;
    const isGone = absent.has(name);
    if (!touched.has(name) && !isGone && (await read(name)) !== text)
      found.push(violation('lost', `the file of ${name} was touched`));
    const done = await read(resultName(name, 'done'));
    const failed = await read(resultName(name, 'failed'));
    const earlier = ended.filter((log) => log.startsWith(`${sha256(name).slice(0, 16)}.`));
    if (killed) found.push(...(await judgeDeaths(bench, name, earlier, failed, killed)));
    if (!isGone || (done ?? failed) !== undefined)
      found.push(...judgeResult(task, done, failed, past, killed !== undefined));
    const logs = [...earlier, done, failed].join('\n');
    const lost = past
      .filter((line) => line.startsWith(`start ${id} `))
      .map((line) => line.split(' ')[2] ?? '')
      .filter((claim) => !logs.includes(claim) && !removed.has(claim));
    // The janitor keeps the newest logs of each task only: beyond those nothing can be said.
    if (!meddled && earlier.length < KEPT_PER_TASK)
      found.push(...lost.map((claim) => violation('lost', `the log of ${name}'s attempt ${claim}`)));
  }
  for (const name of ended)
    if (
      name.endsWith('.duplicate.txt') ||
      (!wasReset && name.endsWith('.completed.txt')) ||
      (!meddled && name.endsWith('.lost.txt'))
    )
      found.push(violation('double', `a second result: ended/${name}`));
  for (const name of await bench.leftovers()) found.push(violation('left', name));
  return found;
}

/** Whose worker a log or a name says to have died was killed by the test; and three such deaths fail a task, not fewer. */
async function judgeDeaths(
  bench: Bench,
  name: string,
  earlier: readonly string[],
  failed: string | undefined,
  killed: ReadonlySet<number>,
): Promise<Violation[]> {
  const names = earlier.filter((log) => log.endsWith('.died.txt'));
  const died = await Promise.all(names.map((log) => bench.read(`.codex-worker/ended/${log}`)));
  const said = Number(DIED.exec(failed ?? '')?.[1] ?? 0);
  if (failed !== undefined && said > 0) died.push(failed);
  const found = died
    .map((log) => Number(/^by: .* pid (\d+) on /m.exec(log)?.[1]))
    .filter((pid) => !killed.has(pid))
    .map((pid) => violation('lied', `worker ${pid} of ${name} is said to have died, and nobody killed it`));
  if (said > 0 && (said < DEATHS_TO_FAIL || died.length < said))
    found.push(
      violation('lied', `${name} is failed for ${said} deaths, of which ${died.length} can be seen`),
    );
  return found;
}

/** Exactly one result, of the right kind, with exactly one claim's output in it. */
function judgeResult(
  { name, id, text, prompts }: WrittenTask,
  done: string | undefined,
  failed: string | undefined,
  past: readonly string[],
  mayDie: boolean,
): Violation[] {
  const log = done ?? failed;
  if (log === undefined) return [violation('lost', `${name} has no result`)];
  const found: Violation[] = [];
  if (done !== undefined && failed !== undefined) found.push(violation('double', `${name} has two results`));
  const died = mayDie && DIED.test(log);
  const isToFail = / fail\b/.test(text);
  const isRight = isToFail || died ? failed !== undefined : done !== undefined;
  if (!isRight) found.push(violation('lied', `${name} has the wrong result`));
  const claims = [...log.matchAll(/^claim: +([0-9a-f]{32})$/gm)].map((match) => match[1]);
  const workers = [...log.matchAll(/^worked under (.*)$/gm)].map((match) => match[1]);
  const isCutOff = died && workers.length === 0;
  if (claims.length !== 1 || (!isCutOff && (workers.length !== 1 || claims[0] !== workers[0])))
    found.push(
      violation('double', `the log of ${name} is of claims ${claims.join()} and work of ${workers.join()}`),
    );
  const prompt = /^prompt: +([0-9a-f]{64}) /m.exec(log)?.[1] ?? 'nothing';
  if (!prompts.has(prompt))
    found.push(violation('lied', `the result of ${name} is of ${prompt}, which it never said`));
  if (!died && !past.includes(`end ${id} ${claims[0]}`))
    found.push(violation('lied', `${name} has a result of ${claims[0]}, which never ended`));
  if (!/^outcome: +(?:completed|failed)/m.test(log))
    found.push(violation('lost', `the log of ${name} is not complete`));
  return found;
}
