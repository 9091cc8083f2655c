/**
 * What an agent asks, as a person reads it before the answer: all of it, in plain words, and nothing that could deceive
 * (`visible.ts`). What the agent wrote stands behind `│`, or `↪` where a long line goes on; everything else is ours.
 */
import { posix } from 'node:path';
import { formatDuration } from './duration.ts';
import { shellQuoted } from './printable.ts';
import {
  digestOf,
  idOf,
  type Answer,
  type Asked,
  type Decision,
  type FileChange,
  type Question,
} from './question.ts';
import { shellCall } from './shell-call.ts';
import { unreachable } from './unreachable.ts';
import { cut, folded, visible, visibleLines, type VisibleLine } from './visible.ts';

interface HowToAnswer {
  /** The task file, as whoever reads it would name it; without it no commands are named. */
  readonly path?: string;
  /** What a line may take; a terminal that is narrower would break it where no mark stands. */
  readonly columns?: number;
}

const COLUMNS = 80;
/** Less has no room for what belongs together. */
const MIN_COLUMNS = 40;

/** All of the question, harmless, one string a line, and how to answer it. `now` and what it is compared with are ms since 1970. */
export function questionText(question: Question, now: number, howToAnswer: HowToAnswer): string[] {
  const columns = Math.max(MIN_COLUMNS, howToAnswer.columns ?? COLUMNS);
  const { reason } = question;
  return [
    ...askedText(question, columns),
    '',
    ...(reason === undefined
      ? ['It gives no reason.']
      : ["Its reason, in the agent's words:", '', ...quotedText(visibleLines(reason), columns)]),
    '',
    ...prose(
      `${whenAsked(question, now)}, in attempt ${question.attempt}: question ${idOf(question)}.`,
      columns,
    ),
    ...(howToAnswer.path === undefined ? [] : ['', ...answersText(question, howToAnswer.path)]),
  ];
}

function askedText(question: Question, columns: number): string[] {
  const { asked, workingDirectory } = question;
  const who = visible(question.task);
  const where = shownPath(workingDirectory);
  switch (asked.kind) {
    case 'command': {
      const call = shellCall(asked.command);
      const what = call ? `this command with ${call.shell}` : 'this command line';
      const script = visibleLines(call?.script ?? asked.command);
      return [
        ...prose(`${who} asks to run ${what}, in ${where}:`, columns),
        '',
        ...(script.length > 1 ? numberedText(script, columns) : quotedText(script, columns)),
        '',
        ...prose('Once it is approved, Codex may run it outside of its sandbox.', columns),
      ];
    }
    case 'file-changes': {
      const { changes, grantRoot } = asked;
      const files = changes.length === 1 ? '1 file' : `${changes.length} files`;
      return [
        ...prose(`${who} asks to change ${files}, from ${where}:`, columns),
        ...changes.flatMap((change, index) => ['', ...changeText(change, index + 1, question, columns)]),
        ...(grantRoot === undefined ? [] : ['', ...grantText(grantRoot, question, columns)]),
      ];
    }
    default:
      return unreachable(asked);
  }
}

function changeText(
  { path, change, movedTo, diff }: FileChange,
  n: number,
  { workingDirectory: from }: Question,
  columns: number,
): string[] {
  const lines = diff.split('\n').length - (diff.endsWith('\n') ? 1 : 0);
  const size = diff === '' ? 'with nothing in it' : `${lines} ${lines === 1 ? 'line' : 'lines'}`;
  return [
    ...prose(`${n}. ${change}${whereabouts(path, from)}, ${size}:`, columns),
    ...pathText(path, from, columns),
    ...(movedTo === undefined
      ? []
      : [
          '',
          ...prose(`and move it${whereabouts(movedTo, from)}, to:`, columns),
          ...pathText(movedTo, from, columns),
        ]),
    '',
    change === 'update' ? 'with these changes:' : 'with this text:',
    '',
    ...quotedText(diffLines(diff), columns),
  ];
}

const grantText = (root: string, { workingDirectory: from }: Question, columns: number) => [
  ...prose(`It also asks to write at will${whereabouts(root, from)}, while its session lasts, in:`, columns),
  ...pathText(root, from, columns),
];

/** A path that was written in another way is shown as it was written, too: with a link on its way, `..` leads elsewhere. */
function pathText(path: string, from: string, columns: number): string[] {
  const whole = posix.resolve('/', from, path);
  const quote = (text: string) => ['', ...behind(MARGIN, visible(text), columns)];
  return [...quote(whole), ...(whole === path ? [] : ['', 'which was written:', ...quote(path)])];
}

const whereabouts = (path: string, from: string) =>
  isOutside(path, from) ? `, outside of ${visible(posix.resolve('/', from))}` : '';

/** Lines of a file end in a line end; where the last does not, it is said. */
function diffLines(diff: string): readonly VisibleLine[] {
  if (diff === '') return [{ first: 1, last: 1, text: '‹nothing›' }];
  if (diff.endsWith('\n')) return visibleLines(diff.slice(0, -1));
  const lines = visibleLines(diff);
  return [...lines, { first: lines.length + 1, last: lines.length + 1, text: '‹no line end›' }];
}

/** Absolute and without `..`, and as it was written where that is something else. */
function shownPath(path: string): string {
  const whole = posix.resolve('/', path);
  return whole === path ? visible(whole) : `${visible(whole)} (written ${visible(path)})`;
}

/** By the words alone: where links lead is not looked at. */
const isOutside = (path: string, from: string) => /^\.\.(?:\/|$)/.test(relative(path, from));

