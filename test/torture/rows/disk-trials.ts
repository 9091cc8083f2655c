/**
 * What the rows about disks try: a situation, one fault in the life of one process, a calm life after it, and the
 * judgement of both. The engine is the real one; its processes and their Codex are made up.
 */
import { ERRNOS, type Fault } from '../../rig/faulty-disk.ts';
import { Scene, type Deed, type SceneOptions } from '../../rig/made-up-scene.ts';
import { violation, type Violation } from '../../rig/violation.ts';
import { choose, pick, type Round } from '../row.ts';

const TASK = 'fix.md';
const LONE_RIGHT = `.break-${'b'.repeat(32)}.1`;
const LONE_LOG = `.exec_log-${TASK}.${'c'.repeat(32)}`;

interface Situation {
  readonly deed: Deed;
  readonly prepare: (scene: Scene, random: () => number) => Promise<void> | void;
}

/** A process that was killed at a call of its life, whichever it is. */
async function wreck(scene: Scene, random: () => number, times: number): Promise<void> {
  for (let i = 0; i < times; i++) await scene.live({ kind: 'killed', from: 45 + pick(random, 75) });
}

/** What the fault comes down on. */
export const SITUATIONS: Readonly<Record<string, Situation>> = {
  'a new task': { deed: 'run', prepare: (scene) => scene.task(TASK) },
  'a task that fails, and has failed before': {
    deed: 'run',
    prepare: (scene) => {
      scene.task(TASK, 'fail');
      scene.earlier(`failed_exec_log-${TASK}.txt`, 'an earlier failure\n');
    },
  },
  'a task whose owner was killed': {
    deed: 'run',
    prepare: async (scene, random) => {
      scene.task(TASK);
      await wreck(scene, random, 1);
    },
  },
  'a task whose owner and reaper were killed': {
    deed: 'run',
    prepare: async (scene, random) => {
      scene.task(TASK, choose(random, ['', 'fail']));
      await wreck(scene, random, 2);
    },
  },
  'what the janitor finds': {
    deed: 'run',
    prepare: (scene) => {
      scene.task(TASK);
      scene.write(LONE_RIGHT, 'a right to nothing\n');
      scene.write(LONE_LOG, '');
      scene.write(`in-progress-${TASK}`, 'codex-worker log\n');
    },
  },
  'a task that is reset': {
    deed: 'reset',
    prepare: async (scene) => {
      scene.task(TASK);
      await scene.live();
    },
  },
  'a completed task that runs again': {
    deed: 'rerun',
    prepare: async (scene) => {
      scene.task(TASK);
      await scene.live();
    },
  },
  'a damaged lock that is forced': {
    deed: 'force',
    prepare: (scene) => {
      scene.task(TASK);
      scene.write(`.lock-${TASK}`, 'not a lock\n');
    },
  },
};

type Manner = (errno: string, from: number, random: () => number) => Fault;

const MANNERS: Readonly<Record<string, Manner>> = {
  'fails once': (errno, from) => ({ kind: 'fails', errno, from, calls: 1 }),
  'fails for a while': (errno, from, random) => ({ kind: 'fails', errno, from, calls: 2 + pick(random, 30) }),
  'fails for good': (errno, from) => ({ kind: 'fails', errno, from, calls: Infinity }),
  'fails and had happened': (errno, from) => ({ kind: 'had-happened', errno, from }),
  'writes one half and fails': (errno, from) => ({ kind: 'short', errno, from }),
};

/** Situations with a manner of failing and an errno, and in each the Nth call for every N. */
export const COMBINATIONS = Object.keys(SITUATIONS).flatMap((situation) =>
  Object.keys(MANNERS).flatMap((manner) => ERRNOS.map((errno) => ({ situation, manner, errno }))),
);

export function combination(at: number): { situation: string; manner: string; errno: string } {
  const found = COMBINATIONS[at % COMBINATIONS.length];
  if (!found) throw new Error('there is nothing to try');
  return found;
}

export function faultOf(manner: string, errno: string, from: number, random: () => number): Fault {
  const make = MANNERS[manner];
  if (!make) throw new Error(`there is no manner ${manner}`);
  return make(errno, from, random);
}

interface Trial {
  readonly situation: string;
  readonly fault: Fault;
  readonly options: SceneOptions;
  /** Whether the fault may leave what a person has to break afterwards (`clean --force`): where there are no hard links. */
  readonly mayBeHeld: boolean;
}

interface Trialled {
  readonly violations: Violation[];
  readonly injected: number;
  readonly wasHeld: boolean;
}

/** Without hard links, a wreck that was killed between creating a lock or a right and filling it: documented, and a person's. */
const isUnfilled = (scene: Scene) =>
  scene.ls().some((name) => /^\.(?:lock|break)-/.test(name) && scene.read(name) === '');

/** One fault in one life, and what came of it; `injected` is 0 when there was no such call any more. */
async function tryOnce(round: Round, path: string, trial: Trial): Promise<Trialled> {
  const { situation, fault, options, mayBeHeld } = trial;
  const scene = new Scene(path, options);
  try {
    const how = SITUATIONS[situation];
    if (!how) throw new Error(`there is no situation ${situation}`);
    await how.prepare(scene, round.random);
    const wasUnfilled = options.hardLinks === false && isUnfilled(scene);
    const { injected, hit } = await scene.live(fault, how.deed);
    if (injected === 0) return { violations: [], injected, wasHeld: false };
    const calm = await scene.live();
    const wasHeld = calm.held.has(TASK);
    if (wasHeld && (how.deed === 'force' || mayBeHeld || wasUnfilled)) {
      const expected = calm.held.get(TASK) === 'completed' ? 0 : 1;
      if (calm.code !== expected) scene.found.push(violation('lied', `held, and it ended with ${calm.code}`));
      await scene.live(undefined, 'force');
    }
    const context = `${situation}: ${JSON.stringify(fault)}: ${hit}`;
    const violations = scene.judge().map(({ kind, what }) => ({ kind, what: `${what} [${context}]` }));
    return { violations, injected, wasHeld };
  } finally {
    scene.close();
  }
}

const MOST_CALLS = 1_000;
const AT_ONCE = 4;

/** The Nth call, for every N from 1 until no call is left, or something was found. */
export async function tryEveryCall(
  round: Round,
  trialOf: (from: number) => Trial,
  tell: (trialled: Trialled) => void,
): Promise<Violation[]> {
  const violations: Violation[] = [];
  let next = 1;
  let last = MOST_CALLS;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next <= last && violations.length === 0) {
        const from = next++;
        const trialled = await tryOnce(round, `${round.scratch}/${from}`, trialOf(from));
        violations.push(...trialled.violations);
        if (trialled.injected > 0) tell(trialled);
        else last = Math.min(last, from);
      }
    }),
  );
  return violations;
}
