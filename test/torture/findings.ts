/** What a torture run found, in words: at once, and again under the table, for who sees only the end of a log. */
import type { Violation } from '../rig/violation.ts';
import type { Backend } from './row.ts';

export interface Finding {
  readonly row: string;
  readonly violation: Violation;
  readonly seed: number;
  /** The index of its round. */
  readonly round: number;
  readonly backend: Backend;
  /** The copy of the round's directory. */
  readonly kept: string | undefined;
}

/** What did not hold besides: nothing was violated, and yet the run proves less than it says. */
export interface Shortfalls {
  readonly controlsNotFound: readonly { readonly row: string; readonly control: string }[];
  readonly rowsWithoutRound: readonly string[];
}

/** So that one that quotes all that a terminal printed pushes no other out of sight. */
const LONGEST = 4_000;

const otherwise = (backend: Backend) => (backend === 'exec' ? '' : ` --backend ${backend}`);

export const again = ({ row, seed, round, backend }: Omit<Finding, 'violation' | 'kept'>) =>
  `npm run torture -- --only ${row} --seed ${seed} --round ${round} --controls no${otherwise(backend)}`;

/** The middle of what is too long is left out: it begins with what is wrong, and often ends with where. */
function shortened(what: string): string {
  if (what.length <= LONGEST) return what;
  const leftOut = what.length - LONGEST;
  return `${what.slice(0, LONGEST - 1_000)}\n[… ${leftOut} characters …]\n${what.slice(-1_000)}`;
}

export const isSound = (
  findings: readonly Finding[],
  { controlsNotFound, rowsWithoutRound }: Shortfalls,
): boolean => findings.length === 0 && controlsNotFound.length === 0 && rowsWithoutRound.length === 0;

/** Every violation with the command that runs its round again; one line that says so when there is nothing to say. */
export function renderFindings(
  findings: readonly Finding[],
  shortfalls: Shortfalls,
  run: { readonly seed: number; readonly backend: Backend },
): string {
  if (isSound(findings, shortfalls))
    return 'Nothing was violated, and all that was to run found what it must.';
  const said = [
    ...findings.flatMap((finding, i) => [
      `VIOLATION ${i + 1} of ${findings.length}  ${finding.row}: ${finding.violation.kind}: ${shortened(finding.violation.what)}`,
      `  again: ${again(finding)}`,
      `  kept: ${finding.kept ?? 'nothing'}`,
    ]),
    ...shortfalls.controlsNotFound.flatMap(({ row, control }) => [
      `NOT FOUND  ${row}: ${control}`,
      `  again: npm run torture -- --only ${row} --seed ${run.seed} --controls only${otherwise(run.backend)}`,
    ]),
    ...shortfalls.rowsWithoutRound.map((row) => `NO ROUND  ${row}`),
  ];
  return said.join('\n');
}
