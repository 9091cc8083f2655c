/** The programs that a measurement needs: those of this machine, and our own small ones in C, which are compiled. */
import { execFileSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Need } from './goal.ts';

/** The Debian package that brings each. */
export const PACKAGE_OF: Readonly<Record<Need, string>> = {
  cc: 'gcc libc6-dev',
  parallel: 'parallel',
  xargs: 'findutils',
  make: 'make',
  ninja: 'ninja-build',
  strace: 'strace',
};
export const NEEDS = Object.keys(PACKAGE_OF) as Need[];

/** Where a program is; `undefined` when it is not on PATH. */
export function findProgram(name: string, path = process.env['PATH'] ?? ''): string | undefined {
  return path
    .split(delimiter)
    .filter((directory) => directory.startsWith('/'))
    .map((directory) => join(directory, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

export interface CompiledPrograms {
  /** Runs a command and says what it cost: measure.c. */
  readonly measure: string;
  /** The posix_spawn loop: limit.c. */
  readonly limit: string;
  /** The smallest child: task.c. */
  readonly task: string;
  /** Reads the names of a directory: list.c. */
  readonly list: string;
}

/** Compiles the C sources beside this file into `directory`. Throws with what the compiler said. */
export function compilePrograms(directory: string): CompiledPrograms {
  const compile = (name: string) => {
    const source = fileURLToPath(new URL(`${name}.c`, import.meta.url));
    const program = join(directory, name);
    const cc = (...flags: string[]) =>
      execFileSync('cc', ['-O2', ...flags, '-o', program, source], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    try {
      cc('-static'); // a child without a dynamic loader: all that is measured is what starts it
    } catch {
      cc(); // there is no static C library; a real mistake is said by this one
    }
    return program;
  };
  return {
    measure: compile('measure'),
    limit: compile('limit'),
    task: compile('task'),
    list: compile('list'),
  };
}
