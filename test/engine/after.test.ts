/** Tasks that come after others, on the real coordinator: each run ends, and the order holds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { NO_USAGE, type Outcome } from '../../src/core/outcome.ts';
import { markerOf, type Task } from '../../src/core/task.ts';
import { Coordinator } from '../../src/engine/coordinator.ts';
import { Pauses } from '../../src/engine/pauses.ts';
import { planTasks } from '../../src/engine/task-plan.ts';
import { discover } from '../../src/io/discovery.ts';
import { realFiles, type Files } from '../../src/io/files.ts';
import { started } from '../report/rig.ts';
import { errno, makeClaim, makeMachine, type Machine } from './machine.ts';

const attempt = { attempt: 1, durationMs: 1, usage: NO_USAGE, warnings: [] } as const;
/** What becomes of a task, and what its attempt says then. */
const FATES = {
  completes: { kind: 'succeeded', ...attempt, answer: '', checks: [] },
  fails: {
    kind: 'failed',
    ...attempt,
    failure: { kind: 'timed-out', afterMs: 1, doing: { kind: 'unknown' } },
    willRetry: false,
  },
  'is refused': { kind: 'refused', why: 'is odd' },
  'is given back': { kind: 'returned', ...attempt, reason: { kind: 'log-deleted' } },
  'is completed by others': { kind: 'skipped', reason: 'already-completed' },
  'is failed by others': { kind: 'skipped', reason: 'failed-elsewhere' },
  'was completed before': { kind: 'skipped', reason: 'already-completed' },
} as const satisfies Record<string, Outcome>;
type Fate = keyof typeof FATES;
const GOOD: ReadonlySet<Fate> = new Set(['completes', 'is completed by others', 'was completed before']);

interface Made {
  readonly fate: Fate;
  /** The numbers of tasks before it. */
  readonly after: readonly number[];
  readonly priority: number;
}

const scenes = fc.record({
  concurrency: fc.integer({ min: 1, max: 4 }),
  made: fc
    .array(
      fc.record({
        fate: fc.oneof(
          { weight: 3, arbitrary: fc.constant<Fate>('completes') },
          fc.constantFrom(...(Object.keys(FATES) as Fate[])),
        ),
        after: fc.uniqueArray(fc.nat(8), { maxLength: 3 }),
        priority: fc.integer({ min: -1, max: 1 }),
      }),
      { minLength: 2, maxLength: 9 },
    )
    .map((tasks) => tasks.map((task, i): Made => ({ ...task, after: task.after.filter((n) => n < i) }))),
});

const nameOf = (n: number) => `t${n}.md`;
const numberOf = ({ name }: Pick<Task, 'name'>) => Number(/\d+/.exec(name));

function write(machine: Machine, made: readonly Made[]): void {
  for (const [n, { after, priority, fate }] of made.entries()) {
    const names = after.map(nameOf).join(', ');
    machine.write(nameOf(n), `---\nafter: [${names}]\npriority: ${priority}\n---\nDo it.\n`);
    if (fate === 'was completed before') machine.write(markerOf.completed(nameOf(n)), 'done');
  }
}

/** A whole run. `began` are the numbers of the tasks in the order in which they began, `told` of those that were left waiting. */
async function play(
  machine: Machine,
  made: readonly Made[],
  concurrency: number,
  {
    onMoment,
    files = {},
  }: { onMoment?: (coordinator: Coordinator) => Promise<void>; files?: Partial<Files> } = {},
) {
  write(machine, made);
  const { path } = machine.directory;
  const world = machine.boot(files);
  const event = started(0, { concurrency, workingDirectory: path });
  assert.ok(event.kind === 'run-started');
  const { options } = event;
  const { tasks, listings } = await discover(realFiles, ['.'], ['t*.md'], path);
  const directories = new Map([[path, machine.directory]]);
  const [began, told]: [number[], number[]] = [[], []];
  const coordinator = new Coordinator(world, {
    run: 'ours',
    options,
    codex: { command: 'codex', launcher: 'codex', isCodex: true },
    codexVersion: '',
    how: { backend: 'exec', policy: 'never' },
    by: 'test',
    tasks,
    refused: [],
    strays: [],
    plan: await planTasks(realFiles, { tasks, listings }, options),
    directories,
    pauses: new Pauses(world, { directories, by: 'test', emit: () => {} }),
    emit: (one) => void (one.kind === 'left-waiting' && told.push(...one.tasks.map(numberOf))),
    attempt: async ({ task }) => {
      const { fate, after } = made[numberOf(task)] as Made;
      began.push(numberOf(task));
      for (const n of after)
        assert.ok(machine.has(markerOf.completed(nameOf(n))), `${task.name} began before ${nameOf(n)}`);
      await new Promise((resolve) => setImmediate(resolve));
      if (GOOD.has(fate)) machine.write(markerOf.completed(task.name), 'done');
      else if (fate.includes('fail')) machine.write(markerOf.failed(task.name), 'failed');
      return FATES[fate];
    },
    drainState: () => 'running',
    ceilings: { look: async () => {}, reached: () => undefined, budgetOf: () => undefined, left: {} },
    ledger: {
      look: async () => {},
      all: { attempts: 0, usage: NO_USAGE },
      ours: { usage: NO_USAGE, completedMs: [] },
    },
  });
  const moments = setInterval(() => void onMoment?.(coordinator), 5);
  const { summary, problem } = await coordinator.run().finally(() => clearInterval(moments));
  const inOrder = (a: number, b: number) => a - b;
  return { began, told: told.sort(inOrder), sorted: began.toSorted(inOrder), summary, problem };
}

