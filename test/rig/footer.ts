import type { LogFooter } from '../../src/io/result-log.ts';

/** The footer of a log that says nothing else. */
export function footerOf(outcome: string, durationMs = 1, warnings: readonly string[] = []): LogFooter {
  return { outcome, durationMs, warnings, usage: undefined, thread: undefined, next: undefined };
}
