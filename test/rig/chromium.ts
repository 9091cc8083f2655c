/** Debian's Chromium, for looking at a page as a person's browser shows it: headless, and without any network. */
import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';
import type { Cleanup } from './cleanup.ts';

const PROGRAM = '/usr/bin/chromium';

/** Why what needs it is left out, for `test(…, { skip })`. */
export const noChromium = existsSync(PROGRAM)
  ? false
  : `LEFT OUT: no ${PROGRAM} here (apt-get install chromium)`;

export async function openChromium(cleanup: Cleanup): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: PROGRAM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'], // root has no sandbox to give
  });
  cleanup.after(() => browser.close());
  return browser;
}
