/** The agents of a bench as the kernel shows them: what each process is, and whether it lives. Linux only. */
import { readdirSync, readFileSync } from 'node:fs';
import { isErrno } from '../../src/core/errors.ts';
import { GATE_NAME } from '../../src/io/child.ts';
import { carries } from '../../src/io/sweep.ts';

/**
 *   gate        the shell that waits for GO and then becomes Codex
 *   watcher     the shell in its group that ends the agent when the owner is gone
 *   codex       the leader of the group, once the gate is open
 *   command     what it started, in its group
 *   grandchild  what it started in a session of its own
 * The shell in which the fake works while it listens as a server is none of these: no Codex could lose it and live.
 */
export type PartKind = 'gate' | 'watcher' | 'codex' | 'command' | 'grandchild';

export interface Part {
  readonly pid: number;
  readonly pgid: number;
  readonly kind: PartKind;
}

function read(pid: number | string, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return undefined;
    throw error;
  }
}

/** What follows the command name, which may itself hold blanks and parentheses. */
function statOf(pid: number | string): { state: string; pgid: number } | undefined {
  const text = read(pid, 'stat');
  const [state = '', , pgid] = text?.slice(text.lastIndexOf(')') + 2).split(' ') ?? [];
  return text === undefined || /^[ZX]/.test(state) ? undefined : { state, pgid: Number(pgid) };
}

/** `R`, `S`, `T`, … or `undefined` when there is no such process, or only what is left of it in the process table. */
export const stateOf = (pid: number): string | undefined => statOf(pid)?.state;

export const isAlive = (pid: number): boolean => statOf(pid) !== undefined;

/** Every process that carries a claim's cookie and has `entry` in its environment: all agents of a bench, or of one claim. */
export function partsWith(entry: string): Part[] {
  const found: Part[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const environment = read(name, 'environ') ?? '';
    if (!environment.includes('CODEX_WORKER_CLAIM=') || !carries(environment, entry)) continue;
    const stat = statOf(name);
    const command = read(name, 'cmdline');
    if (!stat || !command) continue;
    const pid = Number(name);
    const kind = kindOf(command, pid === stat.pgid);
    if (kind) found.push({ pid, pgid: stat.pgid, kind });
  }
  return found;
}

function kindOf(command: string, leads: boolean): PartKind | undefined {
  if (command.includes(GATE_NAME)) return leads ? 'gate' : 'watcher';
  if (!leads) return command.includes('/fake-codex.sh\0') ? undefined : 'command';
  return command.startsWith('sleep\0') ? 'grandchild' : 'codex';
}

/** Whether it was there to be killed. */
export function kill(pid: number, signal: NodeJS.Signals = 'SIGKILL'): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return false;
    throw error;
  }
}
