/** What a process that died after it had finished left: a lock with an outcome, and its log. To be damaged, and judged. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { judgeTask, type Verdict } from '../../src/engine/reaper.ts';
import { SilenceWatch } from '../../src/engine/silence.ts';
import type { World } from '../../src/engine/world.ts';
import type { Files } from '../../src/io/files.ts';
import { makeClaim, makeMachine, type Machine } from '../engine/machine.ts';
import type { Round } from './row.ts';

export const LOCK = '.lock-fix.md';

export interface Wreck {
  readonly machine: Machine;
  readonly me: World;
  readonly owner: World;
  /** A sound lock of a dead owner that had finished, and its log. */
  readonly lock: Buffer;
  readonly claim: string;
  readonly log: Buffer;
  readonly at: (name: string) => string;
  readonly judge: () => Promise<Verdict>;
}

export async function makeWreck(round: Round, files: Partial<Files> = {}): Promise<Wreck> {
  const machine = makeMachine(round);
  const owner = machine.boot();
  const me = machine.boot(files);
  const claim = await makeClaim(owner, machine, { outcome: 'done' });
  await claim.close();
  machine.kill(owner);
  const at = (name: string) => path.join(machine.directory.path, name);
  const silence = new SilenceWatch(me.uptimeMs);
  return {
    machine,
    me,
    owner,
    lock: readFileSync(at(LOCK)),
    claim: claim.id,
    log: readFileSync(claim.log.path),
    at,
    judge: (world = me) => judgeTask(world, machine.directory, 'fix.md', { silence, isInHand: () => false }),
  };
}

/** The scene as it was: the sound lock, its log, no result. */
export function restore({ at, lock, claim, log, machine }: Wreck): void {
  for (const name of machine.ls())
    if (name !== 'fix.md' && name !== '.codex-worker') rmSync(at(name), { recursive: true });
  rmSync(at('.codex-worker/ended'), { recursive: true, force: true });
  writeFileSync(at(LOCK), lock);
  writeFileSync(at(`.exec_log-fix.md.${claim}`), log);
}
