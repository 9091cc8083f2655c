/** What the page shows, put into words: the template only places it. Nothing here is markup; the template escapes all of it. */
import { formatDuration } from '../../core/duration.ts';
import { headline, printable } from '../../core/printable.ts';
import type { ReportData, ReportTotals } from '../../core/report-data.ts';
import { tokensIn } from '../../core/spending.ts';
import { describeUsage, formatTokens, localMoment, plural } from '../wording.ts';
import { describeAnswers } from '../answers.ts';
import { axisOf, type Axis } from './axis.ts';
import { durationBars, tokensChart } from './charts.ts';
import { cardsOf } from './task-cards.ts';
import { timelineOf } from './timeline.ts';
import { outcomeWord, percent, STATE_WORDS } from './words.ts';

const STATES = ['completed', 'failed', 'in-progress', 'pending'] as const;
export function viewOf(data: ReportData) {
  const axis = axisOf(data);
  return {
    title: titleOf(data),
    when: whenOf(data),
    written: `${momentOf(data.at)} by ${printable(data.by)}`,
    notices: noticesOf(data),
    shares: sharesOf(data.totals),
    tiles: tilesOf(data),
    ticks: axis ? ticksOf(axis) : [],
    gaps: axis ? gapsOf(axis) : [],
    pauses: axis ? pausesOf(data, axis) : [],
    timeline: axis && timelineOf(data, axis),
    tokens: axis && tokensChart(data, axis),
    durationBars: durationBars(data),
    failures: failuresOf(data),
    setbacks: data.setbacks.map((setback) => ({ words: outcomeWord(setback), count: setback.count })),
    ...cardsOf(data),
    refused: data.refused.map(({ label, why }) => ({ name: printable(label), why: headline(why) })),
  };
}

const titleOf = ({ directories }: ReportData) =>
  directories.length === 0
    ? 'no tasks'
    : directories
        .slice(0, 3)
        .map(({ directory, label }) => printable(label === '.' ? directory : label))
        .join(', ') + (directories.length > 3 ? `, and ${directories.length - 3} more directories` : '');

/** The page is read on other machines as well: it names the clock. */
function momentOf(at: number): string {
  const minutes = -new Date(at).getTimezoneOffset();
  const two = (n: number) => String(Math.trunc(n)).padStart(2, '0');
  const zone = `UTC${minutes < 0 ? '−' : '+'}${two(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}`;
  return `${localMoment(at)} ${zone}`;
}

function whenOf({ totals: { from, to } }: ReportData): string {
  if (from === undefined || to === undefined) return 'nothing was run yet';
  const [start, end] = [localMoment(from), localMoment(to)];
  const day = start.slice(0, 10);
  return `${start} – ${end.startsWith(day) ? end.slice(11) : end}`;
}

function noticesOf({ pauses, tasks, totals: { others }, at }: ReportData): string[] {
  const waiting = tasks.filter(({ needsApproval }) => needsApproval !== undefined).length;
  const now = pauses.filter(({ to }) => to === undefined);
  return [
    ...now.map(
      ({ class: kind, reason, from }) =>
        `Paused ${kind === 'by-hand' ? 'by hand' : 'for a limit'} since ${localMoment(from)} (${formatDuration(at - from)})` +
        (reason === '' ? '' : `: ${headline(reason)}`),
    ),
    ...(waiting === 0 ? [] : [`${plural(waiting, 'task')} waited for your approval when this was written.`]),
    ...(others.attempts === 0
      ? []
      : [
          `Not in this report: ${plural(others.attempts, 'attempt')} at other tasks of the same directories, ` +
            `${describeUsage(others.usage)}.`,
        ]),
  ];
}

/** The bar below the title, from left to right. */
function sharesOf({ states, tasks }: ReportTotals) {
  let x = 0;
  return STATES.map((state) => {
    const width = tasks === 0 ? 0 : (states[state] / tasks) * 100;
    const share = {
      state,
      word: STATE_WORDS[state],
      count: states[state],
      x: percent(x),
      width: percent(width),
    };
    x += width;
    return share;
  });
}

function triesOf(attempts: number, { setbacks, tasks }: Pick<ReportData, 'setbacks' | 'tasks'>): string {
  const said = (outcome: string, word: string) => {
    const n = setbacks.filter((one) => one.outcome === outcome).reduce((sum, { count }) => sum + count, 0);
    return n === 0 ? [] : [`${n} ${word}`];
  };
  const words = [
    ...said('retry', 'tried again'),
    ...said('given-back', 'given back'),
    ...said('died', 'died'),
  ];
  if (words.length > 0) return words.join(', ');
  if (attempts === 0) return 'nothing was run yet';
  const several = tasks.filter((task) => task.attempts.length + task.olderAttempts > 1).length;
  return several === 0 ? 'no task had more than one' : `${plural(several, 'task')} had more than one`;
}

