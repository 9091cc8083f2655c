import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newClaimId } from '../../src/core/claim.ts';
import {
  byNaturalOrder,
  markerOf,
  Marks,
  MAX_NAME_BYTES,
  parseMarker,
  reservedPrefix,
  stateOf,
  type Task,
  type TaskState,
} from '../../src/core/task.ts';

const CLAIM = '0123456789abcdef0123456789abcdef';

const HOSTILE_NAMES = [
  'fix.md',
  'no-extension',
  '.hidden',
  'dots.in.the.name.md',
  'ends.with.a.dot.',
  'spaces in it .md ',
  ' ',
  '-rf',
  '--help',
  'a\nb.md',
  'tab\there',
  'quote"and\'and`and$(x)',
  'back\\slash.md',
  '*?[x]{y}.md',
  'ünïcödé.md',
  'u\u0308.md',
  '任务.md',
  '🙂.md',
  'x.txt',
  '.lock-x',
  'in-progress-x',
  'needs-approval-x',
  'done_exec_log-x.txt',
  'failed_exec_log-x',
  `.exec_log-x.${CLAIM}`,
  `x.${CLAIM}`,
  CLAIM,
  '1',
  '.txt',
  'constructor',
  '__proto__',
  'x'.repeat(MAX_NAME_BYTES),
  '任'.repeat(70) + 'ab',
];

test('every marker of every name is read back as the marker it is', () => {
  for (const task of HOSTILE_NAMES) {
    for (const kind of ['lock', 'mirror', 'question', 'completed', 'failed'] as const)
      assert.deepEqual(
        parseMarker(markerOf[kind](task)),
        { kind, task },
        `${kind} of ${JSON.stringify(task)}`,
      );
    assert.deepEqual(parseMarker(markerOf.runningLog(task, CLAIM)), {
      kind: 'running-log',
      task,
      claim: CLAIM,
    });
  }
});

test('a break right is read back with its claim and its place in the chain', () => {
  for (const n of [1, 2, 10, 999]) {
    const claim = newClaimId();
    assert.deepEqual(parseMarker(markerOf.right(claim, n)), { kind: 'right', claim, n });
  }
  const pseudo = `x${CLAIM.slice(1)}`;
  assert.deepEqual(parseMarker(markerOf.right(pseudo, 1)), { kind: 'right', claim: pseudo, n: 1 });
});

test('a name that only resembles a marker is none', () => {
  const names = [
    'fix.md',
    '',
    'lock-x',
    '.lock',
    '.lock-',
    'in-progress-',
    'needs-approval-',
    'needs-approval',
    'Needs-approval-x',
    'In-Progress-x',
    'done_exec_log-',
    'done_exec_log-x',
    'done_exec_log-.txt',
    'failed_exec_log-x.TXT',
    'failed_exec_log-.txt',
    '.exec_log-x',
    `.exec_log-.${CLAIM}`,
    `.exec_log-x.${CLAIM.slice(1)}`,
    `.exec_log-x.${CLAIM.toUpperCase()}`,
    `.exec_log-x.${CLAIM}0`,
    `.break-${CLAIM}`,
    `.break-${CLAIM}.0`,
    `.break-${CLAIM}.01`,
    `.break-${CLAIM}.-1`,
    `.break-${CLAIM}.1.2`,
    '.break-x.1',
    '.codex-worker',
  ];
  for (const name of names) assert.equal(parseMarker(name), undefined, JSON.stringify(name));
});

test('every marker of the longest name fits into a directory entry, and one byte more would not', () => {
  const longest = (bytes: number) => {
    const task = 'x'.repeat(bytes);
    const markers = [
      markerOf.lock(task),
      markerOf.mirror(task),
      markerOf.question(task),
      markerOf.completed(task),
      markerOf.failed(task),
      markerOf.runningLog(task, CLAIM),
    ];
    return Math.max(...markers.map((name) => Buffer.byteLength(name)));
  };
  assert.equal(longest(MAX_NAME_BYTES), 255);
  assert.equal(longest(MAX_NAME_BYTES + 1), 256);
});

test('whatever is a marker has a reserved prefix, so that no task can have its name', () => {
  for (const task of HOSTILE_NAMES) {
    for (const kind of ['lock', 'mirror', 'question', 'completed', 'failed'] as const)
      assert.ok(reservedPrefix(markerOf[kind](task)), markerOf[kind](task));
    assert.equal(reservedPrefix(markerOf.runningLog(task, CLAIM)), '.exec_log-');
  }
  assert.equal(reservedPrefix(markerOf.right(CLAIM, 1)), '.break-');
  assert.equal(reservedPrefix('.codex-worker'), '.codex-worker');
  for (const name of ['fix.md', 'done.md', 'progress-in-.md', 'in-progress', '.lockfile', '__proto__'])
    assert.equal(reservedPrefix(name), undefined, name);
});

test('the state of a task follows from one listing, and the first marker of completed, lock, failed decides', () => {
  const task = 'fix.md';
  const { lock, mirror, question, completed, failed } = markerOf;
  const table: [readonly string[], TaskState][] = [
    [[], 'pending'],
    [[mirror(task)], 'pending'],
    [[question(task)], 'pending'],
    [[markerOf.runningLog(task, CLAIM)], 'pending'],
    [[markerOf.right(CLAIM, 1)], 'pending'],
    [[failed(task)], 'failed'],
    [[failed(task), mirror(task)], 'failed'],
    [[lock(task)], 'in-progress'],
    [[lock(task), mirror(task)], 'in-progress'],
    [[lock(task), question(task)], 'in-progress'],
    [[lock(task), failed(task)], 'in-progress'],
    [[completed(task)], 'completed'],
    [[completed(task), failed(task)], 'completed'],
    [[completed(task), lock(task)], 'completed'],
    [[completed(task), lock(task), failed(task), mirror(task)], 'completed'],
    [[completed('other.md'), lock('fix.md2'), failed('Fix.md')], 'pending'],
  ];
  for (const [names, state] of table)
    assert.equal(stateOf(task, Marks.of([task, ...names])), state, names.join(' + '));
});

const labelled = (label: string): Task => ({ directory: '/', name: label, label });
const inOrder = (...labels: string[]) =>
  labels
    .map(labelled)
    .sort(byNaturalOrder)
    .map(({ label }) => label);

test('tasks are ordered as people count', () => {
  assert.deepEqual(inOrder('bug-10.md', 'bug-2.md', 'bug-1.md', 'bug-02.md'), [
    'bug-1.md',
    'bug-02.md',
    'bug-2.md',
    'bug-10.md',
  ]);
  assert.deepEqual(inOrder('b/1', 'a/10', 'a/9'), ['a/9', 'a/10', 'b/1']);
});

test('the order is total: names that count the same still have one order, whatever order they came in', () => {
  const labels = ['1', '01', '001', 'é', 'e\u0301', 'a', 'A', 'a '];
  const once = inOrder(...labels);
  assert.deepEqual(inOrder(...labels.toReversed()), once);
  for (const a of labels)
    for (const b of labels) {
      const there = byNaturalOrder(labelled(a), labelled(b));
      assert.equal(Math.sign(there), -Math.sign(byNaturalOrder(labelled(b), labelled(a))) || 0);
      assert.equal(there === 0, a === b, `${a} and ${b}`);
    }
});
