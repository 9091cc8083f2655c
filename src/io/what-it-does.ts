/**
 * What an agent is doing at this moment: from what it said, and on Linux from its sockets. A guess for people, and for the
 * question whether its thread is worth going on with; nothing else hangs on it.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { ChildIdentity } from '../core/claim.ts';
import type { Doing } from '../core/doing.ts';
import { isErrno } from '../core/errors.ts';
import { headline } from '../core/printable.ts';
import type { CodexListener } from './codex-listener.ts';
import type { ProcessTable } from './process-identity.ts';

/** The states that tell something; the names are those of ss(8). */
type SocketState = 'ESTABLISHED' | 'SYN_SENT' | 'CLOSE_WAIT';
const STATES: Readonly<Record<string, SocketState>> = {
  '01': 'ESTABLISHED',
  '02': 'SYN_SENT',
  '08': 'CLOSE_WAIT',
};

/** Never throws. `isCodex` is false for a program of the user's own, of which only its words are known. */
export function whatItDoes(
  heard: Pick<CodexListener, 'openItem' | 'isReconnecting'>,
  child: ChildIdentity,
  table: ProcessTable,
  isCodex: boolean,
): Doing {
  const { openItem } = heard;
  if (openItem?.kind === 'command') return { kind: 'in-command', command: headline(openItem.text, 200) };
  if (openItem?.kind === 'tool') return { kind: 'in-tool', tool: headline(openItem.text, 200) };
  if (heard.isReconnecting) return { kind: 'waiting-for-network' };
  return (isCodex && process.platform === 'linux' && seen(child, table)) || { kind: 'unknown' };
}

function seen(child: ChildIdentity, table: ProcessTable): Doing | undefined {
  const states = socketStates(child, table);
  if (!states) return undefined;
  if (states.has('SYN_SENT')) return { kind: 'waiting-for-network' };
  if (states.has('ESTABLISHED')) return { kind: 'waiting-for-model' };
  return { kind: states.has('CLOSE_WAIT') ? 'connection-closed' : 'waiting-for-network' };
}

/**
 * Of the TCP sockets of the child's group: where it was started through a launcher, Codex is not the child itself. Its
 * commands are in sessions of their own. `undefined` when they cannot be looked at.
 */
function socketStates(child: ChildIdentity, table: ProcessTable): ReadonlySet<SocketState> | undefined {
  try {
    const group = table.list().filter(({ pgid, state }) => pgid === child.pgid && !/^[ZX]/.test(state));
    const inodes = new Set(group.flatMap(({ pid }) => socketInodes(pid)));
    const states = new Set<SocketState>();
    for (const file of ['tcp', 'tcp6']) {
      const text = readIfThere(`/proc/${child.pid}/net/${file}`); // of its network namespace
      for (const { state, inode } of parseProcNetTcp(text)) if (inodes.has(inode)) states.add(state);
    }
    return states;
  } catch {
    return undefined; // it is ending, or may not be looked at: both say nothing about what it did
  }
}

function socketInodes(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return []; // closed since
      throw error;
    }
  });
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return ''; // a kernel without IPv6
    throw error;
  }
}

/** `/proc/net/tcp` and `tcp6`: the sockets in a state that tells something, by their inode. */
export function parseProcNetTcp(text: string): { readonly state: SocketState; readonly inode: string }[] {
  return text.split('\n').flatMap((line) => {
    const [slot, , , code, , , , , , inode] = line.trim().split(/\s+/);
    const state = STATES[code ?? ''];
    return /^\d+:$/.test(slot ?? '') && state && inode && /^\d+$/.test(inode) ? [{ state, inode }] : [];
  });
}
