/**
 * What a night must show when it is over, rule by rule. The judge knows nothing of our code: it compares what the terminals
 * said, what the model's server saw, and what is on the disk. A rule that had nothing to look at is broken, not kept.
 */
import { unreachable } from '../../src/core/unreachable.ts';
import type { Night, NightAttempt, Span } from './night.ts';
import { COMPLAINT, isCompletable, rightContent, type NightTask, type TaskKind } from './plan.ts';

export interface Verdict {
  readonly rule: RuleName;
  /** What was counted, kept or not. */
  readonly figures: string;
  /** Empty when the rule was kept. */
  readonly faults: readonly string[];
}

export const RULES = {
  completed: 'what can be done is completed, verified, and right on the disk',
  failed: 'what cannot be done is failed, for its own reason',
  paused: 'in a pause nothing is asked but whether it is over',
  unspent: 'no attempt is spent on a limit',
  tokens: 'the journal adds up to what the server sent',
  once: 'nothing is done twice',
  left: 'nothing is left behind',
  terminals: 'no terminal ended but for a reason that was given to it',
  night: 'everything came that was planned to go wrong',
} as const;
export type RuleName = keyof typeof RULES;

type Finding = Omit<Verdict, 'rule'>;

const JUDGES: Readonly<Record<RuleName, (night: Night) => Finding>> = {
  completed: judgeCompleted,
  failed: judgeFailed,
  paused: judgePauses,
  unspent: judgeUnspent,
  tokens: judgeTokens,
  once: judgeOnce,
  left: ({ left }) => ({ figures: `${left.length} things left`, faults: left }),
  terminals: judgeTerminals,
  night: ({ missing }) => ({ figures: `${missing.length} of the plan missing`, faults: missing }),
};

export const judgeNight = (night: Night): Verdict[] =>
  (Object.keys(RULES) as RuleName[]).map((rule) => ({ rule, ...JUDGES[rule](night) }));

function judgeCompleted({ tasks, results, effects }: Night): Finding {
  const faults: string[] = [];
  const able = tasks.filter(isCompletable);
  for (const { name } of able) {
    const result = results.get(name);
    if (result?.state !== 'completed')
      faults.push(`${name} is ${result ? `failed: ${result.outcome}` : 'open'}`);
    else if (!/\bverified\b/.test(result.outcome)) faults.push(`${name} is only ${result.outcome}`);
    if (effects.get(name) !== rightContent(name))
      faults.push(`on the disk ${name} is ${JSON.stringify(effects.get(name) ?? 'not there')}`);
  }
  const right = able.filter(({ name }) => effects.get(name) === rightContent(name));
  const completed = able.filter(({ name }) => results.get(name)?.state === 'completed');
  if (able.length === 0) faults.push('no task could be completed');
  return {
    figures: `${completed.length} of ${able.length} completed, ${right.length} right on the disk`,
    faults,
  };
}

/** In the words of codex-worker, or of Codex where that is what failed. */
function reasonOf(kind: Exclude<TaskKind, 'plain' | 'repaired'>): RegExp {
  switch (kind) {
    case 'idle':
      // Beside others that write in the same directory only the check can tell.
      return /changed no file|is not there/;
    case 'hopeless':
      return new RegExp(COMPLAINT);
    case 'refused':
      return /invalid prompt/i;
    default:
      return unreachable(kind);
  }
}

export const isFailedForItsReason = (
  { results }: Pick<Night, 'results'>,
  { name, kind }: NightTask,
): boolean => {
  const result = results.get(name);
  return (
    kind !== 'plain' &&
    kind !== 'repaired' &&
    result?.state === 'failed' &&
    reasonOf(kind).test(result.outcome)
  );
};

/** What an attempt says that met nothing but trouble at the server. */
const WEATHER = /at capacity|high demand|stream disconnected|^failed: idle for/;

