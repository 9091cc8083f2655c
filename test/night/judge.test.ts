/** The judge of a night, before nights that were made up: a good one that it passes, and one for each thing that may go wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeNight, RULES, type RuleName } from './judge.ts';
import type { Night, NightAttempt } from './night.ts';
import { COMPLAINT, rightContent, type NightTask, type TaskKind } from './plan.ts';

const TOKENS = 100;
const USAGE_LIMIT = 'You’ve hit your usage limit. Try again at 9:24 AM.';
const WRONG = `verify failed with code 1: out/t.txt ${COMPLAINT}: wrong (sh check)`;

const task = (name: string, kind: TaskKind): NightTask => ({ name, kind, prompt: `Task ${name}.` });

type Ending = NonNullable<NightAttempt['end']>;

const attempt = (
  task: string,
  from: number,
  outcome?: Ending['outcome'],
  why = '',
  isProbe = false,
): NightAttempt => ({
  task,
  from,
  isProbe,
  ...(outcome && { end: { at: from + 50, outcome, why } }),
});

/**
 * Five tasks, a limit from 1000 to 1500 and a pause for it from 1010 to 9000, with a probe at 8900; one terminal is killed
 * while it works on t2.
 */
function goodNight(): Night {
  const attempts = [
    attempt('t1', 990, 'returned', USAGE_LIMIT),
    attempt('t1', 8_900, 'succeeded', '', true),
    attempt('t2', 100, 'failed', WRONG),
    attempt('t2', 9_100),
    attempt('t2', 9_300, 'succeeded'),
    attempt('t3', 300, 'failed', 'its agent changed no file'),
    attempt('t3', 400, 'failed', 'its agent changed no file'),
    attempt('t4', 500, 'failed', WRONG),
    attempt('t4', 600, 'failed', WRONG),
    attempt('t5', 700, 'failed', 'Invalid prompt: no.'),
  ];
  /** Each turn asks once to write and once to end; what changes nothing asks once. */
  const turns: [string, number][] = [
    ['t1', 8_910],
    ['t2', 110],
    ['t2', 9_310],
    ['t4', 510],
    ['t4', 610],
  ];
  return {
    tasks: [
      task('t1', 'plain'),
      task('t2', 'repaired'),
      task('t3', 'idle'),
      task('t4', 'hopeless'),
      task('t5', 'refused'),
    ],
    attemptsAllowed: 2,
    results: new Map([
      ['t1', { state: 'completed', outcome: 'completed, verified' }],
      ['t2', { state: 'completed', outcome: 'completed, verified' }],
      ['t3', { state: 'failed', outcome: 'failed: its agent changed no file' }],
      ['t4', { state: 'failed', outcome: `failed: ${WRONG}` }],
      ['t5', { state: 'failed', outcome: 'failed: Invalid prompt: no.' }],
    ]),
    effects: new Map([
      ['t1', rightContent('t1')],
      ['t2', rightContent('t2')],
      ['t4', 't4 is wrong\n'],
    ]),
    requests: [
      { at: 1_000, task: 't1', weather: 'limit' },
      ...turns.flatMap(([name, at]) => [
        { at, task: name },
        { at: at + 20, task: name },
      ]),
      { at: 310, task: 't3' },
      { at: 410, task: 't3' },
      { at: 710, task: 't5' },
      { at: 9_110, task: 't2' },
      { at: 900, task: 't9', weather: 'model-refused' },
    ],
    answers: [
      ...turns.flatMap(([name, at]) => [
        { at: at + 10, task: name, endsTurn: false, isDone: false },
        { at: at + 30, task: name, endsTurn: true, isDone: ['t1', 't2'].includes(name) && at > 1_000 },
      ]),
      { at: 320, task: 't3', endsTurn: true, isDone: false },
      { at: 420, task: 't3', endsTurn: true, isDone: false },
      { at: 9_120, task: 't2', endsTurn: false, isDone: false }, // to the agent that was killed
    ],
    tokensPerAnswer: TOKENS,
    limits: [{ from: 1_000, to: 1_500 }],
    pauses: [{ from: 1_010, to: 9_000 }],
    attempts,
    journal: [
      { task: 't1', tokens: 2 * TOKENS },
      { task: 't2', tokens: 2 * TOKENS },
      { task: 't2', tokens: 2 * TOKENS },
      { task: 't3', tokens: TOKENS },
      { task: 't3', tokens: TOKENS },
      { task: 't4', tokens: 4 * TOKENS },
      { task: 't5', tokens: 0 },
    ],
    terminals: [
      { by: { kind: 'killed' } },
      { by: { kind: 'code', code: 3 } },
      { by: { kind: 'code', code: 1 } },
    ],
    left: [],
    missing: [],
  };
}

