/** Contestants beside a reference, in turn: A B A B …, so that whatever slows the machine down slows both. */
import type { Bench } from './bench.ts';
import type { Contest, Entry, Figure, Kind, Limit, Place } from './goal.ts';
import { measure, type Cost, type Run } from './measure.ts';
import { median, pairedRatio, type Spread } from './statistics.ts';

export interface Contestant {
  readonly name: string;
  readonly kind: Kind;
  /** What costs are divided by: 1,000 tasks, say, for the cost of one. */
  readonly per?: number;
  /** Makes everything a run needs; not measured. */
  readonly prepare: () => Run;
}

interface Rules {
  readonly title: string;
  readonly place: Place | undefined;
  readonly reference: Contestant;
  readonly contestants: readonly Contestant[];
  readonly rounds: number;
  /** Time, when not given. */
  readonly about?: Contest['about'];
  /** Peak memory is then that of all processes together. Sampling takes time: no time of such a contest is shown. */
  readonly sampleMemory?: boolean;
}

/** Every contestant once beside the reference, and all of that `rounds` times. */
export async function hold(bench: Bench, rules: Rules): Promise<Contest> {
  const { title, place, reference, contestants, rounds } = rules;
  const runOnce = async ({ name, per = 1, prepare }: Contestant): Promise<Cost> => {
    const run = prepare();
    const cost = await measure(bench, run, rules.sampleMemory === true).catch((error: unknown) => {
      throw new Error(`${title}: ${name} did not do its work`, { cause: error });
    });
    if (run.garbage !== undefined) bench.discard(run.garbage, place);
    return divided(cost, per);
  };
  const pairs = contestants.map(() => ({ theirs: [] as Cost[], references: [] as Cost[] }));
  for (let round = 1; round <= rounds; round++) {
    bench.say(`${title}${place === undefined ? '' : ` (${place})`}: round ${round} of ${rounds}`);
    for (const [i, contestant] of contestants.entries()) {
      pairs[i]?.references.push(await runOnce(reference));
      pairs[i]?.theirs.push(await runOnce(contestant));
    }
  }
  const allReferences = pairs.flatMap(({ references }) => references);
  const entries = contestants.map((contestant, i) =>
    entryOf(contestant, pairs[i]?.theirs ?? [], pairs[i]?.references ?? []),
  );
  return {
    title,
    place,
    about: rules.about ?? 'time',
    entries: [entryOf(reference, allReferences, allReferences), ...entries],
  };
}

const divided = (cost: Cost, per: number): Cost => ({
  ...cost,
  wallMs: cost.wallMs / per,
  cpuMs: cost.cpuMs === undefined ? undefined : cost.cpuMs / per,
});

function entryOf({ name, kind }: Contestant, costs: readonly Cost[], references: readonly Cost[]): Entry {
  const all = (list: readonly Cost[], key: 'wallMs' | 'cpuMs' | 'peakMb') =>
    list.map((cost) => cost[key]).filter((value) => value !== undefined);
  const middle = (key: 'cpuMs' | 'peakMb') =>
    all(costs, key).length === costs.length ? median(all(costs, key)) : undefined;
  const ratio = (key: 'cpuMs' | 'peakMb') =>
    middle(key) === undefined ? undefined : pairedRatio(all(costs, key), all(references, key));
  return {
    name,
    kind,
    rounds: costs.length,
    wallMs: median(all(costs, 'wallMs')),
    cpuMs: middle('cpuMs'),
    peakMb: middle('peakMb'),
    wallRatio: pairedRatio(all(costs, 'wallMs'), all(references, 'wallMs')),
    cpuRatio: ratio('cpuMs'),
    peakRatio: ratio('peakMb'),
  };
}

/** The figure of one contestant beside its limit, by the contestant's name. */
export function figureOf(
  limit: Limit,
  contest: Contest,
  name: string,
  pick: (entry: Entry) => Spread | undefined,
): Figure {
  const entry = contest.entries.find((one) => one.name === name);
  const value = entry && pick(entry);
  return { limit, place: contest.place, value, ...(value ? {} : { why: `${name} did not run` }) };
}