/** From the working directory; a relative one cannot be, and is nowhere. */
const relative = (path: string, from: string) =>
  posix.relative(posix.resolve('/', from), posix.resolve('/', from, path));

function whenAsked({ at }: Question, now: number): string {
  const asked = `Asked at ${new Date(at).toISOString().slice(0, 19)}Z`;
  return now - at < 1_000 ? asked : `${asked}, ${formatDuration(now - at)} ago`;
}

/** What is typed to answer it so; `path` as in `HowToAnswer`. With `\x…` for everything that could not be seen between quotes. */
export const answerCommand = (question: Question, path: string, decision: Decision): string =>
  commandFor(path, decision, idOf(question));

/** The same for a program that has read the question: bound to every word of it, and nobody is asked. */
export const scriptCommand = (question: Question, path: string, decision: Decision): string =>
  commandFor(path, decision, digestOf(question)) + (decision.startsWith('approve') ? ' --yes' : '');

function commandFor(path: string, decision: Decision, id: string): string {
  const verb = decision.startsWith('approve') ? 'approve' : 'deny';
  const more = decision === 'approve-session' ? ' --session' : decision === 'stop' ? ' --stop' : '';
  const typed = shellQuoted(path.startsWith('-') ? `./${path}` : path, visible);
  return `codex-worker ${verb} ${typed} --question ${id}${more}`;
}

const MEANINGS: Readonly<Record<Decision, string>> = {
  approve: 'To approve it:',
  'approve-session': 'To approve it, and the same again in its session:',
  deny: 'To deny it:',
  stop: 'To deny it and end the attempt:',
};

/** To Codex "the same" is the same command in the same place; of changes it is the same files, whatever is written into them. */
const meaningOf = (decision: Decision, { asked }: Question) =>
  decision === 'approve-session' && asked.kind === 'file-changes'
    ? 'To approve it, and whatever it writes into the same files in its session:'
    : MEANINGS[decision];

/** A command is one line, however long: it is there to be copied. */
function answersText(question: Question, path: string): string[] {
  const order = ['approve', 'approve-session', 'deny', 'stop'] as const;
  return order.flatMap((decision) =>
    question.offers.includes(decision)
      ? [meaningOf(decision, question), `  ${answerCommand(question, path, decision)}`]
      : [],
  );
}

/** Our own words with visible ones in them. */
const prose = (text: string, columns: number) =>
  folded(text, columns - 4).map((row, index) => (index === 0 ? row : `  ↪ ${row}`));

/** In so many columns Markdown takes a line for code, and neither hides nor formats anything in it: the notice is looked at as that, too. */
const MARGIN = '    ';

/** What the agent wrote, so that no line of it can be taken for one of ours. */
const quotedText = (lines: readonly VisibleLine[], columns: number) =>
  lines.flatMap(({ text }) => behind(MARGIN, text, columns));

function numberedText(lines: readonly VisibleLine[], columns: number): string[] {
  const numbers = lines.map(({ first, last }) => (first === last ? `${first}` : `${first}–${last}`));
  const width = Math.max(...numbers.map((number) => number.length));
  return lines.flatMap(({ text }, index) =>
    behind(`${MARGIN}${(numbers[index] ?? '').padStart(width)} `, text, columns),
  );
}

const behind = (margin: string, text: string, columns: number) =>
  folded(text, columns - margin.length - 2).map((row, index) =>
    index === 0 ? `${margin}│${row === '' ? '' : ` ${row}`}` : `${' '.repeat(margin.length)}↪ ${row}`,
  );

/** One harmless line that says what it is about, in at most so many columns: no ground for an answer. */
export function questionHeadline(question: Question, width = Infinity): string {
  return cut(headlineOf(question.asked, question.workingDirectory), width);
}

function headlineOf(asked: Asked, from: string): string {
  if (asked.kind === 'command') return `run: ${visible(shellCall(asked.command)?.script ?? asked.command)}`;
  const paths = asked.changes.flatMap(({ path, movedTo }) => [
    path,
    ...(movedTo === undefined ? [] : [movedTo]),
  ]);
  const outside = paths.filter((path) => isOutside(path, from));
  const kinds = [...new Set(asked.changes.map(({ change }) => (change === 'update' ? 'change' : change)))];
  const [verb = 'change'] = kinds.length === 1 ? kinds : [];
  const files = asked.changes.length === 1 ? '1 file' : `${asked.changes.length} files`;
  const where =
    outside.length === 0 ? '' : outside.length === paths.length ? ' outside' : `, ${outside.length} outside`;
  const root = asked.grantRoot === undefined ? '' : `, and write in ${visible(asked.grantRoot)} from now on`;
  // What is outside first: the end is what is cut off.
  const named = [...outside, ...paths.filter((path) => !outside.includes(path))];
  return `${verb} ${files}${where}${root}: ${named.map((path) => visible(relative(path, from) || '.')).join(', ')}`;
}

/** What was answered, and by whom: `approved by ada on host1 (/dev/pts/3)`. */
export function describeAnswer({ how, decision, by }: Answer): string {
  if (how === 'timeout') return 'denied: nobody answered in time';
  if (how === 'withdrawn') return 'withdrawn: its attempt ended before anybody answered';
  const who = `${visible(by.user)} on ${visible(by.host)}${by.terminal === undefined ? '' : ` (${visible(by.terminal)})`}`;
  switch (decision) {
    case 'approve':
      return `approved by ${who}`;
    case 'approve-session':
      return `approved for this session by ${who}`;
    case 'deny':
      return `denied by ${who}`;
    case 'stop':
      return `denied and stopped by ${who}`;
    default:
      return unreachable(decision);
  }
}
