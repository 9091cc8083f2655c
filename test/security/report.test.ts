/** The report is made of what agents, models and file names say, and it is opened in a browser. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { newClaimId } from '../../src/core/claim.ts';
import { makeBench, type Bench } from '../rig/cli.ts';
import { noChromium, openChromium } from '../rig/chromium.ts';
import { answered } from '../rig/question.ts';
import { forgedRecord, HOSTILE, logOf } from './rig.ts';

const NAMES = [
  `<img src=x onerror=alert(1)>.md`,
  `"><script>alert(2)<&script>.md`,
  `'--><svg onload=alert(3)>.md`,
  'javascript:alert(4).md',
  '{{7*7}}<%= 7*7 %>${7*7}<% process.exit(9) %>.md',
  '\u202egnp.exe\u2066\u2028.md',
  'a\u0007b\u001b[31m\n.md',
  `x" style="position:fixed;inset:0" onmouseover="alert(5)" y=".md`,
  '&lt;b&gt;&#60;.md',
  `${'long-'.repeat(40)}.md`,
];
/** What only a log or a journal can say. */
const TEXT =
  `</pre></details></script><script>alert(6)</script></style><style>*{display:none}</style><base href="http://127.0.0.1:1/">` +
  `<link rel=stylesheet href=http://127.0.0.1:1/x.css><iframe src=http://127.0.0.1:1/></iframe><meta http-equiv=refresh content="0;url=http://127.0.0.1:1/">` +
  `<a href="javascript:alert(7)">x</a>\`\${alert(8)}<%~ it.constructor %>\u0000${HOSTILE}`;

function plant(bench: Bench): void {
  const journal: string[] = [];
  for (const [n, name] of NAMES.entries()) {
    writeFileSync(path.join(bench.tasks, name), 'Fix it.');
    const record = forgedRecord({ task: name });
    const log = `${logOf(record)}${TEXT}\n${'─'.repeat(72)}\noutcome:   failed: ${n} ${TEXT.slice(0, 200)}\n`;
    writeFileSync(path.join(bench.tasks, `${n % 3 === 0 ? 'done' : 'failed'}_exec_log-${name}.txt`), log);
    journal.push(
      JSON.stringify({
        v: 1,
        at: new Date(Date.now() - n * 60_000).toISOString(),
        run: TEXT.slice(0, 300),
        by: TEXT,
        task: name,
        attempt: 1,
        claim: newClaimId(),
        outcome: 'failed',
        why: TEXT,
        usage: { input: 1_000, cached: 0, output: 10 },
        durationMs: 30_000,
      }),
      JSON.stringify({
        v: 1,
        kind: 'paused',
        at: new Date().toISOString(),
        id: newClaimId(),
        class: 'limited',
        reason: TEXT,
      }),
      JSON.stringify({
        v: 1,
        ...answered(name, Date.now()),
        at: new Date().toISOString(),
        asked: TEXT.slice(0, 160),
        text: TEXT,
        by: { user: TEXT.slice(0, 64), host: TEXT.slice(64, 128), terminal: TEXT.slice(128, 192), pid: 1 },
      }),
    );
  }
  mkdirSync(path.join(bench.tasks, '.codex-worker'));
  writeFileSync(path.join(bench.tasks, '.codex-worker', 'journal.jsonl'), `${journal.join('\n')}\n`);
}

/** For the browser: what is in the page that might do something, and how far it reaches beyond its window. */
const COUNTS = `({
  scripts: document.scripts.length,
  styles: document.styleSheets.length,
  foreign: document.querySelectorAll('img, iframe, base, link, object, embed, form, [style]').length,
  handlers: [...document.querySelectorAll('*')].filter((node) =>
    [...node.attributes].some(({ name }) => name.startsWith('on')),
  ).length,
  links: [...document.links].filter(({ href }) => !href.startsWith(location.href.split('#')[0] + '#t')).length,
  beyond: document.documentElement.scrollWidth - window.innerWidth,
})`;

/** Somebody out there, who would hear what a page tells. */
async function listen(hear: (request: string) => void) {
  const server = createServer((request, response) => {
    hear(request.url ?? '');
    response.end();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await promisify(server.close.bind(server))();
    },
  };
}

interface Heard {
  readonly requests: string[];
  readonly faults: string[];
}

