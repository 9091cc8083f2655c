import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { StepLine } from '../../src/report/step-line.ts';

const CLEAR = '\r\u001b[2K';

function onTerminal(t: TestContext, { live = true, columns = 80 } = {}) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const written: string[] = [];
  const line = new StepLine({ err: (text) => void written.push(text), columns: () => columns, live });
  t.after(() => line.end());
  return { line, written, pass: (ms: number) => t.mock.timers.tick(ms) };
}

test('what takes less than a second shows nothing', (t) => {
  const { line, written, pass } = onTerminal(t);
  line.step({ doing: 'resetting', done: 0, of: 9 });
  pass(999);
  line.end();
  pass(5_000);
  assert.deepEqual(written, []);
});

test('after a second it is shown how far it is, also while nothing moves, and at the end the line is gone', (t) => {
  const { line, written, pass } = onTerminal(t);
  line.step({ doing: 'looking', done: 1, of: 9 });
  pass(1_000);
  pass(1_000);
  assert.deepEqual(written, [`${CLEAR}1/9 tasks looked at`]);
  line.step({ doing: 'resetting', done: 2, of: 3 });
  line.step({ doing: 'resetting', done: 3, of: 3 });
  pass(200);
  line.end();
  assert.deepEqual(written.slice(1), [`${CLEAR}3/3 tasks reset`, CLEAR]);
  pass(5_000);
  assert.equal(written.length, 3);
});

test('it fits into one line, and is for terminals only', (t) => {
  const { line, written, pass } = onTerminal(t, { columns: 8 });
  line.step({ doing: 'judging', done: 12_345, of: 99_999 });
  pass(1_000);
  assert.ok((written[0] ?? '').length <= CLEAR.length + 8, written[0]);
});

test('where standard error is no terminal nothing is written', (t) => {
  const { line, written, pass } = onTerminal(t, { live: false });
  line.step({ doing: 'judging', done: 1, of: 2 });
  pass(5_000);
  line.end();
  assert.deepEqual(written, []);
});
