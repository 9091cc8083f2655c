/** The loop of a run, with attempts that the test plays. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { EnvironmentError } from '../../src/core/errors.ts';
import type { RunEvent } from '../../src/core/event.ts';
import { NO_USAGE, type Outcome } from '../../src/core/outcome.ts';
import { markerOf, type Task } from '../../src/core/task.ts';
import { Coordinator, type CoordinatorDeps } from '../../src/engine/coordinator.ts';
import { Pauses } from '../../src/engine/pauses.ts';
import { started, succeeded } from '../report/rig.ts';
import { makeMachine } from './machine.ts';

const SUCCESS = succeeded();

type Tell = Parameters<CoordinatorDeps['attempt']>[1];

function options(concurrency: number, maxWaiting: number) {
  const event = started(0, { concurrency, maxWaiting });
  assert.ok(event.kind === 'run-started');
  return event.options;
}

/** `play` is an attempt at a task; what it succeeds in is marked so. It is told of a place that it wants again by `placed`. */
function makeRun(
  t: TestContext,
  tasks: number,
  concurrency: number,
  play: (task: Task, tell: Tell, placed: Promise<void>) => Promise<Outcome>,
  ceilings: Partial<CoordinatorDeps['ceilings']> = {},
  maxWaiting = 16,
) {
  const placed = new Map<string, () => void>();
  const machine = makeMachine(t);
  const world = machine.boot();
  const { path } = machine.directory;
  const events: RunEvent[] = [];
  const emit = (event: RunEvent) => void events.push(event);
  const directories = new Map([[path, machine.directory]]);
  const made = Array.from({ length: tasks }, (_, i) => ({
    directory: path,
    name: `${i}.md`,
    label: `${i}.md`,
  }));
  for (const { name } of made) machine.write(name, 'Do it.\n');
  const coordinator = new Coordinator(world, {
    run: 'ours',
    options: options(concurrency, maxWaiting),
    codex: { command: 'codex', launcher: 'codex', isCodex: true },
    codexVersion: '',
    how: { backend: 'exec', policy: 'never' },
    by: 'test',
    tasks: made,
    refused: [],
    strays: [],
    directories,
    pauses: new Pauses(world, { directories, by: 'test', emit }),
    emit,
    givePlace: (claim) => placed.get(claim)?.(),
    attempt: async ({ task, claim }, tell) => {
      const hasPlace = new Promise<void>((resolve) => placed.set(claim, resolve));
      const outcome = await play(task, tell, hasPlace);
      if (outcome.kind === 'succeeded') machine.write(markerOf.completed(task.name), '');
      return outcome;
    },
    drainState: () => 'running',
    ceilings: {
      look: () => Promise.resolve(),
      reached: () => undefined,
      budgetOf: () => undefined,
      left: {},
      ...ceilings,
    },
    ledger: {
      look: () => Promise.resolve(),
      all: { attempts: 0, usage: NO_USAGE },
      ours: { usage: NO_USAGE, completedMs: [] },
    },
  });
  return { run: coordinator.run(), events };
}

const moment = () => new Promise((resolve) => setTimeout(resolve, 20));

test('an attempt that is in the journal before it is over is not counted twice, and one that comes to nothing not at all', async (t) => {
  const journal = { ended: 0 };
  const begun: string[] = [];
  const { run, events } = makeRun(
    t,
    6,
    2,
    async ({ name }) => {
      begun.push(name);
      if (name === '0.md') return { kind: 'postponed', againInMs: 3_600_000 };
      if (name === '2.md') await moment();
      journal.ended++;
      await moment(); // its claim is released only then
      return SUCCESS;
    },
    {
      reached: (running) =>
        journal.ended + running >= 4
          ? { kind: 'budget', message: `${journal.ended} and ${running}`, hint: '' }
          : undefined,
    },
  );
  const { ended } = await run;
  assert.equal(ended?.message, '4 and 0');
  assert.equal(journal.ended, 4, begun.join(' '));
  assert.equal(events.filter(({ kind }) => kind === 'dispatch-ended').length, 1);
});

test('an error of the loop ends the run as one of an attempt does: what runs is finished', async (t) => {
  const over: string[] = [];
  const looks = { count: 0 };
  const { run } = makeRun(
    t,
    3,
    2,
    async ({ name }) => {
      if (name !== '0.md') await moment();
      over.push(name);
      return SUCCESS;
    },
    {
      look: () => (looks.count++ === 0 ? Promise.resolve() : Promise.reject(new Error('the disk'))),
    },
  );
  await assert.rejects(run, /the disk/);
  assert.deepEqual(over, ['0.md', '1.md']);
});

test('who has kept its place while it waited for a person goes on at once, past those that have none', async (t) => {
  const went: string[] = [];
  let bothAsk: () => void = () => {};
  const asked = new Promise<void>((resolve) => (bothAsk = resolve));
  const { run } = makeRun(
    t,
    2,
    1,
    async ({ name }, tell, placed) => {
      tell({ kind: 'place', is: 'left' }); // the second is one too many, and keeps the only place there is
      if (name === '1.md') bothAsk();
      await asked;
      if (name === '1.md') await moment(); // its answer is the later one
      tell({ kind: 'place', is: 'wanted' });
      await placed;
      went.push(name);
      return SUCCESS;
    },
    {},
    1,
  );
  await run;
  assert.deepEqual(went, ['1.md', '0.md']);
});

test('an attempt that ends by a bug gives its place to one that has its answer', async (t) => {
  const went: string[] = [];
  const { run } = makeRun(t, 2, 1, async ({ name }, tell, placed) => {
    if (name === '1.md') {
      await moment();
      throw new EnvironmentError('no attempt can begin here', 'none');
    }
    tell({ kind: 'place', is: 'left' }); // the other begins
    await moment();
    tell({ kind: 'place', is: 'wanted' });
    await placed;
    went.push(name);
    return SUCCESS;
  });
  await assert.rejects(run, /no attempt can begin here/);
  assert.deepEqual(went, ['0.md']);
});
