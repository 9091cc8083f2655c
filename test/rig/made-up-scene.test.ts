import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDoors } from './made-up-machine.ts';
import { Scene } from './made-up-scene.ts';

test('a process that was killed does nothing more, wherever it was', async (t) => {
  openDoors(t);
  const scratch = mkdtempSync(path.join(tmpdir(), 'codex-worker-scene-'));
  t.after(() => rmSync(scratch, { recursive: true, force: true }));
  const machines = [];
  let killed = 0;
  for (let from = 5; from <= 125; from += 4) {
    const scene = new Scene(path.join(scratch, String(from)));
    t.after(() => scene.close());
    scene.task('fix.md');
    if ((await scene.live({ kind: 'killed', from })).end === 'killed') killed++;
    machines.push(scene.machine);
  }
  assert.ok(killed > 20, `${killed} were killed`);
  // Its waits of seconds come at once here, and move the machine's clock.
  await sleep(50);
  const clocks = machines.map(({ now }) => now);
  await sleep(100);
  assert.deepEqual(
    machines.map(({ now }) => now),
    clocks,
  );
});
