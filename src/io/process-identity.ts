/**
 * Which process this is, and whether another one lives. A pid alone says nothing: it is reused. With its start time,
 * inside one boot and one pid namespace, it names one process, and "dead" is then certain and final.
 *
 * Linux reads /proc. macOS asks ps and sysctl. Elsewhere nothing can be judged, and every owner counts as alive.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Host, ProcessIdentity, ProcessStart } from '../core/claim.ts';
import { InvariantError, isErrno } from '../core/errors.ts';

export interface ProcessStat extends ProcessStart {
  /** `R`, `S`, `D`, `T`, `Z`, `X`, … as ps shows it. */
  readonly state: string;
  readonly pgid: number;
  readonly ppid: number;
  /** CPU time used so far, ms; on Linux with that of its children that have ended and were waited for. */
  readonly cpuMs: number;
  readonly kernel: boolean;
}

/** The kernel's process table, as far as we look at it. */
export interface ProcessTable {
  /** `gone`: certainly no such process. `unknown`: there may be one, and it cannot be looked at. */
  stat(pid: number): ProcessStat | 'gone' | 'unknown';
  list(): ProcessStat[];
  /** The same processes, of which nothing else is asked. */
  pids(): number[];
  /** Whether the process has this file open; `undefined` when that cannot be seen. */
  hasOpen(pid: number, file: { readonly dev: bigint; readonly ino: bigint }): boolean | undefined;
  /** The environment it was started with, entries ended by NUL; `undefined` when it may not be read. */
  environment(pid: number): string | undefined;
}

/** `/proc/PID/stat`: the command name is in parentheses and may itself contain some, so read on after the last one. */
export function parseProcStat(pid: number, text: string): ProcessStat | undefined {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, ppid, pgid] = fields;
  const start = fields[19];
  if (state === undefined || pgid === undefined || start === undefined) return undefined;
  const PF_KTHREAD = 0x0020_0000;
  const MS_PER_TICK = 10; // USER_HZ is 100 wherever Node runs
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0); // utime stime cutime cstime
  return {
    pid,
    start,
    state,
    pgid: Number(pgid),
    ppid: Number(ppid),
    cpuMs: ticks * MS_PER_TICK,
    kernel: (Number(fields[6]) & PF_KTHREAD) !== 0,
  };
}

const linuxTable: ProcessTable = {
  stat: (pid) => {
    try {
      return parseProcStat(pid, readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? 'unknown';
    } catch (error) {
      return isErrno(error, 'ENOENT', 'ESRCH') ? 'gone' : 'unknown';
    }
  },
  list: () =>
    linuxTable
      .pids()
      .map((pid) => linuxTable.stat(pid))
      .filter((stat) => typeof stat === 'object'),
  pids: () =>
    readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0),
  hasOpen: (pid, file) => {
    try {
      return readdirSync(`/proc/${pid}/fd`).some((fd) => {
        const stat = statSync(`/proc/${pid}/fd/${fd}`, { bigint: true, throwIfNoEntry: false });
        return stat?.dev === file.dev && stat.ino === file.ino;
      });
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return undefined;
      throw error;
    }
  },
  environment: (pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8'); // what is not UTF-8 in it is none of ours
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return undefined;
      throw error;
    }
  },
};

const PS_COLUMNS = 'pid=,ppid=,pgid=,stat=,time=,lstart=';

/** One line of `ps -o pid=,ppid=,pgid=,stat=,time=,lstart=`. */
export function parsePsLine(line: string): ProcessStat | undefined {
  const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+([\d:.-]+)\s+(\S.*?)\s*$/.exec(line);
  if (!match) return undefined;
  const [, pid, ppid, pgid, state, time, start] = match as unknown as Record<number, string> & [string];
  const cpuMs = parsePsTime(time ?? '');
  if (state === undefined || start === undefined || cpuMs === undefined) return undefined;
  return { pid: Number(pid), ppid: Number(ppid), pgid: Number(pgid), state, start, cpuMs, kernel: false };
}

/** `0:01.25`, `12:34:56`, `1-02:03:04`, in ms. */
function parsePsTime(text: string): number | undefined {
  const match = /^(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+(?:\.\d+)?)$/.exec(text);
  if (!match) return undefined;
  const [days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0));
  return Math.round(
    (((days ?? 0) * 24 + (hours ?? 0)) * 60 + (minutes ?? 0)) * 60_000 + (seconds ?? 0) * 1_000,
  );
}

