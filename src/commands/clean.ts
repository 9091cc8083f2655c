/**
 * `codex-worker clean`: what every run does at its start, by hand; and what no run may do by itself: judge the locks of
 * other hosts by their age, kill a living owner, break a lock that nobody can read.
 */
import { errnoOf, UsageError } from '../core/errors.ts';
import type { ReapResult } from '../core/event.ts';
import { formatDuration } from '../core/duration.ts';
import { didYouMean } from '../core/options.ts';
import { printable } from '../core/printable.ts';
import type { TidyAction, TidyReport, TidyStep } from '../core/reports.ts';
import { byNaturalOrder, parseMarker } from '../core/task.ts';
import { unreachable } from '../core/unreachable.ts';
import { ageOf, breakLock, killOwner, type KillResult } from '../engine/by-hand.ts';
import { tidy } from '../engine/janitor.ts';
import { judgeLock, reap, type Verdict } from '../engine/reaper.ts';
import type { SettleResult } from '../engine/settle.ts';
import { LOOK_EVERY_MS, SilenceWatch } from '../engine/silence.ts';
import { realWorld, type World } from '../engine/world.ts';
import { discover } from '../io/discovery.ts';
import { openTaskDirectory } from '../io/file-system.ts';
import { listDirectory } from '../io/files.ts';
import { readLock, type LockRead } from '../io/lock-file.ts';
import { removeIdentityFile } from '../io/break-right.ts';
import { isSameProcess } from '../io/process-identity.ts';
import { dirname, relative } from 'node:path';
import type { TaskDirectory } from '../io/task-directory.ts';

export interface CleanRequest {
  readonly paths: readonly string[];
  readonly patterns: readonly string[];
  readonly cwd: string;
  readonly maxAgeMs?: number;
  readonly dryRun: boolean;
  readonly kill?: string;
  readonly force?: string;
  readonly all: boolean;
  readonly version: string;
}

export type Confirm = (question: string) => Promise<boolean>;

/** A locked task, whether or not its file still matches a pattern: the lock names it. */
interface Locked {
  readonly directory: TaskDirectory;
  readonly task: string;
  readonly label: string;
}

const DECISION_PATIENCE_MS = 45_000;
const REAP = { orphans: 'end', mayLeave: () => false } as const;

/** Throws UsageError for a path or a task that is not there. */
export async function clean(
  request: CleanRequest,
  confirm: Confirm,
  onStep: (step: TidyStep) => void = () => {},
): Promise<TidyReport> {
  const world = realWorld();
  const opened: TaskDirectory[] = [];
  try {
    return await cleanDirectories(world, request, opened, confirm, onStep);
  } finally {
    for (const directory of opened) await removeIdentityFile(world.files, directory, world.me);
  }
}

async function cleanDirectories(
  world: World,
  request: CleanRequest,
  opened: TaskDirectory[],
  confirm: Confirm,
  onStep: (step: TidyStep) => void,
): Promise<TidyReport> {
  const { dryRun, all, kill, force } = request;
  // `--force tasks/fix.md` says where to look, as hints do.
  const where = dirname(kill ?? force ?? '');
  const paths = request.paths.length === 0 && where !== '.' ? [where] : request.paths;
  const { tasks, directories } = await discover(world.files, paths, request.patterns, request.cwd);
  const named = new Set(tasks.map((task) => `${task.directory}/${task.name}`));
  const actions: TidyAction[] = [];
  const locked: Locked[] = [];
  for (const [path, extent] of directories) {
    const directory = await openTaskDirectory(world.files, path);
    opened.push(directory);
    const found = await lockedIn(world, directory, request.cwd);
    locked.push(...found.filter(({ task }) => extent === 'whole' || named.has(`${path}/${task}`)));
  }
  const report = (declined: boolean, failed = false): TidyReport => ({
    actions,
    dryRun,
    declined,
    exitCode: failed ? 1 : 0,
  });
  if (kill !== undefined || force !== undefined) {
    const byHand =
      kill !== undefined
        ? await killByHand(world, locked, kill, dryRun, confirm)
        : await forceByHand(world, locked, force ?? '', dryRun, confirm);
    if (byHand === 'declined') return report(true);
    actions.push(...byHand);
    return report(
      false,
      byHand.some(({ done }) => done === 'skipped'),
    );
  }
  const silence = new SilenceWatch(world.uptimeMs);
  for (const [done, one] of locked.entries()) {
    onStep({ doing: 'judging', done, of: locked.length });
    actions.push(...(await cleanLock(world, one, request, silence)));
  }
  for (const directory of opened) {
    for (const name of (await tidy(world, directory, { dryRun, all })).sort()) {
      actions.push({
        label: relative(request.cwd, `${directory.path}/${name}`),
        done: 'removed',
        detail: /^\.codex-worker\/(ended|raw)\//.test(name)
          ? 'the log of an earlier attempt'
          : 'a leftover of a process that is gone',
      });
    }
  }
  return report(false);
}

