/**
 * Builds dist, whole: nothing of an earlier build is left in it, and a build that fails changes nothing. The program is
 * a few CommonJS files and what a worker thread loads is one, libraries included: reading 120 module files costs more
 * time than running them does, and Node's loader for ES modules costs some more in each thread.
 */
import { build, transform } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { resolve } = createRequire(import.meta.url);
const [fresh, dist, old] = ['new', '', 'old'].map(
  (word) => `${root}dist${word && `.${word}.${process.pid}`}`,
);

/** A package that is one function, loaded when it is called: that one's table takes 5 ms, and hardly any command needs it. */
const loadedWhenCalled = (name) => ({
  name: `${name}, loaded when called`,
  setup({ onResolve, onLoad }) {
    const namespace = `when-called-${name}`;
    onResolve({ filter: new RegExp(`^${name}$`) }, () => ({ path: name, namespace }));
    onLoad({ filter: /./, namespace }, () => ({
      contents: `module.exports = (...given) => require(${JSON.stringify(resolve(name))})(...given);`,
      resolveDir: root,
    }));
  },
});

/** For what is built here, and for what it brings along. */
const common = {
  platform: 'node',
  target: 'node20.19',
  logLevel: 'warning',
  logOverride: { 'duplicate-class-member': 'silent' }, // xmlbuilder has some
};
const options = {
  ...common,
  absWorkingDir: root,
  outdir: fresh,
  bundle: true,
  define: { 'import.meta.url': 'moduleUrl' },
  // Of fs-extra we use the calls of Node's fs, as promises; the rest of it is not carried along.
  alias: { 'fs-extra': join(dirname(resolve('fs-extra')), 'fs', 'index.js') },
  plugins: [loadedWhenCalled('unhomoglyph')],
  external: ['@napi-rs/nice'], // piscina loads it only for threads of a lower priority
  metafile: true,
};
const banner = `'use strict';\nconst moduleUrl = require('node:url').pathToFileURL(__filename).href;`;

/** The program: what `--help` needs, the commands, and the thread pool are files of their own, loaded when needed. */
async function buildProgram() {
  const { outputFiles, metafile } = await build({
    ...options,
    entryPoints: { 'src/cli': 'src/cli.ts' },
    chunkNames: 'src/[name]-[hash]',
    format: 'esm',
    splitting: true,
    write: false,
  });
  mkdirSync(`${fresh}/src`, { recursive: true });
  for (const { path, text } of outputFiles) {
    const supported = { 'dynamic-import': false }; // as in the rest of it, require
    const { code } = await transform(text, { ...common, supported, banner, format: 'cjs' });
    writeFileSync(path, code);
  }
  return metafile;
}

/** What a thread loads: one file of ours, and the one that piscina looks for beside its own code, which is in src then. */
async function buildWorker() {
  const entryPoints = {
    'workers/attempt': 'workers/attempt.ts',
    'src/worker': join(dirname(resolve('piscina')), 'worker.js'),
  };
  return (await build({ ...options, entryPoints, format: 'cjs', banner: { js: banner } })).metafile;
}

/** The licences of the packages whose code is in the bundles; each asks to be carried along with it. */
function licences(metafiles) {
  const packages = new Set(
    metafiles
      .flatMap(({ inputs }) => Object.keys(inputs))
      .flatMap((path) => /^.*\/?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []),
  );
  return [...packages]
    .toSorted((a, b) => a.localeCompare(b))
    .map((path) => {
      const directory = join(root, path);
      const { name, version, license, author } = JSON.parse(
        readFileSync(join(directory, 'package.json'), 'utf8'),
      );
      const file = readdirSync(directory).find((entry) => /^licen[cs]e/i.test(entry));
      const text =
        file === undefined ? namedOnly(name, license, author) : readFileSync(join(directory, file), 'utf8');
      return `${name} ${version}\n\n${text.trim()}\n`;
    });
}

/** The licence of a package that says which it is, and does not bring its text: that of MIT is known. */
function namedOnly(name, license, author) {
  if (license !== 'MIT') throw new Error(`${name} is bundled, and has no file that says its licence`);
  const [, terms] = readFileSync(`${root}LICENSE`, 'utf8').split(/^Copyright.*\n\n/m);
  return `MIT License\n\nCopyright (c) ${author}\n\n${terms}`;
}

try {
  const tsc = `${root}node_modules/typescript/bin/tsc`;
  execFileSync(process.execPath, [tsc, '-p', `${root}tsconfig.build.json`, '--noEmit'], {
    stdio: 'inherit',
    cwd: root,
  });
  const metafiles = [await buildProgram(), await buildWorker()];
  const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  writeFileSync(`${fresh}/package.json`, `${JSON.stringify({ type: 'commonjs', version })}\n`);
  writeFileSync(`${fresh}/LICENSES.txt`, licences(metafiles).join(`\n${'-'.repeat(80)}\n\n`));
  chmodSync(`${fresh}/src/cli.js`, 0o755);
  try {
    renameSync(dist, old);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  renameSync(fresh, dist);
} finally {
  rmSync(fresh, { recursive: true, force: true });
  rmSync(old, { recursive: true, force: true });
}
