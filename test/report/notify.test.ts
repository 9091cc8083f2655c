import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunEvent } from '../../src/core/event.ts';
import type { Audience, Notification } from '../../src/core/notification.ts';
import { bellOf, Notifier } from '../../src/report/notify.ts';
import { answered, asks, ended, EVERY_EVENT, failed, finished, started, succeeded } from './rig.ts';

const NOW = Date.parse('2026-01-31T07:30:00Z');

function told(...events: readonly RunEvent[]): Notification[] {
  const sent: Notification[] = [];
  const send = (notification: Notification) => void sent.push(notification);
  const notifier = new Notifier('/code/my tasks', { send, now: () => new Date(NOW), later: () => {} });
  for (const event of events) notifier.note(event);
  return sent;
}

const pausedAs = (id: string): RunEvent => ({
  kind: 'paused',
  now: NOW,
  pause: {
    class: 'limited',
    id,
    reason: 'a usage limit',
    since: NOW,
    until: NOW + 60_000,
    round: 0,
    by: 'codex-worker',
    pid: 1,
    host: 'mill',
  },
});
const dispatchEnded = (kind: 'failures' | 'time-up' | 'budget'): RunEvent => ({
  kind: 'dispatch-ended',
  why: { kind, message: 'three tasks in a row failed alike', hint: 'look' },
  running: 1,
});

test('the end of a run is told, with its exit code and what came of it', () => {
  assert.deepEqual(told(started(5), finished({ completed: 3, failed: 1, pending: 1 }, 1)), [
    {
      event: 'finished',
      text: 'my tasks: finished with exit code 1: 3 completed, 1 failed, 1 left',
      directory: '/code/my tasks',
      run: 'r1',
      at: '2026-01-31T07:30:00.000Z',
      counts: { completed: 3, failed: 1, left: 1 },
      exitCode: 1,
    },
  ]);
});

test('what is left are the tasks that are pending, refused ones too; one that was given back counts once', () => {
  const [{ counts } = assert.fail()] = told(
    started(20),
    finished({ completed: 3, failed: 1, pending: 14, givenBack: 4, refused: 3, unfit: 2 }, 1),
  );
  assert.deepEqual(counts, { completed: 3, failed: 1, left: 16 });
});

test('a pause is told once however often it is renewed, and the next one again', () => {
  const sent = told(
    started(4),
    ended('a.md', succeeded()),
    ended('b.md', failed({ kind: 'timed-out', afterMs: 5_000, doing: { kind: 'unknown' } }, true)),
    pausedAs('1'),
    pausedAs('2'),
    { kind: 'resumed', forMs: 1 },
    pausedAs('3'),
  );
  assert.deepEqual(
    sent.map(({ event, until, counts }) => [event, until, counts]),
    [1, 2].map(() => ['paused', '2026-01-31T07:31:00.000Z', { completed: 1, failed: 0, left: 3 }]),
  );
  assert.match(sent[0]?.text ?? '', /^my tasks: paused until .* for a limit: a usage limit$/);
});

test('what ends dispatch is told when nobody asked for it', () => {
  const texts = (event: RunEvent) => told(started(1), event).map(({ event: kind, text }) => [kind, text]);
  const line = 'my tasks: no more tasks are started: three tasks in a row failed alike';
  assert.deepEqual(texts(dispatchEnded('failures')), [['stopped', line]]);
  assert.deepEqual(texts(dispatchEnded('budget')), [['stopped', line]]);
  assert.deepEqual(texts(dispatchEnded('time-up')), []);
});

test('the bell rings for each question; the others hear of the first, and a minute later of those that still wait', () => {
  const sent: [Audience | undefined, string, number | undefined][] = [];
  let now = NOW;
  const timers: { readonly at: number; readonly call: () => void }[] = [];
  const notifier = new Notifier('/code/my tasks', {
    send: ({ event, waiting }, to) => sent.push([to, event, waiting]),
    now: () => new Date(now),
    later: (ms, call) => timers.push({ at: now + ms, call }),
  });
  const pass = (ms: number) => {
    now += ms;
    for (const timer of timers.splice(0))
      if (timer.at <= now) timer.call();
      else timers.push(timer);
  };
  const said = () => sent.splice(0);
  notifier.note(started(3));
  notifier.note(asks('a.md'));
  assert.deepEqual(said(), [
    ['bell', 'question', 1],
    ['others', 'question', 1],
  ]);
  notifier.note(answered(asks('a.md')));
  pass(10_000);
  for (const name of ['b.md', 'c.md']) notifier.note(asks(name));
  assert.deepEqual(said(), [
    ['bell', 'question', 1],
    ['bell', 'question', 2],
  ]);
  pass(49_999);
  assert.deepEqual(said(), []);
  pass(1);
  assert.deepEqual(said(), [['others', 'question', 2]]);
  pass(30_000);
  notifier.note(asks('d.md'));
  for (const name of ['b.md', 'c.md', 'd.md']) notifier.note(answered(asks(name)));
  said();
  pass(60_000);
  assert.deepEqual(said(), [], 'nothing waits any more');
});

test('a question is told without a word of what is asked, and says where to look', () => {
  const [first] = told(
    started(1),
    asks('a.md', { asked: { kind: 'command', command: 'curl secret' }, reason: 'why' }),
  );
  assert.equal(
    first?.text,
    'my tasks: 1 question of agents waits for an answer: codex-worker approvals /tasks',
  );
});

test('of a dry run nothing is told', () => {
  assert.deepEqual(told(started(1, { dryRun: true }), finished({})), []);
});

test('a text is one line that no terminal executes, whatever was said', () => {
  const hostile = { ...dispatchEnded('failures') } as Extract<RunEvent, { kind: 'dispatch-ended' }>;
  const [first] = told(started(1), { ...hostile, why: { ...hostile.why, message: 'a\u001b]0;x\u0007\nb' } });
  assert.equal(first?.text, String.raw`my tasks: no more tasks are started: a\x1b]0;x\x07\nb`);
  assert.equal(bellOf('done\u0007'), '\u0007\u001b]9;done\\x07\u001b\\');
});

test('every event is looked at', () => {
  assert.deepEqual(
    told(...EVERY_EVENT)
      .map(({ event }) => event)
      .filter((event, index, all) => all.indexOf(event) === index)
      .toSorted(),
    ['finished', 'paused', 'question', 'stopped'],
  );
});