/** For `--cleanup-stale`: the same with `--max-age`, on one directory. */
export async function cleanStale(
  world: World,
  directory: TaskDirectory,
  maxAgeMs: number,
): Promise<TidyAction[]> {
  const silence = new SilenceWatch(world.uptimeMs);
  const actions: TidyAction[] = [];
  for (const one of await lockedIn(world, directory, process.cwd()))
    actions.push(...(await cleanLock(world, one, { maxAgeMs, dryRun: false }, silence)));
  return actions.filter(({ done }) => done !== 'skipped');
}

async function lockedIn(world: World, directory: TaskDirectory, cwd: string): Promise<Locked[]> {
  const { names } = await listDirectory(world.files, directory.path);
  const locked = names.flatMap((name) => {
    const marker = parseMarker(name);
    return marker?.kind === 'lock'
      ? [{ directory, task: marker.task, label: relative(cwd, `${directory.path}/${marker.task}`) }]
      : [];
  });
  return locked.sort(byNaturalOrder);
}

type CleanHow = Pick<CleanRequest, 'maxAgeMs' | 'dryRun'>;

async function cleanLock(
  world: World,
  { directory, task, label }: Locked,
  how: CleanHow,
  silence: SilenceWatch,
): Promise<TidyAction[]> {
  const { verdict, lock } = await decide(world, directory, task, silence);
  const skipped = (detail: string): TidyAction[] => [{ label, done: 'skipped', detail }];
  switch (verdict.kind) {
    case 'free':
      return [];
    case 'alive':
      return skipped(`process ${verdict.owner.pid} works on it`);
    case 'undecided':
      return skipped('its owner cannot be judged yet; try again in 30 s');
    case 'dead':
      if (how.dryRun)
        return [{ label, done: 'reaped', detail: `its owner, process ${verdict.owner.pid}, is dead` }];
      return reaped(label, await reap(world, directory, verdict, REAP));
    case 'elsewhere':
    case 'damaged':
      return cleanByAge(world, { directory, task, label }, verdict, lock, how);
    default:
      return unreachable(verdict);
  }
}

/** An owner from an earlier boot takes half a minute of looks to be judged. */
async function decide(
  world: World,
  directory: TaskDirectory,
  task: string,
  silence: SilenceWatch,
): Promise<{ verdict: Verdict; lock: LockRead }> {
  const deadline = world.uptimeMs() + DECISION_PATIENCE_MS;
  for (;;) {
    const lock = await readLock(world.files, directory, task);
    const verdict = judgeLock(world, directory, lock, { silence, isInHand: () => false });
    if (verdict.kind !== 'undecided' || world.uptimeMs() > deadline) return { verdict, lock };
    await world.sleep(LOOK_EVERY_MS);
  }
}

async function cleanByAge(
  world: World,
  { directory, task, label }: Locked,
  verdict: Verdict & { kind: 'elsewhere' | 'damaged' },
  lock: LockRead,
  how: CleanHow,
): Promise<TidyAction[]> {
  const why = verdict.kind === 'damaged' ? `its lock file is damaged: ${verdict.why}` : verdict.why;
  if (lock.kind === 'absent') return [];
  const ageMs = await ageOf(world, directory, lock.stat.mtimeNs);
  const old = `last written ${formatDuration(ageMs)} ago`;
  if (how.maxAgeMs === undefined || ageMs < how.maxAgeMs) {
    return [{ label, done: 'skipped', detail: `${why}; ${old} (--max-age decides about such locks)` }];
  }
  const done = verdict.kind === 'damaged' ? 'forced' : 'taken-over';
  if (how.dryRun) return [{ label, done, detail: `${why}; ${old}` }];
  return broken(label, await breakLock(world, directory, task), done, `${why}; ${old}`);
}

function reaped(label: string, result: ReapResult): TidyAction[] {
  switch (result.kind) {
    case 'given-back':
      return [{ label, done: 'reaped', detail: 'its owner was dead; it is pending again' }];
    case 'rolled-forward':
      return [
        { label, done: 'reaped', detail: `its owner had finished it before it died; it is ${result.state}` },
      ];
    case 'gone':
      return [];
    case 'unkillable':
    case 'waiting':
      return [
        {
          label,
          done: 'skipped',
          detail: `processes ${result.pids.join(', ')} of its agent cannot be ended; look at them with ps`,
        },
      ];
    case 'blocked':
      return [{ label, done: 'skipped', detail: result.why }];
    default:
      return unreachable(result);
  }
}

