/** The memory of a process and all its descendants together: the sum of their proportional set sizes, sampled. */
import { readdirSync, readFileSync } from 'node:fs';

export const SAMPLE_EVERY_MS = 50;

/**
 * Samples every 50 ms until `stop`, which returns the largest sum in bytes. Proportional: a page that n processes share
 * counts as 1/n for each. `root` itself, the measuring program, is left out.
 */
export function watchMemory(root: number): { stop: () => number } {
  let peak = 0;
  const look = () => {
    peak = Math.max(peak, sumOf(descendantsOf(root)));
  };
  const timer = setInterval(look, SAMPLE_EVERY_MS);
  return {
    stop: () => {
      clearInterval(timer);
      return peak;
    },
  };
}

/** Pids of everything below `root`, from one look at the process table. */
function descendantsOf(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = readOrEmpty(`/proc/${name}/stat`);
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]); // the name may hold anything
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found = [...(children.get(root) ?? [])];
  for (const pid of found) found.push(...(children.get(pid) ?? []));
  return found;
}

const sumOf = (pids: readonly number[]) =>
  pids.reduce((sum, pid) => {
    const kib = /^Pss:\s+(\d+) kB$/m.exec(readOrEmpty(`/proc/${pid}/smaps_rollup`))?.[1];
    return sum + Number(kib ?? 0) * 1_024;
  }, 0);

/** A process may end between the look and the reading. */
function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
