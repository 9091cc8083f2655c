/** No key is found in anything that we keep, say or start. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { makeBench, makeCodexBench, type Bench } from '../rig/cli.ts';
import { makePuppets } from '../rig/puppet.ts';
import { filesBelow } from './rig.ts';

const KEY = 'sk-proj-AbCd0123456789_AbCd-0123456789AbCd0123456789';
const TOKEN = 'ghp_abcdefghijklmnopqrstuvwx';
const skip = process.platform === 'linux' ? false : 'looks into /proc';

function assertNowhere(bench: Bench, said: string): void {
  for (const secret of [KEY, TOKEN]) {
    assert.ok(!said.includes(secret), said);
    for (const file of filesBelow(bench.tasks)) assert.ok(!readFileSync(file, 'utf8').includes(secret), file);
  }
}

/** The real service as far as it matters here: it refuses every key, and says which it was. */
async function startRefusingServer(t: TestContext): Promise<string> {
  const server = createServer((request, response) => {
    request.resume();
    const key = String(request.headers.authorization).replace('Bearer ', '');
    const error = {
      message: `Incorrect API key provided: ${key}. You can find it elsewhere.`,
      code: 'invalid_api_key',
    };
    response.writeHead(401, { 'content-type': 'application/json' }).end(JSON.stringify({ error }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
}

test('a key that the server quotes when it refuses it is in no log, event, raw file or message', async (t) => {
  const url = await startRefusingServer(t);
  const bench = await makeCodexBench(t);
  const config = path.join(bench.scratch, 'codex-home', 'config.toml');
  await writeFile(config, (await readFile(config, 'utf8')).replace(/base_url = .*/, `base_url = "${url}"`));
  await bench.write('fix.md', 'Fix it.\n');
  for (const args of [['-v', '-o', 'results.json'], ['--json']]) {
    const { code, stdout, stderr } = await bench.run(args, { env: { LOOPBACK_MODEL_KEY: KEY } });
    assert.equal(code, 3, stdout + stderr);
    assert.match(stdout, /Incorrect API key provided: \*\*\*\. You can/);
    assertNowhere(bench, stdout + stderr);
  }
  const raw = (await bench.ls('.codex-worker/raw')).find((name) => name.endsWith('.jsonl'));
  assert.match(await bench.read(`.codex-worker/raw/${raw}`), /provided: \*\*\*\./);
});

test('an agent that prints its environment does not put its secrets into logs, events or raw files', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('fix.md', `Fix it.\n[[run env; env >&2]]\n[[say The token is ${TOKEN}.]]\n`);
  const env = { OPENAI_API_KEY: KEY, GITHUB_TOKEN: TOKEN };
  const args = ['--json', '--mode', 'danger-full-access', '-y', '-o', '../results.json'];
  const { code, stdout, stderr } = await bench.run(args, { env });
  assert.equal(code, 0, stdout + stderr);
  const log = await bench.read('done_exec_log-fix.md.txt');
  assert.match(log, /OPENAI_API_KEY=\*\*\*/);
  assert.match(log, /The token is \*\*\*\./);
  await bench.write('fix.md', 'Fixed.\n'); // the prompt is the author's, and stays what it is
  assertNowhere(bench, stdout + stderr + (await bench.read('../results.json')));
});

test('no key is in an argument of a process, in a lock, or in what a dry run shows', { skip }, async (t) => {
  const puppets = await makePuppets(t);
  const bench = await makeBench(t);
  await bench.write('fix.md', 'Fix it.\n');
  const env = { ...puppets.env, OPENAI_API_KEY: KEY, CODEX_API_KEY: KEY };
  const run = bench.start([], { env });
  const call = await puppets.nextCall();
  await call.complain(`error: the key ${KEY} is wrong\n`);
  await call.print({ type: 'turn.failed', error: { message: `wrong: ${KEY}` } });
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    let line = '';
    try {
      line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    } catch {
      continue; // it has ended
    }
    assert.ok(!line.includes(KEY), line);
  }
  assertNowhere(bench, '');
  call.exit(1);
  const { stdout, stderr } = await run.ended();
  assert.match(stdout, /fix\.md failed: wrong: \*\*\*/);
  assertNowhere(bench, stdout + stderr);

  const settings = [`model_providers.x.api_key="${KEY}"`, `model_providers.x={http_headers={x="${KEY}"}}`];
  const args = settings.flatMap((setting) => ['--codex-config', setting]);
  for (const how of [[], ['--json']]) {
    const dry = await bench.run(['--mode', 'dry-run', ...how, ...args], { env });
    assert.equal(dry.code, 0, dry.stderr);
    assert.match(dry.stdout, /model_providers\.x\.api_key=\*\*\*/);
    assertNowhere(bench, dry.stdout + dry.stderr);
  }
});
