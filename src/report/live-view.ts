/**
 * The live view of a run: what stands at the foot of the terminal while it is on. From a state to lines, and nothing else.
 *
 *    ⠹ fix-auth.md      1m 05s  $ npm test -- auth
 *    ⠧ 修复登录.md         12s  #2 I am reading login.py  41s ago
 *      … and 27 more
 *
 *    ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━─────────────────────────────── 57/200 28%
 *    56 completed · 1 failed · 29 running · 114 to go
 *    4m 12s · about 9m 30s left · 1.24M tokens · 17.7M tokens/h · ? for keys
 *
 * No line is wider than the terminal: names and activities are cut, and of facts the last ones give way.
 */
import { formatElapsed } from '../core/duration.ts';
import type { AgentActivity } from '../core/event.ts';
import { tokensIn } from '../core/spending.ts';
import { unreachable } from '../core/unreachable.ts';
import { questionHeadline } from '../core/question-text.ts';
import type { Decision } from '../core/question.ts';
import { visible } from '../core/visible.ts';
import type { QuestionUp } from './asking.ts';
import type { Paint } from './console.ts';
import type { Hold, LiveState, RunningAttempt } from './live-state.ts';
import { columnsOf, fit, fitEnd, padEnd } from './widths.ts';
import { formatTokens, plural } from './wording.ts';

export interface Frame {
  readonly columns: number;
  readonly rows: number;
  /** On the clock of the state, ms. */
  readonly now: number;
  readonly paint: Paint;
  readonly keys: 'none' | 'known' | 'shown';
  /** What can be answered by keys. */
  readonly up?: QuestionUp | undefined;
}

/** It turns with each thing that its agent tells: one that stands still is silent. */
const TURNS = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏';
/** From then on it is said since when an agent has told nothing. */
const SILENT_MS = 10_000;
/** So many lines of what was finished stay in sight above the view, where the terminal is high enough. */
const LEFT_ABOVE = 4;
/** While there is something to answer a sixth of the rows is for attempts: what is asked stands above them, and is to be read. */
const besideQuestion = (rows: number) => Math.max(2, Math.floor(rows / 6));
/** In so many rows there is one to keep what runs apart from what has finished. */
const ROOMY = 16;
const WIDEST_BAR = 80;
/** Nobody reads more than a figure there. */
const NARROWEST = 30;

const KEYS = [
  ['p', 'pause, or go on'],
  ['+ -', 'more or fewer at once'],
  ['q', 'finish what runs, begin no more'],
  ['Ctrl-C', 'as q; again: give back what runs'],
  ['?', 'hide this'],
] as const;

/** The lines: each at least one column narrower than the terminal, together at least one fewer than it has. */
export function liveView(state: LiveState, frame: Frame): string[] {
  const columns = frame.columns - 1; // in the last one some terminals begin the next line already
  const most = Math.max(1, frame.rows - 1); // the cursor stands in the line below
  const question = frame.up && columns > 3 ? questionLines(frame.up, most, columns, frame.paint) : [];
  if (columns < NARROWEST) return [...question, fit(` ${figuresOf(state)}`, columns)].slice(0, most);
  const foot = [
    ...question,
    ...(question.length > 0 && frame.rows >= ROOMY ? [''] : []),
    barLine(state, columns, frame.paint),
    ...factLines(state, columns, frame),
    ...(frame.keys === 'shown' ? keyLines(columns, frame.paint) : []),
  ];
  const above = Math.min(LEFT_ABOVE, Math.floor(frame.rows / 5));
  const room = Math.min(
    frame.rows - above - foot.length - 3,
    question.length > 0 ? besideQuestion(frame.rows) : Infinity,
  );
  const attempts = attemptLines(state, room, columns, frame);
  const gap = frame.rows >= ROOMY ? [''] : [];
  const lines = attempts.length > 0 ? [...gap, ...attempts, '', ...foot] : foot;
  return lines.slice(0, most);
}

/**
 *    ? 1 of 3: fix.md asks to run: npm install left-pad
 *      in /project · in the words of its agent: May I install it?
 *      y approve · s for this session · n deny · c deny and stop
 */
function questionLines(
  up: QuestionUp,
  room: number,
  columns: number,
  { bold, dim, yellow }: Paint,
): string[] {
  const { label, question, of } = up;
  const place = of > 1 ? `1 of ${of}: ` : '';
  const what = `${place}${visible(label)} asks to ${questionHeadline(question)}`;
  const where = `in ${visible(question.workingDirectory)}`;
  const why =
    question.reason === undefined ? '' : ` · in the words of its agent: ${visible(question.reason)}`;
  const first = ` ${yellow('?')} ${bold(fit(what, columns - 3))}`;
  const keys = answerKeys(up, columns - 3);
  const last = `   ${up.isFresh ? dim(keys) : yellow(keys)}`;
  return room < 3 ? [first, last] : [first, `   ${dim(fit(where + why, columns - 3))}`, last];
}

