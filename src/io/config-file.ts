/**
 * The config file: found by its name beside the tasks or above them, and read as data. What is found without being named
 * must belong to the user, or to root, and be writable by no stranger: it says what commands are run, and the directories
 * above may be shared ones, as /tmp is. Nothing is opened before it is known to be a regular file.
 */
import { dirname, extname, join, relative } from 'node:path';
import { checkNames, type ConfigFile } from '../core/config-file.ts';
import { isErrno, UsageError } from '../core/errors.ts';
import { CONFIG_FILES } from '../core/task.ts';
import { lookAt, readSmall, type BigIntStats, type Files } from './files.ts';

const MAX_BYTES = 64 * 1_024;
const CHOOSE = '--config <file> chooses one; --no-config ignores all';

/** The path of the nearest one in `directory`, which is real, or above it. Throws UsageError for two in one directory. */
export async function findConfigFile(
  files: Files,
  directory: string,
  cwd: string,
): Promise<string | undefined> {
  for (let place = directory; ; place = dirname(place)) {
    const paths = CONFIG_FILES.map((name) => join(place, name));
    const looks = await Promise.all(paths.map((path) => isThere(files, path)));
    const [first, second] = paths.filter((_, i) => looks[i]);
    if (first !== undefined && second !== undefined)
      throw new UsageError(
        `two config files stand side by side: ${labelOf(first, cwd)} and ${labelOf(second, cwd)}`,
        CHOOSE,
      );
    if (first !== undefined || place === dirname(place)) return first;
  }
}

/** Whoever may not look into a directory cannot mean what stands in it. */
async function isThere(files: Files, path: string): Promise<boolean> {
  try {
    return (await lookAt(files, path)) !== undefined;
  } catch (error) {
    if (isErrno(error, 'EACCES', 'EPERM', 'ENAMETOOLONG')) return false;
    throw error;
  }
}

/** Throws UsageError where there is none, and for what is wrong with it or in it. `found`: nobody has named it. */
export async function readConfigFile(
  files: Files,
  path: string,
  { cwd, found }: { readonly cwd: string; readonly found: boolean },
): Promise<ConfigFile> {
  const label = labelOf(path, cwd);
  const refuse = (why: string, hint = CHOOSE) => new UsageError(`${label}: ${why}`, hint);
  const file = await readSmall(files, path, MAX_BYTES + 1);
  if (file.kind === 'absent') throw refuse('there is no such file');
  if (file.kind === 'odd') throw refuse(`${file.why}; a config file is a regular file`);
  const why = found ? whyNotTrusted(file.stat) : undefined;
  if (why !== undefined) throw refuse(why, `--config ${label} takes it all the same; --no-config ignores it`);
  if (file.bytes.length > MAX_BYTES) throw refuse(`it has more than ${MAX_BYTES} bytes`);
  const text = decode(file.bytes);
  if (text === undefined) throw refuse('it is not UTF-8 text');
  const { readYaml } = await import('./yaml.ts');
  const read = readYaml(text);
  if (read.kind === 'wrong') throw new UsageError(`${label}:${read.at}: ${read.why}`);
  if (extname(path) === '.json') checkJson(label, text);
  const config = { path, label, entries: read.entries };
  checkNames(config);
  return config;
}

function labelOf(path: string, cwd: string): string {
  return relative(cwd, path) || path;
}

function whyNotTrusted({ uid, mode }: BigIntStats): string | undefined {
  const me = process.getuid?.();
  if (me !== undefined && uid !== 0n && uid !== BigInt(me)) return 'it belongs to another user';
  return (mode & 0o002n) === 0n ? undefined : 'everybody may write it';
}

/** A byte order mark is left out. */
function decode(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (isErrno(error, 'ERR_ENCODING_INVALID_ENCODED_DATA')) return undefined;
    throw error;
  }
}

/** JSON is YAML, and not the other way round. Throws UsageError. */
function checkJson(label: string, text: string): void {
  try {
    JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const [, what, offset] = /^(.*?)(?: in JSON at position (\d+).*)?$/s.exec(error.message) ?? [];
    const lines = offset === undefined ? [] : text.slice(0, Number(offset)).split('\n');
    const at = lines.length > 0 ? `:${lines.length}:${(lines.at(-1) ?? '').length + 1}` : '';
    throw new UsageError(
      `${label}${at}: this is no JSON: ${what}`,
      'a file with the ending .yaml may hold what YAML allows',
    );
  }
}