function tilesOf({ totals, durations, ...data }: ReportData) {
  const { states, tasks, attempts, usage, agentMs, busyMs } = totals;
  const share =
    tasks === 0 ? '' : `${Math.floor((states.completed / tasks) * 100)}% of ${plural(tasks, 'task')}`;
  const atOnce = busyMs > 0 ? `, ${(agentMs / busyMs).toFixed(1)} at once on average` : '';
  return [
    { name: 'Completed', value: String(states.completed), detail: share, state: 'completed' },
    {
      name: 'Failed',
      value: String(states.failed),
      detail: states.failed === 0 ? 'no task failed' : 'grouped by reason below',
      state: states.failed > 0 ? 'failed' : '',
    },
    {
      name: 'Attempts',
      value: String(attempts),
      detail: triesOf(attempts, data),
      state: '',
    },
    {
      name: 'Tokens',
      value: formatTokens(tokensIn(usage)),
      detail: describeUsage(usage).replace(/^tokens: /, ''),
      state: '',
    },
    {
      name: 'Time worked',
      value: formatDuration(busyMs),
      detail: `agents ${formatDuration(agentMs)}${atOnce}`,
      state: '',
    },
    {
      name: 'One attempt',
      value: durations.count === 0 ? '–' : formatDuration(durations.median),
      detail:
        durations.count === 0
          ? 'none completed a task'
          : `the median; 90% within ${formatDuration(durations.p90)}, longest ${formatDuration(durations.longest)}`,
      state: '',
    },
    ...(totals.answers.asked === 0
      ? []
      : [
          {
            name: 'Questions',
            value: String(totals.answers.asked),
            detail: describeAnswers(totals.answers).replace(/^[^:]*: /, ''),
            state: '',
          },
        ]),
  ];
}

/** Where the clock is read off. The middle ones are left out on a phone. */
function ticksOf(axis: Axis) {
  const isLong = axis.to - axis.from > 20 * 3_600_000;
  const isShort = axis.to - axis.from < 10 * 60_000;
  return [0, 25, 50, 75, 100].flatMap((x) => {
    const time = axis.timeAt(x);
    if (time === undefined) return [];
    const moment = localMoment(time);
    const clock = isShort
      ? `${moment.slice(11)}:${String(new Date(time).getSeconds()).padStart(2, '0')}`
      : moment.slice(11);
    const anchor = x === 0 ? 'start' : x === 100 ? 'end' : 'middle';
    return [
      {
        x: percent(x),
        anchor,
        isMinor: x % 50 !== 0,
        text: isLong ? `${moment.slice(5, 10)} ${clock}` : clock,
      },
    ];
  });
}

const gapsOf = (axis: Axis) =>
  axis.gaps.map(({ from, to, x, width }) => ({
    x: percent(x),
    width: percent(width),
    title: `${formatDuration(to - from)} without an attempt, from ${localMoment(from)}`,
  }));

/** Of more somebody has made fun. */
const MOST_PAUSES = 200;

function pausesOf({ pauses, at }: ReportData, axis: Axis) {
  return pauses.slice(-MOST_PAUSES).flatMap(({ class: kind, reason, from, to }) => {
    const [x, end] = [axis.at(from), axis.at(to ?? at)];
    if (from > axis.to) return []; // it came after the last attempt: the notice says it
    const why = kind === 'by-hand' ? 'paused by hand' : 'paused for a limit';
    const title = `${why} from ${localMoment(from)}, ${formatDuration((to ?? at) - from)}${reason === '' ? '' : `\n${headline(reason)}`}`;
    return [{ x: percent(x), width: percent(Math.max(0.3, end - x)), title }];
  });
}

/** Of one group so many names are shown. */
const MOST_NAMES = 50;

function failuresOf({ failures, tasks, totals }: ReportData) {
  const anchors = new Map(tasks.map(({ label }, n) => [label, `t${n}`]));
  return failures.map(({ reason, example, count, tasks: labels }) => ({
    reason: headline(reason),
    example: headline(example) === headline(reason) ? '' : headline(example),
    count,
    width: percent((count / Math.max(1, totals.states.failed)) * 100),
    tasks: labels
      .slice(0, MOST_NAMES)
      .map((label) => ({ name: printable(label), anchor: anchors.get(label) ?? '' })),
    more: Math.max(0, labels.length - MOST_NAMES),
  }));
}