const ANSWERS: readonly (readonly [Decision, whole: string, short: string])[] = [
  ['approve', 'y approve', 'y approve'],
  ['approve-session', 's for this session', 's session'],
  ['deny', 'n deny', 'n deny'],
  ['stop', 'c deny and stop', 'c stop'],
];

/** None of what can be answered is left out, as long as there is room for its key. */
function answerKeys({ question, unread }: QuestionUp, columns: number): string {
  const rest = unread === 0 ? [] : [`y reads ${unread} more ${unread === 1 ? 'line' : 'lines'}`];
  const offered = ANSWERS.filter(
    ([decision]) => question.offers.includes(decision) && (unread === 0 || !decision.startsWith('approve')),
  );
  const ways = [
    [...rest, ...offered.map(([, whole]) => whole)].join(' · '),
    [...rest, ...offered.map(([, , short]) => short)].join('  '),
    [...rest.map(() => 'y'), ...offered.map(([, short]) => short.charAt(0))].join(' '),
  ];
  return fit(ways.find((way) => columnsOf(way) <= columns) ?? ways.at(-1) ?? '', columns);
}

/** The first to begin are the first to be shown; `room` for so many lines. */
function attemptLines(
  { running, workingDirectory }: LiveState,
  room: number,
  columns: number,
  frame: Frame,
): string[] {
  if (room < 1) return [];
  const shown = [...running.values()].slice(0, running.size <= room ? room : room - 1);
  const widest = Math.max(0, ...shown.map(({ name }) => Math.min(name.length * 2, columnsOf(name))));
  const names = Math.min(widest, Math.max(10, Math.floor(columns * 0.4)));
  const lines = shown.map((attempt) => attemptLine(attempt, names, columns, frame, workingDirectory));
  if (shown.length === running.size) return lines;
  return [...lines, frame.paint.dim(fit(`   … and ${running.size - shown.length} more`, columns))];
}

function attemptLine(
  { name, attempt, startedAt, activity, waitsFor, turns, toldAt }: RunningAttempt,
  names: number,
  columns: number,
  { now, paint, keys }: Frame,
  workingDirectory: string,
): string {
  const isWaiting = waitsFor > 0;
  const turn = TURNS[turns % TURNS.length] ?? '';
  const elapsed = formatElapsed(now - startedAt).padStart(7);
  const again = attempt > 1 ? `#${attempt} ` : '';
  const silent =
    (activity ?? isWaiting) && now - toldAt >= SILENT_MS ? `  ${formatElapsed(now - toldAt)} ago` : '';
  const room = columns - names - ` ⠋  ${elapsed}  `.length - again.length;
  const isRoomy = room - silent.length >= 16;
  const waits = `waits for ${keys === 'none' ? 'an' : 'your'} answer`;
  const text = isWaiting ? waits : activityText(activity, workingDirectory);
  const doing = fit(text, isRoomy ? room - silent.length : room);
  return [
    ` ${isWaiting ? paint.yellow('?') : paint.cyan(turn)} ${paint.bold(padEnd(fitEnd(name, names), names))}`,
    ` ${paint.dim(elapsed)}  ${paint.yellow(again)}`,
    isWaiting
      ? paint.yellow(doing)
      : activity?.kind === 'error'
        ? paint.red(doing)
        : activity?.kind === 'command'
          ? doing
          : paint.dim(doing),
    isRoomy ? paint.dim(silent) : '',
  ].join('');
}

function activityText(activity: AgentActivity | undefined, workingDirectory: string): string {
  if (!activity) return 'starting';
  const { kind, text } = activity;
  switch (kind) {
    case 'command':
      return `$ ${withoutShell(text)}`;
    case 'file-change':
      return `changes ${text.replaceAll(`${workingDirectory}/`, '')}`;
    case 'message':
    case 'reasoning':
    case 'error':
    case 'other':
      return text;
    default:
      return unreachable(kind);
  }
}

