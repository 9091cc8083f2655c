/** The program: where Codex is on this machine, and the binary behind npm's launcher. */
import { createRequire } from 'node:module';
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import which from 'which';
import { EnvironmentError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';

/** How Codex is started. Plain data: it crosses threads. */
export interface CodexCommand {
  /** The program to execute: the native binary where it could be found. */
  readonly command: string;
  /** What the user named or PATH led to. */
  readonly launcher: string;
  /** A directory for the child's PATH, with the tools that Codex's npm package brings along. */
  readonly pathPrefix?: string;
  /** Whether this is the Codex CLI as far as its name and package tell, and not a command of the user's own. */
  readonly isCodex: boolean;
}

/** Finds Codex: `CODEX_CMD` (a path, or a name on PATH), else `codex` on PATH. Throws EnvironmentError when there is none. */
export async function findCodex(env: NodeJS.ProcessEnv, cwd: string): Promise<CodexCommand> {
  const named = env['CODEX_CMD'] || 'codex';
  const found = await which(named.includes('/') ? resolve(cwd, named) : named, {
    nothrow: true,
    ...(env['PATH'] ? { path: env['PATH'] } : {}),
  });
  if (!found) throw notFound(env['CODEX_CMD'] ? named : undefined, cwd);
  const launcher = resolve(cwd, found); // an entry of PATH may be relative, and the child starts elsewhere
  const real = realpathSync(launcher);
  const native = /[\\/]@openai[\\/]codex[\\/]bin[\\/]codex\.js$/.test(real) ? nativeBinary(real) : undefined;
  return native
    ? {
        command: native.binary,
        launcher,
        isCodex: true,
        ...(native.tools ? { pathPrefix: native.tools } : {}),
      }
    : {
        command: launcher,
        launcher,
        isCodex: /^codex(\.exe)?$/.test(launcher.slice(launcher.lastIndexOf('/') + 1)),
      };
}

function notFound(named: string | undefined, cwd: string): EnvironmentError {
  if (named === undefined) {
    return new EnvironmentError(
      'Codex was not found: there is no codex on PATH',
      'install it with "npm install -g @openai/codex", or set CODEX_CMD to its path',
    );
  }
  const why = existsSync(resolve(cwd, named)) ? 'that is not an executable file' : 'there is no such program';
  const hint = named.includes(' ')
    ? 'CODEX_CMD is one program without arguments; for more, write a script that calls it'
    : 'correct CODEX_CMD, or unset it to use the codex on PATH';
  return new EnvironmentError(`Codex was not found: CODEX_CMD is ${printable(named)}, and ${why}`, hint);
}

const TRIPLES: Readonly<Record<string, string>> = {
  'linux-x64': 'x86_64-unknown-linux-musl',
  'linux-arm64': 'aarch64-unknown-linux-musl',
  'darwin-x64': 'x86_64-apple-darwin',
  'darwin-arm64': 'aarch64-apple-darwin',
};

/**
 * The binary behind npm's launcher. The launcher is a Node process that costs 0.15 s and 43 MB a task and, when it is
 * killed, leaves the binary running. `undefined` (an unknown layout) means: use the launcher.
 */
function nativeBinary(launcher: string): { binary: string; tools?: string } | undefined {
  const platform = `${process.platform}-${process.arch}`;
  const triple = TRIPLES[platform];
  if (!triple) return undefined;
  const roots = [dirname(dirname(launcher))];
  try {
    roots.unshift(dirname(createRequire(launcher).resolve(`@openai/codex-${platform}/package.json`)));
  } catch {
    // before 0.121 the binaries were inside @openai/codex itself, and there is no platform package to resolve
  }
  for (const root of roots) {
    const vendor = join(root, 'vendor', triple);
    const binary = [join(vendor, 'bin', 'codex'), join(vendor, 'codex', 'codex')].find((path) =>
      existsSync(path),
    );
    const tools = [join(vendor, 'codex-path'), join(vendor, 'path')].find((path) => existsSync(path));
    if (binary) return { binary, ...(tools ? { tools } : {}) };
  }
  return undefined;
}
