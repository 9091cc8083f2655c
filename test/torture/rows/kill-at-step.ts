/**
 * SIGKILL just before each file system call that a process makes between its start and its end. Each round takes one
 * story and one step of it, then kills some of the processes that come to put that right, each at a random step.
 */
import { violation, type Violation } from '../../rig/violation.ts';
import { pick, type Round, type Row } from '../row.ts';
import {
  makeCrashScene,
  needsOracle,
  OUTCOME_RECORDED,
  AGENT_WORKED,
  PUBLISHED,
  runUntil,
  stepOf,
  watchersAreDone,
} from '../crash-scene.ts';

interface Story {
  readonly name: string;
  /** The words of each task's prompt. */
  readonly tasks: Readonly<Record<string, string>>;
  /** Processes that are killed before the story begins, each just before the first step that matches. */
  readonly wrecks?: readonly RegExp[];
  /** A calm run before the story begins. */
  readonly completed?: true;
  /** What is killed at every step. */
  readonly command: readonly string[];
  /** At least as many as it takes; the row says so when it takes more. */
  readonly steps: number;
}

const ONE = { 'fix.md': 'hold=0.02 grandchild' };

const STORIES: readonly Story[] = [
  { name: 'a calm owner', tasks: ONE, command: [], steps: 54 },
  { name: 'a task that fails', tasks: { 'fix.md': 'fail' }, command: [], steps: 54 },
  { name: 'a reaper, the agent worked', tasks: ONE, wrecks: [AGENT_WORKED], command: [], steps: 64 },
  { name: 'a reaper, outcome recorded', tasks: ONE, wrecks: [OUTCOME_RECORDED], command: [], steps: 35 },
  { name: 'a reaper, published', tasks: ONE, wrecks: [PUBLISHED], command: [], steps: 27 },
  {
    name: 'a reaper, two wrecks',
    tasks: { ...ONE, 'mend.md': 'hold=0.3' },
    wrecks: [OUTCOME_RECORDED],
    command: ['-c', '2'],
    steps: 90,
  },
  {
    name: 'the second owner of a retry',
    tasks: { 'fix.md': 'retry=1' },
    wrecks: [OUTCOME_RECORDED],
    command: ['-r', '5'],
    steps: 70,
  },
  {
    name: 'a reaper, the third death',
    tasks: ONE,
    wrecks: [AGENT_WORKED, AGENT_WORKED, AGENT_WORKED],
    command: [],
    steps: 50,
  },
  { name: 'reset', tasks: ONE, completed: true, command: ['reset', '--force'], steps: 31 },
  { name: 'clean', tasks: ONE, wrecks: [AGENT_WORKED], command: ['clean', '--yes'], steps: 27 },
];

/** A control is aimed at the gap that it opens; the kills in it are the same. */
const AIMS: Readonly<Record<string, RegExp>> = {
  'lock-in-place': /^write \.lock-/,
  'copied-result': /^write done_/,
  'early-release': /^rename \.exec_log-.* done_/,
};

/** A log of an earlier failure, which must still be somewhere at the end. */
const EARLIER = 'an earlier failure\n';
const CHAIN = { least: 2, most: 5 };

async function playRound(round: Round): Promise<Violation[]> {
  const { random, index } = round;
  const story = STORIES[round.control === undefined ? index % STORIES.length : 0];
  if (!story) throw new Error('there are no stories');
  const scene = await makeCrashScene(round);
  const { bench, codex } = scene;
  for (const [task, words] of Object.entries(story.tasks)) await codex.task(task, words);
  await bench.write('failed_exec_log-fix.md.txt', EARLIER);

  const found: Violation[] = [];
  if (story.completed) await runUntil(scene, [], 'nowhere');
  for (const before of story.wrecks ?? []) {
    const { isKilled } = await runUntil(scene, story.command[0] === 'clean' ? [] : story.command, { before });
    if (!isKilled) found.push(violation('lied', `${story.name}: no step matches ${before}`));
    // Calm wrecks: what a watcher does in the meantime has its turn in the chain below.
    await watchersAreDone(scene);
  }
  const aim = AIMS[round.control ?? ''];
  const at = stepOf(Math.floor(index / STORIES.length), story.steps);
  const { isKilled, steps } = await runUntil(scene, story.command, aim ? { before: aim } : { at });
  if (!isKilled && steps > story.steps)
    found.push(violation('lied', `${story.name} takes ${steps} steps, and the row knows of ${story.steps}`));
  for (let more = CHAIN.least + pick(random, CHAIN.most - CHAIN.least + 1); more > 0; more--) {
    if (random() < 0.3) await watchersAreDone(scene);
    await runUntil(scene, ['-r', '5'], { at: 10 + pick(random, 45) });
  }
  if (random() < 0.3) await watchersAreDone(scene);
  found.push(...(await scene.putRight({ wasReset: story.command[0] === 'reset' })));
  const ended = await bench.ls('.codex-worker/ended');
  const logs = await Promise.all(
    [...ended.map((name) => `.codex-worker/ended/${name}`), 'failed_exec_log-fix.md.txt'].map((name) =>
      bench.read(name).catch(() => ''),
    ),
  );
  if (!logs.includes(EARLIER)) found.push(violation('lost', 'the log of the earlier failure'));
  const context = `[${story.name}, killed at step ${at}] `;
  return found.map(({ kind, what }) => violation(kind, context + what));
}

export const killAtStep: Row = {
  name: 'kill-at-step',
  about: 'SIGKILL before each file system call of a run, of its reapers and theirs, of reset and clean',
  share: 4,
  systematic: STORIES.reduce((all, { steps }) => Math.max(all, steps), 0) * STORIES.length,
  controls: { 'lock-in-place': 'lost', 'copied-result': 'lost', 'early-release': 'double' },
  unavailable: needsOracle,
  round: playRound,
};
