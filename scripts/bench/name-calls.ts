/**
 * System calls that create or delete an inode or a name, from what `strace -f` wrote.
 *
 * `-z` (successful calls only) is not used: with it strace 6.1 prints the end of an interrupted call without its process.
 */

const CALLS =
  'open openat openat2 creat mknod mknodat mkdir mkdirat link linkat symlink symlinkat unlink unlinkat rmdir rename renameat renameat2'.split(
    ' ',
  );
/** For `-e trace=`: the question mark lets pass a call that this kind of machine does not have. */
export const TRACED = CALLS.map((name) => `?${name}`).join(',');

/**
 * How often each call was made on each kind of name: "link<TAB>.lock-T". Opens count when they may create; those of
 * devices (`>/dev/null`) do not. Names have the task, the claim, hashes and processes replaced by letters.
 */
export function countNameCalls(trace: string, directory: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of whole(trace.split('\n'))) {
    const [, call = '', rest = ''] = /^(?:\d+ +)?(\w+)\((.*)$/.exec(line) ?? [];
    if (!CALLS.includes(call) || / = -1 /.test(rest)) continue;
    const isOpen = call.startsWith('open');
    if (isOpen && !/\bO_CREAT\b|\bO_TMPFILE\b/.test(rest)) continue;
    const paths = [...rest.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) => match[1] ?? '');
    if (isOpen && paths[0]?.startsWith('/dev/') && !paths[0].startsWith('/dev/shm/')) continue;
    const word =
      isOpen || call === 'creat'
        ? 'create'
        : /REMOVEDIR/.test(rest)
          ? 'rmdir'
          : call.replace(/(?:at2?)$/, '');
    const key = `${word}\t${kindOfName(paths.at(-1) ?? '', directory)}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** Calls that strace saw begin, then another thread's, then their end, are put together again. */
function whole(lines: readonly string[]): string[] {
  const begun = new Map<string, string>();
  return lines.flatMap((line) => {
    const [, pid = ''] = /^(\d+) /.exec(line) ?? [];
    const unfinished = line.replace(/ *<unfinished \.\.\.>$/, '');
    if (unfinished !== line) {
      begun.set(pid, unfinished);
      return [];
    }
    const resumed = /^\d+ +<\.\.\. \w+ resumed>(.*)$/.exec(line);
    return resumed ? [`${begun.get(pid) ?? ''}${resumed[1]}`] : [line];
  });
}

function kindOfName(path: string, directory: string): string {
  const inside = path.startsWith(`${directory}/`) ? path.slice(directory.length + 1) : path;
  return inside
    .replaceAll(/task-\d+\.md/g, 'T')
    .replaceAll(/(?:\b[0-9a-f]{8}\.){3}\d+\.\d+$/g, 'ID')
    .replaceAll(/\b[0-9a-f]{32}\b/g, 'X')
    .replaceAll(/\b[0-9a-f]{16}\b/g, 'H');
}