const brokenRules = (night: Night): RuleName[] =>
  judgeNight(night)
    .filter(({ faults }) => faults.length > 0)
    .map(({ rule }) => rule);

test('a night in which every rule was kept is passed, with figures for each', () => {
  const verdicts = judgeNight(goodNight());
  assert.deepEqual(
    verdicts.flatMap(({ faults }) => faults),
    [],
  );
  assert.deepEqual(
    verdicts.map(({ rule }) => rule),
    Object.keys(RULES),
  );
  const figures = Object.fromEntries(verdicts.map((verdict) => [verdict.rule, verdict.figures]));
  assert.match(figures['completed'] ?? '', /^2 of 2 completed, 2 right/);
  assert.match(figures['paused'] ?? '', /^1 limits, 1 pauses of 8 s, 2 requests of probes/);
  assert.match(figures['tokens'] ?? '', /difference 100$/);
  assert.match(figures['terminals'] ?? '', /^3 ended: 1 killed, codes 3, 1$/);
});

const with_ = <K, V>(map: ReadonlyMap<K, V>, key: K, value: V) => new Map(map).set(key, value);
const without = <K, V>(map: ReadonlyMap<K, V>, key: K) => new Map([...map].filter(([name]) => name !== key));

const BAD: Readonly<
  Record<string, readonly [RuleName | readonly RuleName[], (night: Night) => Partial<Night>]>
> = {
  'a task that can be done is left open': [
    'completed',
    ({ results }) => ({ results: without(results, 't1') }),
  ],
  'a task that can be done is failed': [
    'completed',
    ({ results }) => ({
      results: with_(results, 't1', { state: 'failed', outcome: 'failed: stream disconnected' }),
    }),
  ],
  'a task is completed that nobody verified': [
    'completed',
    ({ results }) => ({ results: with_(results, 't1', { state: 'completed', outcome: 'completed' }) }),
  ],
  'the log says completed, and the disk does not': [
    'completed',
    ({ effects }) => ({ effects: with_(effects, 't1', 'wrong\n') }),
  ],
  'the log says completed, and the file is not there': [
    'completed',
    ({ effects }) => ({ effects: without(effects, 't1') }),
  ],
  'a task that changes nothing is completed': [
    'failed',
    ({ results }) => ({ results: with_(results, 't3', { state: 'completed', outcome: 'completed' }) }),
  ],
  'a task that cannot be done is left open': [
    'failed',
    ({ results }) => ({ results: without(results, 't4') }),
  ],
  'a task is failed for the reason of another': [
    'failed',
    ({ results }) => ({
      results: with_(results, 't4', { state: 'failed', outcome: 'failed: its agent changed no file' }),
    }),
  ],
  'a refused task is failed without the words of the refusal': [
    'failed',
    ({ results }) => ({ results: with_(results, 't5', { state: 'failed', outcome: 'failed: exit code 1' }) }),
  ],
  'an agent is started in the pause, and is no probe': [
    'paused',
    ({ attempts }) => ({ attempts: attempts.map((each) => ({ ...each, isProbe: false })) }),
  ],
  'a request in the pause is of no attempt at all': [
    'paused',
    ({ requests }) => ({ requests: [...requests, { at: 1_500, task: 't9' }] }),
  ],
  'nobody pauses for a limit': ['paused', () => ({ pauses: [] })],
  'the pause is for another limit': ['paused', () => ({ pauses: [{ from: 200, to: 250 }] })],
  'there was no limit to pause for': ['paused', () => ({ limits: [] })],
  'an attempt that met the usage limit counts': [
    'unspent',
    ({ attempts }) => ({ attempts: [...attempts, attempt('t1', 995, 'failed', USAGE_LIMIT)] }),
  ],
  'an attempt that met a plain 429 counts': [
    'unspent',
    ({ attempts }) => ({
      attempts: [
        ...attempts,
        attempt('t1', 995, 'failed', 'exceeded retry limit, last status: 429 Too Many Requests'),
      ],
    }),
  ],
  'a task is failed for the limit': [
    ['failed', 'unspent'],
    ({ results }) => ({
      results: with_(results, 't4', { state: 'failed', outcome: `failed: ${USAGE_LIMIT}` }),
    }),
  ],
  'a hopeless task has fewer attempts than it is allowed': ['unspent', () => ({ attemptsAllowed: 3 })],
  'a hopeless task has more attempts than it is allowed': ['unspent', () => ({ attemptsAllowed: 1 })],
  'no request met a limit': [
    'unspent',
    ({ requests }) => ({ requests: requests.filter(({ weather }) => weather !== 'limit') }),
  ],
  'the journal misses an attempt': ['tokens', ({ journal }) => ({ journal: journal.slice(1) })],
  'the journal counts an attempt twice': [
    'tokens',
    ({ journal }) => ({ journal: [...journal, ...journal.slice(0, 1)] }),
  ],
  'the journal gives one task what another spent': [
    'tokens',
    ({ journal }) => ({
      journal: journal.map((line) => (line.task === 't1' ? { ...line, task: 't4' } : line)),
    }),
  ],
  'the journal counts nothing, and the server sent nothing': [
    ['tokens'],
    () => ({ journal: [], answers: [] }),
  ],
  'a task is completed twice': [
    'once',
    ({ attempts }) => ({ attempts: [...attempts, attempt('t1', 9_400, 'succeeded')] }),
  ],
  'a turn ends that no attempt accounts for': [
    ['tokens', 'once'],
    ({ answers }) => ({ answers: [...answers, { at: 8_950, task: 't1', endsTurn: true, isDone: true }] }),
  ],
  'a completed task is asked for again': [
    'once',
    ({ requests }) => ({ requests: [...requests, { at: 9_500, task: 't1' }] }),
  ],
  'a lock is left': ['left', () => ({ left: ['.lock-t1.md'] })],
  'a terminal ends with a bug': ['terminals', () => ({ terminals: [{ by: { kind: 'code', code: 70 } }] })],
  'a terminal stops for a limit': [
    'terminals',
    ({ terminals }) => ({ terminals: [...terminals, { by: { kind: 'code', code: 3 } }] }),
  ],
  'a planned kill never came': ['night', () => ({ missing: ['a kill at 20 results'] })],
};

