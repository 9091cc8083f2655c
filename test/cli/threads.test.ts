/** When the built program starts worker threads, and what it says when it cannot. */
import assert from 'node:assert/strict';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeBench } from '../rig/cli.ts';

const DIST = fileURLToPath(new URL('../../dist', import.meta.url));

test('threads start when there is something for them to do, and only then', async (t) => {
  const bench = await makeBench(t, { CODEX_CMD: '/bin/true' });
  const preload = path.join(bench.scratch, 'note-threads.mjs');
  const noted = path.join(bench.scratch, 'noted');
  await writeFile(
    preload,
    `import { appendFileSync } from 'node:fs';
     import { isMainThread } from 'node:worker_threads';
     appendFileSync(${JSON.stringify(noted)}, isMainThread ? 'main ' : 'thread ');`,
  );
  const threadsOf = async (args: readonly string[]) => {
    await writeFile(noted, '');
    const { code, stderr } = await bench.run(args, { env: { NODE_OPTIONS: `--import=${preload}` } });
    assert.equal(code, 0, stderr);
    return (await readFile(noted, 'utf8')).trim().split(' ');
  };
  for (const name of ['a', 'b', 'c']) await bench.write(`${name}.md`, 'Do it.\n');
  assert.deepEqual(await threadsOf(['--mode', 'dry-run']), ['main']);
  assert.deepEqual(await threadsOf(['a.md']), ['main', 'thread']);
  assert.deepEqual(await threadsOf(['a.md']), ['main'], 'a run with nothing to do');
  assert.deepEqual(await threadsOf(['--concurrency', '200']), ['main', 'thread']);
  assert.deepEqual(await threadsOf([]), ['main']);
});

test('a program without what its threads load says so, runs nothing and leaves nothing', async (t) => {
  const bench = await makeBench(t, { CODEX_CMD: '/bin/true' });
  await bench.write('fix.md', 'Fix it.\n');
  const copy = path.join(bench.scratch, 'program');
  await cp(DIST, copy, { recursive: true });
  await rm(path.join(copy, 'workers'), { recursive: true });
  const { code, stderr } = await bench.shell(`exec node ${copy}/src/cli.js --quiet`);
  assert.match(stderr, /codex-worker is not installed whole: Cannot find module .*attempt\.js/);
  assert.equal(code, 3);
  assert.deepEqual(await bench.leftovers(), []);
  assert.deepEqual(await bench.ls(), ['.codex-worker', 'fix.md']);
});
