/** The command line of `npm run bench`, read and checked. */
import { parseArgs } from 'node:util';

export const USAGE = `npm run bench -- [options]

  --quick          every goal at a small size, in two minutes; no figure is judged
  --only 1,2,9     these goals only; --list names them
  --rounds N       pairs of runs for each comparison (default 5; 1 with --quick)
  --report DIR     also write results.md and a picture (goal-N.svg) for each goal into DIR
  --list           name the goals and their limits
  --help           this text

Tables go to standard output, progress to standard error. Exit code 0: everything was measured, or is named as left
out, whatever the figures; 1: something broke; 2: wrong usage.`;

export type BenchRequest =
  | { readonly kind: 'help' }
  | { readonly kind: 'list' }
  | {
      readonly kind: 'measure';
      readonly quick: boolean;
      /** Numbers of goals; empty means all. */
      readonly only: readonly number[];
      readonly rounds: number | undefined;
      readonly report: string | undefined;
    };

/** What is wrong with the command line, for the person who typed it. */
export class UsageError extends Error {}

const MAX_ROUNDS = 1_000;

/** Throws UsageError. `goals` are the numbers that exist. */
export function parseBenchArguments(argv: readonly string[], goals: readonly number[]): BenchRequest {
  const values = parse(argv);
  if (values.help) return { kind: 'help' };
  if (values.list) return { kind: 'list' };
  if (values.report === '') throw new UsageError('--report needs the name of a directory');
  return {
    kind: 'measure',
    quick: values.quick,
    only: values.only === undefined ? [] : parseGoals(values.only, goals),
    rounds: values.rounds === undefined ? undefined : parseRounds(values.rounds),
    report: values.report,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        quick: { type: 'boolean', default: false },
        only: { type: 'string' },
        rounds: { type: 'string' },
        report: { type: 'string' },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function parseGoals(text: string, goals: readonly number[]): number[] {
  return text.split(',').map((word) => {
    const number = /^\d+$/.test(word.trim()) ? Number(word) : Number.NaN;
    if (!goals.includes(number))
      throw new UsageError(`--only ${text}: there is no goal "${word}"; there are ${goals.join(', ')}`);
    return number;
  });
}

function parseRounds(text: string): number {
  const rounds = /^\d+$/.test(text) ? Number(text) : 0;
  if (rounds < 1 || rounds > MAX_ROUNDS)
    throw new UsageError(`--rounds ${text}: a whole number from 1 to ${MAX_ROUNDS} is allowed`);
  return rounds;
}
