import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBench } from '../rig/cli.ts';

test(
  'a limit of open files that is too low is said at once, however low it is',
  { skip: process.platform === 'linux' ? false : 'the limit is read from /proc' },
  async (t) => {
    const bench = await makeBench(t, { CODEX_CMD: '/bin/false' });
    await bench.write('fix.md', 'Fix it.\n');
    for (const limit of [24, 28, 32, 60]) {
      const { code, stderr } = await bench.shell(`ulimit -n ${limit}; exec codex-worker -c 2`);
      assert.equal(code, 3, stderr);
      assert.match(stderr, /needs about \d+ open files, and the limit is/);
    }
    assert.deepEqual(await bench.ls(), ['fix.md']);
  },
);
