/** A night as it is drawn from its seed: the tasks, the weather over the model, and when something is killed. */
import { seeded } from '../rig/random.ts';
import type { Spell } from '../rig/weather.ts';
import { unreachable } from '../../src/core/unreachable.ts';

export const TASK_KINDS = ['plain', 'repaired', 'idle', 'hopeless', 'refused'] as const;
/**
 *   plain     its first turn does it
 *   repaired  its first turn does it wrong, and the next one right once it is told what the check said
 *   idle      changes nothing, and says that it is done
 *   hopeless  does it wrong however often it is told
 *   refused   the model refuses the prompt
 */
export type TaskKind = (typeof TASK_KINDS)[number];

export interface NightTask {
  /** Also of its effect. */
  readonly name: string;
  readonly kind: TaskKind;
  readonly prompt: string;
}

/** One SIGKILL: of a terminal, or of the one process where there is one only. */
export type Kill =
  /** When so many tasks have a result. */
  | { readonly kind: 'progress'; readonly results: number; readonly terminal: number }
  /** So long after the first usage limit began. */
  | { readonly kind: 'limit'; readonly afterMs: number; readonly terminal: number };

export interface NightPlan {
  readonly seed: number;
  readonly tasks: readonly NightTask[];
  readonly spells: readonly Spell[];
  readonly kills: readonly Kill[];
  readonly terminals: number;
  /** Agents at once in all terminals together. */
  readonly agents: number;
  /** A person ends the pause for a limit as soon as that is lifted; else the terminals find out by themselves. */
  readonly isLiftedByHand: boolean;
  /** Attempts at one task, the first included. */
  readonly attempts: number;
}

export interface NightSize {
  readonly seed: number;
  readonly tasks: number;
  readonly terminals: number;
  /** About a minute; nobody waits for the end of a limit, which Codex says to the minute only. */
  readonly quick: boolean;
}

/** What the check says of a task that is not right, and what a model that repairs it waits for. */
export const COMPLAINT = 'is not as it should be';
const SHARES: readonly (readonly [TaskKind, number])[] = [
  ['repaired', 0.08],
  ['idle', 0.03],
  ['hopeless', 0.02],
  ['refused', 0.02],
];
/** A task asks once to write and once to finish. */
const REQUESTS_PER_TASK = 2;

export const isCompletable = ({ kind }: NightTask): boolean => kind === 'plain' || kind === 'repaired';

/** Relative to where the agents work. */
export const effectOf = (name: string): string => `out/${name}.txt`;
export const rightContent = (name: string): string => `${name} is right\n`;

/** What the model says at the end of the turn that does it; of a task that cannot be done it is never said. */
export const lastWordOf = ({ name, kind }: Pick<NightTask, 'name' | 'kind'>): string =>
  `${name} is ${kind === 'repaired' ? 'mended' : kind === 'plain' ? 'done' : 'hopeless'}.`;

/** The task that a prompt of the night is of; `undefined` for any other. */
export const taskIn = (prompt: string): string | undefined => /^Task (t\d+)\./.exec(prompt)?.[1];

/** For `sh`, with the file of the task as `$1`, where the agents work: fails, and says what is wrong, until the task is done. */
export const CHECK = `name=$(basename "$1" .md)
file="out/$name.txt"
if [ ! -f "$file" ]; then echo "$file is not there"; exit 1; fi
if [ "$(cat "$file")" = "$name is right" ]; then exit 0; fi
echo "$file ${COMPLAINT}: $(cat "$file")"
exit 1
`;

