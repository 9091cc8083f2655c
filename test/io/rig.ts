/** A task directory of a test's own, and the parts of a claim on a task in it. */
import { mkdirSync } from 'node:fs';
import { newClaimId, type ClaimRecord } from '../../src/core/claim.ts';
import { realFiles, type Files } from '../../src/io/files.ts';
import { LockDraft, type HeldLock } from '../../src/io/lock-file.ts';
import { thisProcess } from '../../src/io/process-identity.ts';
import type { TaskDirectory } from '../../src/io/task-directory.ts';

export function taskDirectory(path: string, hardLinks = true): TaskDirectory {
  mkdirSync(`${path}/.codex-worker/tmp`, { recursive: true });
  return { path, id: '1:2', hardLinks, network: false };
}

export function claimRecord(task: string, more: Partial<ClaimRecord> = {}): ClaimRecord {
  const { host, pid, start } = thisProcess();
  return {
    v: 1,
    kind: 'run',
    task,
    claim: newClaimId(),
    attempt: 1,
    dir: '1:2',
    run: 'a-run',
    host,
    owner: { pid, start },
    child: { pid: 4_194_000, start: '17', pgid: 4_194_000 },
    src: { dev: '1', ino: '2', size: 3, mtimeNs: '4', sha256: 'a'.repeat(64) },
    at: '2026-01-02T03:04:05.678Z',
    by: 'codex-worker 1.0.0',
    ...more,
  };
}

/** A claim made as an owner makes it. Throws when the task is taken. */
export async function makeClaim(
  directory: TaskDirectory,
  record: ClaimRecord,
  files: Files = realFiles,
): Promise<HeldLock> {
  const draft = await LockDraft.create(files, directory, record.claim, thisProcess());
  const lock = await draft.claim(record).catch(async (error: unknown) => {
    await draft.abandon();
    throw error;
  });
  if (!lock) throw new Error(`${record.task} is taken`);
  return lock;
}

/** The real file system, in which some verbs do something else. */
export function filesWith(changed: Partial<Files>): Files {
  return { ...realFiles, ...changed };
}

export function errno(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: made up`), { code });
}
