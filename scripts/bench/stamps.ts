/** When the children of `task.c` began and ended, by the file into which they wrote it. */

export interface Stamps {
  /** CLOCK_REALTIME in ns, ascending. */
  readonly starts: readonly bigint[];
  readonly ends: readonly bigint[];
}

export function readStamps(text: string): Stamps {
  const all = (word: string) =>
    [...text.matchAll(new RegExp(`^${word} (\\d+)$`, 'gm'))]
      .map((match) => BigInt(match[1] ?? 0))
      .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return { starts: all('start'), ends: all('end') };
}
