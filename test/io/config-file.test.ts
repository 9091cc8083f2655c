/** Finding the config file and reading it: what is said of each mistake in it, and what cannot be done with it by anybody else. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { configFileFor, type ConfigChoice } from '../../src/commands/config-file.ts';
import { UsageError } from '../../src/core/errors.ts';
import { CONFIG_FILES } from '../../src/core/task.ts';
import { discover } from '../../src/io/discovery.ts';
import { realFiles } from '../../src/io/files.ts';
import { scratch } from '../rig/scratch.ts';

const isRoot = process.getuid?.() === 0;

/** A project with what the files of `texts` say, by their paths in it. */
function project(t: TestContext, texts: Readonly<Record<string, string | Buffer>>): string {
  const root = scratch(t);
  mkdirSync(join(root, 'tasks/deep'), { recursive: true });
  for (const [name, text] of Object.entries(texts)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return root;
}

function look(root: string, { named, directories = new Set(['tasks']) }: Partial<ConfigChoice> = {}) {
  const absolute = new Set([...directories].map((directory) => join(root, directory)));
  return configFileFor({ named, directories: absolute, cwd: root });
}

async function complaint(looking: Promise<unknown>): Promise<{ message: string; hint: string | undefined }> {
  const error = await looking.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof UsageError, `expected a usage error, got ${String(error)}`);
  const { message, hint } = error;
  return { message, hint };
}

const CHOOSE = '--config <file> chooses one; --no-config ignores all';

describe('the config file that holds', () => {
  test('is the nearest one above the tasks, however far, by any of its names', async (t) => {
    for (const name of CONFIG_FILES) {
      const root = project(t, { [name]: '{"model": "far"}' });
      const file = await look(root, { directories: new Set(['tasks/deep']) });
      assert.equal(file?.label, name);
      assert.deepEqual([...(file?.entries ?? [])], [['model', { value: 'far', at: '1:2' }]]);
    }
    const root = project(t, {
      '.codex-worker.yaml': 'model: far',
      'tasks/.codex-worker.json': '{"model":"near"}',
    });
    assert.equal((await look(root))?.label, 'tasks/.codex-worker.json');
    assert.equal((await look(root, { named: '.codex-worker.yaml' }))?.label, '.codex-worker.yaml');
    assert.equal(await look(root, { named: false }), undefined);
  });

  test('is found where the tasks really are, whichever way their path was spelled', async (t) => {
    const root = project(t, { 'tasks/.codex-worker.yaml': 'model: near' });
    mkdirSync(join(root, 'elsewhere'));
    symlinkSync('../tasks', join(root, 'elsewhere/link'));
    assert.equal(
      (await look(root, { directories: new Set(['elsewhere/link']) }))?.label,
      'tasks/.codex-worker.yaml',
    );
  });

  test('is none where there is none; the private directory and scripts are no config files', async (t) => {
    const root = project(t, {
      'tasks/.codex-worker/config.yaml': 'model: x',
      'tasks/.codex-worker.js': 'throw new Error("executed")',
      'tasks/.codex-worker.cjs': 'throw new Error("executed")',
      'tasks/.codex-workerrc.js': 'throw new Error("executed")',
      'tasks/package.json': '{"codex-worker": {"model": "x"}}',
    });
    assert.equal(await look(root), undefined);
  });

  test('is one: two side by side, or two for two directories, are named', async (t) => {
    const root = project(t, {
      'tasks/.codex-worker.yaml': '',
      'tasks/.codex-worker.json': '{}',
      'a/.codex-worker.yaml': '',
      'b/.codex-worker.yaml': '',
      'c/x': '',
    });
    assert.deepEqual(await complaint(look(root)), {
      message: 'two config files stand side by side: tasks/.codex-worker.yaml and tasks/.codex-worker.json',
      hint: CHOOSE,
    });
    const both = (...names: string[]) => look(root, { directories: new Set(names) });
    assert.deepEqual(await complaint(both('a', 'b')), {
      message:
        'these directories have different config files: a has a/.codex-worker.yaml, b has b/.codex-worker.yaml',
      hint: CHOOSE,
    });
    assert.equal(
      (await complaint(both('a', 'c'))).message,
      'these directories have different config files: a has a/.codex-worker.yaml, c has none',
    );
    assert.equal(
      (await look(root, { directories: new Set(['a', 'b']), named: 'a/.codex-worker.yaml' }))?.entries.size,
      0,
    );
  });

  test('is there, if it was named', async (t) => {
    assert.deepEqual(await complaint(look(project(t, {}), { named: 'gone.yaml' })), {
      message: '--config: no such file: "gone.yaml"',
      hint: 'name a config file, or leave it out for the nearest one',
    });
  });

  test('is never a task, whatever the pattern', async (t) => {
    const root = project(t, {
      'tasks/one.yaml': 'x',
      'tasks/.codex-worker.yaml': '',
      'tasks/.codex-worker.json': '{}',
    });
    const given = [join(root, 'tasks'), join(root, 'tasks/.codex-worker.json')];
    const { tasks, refused } = await discover(realFiles, given, ['*', '.*', '**/.*.{yaml,json}'], root);
    assert.deepEqual(
      tasks.map(({ name }) => name),
      ['one.yaml'],
    );
    assert.deepEqual(refused, []);
  });
});

