/** What the rows that start the built command line have in common: a bench, the fake Codex, and the calm pass at the end. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { makeBench, type Bench, type RunningCli } from '../rig/cli.ts';
import { hasOracle, makeFakeCodex, type FakeCodex } from '../rig/fake-codex.ts';
import { violation, type Violation } from '../rig/violation.ts';
import type { Round } from './row.ts';

const FALSE_WITNESS = fileURLToPath(new URL('../rig/false-witness.mjs', import.meta.url));

/** The environment of a process to which the machine shows what it is not: see `test/rig/false-witness.mjs`. */
export const falseWitness = (shown: Readonly<Record<string, string>>): NodeJS.ProcessEnv => ({
  NODE_OPTIONS: `--import ${FALSE_WITNESS}`,
  ...Object.fromEntries(Object.entries(shown).map(([name, value]) => [`WITNESS_${name}`, value])),
});

/** A shell in namespaces of its own: processes of the machine cannot be seen from it, only files. */
export const NAMESPACES = {
  pid: 'unshare --pid --fork --mount-proc',
  time: 'unshare --time --boottime 100000',
} as const;

/** Why a row cannot run without flock(1) and these namespaces; `undefined` when it can. */
export function missing(...namespaces: (keyof typeof NAMESPACES)[]): string | undefined {
  if (!hasOracle) return 'it needs Linux and flock(1) and setsid(1), of util-linux';
  for (const name of namespaces) {
    const { status } = spawnSync('/bin/sh', ['-c', `${NAMESPACES[name]} true`], { stdio: 'ignore' });
    if (status !== 0) return `it may not make a ${name} namespace (${NAMESPACES[name]})`;
  }
  return undefined;
}

export interface CliScene {
  readonly bench: Bench;
  readonly codex: FakeCodex;
  readonly start: (args?: readonly string[], env?: NodeJS.ProcessEnv) => RunningCli;
  /** Lines of bash in which `codex-worker` is the built one. */
  readonly shell: (script: string, env?: NodeJS.ProcessEnv) => ReturnType<Bench['shell']>;
  /** How many attempts have started. */
  readonly starts: () => Promise<number>;
  /** Waits until so many have. */
  readonly started: (n: number) => Promise<void>;
  /** Lets the agents end whose task says `until=NAME`. */
  readonly release: (name: string) => Promise<void>;
  /** The pass that must put everything right, and everything that is wrong after it. */
  readonly calm: () => Promise<Violation[]>;
}

export async function makeCliScene(round: Round): Promise<CliScene> {
  const bench = await makeBench(round);
  const codex = await makeFakeCodex(bench, round.backend);
  const environment = (env: NodeJS.ProcessEnv = {}) => ({ env: { ...codex.env, ...env } });
  const starts = async () => (await codex.history()).filter((line) => line.startsWith('start ')).length;
  return {
    bench,
    codex,
    start: (args = [], env) => bench.start(args, environment(env)),
    shell: (script, env) => bench.shell(script, environment(env)),
    starts,
    started: async (n) =>
      void (await bench.until(`${n} attempts have started`, async () => (await starts()) >= n)),
    release: (name) => bench.write(`../fake/${name}`, ''),
    calm: async () => {
      const { code, stdout, stderr } = await bench.run([], environment());
      const found = await codex.violations();
      if (code !== 0) found.push(violation('lied', `the calm run ended with ${code}: ${stdout}${stderr}`));
      return found;
    },
  };
}