for (const [what, [rules, change]] of Object.entries(BAD))
  test(`the judge sees it when ${what}`, () => {
    const night = goodNight();
    assert.deepEqual(brokenRules({ ...night, ...change(night) }), [rules].flat());
  });

test('there is a made-up night for each rule', () => {
  const broken = new Set(Object.values(BAD).flatMap(([rules]) => rules));
  assert.deepEqual(
    Object.keys(RULES).filter((rule) => !broken.has(rule as RuleName)),
    [],
  );
});

/** The good night, and an agent for t1 that is started at `from` and told to wait. */
function nightWithStart(from: number): Night {
  const night = goodNight();
  return {
    ...night,
    attempts: [attempt('t1', 980), attempt('t1', from, 'returned', USAGE_LIMIT), ...night.attempts].sort(
      (a, b) => a.from - b.from,
    ),
    requests: [...night.requests, { at: from + 10, task: 't1', weather: 'limit' }],
  };
}

const figuresOf = (night: Night, rule: RuleName) =>
  judgeNight(night).find((verdict) => verdict.rule === rule)?.figures ?? '';

test('requests of agents that were at work when the pause began are no fault, and are counted', () => {
  const night = goodNight();
  const late = { ...night, requests: [...night.requests, { at: 1_030, task: 't1' }] };
  assert.deepEqual(brokenRules(late), []);
  assert.match(
    figuresOf(late, 'paused'),
    /1 of agents that were at work before, 0 of agents that were started/,
  );
});

test('a terminal has two seconds to hear of the pause of another, and no more', () => {
  const inTime = nightWithStart(2_900);
  assert.deepEqual(brokenRules(inTime), []);
  assert.match(figuresOf(inTime, 'paused'), /1 of agents that were started in its first 2 s/);
  assert.deepEqual(brokenRules(nightWithStart(3_100)), ['paused']);
});

test('a task that cannot be done may meet the weather in its last attempt, if an earlier one has shown why', () => {
  const night = goodNight();
  const outcome = 'failed: Selected model is at capacity. Please try a different model.';
  const weathered = { ...night, results: with_(night.results, 't4', { state: 'failed' as const, outcome }) };
  assert.deepEqual(brokenRules(weathered), []);
  assert.match(figuresOf(weathered, 'failed'), /^2 of 3 failed .*; 1 met the weather/);
  const unshown = { ...night, results: with_(night.results, 't5', { state: 'failed' as const, outcome }) };
  const attempts = night.attempts.filter(({ task }) => task !== 't5');
  assert.deepEqual(brokenRules({ ...unshown, attempts }), ['failed']);
});
