/**
 * A machine whose processes are made up: each is a `World` with an identity of its own on a real directory, and lives
 * until the test says that it is dead. Their clock stands still but for what they sleep.
 */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  newClaimId,
  type ClaimId,
  type ClaimRecord,
  type Host,
  type OutcomeRecord,
  type ProcessIdentity,
} from '../../src/core/claim.ts';
import { markerOf } from '../../src/core/task.ts';
import type { World } from '../../src/engine/world.ts';
import { realFiles, type Files } from '../../src/io/files.ts';
import { LockDraft, type HeldLock } from '../../src/io/lock-file.ts';
import type { ProcessStat, ProcessTable } from '../../src/io/process-identity.ts';
import { RunningLog } from '../../src/io/result-log.ts';
import type { TaskDirectory } from '../../src/io/task-directory.ts';
import type { Cleanup } from '../rig/cleanup.ts';
import { footerOf } from '../rig/footer.ts';

export const HOST: Host = {
  name: 'here',
  machine: 'machine-1',
  boot: 'boot-2',
  pidns: '4026531836',
  uid: 1000,
};

export interface Machine {
  readonly directory: TaskDirectory;
  readonly table: ProcessTable;
  /** ms; only `sleep` of its worlds moves it, and the test. */
  now: number;
  /** A new process; `files` is what it sees of the disk. */
  boot(files?: Partial<Files>, host?: Partial<Host>): World;
  kill(world: World): void;
  /** What `/proc/PID/stat` would say of it. */
  setState(world: World, state: string): void;
  ls(folder?: string): string[];
  read(name: string): string;
  write(name: string, text: string): void;
  has(name: string): boolean;
}

export function makeMachine(t: Cleanup, { hardLinks = true } = {}): Machine {
  const scratch = realpathSync(mkdtempSync(path.join(tmpdir(), 'codex-worker-machine-')));
  t.after(() => rmSync(scratch, { recursive: true, force: true }));
  mkdirSync(path.join(scratch, '.codex-worker', 'tmp'), { recursive: true });
  const processes = new Map<number, ProcessStat>();
  const at = (name: string) => path.join(scratch, name);
  const ls = (folder = '.') => readdirSync(at(folder)).sort();
  let pid = 1_000;
  const machine: Machine = {
    directory: { path: scratch, id: '1:2', hardLinks, network: false },
    table: {
      stat: (which) => processes.get(which) ?? 'gone',
      list: () => [...processes.values()],
      pids: () => [...processes.keys()],
      hasOpen: () => undefined,
      environment: () => undefined,
    },
    now: 1_000_000,
    boot: (files = {}, host = {}) => {
      pid++;
      const start = String(pid * 10);
      const me: ProcessIdentity = { host: { ...HOST, ...host }, pid, start };
      if (Object.keys(host).length === 0)
        processes.set(pid, { pid, start, state: 'S', pgid: pid, ppid: 1, cpuMs: 0, kernel: false });
      return {
        files: { ...realFiles, ...files },
        table: machine.table,
        me,
        uptimeMs: () => machine.now,
        sleep: (ms) => {
          machine.now += ms;
          return Promise.resolve();
        },
        now: () => new Date(0),
        random: () => 0.5,
      };
    },
    kill: ({ me }) => void processes.delete(me.pid),
    setState: ({ me }, state) => {
      const stat = processes.get(me.pid);
      if (stat) processes.set(me.pid, { ...stat, state });
    },
    ls,
    read: (name) => readFileSync(at(name), 'utf8'),
    write: (name, text) => writeFileSync(at(name), text),
    has: (name) => ls(path.dirname(name)).includes(path.basename(name)),
  };
  machine.write('fix.md', 'Fix it.\n');
  return machine;
}

export interface Claim {
  readonly id: ClaimId;
  readonly record: ClaimRecord;
  readonly lock: HeldLock;
  readonly log: RunningLog;
  close(): Promise<void>;
}

export interface ClaimOptions {
  readonly task?: string;
  readonly attempt?: number;
  readonly outcome?: OutcomeRecord['outcome'];
  /** Without it the agent never started: the log is empty. */
  readonly started?: boolean;
}

/** A claim as its owner makes it, up to F3 when there is an outcome; `undefined` when the task is taken. */
export async function tryClaim(
  { me, files }: World,
  directory: TaskDirectory,
  { task = 'fix.md', attempt = 1, outcome, started = true }: ClaimOptions = {},
): Promise<Claim | undefined> {
  const id = newClaimId();
  const draft = await LockDraft.create(files, directory, id, me);
  const log = await RunningLog.create(files, directory, task, id);
  const record: ClaimRecord = {
    v: 1,
    kind: 'run',
    task,
    claim: id,
    attempt,
    dir: directory.id,
    run: 'a-run',
    host: me.host,
    owner: { pid: me.pid, start: me.start },
    at: '2026-01-02T03:04:05.678Z',
    by: 'codex-worker 1.0.0',
  };
  const lock = await draft.claim(record);
  if (!lock) {
    await log.discard();
    await draft.abandon();
    return undefined;
  }
  if (started) {
    log.header({ task, attempt: String(attempt), claim: id, prompt: `${'a'.repeat(64)} (sha256, 8 bytes)` });
    if (directory.hardLinks)
      await files.link(log.path, `${directory.path}/${markerOf.mirror(task)}`).catch(() => {});
    log.entry({ kind: 'message', text: `worked under ${id}` });
  }
  const close = async () => {
    await lock.close();
    await log.close();
  };
  const claim: Claim = { id, record, lock, log, close };
  if (outcome) await finish(claim, outcome);
  return claim;
}

export async function makeClaim(
  world: World,
  { directory }: Machine,
  options: ClaimOptions = {},
): Promise<Claim> {
  const claim = await tryClaim(world, directory, options);
  if (!claim) throw new Error('the task is taken');
  return claim;
}

/** F2, F3. */
export async function finish({ lock, log }: Claim, outcome: OutcomeRecord['outcome']): Promise<void> {
  log.footer(footerOf(outcome === 'done' ? 'completed' : outcome, 1_000));
  await log.sync();
  await lock.recordOutcome({
    outcome,
    code: null,
    signal: null,
    bytes: log.bytes,
    sha256: log.sha256,
    at: '2026-01-02T03:04:05.678Z',
  });
}

/** What a finished task must not leave. */
export function leftovers(machine: Machine): string[] {
  const isLeft = (name: string) => /^(?:\.lock-|\.break-|\.exec_log-|in-progress-)/.test(name);
  return machine.ls().filter(isLeft);
}

export const done = markerOf.completed('fix.md');
export const failed = markerOf.failed('fix.md');

export function errno(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: made up`), { code });
}

/** The names of the earlier attempts' logs without what differs from run to run. */
export function ended(machine: Machine): string[] {
  if (!machine.has('.codex-worker/ended')) return [];
  return machine.ls('.codex-worker/ended').map((name) => name.split('.').slice(-2)[0] ?? name);
}
