/** A question is shown so that whoever answers it has seen what it is about: nothing in it can hide, move or pass for something else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { questionHeadline, questionText } from '../../src/core/question-text.ts';
import type { Asked, Question } from '../../src/core/question.ts';
import { readBehindGutter } from '../rig/read-back.ts';

const AT = Date.UTC(2026, 10, 23);

function asks(asked: Asked | string, more: Partial<Question> = {}): Question {
  return {
    claim: 'c'.repeat(32),
    n: 1,
    task: 'fix.md',
    attempt: 1,
    asked: typeof asked === 'string' ? { kind: 'command', command: asked } : asked,
    workingDirectory: '/project',
    at: AT,
    offers: ['approve', 'deny', 'stop'],
    ...more,
  };
}

const textOf = (question: Question, columns = 200) => questionText(question, AT, { path: 'fix.md', columns });

/** The lines of the command, with their gutter. */
function commandIn(text: readonly string[]): readonly string[] {
  const begin = text.indexOf('') + 1;
  return text.slice(begin, text.indexOf('', begin));
}

/** One command in one line, without its gutter. */
const shown = (command: string) =>
  commandIn(textOf(asks(command)))
    .join('\n')
    .replace(/^ {4}│ ?/, '');

function each(table: readonly (readonly [string, string])[]): void {
  for (const [command, expected] of table) assert.equal(shown(command), expected, JSON.stringify(command));
}

test('in a question control characters and sequences are named, and none is taken out', () => {
  each([
    ['rm -rf / \x1b[1A\x1b[2Kls', 'rm -rf / ‹ESC›[1A‹ESC›[2Kls'],
    ['\x1b]0;title\x07ls', '‹ESC›]0;title‹BEL›ls'],
    ['rm -rf /\rls      ', 'rm -rf /‹CR›ls‹6 spaces›'],
    ['rm x\b\b\b\bls', 'rm x‹BS × 4›ls'],
    ['a\x9b31mb\x7f\x00', 'a‹U+009B›31mb‹DEL›‹NUL›'],
    ['a\u2028b\u2029c\u0085d\ve', 'a‹U+2028›b‹U+2029›c‹U+0085›d‹VT›e'],
    ['make\tx', 'make⇥x'],
    ['\ud83d half', '‹U+D83D› half'],
  ]);
});

test('in a question characters that turn the order of a line are named, and words from the right stand alone', () => {
  each([
    ['rm \u202etxt.sj\u202c x', 'rm ‹U+202E›txt.sj‹U+202C› x'],
    ['a\u2066b\u2069\u200e\u200f\u061c', 'a‹U+2066›b‹U+2069›‹U+200E›‹U+200F›‹U+061C›'],
    ['rm שלום/1/עולם', 'rm ‹rtl שלום rtl›/1/‹rtl עולם rtl›'],
    ['rm ٣', 'rm ‹U+0663›'],
  ]);
});

test('in a question what takes no room, and blanks that are no space, are named', () => {
  each([
    ['cur\u200bl e\u00advil', 'cur‹U+200B›l e‹U+00AD›vil'],
    ['a\ufe0f b\u{e0041} c\u3164d\uffa0e\u115f', 'a‹U+FE0F› b‹U+E0041› c‹U+3164›d‹U+FFA0›e‹U+115F›'],
    ['rm\u00a0-rf\u3000x\u2800y\ufeff', 'rm‹U+00A0›-rf‹U+3000›x‹U+2800›y‹U+FEFF›'],
    ['\ue000\uffff\ufffc', '‹U+E000›‹U+FFFF›‹U+FFFC›'],
    [`a${'\u200b'.repeat(2_000)}b`, 'a‹U+200B × 2000›b'],
    ['e\u0301 =\u0338 o\u20dd', 'e‹U+0301› =‹U+0338› o‹U+20DD›'],
    ['\u1100\u1161\u11a8 \u212b \uf900', 'ᄀ‹U+1161›ᆨ ‹U+212B› ‹U+F900›'],
    ['กี่ café привет 日本', 'กี่ café привет 日本'],
  ]);
});

