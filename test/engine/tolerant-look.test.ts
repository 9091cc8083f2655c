/** What a run looks at every second, on a disk that refuses: it is said once, and looked at again; the run goes on. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { Ceilings } from '../../src/engine/ceilings.ts';
import { Ledger } from '../../src/engine/ledger.ts';
import { watchSpending } from '../../src/engine/overspending.ts';
import { Pauses } from '../../src/engine/pauses.ts';
import { tolerant } from '../../src/engine/tolerant-look.ts';
import { CodexListener } from '../../src/io/codex-listener.ts';
import { realFiles, type Files } from '../../src/io/files.ts';
import { errno, makeMachine } from './machine.ts';

/** As they come from disks, mounts and tables that are full; the last that nobody expects. */
const CODES = ['EIO', 'EMFILE', 'ENFILE', 'ESTALE', 'EUCLEAN', 'EOVERFLOW'] as const;
const THREAD = '01890000-0000-7000-8000-00000000000a';

/** Moves the clock by one tick of `ms` at a time until it is so. */
async function tickUntil(t: TestContext, ms: number, isSo: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 10_000; !isSo();) {
    assert.ok(performance.now() < deadline, 'it does not come to it');
    t.mock.timers.tick(ms);
    for (let turns = 0; turns < 20 && !isSo(); turns++) await turn();
  }
}

/** A disk that refuses to look at one file while the test wants it. */
function refusing(name: string, code: string) {
  const disk = { refuses: false, looks: 0 };
  const files: Partial<Files> = {
    lstat: (path) => {
      if (!path.endsWith(name)) return realFiles.lstat(path);
      disk.looks++;
      return disk.refuses ? Promise.reject(errno(code)) : realFiles.lstat(path);
    },
  };
  return { disk, files };
}

for (const code of CODES) {
  test(`a pause that cannot be looked at (${code}) is looked at again, and it is said once`, async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const machine = makeMachine(t);
    const { disk, files } = refusing('pause.json', code);
    const said: string[] = [];
    const pauses = new Pauses(machine.boot(files), {
      directories: new Map([[machine.directory.path, machine.directory]]),
      by: 'test',
      emit: (event) => void said.push(event.kind === 'notice' ? event.message : event.kind),
    });
    await pauses.begin({ wake: () => {}, resumed: () => {} });
    t.after(() => pauses.close());
    disk.refuses = true;
    await tickUntil(t, 1_000, () => disk.looks > 3);
    assert.deepEqual(said, [`whether there is a pause cannot be looked at (${code}); trying again`]);

    machine.write(
      '.codex-worker/pause.json',
      JSON.stringify({
        id: 'a'.repeat(32),
        class: 'by-hand',
        reason: '',
        since: new Date(0).toISOString(),
        by: 'test',
        pid: 1,
        host: 'here',
      }),
    );
    disk.refuses = false;
    await tickUntil(t, 1_000, () => said.length > 1);
    assert.equal(said[1], 'paused');
  });

  test(`a ceiling that cannot be looked at (${code}) is looked at again, and it is said once`, async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const machine = makeMachine(t);
    const disk = { refuses: false, looks: 0 };
    const world = {
      ...machine.boot(),
      accounts: {
        answerTo: () => Promise.resolve(undefined),
        threadTotal: () => Promise.resolve(undefined),
        append: () => Promise.resolve(true),
        reader: () => ({
          read: () => {
            disk.looks++;
            return disk.refuses ? Promise.reject(errno(code)) : Promise.resolve([]);
          },
        }),
      },
    };
    const directories = [machine.directory];
    const ledger = new Ledger(world, directories);
    const ceilings = await Ceilings.begin(world, { since: 0, tokens: 5 }, ledger, directories);
    const said: string[] = [];
    ceilings.watch(
      () => assert.fail('nothing was spent'),
      (message) => void said.push(message),
    );
    t.after(() => ceilings[Symbol.dispose]());
    disk.refuses = true;
    await tickUntil(t, 1_000, () => disk.looks > 3);
    disk.refuses = false;
    await tickUntil(t, 1_000, () => disk.looks > 5);
    assert.deepEqual(said, [`what is spent here cannot be looked at (${code}); trying again`]);
  });

  test(`an agent whose tokens cannot be looked at (${code}) is ended once they can be, and are too many`, async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const disk = { refuses: true, looks: 0 };
    const accounts = {
      answerTo: () => Promise.resolve(undefined),
      threadTotal: () => {
        disk.looks++;
        const total = { input: 90, cached: 0, output: 20 };
        return disk.refuses ? Promise.reject(errno(code)) : Promise.resolve(total);
      },
      append: () => Promise.resolve(true),
      reader: () => ({ read: () => Promise.resolve([]) }),
    };
    const heard = new CodexListener();
    heard.line(JSON.stringify({ type: 'thread.started', thread_id: THREAD }));
    const ends: string[] = [];
    const child = { end: (why: string) => Promise.resolve(void ends.push(why)) };
    const running = { world: { ...makeMachine(t).boot(), accounts }, thread: undefined };
    const watch = watchSpending(running, { left: 100, limit: 100 }, child, heard);
    t.after(() => watch.stop());
    await tickUntil(t, 2_000, () => disk.looks > 3);
    assert.deepEqual(ends, []);
    assert.equal(heard.warnings.length, 1);
    assert.match(heard.warnings[0] ?? '', new RegExp(`\\(${code}\\)`));
    disk.refuses = false;
    await tickUntil(t, 2_000, () => ends.length > 0);
    assert.equal(ends[0], 'over-budget');
  });
}

test('a bug is no trouble of the disk, and is thrown', async () => {
  const look = tolerant(
    () => Promise.reject(new TypeError('a bug')),
    () => assert.fail('it is told as trouble'),
  );
  await assert.rejects(look(), /a bug/);
});
