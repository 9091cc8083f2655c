/** What tasks say for themselves, in runs as a user starts them. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { test } from 'node:test';
import { makeBench, makeCodexBench } from '../rig/cli.ts';
import { makePuppets, type Call } from '../rig/puppet.ts';

const withMatter = (matter: string, prompt = 'Do it.\n') => `---\n${matter}\n---\n${prompt}`;
const optionOf = ({ args }: Call, name: string) => args[args.indexOf(name) + 1];

test('Codex is told the prompt without the front matter, and started as that says', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write(
    'a.md',
    withMatter('mode: read-only\nmodel: own-model\nretries: 1', 'Do it.\n[[say Done.]]\n'),
  );
  const { code, stdout } = await bench.run(['--mode', 'workspace-write']);
  assert.equal(code, 0, stdout);
  const [request] = bench.server.requests;
  assert.equal(request?.model, 'own-model');
  const told = JSON.stringify(bench.server.requests);
  assert.ok(told.includes('[[say Done.]]') && !told.includes('retries: 1'), told);
  const log = await bench.read('done_exec_log-a.md.txt');
  assert.match(log, /^mode: +read-only$/m);
  assert.match(log, /^settings: +model own-model, mode read-only, retries 1 \(of the task itself\)$/m);
  assert.match(log, /^prompt: +[0-9a-f]{64} \(sha256, 73 bytes\)$/m);
});

test('tasks begin when those that they come after are completed, the urgent ones first', async (t) => {
  const puppets = await makePuppets(t);
  const bench = await makeBench(t);
  await bench.write('a.md', withMatter('after: [d.md, "b*.md"]', 'a'));
  await bench.write('b1.md', withMatter('after: c.md', 'b1'));
  await bench.write('b2.md', 'b2');
  await bench.write('c.md', 'c');
  await bench.write('d.md', withMatter('priority: 7', 'd'));
  const run = bench.start([], { env: puppets.env });
  const order: string[] = [];
  while (order.length < 5) {
    const call = await puppets.nextCall();
    order.push(call.prompt);
    await call.complete();
  }
  const { code, stdout } = await run.ended();
  assert.equal(code, 0, stdout);
  assert.deepEqual(order, ['d', 'b2', 'c', 'b1', 'a']);
});

test('a task behind one that fails stays pending, the run ends and says so, and status tells what it waits for', async (t) => {
  const puppets = await makePuppets(t);
  const bench = await makeBench(t);
  await bench.write('a.md', 'a');
  await bench.write('b.md', withMatter('after: a.md', 'b'));
  await bench.write('c.md', withMatter('after: b.md', 'c'));
  const run = bench.start(['--json'], { env: puppets.env });
  const call = await puppets.nextCall();
  await call.print({ type: 'turn.failed', error: { message: 'no' } });
  call.exit(1);
  const { code, stdout } = await run.ended();
  assert.equal(code, 1, stdout);
  const left = /^\{"event":"left-waiting".*$/m.exec(stdout)?.[0] ?? '';
  assert.match(left, /"on":\{"task":"a\.md",.*"why":"failed","tasks":\[\{"task":"b\.md",.*\{"task":"c\.md",/);
  assert.match(stdout, /"pending":2,"waiting":2,/);

  const status = await bench.run(['status', '--detailed']);
  assert.match(status.stdout, /^Pending +b\.md: waits for a\.md, which failed$/m);
  assert.match(status.stdout, /^Pending +c\.md: waits for b\.md$/m);

  const again = bench.start([], { env: puppets.env });
  for (const name of ['a', 'b', 'c']) {
    const next = await puppets.nextCall();
    assert.equal(next.prompt, name);
    await next.complete();
  }
  assert.equal((await again.ended()).code, 0);
  assert.match((await bench.run(['status', '--detailed'])).stdout, /^Completed +b\.md$/m);
});

test('a run waits for what another terminal works on, and goes on behind it', async (t) => {
  const puppets = await makePuppets(t);
  const bench = await makeBench(t);
  await bench.write('a.md', 'a');
  await bench.write('b.md', withMatter('after: a.md', 'b'));
  const first = bench.start(['a.md'], { env: puppets.env });
  const a = await puppets.nextCall();
  const second = bench.start([], { env: puppets.env });
  await second.says(/^2 tasks \(1 in progress\)/m);
  await second.says(/^note: waiting for others: /m);
  await a.complete();
  assert.equal((await first.ended()).code, 0);
  const b = await puppets.nextCall();
  assert.equal(b.prompt, 'b');
  await b.complete();
  const { code, stdout } = await second.ended();
  assert.equal(code, 0, stdout);
  assert.match(stdout, /^Summary: 1 completed, 0 failed, 1 finished elsewhere/m);
});

test('a completed task counts, also one that is none of the run; one that is not there is wrong usage before anything begins', async (t) => {
  const puppets = await makePuppets(t);
  const bench = await makeBench(t);
  await bench.write('b.md', withMatter('after: a.md', 'b'));
  await bench.write('x.md', withMatter('after: [y.md, x.md]', 'x'));
  await bench.write('y.md', withMatter('after: "[x-z].md"', 'y'));
  const { code, stdout, stderr } = await bench.run([], { env: puppets.env });
  assert.equal(code, 2, stdout);
  assert.equal(stdout, '');
  assert.match(stderr, /b\.md:2:1: after: "a\.md" is no task of this run, and none that is completed/);
  assert.match(stderr, /x\.md:2:1: after: "x\.md" is the task itself/);
  assert.match(stderr, /x\.md → y\.md → x\.md wait for each other/);
  const hintFor = async (...paths: string[]) => {
    const ended = await bench.run(['--dry-run', ...paths], { env: puppets.env });
    assert.equal(ended.code, 2);
    return /^ *hint: (.*)$/m.exec(ended.stderr)?.[1];
  };
  await bench.write('x.md', withMatter('after: y.md', 'x'));
  assert.match((await hintFor('x.md', 'y.md')) ?? '', /^each waits for the other/);
  await bench.write('z.md', withMatter('after: y', 'z'));
  assert.equal(await hintFor('y.md', 'x.md', 'z.md'), 'did you mean y.md?');
  await rm(`${bench.tasks}/z.md`);
  assert.deepEqual(await bench.ls(), ['b.md', 'x.md', 'y.md']);
  assert.equal((await bench.run(['--mode', 'dry-run'], { env: puppets.env })).code, 2);

  await bench.write('a.md', 'a');
  await bench.write('done_exec_log-a.md.txt', 'by hand');
  const run = bench.start(['b.md'], { env: puppets.env });
  await (await puppets.nextCall()).complete();
  assert.equal((await run.ended()).code, 0);
});

test('an edit counts until the task is taken: its settings and its prompt are of the same bytes', async (t) => {
  const puppets = await makePuppets(t);
  const bench = await makeBench(t);
  for (const name of ['a', 'b', 'c']) await bench.write(`${name}.md`, withMatter('model: early', name));
  const run = bench.start(['--mode', 'workspace-write'], { env: puppets.env });
  const a = await puppets.nextCall();
  assert.equal(optionOf(a, '-m'), 'early');
  await bench.write('b.md', withMatter('model: late\nmode: read-only', 'b, edited'));
  await bench.write('c.md', withMatter('mode: danger-full-access', 'c'));
  await a.complete();
  const b = await puppets.nextCall();
  assert.deepEqual([b.prompt, optionOf(b, '-m'), optionOf(b, '-s')], ['b, edited', 'late', 'read-only']);
  await b.complete();
  const { code, stdout } = await run.ended();
  assert.equal(code, 1, stdout);
  assert.match(
    stdout,
    /^🚫 c\.md was refused: it has front matter .*: c\.md:2:1: mode: danger-full-access is only/m,
  );
  assert.match(stdout, /^Summary: 2 completed, 0 failed, 1 refused/m);
});

test('a dry run shows what is in force of what tasks say, in the order in which they would be taken', async (t) => {
  const bench = await makeBench(t);
  await bench.write('a.md', withMatter('after: b.md\ntimeout: 30m\nmode: workspace-write'));
  await bench.write('b.md', withMatter('model: own'));
  await bench.write('c.md', withMatter('priority: 1'));
  const args = ['--dry-run', '--mode', 'workspace-write', '-t', '10m', '-m', 'given'];
  const { code, stdout } = await bench.run(args, { env: { CODEX_CMD: '/bin/true' } });
  assert.equal(code, 0, stdout);
  assert.deepEqual(
    [...stdout.matchAll(/^(\w)\.md would|own settings: (.*)$/gm)].map(([, name, own]) => name ?? own),
    ['c', 'priority 1', 'b', 'model given', 'a', 'mode workspace-write, timeout 10m 00s, after b.md'],
  );
});

test('a dry run shows the mode that the run has, and refuses the tasks that it refuses', async (t) => {
  const bench = await makeBench(t);
  await bench.write('asks.md', withMatter('mode: workspace-write'));
  await bench.write('plain.md', 'plain');
  const env = { CODEX_CMD: '/bin/true' };
  for (const dry of [['--dry-run'], ['--mode', 'dry-run']]) {
    const low = await bench.run(dry, { env });
    assert.equal(low.code, 1, low.stdout);
    assert.match(low.stdout, /asks\.md was refused: .* workspace-write is above the read-only of this run/);
    assert.match(low.stdout, /^plain\.md would be run .*\n.* -s read-only /m);

    await bench.write('.codex-worker.yaml', 'mode: workspace-write\n');
    const high = await bench.run(dry, { env });
    assert.equal(high.code, 0, high.stdout);
    assert.match(high.stdout, / workspace-write \(dry run\) /);
    assert.match(high.stdout, /^settings: \.codex-worker\.yaml.*mode/m);
    assert.equal(high.stdout.match(/ -s workspace-write /g)?.length, 2);
    await rm(`${bench.tasks}/.codex-worker.yaml`);

    const fromEnv = await bench.run(dry, { env: { ...env, CODEX_WORKER_MODE: 'danger-full-access' } });
    assert.equal(fromEnv.code, 0, fromEnv.stderr); // and nobody is asked
    assert.match(fromEnv.stdout, /^plain\.md would be run .*\n.* -s danger-full-access /m);
  }
  assert.deepEqual(await bench.ls(), ['asks.md', 'plain.md']);
});
