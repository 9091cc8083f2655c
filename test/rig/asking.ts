/**
 * A bench in which agents ask, without agents: claims made by hand, of processes that live, with made-up questions.
 *
 *     const asking = await makeAsking(t);
 *     const question = await asking.ask('fix.md', { asked: { kind: 'command', command: 'rm -rf build' } });
 *     assert.equal((await asking.bench.run(['approve', 'fix.md', '--yes'])).code, 0);
 *     assert.equal((await asking.answerTo(question))?.decision, 'approve');
 */
import { markerOf } from '../../src/core/task.ts';
import type { Answer, Question } from '../../src/core/question.ts';
import { answersFolder, readAnswer, removeAnswers } from '../../src/io/answer-file.ts';
import { realFiles } from '../../src/io/files.ts';
import type { HeldLock } from '../../src/io/lock-file.ts';
import { realProcesses, thisProcess } from '../../src/io/process-identity.ts';
import { removeQuestion, writeQuestion } from '../../src/io/question-file.ts';
import { claimRecord, makeClaim, taskDirectory } from '../io/rig.ts';
import type { Cleanup } from './cleanup.ts';
import { makeBench, type Bench, type RunningCli } from './cli.ts';
import { question } from './question.ts';

export interface Asking {
  readonly bench: Bench;
  /** Where answers are. */
  readonly answers: string;
  /** A question of the task's attempt, which is begun where there is none yet. */
  readonly ask: (task: string, more?: Partial<Question>) => Promise<Question>;
  readonly answerTo: (question: Question) => Promise<Answer | undefined>;
  /** As the owner does once it has heard the answer. */
  readonly take: (question: Question) => Promise<void>;
  /** The claim is released, with its answers, as at the end of an attempt. */
  readonly release: (task: string) => Promise<void>;
  /** The owner of the task dies. */
  readonly kill: (task: string) => Promise<void>;
}

export async function makeAsking(t: Cleanup): Promise<Asking> {
  const env: NodeJS.ProcessEnv = { XDG_STATE_HOME: undefined };
  const bench = await makeBench(t, env);
  env['HOME'] = bench.scratch;
  const answers = answersFolder(env);
  const directory = taskDirectory(bench.tasks);
  const held = new Map<string, { readonly lock: HeldLock; readonly owner: RunningCli; asked: number }>();

  const begin = async (task: string) => {
    await bench.write(task, 'Do it.\n');
    const owner = bench.launch('sleep', ['1000']);
    const stat = realProcesses.stat(owner.pid);
    if (typeof stat !== 'object') throw new Error('the owner does not live');
    const { host } = thisProcess();
    const record = claimRecord(task, { host, owner: { pid: owner.pid, start: stat.start } });
    const claim = { lock: await makeClaim(directory, record), owner, asked: 0 };
    t.after(() => claim.lock.close());
    held.set(task, claim);
    return claim;
  };
  const claimOf = (task: string) => {
    const claim = held.get(task);
    if (!claim) throw new Error(`${task} is not in progress`);
    return claim;
  };
  const end = async ({ owner }: { readonly owner: RunningCli }) => {
    owner.kill('SIGKILL');
    await owner.ended();
  };
  return {
    bench,
    answers,
    ask: async (task, more = {}) => {
      const claim = held.get(task) ?? (await begin(task));
      const asked = question({
        task,
        claim: claim.lock.record.claim,
        n: ++claim.asked,
        at: Date.now(),
        workingDirectory: bench.tasks,
        ...more,
      });
      await writeQuestion(realFiles, directory, thisProcess(), asked);
      return asked;
    },
    answerTo: ({ claim, n }) => readAnswer(realFiles, answers, claim, n),
    take: async ({ claim, n }) => void (await removeQuestion(realFiles, directory, claim, n)),
    release: async (task) => {
      const claim = claimOf(task);
      await removeAnswers(realFiles, answers, claim.lock.record.claim, claim.asked);
      await realFiles.unlink(`${bench.tasks}/${markerOf.lock(task)}`);
      held.delete(task);
      await end(claim);
    },
    kill: async (task) => {
      const { owner } = claimOf(task);
      await end({ owner });
    },
  };
}
