/** The plan of a night: the same for the same seed, with something of each kind, and understood by the scripted model. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDirectives } from '../rig/directives.ts';
import { nextStep } from '../rig/model-turn.ts';
import {
  COMPLAINT,
  describePlan,
  planNight,
  taskIn,
  TASK_KINDS,
  type NightTask,
  type TaskKind,
} from './plan.ts';

const SIZES = [
  { tasks: 20, terminals: 2, quick: true },
  { tasks: 300, terminals: 3, quick: false },
] as const;

for (const size of SIZES)
  test(`a night of ${size.tasks} tasks has something of each kind, whatever the seed`, () => {
    for (let seed = 0; seed < 50; seed++) {
      const { tasks, spells, kills } = planNight({ seed, ...size });
      assert.equal(tasks.length, size.tasks);
      assert.deepEqual(new Set(tasks.map(({ kind }) => kind)), new Set(TASK_KINDS));
      assert.ok(tasks.filter(({ kind }) => kind === 'plain').length > size.tasks / 2);
      const weather = new Set(spells.map(({ kind }) => kind));
      assert.deepEqual(weather, new Set(['limit', 'busy', 'down', 'model-refused', 'cut', 'hang']));
      assert.ok(
        kills.length > 0 && kills.every(({ terminal }) => terminal >= 1 && terminal <= size.terminals),
      );
    }
  });

test('the same seed is the same night, and another is another', () => {
  const of = (seed: number) => describePlan(planNight({ seed, ...SIZES[1] }));
  assert.equal(of(7), of(7));
  assert.notEqual(of(7), of(8));
});

const { tasks } = planNight({ seed: 1, ...SIZES[1] });

function promptOf(kind: TaskKind): string {
  const found: NightTask | undefined = tasks.find((task) => task.kind === kind);
  assert.ok(found);
  assert.equal(taskIn(found.prompt), found.name);
  return found.prompt;
}

/** What the model does at the end of a turn with so many calls behind it, after these words. */
const act = (prompt: string, outputs: number, ...told: string[]) =>
  JSON.stringify(
    nextStep(
      parseDirectives(prompt),
      {
        outputs: Array.from({ length: outputs }, () => 'Success.'),
        told: [prompt.split('\n')[0] ?? '', ...told],
        tools: ['apply_patch'],
      },
      () => false,
    ).act,
  );

test('a repaired task is wrong until the check has been heard, and then right', () => {
  const prompt = promptOf('repaired');
  assert.match(act(prompt, 0), /is wrong/);
  assert.match(act(prompt, 1), /finish/);
  assert.match(act(prompt, 1, `out/t.txt ${COMPLAINT}`), /is right/);
});

test('a hopeless task is wrong in another way each time it is told', () => {
  const prompt = promptOf('hopeless');
  const no = `out/t.txt ${COMPLAINT}`;
  assert.match(act(prompt, 0), /for the 1\. time/);
  assert.match(act(prompt, 1, no), /for the 2\. time/);
  assert.match(act(prompt, 4, no, no, no, no), /for the 5\. time/);
});
