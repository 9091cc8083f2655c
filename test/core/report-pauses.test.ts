import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PauseNote } from '../../src/core/journal-entry.ts';
import type { HandPause } from '../../src/core/pause.ts';
import { pausesOf } from '../../src/core/report-pauses.ts';

const NOW = Date.UTC(2026, 0, 31, 7);
const ago = (minutes: number) => NOW - minutes * 60_000;
const id = (n: number) => String(n).repeat(32);
const paused = (n: number, at: number, more: Partial<PauseNote & { kind: 'paused' }> = {}): PauseNote => ({
  kind: 'paused',
  at,
  id: id(n),
  class: 'limited',
  reason: 'limit',
  until: at + 60_000,
  ...more,
});
const resumed = (n: number, at: number): PauseNote => ({ kind: 'resumed', at, id: id(n) });

const spans = (notes: readonly PauseNote[], inForce?: HandPause, begins: readonly number[] = []) =>
  pausesOf('/tasks', notes, inForce, { begins, now: NOW }).map(({ from, to }) => [from, to]);

test('a pause lasts until it was lifted, though that is long after its time, or another took its place', () => {
  assert.deepEqual(spans([paused(1, ago(60)), resumed(1, ago(30))], undefined, [ago(50), ago(20)]), [
    [ago(60), ago(30)],
  ]);
  assert.deepEqual(spans([paused(2, ago(40)), paused(1, ago(60)), resumed(2, ago(10))]), [
    [ago(60), ago(40)],
    [ago(40), ago(10)],
  ]);
});

test('a pause by hand with a time is over then, and one that nobody was seen to lift when somebody began again', () => {
  const byHand = { class: 'by-hand', until: ago(45) } as const;
  assert.deepEqual(spans([paused(1, ago(60), byHand)], undefined, [ago(20)]), [[ago(60), ago(45)]]);
  assert.deepEqual(spans([paused(1, ago(60))], undefined, [ago(90), ago(20)]), [[ago(60), ago(20)]]);
});

test('the pause that is in force has no end, and stands there once', () => {
  const inForce = {
    class: 'by-hand',
    id: id(3),
    since: ago(5),
    reason: '',
    by: '',
    pid: 1,
    host: '',
  } as const;
  assert.deepEqual(spans([paused(1, ago(60)), paused(3, ago(5))], inForce), [
    [ago(60), ago(5)],
    [ago(5), undefined],
  ]);
});

test('notes with impossible times end no earlier than they begin, and no later than now', () => {
  const far = Date.UTC(2199, 0);
  assert.deepEqual(spans([paused(1, far), resumed(1, 0)]), [[NOW, NOW]]);
  assert.deepEqual(spans([paused(1, ago(60)), resumed(1, far)]), [[ago(60), NOW]]);
});
