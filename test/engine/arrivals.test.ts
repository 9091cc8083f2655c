/** What comes, goes and is undone in a directory while a run is on, on a clock that the test moves. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { markerOf, type Task } from '../../src/core/task.ts';
import { Arrivals } from '../../src/engine/arrivals.ts';
import { identityOf, lookAtArrivals } from '../../src/engine/first-look.ts';
import { READY, Standings } from '../../src/engine/standings.ts';
import { discover } from '../../src/io/discovery.ts';
import { started } from '../report/rig.ts';
import { makeMachine } from './machine.ts';

/** A run on the one task of a machine, `fix.md`. */
async function makeStage(t: TestContext, takesNew = true) {
  const machine = makeMachine(t);
  const world = machine.boot();
  const { path } = machine.directory;
  const find = (isKnown?: (directory: string, name: string) => boolean) =>
    discover(world.files, ['.'], ['**/*.md'], path, isKnown);
  const begun = await find();
  const arrivals = new Arrivals(world, { discover: find, begun, takesNew, cwd: path });
  const standings = new Standings();
  const [fix] = begun.tasks;
  assert.ok(fix);
  standings.move(fix, READY);
  const names = (tasks: readonly Pick<Task, 'label'>[]) => tasks.map(({ label }) => label);
  /** After so many ms, what is told. */
  const after = async (ms: number) => {
    machine.now += ms;
    const { arrived, reopened, gone, refused } = await arrivals.look(standings);
    return {
      arrived: names(arrived.map(({ task }) => task)),
      reopened: names(reopened),
      gone: names(gone),
      refused: names(refused),
      results: arrived.map(({ result }) => result),
    };
  };
  await after(0);
  return { machine, world, path, arrivals, standings, fix, after };
}

test('a file is a task once it has been left alone for a second, and while it is written it is none', async (t) => {
  const { machine, after, arrivals } = await makeStage(t);
  machine.write('new.md', 'Do');
  assert.deepEqual((await after(1_000)).arrived, []);
  machine.write('new.md', 'Do it');
  assert.deepEqual((await after(1_500)).arrived, [], 'it was written since');
  assert.deepEqual((await after(1_000)).arrived, ['new.md']);
  assert.equal(arrivals.total, 2);
  assert.deepEqual((await after(3_000)).arrived, [], 'once');
});

test('a look that comes too early costs nothing and tells nothing', async (t) => {
  const { machine, after, arrivals } = await makeStage(t);
  machine.write('new.md', 'Do it.\n');
  await after(1_000);
  assert.equal(arrivals.dueInMs, 1_000);
  assert.deepEqual((await after(999)).arrived, []);
  assert.deepEqual((await after(1)).arrived, ['new.md']);
});

test('a file that goes before it is whole never was', async (t) => {
  const { machine, path, after, arrivals } = await makeStage(t);
  machine.write('new.md', 'Do it.\n');
  await after(1_000);
  rmSync(join(path, 'new.md'));
  assert.deepEqual((await after(1_000)).arrived, []);
  assert.equal(arrivals.total, 1);
});

test('only a result that was there when a task was first seen is one that may be superseded', async (t) => {
  const { machine, world, path, after } = await makeStage(t);
  const event = started(0);
  assert.ok(event.kind === 'run-started');
  const take = async (name: string, result: string | undefined) => {
    const task = { directory: path, name, label: name };
    const { priors } = await lookAtArrivals(world.files, new Map([[task, result]]), event.options);
    return priors.get(task)?.id;
  };
  machine.write('old.md', 'Do it.\n');
  machine.write(markerOf.failed('old.md'), 'failed\n');
  machine.write('young.md', 'Do it.\n');
  await after(1_000);
  machine.write(markerOf.failed('young.md'), 'failed elsewhere\n');
  const { arrived, results } = await after(1_000);
  assert.deepEqual(arrived.toSorted(), ['old.md', 'young.md']);
  const of = (name: string) => results[arrived.indexOf(name)];
  const failed = (name: string) => identityOf(world.files, { directory: path, name, label: name }, 'failed');
  assert.equal(await take('old.md', of('old.md')), await failed('old.md'));
  assert.notEqual(await failed('young.md'), undefined, 'it has failed');
  assert.equal(await take('young.md', of('young.md')), undefined);
});

test('a task that was over and is pending again is told of, one that this run has given back is not', async (t) => {
  const { machine, path, standings, fix, after } = await makeStage(t, false);
  const done = markerOf.completed('fix.md');
  machine.write(done, 'done\n');
  standings.move(fix, { kind: 'over', how: 'completed' });
  assert.deepEqual((await after(1_000)).reopened, []);
  rmSync(join(path, done));
  assert.deepEqual((await after(1_000)).reopened, ['fix.md']);
  standings.move(fix, { kind: 'over', how: 'given-back' });
  assert.deepEqual((await after(3_000)).reopened, []);
  machine.write(markerOf.lock('fix.md'), 'somebody');
  assert.deepEqual((await after(3_000)).reopened, ['fix.md'], 'another terminal has it');
  machine.write('new.md', 'Do it.\n');
  for (const ms of [1_000, 2_000]) assert.deepEqual((await after(ms)).arrived, [], 'it takes no new ones');
});

test('a task is gone when nobody has begun it, and comes back as a new one', async (t) => {
  const { machine, path, standings, fix, after, arrivals } = await makeStage(t);
  standings.move(fix, { kind: 'running' });
  rmSync(join(path, 'fix.md'));
  assert.deepEqual((await after(1_000)).gone, []);
  machine.write('other.md', 'Do it.\n');
  standings.move(fix, READY);
  assert.deepEqual((await after(1_000)).gone, ['fix.md']);
  machine.write('fix.md', 'Do it anew.\n');
  await after(1_000);
  assert.deepEqual((await after(1_000)).arrived, ['fix.md']);
  assert.equal(arrivals.total, 2);
});

test('a refused file is told of once, and is a task when it has come to be one where it stands', async (t) => {
  const { machine, after, arrivals } = await makeStage(t);
  machine.write('empty.md', '');
  assert.deepEqual((await after(1_000)).refused, [], 'it may have been made just now');
  assert.deepEqual((await after(2_000)).refused, ['empty.md']);
  assert.equal(arrivals.refused, 1);
  assert.deepEqual((await after(60_000)).refused, []);
  machine.write('empty.md', 'Do it.\n'); // which its directory does not tell
  await after(1_000);
  assert.deepEqual((await after(1_000)).arrived, ['empty.md']);
  assert.equal(arrivals.refused, 0);
});

test('a task that was refused for its text is told of when that is another', async (t) => {
  const { machine, standings, fix, after, arrivals } = await makeStage(t);
  standings.move(fix, { kind: 'over', how: 'refused' });
  await arrivals.wasRefused(fix);
  assert.deepEqual((await after(3_000)).reopened, []);
  machine.write('fix.md', 'Something else.\n');
  await after(1_000);
  assert.deepEqual((await after(1_000)).arrived, ['fix.md']);
  assert.equal(arrivals.total, 1, 'it is no other one');
});
