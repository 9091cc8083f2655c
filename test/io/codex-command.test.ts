import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, relative, resolve } from 'node:path';
import { test, type TestContext } from 'node:test';
import { EnvironmentError } from '../../src/core/errors.ts';
import { findCodex } from '../../src/io/codex-command.ts';
import { scratch } from '../rig/scratch.ts';

/** An executable file. */
function program(path: string, mode = 0o755): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, '#!/bin/sh\n');
  chmodSync(path, mode);
  return path;
}

const TRIPLES: Readonly<Record<string, string>> = {
  'linux-x64': 'x86_64-unknown-linux-musl',
  'linux-arm64': 'aarch64-unknown-linux-musl',
  'darwin-x64': 'x86_64-apple-darwin',
  'darwin-arm64': 'aarch64-apple-darwin',
};
const PLATFORM = `${process.platform}-${process.arch}`;
const VENDOR = `vendor/${TRIPLES[PLATFORM] ?? ''}`;

/** npm's installation of Codex: a launcher, and on PATH a link to it. */
function npmInstallation(t: TestContext) {
  const root = scratch(t);
  const modules = `${root}/lib/node_modules/@openai`;
  const launcher = program(`${modules}/codex/bin/codex.js`);
  mkdirSync(`${root}/bin`);
  symlinkSync(launcher, `${root}/bin/codex`);
  return { root, modules, env: { PATH: `${root}/bin` } };
}

test('behind npm’s launcher the native binary is found, in the layouts of all versions', async (t) => {
  const layouts = [
    { binary: `codex-${PLATFORM}/${VENDOR}/bin/codex`, tools: `codex-${PLATFORM}/${VENDOR}/codex-path` },
    { binary: `codex-${PLATFORM}/${VENDOR}/codex/codex`, tools: `codex-${PLATFORM}/${VENDOR}/path` },
    { binary: `codex/${VENDOR}/codex/codex`, tools: `codex/${VENDOR}/path` },
    { binary: `codex/${VENDOR}/codex/codex`, tools: undefined },
  ];
  for (const { binary, tools } of layouts) {
    const { root, modules, env } = npmInstallation(t);
    program(`${modules}/${binary}`);
    if (tools) mkdirSync(`${modules}/${tools}`, { recursive: true });
    if (binary.startsWith('codex-'))
      writeFileSync(`${modules}/codex-${PLATFORM}/package.json`, '{"version":"1.0.0"}');
    assert.deepEqual(await findCodex(env, '/'), {
      command: `${modules}/${binary}`,
      launcher: `${root}/bin/codex`,
      isCodex: true,
      ...(tools ? { pathPrefix: `${modules}/${tools}` } : {}),
    });
  }
});

test('a launcher without a binary that we can find is used as it is', async (t) => {
  const { root, env } = npmInstallation(t);
  assert.deepEqual(await findCodex(env, '/'), {
    command: `${root}/bin/codex`,
    launcher: `${root}/bin/codex`,
    isCodex: true,
  });
});

test('the Codex that is a development dependency of this project is found behind its launcher', async () => {
  const launcher = `${dirname(createRequire(import.meta.url).resolve('@openai/codex/package.json'))}/bin/codex.js`;
  const { command, isCodex } = await findCodex({ CODEX_CMD: realpathSync(launcher) }, '/');
  assert.match(command, /\/vendor\/[^/]+\/(bin|codex)\/codex$/);
  assert.equal(isCodex, true);
});

test('CODEX_CMD is a path or a name on PATH, and says whether it is a Codex', async (t) => {
  const root = scratch(t);
  const custom = program(`${root}/bin/my agent`);
  const codex = program(`${root}/other/codex`);
  const env = { PATH: `${root}/bin` };
  const found = async (named: string, cwd = '/') => {
    const { command, isCodex } = await findCodex({ ...env, CODEX_CMD: named }, cwd);
    return { command, isCodex };
  };
  assert.deepEqual(await found(custom), { command: custom, isCodex: false });
  assert.deepEqual(await found('my agent'), { command: custom, isCodex: false });
  assert.deepEqual(await found('./bin/my agent', root), { command: custom, isCodex: false });
  assert.deepEqual(await found('bin/../other/codex', root), { command: codex, isCodex: true });
});

test('an entry of PATH that is relative leads to an absolute command', async (t) => {
  const root = scratch(t);
  const custom = program(`${root}/bin/agent`);
  const PATH = relative(process.cwd(), `${root}/bin`);
  assert.equal((await findCodex({ PATH, CODEX_CMD: 'agent' }, process.cwd())).command, custom);
});

test('a Codex that is not there, or may not be executed, is said with what to do', async (t) => {
  const root = scratch(t);
  program(`${root}/plain`, 0o644);
  mkdirSync(`${root}/directory`);
  for (const named of [
    'nothing',
    './nothing',
    `${root}/plain`,
    `${root}/directory`,
    'codex; rm -rf /',
    'a\nb',
  ])
    await assert.rejects(findCodex({ PATH: root, CODEX_CMD: named }, root), (error) => {
      assert.ok(error instanceof EnvironmentError, named);
      const shown = named.replace('\n', '\\n');
      const why = existsSync(resolve(root, named))
        ? 'that is not an executable file'
        : 'there is no such program';
      assert.equal(error.message, `Codex was not found: CODEX_CMD is ${shown}, and ${why}`);
      assert.match(error.hint ?? '', named.includes(' ') ? /without arguments/ : /unset it/);
      return true;
    });
  await assert.rejects(findCodex({ PATH: root }, root), {
    message: 'Codex was not found: there is no codex on PATH',
    hint: 'install it with "npm install -g @openai/codex", or set CODEX_CMD to its path',
  });
  await assert.rejects(findCodex({ PATH: root, CODEX_CMD: '' }, root), /there is no codex on PATH/);
});
