/** Which questions wait for somebody: those whose claim the lock of their task still holds, and whose owner is not known to be dead. */
import type { ProcessIdentity } from '../core/claim.ts';
import type { Question } from '../core/question.ts';
import { readQuestions } from '../io/question-file.ts';
import type { TaskDirectory } from '../io/task-directory.ts';
import { readLock } from '../io/lock-file.ts';
import { judgeLock } from './reaper.ts';
import { SilenceWatch } from './silence.ts';
import type { World } from './world.ts';

export interface Hearer {
  /** `gone`: its claim was released, or never was. `dead`: the next run puts that right. */
  readonly kind: 'listens' | 'dead' | 'gone';
  /** Who asked, as the lock says; a lock is data, and may name anybody. */
  readonly owner?: ProcessIdentity;
}

/** Who hears an answer to this question. */
export async function whoHears(
  world: World,
  directory: TaskDirectory,
  { task, claim }: Question,
): Promise<Hearer> {
  const lock = await readLock(world.files, directory, task);
  if (lock.kind !== 'claim' || lock.record.claim !== claim || lock.outcome) return { kind: 'gone' };
  const judging = { silence: new SilenceWatch(world.uptimeMs), isInHand: () => true };
  const verdict = judgeLock(world, directory, lock, judging);
  if (verdict.kind === 'free' || verdict.kind === 'damaged') return { kind: 'gone' };
  return { kind: verdict.kind === 'dead' ? 'dead' : 'listens', owner: verdict.owner };
}

/** Oldest first; those of dead owners beside, which nobody can answer any more. */
export async function openQuestions(
  world: World,
  directory: TaskDirectory,
): Promise<{ readonly open: readonly Question[]; readonly unheard: readonly Question[] }> {
  const open: Question[] = [];
  const unheard: Question[] = [];
  for (const question of await readQuestions(world.files, directory)) {
    const { kind } = await whoHears(world, directory, question);
    if (kind === 'listens') open.push(question);
    if (kind === 'dead') unheard.push(question);
  }
  return { open, unheard };
}
