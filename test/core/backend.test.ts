import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseBackend } from '../../src/core/backend.ts';

const NEW = 'codex-cli 0.169.0';
const options = { backend: 'auto', approval: 'on-request', approvals: 'auto' } as const;

test('who may be asked, and can be, is asked through app-server', () => {
  const how = { backend: 'app-server', policy: 'on-request' };
  assert.deepEqual(chooseBackend(options, { version: NEW, canAnswer: true }), how);
  const queue = { ...options, approvals: 'queue' } as const;
  assert.deepEqual(chooseBackend(queue, { version: NEW, canAnswer: false }), how);
  assert.deepEqual(chooseBackend({ ...options, approval: 'untrusted' }, { version: NEW, canAnswer: true }), {
    backend: 'app-server',
    policy: 'untrusted',
  });
});

test('where nobody is to be asked, or can be, it is exec, and the run says what that means', () => {
  const exec = { backend: 'exec', policy: 'never' };
  const never = { ...options, approval: 'never' } as const;
  assert.deepEqual(chooseBackend(never, { version: NEW, canAnswer: true }), exec);
  for (const [asked, version, canAnswer, why] of [
    [options, NEW, false, /without a terminal \(--approvals queue/],
    [{ ...options, backend: 'exec' }, NEW, true, /--backend exec cannot ask/],
    [options, 'codex-cli 0.79.9', true, /Codex 0\.79\.9 has no app-server that asks; it takes 0\.80/],
    [options, '/opt/agent', true, /\/opt\/agent is no Codex that is known to have an app-server/],
    [{ ...options, backend: 'app-server' }, '/opt/agent', true, /is no Codex/],
  ] as const) {
    const { note, ...how } = chooseBackend(asked, { version, canAnswer });
    assert.deepEqual(how, exec);
    assert.match(note ?? '', why);
    assert.match(note ?? '', /^approval on-request: .*declined$/);
  }
});

test('an app-server that has nobody to ask never asks', () => {
  const asked = { ...options, backend: 'app-server' } as const;
  const { note, ...how } = chooseBackend(asked, { version: NEW, canAnswer: false });
  assert.deepEqual(how, { backend: 'app-server', policy: 'never' });
  assert.match(note ?? '', /--approvals queue/);
  assert.deepEqual(chooseBackend({ ...asked, approval: 'never' }, { version: NEW, canAnswer: true }), {
    backend: 'app-server',
    policy: 'never',
  });
});

test('a policy that this Codex does not keep is put into words that it does', () => {
  const asked = { ...options, approval: 'on-failure' } as const;
  for (const [version, policy] of [
    ['0.80.0', 'on-failure'],
    ['0.120.0', 'on-request'],
    ['0.144.9', 'on-request'],
    ['0.145.0', 'granular'],
    ['0.169.0', 'granular'],
    ['1.0.0', 'granular'],
  ] as const) {
    const told = chooseBackend(asked, { version: `codex-cli ${version}`, canAnswer: true });
    assert.equal(told.policy, policy, version);
    if (policy === 'on-failure') assert.equal(told.note, undefined);
    else assert.match(told.note ?? '', new RegExp(`^approval on-failure: .*is told ${policy}`));
  }
});
