import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errnoOf, isErrno, isStorageError } from '../../src/core/errors.ts';
import {
  describeFailure,
  describeProblem,
  nextAttempt,
  type EnvironmentProblem,
  type Failure,
} from '../../src/core/failure.ts';
import type { NextAttempt } from '../../src/core/failure-class.ts';
import { addUsage, NO_USAGE } from '../../src/core/outcome.ts';
import { backoffMs, FIRST_BACKOFF_MS, LONGEST_BACKOFF_MS, rateLimitMs } from '../../src/core/retry.ts';

const FAILURES: readonly [Failure, NextAttempt, string][] = [
  [{ kind: 'turn-failed', message: 'high demand', class: 'transient' }, 'same-thread', 'high demand'],
  [{ kind: 'turn-failed', message: 'ran out', class: 'context-exceeded' }, 'fresh-thread', 'ran out'],
  [
    { kind: 'exited-nonzero', code: 3, message: '', class: 'unknown' },
    'fresh-thread',
    'Codex exited with code 3',
  ],
  [
    { kind: 'exited-nonzero', code: 3, message: 'no such profile', class: 'invalid-input' },
    'never',
    'no such profile',
  ],
  [
    { kind: 'no-terminal-event' },
    'fresh-thread',
    'Codex exited with code 0 but never said that its turn was completed',
  ],
  [{ kind: 'signalled', signal: 'SIGKILL' }, 'same-thread', 'Codex was killed by SIGKILL'],
  [
    { kind: 'timed-out', afterMs: 90_000, doing: { kind: 'unknown' } },
    'fresh-thread',
    'timed out after 1m 30s',
  ],
  [
    { kind: 'timed-out', afterMs: 90_000, doing: { kind: 'waiting-for-model' } },
    'fresh-thread',
    'timed out after 1m 30s, waiting for the model',
  ],
  [
    { kind: 'idle', afterMs: 900_000, doing: { kind: 'in-command', command: 'sleep 600' } },
    'fresh-thread',
    'idle for 15m 00s, in the command: sleep 600',
  ],
  [
    { kind: 'idle', afterMs: 900_000, doing: { kind: 'in-tool', tool: 'db.query' } },
    'fresh-thread',
    'idle for 15m 00s, in the tool db.query',
  ],
  [
    { kind: 'idle', afterMs: 900_000, doing: { kind: 'waiting-for-model' } },
    'same-thread',
    'idle for 15m 00s, waiting for the model',
  ],
  [
    { kind: 'idle', afterMs: 900_000, doing: { kind: 'waiting-for-network' } },
    'same-thread',
    'idle for 15m 00s, waiting for the network',
  ],
  [
    { kind: 'idle', afterMs: 900_000, doing: { kind: 'connection-closed' } },
    'same-thread',
    'idle for 15m 00s, waiting at a connection that the server has closed',
  ],
  [{ kind: 'idle', afterMs: 900_000, doing: { kind: 'unknown' } }, 'fresh-thread', 'idle for 15m 00s'],
  [{ kind: 'log-too-large', bytes: 1_073_741_824 }, 'never', 'the agent printed more than 1024 MiB'],
  [{ kind: 'owner-died', times: 3 }, 'never', 'the worker died 3 times on this task'],
  [
    { kind: 'verify-failed', command: 'npm test', code: 1, said: '3 tests fail' },
    'same-thread',
    'verify failed with code 1: 3 tests fail (npm test)',
  ],
  [
    { kind: 'verify-failed', command: 'false', code: 1, said: '' },
    'same-thread',
    'verify failed with code 1 (false)',
  ],
  [{ kind: 'changed-nothing' }, 'same-thread', 'its agent changed no file'],
  [
    { kind: 'worker-crashed', message: 'boom' },
    'fresh-thread',
    'a worker thread of codex-worker crashed: boom',
  ],
  [{ kind: 'unexpected', message: 'boom' }, 'never', 'a bug in codex-worker, please report it: boom'],
];