/** Codex runs every command by way of a shell; what it runs is inside. Where it is cut off its last quote is missing. */
function withoutShell(command: string): string {
  const [, , quoted] = /^(?:\/\S*\/)?(?:ba|z)?sh -l?c (['"]?)(.*)$/.exec(command) ?? [];
  return quoted?.replace(/['"]$/, '') ?? command;
}

/** How far it is, at a glance: completed, failed, running, and the rest. */
function barLine(state: LiveState, columns: number, { bold, cyan, dim, green, red }: Paint): string {
  const { finished, total, running } = state;
  const figures = figuresOf(state);
  const width = Math.max(0, Math.min(WIDEST_BAR, columns) - figures.length - 3);
  const failed = Math.min(state.failed + state.failedElsewhere, finished);
  const upTo = (n: number) => (total === 0 ? width : Math.floor((Math.min(n, total) / total) * width));
  const ends = [upTo(finished - failed), upTo(finished), upTo(finished + running.size), width];
  const part = (i: number, glyph: string) => glyph.repeat((ends[i] ?? 0) - (ends[i - 1] ?? 0));
  const painted = [green(part(0, '━')), red(part(1, '━')), cyan(part(2, '╌')), dim(part(3, '─'))];
  return ` ${painted.join('')}  ${bold(figures)}`;
}

function figuresOf({ finished, total }: LiveState): string {
  return `${finished}/${total} ${total === 0 ? 100 : Math.floor((finished / total) * 100)}%`;
}

function factLines(state: LiveState, columns: number, frame: Frame): string[] {
  const { now, paint, keys } = frame;
  const { dim, green, red } = paint;
  const etaMs = state.etaMs(now);
  const tokens = tokensIn(state.usage);
  const rate = state.tokensPerHour(now);
  const elsewhere = state.completedElsewhere + state.failedElsewhere;
  const counts: Facts = [
    [`${state.completed} completed`, green],
    [state.failed > 0 && `${state.failed} failed`, red],
    [runningText(state), paint.cyan],
    [
      state.waiting > 0 && `${state.waiting} ${state.waiting === 1 ? 'waits' : 'wait'} for an answer`,
      paint.yellow,
    ],
    [state.pending > 0 && `${state.pending} to go`, dim],
    [elsewhere > 0 && `${elsewhere} finished elsewhere`, dim],
    [state.elsewhere > 0 && `${state.elsewhere} in progress elsewhere`, dim],
  ];
  const times: Facts = [
    [formatElapsed(now - state.startedAt), dim],
    [etaMs !== undefined && etaMs >= 1_000 && `about ${formatElapsed(etaMs)} left`, (text) => text],
    [tokens > 0 && `${formatTokens(tokens)} tokens`, dim],
    [rate !== undefined && rate > 0 && `${formatTokens(rate)} tokens/h`, dim],
    [keys === 'known' && '? for keys', dim],
  ];
  const held = state.hold && holdText(state.hold, state, frame);
  return [
    factLine(counts, columns, dim),
    factLine(times, columns, dim),
    ...(held === undefined ? [] : [` ${paint.yellow(fit(held, columns - 1))}`]),
  ];
}

function runningText({ running, waiting, level, concurrency }: LiveState): string {
  const of = level < concurrency ? `${level} for now, not ${concurrency}` : `${concurrency}`;
  const working = running.size - waiting;
  return working === concurrency ? `${working} running` : `${working} running of ${of}`;
}

/** What holds the run up, and what can be done about it. */
function holdText(hold: Hold, { running }: LiveState, { now, keys }: Frame): string {
  const ways = (way: string) => (keys === 'none' ? '' : `; ${way}`);
  switch (hold.kind) {
    case 'paused': {
      const left = hold.until === undefined ? 0 : hold.until - now;
      if (hold.byHand)
        return `Paused by hand${left > 0 ? ` for ${formatElapsed(left)} more` : ''}${ways('p goes on')}`;
      const when = left > 0 ? `in ${formatElapsed(left)}` : 'soon';
      return `Paused for a limit, tried again ${when}${ways('p goes on at once')}`;
    }
    case 'probing':
      return `Trying whether the limit is lifted: ${hold.name}`;
    case 'draining':
      return `Finishing ${plural(running.size, 'running task')}, beginning no other; Ctrl-C gives back what runs`;
    case 'aborting':
      return `Ending ${plural(running.size, 'agent')}, giving back what runs`;
    default:
      return unreachable(hold);
  }
}

type Facts = readonly (readonly [text: string | false, paint: (text: string) => string])[];

/** As many of them, from the first on, as there is room for. */
function factLine(facts: Facts, columns: number, dim: (text: string) => string): string {
  let room = columns - 1;
  const shown: string[] = [];
  for (const [text, paint] of facts) {
    if (text === false) continue;
    room -= text.length + (shown.length > 0 ? 3 : 0);
    if (room < 0) break;
    shown.push(paint(text));
  }
  return ` ${shown.join(dim(' · '))}`;
}

function keyLines(columns: number, { bold, dim }: Paint): string[] {
  const width = Math.max(...KEYS.map(([key]) => key.length));
  return KEYS.map(([key, does]) => `   ${bold(key.padEnd(width))}  ${dim(fit(does, columns - width - 5))}`);
}
