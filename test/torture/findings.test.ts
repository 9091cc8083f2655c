import assert from 'node:assert/strict';
import { test } from 'node:test';
import { violation } from '../rig/violation.ts';
import { isSound, renderFindings, type Finding } from './findings.ts';

const NOTHING_SHORT = { controlsNotFound: [], rowsWithoutRound: [] };

const finding = (row: string, what: string): Finding => ({
  row,
  violation: violation('left', what),
  seed: 7,
  round: 3,
  backend: 'exec',
  kept: '/tmp/kept',
});

test('every violation is said with its kind, its words and the command that runs its round again', () => {
  const said = renderFindings(
    [finding('people', 'a mirror'), finding('orphans', 'a process')],
    NOTHING_SHORT,
    { seed: 1, backend: 'exec' },
  );
  assert.deepEqual(said.split('\n'), [
    'VIOLATION 1 of 2  people: left: a mirror',
    '  again: npm run torture -- --only people --seed 7 --round 3 --controls no',
    '  kept: /tmp/kept',
    'VIOLATION 2 of 2  orphans: left: a process',
    '  again: npm run torture -- --only orphans --seed 7 --round 3 --controls no',
    '  kept: /tmp/kept',
  ]);
});

test('a long violation keeps its begin and its end, and leaves room for the others', () => {
  const said = renderFindings(
    [finding('people', `begin ${'x'.repeat(100_000)} end`), finding('orphans', 'a process')],
    NOTHING_SHORT,
    { seed: 1, backend: 'exec' },
  );
  assert.ok(said.length < 5_000, `${said.length} characters`);
  assert.match(said, /left: begin x+\n\[… \d+ characters …\]\nx+ end\n {2}again: /);
  assert.match(said, /VIOLATION 2 of 2 {2}orphans/);
});

test('a control that found nothing and a row that had no round are said too', () => {
  const said = renderFindings(
    [],
    { controlsNotFound: [{ row: 'people', control: 'janitor' }], rowsWithoutRound: ['names'] },
    { seed: 9, backend: 'app-server' },
  );
  assert.deepEqual(said.split('\n'), [
    'NOT FOUND  people: janitor',
    '  again: npm run torture -- --only people --seed 9 --controls only --backend app-server',
    'NO ROUND  names',
  ]);
});

test('only a run that found nothing, with all controls and rows, is sound; it says so', () => {
  assert.ok(isSound([], NOTHING_SHORT));
  assert.ok(!isSound([finding('people', 'a mirror')], NOTHING_SHORT));
  assert.ok(!isSound([], { ...NOTHING_SHORT, controlsNotFound: [{ row: 'people', control: 'janitor' }] }));
  assert.ok(!isSound([], { ...NOTHING_SHORT, rowsWithoutRound: ['names'] }));
  assert.match(renderFindings([], NOTHING_SHORT, { seed: 1, backend: 'exec' }), /^Nothing was violated/);
});
