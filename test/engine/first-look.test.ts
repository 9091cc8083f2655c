import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import type { RunOptions } from '../../src/core/options.ts';
import { Marks, type Task } from '../../src/core/task.ts';
import { lookFirst } from '../../src/engine/first-look.ts';
import { realFiles } from '../../src/io/files.ts';
import { scratch } from '../rig/scratch.ts';

/** Of `Fix it.` and a line feed. */
const HASH = 'ffe174147c2f9ac3269269f8b5c90afaf9133cb07628baf3fe951cf04c5f7eca';
const RETRY = { retryFailed: true, rerunCompleted: false, rerunChanged: false } as RunOptions;

for (const [result, options] of [
  ['failed_exec_log-fix.md.txt', RETRY],
  ['done_exec_log-fix.md.txt', { ...RETRY, rerunCompleted: true }],
] as const)
  test(`a task whose ${result} has gone since the listing is looked at again`, async (t) => {
    const directory = scratch(t);
    const task: Task = { directory, name: 'fix.md', label: 'fix.md' };
    writeFileSync(`${directory}/fix.md`, 'Fix it.\n');
    const listings = new Map([[directory, { marks: Marks.of(['fix.md', result]) }]]);
    const gone = await lookFirst(realFiles, [task], options, listings);
    assert.deepEqual([...gone.unsettled], [task]);
    assert.equal(gone.priors.size, 0);

    writeFileSync(`${directory}/${result}`, 'codex-worker log\n');
    const there = await lookFirst(realFiles, [task], options, listings);
    assert.equal(there.unsettled.size, 0);
    assert.equal(there.priors.size, 1);
  });

for (const [text, isTaken] of [
  ['Fix it.\n', false],
  ['Fix it better.\n', true],
  ['', true],
  ['x'.repeat(1_048_577), true],
] as const)
  test(`a completed task whose file has ${text.length} bytes now is ${isTaken ? '' : 'not '}taken again by --rerun-changed`, async (t) => {
    const directory = scratch(t);
    const task: Task = { directory, name: 'fix.md', label: 'fix.md' };
    writeFileSync(`${directory}/fix.md`, text);
    writeFileSync(
      `${directory}/done_exec_log-fix.md.txt`,
      `codex-worker log\nattempt:   1\nclaim:     ${'a'.repeat(32)}\nprompt:    ${HASH} (sha256, 8 bytes)\n${'-'.repeat(80)}\n`,
    );
    const { priors } = await lookFirst(realFiles, [task], { ...RETRY, rerunChanged: true });
    assert.equal(priors.has(task), isTaken);
  });
