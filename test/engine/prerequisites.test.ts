import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Task } from '../../src/core/task.ts';
import { circlesIn, Prerequisites, type After } from '../../src/engine/prerequisites.ts';
import { READY, Standings } from '../../src/engine/standings.ts';

const named = (name: string): Task => ({ directory: '/', name, label: name });
const TASKS = Array.from('abcdefghij', named);
const [A, B, C, D] = TASKS as [Task, Task, Task, Task];
const after = (...waits: readonly (readonly [Task, ...(readonly Task[])[]])[]): After =>
  new Map(waits.map(([task, ...sets]) => [task, sets.map((set) => new Set(set))]));
const DONE = { kind: 'over', how: 'completed' } as const;
const FAILED = { kind: 'over', how: 'failed' } as const;
const names = (tasks: readonly Task[]) => tasks.map(({ name }) => name).join('');

function standingsOf(
  waits: After,
  priorities: ReadonlyMap<Task, number> = new Map(),
  tasks = TASKS,
): Standings {
  const standings = new Standings({ after: waits, priorities });
  for (const task of tasks) standings.move(task, READY);
  return standings;
}

test('a task waits until each task that it comes after is completed', () => {
  const standings = standingsOf(after([C, [A], [B]]), undefined, [A, B, C]);
  assert.deepEqual(standings.of(C), { kind: 'waiting' });
  standings.move(A, DONE);
  assert.equal(names(standings.in('ready')), 'b');
  standings.move(B, { kind: 'over', how: 'completed-elsewhere' });
  assert.equal(names(standings.in('ready')), 'c');
});

test('a task that is released takes its place in the order of all, and one that comes back goes last', () => {
  const standings = standingsOf(after([B, [A]]), undefined, [A, B, C, D]);
  standings.move(A, { kind: 'running' });
  assert.equal(names(standings.in('ready')), 'cd');
  standings.move(A, DONE);
  assert.equal(names(standings.in('ready')), 'bcd');
  standings.move(B, { kind: 'running' });
  standings.move(B, READY);
  assert.equal(names(standings.in('ready')), 'cdb');
});

test('the most urgent of the tasks that are ready is taken first, also by terminals that share them out by chance', () => {
  const standings = standingsOf(
    after([D, [A]]),
    new Map([
      [D, 5],
      [C, 5],
      [A, -1],
    ]),
    [A, B, C, D],
  );
  assert.equal(names(standings.in('ready')), 'cba');
  for (const random of [0, 0.5, 0.99]) assert.equal(standings.nextReady(64, random), C);
  standings.move(A, DONE);
  assert.equal(names(standings.in('ready')), 'cdb');
});

test('a glob that matches the task itself means all the others', () => {
  const standings = standingsOf(after([C, [A, B, C]]), undefined, [A, B, C]);
  standings.move(A, DONE);
  assert.deepEqual(standings.of(C), { kind: 'waiting' });
  standings.move(B, DONE);
  assert.deepEqual(standings.of(C), READY);
});

test('tasks that are completed when a run begins are waited for by none', () => {
  const standings = new Standings({ after: after([B, [A]]), priorities: new Map() });
  standings.begin((task) => task === A);
  standings.move(B, READY);
  assert.deepEqual(standings.of(B), READY);
});

test('tasks behind one that failed wait in vain, and are told by it, each once', () => {
  const standings = standingsOf(after([B, [A]], [C, [B]], [D, [A], [B]]), undefined, [A, B, C, D]);
  assert.equal(standings.waitingInVain().size, 0);
  standings.move(A, FAILED);
  assert.deepEqual(
    [...standings.waitingInVain()].map(([on, tasks]) => [on.name, names(tasks)]),
    [['a', 'bdc']],
  );
  standings.move(A, READY);
  assert.equal(standings.waitingInVain().size, 0);
});

test('there is hope in others while one of them has what a task waits for, and only that is missing', () => {
  const standings = standingsOf(after([C, [A], [B]]), undefined, [A, B, C]);
  assert.equal(standings.hopesForOthers(), false);
  standings.move(A, { kind: 'elsewhere' });
  assert.equal(standings.hopesForOthers(), false, 'b is ours to do');
  standings.move(B, DONE);
  assert.equal(standings.hopesForOthers(), true);
  standings.move(A, { kind: 'elsewhere', isSilent: true });
  assert.equal(standings.hopesForOthers(), false);
  assert.equal(standings.waitingInVain().size, 1);
});

