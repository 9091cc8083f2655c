/** What one task is run with: the settings of its run, and what it gets of those that it asks for itself. */
import { relative, resolve } from 'node:path';
import { UsageError } from '../core/errors.ts';
import type { RunOptions } from '../core/options.ts';
import { allow, describeAllowance, type Allowance } from '../core/task-allowance.ts';
import type { TaskSettings } from '../core/task-settings.ts';
import type { Task } from '../core/task.ts';
import type { Files } from '../io/files.ts';
import { realDirectory } from '../io/real-directory.ts';
import { readMatter, refusing } from '../io/task-matter.ts';

interface OwnSettings extends Allowance {
  /** Absolute; without symbolic links where the task asked for it. */
  readonly workingDirectory: string;
}

export type OwnRead =
  | {
      readonly kind: 'allowed';
      readonly settings: OwnSettings;
      /** The front matter that they were read from, and what it says; nothing where there is none. */
      readonly matter?: string;
      readonly says: TaskSettings;
    }
  | { readonly kind: 'refused'; readonly why: string };

/** Throws what the disk does. */
export function readOwnSettings(files: Files, task: Task, options: RunOptions): Promise<OwnRead> {
  return refusing(async () => {
    const read = await readMatter(files, task);
    if (read.kind === 'refused') return read;
    const says = read.kind === 'read' ? read.says : {};
    const allowed = allow(task.label, says, options);
    const workingDirectory = says.cwd
      ? await placeOf(files, `${task.label}:${says.cwd.at}: cwd`, says.cwd.value, options)
      : options.workingDirectory;
    return {
      kind: 'allowed',
      settings: { ...allowed, workingDirectory },
      says,
      ...(read.kind === 'read' && { matter: read.matter }),
    };
  });
}

/** The part of an order that depends on the settings of the task. */
export function orderedBy(
  { settings, matter, says }: Extract<OwnRead, { kind: 'allowed' }>,
  options: RunOptions,
) {
  const { mode, model, retries, expectChanges, timeoutMs, idleTimeoutMs, verify, workingDirectory } =
    settings;
  return {
    settings: { mode, model, workingDirectory, codexConfig: options.codexConfig },
    retries,
    expectChanges,
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(idleTimeoutMs !== undefined && { idleTimeoutMs }),
    ...(verify && { verify: { ...verify, workingDirectory: placeOfVerify(settings, options) } }),
    ...(matter !== undefined && { matter, own: describeAllowance(says, settings) }),
    ...(says.cwd && { isPlaced: true as const }),
  };
}

/** No task decides what `./check.sh` means in a command that it did not bring itself. */
function placeOfVerify({ verify, workingDirectory }: OwnSettings, options: RunOptions): string {
  return verify?.isOfTask ? workingDirectory : options.workingDirectory;
}

/**
 * The directory that a task asks for, where its links lead. Throws UsageError for one that is not there, or is outside of
 * that of the run, unless the run trusts its tasks.
 */
async function placeOf(
  files: Files,
  where: string,
  asked: string,
  { workingDirectory, trustTasks }: RunOptions,
): Promise<string> {
  const place = await realDirectory(files, resolve(workingDirectory, asked));
  if (place === undefined)
    throw new UsageError(
      `${where}: got ${JSON.stringify(asked)}; there is no such directory`,
      'it is relative to --cd',
    );
  const way = relative((await realDirectory(files, workingDirectory)) ?? workingDirectory, place);
  if (trustTasks || (way !== '..' && !way.startsWith('../'))) return place;
  throw new UsageError(
    `${where}: got ${JSON.stringify(asked)}; it leads out of ${workingDirectory}`,
    'another --cd, or --trust-tasks, allows it',
  );
}
