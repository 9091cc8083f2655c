/** Whether what an agent has started works: real processes, and made-up ones where it is about what cannot be seen. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, test, type TestContext } from 'node:test';
import { newClaimId } from '../../src/core/claim.ts';
import { realProcesses, type ProcessStat, type ProcessTable } from '../../src/io/process-identity.ts';
import { COOKIE, sweep } from '../../src/io/sweep.ts';
import { WorkWatch } from '../../src/io/work-watch.ts';

const linux = { skip: process.platform === 'linux' ? false : 'reads /proc' };

/** An agent that runs `script`; `works` says how it looks over half a second. */
function agent(t: TestContext, script: string) {
  const claim = newClaimId();
  const env = { PATH: process.env['PATH'], [COOKIE]: claim };
  const child = spawn('/bin/sh', ['-c', script], { stdio: 'ignore', detached: true, env });
  const { pid = 0 } = child;
  const identity = { pid, pgid: pid, start: '1' };
  t.after(async () => void (await sweep(claim, identity, realProcesses)));
  const watch = new WorkWatch(claim, identity, realProcesses);
  const look = (isCodex: boolean) => watch.isWorking({ maxAgeMs: 0, isCodex });
  const works = async (isCodex = false) => {
    await sleep(300); // what is started begins
    look(isCodex);
    await sleep(500);
    return look(isCodex);
  };
  return { works };
}

const BURN = 'while :; do :; done';

describe('work', { concurrency: true, ...linux }, () => {
  for (const [what, script, expected] of [
    ['a command that computes', `(${BURN}) & wait`, true],
    ['one in a session of its own', `setsid sh -c '${BURN}' & wait`, true],
    ['one whose parent is gone', `(setsid sh -c '${BURN}' &); sleep 60`, true],
    ['one that has cleared its environment', `env -i /bin/sh -c '${BURN}' & wait`, true],
    [
      'many short ones, none of which lives to be seen twice',
      'sh -c "while :; do /bin/true; done" & wait',
      true,
    ],
    ['one that sleeps', 'sleep 60 & wait', false],
    ['one that asks every second whether something has come', 'while sleep 1; do :; done & wait', false],
  ] as const) {
    test(`${what} ${expected ? 'works' : 'does not work'}`, async (t) => {
      assert.equal(await agent(t, script).works(), expected);
    });
  }

  test('Codex itself does not count, nor behind a launcher; its commands do, which are in sessions of their own', async (t) => {
    const alone = agent(t, `(${BURN}) & wait`);
    assert.equal(await alone.works(true), false);
    assert.equal(await alone.works(false), true, 'a program of the user’s own is its own work');
    assert.equal(await agent(t, `setsid sh -c '${BURN}' & wait`).works(true), true);
  });

  test('nor does what belongs to another claim', async (t) => {
    agent(t, BURN);
    assert.equal(await agent(t, 'sleep 60').works(), false);
  });
});

describe('what cannot be seen', () => {
  const stat: ProcessStat = { pid: 9, start: '9', state: 'S', pgid: 9, ppid: 1, cpuMs: 0, kernel: false };
  const isWorking = (table: Partial<ProcessTable>) =>
    new WorkWatch(newClaimId(), stat, { ...realProcesses, environment: () => undefined, ...table }).isWorking(
      {
        maxAgeMs: 0,
        isCodex: false,
      },
    );

  test('counts as work: no list of processes, and one without the agent', () => {
    const fails = () => {
      throw Object.assign(new Error('no descriptor left'), { code: 'EMFILE' });
    };
    assert.equal(isWorking({ list: fails }), true);
    assert.equal(isWorking({ list: () => [] }), true);
    assert.equal(isWorking({ list: () => [stat] }), false, 'control');
  });

  test('looks are shared while they are fresh', () => {
    let lists = 0;
    const table = { ...realProcesses, list: () => (lists++, [stat]), environment: () => undefined };
    const watches = [1, 2, 3].map(() => new WorkWatch(newClaimId(), stat, table));
    for (const watch of watches) watch.isWorking({ maxAgeMs: 60_000, isCodex: false });
    assert.equal(lists, 1);
    watches[0]?.isWorking({ maxAgeMs: 0, isCodex: false });
    assert.equal(lists, 2);
  });
});