const ps = (...which: string[]) => {
  try {
    const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
    return execFileSync('ps', [...which, '-o', PS_COLUMNS], {
      encoding: 'utf8',
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch (error) {
    // ps exits 1 when there is no such process. Anything else (it could not be started) says nothing about a process.
    return error instanceof Error && 'status' in error && error.status === 1 ? '' : undefined;
  }
};

/** Own processes as `ps -E` shows them: command and environment in one line, its entries apart by blanks. */
export function parsePsEnvironments(text: string): Map<number, string> {
  const lines = text.split('\n').map((line) => /^\s*(\d+)\s+(.*)$/.exec(line));
  return new Map(
    lines.flatMap((match) => (match ? [[Number(match[1]), match[2]?.replaceAll(' ', '\0') ?? '']] : [])),
  );
}

/** As of the last list: one ps for all processes, not one for each. */
let darwinEnvironments = new Map<number, string>();

const darwinTable: ProcessTable = {
  stat: (pid) => {
    const text = ps('-p', String(pid));
    return text === '' ? 'gone' : (parsePsLine(text ?? '') ?? 'unknown');
  },
  list: () => {
    const text = ps('-ax');
    if (text === undefined) throw new Error('ps cannot list the processes'); // "nothing is left" would be a guess
    const options = { encoding: 'utf8', maxBuffer: 64 * 1_048_576 } as const;
    darwinEnvironments = parsePsEnvironments(execFileSync('ps', ['-axEww', '-o', 'pid=,command='], options));
    return text
      .split('\n')
      .map(parsePsLine)
      .filter((stat) => stat !== undefined);
  },
  pids: () => darwinTable.list().map(({ pid }) => pid),
  hasOpen: () => undefined,
  environment: (pid) => darwinEnvironments.get(pid),
};

const blindTable: ProcessTable = {
  stat: () => 'unknown',
  list: () => [],
  pids: () => [],
  hasOpen: () => undefined,
  environment: () => undefined,
};

export const realProcesses: ProcessTable =
  process.platform === 'linux' ? linuxTable : process.platform === 'darwin' ? darwinTable : blindTable;

const firstLineOf = (...paths: string[]) => {
  for (const path of paths) {
    try {
      const line = readFileSync(path, 'utf8').trim();
      if (line !== '') return line;
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'EACCES')) throw error;
    }
  }
  return undefined;
};

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** Two boots of which nothing is known are not one boot. */
const UNKNOWN_BOOT = 'unknown';

function readHost(): Host {
  const name = hostname();
  const sysctl = (key: string) => execFileSync('sysctl', ['-n', key], { encoding: 'utf8' }).trim();
  const linux = process.platform === 'linux';
  const machine = linux
    ? firstLineOf('/etc/machine-id', '/var/lib/dbus/machine-id')
    : process.platform === 'darwin'
      ? sysctl('kern.uuid')
      : undefined;
  return {
    name,
    // A machine id is confidential (machine-id(5)): what leaves this process is a hash of it that only we make.
    machine: sha256(`codex-worker:${machine ?? name}`),
    boot: linux
      ? (firstLineOf('/proc/sys/kernel/random/boot_id') ?? UNKNOWN_BOOT)
      : process.platform === 'darwin'
        ? sysctl('kern.bootsessionuuid')
        : UNKNOWN_BOOT,
    pidns: linux ? readNamespaces() : '0',
    uid: process.getuid?.() ?? 0,
  };
}

/** The first time namespace of a kernel has this inode, as the first pid namespace has 4026531836. */
const FIRST_TIME_NAMESPACE = '4026531834';

/**
 * The pid namespace; and the time namespace unless it is the first, because the kernel shows start times with the offset
 * of the one that looks: from inside another, a process that lives seems to be a different one with its pid.
 */
function readNamespaces(): string {
  const inode = (which: string) => readlinkSync(`/proc/self/ns/${which}`).replace(/\D/g, '');
  const pid = inode('pid');
  try {
    const time = inode('time');
    return time === FIRST_TIME_NAMESPACE ? pid : `${pid}+${time}`;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return pid; // before Linux 5.6
    throw error;
  }
}

let current: ProcessIdentity | undefined;

/** This process; the same value in all its threads. */
export function thisProcess(): ProcessIdentity {
  if (!current) {
    const stat = realProcesses.stat(process.pid);
    if (typeof stat !== 'object' && process.platform !== 'win32')
      throw new InvariantError('this process cannot see itself in the process table');
    current = {
      host: readHost(),
      pid: process.pid,
      start: typeof stat === 'object' ? stat.start : 'unknown',
    };
  }
  return current;
}

/** How many files this process may have open (Node raises the soft limit to the hard one); `undefined` when unknown. */
export function openFileLimit(): number | undefined {
  if (process.platform !== 'linux') return undefined;
  const limit = /^Max open files +\d+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return limit === undefined ? undefined : Number(limit);
}

/** A process identity as part of a file name, so that what it left behind can be judged from a listing alone. */
export function identityToken({ host, pid, start }: ProcessIdentity): string {
  const short = (text: string) => sha256(text).slice(0, 8);
  return [
    short(host.machine),
    short(host.boot),
    short(host.pidns),
    pid,
    start.replace(/[^0-9A-Za-z]/g, '-'),
  ].join('.');
}

/** Whether a token was made on this machine by a process that is dead: from an earlier boot, or gone from this one. */
export function isTokenOfTheDead(token: string, me: ProcessIdentity, table: ProcessTable): boolean {
  const parts = token.split('.');
  const mine = identityToken(me).split('.');
  const pid = Number(parts[3]);
  if (parts.length !== 5 || !Number.isSafeInteger(pid) || pid < 1) return false;
  if (parts[0] !== mine[0]) return false;
  if (parts[1] !== mine[1]) return true; // an earlier boot of this machine; what is judged so costs nothing if it is wrong
  if (parts[2] !== mine[2]) return false;
  const stat = table.stat(pid);
  if (stat === 'unknown') return false;
  return stat === 'gone' || isOver(stat) || stat.start.replace(/[^0-9A-Za-z]/g, '-') !== parts[4];
}

const isOver = (stat: ProcessStat) => /^[ZX]/.test(stat.state);

/** Whether this very process, not another with its pid, is there and not a zombie. */
export function isRunning(process: ProcessStart, table: ProcessTable): boolean {
  const stat = table.stat(process.pid);
  return typeof stat === 'object' && stat.start === process.start && !isOver(stat);
}

export type Life =
  | { readonly kind: 'alive' }
  | { readonly kind: 'dead' }
  /** This machine, before its last boot: dead once it has also been silent (cloned machines share their ids). */
  | { readonly kind: 'earlier-boot' }
  | { readonly kind: 'elsewhere'; readonly why: string };

const isOneMachine = (a: Host, b: Host) => a.machine === b.machine && a.name === b.name;
const isOneBoot = (a: Host, b: Host) => a.boot === b.boot && (a.boot !== UNKNOWN_BOOT || isOneMachine(a, b));

/**
 * Whether the owner of a claim or right lives. `local` says that the directory is on a local file system.
 * A stopped process is alive, and so is one that cannot be looked at: only certainty counts as death.
 */
export function judge(
  owner: ProcessIdentity,
  me: ProcessIdentity,
  table: ProcessTable,
  local: boolean,
): Life {
  const { host } = owner;
  if (isOneBoot(host, me.host) && host.pidns === me.host.pidns) {
    if (host.uid !== me.host.uid && me.host.uid !== 0)
      return { kind: 'elsewhere', why: 'it belongs to another user' };
    const stat = table.stat(owner.pid);
    if (stat === 'unknown') return { kind: 'alive' };
    return { kind: stat === 'gone' || stat.start !== owner.start || isOver(stat) ? 'dead' : 'alive' };
  }
  if (host.boot !== me.host.boot && isOneMachine(host, me.host) && local) return { kind: 'earlier-boot' };
  return {
    kind: 'elsewhere',
    why: host.name === me.host.name ? 'it is in another container' : `it is on ${host.name}`,
  };
}

export function isSameProcess(a: ProcessIdentity, b: ProcessIdentity): boolean {
  return a.pid === b.pid && a.start === b.start && isOneBoot(a.host, b.host) && a.host.pidns === b.host.pidns;
}
