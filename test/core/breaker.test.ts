import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Breaker, signatureOf } from '../../src/core/breaker.ts';
import type { FailureClass } from '../../src/core/failure-class.ts';
import type { Failure } from '../../src/core/failure.ts';

const said = (message: string, of: FailureClass = 'unknown'): Failure => ({
  kind: 'turn-failed',
  message,
  class: of,
});
const TIMED_OUT: Failure = { kind: 'timed-out', afterMs: 1000, doing: { kind: 'unknown' } };

/** What becomes of tasks 1, 2, 3 … that end so: `ends` is the task that ended dispatch. */
function told(endings: readonly (Failure | 'succeeded')[], max?: ConstructorParameters<typeof Breaker>[0]) {
  const breaker = new Breaker<number>(max, 40);
  const caught: number[] = [];
  let ends: number | undefined;
  let message = '';
  for (const [n, ending] of endings.entries()) {
    if (ending === 'succeeded') {
      breaker.succeeded();
      continue;
    }
    const trip = breaker.failed(n + 1, ending);
    caught.push(...trip.caught);
    if (!trip.end) continue;
    assert.equal(ends, undefined, 'it is said once');
    [ends, message] = [n + 1, trip.end.message];
  }
  return { ends, caught, message };
}

const A = said('exploded');
const B = said('imploded');

test('three tasks in a row that fail alike end dispatch, and none of them is to blame', () => {
  assert.deepEqual(told([A, A, A]), {
    ends: 3,
    caught: [1, 2, 3],
    message: '3 tasks in a row failed alike: exploded',
  });
  assert.deepEqual(told([B, A, A, A]).caught, [2, 3, 4]);
});

test('two do not, nor three with a success or something else between them', () => {
  for (const endings of [
    [A, A],
    [A, A, 'succeeded', A, A],
    [A, A, B, A, A],
    [A, B, A, B, A, B],
  ] as const)
    assert.deepEqual(told(endings), { ends: undefined, caught: [], message: '' });
});

test('what was running then and fails alike is caught as well, and nothing else', () => {
  const { ends, caught } = told([A, A, A, 'succeeded', A, B, TIMED_OUT, A]);
  assert.deepEqual([ends, caught], [3, [1, 2, 3, 5, 8]]);
});

test('a failure that is the task’s own neither counts nor comes between', () => {
  const own: Failure[] = [
    TIMED_OUT,
    { kind: 'idle', afterMs: 1000, doing: { kind: 'unknown' } },
    { kind: 'log-too-large', bytes: 1 },
    { kind: 'owner-died', times: 3 },
    said('Codex ran out of room', 'context-exceeded'),
    { kind: 'exited-nonzero', code: 1, message: 'Input exceeds', class: 'invalid-input' },
  ];
  for (const failure of own) {
    assert.deepEqual(told([failure, failure, failure, failure]).caught, [], failure.kind);
    assert.deepEqual(told([A, failure, A, failure, A]).caught, [1, 3, 5], failure.kind);
  }
});

test('with --max-failures so many end it, of whatever kind, and they stay failed', () => {
  assert.deepEqual(told([A, A, A, A], { count: 5 }).ends, undefined);
  assert.deepEqual(told([A, TIMED_OUT, 'succeeded', B, A], { count: 3 }), {
    ends: 4,
    caught: [],
    message: '3 tasks have failed, as many as --max-failures allows',
  });
  assert.equal(told([A], { count: 1 }).message, '1 task has failed, as many as --max-failures allows');
  assert.equal(told([A, A, A], { percent: 5 }).ends, 2, 'of 40 tasks');
  assert.equal(told([A, A, A], { percent: 6 }).ends, 3, 'and a part of one is one');
  assert.equal(told([A, A, A], { percent: 1 }).ends, 1);
});