export function planNight({ seed, tasks: count, terminals, quick }: NightSize): NightPlan {
  const random = seeded(seed);
  const attempts = quick ? 4 : 5;
  const between = (low: number, high: number) => low + Math.floor(random() * (high - low + 1));
  const kinds = SHARES.flatMap(([kind, share]) =>
    Array.from({ length: Math.max(1, Math.round(count * share)) }, () => kind),
  );
  const tasks = shuffled(
    Array.from({ length: count }, (_, i) => kinds[i] ?? 'plain'),
    random,
  ).map((kind, i) => {
    const name = `t${String(i + 1).padStart(3, '0')}`;
    return { name, kind, prompt: promptOf(name, kind, between(100, quick ? 400 : 1_500), attempts) };
  });
  const requests = count * REQUESTS_PER_TASK;
  /** A request in the given part of the night, of 0 to 1. */
  const during = (from: number, to: number) =>
    Math.max(2, Math.round(requests * (from + random() * (to - from))));
  const spells: Spell[] = quick
    ? [
        { kind: 'limit', from: during(0.25, 0.4), seconds: 6 },
        { kind: 'busy', from: during(0.1, 0.8), seconds: 1 },
        { kind: 'down', from: during(0.1, 0.8), seconds: 1, status: 503 },
        { kind: 'model-refused', from: during(0.5, 0.7) },
        { kind: 'cut', from: during(0.1, 0.9) },
        { kind: 'hang', from: during(0.1, 0.6) },
      ]
    : [
        { kind: 'limit', from: during(0.15, 0.3), seconds: 20 },
        { kind: 'limit', from: during(0.55, 0.75), seconds: 20 },
        { kind: 'model-refused', from: during(0.3, 0.6) },
        ...several(3, () => ({ kind: 'busy', from: during(0.05, 0.95), seconds: between(2, 4) }) as const),
        ...several(4, () => {
          const status = random() < 0.5 ? 500 : 503;
          return { kind: 'down', from: during(0.05, 0.95), seconds: between(1, 3), status } as const;
        }),
        ...several(count / 25, () => ({ kind: 'cut', from: during(0, 1) }) as const),
        ...several(count / 50, () => ({ kind: 'hang', from: during(0, 1) }) as const),
      ];
  const anyTerminal = () => between(1, terminals);
  const kills: Kill[] = [
    ...several(quick ? 1 : count / 50, () => ({
      kind: 'progress' as const,
      results: Math.round(count * (0.1 + 0.75 * random())),
      terminal: anyTerminal(),
    })).sort((a, b) => a.results - b.results),
    ...(quick ? [] : [{ kind: 'limit' as const, afterMs: between(5_000, 15_000), terminal: anyTerminal() }]),
  ];
  return {
    seed,
    tasks,
    spells,
    kills,
    terminals,
    agents: terminals * (quick ? 2 : 3),
    isLiftedByHand: quick,
    attempts,
  };
}

function several<T>(n: number, draw: () => T): T[] {
  return Array.from({ length: Math.max(1, Math.round(n)) }, draw);
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/** How it goes, as the scripted model reads it; the first line is how the task of a request is known. */
function promptOf(name: string, kind: TaskKind, thinkMs: number, attempts: number): string {
  const file = effectOf(name);
  const think = `[[sleep ${thinkMs}]]`;
  const wrong = (n: number) => `[[write ${file}: ${name} is wrong, for the ${n}. time]]`;
  const lines = () => {
    switch (kind) {
      case 'plain':
        return [think, `[[write ${file}: ${name} is right]]`, `[[say ${lastWordOf({ name, kind })}]]`];
      case 'repaired':
        return [
          think,
          wrong(1),
          `[[say ${name} is done.]]`,
          `[[told ${COMPLAINT}]]`,
          `[[write ${file}: ${name} is right]]`,
          `[[say ${lastWordOf({ name, kind })}]]`,
        ];
      case 'idle':
        return [think, `[[say There is nothing to do about ${name}.]]`];
      case 'hopeless':
        return Array.from({ length: attempts }, (_, n) => [
          ...(n === 0 ? [think] : [`[[told ${COMPLAINT}]]`]),
          wrong(n + 1),
          `[[say ${name} is done.]]`,
        ]).flat();
      case 'refused':
        return [think, '[[status 400 invalid_prompt]]'];
      default:
        return unreachable(kind);
    }
  };
  return [`Task ${name}. ${file} shall say that it is right.`, '', ...lines(), ''].join('\n');
}

/** The plan for people: enough to see that two nights are the same. */
export function describePlan({ seed, tasks, spells, kills, terminals, agents, attempts }: NightPlan): string {
  const of = (kind: TaskKind) => tasks.filter((task) => task.kind === kind).map(({ name }) => name);
  return [
    `seed       ${seed}`,
    `terminals  ${terminals}, ${agents} agents at once, up to ${attempts} attempts at a task`,
    `tasks      ${tasks.length}, of which ${of('plain').length} plain`,
    ...TASK_KINDS.filter((kind) => kind !== 'plain').map(
      (kind) => `  ${kind.padEnd(9)}${of(kind).length}: ${of(kind).join(' ')}`,
    ),
    'weather    by requests that came in fair weather',
    ...spells
      .toSorted((a, b) => a.from - b.from)
      .map((spell) => `  ${String(spell.from).padStart(6)}   ${describeSpell(spell)}`),
    'kills',
    ...kills.map(
      (kill) =>
        `  terminal ${kill.terminal}, ${kill.kind === 'progress' ? `at ${kill.results} results` : `${kill.afterMs} ms after the first limit began`}`,
    ),
  ].join('\n');
}

function describeSpell(spell: Spell): string {
  switch (spell.kind) {
    case 'limit':
      return `usage limit for ${spell.seconds} s`;
    case 'busy':
      return `429 for ${spell.seconds} s`;
    case 'down':
      return `${spell.status} for ${spell.seconds} s`;
    case 'cut':
      return 'one answer breaks off';
    case 'hang':
      return 'one answer never comes';
    case 'model-refused':
      return 'one request is told that there is no such model';
    default:
      return unreachable(spell);
  }
}
