/**
 * Who may try whether a limit is lifted: one terminal for each task directory. A holder passes it on when it is certainly
 * dead; and, because an agent can write such a file as well, when it does not come to an end by our own looks.
 */
import type { ProcessIdentity } from '../core/claim.ts';
import { unreachable } from '../core/unreachable.ts';
import { isSameProcess, judge } from '../io/process-identity.ts';
import { readProbes, releaseProbe, takeProbe, type ProbeRead } from '../io/probe-file.ts';
import type { TaskDirectory } from '../io/task-directory.ts';
import { EARLIER_BOOT_SILENCE_MS, type SilenceWatch } from './silence.ts';
import type { World } from './world.ts';

/** The model's first word takes minutes at most. */
const LONGEST_PROBE_MS = 30 * 60_000;

/** The number under which it was obtained, to be released under; `undefined` while another has it. */
export async function obtainProbe(
  world: World,
  directory: TaskDirectory,
  pause: string,
  silence: SilenceWatch,
): Promise<number | undefined> {
  const { files, me } = world;
  const look = () => readProbes(files, directory, pause);
  // All are looked at, also behind one that lives: the silence of each is counted from the first look.
  const areOver = (probes: readonly ProbeRead[]) =>
    probes.map((probe) => isOver(world, directory, pause, probe, silence)).every(Boolean);
  const before = await look();
  if (!areOver(before)) return undefined;
  const n = firstFree(before);
  if (!(await takeProbe(files, directory, me, pause, n))) return undefined;
  // Numbers are used again, so another may have taken another one just now: each looks after it has taken its own.
  const others = (await look()).filter((probe) => probe.n !== n);
  if (areOver(others)) return n;
  await releaseProbe(files, directory, pause, n);
  return undefined;
}

/** The lowest: after the highest there may be none, where somebody has made up a number. */
function firstFree(probes: readonly ProbeRead[]): number {
  const taken = new Set(probes.map(({ n }) => n));
  let n = 1;
  while (taken.has(n)) n++;
  return n;
}

function isOver(
  world: World,
  directory: TaskDirectory,
  pause: string,
  { n, holder }: ProbeRead,
  silence: SilenceWatch,
): boolean {
  if (holder && isSameProcess(holder, world.me)) return true; // it has one, or is about to: not under this number
  const { silentForMs } = silence.look(`${directory.path} ${pause} ${n}`, JSON.stringify(holder ?? null));
  return silentForMs >= patienceWith(world, directory, holder);
}

function patienceWith(
  { me, table }: World,
  directory: TaskDirectory,
  holder: ProcessIdentity | undefined,
): number {
  if (!holder) return EARLIER_BOOT_SILENCE_MS;
  const life = judge(holder, me, table, !directory.network);
  switch (life.kind) {
    case 'dead':
      return 0;
    case 'earlier-boot':
      return EARLIER_BOOT_SILENCE_MS;
    case 'alive':
    case 'elsewhere':
      return LONGEST_PROBE_MS;
    default:
      return unreachable(life);
  }
}