test('failures are alike in their kind and in what is said but for its particulars', () => {
  const alike = [
    ['stream disconnected: error at 12:30:01', 'stream disconnected: error at 9:05:59'],
    ['cannot open "a.txt"', 'cannot open "other"'],
    ['no such file: src/io/a.ts', 'no such file: /home/me/b.py'],
    ['no such file: a.ts', 'no such file: other-file.py'],
    ['status 418, request id: req_011CUx8zQ', 'status 418, request id: req_9f8e7d6c5'],
    ['lost 7f3a9c1e-1b2c-4d5e-8f90-0123456789ab', 'lost 00000000-aaaa-bbbb-cccc-deadbeefdead'],
    ['commit deadbeefcafe', 'commit facadebadfee'],
    ['see https://a.example/x?y=1 now', 'see http://b.example/z now'],
    ['The model’s ‘one’ said: no', 'The model’s ‘two’ said: no'],
    ["the server's answer is 'one'", "the server's answer is 'two'"],
    ['Too  many\nlines', 'too many lines'],
  ] as const;
  for (const [one, other] of alike) assert.equal(signatureOf(said(one)), signatureOf(said(other)), one);
  const different: readonly (readonly [Failure, Failure])[] = [
    [A, B],
    [A, said('exploded', 'permanent')],
    [A, { kind: 'exited-nonzero', code: 1, message: 'exploded', class: 'unknown' }],
    [said("it's one thing, it's said"), said("it's other work, it's said")],
    [
      { kind: 'exited-nonzero', code: 1, message: '', class: 'unknown' },
      { kind: 'exited-nonzero', code: 2, message: '', class: 'unknown' },
    ],
    [
      { kind: 'signalled', signal: 'SIGKILL' },
      { kind: 'signalled', signal: 'SIGSEGV' },
    ],
    [{ kind: 'no-terminal-event' }, { kind: 'unexpected', message: 'x' }],
  ];
  for (const [one, other] of different)
    assert.notEqual(signatureOf(one), signatureOf(other), JSON.stringify([one, other]));
});

test('a message that was made to take long is read in no time', () => {
  const started = performance.now();
  for (const part of ['"', "'", '/', 'a-', 'a.', '1a', 'a:', '.~@/']) signatureOf(said(part.repeat(100_000)));
  assert.ok(performance.now() - started < 1_000);
});

/** What is caught by an outage, and what ends dispatch. */
function waited(endings: readonly (Failure | 'succeeded')[], max?: ConstructorParameters<typeof Breaker>[0]) {
  const breaker = new Breaker<number>(max, 40);
  const trips = endings.map((ending, n) =>
    ending === 'succeeded' ? breaker.succeeded() : breaker.failed(n + 1, ending),
  );
  return {
    outages: trips.flatMap((trip, n) => (trip?.outage === undefined ? [] : [n + 1])),
    caught: trips.flatMap((trip) => trip?.caught ?? []),
    ends: trips.flatMap((trip, n) => (trip?.end === undefined ? [] : [n + 1])),
  };
}

const DOWN = said('high demand', 'transient');
const CUT = said('stream disconnected', 'transient');

test('a server that fails three tasks in a row is waited for, whatever it says, and none of them is to blame', () => {
  assert.deepEqual(waited([DOWN, CUT, DOWN]), { outages: [3], caught: [1, 2, 3], ends: [] });
  assert.deepEqual(waited([DOWN, CUT, 'succeeded', DOWN, CUT]), { outages: [], caught: [], ends: [] });
  assert.deepEqual(waited([DOWN, CUT, A, DOWN, CUT]), { outages: [], caught: [], ends: [] });
});

test('until it answers each task that it fails is caught; after that three are needed again', () => {
  assert.deepEqual(waited([DOWN, DOWN, DOWN, CUT, 'succeeded', CUT, CUT]), {
    outages: [3, 4],
    caught: [1, 2, 3, 4],
    ends: [],
  });
});

test('what an outage has caught does not count as failed', () => {
  const max = { count: 4 } as const;
  assert.deepEqual(waited([DOWN, DOWN, DOWN, DOWN, A, B, A], max).ends, []);
  assert.deepEqual(waited([DOWN, DOWN, DOWN, DOWN, A, B, A, B], max).ends, [8]);
});
