import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newClaimId } from '../../src/core/claim.ts';
import { NO_USAGE } from '../../src/core/outcome.ts';
import { Ceilings } from '../../src/engine/ceilings.ts';
import { Ledger } from '../../src/engine/ledger.ts';
import { accountsIn } from '../../src/io/accounts.ts';
import { realFiles } from '../../src/io/files.ts';
import type { JournalEntry } from '../../src/core/journal-entry.ts';
import { appendToJournal } from '../../src/io/journal.ts';
import { makeMachine } from './machine.ts';

const MIDNIGHT = Date.UTC(2026, 0, 2);

function entry(more: Partial<JournalEntry>): JournalEntry {
  return {
    at: MIDNIGHT,
    run: 'ours',
    by: 'codex-worker 1.0.0',
    task: 'fix.md',
    attempt: 1,
    claim: newClaimId(),
    outcome: 'completed',
    usage: { input: 90, cached: 50, output: 10 },
    durationMs: 1_000,
    ...more,
  };
}

test('what was spent before a moment counts for the directory, and for no ceiling', async (t) => {
  const machine = makeMachine(t);
  const world = { ...machine.boot(), accounts: accountsIn(realFiles, {}) };
  const append = (more: Partial<JournalEntry>) => appendToJournal(realFiles, machine.directory, entry(more));
  await append({ at: MIDNIGHT - 1, task: 'old.md', run: 'before' });
  await append({ run: 'theirs' });
  await append({ run: 'theirs', outcome: 'given-back', why: 'limited', usage: NO_USAGE });
  const ledger = new Ledger(world, [machine.directory], { since: MIDNIGHT, run: 'ours' });
  const budget = { since: MIDNIGHT, tokens: 300, attempts: 3, tokensPerTask: 250 };
  const ceilings = await Ceilings.begin(world, budget, ledger, [machine.directory]);
  const task = (name: string) => ({ directory: machine.directory.path, name, label: name });

  await ceilings.look();
  assert.equal(ledger.all.attempts, 2);
  assert.deepEqual(ceilings.left, { tokens: 200, attempts: 2 });
  assert.deepEqual(ceilings.budgetOf(task('fix.md')), { left: 150, limit: 250 });
  assert.deepEqual(ceilings.budgetOf(task('old.md')), { left: 250, limit: 250 });
  assert.equal(ceilings.reached(1), undefined);
  assert.match(ceilings.reached(2)?.message ?? '', /^--max-attempts-total 3 is reached: 3 attempts/);
  assert.equal(machine.has('.codex-worker/ceiling.json'), false, 'two have ended, and that is not three');

  await append({ outcome: 'failed' });
  await append({});
  await ceilings.look();
  assert.match(ceilings.reached(0)?.message ?? '', /^--max-tokens 300 is reached: 300 tokens/);
  assert.deepEqual(ceilings.left, { tokens: 0, attempts: 0 });
  assert.deepEqual(ledger.ours, {
    usage: { input: 180, cached: 100, output: 20 },
    completedMs: [1_000],
  });
  assert.equal(machine.has('.codex-worker/ceiling.json'), true);
});

test('what a run itself spends counts for its ceilings, also when the clock is set back to before them', async (t) => {
  const machine = makeMachine(t);
  const world = { ...machine.boot(), accounts: accountsIn(realFiles, {}) };
  for (const run of ['ours', 'theirs'])
    await appendToJournal(realFiles, machine.directory, entry({ run, at: MIDNIGHT - 3_600_000 }));
  const ledger = new Ledger(world, [machine.directory], { since: MIDNIGHT, run: 'ours' });
  await ledger.look();
  assert.equal(ledger.counted.attempts, 1);
});

test('who watches the ceilings of others stops with the run, also in the middle of a look', async (t) => {
  const machine = makeMachine(t);
  let began = () => {};
  const looking = new Promise<void>((resolve) => (began = resolve));
  let finish = () => {};
  const finished = new Promise<void>((resolve) => (finish = resolve));
  let looks = 0;
  const world = machine.boot({
    lstat: async (path) => {
      if (path.endsWith('ceiling.json') && ++looks > 1) {
        began();
        await finished;
      }
      return realFiles.lstat(path);
    },
  });
  const directories = [machine.directory];
  const ceilings = await Ceilings.begin(world, { since: 0 }, new Ledger(world, directories), directories);
  ceilings.watch(
    () => assert.fail('there is no ceiling'),
    (message) => assert.fail(message),
  );
  await looking;
  ceilings[Symbol.dispose]();
  finish();
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  assert.equal(looks, 2);
});

test('a world without accounts has nothing to add up, and no ceiling that is reached', async (t) => {
  const machine = makeMachine(t);
  const ledger = new Ledger(machine.boot(), [machine.directory]);
  await ledger.look();
  assert.equal(ledger.all.attempts, 0);
});
