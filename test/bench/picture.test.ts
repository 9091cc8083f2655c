import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Findings } from '../../scripts/bench/goal.ts';
import { chartsOf, drawGoal, escapeXml } from '../../scripts/bench/picture.ts';

const one = { median: 1, min: 1, max: 1 };
const findings: Findings = {
  figures: [
    {
      limit: { what: 'a < b & "c"', atMost: 4, unit: '× D' },
      place: 'tmpfs',
      value: { median: 2, min: 1, max: 8 },
    },
    { limit: { what: 'never measured', atMost: 1, unit: 'ms' }, place: undefined, value: undefined },
  ],
  contests: [
    {
      title: 'some </svg> contest',
      place: 'disk',
      about: 'time',
      entries: ['reference', 'ours', 'a name that is too long for the margin of any picture'].map((name) => ({
        name,
        kind: 'peer',
        rounds: 1,
        wallMs: 1,
        cpuMs: 1,
        peakMb: 1,
        wallRatio: one,
        cpuRatio: one,
        peakRatio: one,
      })),
    },
  ],
  notes: [],
};

/** Names of elements that are open at the end, and what is no XML at all; a parser small enough to be trusted. */
function faultsOf(svg: string): string[] {
  const faults: string[] = [];
  const open: string[] = [];
  const pieces = /<(\/?)([a-z]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>|([^<]+)|(<)/g;
  for (const [, closes, name = '', attributes = '', isEmpty, text, stray] of svg.matchAll(pieces)) {
    if (stray) faults.push('a stray <');
    if (/&(?!(?:amp|lt|gt|quot);)/.test(text ?? attributes)) faults.push('a stray &');
    if (text !== undefined || stray) continue;
    if (closes && open.pop() !== name) faults.push(`</${name}> closes nothing`);
    if (!closes && !isEmpty) open.push(name);
  }
  return [...faults, ...open.map((name) => `<${name}> is never closed`)];
}

suite('the picture of a goal', () => {
  test('is well-formed, whatever names and titles hold', () => {
    const svg = drawGoal({ number: 3, title: 'more & <b>more</b> \u0007' }, chartsOf(findings));
    assert.deepEqual(faultsOf(svg), []);
    assert.match(svg, /a &lt; b &amp; &quot;c&quot;, tmpfs/);
    assert.match(svg, /more &amp; &lt;b&gt;more&lt;\/b&gt; \?/);
    assert.match(svg, /<title>a name that is too long for the margin of any picture<\/title>/);
  });

  test('control: without escaping it would not be', () => {
    const svg = drawGoal({ number: 3, title: 'x' }, chartsOf(findings));
    const unescaped = svg.replaceAll('&lt;', '<').replaceAll('&amp;', '&').replaceAll('&gt;', '>');
    assert.notDeepEqual(faultsOf(unescaped), []);
    assert.equal(escapeXml('\ud800<'), '?&lt;');
  });

  test('has a bar for each figure that was measured and for each contestant', () => {
    const charts = chartsOf(findings);
    assert.deepEqual(
      charts.map(({ bars }) => bars.length),
      [1, 3],
    );
    assert.equal(charts[0]?.bars[0]?.atMost, 4);
    const svg = drawGoal({ number: 3, title: 'x' }, charts);
    const marks = svg.match(/stroke-dasharray/g);
    assert.equal(marks?.length, 1);
    // half as long as its limit, and the whole range of 8 fills the axis
    assert.match(svg, /<rect x="250" y="\d+" width="90.0"/);
  });
});
