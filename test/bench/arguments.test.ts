import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseBenchArguments, UsageError } from '../../scripts/bench/arguments.ts';
import { goals } from '../../scripts/bench/goals.ts';
import { listGoals } from '../../scripts/bench/report.ts';

const parse = (...argv: string[]) => parseBenchArguments(argv, [1, 2, 10]);

suite('npm run bench --', () => {
  test('without options measures every goal at its full size', () => {
    assert.deepEqual(parse(), {
      kind: 'measure',
      quick: false,
      only: [],
      rounds: undefined,
      report: undefined,
    });
  });

  test('takes goals, rounds and a directory', () => {
    assert.deepEqual(parse('--quick', '--only', '10, 1', '--rounds', '7', '--report', 'out'), {
      kind: 'measure',
      quick: true,
      only: [10, 1],
      rounds: 7,
      report: 'out',
    });
  });

  for (const [argv, says] of [
    [['--only', '3'], /no goal "3"; there are 1, 2, 10/],
    [['--only', ''], /no goal ""/],
    [['--only', '1,,2'], /no goal ""/],
    [['--rounds', '0'], /--rounds 0: a whole number/],
    [['--rounds', '1.5'], /--rounds 1\.5/],
    [['--rounds', 'many'], /--rounds many/],
    [['--report', ''], /needs the name of a directory/],
    [['--fast'], /--fast/],
    [['1'], /1/],
  ] as const)
    test(`refuses ${argv.join(' ')}`, () => {
      assert.throws(
        () => parse(...argv),
        (error) => error instanceof UsageError && says.test(error.message),
      );
    });

  test('a wrong option ends with 2 and the usage, before anything is measured', () => {
    const script = fileURLToPath(new URL('../../scripts/bench.ts', import.meta.url));
    const { status, stderr, stdout } = spawnSync(
      process.execPath,
      ['--import', 'tsx', script, '--only', '99'],
      { encoding: 'utf8' },
    );
    assert.equal(status, 2);
    assert.equal(stdout, '');
    assert.match(stderr, /^bench: --only 99: there is no goal "99"/);
    assert.match(stderr, /--report DIR/);
  });

  test('--list names every goal with each of its limits', () => {
    const list = listGoals(goals);
    assert.deepEqual(
      goals.map(({ number }) => number),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    );
    for (const { title, limits } of goals) {
      assert.ok(list.includes(title));
      for (const { what, unit } of limits) assert.ok(list.includes(what) && list.includes(unit));
    }
  });
});
