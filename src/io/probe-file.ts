/**
 * `.codex-worker/tmp/probe.P.n`: who has it may try whether the limit of pause P is lifted, with one task. It appears
 * complete, and only once. Like a break right it carries in its name what it is a right to: pause ids do not come back, so
 * one that is obtained late is a right to nothing. Whoever has obtained it therefore reads the pause again. When its
 * holder is over (see `engine/probe.ts`), it passes on to the lowest name that is free.
 */
import { randomBytes } from 'node:crypto';
import type { ProcessIdentity } from '../core/claim.ts';
import { isErrno } from '../core/errors.ts';
import { createPrivate, listPrivate } from './file-system.ts';
import { readSmall, removeIfThere, type Files } from './files.ts';
import { asHolder, decodeLine, encodeLine } from './lock-line.ts';
import { readPause } from './pause-file.ts';
import { identityToken } from './process-identity.ts';
import { temporaryPath, type TaskDirectory } from './task-directory.ts';

const BYTES = 2_048;

function parseName(name: string): { pause: string; n: number } | undefined {
  const [, pause, n] = /^probe\.([0-9a-f]{32})\.([1-9]\d{0,8})$/.exec(name) ?? [];
  return pause === undefined ? undefined : { pause, n: Number(n) };
}

const nameOf = (pause: string, n: number) => `probe.${pause}.${n}`;

/** Whether it is ours now. */
export async function takeProbe(
  files: Files,
  directory: TaskDirectory,
  me: ProcessIdentity,
  pause: string,
  n: number,
): Promise<boolean> {
  const draft = directory.hardLinks
    ? `probing-${randomBytes(8).toString('hex')}.${identityToken(me)}`
    : nameOf(pause, n);
  try {
    const fd = await createPrivate(files, directory, 'tmp', draft);
    try {
      await files.write(fd, encodeLine({ v: 1, ...me }, BYTES), 0);
    } finally {
      await files.close(fd);
    }
    if (!directory.hardLinks) return true;
    await files.link(temporaryPath(directory, draft), temporaryPath(directory, nameOf(pause, n)));
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST', 'ENOENT')) return false; // ENOENT: somebody deletes the folder, and with it the pause
    throw error;
  } finally {
    if (directory.hardLinks) await removeIfThere(files, temporaryPath(directory, draft));
  }
}

export interface ProbeRead {
  readonly n: number;
  /** `undefined` where it names nobody. */
  readonly holder: ProcessIdentity | undefined;
}

/** Everybody who has, or had, the probe of this pause. */
export async function readProbes(
  files: Files,
  directory: TaskDirectory,
  pause: string,
): Promise<readonly ProbeRead[]> {
  const probes: ProbeRead[] = [];
  for (const name of await listPrivate(files, directory, 'tmp')) {
    const parsed = parseName(name);
    if (parsed?.pause !== pause) continue;
    const file = await readSmall(files, temporaryPath(directory, name), BYTES);
    if (file.kind === 'absent') continue;
    const holder = file.kind === 'read' ? asHolder(decodeLine(file.bytes)) : undefined;
    probes.push({ n: parsed.n, holder });
  }
  return probes;
}

export async function releaseProbe(
  files: Files,
  directory: TaskDirectory,
  pause: string,
  n: number,
): Promise<void> {
  await removeIfThere(files, temporaryPath(directory, nameOf(pause, n)));
}

/** The probes among `names`, which were listed before, whose pause is over: nobody can use them. */
export async function uselessProbes(
  files: Files,
  directory: TaskDirectory,
  names: readonly string[],
  now: number,
): Promise<readonly string[]> {
  const probes = names.filter((name) => parseName(name));
  if (probes.length === 0) return [];
  const read = await readPause(files, directory, now);
  const current = read.kind === 'pause' ? read.pause.id : undefined;
  return probes.filter((name) => parseName(name)?.pause !== current);
}
