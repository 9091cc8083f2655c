/**
 * A real file system on an image file, mounted on a directory, whose power can be cut: what the kernel had not yet written
 * to the image is gone, and what it had is what the next mount finds.
 */
import { execFile, spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Cleanup } from './cleanup.ts';

const run = promisify(execFile);

export interface LoopFileSystem {
  readonly name: 'ext4' | 'xfs' | 'btrfs';
  readonly bytes: number;
  /** Whether it stops at once when the kernel is told to shut it down; otherwise the image is copied as it is. */
  readonly canShutDown: boolean;
}

export interface LoopDisk {
  /** Whether it works on after its power was cut: then nobody may write on it while that happens. */
  readonly worksOn: boolean;
  cutPower(): Promise<void>;
  /** After a cut, when no process is left on it: mounts what has been saved. */
  powerOn(): Promise<void>;
  /** Everything that is there now is safe. */
  sync(): Promise<void>;
}

/** Makes the file system in `folder` and mounts it on `at`; it is unmounted in the end, even when this process is killed. */
export async function mountLoopDisk(
  t: Cleanup,
  fileSystem: LoopFileSystem,
  folder: string,
  at: string,
): Promise<LoopDisk> {
  const image = path.join(folder, `${fileSystem.name}.img`);
  const saved = `${image}.saved`;
  await writeFile(image, '');
  await truncate(image, fileSystem.bytes);
  await run(`mkfs.${fileSystem.name}`, ['-q', fileSystem.name === 'ext4' ? '-F' : '-f', image]);
  const unmount = async () => {
    for (let tries = 0; await isMounted(at); tries++) {
      // What was killed a moment ago may still be on its way out.
      await run('umount', tries < 50 ? [at] : ['-l', at]).catch(() => sleep(20));
      if (tries > 60) throw new Error(`${at} cannot be unmounted`);
    }
  };
  const mount = () => run('mount', ['-o', fileSystem.name === 'xfs' ? 'loop,nouuid' : 'loop', image, at]);
  // Its standard input ends with this process, whatever that dies of; and it carries nothing by which it would be ended with it.
  const keeper = spawn('sh', ['-c', 'cat >/dev/null; umount -l "$0" 2>/dev/null', at], {
    detached: true,
    cwd: '/',
    env: { PATH: process.env['PATH'] },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  t.after(async () => {
    await unmount();
    keeper.stdin.end();
  });
  await mount();
  return {
    worksOn: !fileSystem.canShutDown,
    cutPower: async () => {
      if (fileSystem.canShutDown)
        await run('xfs_io', ['-x', '-c', 'shutdown', at]); // without -f: the log is not flushed
      else await copyAtOneMoment(image, saved);
    },
    powerOn: async () => {
      await unmount(); // of a disk that is shut down, or whose last words nobody will read
      // Another image, or a mount namespace that somebody made meanwhile may still hold the disk that was shut down, and
      // the kernel would mount that again instead of reading the image.
      if (fileSystem.canShutDown) await copyFile(image, saved);
      await rename(saved, image);
      await mount();
    },
    sync: async () => void (await run('sync', ['-f', at])),
  };
}

async function isMounted(at: string): Promise<boolean> {
  return (await readFile('/proc/mounts', 'utf8')).includes(` ${at} `);
}

/** Copies an image between two of its writes: the device says how many there were. */
async function copyAtOneMoment(image: string, to: string): Promise<void> {
  const { stdout } = await run('losetup', ['--noheadings', '--output', 'NAME', '--associated', image]);
  const device = path.basename(stdout.trim());
  /** Writes completed, and requests under way. */
  const writes = async () => {
    const fields = (await readFile(`/sys/block/${device}/stat`, 'utf8')).trim().split(/ +/);
    return { done: fields[4], underWay: fields[8] };
  };
  for (let tries = 0; tries < 100; tries++) {
    const before = await writes();
    await copyFile(image, to);
    const after = await writes();
    if (before.done === after.done && before.underWay === '0' && after.underWay === '0') return;
  }
  throw new Error(`${device} is never at rest`);
}

/** Why there can be no such disk here. */
export async function whyNoLoopDisk(fileSystem: LoopFileSystem): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'loop devices are Linux';
  const folder = await mkdtemp(path.join(tmpdir(), 'codex-worker-loop-'));
  const cleanUps: (() => unknown)[] = [];
  try {
    const at = path.join(folder, 'disk');
    await mkdir(at);
    const disk = await mountLoopDisk(
      { after: (cleanUp) => void cleanUps.push(cleanUp) },
      fileSystem,
      folder,
      at,
    );
    await disk.cutPower();
    await disk.powerOn();
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message.trim().replaceAll('\n', ' ') : String(error);
    return `a file system on a loop device needs root, mkfs.${fileSystem.name}, xfs_io and losetup: ${why}`;
  } finally {
    for (const cleanUp of cleanUps) await cleanUp();
    await rm(folder, { recursive: true, force: true });
  }
}
