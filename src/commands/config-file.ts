/** Which config file holds for the paths of a command. */
import { realpath } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import type { ConfigFile } from '../core/config-file.ts';
import { isErrno, UsageError } from '../core/errors.ts';
import { findConfigFile, readConfigFile } from '../io/config-file.ts';
import { realFiles } from '../io/files.ts';

export interface ConfigChoice {
  /** A path that was named; `false` for none at all; `undefined` for the nearest to the tasks. */
  readonly named: string | false | undefined;
  /** Where the tasks are: absolute. */
  readonly directories: ReadonlySet<string>;
  readonly cwd: string;
}

/** Throws UsageError for a file that is wrong, and where it is not certain which one holds. */
export async function configFileFor({
  named,
  directories,
  cwd,
}: ConfigChoice): Promise<ConfigFile | undefined> {
  if (named === false) return undefined;
  if (named !== undefined)
    return readConfigFile(realFiles, await namedFile(named, cwd), { cwd, found: false });
  const found = new Map<string | undefined, string>();
  for (const directory of directories)
    found.set(await findConfigFile(realFiles, await realpath(directory), cwd), directory);
  if (found.size > 1) throw differing(found, cwd);
  const [path] = found.keys();
  return path === undefined ? undefined : readConfigFile(realFiles, path, { cwd, found: true });
}

/** A link that the user names is followed. */
async function namedFile(named: string, cwd: string): Promise<string> {
  const path = resolve(cwd, named);
  try {
    return await realpath(path);
  } catch (error) {
    if (named !== '' && !isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'ENAMETOOLONG')) throw error;
    throw new UsageError(
      `--config: no such file: ${JSON.stringify(named)}`,
      'name a config file, or leave it out for the nearest one',
    );
  }
}

function differing(found: ReadonlyMap<string | undefined, string>, cwd: string): UsageError {
  const inWords = [...found].slice(0, 2).map(([path, directory]) => {
    const config = path === undefined ? 'none' : relative(cwd, path);
    return `${relative(cwd, directory) || '.'} has ${config}`;
  });
  return new UsageError(
    `these directories have different config files: ${inWords.join(', ')}`,
    '--config <file> chooses one; --no-config ignores all',
  );
}
