/** `codex-worker pause` and `resume`: nobody starts anything in these directories; and again. */
import { newClaimId } from '../core/claim.ts';
import { isInForce, type HandPause } from '../core/pause.ts';
import type { PauseReport, PausedDirectory } from '../core/reports.ts';
import { notePaused, noteResumed } from '../engine/pause-notes.ts';
import { realWorld } from '../engine/world.ts';
import { discover } from '../io/discovery.ts';
import { describeDirectory, openTaskDirectory } from '../io/file-system.ts';
import { readPause, removeAnyPause, writePause } from '../io/pause-file.ts';
import { relative } from 'node:path';

export interface ResumeRequest {
  readonly paths: readonly string[];
  readonly patterns: readonly string[];
  readonly cwd: string;
}

export interface PauseRequest extends ResumeRequest {
  /** One printable line, or nothing. */
  readonly reason: string;
  /** ms since 1970; without it somebody has to resume. */
  readonly until?: number;
  readonly version: string;
}

/** In the place of whatever pause there is. Throws UsageError for a path that does not exist. */
export async function pause({ reason, until, version, ...where }: PauseRequest): Promise<PauseReport> {
  const world = realWorld();
  const { files, me, now } = world;
  const since = now().getTime();
  const made: HandPause = {
    id: newClaimId(),
    class: 'by-hand',
    reason,
    since,
    ...(until !== undefined && { until }),
    by: `codex-worker ${version}`,
    pid: me.pid,
    host: me.host.name,
  };
  const directories: PausedDirectory[] = [];
  for (const { path, label } of await directoriesOf(where)) {
    const directory = await openTaskDirectory(files, path);
    const before = await readPause(files, directory, since);
    await writePause(files, directory, me, made, 'instead');
    await notePaused(world, directory, made);
    const replaced = before.kind === 'pause' && isInForce(before.pause, since) && { replaced: before.pause };
    directories.push({ directory: path, label, pause: made, ...replaced });
  }
  return { directories, now: since };
}

/** Lifts whatever pause there is; in the report are those that held anybody up. Throws as `pause` does. */
export async function resume(request: ResumeRequest): Promise<PauseReport> {
  const world = realWorld();
  const { files, now } = world;
  const at = now().getTime();
  const directories: PausedDirectory[] = [];
  for (const { path, label } of await directoriesOf(request)) {
    const read = await readPause(files, { path }, at);
    const isGone = await removeAnyPause(files, { path });
    if (!isGone || read.kind !== 'pause' || !isInForce(read.pause, at)) continue;
    directories.push({ directory: path, label, pause: read.pause });
    await noteResumed(world, await describeDirectory(files, path), read.pause);
  }
  return { directories, now: at };
}

async function directoriesOf({
  paths,
  patterns,
  cwd,
}: ResumeRequest): Promise<readonly { readonly path: string; readonly label: string }[]> {
  const { directories } = await discover(realWorld().files, paths, patterns, cwd);
  return [...directories.keys()].sort().map((path) => ({ path, label: relative(cwd, path) || '.' }));
}
