/** Whether this process has the terminal, or the shell has put it aside: then it must neither read from it nor set its modes. */
import { readFileSync } from 'node:fs';

/** True where that cannot be known, and where no shell does such a thing. */
export function isInForeground(): boolean {
  const [own, foreground] = process.platform === 'linux' ? fromProc() : fromPs();
  return own === foreground || foreground === undefined || !(foreground > 0);
}

type Groups = readonly [own: number | undefined, foreground: number | undefined];

function fromProc(): Groups {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1');
    const [, , own, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return [Number(own), Number(foreground)];
  } catch {
    return [undefined, undefined]; // no /proc
  }
}

function fromPs(): Groups {
  const { spawnSync } = process.getBuiltinModule('node:child_process'); // it takes a while, and few need it
  const { stdout } = spawnSync('ps', ['-o', 'pgid=,tpgid=', '-p', String(process.pid)], { encoding: 'utf8' });
  const [own, foreground] = (stdout ?? '').trim().split(/\s+/).map(Number);
  return [own, foreground];
}
