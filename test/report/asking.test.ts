/** What agents ask, answered by the keys of the run's own terminal. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Decision } from '../../src/core/question.ts';
import { Asking } from '../../src/report/asking.ts';
import { answered, asks, ended, succeeded } from './rig.ts';

type Asked = ReturnType<typeof asks>;

/** A conversation in which a test has the clock; `wait` lets a question become old enough to be answered. */
function converse() {
  let now = 10_000;
  const printed: string[] = [];
  const answers: [string, number, Decision][] = [];
  const asking = new Asking({
    print: (lines) => printed.push(...lines),
    emphasize: (line) => line,
    answer: (task, { n }, decision) => answers.push([task.label, n, decision]),
    columns: () => 80,
    now: () => 5_000,
  });
  const look = () => {
    asking.comeUp(now);
    return asking.up(now);
  };
  return {
    answers,
    asks: (...questions: readonly Asked[]) => questions.forEach((question) => asking.note(question)),
    note: (...events: Parameters<Asking['note']>) => asking.note(...events),
    look,
    press: (key: string) => asking.press(key, now),
    wait: (ms: number) => {
      now += ms;
      return look();
    },
    printed: () => printed.splice(0),
  };
}

const long = (lines: number) =>
  asks('long.md', {
    asked: { kind: 'command', command: Array.from({ length: lines }, (_, i) => `echo ${i}`).join('\n') },
  });

test('the oldest question is printed whole, once, and the next one when it has been answered', () => {
  const { asks: ask, look, wait, press, printed, answers } = converse();
  ask(asks('a.md', { reason: 'May I?' }), asks('b.md'));
  assert.equal(look()?.label, 'a.md');
  assert.equal(look()?.of, 2);
  assert.deepEqual(printed().slice(0, 9), [
    '',
    '❓ a.md asks to run this command with /bin/bash -lc, in /code:',
    '',
    '    │ rm -rf build',
    '',
    'Once it is approved, Codex may run it outside of its sandbox.',
    '',
    "Its reason, in the agent's words:",
    '',
  ]);
  wait(2_000);
  assert.deepEqual(printed(), []);
  assert.equal(press('y'), true);
  assert.deepEqual(answers, [['a.md', 1, 'approve']]);
  assert.equal(look()?.label, 'b.md');
  assert.equal(look()?.of, 1);
  assert.match(printed().join('\n'), /^\n❓ b\.md asks to run/);
});

test('each key has its meaning, where Codex offers it', () => {
  const { asks: ask, wait, press, answers } = converse();
  ask(asks('a.md'), asks('b.md'), asks('c.md'), asks('d.md', { offers: ['approve', 'stop'] }));
  for (const key of ['s', 'n', 'c']) {
    wait(0);
    wait(1_000);
    assert.equal(press(key), true);
  }
  wait(0);
  wait(1_000);
  for (const key of ['s', 'n', 'x', 'p', 'Y', ' ', '\r']) assert.equal(press(key), false, key);
  assert.deepEqual(answers, [
    ['a.md', 1, 'approve-session'],
    ['b.md', 1, 'deny'],
    ['c.md', 1, 'stop'],
  ]);
});

test('a key in the first moments of a question does not count, also for the one that comes up behind another', () => {
  const { asks: ask, wait, press, answers, look } = converse();
  ask(asks('a.md'), asks('b.md'));
  look();
  assert.equal(wait(699)?.isFresh, true);
  assert.equal(press('y'), true, 'it is no key for anything else');
  assert.deepEqual(answers, []);
  wait(699);
  press('y');
  assert.equal(wait(700)?.isFresh, false);
  press('y');
  assert.equal(answers.length, 1);
  look();
  wait(500);
  press('y');
  assert.equal(answers.length, 1);
});

test('a key that is held down answers one question, however long it is held', () => {
  const { asks: ask, wait, press, answers } = converse();
  ask(asks('a.md'), asks('b.md'), asks('c.md'));
  wait(0);
  wait(1_000);
  for (let i = 0; i < 200; i++) {
    press('y');
    wait(33);
  }
  assert.deepEqual(answers, [['a.md', 1, 'approve']]);
});

test('of a long question the beginning is printed, and a yes counts when the rest has been, too', () => {
  const { asks: ask, look, wait, press, printed, answers } = converse();
  ask(long(300));
  look();
  const first = printed();
  assert.ok(first.includes('    198 │ echo 197'));
  assert.ok(!first.includes('    199 │ echo 198'));
  const unread = look()?.unread ?? 0;
  assert.deepEqual(first.slice(-3), [
    '',
    `… and ${unread} more lines: all of it is in needs-approval-long.md`,
    '',
  ]);
  wait(1_000);
  press('y');
  assert.deepEqual(answers, []);
  const rest = printed();
  assert.equal(rest.length, unread + 1);
  assert.equal(rest[0], '    199 │ echo 198');
  assert.ok(rest.includes('    300 │ echo 299'));
  assert.equal(look()?.unread, 0);
  press('y');
  assert.deepEqual(answers, [], 'nobody can have read it');
  wait(1_000);
  press('s');
  assert.deepEqual(answers, [['long.md', 1, 'approve-session']]);
});

test('a no needs not to be read to the end', () => {
  for (const key of ['n', 'c']) {
    const { asks: ask, wait, press, answers } = converse();
    ask(long(300));
    wait(0);
    wait(1_000);
    press(key);
    assert.equal(answers.length, 1);
  }
});

test('what has been answered elsewhere is not asked any more, and nor is what an attempt asked that is over', () => {
  const { asks: ask, note, look, wait, press, answers } = converse();
  const [a, b] = [asks('a.md'), asks('b.md', { claim: 'b'.repeat(32) })];
  ask(a, b, asks('c.md', { claim: 'd'.repeat(32) }));
  look();
  wait(1_000);
  note(answered(a));
  assert.equal(look()?.label, 'b.md');
  assert.equal(press('y'), true);
  assert.deepEqual(answers, [], 'b.md has only just come up');
  note(ended('b.md', succeeded()));
  assert.equal(look()?.label, 'c.md');
  note(answered(asks('c.md', { claim: 'd'.repeat(32) })));
  assert.equal(look(), undefined);
  assert.equal(press('y'), false);
});

test('an answer that comes to nothing is asked for again', () => {
  const { asks: ask, look, wait, press, printed, answers } = converse();
  ask(asks('a.md'));
  wait(0);
  wait(1_000);
  press('y');
  assert.equal(look(), undefined);
  printed();
  assert.equal(wait(5_000), undefined);
  assert.equal(wait(1)?.label, 'a.md');
  assert.match(printed().join('\n'), /^\n❓ a\.md asks/);
  wait(1_000);
  press('n');
  assert.deepEqual(answers, [
    ['a.md', 1, 'approve'],
    ['a.md', 1, 'deny'],
  ]);
});
