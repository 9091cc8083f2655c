import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { formatDuration, parseDuration } from '../../src/core/duration.ts';
import { headline, printable, printableText, shellPath, shellQuoted } from '../../src/core/printable.ts';

test('a duration is a number of seconds, or has a unit', () => {
  const table: [string, number | undefined][] = [
    ['90', 90_000],
    ['90s', 90_000],
    ['1.5m', 90_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['0', 0],
    ['0.001', 1],
    [' 5s ', 5_000],
    ...[
      '',
      's',
      '-1',
      '+1',
      '1e3',
      '0x10',
      '1,5',
      '1.',
      '.5',
      '5 s',
      '1h30m',
      '5S',
      'NaN',
      'Infinity',
      '٣',
    ].map((text): [string, undefined] => [text, undefined]),
    ['9'.repeat(400), undefined],
  ];
  for (const [text, ms] of table) assert.equal(parseDuration(text), ms, JSON.stringify(text));
});

test('a duration is written so that a person sees its size, and no field ever shows 60', () => {
  const table: [number, string][] = [
    [0, '0.0s'],
    [-5, '0.0s'],
    [449, '0.4s'],
    [12_345, '12.3s'],
    [59_949, '59.9s'],
    [59_950, '1m 00s'],
    [245_000, '4m 05s'],
    [3_599_499, '59m 59s'],
    [3_599_500, '1h 00m'],
    [7_620_000, '2h 07m'],
    [90_000_000, '25h 00m'],
  ];
  for (const [ms, text] of table) assert.equal(formatDuration(ms), text, String(ms));
  for (let ms = 0; ms < 8_000_000; ms += 977) assert.doesNotMatch(formatDuration(ms), /60[smh.]/, String(ms));
});

/** What a terminal would act on, or what makes a line read differently from what it is. */
const DANGEROUS =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;

const ATTACKS = [
  '\x1b[31mred\x1b[0m',
  '\x1b]0;title\x07',
  '\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\',
  '\x1b]52;c;ZXZpbA==\x07',
  '\x1bP+q544e\x1b\\',
  '\x9b31mred',
  '\x9d0;title\x9c',
  '\x1b\x1b[0m[31mhidden in another',
  '\x1b[3',
  '\x1b',
  'over\rwritten',
  'rub\b\b\bout',
  'bell\x07nul\x00del\x7f',
  'user\u202e gnp.exe',
  'a\u2066b\u2069c\u200e\u200f\u061cd',
  'line\u2028separator\u2029',
  '\ufeffbom',
  'lone \ud83d half',
  'other \ude42 half',
];

test('no text of anybody keeps a control sequence, a bidirectional control or half a character', () => {
  for (const attack of ATTACKS)
    for (const text of [attack, attack + attack, `${attack}\x1b`, Array.from(attack).join('\x1b[0m')])
      for (const shown of [printable(text), printableText(text), headline(text)]) {
        assert.doesNotMatch(shown, DANGEROUS, JSON.stringify(text));
        assert.ok(shown.isWellFormed(), JSON.stringify(text));
      }
});

test('a name keeps a trace of everything that was in it', () => {
  assert.equal(printable('a\nb\tc\rd\x1b[0me\u202ef'), 'a\\nb\\tc\\x0dd\\x1b[0me\\u202ef');
  assert.equal(printable('plain ünïcödé 🙂 任务'), 'plain ünïcödé 🙂 任务');
});

test('a text keeps its lines and tabs, and loses its colours', () => {
  assert.equal(printableText('a\r\nb\rc\n\t\x1b[1md\x1b[0m \x07'), 'a\nb\nc\n\td \\x07');
});

test('a text loses titles and links too, and keeps what the link says', () => {
  const link = (end: string) => `\x1b]8;;http://evil${end}here\x1b]8;;${end}`;
  assert.equal(printableText(`a\x1b]0;title\x07b ${link('\x07')} ${link('\x1b\\')}`), 'ab here here');
  assert.equal(printableText('\x1b[38;2;1;2;3mc\x1b[?25l\x1b[2 qd'), 'cd');
});

test('hostile text is made printable in a time that grows no faster than the text', () => {
  const n = 300_000;
  for (const [what, text] of [
    ['an OSC that never ends', `\x1b${';#'.repeat(n)}`],
    ['a CSI that never ends', `\x1b[${'0;'.repeat(n)}`],
    ['many OSC that never end', '\x1b]0;'.repeat(n)],
    ['many CSI that never end', '\x1b['.repeat(n)],
  ] as const) {
    const started = performance.now();
    for (const show of [printableText, printable, headline]) show(text);
    // Seconds are generous for a megabyte or two even on a busy machine, and quadratic time would be minutes.
    assert.ok(performance.now() - started < 6_000, `${what}: ${performance.now() - started} ms`);
  }
});

test('a headline is the first line that says something, cut to its length between characters', () => {
  assert.equal(headline('\n  \n\t first \nsecond'), 'first');
  assert.equal(headline(' \n\t'), '');
  assert.equal(headline('x'.repeat(300)), 'x'.repeat(300));
  assert.equal(headline('x'.repeat(301)), `${'x'.repeat(299)}…`);
  const cut = headline('🙂'.repeat(10), 10);
  assert.ok(cut.isWellFormed() && cut.length <= 10 && cut.endsWith('…'), JSON.stringify(cut));
});

test('what is quoted for a shell comes out of it as it was', () => {
  const texts = [
    "it's",
    '$(x) `y`',
    'new\nline',
    'back\\slash\n',
    "both'\x1b'",
    '\u202eevil',
    '-c.md',
    'plain.md',
    '',
  ];
  for (const text of texts) {
    const said = execFileSync('bash', ['-c', `printf %s ${shellQuoted(text)}`], { encoding: 'utf8' });
    assert.equal(said, text);
    assert.equal(printable(shellQuoted(text)), shellQuoted(text), 'and can be shown as it is');
  }
  assert.equal(shellPath('-c.md'), './-c.md');
});
