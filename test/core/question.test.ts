import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { asAnswer, asQuestion } from '../../src/core/question-fields.ts';
import { DECISIONS, digestOf, idOf, type Asked, type Question } from '../../src/core/question.ts';
import { answerTo, question } from '../rig/question.ts';

const text = fc.string({ unit: 'binary' });
const maybe = (key: string, value: fc.Arbitrary<string>) =>
  fc.option(value, { nil: undefined }).map((one) => (one === undefined ? {} : { [key]: one }));
const asked: fc.Arbitrary<Asked> = fc.oneof(
  text.map((command) => ({ kind: 'command' as const, command })),
  fc
    .record({
      changes: fc.array(
        fc
          .record({
            path: text,
            change: fc.constantFrom('add' as const, 'delete' as const, 'update' as const),
            diff: text,
            more: maybe('movedTo', text),
          })
          .map(({ more, ...rest }) => ({ ...rest, ...more })),
      ),
      more: maybe('grantRoot', text),
    })
    .map(({ changes, more }) => ({ kind: 'file-changes' as const, changes, ...more })),
);
const questions: fc.Arbitrary<Question> = fc
  .record({
    asked,
    reason: maybe('reason', text),
    n: fc.integer({ min: 1, max: 999_999 }),
    offers: fc.subarray([...DECISIONS], { minLength: 1 }),
  })
  .map(({ asked, reason, n, offers }) => {
    const { reason: _, ...rest } = question({ asked, n, offers });
    return { ...rest, ...reason };
  });

/** The same fields the other way round, at every depth. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, one]) => [key, reversed(one)]),
  );
}

test('a question keeps its digest through a file, whatever is in it and in whatever order', () => {
  fc.assert(
    fc.property(questions, (asking) => {
      const read = asQuestion(reversed(JSON.parse(JSON.stringify({ v: 1, ...asking }))));
      assert.ok(read);
      assert.deepEqual(read, asking);
      assert.equal(digestOf(read), digestOf(asking));
    }),
  );
});

test('another word, path, place, time or offer is another digest', () => {
  const first = question();
  const change = { path: 'a', change: 'add', diff: 'x' } as const;
  const others: readonly Partial<Question>[] = [
    { asked: { kind: 'command', command: 'rm -rf build ' } },
    { asked: { kind: 'file-changes', changes: [] } },
    { asked: { kind: 'file-changes', changes: [change] } },
    { asked: { kind: 'file-changes', changes: [{ ...change, change: 'delete' }] } },
    { asked: { kind: 'file-changes', changes: [{ ...change, diff: 'y' }] } },
    { asked: { kind: 'file-changes', changes: [{ ...change, movedTo: 'b' }] } },
    { asked: { kind: 'file-changes', changes: [change], grantRoot: '/' } },
    { workingDirectory: '/' },
    { reason: 'another' },
    { at: first.at + 1 },
    { offers: ['deny', 'approve'] },
    { attempt: 2 },
    { n: 2 },
    { task: 'other.md' },
    { claim: 'f'.repeat(32) },
  ];
  const digests = [first, ...others.map((other) => ({ ...first, ...other }))].map(digestOf);
  assert.equal(new Set(digests).size, digests.length);
  assert.equal(digestOf({ ...first }), digestOf(first));
  assert.match(idOf(first), /^[0-9a-f]{6}$/);
});

test('what is no question is none, and of one that has more only its own fields are taken', () => {
  const sound = question();
  const file = question({
    asked: { kind: 'file-changes', changes: [{ path: 'a', change: 'add', diff: '' }] },
  });
  assert.deepEqual(asQuestion({ v: 2, ...sound, more: 1, toString: 'x' }), sound);
  assert.deepEqual(asQuestion(file), file);
  const wrong: readonly unknown[] = [
    undefined,
    null,
    'question',
    [],
    [sound],
    ...Object.keys(sound)
      .filter((key) => key !== 'reason')
      .map((key) => Object.fromEntries(Object.entries(sound).filter(([name]) => name !== key))),
    ...[
      { claim: 'F'.repeat(32) },
      { claim: `x${'0'.repeat(31)}` },
      { claim: '../../../../etc/passwd' },
      { n: 0 },
      { n: 1.5 },
      { n: 1_000_000 },
      { n: '1' },
      { task: '' },
      { task: 'a/b' },
      { task: 'a\0b' },
      { task: 'x'.repeat(213) },
      { attempt: -1 },
      { attempt: 1e9 },
      { asked: { kind: 'other' } },
      { asked: { kind: 'command' } },
      { asked: { kind: 'file-changes', changes: [{ path: 'a' }] } },
      { asked: { kind: 'file-changes', changes: [{ path: 'a', change: 'move', diff: '' }] } },
      { asked: { kind: 'file-changes', changes: [], grantRoot: 1 } },
      { workingDirectory: 'relative' },
      { reason: 1 },
      { at: -1 },
      { at: 8.64e15 + 1 },
      { at: Number.NaN },
      { offers: [] },
      { offers: ['approve', 'approve'] },
      { offers: ['approve', 'format-the-disk'] },
      { offers: 'approve' },
    ].map((other) => ({ ...sound, ...other })),
  ];
  for (const value of wrong) assert.equal(asQuestion(value), undefined, JSON.stringify(value));
});

test('what is no answer is none; that nobody answered is never a yes', () => {
  const sound = answerTo(question());
  const { terminal: _, ...script } = sound.by;
  assert.deepEqual(asAnswer({ ...sound, more: 1 }), sound);
  assert.deepEqual(asAnswer({ ...sound, by: script })?.by, script);
  for (const how of ['timeout', 'withdrawn'] as const)
    for (const decision of DECISIONS) {
      const isSound = decision === 'deny' || decision === 'stop';
      assert.equal(asAnswer({ ...sound, how, decision }) !== undefined, isSound, `${how}: ${decision}`);
    }
  const wrong: readonly unknown[] = [
    undefined,
    null,
    [],
    ...Object.keys(sound).map((key) =>
      Object.fromEntries(Object.entries(sound).filter(([name]) => name !== key)),
    ),
    ...[
      { digest: 'a'.repeat(63) },
      { digest: 'A'.repeat(64) },
      { decision: 'yes' },
      { how: 'guess' },
      { by: { user: 'ada', host: 'here' } },
      { by: { user: 'ada', host: 'here', pid: 1, terminal: 3 } },
      { at: 'now' },
    ].map((other) => ({ ...sound, ...other })),
  ];
  for (const value of wrong) assert.equal(asAnswer(value), undefined, JSON.stringify(value));
});