/** Everything that a page does besides being there. */
function listenTo(page: Page, own: string): Heard {
  const heard: Heard = { requests: [], faults: [] };
  page.on('request', (request) => {
    if (request.url().split('#')[0] !== own) heard.requests.push(request.url());
  });
  page.on('console', (message) => heard.faults.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => heard.faults.push(error.message));
  page.on('dialog', (dialog) => {
    heard.faults.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('framenavigated', (frame) => {
    if (frame.url().split('#')[0] !== own) heard.faults.push(`navigated to ${frame.url()}`);
  });
  return heard;
}

async function makeReport(t: TestContext): Promise<{ readonly file: string; readonly url: string }> {
  const bench = await makeBench(t);
  plant(bench);
  const file = path.join(bench.scratch, 'report.html');
  const { code, stdout, stderr } = await bench.run(['report', '--html', file]);
  assert.equal(code, 0, stdout + stderr);
  return { file, url: pathToFileURL(file).href };
}

test(
  'the page of a report shows hostile names, logs and journals as text; it runs none of them and asks for nothing',
  { skip: noChromium },
  async (t) => {
    const { url } = await makeReport(t);
    const browser = await openChromium(t);
    for (const [width, colorScheme] of [
      [1_400, 'light'],
      [400, 'dark'],
    ] as const) {
      const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme });
      const heard = listenTo(page, url);
      await page.goto(url);
      await page.click('#tools button[value=failed]');
      await page.fill('#tools input', '<img');
      assert.equal(await page.locator('.task:visible').count(), 0, 'the first of them is completed');
      await page.click('#tools button[value=""]');
      assert.deepEqual(await page.locator('.task:visible .name').allTextContents(), [NAMES[0]]);
      await page.fill('#tools input', 'ALERT(6)');
      const failed = NAMES.filter((_, n) => n % 3 !== 0).length;
      assert.equal(await page.locator('.task:visible').count(), failed, 'their reasons have it');
      await page.fill('#tools input', '');
      await page.selectOption('#tools select', 'place');
      for (const task of await page.locator('.task').all())
        await task.evaluate((details) => details.setAttribute('open', ''));
      await page.locator('.lane a').first().click();
      assert.match(page.url(), /#t\d+$/);

      const shown = await page.locator('.task .name').allTextContents();
      assert.equal(shown.length, NAMES.length);
      for (const name of [0, 1, 3, 4, 8].map((n) => NAMES[n] ?? ''))
        assert.ok(shown.includes(name), `${name} is not shown as it is: ${shown.join(' | ')}`);
      assert.ok(shown.includes('\\u202egnp.exe\\u2066\\u2028.md'), 'what turns text round is shown');
      const logs = await page.locator('.task .body > pre').allTextContents();
      assert.ok(logs.every((log) => log.includes('</pre></details></script><script>alert(6)</script>')));
      assert.ok(logs.every((log) => log.includes('<%~ it.constructor %>\\x00')));
      const asked = await page.locator('.task .questions summary').allTextContents();
      // A journal is read as the ASCII that ours are: one name in it was another.
      assert.deepEqual(asked, Array(NAMES.length - 1).fill(TEXT.slice(0, 160)));
      const counts = await page.evaluate(COUNTS);
      assert.deepEqual(counts, { scripts: 1, styles: 1, foreign: 0, handlers: 0, links: 0, beyond: 0 });
      const background = await page.evaluate('getComputedStyle(document.body).backgroundColor');
      assert.equal(background, colorScheme === 'dark' ? 'rgb(14, 17, 22)' : 'rgb(245, 246, 248)');
      assert.deepEqual(heard, { requests: [], faults: [] });
      await page.close();
    }
  },
);

test(
  'even where escaping failed the page of a report would run nothing, load nothing and send nothing',
  { skip: noChromium },
  async (t) => {
    const asked: string[] = [];
    await using server = await listen((request) => asked.push(request));
    const { file } = await makeReport(t);
    const inside = [
      `<img src=${server.url}/i onerror="document.title='run'"><script>document.title='run'</script>`,
      `<form action=${server.url}/f><button id=send></button></form>`,
      `<iframe src=${server.url}/p></iframe><style>body{display:none}</style>`,
    ].join('');
    const spoilt = readFileSync(file, 'utf8').replace('<div id="tasks">', `<div id="tasks">${inside}`);
    assert.ok(spoilt.includes(inside));
    writeFileSync(file, spoilt);
    const page = await (await openChromium(t)).newPage();
    const { faults } = listenTo(page, pathToFileURL(file).href);
    await page.goto(pathToFileURL(file).href);
    await page.evaluate(`document.getElementById('send').click()`);
    assert.notEqual(await page.title(), 'run');
    assert.ok(await page.locator('body').isVisible(), 'no style of others is applied');
    assert.equal((await fetch(`${server.url}/seen`)).status, 200);
    assert.deepEqual(asked, ['/seen']);
    const refused = faults.filter((fault) => fault.includes('Content Security Policy'));
    assert.ok(
      refused.length >= 4,
      `the browser says of each that the policy refused it: ${faults.join('\n')}`,
    );
  },
);

test('a secret that was given the name of a log, or a link to one, is in no report', async (t) => {
  const bench = await makeBench(t);
  const secret = path.join(bench.scratch, 'key');
  writeFileSync(secret, '-----BEGIN OPENSSH PRIVATE KEY-----\noutcome:   failed: sesame\n');
  for (const name of ['hard.md', 'soft.md', 'mirror.md']) await bench.write(name, 'Fix it.');
  linkSync(secret, path.join(bench.tasks, 'failed_exec_log-hard.md.txt'));
  symlinkSync(secret, path.join(bench.tasks, 'failed_exec_log-soft.md.txt'));
  await bench.write('.lock-mirror.md', 'damaged');
  symlinkSync(secret, path.join(bench.tasks, 'in-progress-mirror.md'));
  const { code, stdout } = await bench.run(['report', '--json', '-']);
  assert.equal(code, 0);
  assert.doesNotMatch(stdout, /PRIVATE KEY|sesame/);
});
