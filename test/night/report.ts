/** The findings of a night as Markdown, and their place in a document. */
import { markdownTable } from '../rig/markdown-table.ts';
import { RULES, type Verdict } from './judge.ts';
import type { Score } from './score.ts';

export const BEGIN = '<!-- night: begin -->';
export const END = '<!-- night: end -->';

/** `document` with `text` between its two markers; `undefined` where it does not have them. */
export function between(document: string, text: string): string | undefined {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin < 0 || end < begin) return undefined;
  return `${document.slice(0, begin + BEGIN.length)}\n\n${text.trim()}\n\n${document.slice(end)}`;
}

export function verdictTable(verdicts: readonly Verdict[]): string {
  return markdownTable(
    ['rule', 'kept', 'figures'],
    verdicts.map(({ rule, figures, faults }) => [
      RULES[rule],
      faults.length === 0 ? 'yes' : `NO: ${faults.length}`,
      figures,
    ]),
  );
}

const ROWS: readonly (readonly [what: string, of: (score: Score) => string])[] = [
  ['tasks that can be done: reported done, and right on the disk', ({ done, able }) => `${done} of ${able}`],
  ['… reported failed, or not at all', ({ givenUp }) => String(givenUp)],
  [
    'tasks that cannot be done: failed, for what is wrong with them',
    ({ failedTruly, unable }) => `${failedTruly} of ${unable}`,
  ],
  ['reported done, and not done', ({ lies }) => String(lies)],
  ['tasks that were done more than once', ({ twice }) => String(twice)],
  ['requests to the model', ({ requests }) => String(requests)],
  ['… sent during a usage limit', ({ inLimit }) => String(inLimit)],
  ['tokens', ({ tokens }) => `${(tokens / 1_000_000).toFixed(2)} M`],
  ['wall time', ({ wallMs }) => `${(wallMs / 60_000).toFixed(1)} min`],
  ['kills', ({ kills }) => String(kills)],
  ['agents that outlived a kill by 3 s', ({ orphans }) => String(orphans)],
  ['processes left at the end', ({ left }) => String(left)],
];

export function scoreTable(scores: Readonly<Record<string, Score>>): string {
  return markdownTable(
    ['', ...Object.keys(scores)],
    ROWS.map(([what, of]) => [what, ...Object.values(scores).map(of)]),
  );
}