function judgeFailed({ tasks, results, attempts }: Night): Finding {
  const faults: string[] = [];
  let [failed, weathered, others] = [0, 0, 0];
  /** The last of its attempts met the weather, as an earlier one has shown what is wrong with the task itself. */
  const isWeathered = (name: string, own: RegExp, outcome: string) =>
    WEATHER.test(outcome) &&
    attempts.some(({ task, end }) => task === name && end?.outcome === 'failed' && own.test(end.why));
  for (const { name, kind } of tasks) {
    if (kind === 'plain' || kind === 'repaired') continue;
    others += 1;
    const result = results.get(name);
    if (result?.state !== 'failed') faults.push(`${name} (${kind}) is ${result?.state ?? 'open'}`);
    else if (isWeathered(name, reasonOf(kind), result.outcome)) weathered += 1;
    else if (!reasonOf(kind).test(result.outcome))
      faults.push(`${name} (${kind}) failed for another reason: ${result.outcome}`);
    else failed += 1;
  }
  if (others === 0) faults.push('no task had to fail');
  const unchanged = [...results.values()].filter(({ outcome }) => /changed no file/.test(outcome)).length;
  return {
    figures: `${failed} of ${others} failed for their own reason, ${unchanged} of them because no file was changed; ${weathered} met the weather in their last attempt`,
    faults,
  };
}

/** A terminal hears of another's pause within so long, as docs/unattended.md says. */
const NEWS_MS = 2_000;

const isWithin = (at: number, { from, to }: Span): boolean => at > from && at < to;

function judgePauses({ limits, pauses, requests, attempts }: Night): Finding {
  const faults: string[] = [];
  let [probes, before, unheard] = [0, 0, 0];
  for (const limit of limits)
    if (!pauses.some(({ from, to }) => from < limit.to && to > limit.from))
      faults.push(`no terminal paused for the limit of ${clock(limit.from)}`);
  for (const pause of pauses)
    for (const { at, task } of requests) {
      if (!isWithin(at, pause)) continue;
      const attempt = attemptAt(attempts, task, at);
      if (!attempt)
        faults.push(`${clock(at)}: a request for ${task} in a pause, of no attempt that was told of`);
      else if (attempt.isProbe) probes += 1;
      else if (attempt.from <= pause.from) before += 1;
      else if (attempt.from <= pause.from + NEWS_MS) unheard += 1;
      else
        faults.push(
          `${clock(at)}: a request for ${task}, begun in the pause of ${clock(pause.from)}, and no probe`,
        );
    }
  if (limits.length === 0) faults.push('there was no limit');
  const paused = pauses.reduce((sum, { from, to }) => sum + to - from, 0);
  const during = requests.filter(({ weather }) => weather === 'limit').length;
  return {
    figures:
      `${limits.length} limits, ${pauses.length} pauses of ${Math.round(paused / 1_000)} s, ${probes} requests of probes in them, ` +
      `${before} of agents that were at work before, ${unheard} of agents that were started in its first ${NEWS_MS / 1_000} s; ` +
      `${during} requests refused by a limit`,
    faults,
  };
}

/** The attempt that a request is of: the last of its task that had begun. */
const attemptAt = (attempts: readonly NightAttempt[], task: string, at: number): NightAttempt | undefined =>
  attempts.findLast((attempt) => attempt.task === task && attempt.from <= at);

const LIMIT = /usage limit|\b429\b|rate limit/i;

function judgeUnspent({ tasks, attempts, results, requests, attemptsAllowed }: Night): Finding {
  const spent = attempts.filter(({ end }) => end?.outcome === 'failed' && LIMIT.test(end.why));
  const faults = spent.map(({ task, end }) => `an attempt at ${task} was spent: ${end?.why}`);
  for (const [task, { state, outcome }] of results)
    if (state === 'failed' && LIMIT.test(outcome)) faults.push(`${task} is failed for a limit: ${outcome}`);
  // Who fails to the end shows how many attempts a task had, whatever it met on its way.
  for (const { name, kind } of tasks) {
    if (kind !== 'hopeless') continue;
    const mine = attempts.filter(({ task }) => task === name);
    const failed = mine.filter(({ end }) => end?.outcome === 'failed').length;
    const untold = mine.filter(({ end }) => end === undefined).length;
    if (failed > attemptsAllowed || failed + untold < attemptsAllowed)
      faults.push(`${name} had ${failed} attempts that count, and ${attemptsAllowed} are allowed`);
  }
  const met = requests.filter(({ weather }) => weather === 'limit' || weather === 'busy').length;
  const returned = attempts.filter(({ end }) => end?.outcome === 'returned' && LIMIT.test(end.why)).length;
  if (met === 0) faults.push('no request met a limit');
  return {
    figures: `${met} requests met a limit, ${returned} attempts were given back for one, ${spent.length} spent`,
    faults,
  };
}

