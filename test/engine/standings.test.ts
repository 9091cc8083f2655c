import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Task } from '../../src/core/task.ts';
import { Standings } from '../../src/engine/standings.ts';

const [A, B, C] = ['a', 'b', 'c'].map((name): Task => ({ directory: '/', name, label: name })) as [
  Task,
  Task,
  Task,
];

test('a task stands in one place, and leaves the last when it moves', () => {
  const standings = new Standings();
  assert.equal(standings.of(A), undefined);
  for (const kind of ['ready', 'running', 'reaping', 'elsewhere', 'suspect', 'held'] as const) {
    standings.move(A, { kind });
    assert.deepEqual(standings.of(A), { kind });
    assert.deepEqual(standings.in(kind), [A]);
    assert.equal(
      standings.count('ready', 'running', 'reaping', 'elsewhere', 'suspect', 'held', 'delayed'),
      1,
    );
  }
  standings.move(A, { kind: 'held' });
  assert.equal(standings.count('held'), 1);
});

test('the next task is the first that became ready, and one that comes back goes last', () => {
  const standings = new Standings();
  assert.equal(standings.nextReady(), undefined);
  for (const task of [A, B, C]) standings.move(task, { kind: 'ready' });
  assert.equal(standings.nextReady(), A);
  standings.move(A, { kind: 'delayed', until: 5 });
  assert.equal(standings.nextReady(), B);
  standings.move(A, { kind: 'ready' });
  assert.deepEqual(standings.in('ready'), [B, C, A]);
});

test('whoever is asked for the next task again and again names each once, those that came meanwhile last', () => {
  const standings = new Standings();
  const next = () => {
    const task = standings.nextReady();
    if (task) standings.move(task, { kind: 'running' });
    return task;
  };
  for (const task of [A, B]) standings.move(task, { kind: 'ready' });
  assert.equal(next(), A);
  standings.move(C, { kind: 'ready' });
  standings.move(B, { kind: 'elsewhere' });
  assert.equal(next(), C);
  assert.equal(next(), undefined);
  standings.move(B, { kind: 'ready' });
  standings.move(A, { kind: 'ready' });
  assert.equal(standings.nextReady(), B);
  standings.move(B, { kind: 'ready' });
  assert.deepEqual([next(), next(), next()], [A, B, undefined]);
});

test('what is not completed by this run is named, wherever it stands', () => {
  const standings = new Standings();
  standings.move(A, { kind: 'over', how: 'completed' });
  standings.move(B, { kind: 'over', how: 'failed' });
  standings.move(C, { kind: 'elsewhere' });
  assert.deepEqual(standings.notCompleted(), [B, C]);
});

test('tasks of several kinds are listed and counted together', () => {
  const standings = new Standings();
  standings.move(A, { kind: 'running' });
  standings.move(B, { kind: 'reaping' });
  standings.move(C, { kind: 'delayed', until: 9 });
  assert.deepEqual(standings.in('reaping', 'running'), [B, A]);
  assert.equal(standings.count('running', 'delayed'), 2);
  assert.equal(standings.count(), 0);
  assert.deepEqual(standings.of(C), { kind: 'delayed', until: 9 });
});

test('tasks that are over are counted by how', () => {
  const standings = new Standings();
  standings.move(A, { kind: 'over', how: 'completed' });
  standings.move(B, { kind: 'over', how: 'failed' });
  standings.move(C, { kind: 'over', how: 'completed' });
  assert.equal(standings.over('completed'), 2);
  assert.equal(standings.over('failed'), 1);
  assert.equal(standings.over('refused'), 0);
  standings.move(C, { kind: 'ready' });
  assert.equal(standings.over('completed'), 1);
});

test('one of the first few that are ready is chosen by chance, and no task is passed over for good', () => {
  const standings = new Standings();
  const tasks = Array.from({ length: 20 }, (_, i): Task => ({ directory: '/', name: `${i}`, label: `${i}` }));
  for (const task of tasks) standings.move(task, { kind: 'ready' });
  assert.equal(standings.nextReady(4, 0), tasks[0]);
  assert.equal(standings.nextReady(4, 0.5), tasks[2]);
  assert.equal(standings.nextReady(4, 0.999), tasks[3]);
  assert.equal(standings.nextReady(1, 0.999), tasks[0], 'among one there is no choice');
  const seen: (Task | undefined)[] = [];
  let random = 0;
  for (let task = standings.nextReady(8, random); task; task = standings.nextReady(8, random)) {
    seen.push(task);
    standings.move(task, { kind: 'running' });
    random = (random + 0.37) % 1;
  }
  assert.equal(seen.length, 20);
  assert.equal(new Set(seen).size, 20);
  for (const [place, task] of seen.entries()) assert.ok(tasks.indexOf(task as Task) < place + 8);
});

test('a task that becomes ready again while it is among the first is named once', () => {
  const standings = new Standings();
  for (const task of [A, B, C]) standings.move(task, { kind: 'ready' });
  standings.nextReady(2, 0);
  standings.move(A, { kind: 'elsewhere' });
  standings.move(A, { kind: 'ready' });
  const seen = [0, 0, 0, 0].map(() => {
    const task = standings.nextReady(2, 0);
    if (task) standings.move(task, { kind: 'running' });
    return task;
  });
  assert.deepEqual(seen, [B, C, A, undefined]);
});