test('circles are named, each once, and what only leads into one is not', () => {
  const circles = (waits: After) => circlesIn(waits).map(names);
  assert.deepEqual(circles(after([B, [A]], [C, [B]])), []);
  assert.deepEqual(circles(after([A, [B]], [B, [A]], [C, [A]])), ['ab']);
  assert.deepEqual(circles(after([A, [B]], [B, [C]], [C, [A]], [D, [D, C]])), ['abc']);
  const all = new Set([A, B, C]);
  assert.deepEqual(
    circles(
      new Map([
        [A, [all]],
        [B, [all]],
      ]),
    ),
    ['ab'],
  ); // two globs that each match the other
});

/** Each task waits for some of those before it, by name or by a glob that several share. */
const graphs = fc
  .array(fc.array(fc.nat(9), { maxLength: 3 }), { minLength: 10, maxLength: 10 })
  .map((choices): After => {
    const shared = new Map<number, ReadonlySet<Task>>();
    const before = (end: number) => {
      const set = shared.get(end) ?? new Set(TASKS.slice(0, end));
      shared.set(end, set);
      return set;
    };
    return new Map(
      choices.map((picks, i) => [
        TASKS[i] as Task,
        picks
          .filter((pick) => pick < i)
          .map((pick, n) => (n === 0 ? before(pick + 1) : new Set([TASKS[pick] as Task]))),
      ]),
    );
  });

test('whatever the graph and whatever fails, each task is completed after all that it waits for, or waits behind a failure', () => {
  fc.assert(
    fc.property(graphs, fc.array(fc.boolean(), { minLength: 10, maxLength: 10 }), (waits, fails) => {
      assert.deepEqual(circlesIn(waits), []);
      const standings = standingsOf(waits);
      const done = new Set<Task>();
      for (let task = standings.nextReady(); task; task = standings.nextReady()) {
        for (const set of waits.get(task) ?? [])
          for (const other of set) assert.ok(done.has(other), `${task.name} before ${other.name}`);
        const isBad = fails[TASKS.indexOf(task)] === true;
        if (!isBad) done.add(task);
        standings.move(task, isBad ? FAILED : DONE);
      }
      const told = new Set([...standings.waitingInVain().values()].flat());
      assert.deepEqual(told, new Set(standings.in('waiting')));
      for (const task of TASKS) {
        const mayBegin = [...(waits.get(task) ?? [])]
          .flatMap((set) => [...set])
          .every((other) => done.has(other));
        assert.equal(standings.of(task)?.kind === 'over', mayBegin, task.name);
      }
    }),
  );
});

test('a graph with an edge back is never called sound, and one without always', () => {
  fc.assert(
    fc.property(graphs, fc.nat(9), fc.nat(9), (waits, from, to) => {
      const [task, other] = [TASKS[from] as Task, TASKS[to] as Task];
      const more: After = new Map([...waits, [task, [...(waits.get(task) ?? []), new Set([other])]]]);
      const reaches = (at: Task, seen = new Set<Task>()): boolean => {
        if (at === task) return true;
        if (seen.has(at)) return false;
        seen.add(at);
        return [...(waits.get(at) ?? [])].some((set) =>
          [...set].some((next) => next !== at && reaches(next, seen)),
        );
      };
      assert.equal(circlesIn(more).length > 0, task !== other && reaches(other));
    }),
  );
});

test('ten thousand tasks that wait for ten thousand others are released in no time', () => {
  const many = (prefix: string) => Array.from({ length: 10_000 }, (_, i) => named(`${prefix}${i}`));
  const [first, second] = [many('a'), many('b')];
  const all = new Set(first);
  const began = performance.now();
  const waits: After = new Map(second.map((task) => [task, [all]]));
  assert.deepEqual(circlesIn(waits), []);
  const standings = standingsOf(waits, undefined, [...first, ...second]);
  let taken = 0;
  for (let task = standings.nextReady(); task; task = standings.nextReady(), taken++) {
    assert.equal(standings.hopesForOthers(), false);
    standings.move(task, DONE);
  }
  assert.equal(taken, 20_000);
  assert.ok(performance.now() - began < 10_000, `${performance.now() - began} ms`);
  assert.ok(new Prerequisites(waits).isHeldBack(second[0] as Task));
});