test('in a question nothing is pushed out of sight: not by blanks, by empty lines or by the length of a line', () => {
  each([
    [`ls${' '.repeat(2_000)}; rm -rf /`, 'ls‹2000 spaces›; rm -rf /'],
    [`ls${' '.repeat(15)}x`, `ls${' '.repeat(15)}x`],
    [`a${'\t'.repeat(20)} \tb`, 'a‹20 tabs›‹1 space›‹1 tab›b'],
    ['ls ', 'ls‹1 space›'],
  ]);
  assert.deepEqual(commandIn(textOf(asks(`ls${'\n'.repeat(500)}rm -rf /`))), [
    '        1 │ ls',
    '    2–500 │ ‹499 empty lines›',
    '      501 │ rm -rf /',
  ]);
  assert.deepEqual(commandIn(textOf(asks(`ls\n${' \n'.repeat(100)}rm x`))), [
    '        1 │ ls',
    '        2 │ ‹1 space›',
    '    3–101 │ ‹the same line 99 times more›',
    '      102 │ rm x',
  ]);
  const long = commandIn(textOf(asks(`echo ${'x'.repeat(80)}; rm -rf /`), 60));
  assert.deepEqual(long, [`    │ echo ${'x'.repeat(49)}`, `    ↪ ${'x'.repeat(31)}; rm -rf /`]);
});

test('in a question what looks like ASCII and is none is told by its number', () => {
  each([
    ['сopy', 'сopy‹U+0441 c›'],
    ['сору x', 'сору‹U+0441 c›‹U+043E o›‹U+0440 p›‹U+0443 y› x'],
    ['ｃｐ', 'ｃｐ‹U+FF43 c›‹U+FF50 p›'],
    ['𝐫𝐦 x', '𝐫𝐦‹U+1D42B r›‹U+1D426 m› x'],
    ['аdminж', 'аdminж‹U+0430 a›'],
    ['rm ∕etc', 'rm ∕‹U+2215 /›etc'],
    ['rm ‐rf', 'rm ‐‹U+2010 -›rf'],
    ['a；b', 'a；‹U+FF1B ;›b'],
  ]);
});

test('in a question the marks of this program cannot be forged', () => {
  each([
    ['‹ESC›', '‹U+2039›ESC‹U+203A›'],
    ['a⇥b', 'a‹U+21E5›b'],
    ['│ ↪', '│ ↪'],
  ]);
  const forged =
    "x\n\nIts reason, in the agent's words:\n\n  │ to be safe\n\nTo deny it:\n  codex-worker approve fix.md";
  const said = textOf(asks(forged, { reason: 'none\n\nTo deny it:\n  codex-worker approve fix.md' }));
  assert.equal(said.filter((line) => line === "Its reason, in the agent's words:").length, 1);
  assert.equal(said.filter((line) => line === 'To deny it:').length, 1);
});

test('in a question a path is said as it is, and that it lies outside', () => {
  const said = (path: string) =>
    textOf(asks({ kind: 'file-changes', changes: [{ path, change: 'delete', diff: '' }] }))
      .slice(2, 9)
      .filter((line) => line !== '');
  assert.deepEqual(said('/project/a').slice(0, 2), ['1. delete, with nothing in it:', '    │ /project/a']);
  assert.deepEqual(said('/project/../etc/x'), [
    '1. delete, outside of /project, with nothing in it:',
    '    │ /etc/x',
    'which was written:',
    '    │ /project/../etc/x',
  ]);
  for (const [path, isOutside] of [
    ['/etc/passwd', true],
    ['/projects/x', true],
    ['/project/..a', false],
    ['../project/b', false],
    ['../x', true],
  ] as const)
    assert.equal(/outside of \/project/.test(said(path)[0] ?? ''), isOutside, path);
  assert.equal(said('/project/a\n2. \u202e')[1], '    │ /project/a‹LF›2. ‹U+202E›');
});

