/** A directory of a test's own, which is gone when the test is. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

export function scratch(t: TestContext): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'codex-worker-test-')));
  t.after(() => rmSync(path, { recursive: true, force: true, maxRetries: 3 }));
  return path;
}

/** Waits for a condition; fails with what it saw when it does not come true. */
export async function eventually<T>(
  what: string,
  look: () => T | undefined | false,
  patienceMs = 10_000,
): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const seen = look();
    if (seen !== undefined && seen !== false) return seen;
    if (performance.now() > deadline) throw new Error(`waited ${patienceMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
