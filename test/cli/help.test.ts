/** What `--help` shows: true examples, pages that fit, and the same options as README. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { execute } from '../../src/cli.ts';
import { COMMAND_TABLE, COMMANDS } from '../../src/core/command-table.ts';
import type { Actions } from '../../src/core/requests.ts';
import { helpPage } from '../../src/report/help.ts';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url));

/** The command of an example, without what is said about it. Sentences among the examples are none. */
function commandOf(example: string): string | undefined {
  return /(?:^|&& |<\()codex-worker\b *(.*?)(?:\)?(?: {2,}.*| [|>].*)?)$/.exec(example)?.[1];
}

/** As a shell would take it apart; the examples need no more than this. */
const wordsOf = (command: string) =>
  [...command.matchAll(/(?:'[^']*'|[^\s'])+/g)].map(([word]) => word.replaceAll("'", ''));

for (const name of COMMANDS)
  test(`${name} has three worked examples, and each is a command line that it takes`, async () => {
    const examples = COMMAND_TABLE[name].examples.flatMap((example) => commandOf(example) ?? []);
    assert.ok(examples.length >= 3, `${examples.length} examples`);
    for (const example of examples) {
      const reached: string[] = [];
      const actions = Object.fromEntries(
        COMMANDS.map((command) => [command, () => (reached.push(command), Promise.resolve(0))]),
      ) as unknown as Actions;
      await execute(wordsOf(example), () => Promise.resolve(actions), {}, '/');
      assert.deepEqual(reached, [name], example);
    }
  });

test('no page has a line of more than 100 columns, and only examples have more than 80', () => {
  for (const name of COMMANDS) {
    const { stdout } = spawnSync(process.execPath, ['--import', 'tsx', CLI, name, '--help'], {
      encoding: 'utf8',
    });
    assert.match(stdout, /Usage:/);
    const long = stdout.split('\n').filter((line) => line.length > 80);
    for (const line of long) {
      assert.ok(line.length <= 100, `${name}: ${line}`);
      assert.ok(COMMAND_TABLE[name].examples.includes(line.trim()), `${name}: ${line}`);
    }
  }
});

test('what is too long for a line goes on below its own beginning', () => {
  const body = `  --long <value>  ${'word '.repeat(20).trim()}\n  --short         word`;
  const [, options] = helpPage([{ body: '' }, { title: 'Options', body }], 'status');
  const [first, second, third] = options?.body.split('\n') ?? [];
  assert.equal(first, `  --long <value>  ${'word '.repeat(12).trim()}`);
  assert.equal(second, `                  ${'word '.repeat(8).trim()}`);
  assert.equal(third, '  --short         word');
});

test('the table of options in README names the options of a run, each once, as --help spells them', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const [, table = ''] = /## Options of a run\n([^]*?)\n\n`codex-worker <command> --help`/.exec(readme) ?? [];
  const told = [...table.matchAll(/^\| ((?:`[^`]*`(?: · )?)+)/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([^`]*)`/g)].map(([, flags = '']) => flags.replace('\\|', '|')),
  );
  const real = [...COMMAND_TABLE.run.options.map(({ flags }) => flags), '-v, --verbose'];
  assert.deepEqual(told.toSorted(), real.toSorted());
});