function broken(label: string, result: SettleResult, done: TidyAction['done'], detail: string): TidyAction[] {
  switch (result.kind) {
    case 'settled':
      return [{ label, done, detail }];
    case 'gone':
      return [];
    case 'blocked':
      return [{ label, done: 'skipped', detail: result.why }];
    default:
      return unreachable(result);
  }
}

function findLocked(locked: readonly Locked[], option: string, named: string): Locked {
  const found = locked.filter(
    ({ task, label }) => task === named || label === named || label === relative('.', named),
  );
  if (found.length > 1)
    throw new UsageError(
      `${option} ${printable(named)}: there are ${found.length} such tasks`,
      `name one of ${found.map(({ label }) => printable(label)).join(', ')}`,
    );
  const [one] = found;
  if (!one)
    throw new UsageError(
      `${option} ${printable(named)}: no task of that name is in progress here`,
      didYouMean(
        named,
        locked.flatMap(({ task, label }) => [task, label]),
      ) ?? 'codex-worker status --detailed shows which are',
    );
  return one;
}

async function killByHand(
  world: World,
  locked: readonly Locked[],
  named: string,
  dryRun: boolean,
  confirm: Confirm,
): Promise<TidyAction[] | 'declined'> {
  const target = findLocked(locked, '--kill', named);
  const together = await heldByTheSame(world, locked, target);
  const labels = together.map(({ label }) => printable(label)).join(', ');
  if (dryRun)
    return together.map(({ label }) => ({ label, done: 'killed', detail: 'its worker would be killed' }));
  if (
    !(await confirm(
      `Kill the worker that holds ${labels}? What its agents have done so far stays; the tasks become pending.`,
    ))
  )
    return 'declined';
  const actions: TidyAction[] = [];
  for (const { directory, task, label } of together)
    actions.push(killed(label, await killOwner(world, directory, task, REAP)));
  return actions;
}

/** One process holds many tasks, and dies for all of them. */
async function heldByTheSame(world: World, locked: readonly Locked[], target: Locked): Promise<Locked[]> {
  const ownerOfLock = async ({ directory, task }: Locked) => {
    const lock = await readLock(world.files, directory, task);
    return lock.kind === 'claim' ? { host: lock.record.host, ...lock.record.owner } : undefined;
  };
  const owner = await ownerOfLock(target);
  const together = [target];
  for (const other of locked) {
    const otherOwner = other === target ? undefined : await ownerOfLock(other);
    if (owner && otherOwner && isSameProcess(owner, otherOwner)) together.push(other);
  }
  return together;
}

/** What `--kill` of clean and reset says about one task. */
export function killed(label: string, result: KillResult): TidyAction {
  if (result.kind === 'not-killed') return { label, done: 'skipped', detail: result.why };
  const [action] = reaped(label, result.reaped);
  if (action?.done === 'skipped') return action;
  return {
    label,
    done: 'killed',
    detail:
      result.reaped.kind === 'rolled-forward'
        ? `it had just been finished: ${result.reaped.state}`
        : 'its worker was killed; it is pending again',
  };
}

async function forceByHand(
  world: World,
  locked: readonly Locked[],
  named: string,
  dryRun: boolean,
  confirm: Confirm,
): Promise<TidyAction[] | 'declined'> {
  const { directory, task, label } = findLocked(locked, '--force', named);
  const { verdict, lock } = await decide(world, directory, task, new SilenceWatch(world.uptimeMs));
  if (verdict.kind === 'free' || lock.kind === 'absent') return [];
  const isNotItsOwner =
    verdict.kind === 'alive' && world.table.hasOpen(verdict.owner.pid, lock.stat) === false;
  if (verdict.kind === 'alive' && !isNotItsOwner)
    return [
      {
        label,
        done: 'skipped',
        detail: `process ${verdict.owner.pid} works on it; --kill ends that process`,
      },
    ];
  const why =
    verdict.kind === 'damaged'
      ? `its lock file is damaged (${verdict.why})`
      : verdict.kind === 'elsewhere'
        ? verdict.why
        : verdict.kind === 'alive'
          ? `process ${verdict.owner.pid}, which its lock file names, does not have that file open`
          : 'its owner is dead';
  if (dryRun) return [{ label, done: 'forced', detail: why }];
  const question = `Break the lock of ${printable(label)}? ${printable(why)}. If something still works on it, the task may run twice at once.`;
  if (!(await confirm(question))) return 'declined';
  if (verdict.kind === 'dead')
    return reaped(label, await reap(world, directory, verdict, { ...REAP, trustElsewhereIsDead: true }));
  try {
    return broken(label, await breakLock(world, directory, task), 'forced', why);
  } catch (error) {
    return [{ label, done: 'skipped', detail: `its lock could not be removed: ${errnoOf(error)}` }];
  }
}
