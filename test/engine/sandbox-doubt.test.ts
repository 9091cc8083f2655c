import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { SandboxDoubt } from '../../src/engine/sandbox-doubt.ts';
import { CodexListener } from '../../src/io/codex-listener.ts';
import { scratch } from '../rig/scratch.ts';

const BROKEN = 'bwrap: Creating new namespace failed';

interface Scene {
  /** What Codex does when it is asked, as lines of sh. */
  readonly answer: string;
  readonly isCodex?: boolean;
  readonly mode?: 'read-only' | 'danger-full-access';
  readonly outputs: readonly string[];
}

/** An attempt whose commands print that, beside a Codex that answers so. */
async function attemptIn(t: TestContext, { answer, isCodex = true, mode = 'read-only', outputs }: Scene) {
  const root = scratch(t);
  const command = `${root}/codex`;
  writeFileSync(command, `#!/bin/sh\necho "$@" >> ${root}/asked\n${answer}\n`);
  chmodSync(command, 0o755);
  const settings = { mode, model: 'o4-mini', workingDirectory: root, codexConfig: ['a=1'] } as const;
  let ended = 0;
  const order = { codex: { command, launcher: command, isCodex }, settings };
  const doubt = new SandboxDoubt(order, process.env, () => void ended++);
  const heard = new CodexListener();
  for (const output of outputs) {
    const item = { type: 'command_execution', command: 'ls', aggregated_output: output, exit_code: 1 };
    heard.line(JSON.stringify({ type: 'item.completed', item }));
    doubt.look(heard);
  }
  const problem = await doubt.problem();
  const asked = existsSync(`${root}/asked`) ? readFileSync(`${root}/asked`, 'utf8') : '';
  return { problem, ended, asked, warnings: heard.warnings };
}

test('what a broken sandbox prints is a question to Codex, asked once; its answer ends the attempt', async (t) => {
  const answer = `echo "WARNING: bwrap is bundled" >&2; echo "${BROKEN}: why" >&2; exit 1`;
  const end = await attemptIn(t, { answer, outputs: ['fine', `${BROKEN}: x`, `${BROKEN}: y`] });
  assert.deepEqual(end.problem, { kind: 'sandbox-unusable', message: `${BROKEN}: why` });
  assert.deepEqual([end.ended, end.asked], [1, 'sandbox -c a=1 -- true\n']);
});

test('nothing is asked where nothing is doubtful, or where there is no sandbox', async (t) => {
  const outputs = ['a line\nbwrap: in the second line', 'the word bwrap: is in it'];
  assert.equal((await attemptIn(t, { answer: 'exit 1', outputs })).asked, '');
  const free = { answer: 'exit 1', mode: 'danger-full-access', outputs: [BROKEN] } as const;
  const { asked, warnings, problem } = await attemptIn(t, free);
  assert.deepEqual([asked, warnings, problem], ['', [], undefined]);
});

test('a sandbox that works was not meant; without an answer there is a warning, and the agent goes on', async (t) => {
  const outputs = [`${BROKEN}: x`];
  const works = await attemptIn(t, { answer: 'exit 0', outputs });
  assert.deepEqual([works.problem, works.ended, works.warnings], [undefined, 0, []]);
  const unclear = {
    'a version that does not know the question': { answer: 'echo "error: no such command" >&2; exit 2' },
    'a command of the user’s own, which is not asked': {
      answer: `echo "${BROKEN}" >&2; exit 1`,
      isCodex: false,
    },
  };
  for (const [what, scene] of Object.entries(unclear)) {
    const { problem, ended, warnings } = await attemptIn(t, { ...scene, outputs });
    const warning = `the sandbox could not run a command: ${BROKEN}: x`;
    assert.deepEqual([problem, ended, warnings], [undefined, 0, [warning]], what);
  }
});