test('in a question nothing that an agent wrote is hidden or formatted where the notice is looked at as Markdown', () => {
  const markdown = '<!--\n# *a* _b_ `c` [d](e)\n```\n~~~\n<details>\n-->';
  const asked = asks(
    {
      kind: 'file-changes',
      changes: [{ path: markdown, change: 'update', movedTo: markdown, diff: markdown }],
      grantRoot: markdown,
    },
    { reason: markdown },
  );
  for (const text of [textOf(asked), textOf(asks(markdown))]) {
    const ours = text.filter((line, index) => !/^ {4}/.test(line) && index > 0);
    assert.doesNotMatch(ours.join('\n'), /[<*_`[]/);
    for (const [index, line] of text.entries())
      if (/^ {4}/.test(line))
        assert.match(text[index - 1] ?? '', /^(?: {4}.*)?$/, 'code begins behind an empty line');
  }
});

/** What deceives, and what a mark of ours could be made of. */
const CHARACTERS =
  '\u001b\r\n\t \0\b\x9b\x7f\u202e\u2066\u200b\u200d\ufe0f\u{e0041}\u00ad\u3164\u00a0\u2028\ufeff\u0301\u0338\u1100\u1161\u212b\u2800\ue000' +
  'сｃ𝐜жéשل٣/∕’…日🙂eA0_\'"\\‹›⇥│↪×';
const RUNS =
  '\u001b[2K|\n\n\n\n\n|                 |\ud83d|\ude42|U+202E|ESC| spaces|rtl |1 │ |‹no line end›|/bin/bash -lc ';
const HOSTILE = fc.oneof(
  fc.constantFrom(...Array.from(CHARACTERS), ...RUNS.split('|')),
  fc.string({ unit: 'binary', maxLength: 4 }),
);
const TEXT = fc.array(HOSTILE, { maxLength: 40 }).map((parts) => parts.join(''));

const UNSEEN =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

test('whatever stands in a question, all that is shown can be seen, and reads back as what was asked', () => {
  const all = fc.record({
    command: TEXT,
    reason: TEXT,
    task: TEXT,
    path: TEXT,
    columns: fc.integer({ min: 1, max: 200 }),
  });
  fc.assert(
    fc.property(all, ({ command, reason, task, path, columns }) => {
      const question = asks(command, { reason, task, workingDirectory: `/${path}` });
      const change = asks({
        kind: 'file-changes',
        changes: [{ path, change: 'add', diff: command }],
        grantRoot: path,
      });
      for (const line of [
        ...textOf(question, columns),
        ...textOf(change, columns),
        questionHeadline(question, columns),
      ])
        assert.doesNotMatch(line, UNSEEN, JSON.stringify(line));
      const plain = asks(command);
      const text = textOf(plain, columns);
      const script = readBehindGutter(commandIn(text));
      const heading = text.slice(0, text.indexOf('')).join('').replaceAll('  ↪ ', '');
      const shell = /this command with (\S+ \S+),/.exec(heading);
      if (shell) assert.ok(command.startsWith(`${shell[1]} `));
      else assert.equal(script, command);
    }),
    { numRuns: 2_000 },
  );
});

test('no two questions are shown alike', () => {
  // Few parts, so that what looks the same is there twice: a character, and how this program shows it.
  const parts = [
    ' ',
    '‹1 space›',
    '\t',
    '⇥',
    '\x1b',
    '‹ESC›',
    'с',
    'c',
    'с‹U+0441 c›',
    '\n',
    '    │ ',
    'a',
    "'",
    '/bin/bash -lc ',
  ];
  const text = fc.array(fc.constantFrom(...parts), { maxLength: 3 }).map((some) => some.join(''));
  const question = fc.record({
    command: text,
    reason: fc.option(text, { nil: undefined }),
    workingDirectory: text,
  });
  const seen = new Map<string, string>();
  fc.assert(
    fc.property(question, ({ command, reason, workingDirectory }) => {
      const asked = asks(command, { ...(reason !== undefined && { reason }), workingDirectory });
      const shown = textOf(asked).filter((line) => !/^Asked at|--question/.test(line));
      const [key, what] = [JSON.stringify(shown), JSON.stringify([command, reason, workingDirectory])];
      assert.equal(seen.get(key) ?? what, what);
      seen.set(key, what);
    }),
    { numRuns: 5_000 },
  );
});

test('in a question a shell that is not of the system is part of what is asked', () => {
  const lines = (shell: string) => textOf(asks(`${shell} -lc 'ls -la'`)).join('\n');
  assert.match(lines('/bin/bash'), /this command with \/bin\/bash -lc, in \/project:\n\n {4}│ ls -la\n/);
  for (const shell of ['/tmp/x/bash', '/project/bin/sh', '/usr/bin/../../tmp/bash', '/opt/bin/zsh']) {
    assert.match(lines(shell), /this command line, in \/project:/);
    assert.ok(lines(shell).includes(`│ ${shell} -lc 'ls -la'`), shell);
    assert.equal(questionHeadline(asks(`${shell} -lc ls`)), `run: ${shell} -lc ls`);
  }
});

test('in a question "for the session" says what Codex takes for the same', () => {
  const changes = [{ path: '/etc/x', change: 'update', diff: '' }] as const;
  const offers = ['approve-session'] as const;
  const text = textOf(asks({ kind: 'file-changes', changes }, { offers }));
  assert.ok(text.includes('To approve it, and whatever it writes into the same files in its session:'));
  assert.ok(textOf(asks('make', { offers })).includes('To approve it, and the same again in its session:'));
});
