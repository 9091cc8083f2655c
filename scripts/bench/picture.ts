/** One picture (SVG) of a goal: a bar for each contestant or figure, its range, and the limit as a mark. */
import type { Entry, Findings, Goal, Kind } from './goal.ts';
import type { Spread } from './statistics.ts';

interface Bar {
  readonly label: string;
  readonly kind: Kind;
  readonly value: Spread;
  /** Where the limit is, on the same axis. */
  readonly atMost?: number;
}

export interface Chart {
  readonly title: string;
  readonly bars: readonly Bar[];
}

const COLOURS: Readonly<Record<Kind, string>> = { ours: '#2563eb', peer: '#94a3b8', limit: '#16a34a' };
const LIMIT_COLOUR = '#dc2626';
const WIDTH = 760;
const LABEL_WIDTH = 250;
const BAR_WIDTH = 360;
const LINE = 26;
const HEAD = 44;

/** A number with three significant digits, and no more than it needs. */
export function shortNumber(value: number): string {
  if (value >= 1_000) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}

/** Text for an element or an attribute of XML; characters that XML cannot hold at all become a question mark. */
export function escapeXml(text: string): string {
  return text
    .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu, '?')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** A chart for each unit of the figures, then one for each contest of more than two. */
export function chartsOf(findings: Findings): Chart[] {
  const units = new Map<string, Bar[]>();
  for (const { limit, place, value } of findings.figures) {
    if (value === undefined) continue;
    const bars = units.get(limit.unit) ?? [];
    const where = place === undefined ? '' : `, ${place}`;
    bars.push({ label: `${limit.what}${where}`, kind: 'ours', value, atMost: limit.atMost });
    units.set(limit.unit, bars);
  }
  return [
    ...[...units].map(([unit, bars]) => ({ title: `beside the limits, ${unit}`, bars })),
    // what two have to say to each other is said by their figure
    ...findings.contests
      .filter(({ entries }) => entries.length > 2)
      .map(({ title, place, about, entries }) => ({
        title: `${title}${place === undefined ? '' : `, ${place}`}: ${about === 'time' ? 'wall' : 'peak'}, ratio to ${entries[0]?.name ?? 'nothing'}`,
        bars: entries.flatMap((entry) => barOf(entry, about)),
      })),
  ];
}

function barOf({ name, kind, wallRatio, peakRatio }: Entry, about: 'time' | 'memory'): Bar[] {
  const value = about === 'time' ? wallRatio : peakRatio;
  return value === undefined ? [] : [{ label: name, kind, value }];
}

/** The whole picture, as the text of an SVG file. */
export function drawGoal(
  { number, title }: Pick<Goal, 'number' | 'title'>,
  charts: readonly Chart[],
): string {
  let y = 34;
  const parts: string[] = [text(16, 24, `Goal ${number}: ${title}`, 'font-size="16" font-weight="bold"')];
  for (const chart of charts) {
    parts.push(...drawChart(chart, y));
    y += HEAD + chart.bars.length * LINE;
  }
  if (charts.length === 0) {
    parts.push(text(16, y + 20, 'not measured', 'font-size="13"'));
    y += HEAD;
  }
  const height = y + 12;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" font-family="system-ui, sans-serif">`,
    `<title>${escapeXml(`Goal ${number}: ${title}`)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

function drawChart({ title, bars }: Chart, top: number): string[] {
  const largest = Math.max(...bars.map(({ value, atMost }) => Math.max(value.max, atMost ?? 0)));
  const scale = largest > 0 ? BAR_WIDTH / largest : 0;
  return [
    text(16, top + 26, title, 'font-size="13" font-weight="bold"'),
    ...bars.flatMap((bar, i) => drawBar(bar, top + HEAD - 8 + i * LINE, scale)),
  ];
}

function drawBar({ label, kind, value, atMost }: Bar, top: number, scale: number): string[] {
  const at = (n: number) => (LABEL_WIDTH + n * scale).toFixed(1);
  const middle = top + 9;
  const range = `${shortNumber(value.median)}${atMost === undefined ? '' : ` (≤ ${shortNumber(atMost)})`}`;
  return [
    text(LABEL_WIDTH - 8, top + 13, shorten(label), 'font-size="12" text-anchor="end"', label),
    `<rect x="${LABEL_WIDTH}" y="${top}" width="${(value.median * scale).toFixed(1)}" height="18" fill="${COLOURS[kind]}"/>`,
    `<line x1="${at(value.min)}" y1="${middle}" x2="${at(value.max)}" y2="${middle}" stroke="#0f172a"/>`,
    ...(atMost === undefined
      ? []
      : [
          `<line x1="${at(atMost)}" y1="${top - 3}" x2="${at(atMost)}" y2="${top + 21}" stroke="${LIMIT_COLOUR}" stroke-width="2" stroke-dasharray="4 2"/>`,
        ]),
    text(LABEL_WIDTH + BAR_WIDTH + 10, top + 13, range, 'font-size="12"'),
  ];
}

const MAX_LABEL = 38;
const shorten = (label: string) => (label.length > MAX_LABEL ? `${label.slice(0, MAX_LABEL - 1)}…` : label);

function text(x: number, y: number, content: string, attributes: string, whole = content): string {
  const title = whole === content || shorten(whole) === whole ? '' : `<title>${escapeXml(whole)}</title>`;
  return `<text x="${x}" y="${y}" fill="#0f172a" ${attributes}>${title}${escapeXml(content)}</text>`;
}
