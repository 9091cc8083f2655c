/**
 * `npm run picture`: the picture of a report in the README, from a real run: the small night with three terminals, real Codex, and
 * a model with limits and outages; terminals are killed, and started again. Debian's Chromium takes it.
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { planNight } from '../test/night/plan.ts';
import { setStage } from '../test/night/stage.ts';
import { runTerminals } from '../test/night/terminals.ts';
import { noChromium, openChromium } from '../test/rig/chromium.ts';

const PICTURE = fileURLToPath(new URL('../docs/pictures/report.png', import.meta.url));
/** Another seed is another night; this one has some of everything. */
const SEED = 7;
const WITHIN_MS = 300_000;

async function takePicture(cleanup: { after: (undo: () => unknown) => void }): Promise<void> {
  const plan = planNight({ seed: SEED, tasks: 60, terminals: 3, quick: true });
  const stage = await setStage(cleanup, plan);
  await runTerminals(stage, { withinMs: WITHIN_MS, without: [] }, console.log);
  const { bench } = stage;
  const file = path.join(bench.scratch, 'report.html');
  const { code, stderr } = await bench.run(['report', 'tasks', '--html', file], { cwd: '..' });
  if (code !== 0) throw new Error(stderr);
  const browser = await openChromium(cleanup);
  const page = await browser.newPage({ viewport: { width: 1_080, height: 1_180 }, deviceScaleFactor: 1.3 });
  await page.goto(pathToFileURL(file).href);
  await mkdir(path.dirname(PICTURE), { recursive: true });
  await page.screenshot({ path: PICTURE });
  console.log(PICTURE);
}

if (noChromium !== false) {
  console.error(noChromium);
  process.exit(2);
}
const undos: (() => unknown)[] = [];
try {
  await takePicture({ after: (undo) => void undos.unshift(undo) });
} finally {
  for (const undo of undos) await undo();
}