test('each failure says what happened, and is worth another attempt only if that may go better', () => {
  for (const [failure, next, text] of FAILURES) {
    assert.equal(describeFailure(failure), text);
    assert.equal(nextAttempt(failure), next, text);
  }
});

test('what stops a run is said with what to do about it', () => {
  const problems: readonly [EnvironmentProblem, string, RegExp][] = [
    [
      { kind: 'codex-not-started', command: '/x/codex', errno: 'ENOENT' },
      'could not start Codex (/x/codex): ENOENT',
      /npm install -g @openai\/codex.*CODEX_CMD/,
    ],
    [
      { kind: 'not-logged-in', message: '401' },
      'Codex has no valid login: 401',
      /codex login.*CODEX_API_KEY/,
    ],
    [
      { kind: 'model-refused', model: 'o4-mini', message: 'gone' },
      'the model o4-mini was refused: gone',
      /--model inherit/,
    ],
    [{ kind: 'quota', message: 'until nine' }, 'until nine', /nothing is lost/],
    [
      { kind: 'bad-invocation', message: "unexpected argument '-s'" },
      "Codex refused its arguments: unexpected argument '-s'",
      /codex --version/,
    ],
    [
      { kind: 'verify-not-started', command: 'npx tset', why: 'tset: not found' },
      'could not run npx tset to verify a task: tset: not found',
      /\/bin\/sh.*--cd.*127/,
    ],
    [{ kind: 'storage', message: 'ENOSPC' }, 'storage error: ENOSPC', /disk/],
  ];
  for (const [problem, message, hint] of problems) {
    const described = describeProblem(problem);
    assert.equal(described.message, message);
    assert.match(described.hint, hint);
  }
});

test('the wait before a retry doubles from 2 s to 5 min, and is never less than half of it', () => {
  for (let n = 1; n <= 200; n++) {
    const ceiling = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (n - 1));
    assert.equal(backoffMs(n, 0), ceiling / 2);
    assert.equal(backoffMs(n, 0.999_999_999), ceiling);
    assert.equal(backoffMs(n, 0.5), Math.round(ceiling * 0.75));
  }
  assert.equal(backoffMs(1, 0), 1_000);
  assert.equal(backoffMs(0, 0), backoffMs(1, 0));
  assert.equal(backoffMs(10_000, 0), LONGEST_BACKOFF_MS / 2);
});

test('a system error is known by its code, and by nothing that merely looks like one', () => {
  const enoent = Object.assign(new Error('gone'), { code: 'ENOENT' });
  assert.ok(isErrno(enoent, 'EEXIST', 'ENOENT'));
  assert.ok(!isErrno(enoent, 'EEXIST'));
  assert.ok(!isErrno({ code: 'ENOENT' }, 'ENOENT'));
  assert.ok(!isErrno(undefined, 'undefined'));
  assert.ok(!isErrno(new Error('ENOENT'), 'ENOENT'));
  assert.equal(errnoOf(enoent), 'ENOENT');
  assert.equal(errnoOf(new Error('what')), 'what');
  assert.equal(errnoOf('text'), 'text');
  assert.ok(isStorageError(Object.assign(new Error(''), { code: 'ENOSPC' })));
  assert.ok(!isStorageError(enoent));
});

test('tokens are added up', () => {
  const usage = { input: 3, cached: 2, output: 1 };
  assert.deepEqual(addUsage(usage, usage), { input: 6, cached: 4, output: 2 });
  assert.deepEqual(addUsage(usage, NO_USAGE), usage);
});

test('a server that asks for a short wait again and again is asked less and less often', () => {
  assert.deepEqual(
    [
      [1_200, 2_000],
      [1_200, 64_000],
      [30_000, 2_000],
      [3_600_000, 2_000],
      [-5, 2_000],
    ].map(([said = 0, growing = 0]) => rateLimitMs(said, growing)),
    [2_000, 64_000, 30_000, LONGEST_BACKOFF_MS, 2_000],
  );
});
