/**
 * The main process is killed with SIGKILL just before each file system call that it makes between its start and its
 * end, one run for each; then one calm run must put right whatever that left. The same for the process that puts right.
 */
import assert from 'node:assert/strict';
import { cp, mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeBench, type Bench } from '../rig/cli.ts';
import { assertNoViolations, hasOracle, makeFakeCodex, type FakeCodex } from '../rig/fake-codex.ts';
import { violation, type Violation } from '../rig/violation.ts';

const PRELOAD = fileURLToPath(new URL('../rig/kill-at-step.mjs', import.meta.url));
const TASK = 'fix.md';
/** A log of an earlier failure, which must still be somewhere at the end. */
const EARLIER = 'an earlier failure\n';
const skip = hasOracle ? false : 'needs flock(1)';

interface Scene {
  readonly bench: Bench;
  readonly codex: FakeCodex;
  /** Runs the CLI with the preload; `at` is the step to be killed at. Returns the steps that it took, as text. */
  killedAt(at: number | undefined, guard?: string): Promise<{ steps: string[]; code: number | null }>;
}

async function makeScene(t: TestContext): Promise<Scene> {
  const bench = await makeBench(t);
  const codex = await makeFakeCodex(bench);
  await codex.task(TASK, 'hold=0.05 grandchild');
  await bench.write(`failed_exec_log-${TASK}.txt`, EARLIER);
  let runs = 0;
  return {
    bench,
    codex,
    killedAt: async (at, guard) => {
      const trace = path.join(bench.scratch, `trace-${++runs}`);
      const { code } = await bench.run([], {
        env: {
          ...codex.env,
          NODE_OPTIONS: `--import ${PRELOAD}`,
          KILL_IN: bench.tasks,
          KILL_TRACE: trace,
          ...(at === undefined ? {} : { KILL_AT: String(at) }),
          ...(guard === undefined ? {} : { KILL_GUARD: guard }),
        },
      });
      const steps = (await readFile(trace, 'utf8')).trimEnd().split('\n');
      return { steps: steps.map((line) => line.replaceAll(/\b[0-9a-f]{32}\b/g, 'X')), code };
    },
  };
}

/** The calm run, and everything that is wrong after it. */
async function repair({ bench, codex }: Scene): Promise<Violation[]> {
  const { code, stdout, stderr } = await bench.run([], { env: codex.env });
  const faults = await codex.violations();
  const ended = await Promise.all(
    (await bench.ls('.codex-worker/ended')).map((name) => bench.read(`.codex-worker/ended/${name}`)),
  );
  if (!ended.includes(EARLIER)) faults.push(violation('lost', 'the log of the earlier failure'));
  if (code !== 0) faults.push(violation('lied', `the calm run ended with ${code}: ${stdout}${stderr}`));
  return faults;
}

/** Two at a time, so that it is over while somebody still watches. */
async function inTwoLanes(work: (lane: number) => Promise<void>): Promise<void> {
  await Promise.all([work(0), work(1)]);
}

test(
  'killed at any step from its start to its end, a run is put right by the next one',
  { skip },
  async (t) => {
    let kills = 0;
    let next = 1;
    let last = Infinity;
    await inTwoLanes(async () => {
      while (next <= last) {
        const at = next++;
        const scene = await makeScene(t);
        const { steps, code } = await scene.killedAt(at);
        if (code !== null) last = Math.min(last, at - 1);
        else kills++;
        // Every other time the next run finds the orphans still alive, and has to end them itself.
        if (at % 2 === 0)
          await scene.bench.until(
            'the watcher has ended the orphans',
            async () => (await scene.bench.agents()).length === 0,
          );
        assertNoViolations(await repair(scene), `killed just before step ${steps.at(-1)}`);
        await rm(scene.bench.tasks, { recursive: true });
      }
    });
    t.diagnostic(`${kills} kills`);
    assert.ok(kills > 40, `only ${kills} kills: the preload does not see the steps`);
  },
);

/** A directory as a killed run left it, to be copied: what a lock file says holds wherever it lies. */
async function makeWreck(t: TestContext, killBefore: RegExp): Promise<Scene> {
  const calm = await makeScene(t);
  const { steps } = await calm.killedAt(undefined);
  const at = steps.findIndex((step) => killBefore.test(step)) + 1;
  assert.ok(at > 0, `no step matches ${killBefore}:\n${steps.join('\n')}`);
  const wreck = await makeScene(t);
  await wreck.killedAt(at);
  await wreck.bench.until(
    'the watcher has ended the orphans',
    async () => (await wreck.bench.agents()).length === 0,
  );
  return wreck;
}

for (const [name, killBefore] of [
  ['while the agent worked', /writeSync .*\.jsonl$/],
  ['after the outcome was recorded', /rename \.exec_log-fix\.md\.X done_/],
  ['after the result was published', /unlink \.lock-/],
] as const) {
  test(
    `an owner was killed ${name}; killed at any step too, its reaper is put right by the next run`,
    { skip },
    async (t) => {
      const wreck = await makeWreck(t, killBefore);
      const sceneOfWreck = async () => {
        const scene = await makeScene(t);
        await rm(scene.bench.tasks, { recursive: true });
        await mkdir(scene.bench.tasks);
        await cp(wreck.bench.tasks, scene.bench.tasks, { recursive: true, preserveTimestamps: true });
        await cp(path.join(wreck.bench.scratch, 'fake'), path.join(scene.bench.scratch, 'fake'), {
          recursive: true,
        });
        return scene;
      };
      const { steps: all, code } = await (await sceneOfWreck()).killedAt(undefined);
      assert.equal(code, 0);
      const claim = all.findIndex((step) => /open \.codex-worker\/tmp\/X\./.test(step));
      const steps = claim < 0 ? all.length : claim; // what comes after its own claim is the test above
      let next = 1;
      let kills = 0;
      await inTwoLanes(async () => {
        while (next <= steps) {
          const at = next++;
          const scene = await sceneOfWreck();
          const killed = await scene.killedAt(at);
          if (killed.code === null) kills++;
          assertNoViolations(
            await repair(scene),
            `the reaper was killed just before step ${killed.steps.at(-1)}`,
          );
          await rm(scene.bench.tasks, { recursive: true });
        }
      });
      t.diagnostic(`${kills} kills`);
      assert.ok(kills >= steps - 2, `only ${kills} kills at ${steps} steps`);
    },
  );
}

test('the harness notices when a lock file does not appear complete', { skip }, async (t) => {
  const calm = await makeScene(t);
  const { steps } = await calm.killedAt(undefined, 'lock-in-place');
  const at = steps.findIndex((step) => /write \.lock-/.test(step)) + 1;
  const scene = await makeScene(t);
  await scene.killedAt(at, 'lock-in-place');
  const faults = await repair(scene);
  assert.ok(
    faults.some(({ kind }) => kind === 'lost'),
    JSON.stringify(faults),
  );
});
