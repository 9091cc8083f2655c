import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_USAGE, type Outcome } from '../../src/core/outcome.ts';
import { Level, type Place } from '../../src/engine/level.ts';
import { succeeded } from '../report/rig.ts';

const SUCCESS = succeeded();
const limited = (which: 'limited' | 'rate-limited'): Outcome => ({
  kind: 'returned',
  attempt: 1,
  durationMs: 1,
  usage: NO_USAGE,
  reason: { kind: 'limited', limit: { class: which, message: '' } },
});

function makeLevel(asked: number, maxWaiting = 16) {
  const said: string[] = [];
  const level = new Level(asked, (now, why) => void said.push(`${now} ${why}`), maxWaiting);
  /** Begins as many as there is room for at that moment. */
  const fill = (now = 0): Place[] => {
    const places: Place[] = [];
    while (level.hasRoom(now)) places.push(level.begin(now, 0.5));
    return places;
  };
  return { level, said, fill };
}

test('as many are on at once as were asked for, and others when those end', () => {
  const { level, said, fill } = makeLevel(3);
  const [first] = fill();
  assert.ok(first);
  assert.equal(level.hasPlace, false);
  level.end(first, SUCCESS);
  assert.equal(fill().length, 1);
  assert.deepEqual(said, []);
});

test('too many requests halve the level, once for all that were on, and each success adds one', () => {
  const { level, said, fill } = makeLevel(8);
  for (const place of fill()) level.end(place, limited('rate-limited'));
  assert.deepEqual(said, ['4 rate-limited']);
  const four = fill();
  assert.equal(four.length, 4);
  level.end(four[0] as Place, limited('rate-limited'));
  level.end(four[1] as Place, limited('rate-limited'));
  assert.equal(fill().length, 0, 'two of the four are still on');
  level.end(four[2] as Place, SUCCESS);
  level.end(four[3] as Place);
  assert.deepEqual(said, ['4 rate-limited', '2 rate-limited', '3 grown']);
  for (let i = 0; i < 20; i++) level.end(level.begin(0, 0), SUCCESS);
  assert.equal(said.at(-1), '8 grown');
  assert.equal(fill().length, 8);
});

test('the level is never less than one', () => {
  const { level, fill } = makeLevel(2);
  for (let i = 0; i < 5; i++) level.end(level.begin(0, 0), limited('rate-limited'));
  assert.equal(fill().length, 1);
});

test('a usage limit says nothing about how many may be on at once', () => {
  const { level, said } = makeLevel(4);
  level.end(level.begin(0, 0), limited('limited'));
  assert.deepEqual(said, []);
});

test('after a pause a run begins again with one, some moment later, and grows with every answer, a second apart', () => {
  const { level, said, fill } = makeLevel(4);
  level.restart(1_000, 0.5);
  assert.equal(fill(2_499).length, 0);
  assert.equal(level.waitMs(1_000), 1_500);
  const [one, ...others] = fill(2_500);
  assert.ok(one);
  assert.deepEqual(others, []);
  assert.equal(fill(9_000).length, 0, 'it has not been answered yet');
  level.answered(one);
  level.answered(one);
  assert.equal(fill(3_499).length, 0);
  const two = fill(3_500);
  assert.equal(two.length, 1);
  level.answered(two[0] as Place);
  const three = fill(5_000);
  assert.equal(three.length, 1);
  level.answered(three[0] as Place);
  assert.deepEqual(said, ['2 grown', '3 grown', '4 grown']);
  assert.equal(fill(5_000).length, 1, 'what was asked for is reached: nothing is waited for any more');
  assert.equal(level.waitMs(5_000), undefined);
});

test('what was on before the pause takes no place of those that return, and says nothing for them', () => {
  const { level, fill } = makeLevel(3);
  const before = level.begin(0, 0);
  level.restart(0, 0);
  level.answered(before);
  const [one] = fill(10_000);
  assert.ok(one);
  level.end(before, limited('rate-limited'));
  level.answered(one);
  assert.equal(fill(20_000).length, 1);
});

test('a command that says nothing before its end is an answer when it succeeds', () => {
  const { level, fill } = makeLevel(2);
  level.restart(0, 0);
  const [one] = fill(0);
  level.end(one as Place, SUCCESS);
  assert.equal(fill(10_000).length, 2);
});

test('a person asks for more or fewer while it is on, and what the server bears stays its word', () => {
  const { level, said, fill } = makeLevel(2);
  const places = fill();
  level.ask(4);
  assert.equal(fill().length, 2);
  level.ask(1);
  assert.equal(level.hasPlace, false);
  for (const place of places) level.end(place, SUCCESS);
  assert.equal(fill().length, 0, 'two are still on');
  assert.deepEqual(said, ['4 asked', '1 asked']);

  const halved = makeLevel(4);
  for (const place of halved.fill()) halved.level.end(place, limited('rate-limited'));
  halved.level.ask(8);
  assert.equal(halved.fill().length, 2, 'the server had said that four are too many');
  halved.level.ask(1);
  assert.deepEqual(halved.said, ['2 rate-limited', '2 asked', '1 asked']);
  assert.equal(halved.level.asked, 1);
});

test('an attempt that waits for a person leaves its place to another, and has it again before a new one', () => {
  const { level, fill } = makeLevel(2);
  const [first, second] = fill();
  assert.ok(first && second);
  assert.equal(level.leave(first), true);
  assert.equal(fill().length, 1);
  assert.equal(level.takeAgain(first), false); // two others are on
  level.end(second, SUCCESS);
  assert.equal(level.takeAgain(first), true);
  assert.equal(level.takeAgain(first), true); // it has it already
  assert.equal(fill().length, 0);
});

test('no more than so many wait without a place; the others keep theirs', () => {
  const { level, fill } = makeLevel(1, 1);
  const [first] = fill();
  assert.ok(first);
  assert.equal(level.leave(first), true);
  const [second] = fill();
  assert.ok(second);
  assert.equal(level.leave(second), false);
  assert.equal(fill().length, 0);
  assert.equal(level.takeAgain(second), true);
  level.end(first, SUCCESS); // it never had its place again
  assert.equal(level.leave(second), true);
});
