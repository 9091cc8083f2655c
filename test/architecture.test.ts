/**
 * Who imports whom, types included, read from the import lines:
 *
 *   core ← io ← engine ← commands ← cli        core ← report ← cli
 *   core, io, engine ← workers                  nobody imports workers
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

type Layer = 'core' | 'io' | 'engine' | 'commands' | 'report' | 'cli' | 'workers';

/** What each layer may import besides itself. */
const MAY_IMPORT: Readonly<Record<Layer, readonly Layer[]>> = {
  core: [],
  io: ['core'],
  engine: ['core', 'io'],
  commands: ['core', 'io', 'engine'],
  report: ['core'],
  cli: ['core', 'commands', 'report'],
  workers: ['core', 'io', 'engine'],
};

/** One package, one door: replacing a package is one file. */
const DOORS: Readonly<Record<string, string>> = {
  piscina: 'src/engine/pool.ts',
  cac: 'src/cli.ts',
  picocolors: 'src/report/console.ts',
  tinyglobby: 'src/io/glob.ts',
  'cross-spawn': 'src/io/child.ts',
  'fs-extra': 'src/io/files.ts',
  split2: 'src/engine/listen.ts',
  which: 'src/io/codex-command.ts',
  leven: 'src/core/options.ts',
  unhomoglyph: 'src/core/look-alikes.ts',
  yaml: 'src/io/yaml.ts',
  'log-update': 'src/report/screen.ts',
  'string-width': 'src/report/widths.ts',
  eta: 'src/report/page/page.ts',
  'junit-report-builder': 'src/report/junit.ts',
  '@bomb.sh/tab': 'src/commands/complete.ts',
};

/** Every source file by its path in the repository. */
type Sources = ReadonlyMap<string, string>;

function readSources(): Sources {
  const sources = new Map<string, string>();
  for (const folder of ['src', 'workers'])
    for (const entry of readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })) {
      const path = `${folder}/${entry}`;
      if (path.endsWith('.ts')) sources.set(path, readFileSync(join(ROOT, path), 'utf8'));
    }
  return sources;
}

/** What a file names in `import … from`, `export … from`, `import '…'`, `import('…')`, in code that is not commented out. */
function importsOf(text: string): string[] {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
  const statement = /^\s*(?:import|export)\b[^;'"`]*?\bfrom\s*['"]([^'"]+)['"]/gm;
  const bare = /^\s*import\s*['"]([^'"]+)['"]/gm;
  const dynamic = /\bimport\(\s*['"]([^'"]+)['"]/g;
  return [statement, bare, dynamic].flatMap((pattern) =>
    [...code.matchAll(pattern)].map((match) => match[1] ?? ''),
  );
}

function layerOf(path: string): Layer | undefined {
  if (/^src\/(?:cli|actions|version)\.ts$/.test(path)) return 'cli';
  if (path.startsWith('workers/')) return 'workers';
  return (['core', 'io', 'engine', 'commands', 'report'] as const).find((layer) =>
    path.startsWith(`src/${layer}/`),
  );
}

const inRepository = (from: string, specifier: string) => normalize(join(dirname(from), specifier));
const packageOf = (specifier: string) =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

function wrongArrows(sources: Sources): string[] {
  const wrong: string[] = [];
  for (const [path, text] of sources) {
    const layer = layerOf(path);
    if (!layer) wrong.push(`${path} is in no layer`);
    for (const specifier of importsOf(text)) {
      if (!specifier.startsWith('.')) continue;
      const target = inRepository(path, specifier);
      const other = layerOf(target);
      if (!sources.has(target)) wrong.push(`${path} imports ${target}, which is no source file`);
      else if (layer && other && other !== layer && !MAY_IMPORT[layer].includes(other))
        wrong.push(`${path} (${layer}) imports ${target} (${other})`);
    }
  }
  return wrong;
}

function secondDoors(sources: Sources): string[] {
  const wrong: string[] = [];
  for (const [path, text] of sources)
    for (const specifier of importsOf(text)) {
      if (specifier.startsWith('.') || isBuiltin(specifier)) continue;
      const name = packageOf(specifier);
      if (DOORS[name] !== path)
        wrong.push(`${path} imports ${name}, whose door is ${DOORS[name] ?? 'nowhere'}`);
    }
  return wrong;
}

/** Each cycle once, as the way round it. */
function cycles(sources: Sources): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, way: readonly string[]) => {
    const at = way.indexOf(path);
    if (at >= 0) {
      found.push([...way.slice(at), path].join(' → '));
      return;
    }
    if (done.has(path)) return;
    for (const specifier of importsOf(sources.get(path) ?? ''))
      if (specifier.startsWith('.')) visit(inRepository(path, specifier), [...way, path]);
    done.add(path);
  };
  for (const path of sources.keys()) visit(path, []);
  return found;
}