describe('a mistake in a config file is named with its place', () => {
  const F = '.codex-worker.yaml';
  const rows: readonly (readonly [text: string, says: string, hint?: string | undefined])[] = [
    ['model: a\nmodell: b\n', `${F}:2:1: no such setting: "modell"`, 'did you mean model?'],
    ['frobnicate: 1', `${F}:1:1: no such setting: "frobnicate"`, 'codex-worker config lists them all'],
    [
      '__proto__: {mode: read-only}',
      `${F}:1:1: no such setting: "__proto__"`,
      'codex-worker config lists them all',
    ],
    ['constructor: x', `${F}:1:1: no such setting: "constructor"`, 'codex-worker config lists them all'],
    ['no-retry-failed: true', `${F}:1:1: no such setting: "no-retry-failed"`, 'write retry-failed: false'],
    ['no-timeout: true', `${F}:1:1: no such setting: "no-timeout"`, 'leave it out'],
    ['model: a\n  yes: true', `${F}:1:8: nested mappings are not allowed in compact mappings`],
    [
      'yes: true',
      `${F}:1:1: yes may not stand in a config file: the question is for whoever starts a run`,
      'use --yes',
    ],
    [
      'trust-tasks: true',
      `${F}:1:1: trust-tasks may not stand in a config file: whoever starts a run says whether its tasks are trusted`,
      'use --trust-tasks',
    ],
    [
      'config: other.yaml',
      `${F}:1:1: config may not stand in a config file: one config file does not name another`,
      'use --config',
    ],
    ...['json', 'output-json', 'report', 'quiet', 'verbose'].map(
      (name) =>
        [
          `${name}: true`,
          `${F}:1:1: ${name} may not stand in a config file: how a run reports is for the command that starts it`,
          `use --${name}`,
        ] as const,
    ),
    ['model: a\nmodel: b', `${F}:2:1: this name stands twice`],
    ['model: !!js/function "x"', `${F}:1:8: tags are not allowed`],
    ['model: !!str 4', `${F}:1:14: tags are not allowed`],
    ['pattern: [a, !!str 4]', `${F}:1:20: tags are not allowed`],
    ['verify: &v make\nmodel: *v', `${F}:1:12: anchors are not allowed`],
    ['[a]: 1', `${F}:1:1: with stringKeys, all keys must be strings`],
    ['- model', `${F}:1:1: allowed is a mapping: lines of name: value`],
    ['just text', `${F}:1:1: allowed is a mapping: lines of name: value`],
    ['model: a\n---\nmodel: b', `${F}:2:1: a second document begins; allowed is one`],
    [`model: ${'['.repeat(30_000)}`, `${F}:1:`],
    ['model: @x', `${F}:1:8: plain value cannot start with reserved character @`],
  ];
  for (const [text, says, hint] of rows)
    test(text.slice(0, 40), async (t) => {
      const said = await complaint(look(project(t, { [F]: text })));
      if (says.endsWith(':'))
        assert.match(said.message, /^\.codex-worker\.yaml:1:\d+: it is nested too deeply$/);
      else assert.deepEqual(said, { message: says, hint });
    });

  test('an alias bomb is a mistake at its first anchor, and takes no time', async (t) => {
    const bomb = Array.from({ length: 30 }, (_, i) =>
      i === 0 ? 'a0: &a0 [x, x]' : `a${i}: &a${i} [${`*a${i - 1}, `.repeat(9)}x]`,
    ).join('\n');
    const began = performance.now();
    const { message } = await complaint(look(project(t, { [F]: bomb })));
    assert.equal(message, `${F}:1:9: anchors are not allowed`);
    assert.ok(performance.now() - began < 2_000);
  });

  test('a file that begins with a byte order mark, is empty, or is nothing but comments, is fine', async (t) => {
    for (const [text, size] of [
      ['\ufeffmodel: a', 1],
      ['', 0],
      ['# nothing\n', 0],
      ['"$schema": x\n', 1],
    ] as const)
      assert.equal((await look(project(t, { [F]: text })))?.entries.size, size, text);
  });

  test('a list, a number and a word are what they look like; a time is text', async (t) => {
    const text =
      'pattern: ["*.a", "*.b"]\ntimeout: 90\nexpect-changes: true\nstop-at: 07:30\nsince: 2026-01-31T22:00\n';
    const file = await look(project(t, { [F]: text }));
    assert.deepEqual(
      [...(file?.entries.values() ?? [])].map(({ value }) => value),
      [['*.a', '*.b'], 90, true, '07:30', '2026-01-31T22:00'],
    );
  });
});

