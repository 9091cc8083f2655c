/** On what it is measured: figures without their machine mean nothing. */
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { readFileSync } from 'node:fs';

export function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown CPU';
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `${availableParallelism()} × ${model}, ${memory}, ${process.platform} ${release()} ${process.arch}, Node ${process.version}`;
}

/** The file system that holds a path, by the longest mount point above it; `unknown` where /proc does not tell. */
export function fileSystemOf(path: string): string {
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, point = '']) => point === '/' || path === point || path.startsWith(`${point}/`))
    .sort(([, a = ''], [, b = '']) => a.length - b.length);
  return mounts.at(-1)?.[2] ?? 'unknown';
}

/** Load of the last minute for each core: much above 0 when measuring begins, wall times say little. */
export function loadPerCore(): number {
  return (loadavg()[0] ?? 0) / availableParallelism();
}
