/** `codex-worker status --watch`: looks again and again, until somebody has seen enough. */
import type { StatusReport } from '../core/reports.ts';
import { StatusReader, type StatusRequest } from './status.ts';

export interface WatchRequest extends StatusRequest {
  readonly everyMs: number;
  /** Whether nobody can be shown anything any more. */
  readonly isUnheard: () => boolean;
}

/** A look and its showing take at most this part of the time: a directory of 100,000 tasks is looked at less often. */
const LARGEST_SHARE = 0.1;

const EXIT_CODES = { SIGINT: 0, SIGTERM: 143, SIGHUP: 129 } as const;

/** Resolves with the exit code when a signal has come, and 0 for Ctrl-C: that is how a watch ends. Throws as `status`. */
export async function watchStatus(
  { everyMs, isUnheard, ...request }: WatchRequest,
  show: (report: StatusReport, now: Date) => void,
): Promise<number> {
  using end = new Interruption();
  const reader = new StatusReader(request);
  while (end.exitCode === undefined && !isUnheard()) {
    const began = performance.now();
    show(await reader.look(), new Date());
    const tookMs = performance.now() - began;
    await end.orAfter(Math.max(everyMs, tookMs / LARGEST_SHARE - tookMs));
  }
  return end.exitCode ?? 0;
}

class Interruption {
  exitCode: number | undefined;
  #wake = () => {};
  readonly #handlers = Object.entries(EXIT_CODES).map(([signal, exitCode]) => {
    const handler = () => {
      this.exitCode ??= exitCode;
      this.#wake();
    };
    process.on(signal, handler);
    return { signal, handler };
  });

  [Symbol.dispose](): void {
    for (const { signal, handler } of this.#handlers) process.off(signal, handler);
  }

  async orAfter(ms: number): Promise<void> {
    if (this.exitCode !== undefined) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