/**
 * Task by task. Of an agent that is killed the last answer may have left the server and not arrived: as many answers as agents
 * of the task were killed may be missing, and are told.
 */
function judgeTokens({ tasks, attempts, answers, journal, tokensPerAnswer }: Night): Finding {
  const faults: string[] = [];
  let sent = 0;
  let told = 0;
  for (const { name } of tasks) {
    const of = answers.filter(({ task }) => task === name).length * tokensPerAnswer;
    const said = journal.filter(({ task }) => task === name).reduce((sum, { tokens }) => sum + tokens, 0);
    const killed = attempts.filter(({ task, end }) => task === name && end === undefined).length;
    sent += of;
    told += said;
    if (said > of || of - said > killed * tokensPerAnswer)
      faults.push(
        `${name}: the journal says ${said}, the server sent ${of}, and ${killed} of its agents were killed`,
      );
  }
  if (sent === 0) faults.push('the server sent no answer');
  return { figures: `journal ${told}, server ${sent}, difference ${sent - told}`, faults };
}

/** Every turn that came to its end is accounted for: by the one success, by a check that failed, or by a kill. */
function judgeOnce({ tasks, attempts, answers, requests }: Night): Finding {
  const faults: string[] = [];
  let turns = 0;
  let again = 0;
  for (const { name } of tasks) {
    const mine = attempts.filter(({ task }) => task === name);
    const done = mine.filter(({ end }) => end?.outcome === 'succeeded');
    const untold = mine.filter(({ end }) => end === undefined).length;
    const checked = mine.filter(({ end }) => end?.outcome === 'failed' && CHECKED.test(end.why)).length;
    const ended = answers.filter(({ task, endsTurn }) => task === name && endsTurn).length;
    turns += ended;
    if (done.length > 1) faults.push(`${name} was completed ${done.length} times`);
    if (ended > done.length + checked + untold)
      faults.push(
        `${name}: ${ended} turns ended, of ${done.length} completed, ${checked} checked and ${untold} killed attempts`,
      );
    else again += Math.max(0, ended - done.length - checked);
    const at = done[0]?.end?.at ?? Number.POSITIVE_INFINITY;
    const late = requests.filter((request) => request.task === name && request.at > at).length;
    if (late > 0) faults.push(`${name}: ${late} requests after it was completed`);
  }
  return { figures: `${turns} turns ended, ${again} of them lost to a kill`, faults };
}

const CHECKED = new RegExp(`${COMPLAINT}|is not there|changed no file`);

function judgeTerminals({ terminals, requests }: Night): Finding {
  const refusals = requests.filter(({ weather }) => weather === 'model-refused').length;
  const codes = terminals.flatMap(({ by }) => (by.kind === 'code' ? [by.code] : []));
  const stopped = codes.filter((code) => code === 3).length;
  const faults = codes
    .filter((code) => ![0, 1, 3].includes(code))
    .map((code) => `a terminal ended with ${code}`);
  if (stopped > refusals)
    faults.push(`${stopped} terminals stopped with 3, and the model was refused ${refusals} times`);
  const killed = terminals.length - codes.length;
  return { figures: `${terminals.length} ended: ${killed} killed, codes ${codes.join(', ')}`, faults };
}

const clock = (at: number): string => new Date(at).toISOString().slice(11, 23);