test('a .json file holds JSON and nothing else', async (t) => {
  const hint = 'a file with the ending .yaml may hold what YAML allows';
  for (const text of ['model: a', "{'model': 'a'}", '{"model": "a",}', '{"model": "a"} # said so', '']) {
    const said = await complaint(look(project(t, { '.codex-worker.json': text })));
    assert.match(said.message, /^\.codex-worker\.json(?::1:\d+)?: this is no JSON: /, text);
    assert.equal(said.hint, hint);
  }
  const { message } = await complaint(
    look(project(t, { '.codex-worker.json': '{\n\t"model": "a",\n\t"model": "b"\n}' })),
  );
  assert.equal(message, '.codex-worker.json:3:2: this name stands twice');
});

describe('what is not a small text file of the user is refused, and nothing waits for it', () => {
  const path = 'tasks/.codex-worker.yaml';
  const at = (root: string) => join(root, path);

  test('a pipe', async (t) => {
    const root = project(t, {});
    execFileSync('mkfifo', [at(root)]);
    const expected = {
      message: `${path}: it is a named pipe; a config file is a regular file`,
      hint: CHOOSE,
    };
    assert.deepEqual(await complaint(look(root)), expected);
    assert.deepEqual(await complaint(look(root, { named: path })), expected);
  });

  test('a link, be it to a device; who names a link means the file that it leads to', async (t) => {
    const root = project(t, { 'mine.yaml': 'model: a' });
    symlinkSync('/dev/zero', at(root));
    const { message } = await complaint(look(root));
    assert.equal(message, `${path}: it is a symbolic link; a config file is a regular file`);
    assert.match((await complaint(look(root, { named: path }))).message, /\/dev\/zero: it is a device; /);
    symlinkSync('mine.yaml', join(root, 'link.yaml'));
    assert.equal((await look(root, { named: 'link.yaml' }))?.label, 'mine.yaml');
  });

  test('a directory', async (t) => {
    const root = project(t, {});
    mkdirSync(at(root));
    assert.equal(
      (await complaint(look(root))).message,
      `${path}: it is a directory; a config file is a regular file`,
    );
  });

  test('ten megabytes, and bytes that are no UTF-8', async (t) => {
    const large = project(t, { [path]: Buffer.alloc(10_000_000, '# x\n') });
    assert.equal((await complaint(look(large))).message, `${path}: it has more than 65536 bytes`);
    const odd = project(t, { [path]: Buffer.from([0x6d, 0xff, 0x3a]) });
    assert.equal((await complaint(look(odd))).message, `${path}: it is not UTF-8 text`);
  });

  test('a file that everybody may write, unless it is named', async (t) => {
    const root = project(t, { [path]: 'model: a' });
    chmodSync(at(root), 0o666);
    assert.deepEqual(await complaint(look(root)), {
      message: `${path}: everybody may write it`,
      hint: `--config ${path} takes it all the same; --no-config ignores it`,
    });
    assert.equal((await look(root, { named: path }))?.label, path);
  });

  test(
    'a file of another user, unless it is named',
    { skip: !isRoot && 'only root gives files away' },
    async (t) => {
      const root = project(t, { [path]: 'verify: make mischief' });
      chownSync(at(root), 12_345, 12_345);
      assert.deepEqual(await complaint(look(root)), {
        message: `${path}: it belongs to another user`,
        hint: `--config ${path} takes it all the same; --no-config ignores it`,
      });
      assert.equal((await look(root, { named: path }))?.label, path);
    },
  );

  test('no file is executed, whatever its name', async (t) => {
    const root = project(t, {});
    const script = join(root, 'config.js');
    writeFileSync(script, `require('node:fs').writeFileSync(${JSON.stringify(join(root, 'canary'))}, '')`);
    await complaint(look(root, { named: 'config.js' }));
    assert.equal(existsSync(join(root, 'canary')), false);
  });
});
