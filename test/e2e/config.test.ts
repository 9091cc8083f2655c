/** A run whose settings stand in a file beside the tasks, with the real Codex. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBench, makeCodexBench } from '../rig/cli.ts';

test('a run takes its settings from the file beside its tasks, says so, and the other commands see the same tasks', async (t) => {
  const bench = await makeCodexBench(t);
  await bench.write('one.task', 'Say hello.\n[[say Hello.]]');
  await bench.write('not-a-task.md', 'Only notes.');
  await bench.write(
    '.codex-worker.yaml',
    `pattern: '*.task'\nmodel: gpt-of-the-file\nverify: 'echo "$CODEX_WORKER_TASK" >> verified'\nretries: 2\n`,
  );
  const env = { CODEX_WORKER_RETRIES: '1' };
  const { code, stdout, stderr } = await bench.run([], { env });
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /^1 task · gpt-of-the-file · read-only · 1 at once · codex-cli /);
  assert.match(stdout, /^settings: \.codex-worker\.yaml \(pattern, model, verify\)$/m);
  assert.match(stdout, /^✅ one\.task completed, verified /m);
  assert.equal(await bench.read('verified'), `${bench.tasks}/one.task\n`);
  assert.match(await bench.read('done_exec_log-one.task.txt'), /^model: +gpt-of-the-file$/m);
  const status = async (...args: string[]) =>
    JSON.parse((await bench.run(['status', '--json', ...args])).stdout) as { total: number };
  assert.equal((await status()).total, 1);
  assert.equal((await status('--no-config')).total, 1, 'the notes, which are a task then');
  const reset = await bench.run(['reset', '--force']);
  assert.match(reset.stdout, /one\.task/);
  const files = await bench.ls();
  assert.ok(!files.includes('done_exec_log-one.task.txt'), files.join(' '));
});

test('a mistake in the file starts nothing, with any command, and full access asks though a file says it', async (t) => {
  const bench = await makeBench(t, { CODEX_CMD: '/nowhere/codex' });
  await bench.write('one.md', 'Say hello.');
  await bench.write('.codex-worker.yaml', 'pattern: "*.md"\nmodle: x\n');
  for (const command of [
    'run',
    'retry',
    'status',
    'list',
    'report',
    'pause',
    'resume',
    'clean',
    'reset',
    'config',
    'doctor',
  ]) {
    const { code, stdout, stderr } = await bench.run([command]);
    assert.deepEqual(
      { code, stdout, stderr },
      {
        code: 2,
        stdout: '',
        stderr:
          'codex-worker: .codex-worker.yaml:2:1: no such setting: "modle"\n  hint: did you mean mode?\n',
      },
      command,
    );
  }
  await bench.write('.codex-worker.yaml', 'mode: danger-full-access\n');
  const { code, stderr } = await bench.run([]);
  assert.equal(code, 2);
  assert.match(
    stderr,
    /^codex-worker: mode \(\.codex-worker\.yaml:1:1\) danger-full-access asks first, and there is no terminal to ask on$/m,
  );
  assert.deepEqual(await bench.ls(), ['.codex-worker.yaml', 'one.md']);
});

test('a mark that would steer the terminal is shown where a config file is quoted', async (t) => {
  const bench = await makeBench(t, { CODEX_CMD: '/nowhere/codex' });
  await bench.write('.codex-worker.yaml', '"\\e[2Jevil\\u202e": 1\n');
  const { code, stderr } = await bench.run([]);
  assert.equal(code, 2);
  assert.match(
    stderr,
    /^codex-worker: \.codex-worker\.yaml:1:1: no such setting: "\\u001b\[2Jevil\\u202e"$/m,
  );
});

test('config shows what a command line means, without starting anything', async (t) => {
  const bench = await makeBench(t, { CODEX_CMD: '/nowhere/codex' });
  await bench.write('.codex-worker.json', '{"timeout": "30m", "retries": 2}\n');
  const args = ['config', '-c', '8', '--no-retries', '--json'];
  const { code, stdout, stderr } = await bench.run(args, { env: { CODEX_WORKER_MODEL: 'o4' } });
  assert.equal(code, 0, stderr);
  const { file, settings } = JSON.parse(stdout) as { file: string; settings: Record<string, unknown> };
  assert.equal(file, '.codex-worker.json');
  assert.deepEqual(settings['concurrency'], { value: 8, source: 'option' });
  assert.deepEqual(settings['retries'], { value: 0, source: 'option' });
  assert.deepEqual(settings['model'], { value: 'o4', source: 'environment', at: 'CODEX_WORKER_MODEL' });
  assert.deepEqual(settings['timeout'], { value: '30m', source: 'file', at: '.codex-worker.json:1:2' });
  assert.doesNotMatch((await bench.run(['config'])).stdout, /\u001b/, 'no colours in a pipe');
  assert.deepEqual(await bench.ls(), ['.codex-worker.json']);
});