test('a task waits for a worker that nobody here can judge while it is heard of, and the run ends when it is not', async (t) => {
  const machine = makeMachine(t);
  const abroad = await makeClaim(
    machine.boot({}, { name: 'there', machine: 'machine-9', boot: 'boot-9' }),
    machine,
    {
      task: nameOf(0),
    },
  );
  t.after(() => abroad.close());
  let looks = 0;
  const made: readonly Made[] = [0, 1, 2].map((n) => ({
    fate: 'completes',
    after: n === 1 ? [0] : [],
    priority: 0,
  }));
  const { began, told, summary } = await play(machine, made, 1, {
    onMoment: async (coordinator) => {
      if (++looks < 20) await abroad.lock.renew(`beat ${looks}`);
      machine.now += 5_000;
      coordinator.wake();
    },
  });
  assert.deepEqual([began, told, summary.waiting], [[2], [1], 1]);
  assert.ok(looks > 20, `${looks} looks`);
});

test('a disk that refuses to say what a task says for itself stops the run, and fails no task', async (t) => {
  const machine = makeMachine(t);
  const files: Partial<Files> = {
    open: (path, flags, mode) =>
      path.endsWith(nameOf(0)) ? Promise.reject(errno('EIO')) : realFiles.open(path, flags, mode),
  };
  const made: readonly Made[] = [{ fate: 'completes', after: [], priority: 0 }];
  const { began, summary, problem } = await play(machine, made, 1, { files });
  assert.deepEqual([began, summary.failed, summary.pending, problem?.kind], [[], 0, 1, 'storage']);
});

/** Whether a task may begin when these are completed. */
const isFree = ({ after }: Made, isDone: (n: number) => boolean) => after.every(isDone);

test('each run ends, whatever its tasks wait for and whatever becomes of them, and none begins before those are completed', async () => {
  await fc.assert(
    fc.asyncProperty(scenes, async ({ concurrency, made }) => {
      const cleanups: (() => unknown)[] = [];
      try {
        const machine = makeMachine({ after: (cleanup) => void cleanups.push(cleanup) });
        const { began, told, sorted, summary } = await play(machine, made, concurrency);
        const isDone = (n: number) => machine.has(markerOf.completed(nameOf(n)));
        const open = [...made.keys()].filter((n) => made[n]?.fate !== 'was completed before');
        const [free, left] = [true, false].map((isIt) =>
          open.filter((n) => isFree(made[n] as Made, isDone) === isIt),
        );
        assert.deepEqual(sorted, free);
        assert.deepEqual(told, left);
        assert.equal(summary.waiting, left?.length);
        if (concurrency === 1) assertUrgentFirst(began, made);
      } finally {
        for (const cleanup of cleanups) cleanup();
      }
    }),
    { numRuns: 60 },
  );
});

function assertUrgentFirst(began: readonly number[], made: readonly Made[]): void {
  const priorityOf = (n: number) => made[n]?.priority ?? 0;
  for (const [place, task] of began.entries()) {
    const wasDone = (n: number) =>
      began.slice(0, place).includes(n) || made[n]?.fate === 'was completed before';
    const rivals = began.slice(place).filter((n) => isFree(made[n] as Made, wasDone));
    assert.equal(priorityOf(task), Math.max(...rivals.map(priorityOf)), began.join(' '));
  }
}