const real = readSources();

test('imports point to the left, types included', () => {
  assert.ok(real.size > 40, `only ${real.size} source files were read`);
  assert.deepEqual(wrongArrows(real), []);
});

test('no file imports itself by any way round', () => {
  assert.deepEqual(cycles(real), []);
});

test('each package has one door', () => {
  assert.deepEqual(secondDoors(real), []);
});

test('each door is used, its package is carried in the bundle, and installing the program installs nothing else', () => {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<string, object>;
  assert.equal(manifest['dependencies'], undefined);
  const bundled = readFileSync(join(ROOT, 'dist', 'LICENSES.txt'), 'utf8');
  for (const name of Object.keys(DOORS)) {
    assert.ok(name in (manifest['devDependencies'] ?? {}), name);
    assert.match(bundled, new RegExp(`^${name} \\d+\\.\\d+`, 'm'));
  }
  for (const [name, door] of Object.entries(DOORS))
    assert.ok(
      importsOf(real.get(door) ?? '')
        .map(packageOf)
        .includes(name),
      `${door} does not import ${name}`,
    );
});

test('core takes nothing from Node that reads or writes the outside', () => {
  const pure = new Set(['node:util', 'node:path', 'node:crypto']);
  const wrong = [...real]
    .filter(([path]) => layerOf(path) === 'core')
    .flatMap(([path, text]) => importsOf(text).map((specifier) => ({ path, specifier })))
    .filter(({ specifier }) => isBuiltin(specifier) && !pure.has(specifier));
  assert.deepEqual(wrong, []);
});

test('only report and cli write to standard output and standard error', () => {
  const writers = [...real]
    .filter(([, text]) =>
      /\bconsole\.\w+\(|process\.(stdout|stderr)\b/.test(text.replaceAll(/\/\*[\s\S]*?\*\//g, '')),
    )
    .map(([path]) => path)
    .filter((path) => !['report', 'cli'].includes(layerOf(path) ?? ''));
  assert.deepEqual(writers, []);
});

test('the checks see a wrong arrow, a cycle and a second door when there is one', () => {
  const made: Sources = new Map([
    ...real,
    ['src/core/made-up.ts', "import type { Files } from '../io/files.ts';\nimport 'piscina';\n"],
    [
      'src/io/made-up.ts',
      "export type {\n  World,\n} from '../engine/world.ts';\nawait import('../../workers/attempt.ts');\n",
    ],
    [
      'src/report/made-up.ts',
      "import { run } from '../commands/run.ts';\n// import '../cli.ts';\n/* import '../io/files.ts' */\n",
    ],
    ['src/io/chicken.ts', "import { egg } from './egg.ts';\n"],
    ['src/io/egg.ts', "import type { Chicken } from './chicken.ts';\n"],
  ]);
  assert.deepEqual(wrongArrows(made), [
    'src/core/made-up.ts (core) imports src/io/files.ts (io)',
    'src/io/made-up.ts (io) imports src/engine/world.ts (engine)',
    'src/io/made-up.ts (io) imports workers/attempt.ts (workers)',
    'src/report/made-up.ts (report) imports src/commands/run.ts (commands)',
  ]);
  assert.deepEqual(cycles(made), ['src/io/chicken.ts → src/io/egg.ts → src/io/chicken.ts']);
  assert.deepEqual(secondDoors(made), [
    'src/core/made-up.ts imports piscina, whose door is src/engine/pool.ts',
  ]);
});

test('the top level holds the agreed folders and files', () => {
  const agreed = new Set([
    'src',
    'workers',
    'test',
    'scripts',
    'docs',
    'examples',
    'schemas',
    '.ci',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'README.md',
    'CHANGELOG.md',
    'ARCHITECTURE.md',
    'CONTRIBUTING.md',
    'LICENSE',
    '.gitignore',
    '.npmrc',
    '.oxlintrc.json',
    '.prettierignore',
    '.prettierrc.json',
    'knip.json',
  ]);
  const ignored = new Set(
    readFileSync(join(ROOT, '.gitignore'), 'utf8')
      .split('\n')
      .map((line) => line.replaceAll(/^\/|\/$/g, '')),
  );
  const present = readdirSync(ROOT).filter((name) => name !== '.git' && !ignored.has(name));
  assert.deepEqual(
    present.filter((name) => !agreed.has(name)),
    [],
  );
  for (const name of ['src', 'workers', 'test', 'scripts', 'package.json', 'tsconfig.json', 'README.md'])
    assert.ok(present.includes(name), `${name} is missing`);
});
