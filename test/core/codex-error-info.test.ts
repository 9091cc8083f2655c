import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classOf } from '../../src/core/codex-error-info.ts';

test('the type of a failure says its class, where it says one', () => {
  for (const [info, message, expected] of [
    ['usageLimitExceeded', 'You’ve hit your usage limit.', 'limited'],
    ['usageLimitExceeded', 'whatever it will be called', 'limited'],
    ['usageLimitExceeded', 'Quota exceeded. Check your plan and billing details.', 'quota'],
    ['usageLimitExceeded', 'To use Codex with your ChatGPT plan, upgrade to Plus: x', 'quota'],
    ['rateLimitExceeded', '', 'rate-limited'],
    ['contextWindowExceeded', '', 'context-exceeded'],
    ['modelNotFound', '', 'model-refused'],
    ['serverOverloaded', '', 'transient'],
    ['internalServerError', '', 'transient'],
    ['unauthorized', '', 'auth'],
    ['cyberPolicy', '', 'permanent'],
    [{ httpConnectionFailed: { httpStatusCode: 401 } }, '', 'auth'],
    [{ httpConnectionFailed: { httpStatusCode: 502 } }, '', 'transient'],
    [{ responseTooManyFailedAttempts: { httpStatusCode: 429 } }, '', 'rate-limited'],
  ] as const)
    assert.equal(classOf(info, message), expected, JSON.stringify(info));
});

test('where the type says nothing the words have to', () => {
  for (const info of [
    undefined,
    null,
    'other',
    'toString',
    7,
    [],
    {},
    { httpConnectionFailed: { httpStatusCode: null } },
    { httpConnectionFailed: null },
    { somethingElse: { httpStatusCode: 401 } },
  ])
    assert.equal(classOf(info, 'x'), undefined, JSON.stringify(info));
});
