/** Guards of the protocol that can be taken out of a made-up process, by what it sees of the file system. */
import { copyFileSync, existsSync, unlinkSync } from 'node:fs';
import path from 'node:path';
import type { Files } from '../../../src/io/files.ts';
import { errno } from '../../engine/machine.ts';

const LOCK = '.lock-fix.md';

/** `scratch` is a directory for copies, outside of the one that is worked on. */
interface About {
  readonly scratch: string;
  readonly pid: number;
}

/** `files` is what a process would see; returned are the verbs that do something else. */
export type Weaken = (files: Files, about: About) => Partial<Files>;

const isRight = (file: string) => path.basename(file).startsWith('.break-');
const isRunningLog = (file: string) => path.basename(file).startsWith('.exec_log-');
const isResult = (file: string) => path.basename(file).startsWith('done_exec_log-');

/** Every right is granted. */
const withoutRights: Weaken = (files) => ({
  link: async (from, to) => {
    if (!isRight(to)) return files.link(from, to);
    await files.link(from, to).catch(() => {});
  },
});

/** With the right in hand, the lock is not read again: what it held when its owner was judged is believed. */
const withoutSecondRead: Weaken = (files, { scratch, pid }) => {
  const copy = path.join(scratch, `lock-as-${pid}-saw-it`);
  let hasRight = false;
  return {
    link: async (from, to) => {
      await files.link(from, to);
      if (isRight(to)) hasRight = true;
    },
    open: async (file, flags, mode) => {
      if (path.basename(file) !== LOCK) return files.open(file, flags, mode);
      if (hasRight && existsSync(copy)) return files.open(copy, flags, mode);
      const fd = await files.open(file, flags, mode);
      copyFileSync(file, copy);
      return fd;
    },
    unlink: async (file) => {
      await files.unlink(file);
      if (isRight(file)) hasRight = false;
    },
  };
};

/** The right is dropped while the lock still holds its claim. */
const rightsBeforeLock: Weaken = (files) => {
  const rights = new Set<string>();
  return {
    link: async (from, to) => {
      await files.link(from, to);
      if (isRight(to)) rights.add(to);
    },
    unlink: async (file) => {
      if (path.basename(file) === LOCK) {
        for (const right of rights) if (existsSync(right)) unlinkSync(right);
        rights.clear();
      }
      await files.unlink(file);
    },
  };
};

/** A right passes on although its holder lives: whoever finds it taken takes the next. */
const rightsOfTheLiving: Weaken = (files) => ({
  link: async (from, to) => {
    for (let n = 1; ; n++) {
      try {
        return await files.link(from, isRight(to) ? to.replace(/\d+$/, String(n)) : to);
      } catch (error) {
        if (!isRight(to) || n === 3) throw error;
      }
    }
  },
});

/**
 * S4 publishes without having looked whether its predecessor has: the running log is believed to be there. A reaper looks
 * twice under one right, at first to check the outcome that was recorded: that look stays, or the outcome would be
 * thrown away and nothing published. An owner trusts its outcome, and looks once.
 */
const publishWithoutLook: Weaken = (files) => {
  let stat: Awaited<ReturnType<Files['lstat']>> | undefined;
  let own: string | undefined;
  let looksUntilS4: number | undefined;
  return {
    link: async (from, to) => {
      await files.link(from, to);
      if (path.basename(to) === LOCK) own = path.basename(from).slice(0, 32);
      if (isRight(to)) looksUntilS4 = own !== undefined && to.includes(own) ? 0 : 1;
    },
    open: async (file, flags, mode) => {
      const fd = await files.open(file, flags, mode);
      stat ??= await files.fstat(fd);
      return fd;
    },
    lstat: async (file) => {
      if (!stat || looksUntilS4 === undefined || !isRunningLog(file)) return files.lstat(file);
      if (looksUntilS4-- > 0) return files.lstat(file);
      looksUntilS4 = undefined; // once for each right
      return stat;
    },
  };
};

/** C7 left out: with the claim in hand, no result is seen any more. */
const withoutC7: Weaken = (files) => {
  let isNew = false;
  return {
    link: async (from, to) => {
      await files.link(from, to);
      if (path.basename(to) === LOCK) isNew = true;
    },
    lstat: async (file) => {
      if (!isNew || !isResult(file)) return files.lstat(file);
      isNew = false;
      throw errno('ENOENT');
    },
  };
};

/** The janitor has read the locks before it lists the rights; long before, when there was none. */
const locksBeforeRights: Weaken = (files) => {
  let listings = 0;
  return {
    readdir: async (folder) => {
      listings = folder.includes('.codex-worker') ? 0 : listings + 1;
      return files.readdir(folder);
    },
    open: async (file, flags, mode) => {
      if (listings >= 2 && path.basename(file) === LOCK) throw errno('ENOENT'); // not of the logs
      return files.open(file, flags, mode);
    },
  };
};

/** The janitor of logs does not look for the temporary file of a claim that is being made. */
const logsWithoutTemporary: Weaken = (files) => ({
  readdir: async (folder) =>
    folder.endsWith('/.codex-worker/tmp') ? { names: [], odd: new Map() } : files.readdir(folder),
});

export const ofAll = {
  'no rights': withoutRights,
  'no second read of the lock': withoutSecondRead,
  'right dropped before the lock': rightsBeforeLock,
  'right of a living holder passes on': rightsOfTheLiving,
  'publishing without a look at the running log': publishWithoutLook,
  'no second look after the claim': withoutC7,
} as const satisfies Record<string, Weaken>;

export const ofTheJanitor = {
  'janitor reads the lock before it lists the rights': locksBeforeRights,
  'janitor of logs ignores the temporary file': logsWithoutTemporary,
} as const satisfies Record<string, Weaken>;
